/* Runs a target on files, and on all files of directories, without any fuzzer: how CI replays the
 * corpora, and how a crash is looked at in a debugger. Fails when there is nothing to run. */
#include "fuzz_input.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

static void fail(const char *path)
{
    fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
    exit(2);
}

static void run_file(const char *path, size_t len)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        fail(path);
    uint8_t *data = fuzz_allocate(len + 1);
    if (fread(data, 1, len, file) != len)
        fail(path);
    fclose(file);
    uint8_t *exact = fuzz_copy(data, len);
    free(data);
    LLVMFuzzerTestOneInput(exact, len);
    fuzz_free(exact, len);
}

static size_t run(const char *path);

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t run_directory(const char *path)
{
    struct dirent **entries;
    size_t inputs = 0;
    const int count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0)
        fail(path);
    for (int i = 0; i < count; i++) {
        char inside[4096];
        snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name);
        inputs += run(inside);
        free(entries[i]);
    }
    free(entries);
    return inputs;
}

/* Returns how many inputs there were. */
static size_t run(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        fail(path);
    if (S_ISDIR(info.st_mode))
        return run_directory(path);
    fprintf(stderr, "%s\n", path); /* the last one named is the one that crashed */
    run_file(path, (size_t)info.st_size);
    return 1;
}

int main(int argc, char **argv)
{
    size_t inputs = 0;
    for (int i = 1; i < argc; i++)
        inputs += run(argv[i]);
    if (inputs == 0) {
        fprintf(stderr, "nothing to run; usage: %s FILE|DIRECTORY...\n", argv[0]);
        return 2;
    }
    printf("%zu inputs, nothing wrong\n", inputs);
    return 0;
}
