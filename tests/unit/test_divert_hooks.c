/* How the programs are hooked in, and what stays behind. TUNs stand for the host's links. */
#include "divert_fixture.h"

#include "divert_state.h"
#include "filters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINKS = 3, TCX_INGRESS = 46 /* linux/bpf.h, Linux 6.6 */ };

static struct ftun_tun link_devices[LINKS];
static struct ftun_links links;

static int make_links(void **state)
{
    struct ftun_error error;
    links.count = LINKS;
    if (enter_namespace(state) != 0)
        return -1;
    for (int i = 0; i < LINKS; i++) {
        if (!ftun_tun_open(&link_devices[i], NULL, false, false, &error))
            return -1;
        links.at[i].index = if_nametoindex(link_devices[i].name);
        memcpy(links.at[i].name, link_devices[i].name, sizeof links.at[i].name);
    }
    return 0;
}

static uint32_t tcx_count(int i)
{
    uint32_t count = 0;
    assert_int_equal(bpf_prog_query((int)links.at[i].index, (enum bpf_attach_type)TCX_INGRESS, 0,
                                    NULL, NULL, &count),
                     0);
    return count;
}

static int filter_count(int i)
{
    return ftun_filters_ingress(links.at[i].index, NULL, NULL);
}

/* A qdisc without filters can be found by making one only. */
static bool has_qdisc(int i)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)links.at[i].index,
                .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
    if (bpf_tc_hook_create(&hook) != 0)
        return true;
    bpf_tc_hook_destroy(&hook);
    return false;
}

static void load_hooked(enum ftun_divert_hook hook)
{
    struct ftun_divert_config config = divert_server();
    config.hook = hook;
    load_divert(config);
}

static void set_first_links(int count)
{
    struct ftun_error error;
    struct ftun_links first = links;
    first.count = count;
    if (!ftun_divert_set_links(divert, &first, &error))
        fail_msg("%s", error.text);
}

static void the_kernels_best_hook_is_chosen(void **state)
{
    (void)state;
    load_hooked(FTUN_DIVERT_AUTO);
    assert_int_equal(ftun_divert_hook(divert), ftun_divert_has_tcx(divert->object.arrives)
                                                   ? FTUN_DIVERT_TCX
                                                   : FTUN_DIVERT_CLSACT);
}

static void tcx_has_one_program_on_each_link(void **state)
{
    (void)state;
    load_hooked(FTUN_DIVERT_TCX);
    assert_int_equal(ftun_divert_hook(divert), FTUN_DIVERT_TCX);
    set_first_links(2);
    set_first_links(2);
    assert_int_equal(tcx_count(0), 1);
    assert_int_equal(tcx_count(1), 1);
    assert_int_equal(tcx_count(2), 0);
    set_first_links(1);
    assert_int_equal(tcx_count(0), 1);
    assert_int_equal(tcx_count(1), 0);
    close_divert(NULL);
    assert_int_equal(tcx_count(0), 0);
    assert_int_equal(filter_count(0), 0);
}

static void clsact_has_one_filter_on_each_link(void **state)
{
    (void)state;
    load_hooked(FTUN_DIVERT_CLSACT);
    assert_int_equal(ftun_divert_hook(divert), FTUN_DIVERT_CLSACT);
    set_first_links(2);
    set_first_links(2);
    assert_int_equal(filter_count(0), 1);
    assert_int_equal(filter_count(1), 1);
    assert_int_equal(filter_count(2), 0);
    set_first_links(1);
    assert_int_equal(filter_count(0), 1);
    assert_false(has_qdisc(1));
    close_divert(NULL);
    assert_false(has_qdisc(0));
    assert_int_equal(tcx_count(0), 0);
}

static void two_of_them_share_a_link(void **state)
{
    (void)state;
    struct ftun_error error;
    struct ftun_divert_config config = divert_client();
    load_hooked(FTUN_DIVERT_CLSACT);
    set_first_links(1);
    config.hook = FTUN_DIVERT_CLSACT;
    struct ftun_divert *const other = ftun_divert_load(&config, &error);
    assert_non_null(other);
    assert_int_equal(filter_count(0), 1); /* not taken for a leftover: its TUN is there */
    struct ftun_links one = links;
    one.count = 1;
    assert_true(ftun_divert_set_links(other, &one, &error));
    assert_int_equal(filter_count(0), 2);
    ftun_divert_close(other);
    assert_int_equal(filter_count(0), 1);
}

static void filters_of_others_stay(void **state)
{
    (void)state;
    load_hooked(FTUN_DIVERT_CLSACT);
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)links.at[0].index,
                .attach_point = BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = divert->object.leaves);
    set_first_links(1);
    assert_int_equal(bpf_tc_attach(&hook, &filter), 0);
    close_divert(NULL);
    assert_int_equal(filter_count(0), 0);
    assert_int_equal(ftun_filters_egress(links.at[0].index, NULL, NULL), 1);
    hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
    bpf_tc_hook_destroy(&hook);
}

static void a_qdisc_of_others_stays(void **state)
{
    (void)state;
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)links.at[0].index,
                .attach_point = BPF_TC_INGRESS);
    assert_int_equal(bpf_tc_hook_create(&hook), 0);
    load_hooked(FTUN_DIVERT_CLSACT);
    set_first_links(1);
    close_divert(NULL);
    assert_true(has_qdisc(0));
    hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
    bpf_tc_hook_destroy(&hook);
}

static void a_program_that_cannot_be_hooked_in_leaves_no_qdisc(void **state)
{
    (void)state;
    struct ftun_error error;
    struct ftun_divert_hooked hooked;
    assert_false(ftun_divert_hook_in(&hooked, FTUN_DIVERT_CLSACT, -1, links.at[0].index, &error));
    assert_non_null(strstr(error.text, "cannot attach"));
    assert_false(has_qdisc(0));
}

static void a_link_that_is_gone_is_none_and_the_others_are_attached_to(void **state)
{
    (void)state;
    static const enum ftun_divert_hook hooks[] = {FTUN_DIVERT_TCX, FTUN_DIVERT_CLSACT};
    for (size_t i = 0; i < LENGTH(hooks); i++) {
        struct ftun_error error;
        struct ftun_links some = links;
        load_hooked(hooks[i]);
        some.at[0].index = 4242;
        assert_true(ftun_divert_set_links(divert, &some, &error));
        assert_int_equal(divert->count, LINKS - 1);
        assert_int_equal((int)tcx_count(2) + filter_count(2), 1);
        close_divert(NULL);
    }
}

static void a_link_that_cannot_be_attached_to_is_an_error(void **state)
{
    (void)state;
    struct ftun_error error;
    load_hooked(FTUN_DIVERT_CLSACT);
    const int program = divert->object.arrives;
    divert->object.arrives = -1;
    assert_false(ftun_divert_set_links(divert, &links, &error));
    assert_non_null(strstr(error.text, "cannot attach"));
    divert->object.arrives = program;
}

/* The process says so when it is set up, and waits for its end. */
static void kill_one_that_has(enum ftun_divert_hook hook)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        load_hooked(hook);
        set_first_links(1);
        _exit(write(ready[1], "", 1) == 1 ? pause() : 1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
}

static void a_killed_ftun_leaves_nothing_in_tcx(void **state)
{
    (void)state;
    kill_one_that_has(FTUN_DIVERT_TCX);
    assert_int_equal(tcx_count(0), 0);
}

static void what_a_killed_ftun_leaves_in_clsact_is_removed_by_the_next(void **state)
{
    (void)state;
    kill_one_that_has(FTUN_DIVERT_CLSACT);
    assert_int_equal(filter_count(0), 1);
    load_hooked(FTUN_DIVERT_AUTO);
    assert_int_equal(filter_count(0), 0);
    assert_false(has_qdisc(0));
}

static void filters_are_back_with_the_tun(void **state)
{
    (void)state;
    struct ftun_error error;
    const struct ftun_divert_config config = divert_client();
    load_hooked(FTUN_DIVERT_CLSACT);
    set_first_links(2);
    ftun_tun_close(&tun);
    ftun_divert_close(ftun_divert_load(&config, &error)); /* takes them for leftovers */
    assert_int_equal(filter_count(0), 0);
    assert_true(ftun_tun_open(&tun, NULL, false, false, &error));
    assert_true(ftun_divert_set_tun(divert, if_nametoindex(tun.name), &error));
    assert_int_equal(filter_count(0), 1);
    assert_int_equal(filter_count(1), 1);
}

static void a_link_that_is_gone_does_not_keep_the_tun_from_coming_back(void **state)
{
    (void)state;
    struct ftun_error error;
    load_hooked(FTUN_DIVERT_CLSACT);
    set_first_links(2);
    divert->links[0].link.index = 4242;
    assert_true(ftun_divert_set_tun(divert, if_nametoindex(tun.name), &error));
    assert_int_equal(filter_count(1), 1);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_divert)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_kernels_best_hook_is_chosen),
        TEST(tcx_has_one_program_on_each_link),
        TEST(clsact_has_one_filter_on_each_link),
        TEST(two_of_them_share_a_link),
        TEST(filters_of_others_stay),
        TEST(a_qdisc_of_others_stays),
        TEST(a_program_that_cannot_be_hooked_in_leaves_no_qdisc),
        TEST(a_link_that_is_gone_is_none_and_the_others_are_attached_to),
        TEST(a_link_that_cannot_be_attached_to_is_an_error),
        TEST(a_killed_ftun_leaves_nothing_in_tcx),
        TEST(what_a_killed_ftun_leaves_in_clsact_is_removed_by_the_next),
        TEST(filters_are_back_with_the_tun),
        TEST(a_link_that_is_gone_does_not_keep_the_tun_from_coming_back),
    };
    return cmocka_run_group_tests(tests, make_links, NULL);
}
