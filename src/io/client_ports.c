#include "client_ports.h"

#include "sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    SIZE_DEFAULT = 4096,
    LIST_MAX = 256 * 1024, /* bytes: every second port, "60001,", is less */
    NOTE_MAX = 16 * 1024,  /* bytes: what one instance adds is a few ranges */
    FILE_PATH_MAX = 192
};

static const char reserved_path[] = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/* --- which -------------------------------------------------------------------------------- */

/* The first multiple of FTUN_PORT_CLASSES, and how many there are up to the last port. */
enum {
    PLACES = (FTUN_PORT_LAST + 1 - FTUN_PORT_FIRST) / FTUN_PORT_CLASSES,
    PLACES_HALF = PLACES / 2
};

_Static_assert(FTUN_PORT_FIRST % FTUN_PORT_CLASSES == 0, "the first block begins there");

uint32_t ftun_client_ports_size(uint32_t flows)
{
    const uint64_t wanted = 2 * (uint64_t)flows; /* connections made anew leave ports behind */
    const uint64_t most = (uint64_t)PLACES_HALF * FTUN_PORT_CLASSES;
    const uint64_t rounded =
        (wanted + FTUN_PORT_CLASSES - 1) / FTUN_PORT_CLASSES * FTUN_PORT_CLASSES;
    if (rounded <= SIZE_DEFAULT)
        return SIZE_DEFAULT;
    return (uint32_t)(rounded < most ? rounded : most);
}

static bool choose_of_size(const struct ftun_port_set *taken, uint32_t size, uint64_t draw,
                           struct ftun_port_range *out)
{
    const uint32_t places = PLACES - size / FTUN_PORT_CLASSES + 1;
    for (uint32_t i = 0; i < places; i++) {
        const uint32_t place = (uint32_t)((draw + i) % places);
        out->first = (uint16_t)(FTUN_PORT_FIRST + place * FTUN_PORT_CLASSES);
        out->last = (uint16_t)(out->first + size - 1);
        if (!ftun_port_set_meets(taken, *out))
            return true;
    }
    return false;
}

bool ftun_client_ports_choose(const struct ftun_port_set *taken, uint32_t size, uint64_t draw,
                              struct ftun_port_range *out)
{
    for (; size >= FTUN_PORT_CLASSES; size = size / 2 / FTUN_PORT_CLASSES * FTUN_PORT_CLASSES)
        if (choose_of_size(taken, size, draw % PLACES, out))
            return true;
    return false;
}

/* --- the kernel's list -------------------------------------------------------------------- */

/* The kernel tells it in one read or not at all. */
static bool read_reserved(struct ftun_port_set *set)
{
    const int fd = open(reserved_path, O_RDONLY | O_CLOEXEC);
    char *text = fd >= 0 ? malloc(LIST_MAX) : NULL;
    const ssize_t len = text != NULL ? read(fd, text, LIST_MAX - 1) : -1;
    bool done = false;
    if (len >= 0) {
        text[len] = '\0';
        done = ftun_port_set_parse(text, set);
    }
    free(text);
    if (fd >= 0)
        close(fd);
    return done;
}

/* The kernel takes a page at a time, and replaces its list with the first. */
static bool write_text(int fd, const char *text, size_t len)
{
    for (size_t off = 0; off < len;) {
        const ssize_t written = write(fd, text + off, len - off);
        if (written <= 0)
            return false;
        off += (size_t)written;
    }
    return true;
}

static bool write_reserved(const struct ftun_port_set *set)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return false;
    ftun_port_set_write(out, set);
    fputc('\n', out); /* an empty list, too, must be written */
    fclose(out);
    const int fd = open(reserved_path, O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && write_text(fd, text, len);
    if (fd >= 0)
        close(fd);
    free(text);
    return done;
}

/* Those that the kernel chooses from. */
static struct ftun_port_range automatic(void)
{
    struct ftun_port_range range = {FTUN_PORT_FIRST, FTUN_PORT_LAST};
    unsigned first, last;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (file == NULL)
        return range;
    if (fscanf(file, "%u %u", &first, &last) == 2)
        range = (struct ftun_port_range){(uint16_t)first, (uint16_t)last};
    fclose(file);
    return range;
}

/* --- what is noted of it ------------------------------------------------------------------ */

static void take_back(int fd)
{
    struct ftun_port_set reserved, noted;
    char text[NOTE_MAX];
    const ssize_t len = pread(fd, text, sizeof text - 1, 0);
    text[len < 0 ? 0 : len] = '\0';
    if (!ftun_port_set_parse(text, &noted) || !read_reserved(&reserved))
        return;
    for (uint32_t i = 0; i < sizeof noted.bits / sizeof noted.bits[0]; i++)
        reserved.bits[i] &= ~noted.bits[i];
    if (!ftun_port_set_is_empty(&noted))
        write_reserved(&reserved);
}

static void join(struct ftun_port_set *set, const struct ftun_port_set *more)
{
    for (uint32_t i = 0; i < sizeof set->bits / sizeof set->bits[0]; i++)
        set->bits[i] |= more->bits[i];
}

/* The second line: all ports that the instance has, reserved or not. */
static void add_block(int fd, struct ftun_port_set *held)
{
    char text[NOTE_MAX];
    struct ftun_port_set block;
    const ssize_t len = pread(fd, text, sizeof text - 1, 0);
    text[len < 0 ? 0 : len] = '\0';
    const char *const line = strchr(text, '\n');
    if (line == NULL || !ftun_port_set_parse(line + 1, &block))
        return;
    join(held, &block);
}

static void clean(const char *path, struct ftun_port_set *held)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        take_back(fd);
        unlink(path);
    } else {
        add_block(fd, held);
    }
    close(fd);
}

/* Take back what dead instances have reserved; `held`: what the living have. */
static void clean_all(const char *directory, struct ftun_port_set *held)
{
    char path[FILE_PATH_MAX];
    DIR *entries = opendir(directory);
    *held = (struct ftun_port_set){0};
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        snprintf(path, sizeof path, "%s/%.64s", directory, entry->d_name);
        if (strncmp(entry->d_name, "ports-", 6) == 0)
            clean(path, held);
    }
    closedir(entries);
}

/* Noted before it is done: a crash in between takes back nothing of anybody's. */
static bool note(struct ftun_client_ports *ports, const char *directory,
                 const struct ftun_port_set *added, struct ftun_error *error)
{
    snprintf(ports->path, sizeof ports->path, "%s/ports-%d", directory, (int)getpid());
    ports->fd = open(ports->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (ports->fd < 0)
        return ftun_fail(error, "cannot write %s: %s", ports->path, strerror(errno));
    flock(ports->fd, LOCK_EX | LOCK_NB);
    FILE *out = fdopen(dup(ports->fd), "w");
    if (out == NULL)
        return ftun_fail(error, "cannot write %s: %s", ports->path, strerror(errno));
    ftun_port_set_write(out, added);
    fprintf(out, "\n%u-%u\n", ports->range.first, ports->range.last);
    return fclose(out) == 0 ||
           ftun_fail(error, "cannot write %s: %s", ports->path, strerror(errno));
}

/* --- reserving ---------------------------------------------------------------------------- */

static bool reserve(struct ftun_client_ports *ports, const char *directory,
                    struct ftun_port_set *reserved, struct ftun_error *error)
{
    const struct ftun_port_range chosen_from = automatic();
    struct ftun_port_set added = {0};
    for (uint32_t port = ports->range.first; port <= ports->range.last; port++) {
        if (port < chosen_from.first || port > chosen_from.last ||
            ftun_port_set_contains(reserved, (uint16_t)port))
            continue;
        ftun_port_set_add(&added, (uint16_t)port);
        ftun_port_set_add(reserved, (uint16_t)port);
    }
    if (!note(ports, directory, &added, error))
        return false;
    return ftun_port_set_is_empty(&added) || write_reserved(reserved) ||
           ftun_fail(error, "cannot set %s: %s", reserved_path, strerror(errno));
}

/* Where the kernel does not tell of its connections, none is avoided. */
static void add_connected(const struct ftun_remotes *remotes, struct ftun_port_set *ports)
{
    for (size_t i = 0; i < remotes->count; i++)
        ftun_sockets_connected(&remotes->at[i], ports);
}

static bool check_wanted(struct ftun_port_range wanted, const struct ftun_port_set *held,
                         const struct ftun_port_set *connected, struct ftun_error *error)
{
    for (uint32_t port = wanted.first; port <= wanted.last; port++) {
        if (ftun_port_set_contains(held, (uint16_t)port))
            return ftun_fail(error,
                             "another ftun client on this host has TCP port %u: choose other "
                             "--ports",
                             port);
        if (ftun_port_set_contains(connected, (uint16_t)port))
            return ftun_fail(error,
                             "this host has a connection from TCP port %u to the server already: "
                             "choose other --ports",
                             port);
    }
    return true;
}

static bool choose(struct ftun_client_ports *ports, const struct ftun_remotes *remotes,
                   struct ftun_port_set taken, uint32_t size, struct ftun_error *error)
{
    uint64_t draw;
    if (getrandom(&draw, sizeof draw, 0) != sizeof draw)
        return ftun_fail(error, "no random numbers: %s", strerror(errno));
    add_connected(remotes, &taken);
    return ftun_client_ports_choose(&taken, size, draw, &ports->range) ||
           ftun_fail(error,
                     "no %u TCP ports together are free between %u and %u (see %s); choose others "
                     "with --ports",
                     FTUN_PORT_CLASSES, FTUN_PORT_FIRST, FTUN_PORT_LAST, reserved_path);
}

bool ftun_client_ports_open(struct ftun_client_ports *ports, const char *directory,
                            const struct ftun_remotes *remotes, struct ftun_port_range wanted,
                            uint32_t size, struct ftun_error *error)
{
    struct ftun_port_set reserved, held, connected = {0};
    *ports = (struct ftun_client_ports)FTUN_CLIENT_PORTS_NONE;
    clean_all(directory, &held);
    if (!read_reserved(&reserved))
        return ftun_fail(error, "cannot read %s: %s", reserved_path, strerror(errno));
    if (wanted.first != 0) {
        add_connected(remotes, &connected);
        ports->range = wanted;
        return check_wanted(wanted, &held, &connected, error) &&
               reserve(ports, directory, &reserved, error);
    }
    join(&held, &reserved);
    return choose(ports, remotes, held, size, error) && reserve(ports, directory, &reserved, error);
}

void ftun_client_ports_close(struct ftun_client_ports *ports)
{
    if (ports->fd < 0)
        return;
    take_back(ports->fd);
    unlink(ports->path);
    close(ports->fd);
    ports->fd = -1;
}
