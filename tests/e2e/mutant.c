/* ftun with one mistake in its wire profile, which the kernel's oracle must notice: what makes
 * ftun-mutant of the sources of ftun, and no part of ftun.
 *
 *     FTUN_MUTATION=ttl=63 ftun-mutant client ...
 *     FTUN_MUTATION=syn_options+1=3,window_scale=9 ftun-mutant server ...
 *
 * FIELD=VALUE, or FIELD+INDEX=VALUE for one byte of an array; several with commas. */
#include "profile.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIELD(field)                                                    \
    {                                                                   \
        .name = #field, .offset = offsetof(struct ftun_profile, field), \
        .size = sizeof(ftun_profile_linux.field)                        \
    }

static const struct field {
    const char *name;
    size_t offset, size;
} fields[] = {
    FIELD(random_isn),   FIELD(random_ip_id),   FIELD(flow_label),   FIELD(push_bursts),
    FIELD(timestamps),   FIELD(close_by_reset), FIELD(host_windows), FIELD(acknowledges_often),
    FIELD(window_scale), FIELD(receive_space),  FIELD(ttl),          FIELD(syn_options_count),
    FIELD(syn_options),
};

static _Noreturn void refuse(const char *mutation)
{
    fprintf(stderr, "ftun-mutant: FTUN_MUTATION: %s makes no sense\n", mutation);
    exit(2);
}

static const struct field *find(const char *name)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static void mutate(uint8_t *profile, const char *mutation)
{
    char name[32] = "";
    unsigned index = 0, value = 0;
    const bool of_array = sscanf(mutation, "%31[a-z_]+%u=%u", name, &index, &value) == 3;
    if (!of_array && sscanf(mutation, "%31[a-z_]=%u", name, &value) != 2)
        refuse(mutation);
    const struct field *field = find(name);
    if (field == NULL || index >= field->size)
        refuse(mutation);
    memcpy(profile + field->offset + index, &value, of_array ? 1 : field->size); /* little endian */
}

/* Volatile, or the compiler knows that what is written there is constant, and leaves it out. */
static const struct ftun_profile *volatile const mutated = &ftun_profile_linux;

/* The profile is constant: its pages are made writable first. */
static uint8_t *writable_profile(void)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t at = (uintptr_t)mutated;
    const uintptr_t first = at / page * page;
    const uintptr_t end = at + sizeof ftun_profile_linux;
    if (mprotect((void *)first, end - first, PROT_READ | PROT_WRITE) != 0) {
        perror("ftun-mutant: mprotect");
        exit(2);
    }
    return (uint8_t *)at;
}

__attribute__((constructor)) static void mutate_as_told(void)
{
    const char *told = getenv("FTUN_MUTATION");
    char *mutations = told == NULL ? NULL : strdup(told);
    if (mutations == NULL)
        return;
    uint8_t *profile = writable_profile();
    for (char *next = strtok(mutations, ","); next != NULL; next = strtok(NULL, ","))
        mutate(profile, next);
    free(mutations);
}
