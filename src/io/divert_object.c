#include "divert_object.h"

#include "divert_keys.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

enum { FRAME = 64 }; /* bytes: the least that Ethernet has */

/* The object file, as the compiler has written it: CMakeLists.txt says where. */
__asm__(".section .rodata\n"
        ".balign 8\n"
        ".globl ftun_divert_object_bytes, ftun_divert_object_end\n"
        ".hidden ftun_divert_object_bytes, ftun_divert_object_end\n"
        "ftun_divert_object_bytes:\n"
        ".incbin \"" FTUN_DIVERT_OBJECT "\"\n"
        "ftun_divert_object_end:\n"
        ".previous\n");
extern const uint8_t ftun_divert_object_bytes[], ftun_divert_object_end[];

/* What the programs ask of the kernel, each with the version that has it: divert.bpf.c. */
static const char *missing_feature(void)
{
    if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_DEVMAP_HASH, NULL) == 0)
        return "BPF_MAP_TYPE_DEVMAP_HASH";
    if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 0)
        return "BPF_MAP_TYPE_RINGBUF";
    if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_fib_lookup, NULL) == 0)
        return "bpf_fib_lookup()";
    if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_redirect_neigh, NULL) == 0)
        return "bpf_redirect_neigh()";
    return NULL;
}

static bool explain(int cause, struct ftun_error *error)
{
    if (cause == EPERM || cause == EACCES)
        return ftun_fail(error, "the kernel lets this user load no BPF programs: run as root, or "
                                "with CAP_BPF and CAP_NET_ADMIN");
    const char *const missing = missing_feature();
    if (missing != NULL)
        return ftun_fail(error, "the kernel has no %s: Linux 5.10 or later is needed", missing);
    return ftun_fail(error, "the kernel refuses the BPF programs: %s", strerror(cause));
}

static struct divert_settings settings_of(const struct ftun_divert_config *config)
{
    return (struct divert_settings){
        .server = config->role == FTUN_SERVER,
        .port = config->port,
        .port_first = config->ports.first,
        .port_last = config->ports.last,
        .filtered = config->allow_from_count > 0,
        .mark = config->mark,
    };
}

static bool configure(struct ftun_divert_object *object, const struct ftun_divert_config *config)
{
    const struct divert_settings settings = settings_of(config);
    struct bpf_map *const map = bpf_object__find_map_by_name(object->bpf, ".rodata.settings");
    return map != NULL && bpf_map__set_initial_value(map, &settings, sizeof settings) == 0;
}

static int program(const struct bpf_object *bpf, const char *name)
{
    return bpf_program__fd(bpf_object__find_program_by_name(bpf, name));
}

static bool find(struct ftun_divert_object *object)
{
    const struct {
        const char *name;
        int *fd;
    } maps[] = {{"tun", &object->tun},         {"addresses", &object->addresses},
                {"remotes", &object->remotes}, {"allowed", &object->allowed},
                {"counts", &object->counts},   {"too_big", &object->too_big}};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        if ((*maps[i].fd = bpf_object__find_map_fd_by_name(object->bpf, maps[i].name)) < 0)
            return false;
    object->arrives = program(object->bpf, "ftun_arrives");
    object->arrives_tcx = program(object->bpf, "ftun_arrives_tcx");
    object->leaves = program(object->bpf, "ftun_leaves");
    return object->arrives >= 0 && object->arrives_tcx >= 0 && object->leaves >= 0;
}

static bool allow(const struct ftun_divert_object *object, const struct ftun_divert_config *config)
{
    for (size_t i = 0; i < config->allow_from_count; i++) {
        const uint8_t yes = 1;
        const struct ftun_prefix *const prefix = &config->allow_from[i];
        const struct divert_prefix key = {.len = DIVERT_PREFIX_BASE + prefix->len,
                                          .address = ftun_divert_address(&prefix->address)};
        if (bpf_map_update_elem(object->allowed, &key, &yes, BPF_ANY) != 0)
            return false;
    }
    return true;
}

static bool open_and_load(struct ftun_divert_object *object,
                          const struct ftun_divert_config *config)
{
    object->bpf =
        bpf_object__open_mem(ftun_divert_object_bytes,
                             (size_t)(ftun_divert_object_end - ftun_divert_object_bytes), NULL);
    return object->bpf != NULL && configure(object, config) && bpf_object__load(object->bpf) == 0 &&
           find(object) && allow(object, config);
}

/* An empty frame will do: the program does not look at it. */
static bool knows_mark(const struct ftun_divert_object *object)
{
    static const uint8_t frame[FRAME];
    const struct bpf_program *const program =
        bpf_object__find_program_by_name(object->bpf, "ftun_tries_mark");
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof frame);
    return bpf_prog_test_run_opts(bpf_program__fd(program), &options) == 0 &&
           (int)options.retval != -EINVAL;
}

bool ftun_divert_object_load(struct ftun_divert_object *object,
                             const struct ftun_divert_config *config, struct ftun_error *error)
{
    *object = (struct ftun_divert_object){0};
    libbpf_set_print(NULL); /* what there is to say, `error` says */
    const bool loaded = open_and_load(object, config);
    const int cause = errno;
    if (loaded && (config->mark == 0 || knows_mark(object)))
        return true;
    ftun_divert_object_close(object);
    return loaded ? ftun_fail(error, "the kernel looks up no routes by mark for BPF programs: that "
                                     "needs Linux 6.10 or later")
                  : explain(cause, error);
}

void ftun_divert_object_close(struct ftun_divert_object *object)
{
    bpf_object__close(object->bpf);
    object->bpf = NULL;
}
