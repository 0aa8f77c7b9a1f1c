/* Ancillary data as the kernel writes it, and as it never should. */
#include "ancillary.h"
#include "unit.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

static _Alignas(struct cmsghdr) uint8_t control[256];
static size_t used;

static int set_up(void **state)
{
    (void)state;
    used = 0;
    memset(control, 0, sizeof control);
    return 0;
}

static void add(int level, int type, const void *data, size_t len)
{
    const struct cmsghdr header = {
        .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    memcpy(control + used, &header, sizeof header);
    memcpy(control + used + sizeof header, data, len);
    used += CMSG_SPACE(len);
}

static void add_segment_size(int size)
{
    add(SOL_UDP, UDP_GRO, &size, sizeof size);
}

static void nothing_tells_nothing(void **state)
{
    (void)state;
    const struct ftun_ancillary told = ftun_ancillary_read(NULL, 0);
    assert_int_equal(told.segment_size, 0);
    assert_int_equal(told.local.family, FTUN_FAMILY_NONE);
    assert_false(told.refused);
}

static void all_objects_are_read(void **state)
{
    (void)state;
    const struct in_pktinfo info = {.ipi_ifindex = 7, .ipi_spec_dst.s_addr = htonl(0x7f000001)};
    add(IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    add_segment_size(1400);
    const struct ftun_ancillary told = ftun_ancillary_read(control, used);
    assert_int_equal(told.segment_size, 1400);
    assert_int_equal(told.local.family, FTUN_IPV4);
    assert_int_equal(told.local.in.ipi_ifindex, 7);
    assert_int_equal(ntohl(told.local.in.ipi_spec_dst.s_addr), 0x7f000001);
}

static void an_ipv6_address_is_read(void **state)
{
    (void)state;
    const struct in6_pktinfo info = {.ipi6_ifindex = 3, .ipi6_addr = in6addr_loopback};
    add(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    const struct ftun_ancillary told = ftun_ancillary_read(control, used);
    assert_int_equal(told.local.family, FTUN_IPV6);
    assert_int_equal(told.local.in6.ipi6_ifindex, 3);
    assert_memory_equal(&told.local.in6.ipi6_addr, &in6addr_loopback, sizeof in6addr_loopback);
}

static void F09_a_refusal_is_told_from_other_errors(void **state)
{
    (void)state;
    struct sock_extended_err error = {.ee_errno = EHOSTUNREACH};
    add(IPPROTO_IP, IP_RECVERR, &error, sizeof error);
    assert_false(ftun_ancillary_read(control, used).refused);
    error.ee_errno = ECONNREFUSED;
    add(IPPROTO_IPV6, IPV6_RECVERR, &error, sizeof error);
    assert_true(ftun_ancillary_read(control, used).refused);
}

static void what_is_unknown_or_short_is_skipped(void **state)
{
    (void)state;
    add(SOL_SOCKET, SO_TIMESTAMP, "unknown", 7);
    add(SOL_UDP, UDP_GRO, "abc", 3);
    add(IPPROTO_IP, IP_PKTINFO, "short", 5);
    add_segment_size(100);
    const struct ftun_ancillary told = ftun_ancillary_read(control, used);
    assert_int_equal(told.segment_size, 100);
    assert_int_equal(told.local.family, FTUN_FAMILY_NONE);
}

static void a_size_that_is_none_is_not_told(void **state)
{
    (void)state;
    add_segment_size(-1);
    assert_int_equal(ftun_ancillary_read(control, used).segment_size, 0);
}

static void an_impossible_length_ends_it(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, sizeof(struct cmsghdr) - 1, 1000, SIZE_MAX,
                                     SIZE_MAX - sizeof(size_t) + 2};
    for (size_t i = 0; i < LENGTH(lengths); i++) {
        used = 0;
        add_segment_size(100);
        add_segment_size(200);
        memcpy(control, &lengths[i], sizeof lengths[i]); /* cmsg_len of the first */
        assert_int_equal(ftun_ancillary_read(control, used).segment_size, 0);
    }
}

/* The kernel says MSG_CTRUNC and ends the last object where the room ended. */
static void what_ends_early_is_not_read(void **state)
{
    (void)state;
    add_segment_size(100);
    for (size_t len = 0; len < CMSG_LEN(sizeof(int)); len++)
        assert_int_equal(ftun_ancillary_read(control, len).segment_size, 0);
    assert_int_equal(ftun_ancillary_read(control, CMSG_LEN(sizeof(int))).segment_size, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_tells_nothing, set_up),
        cmocka_unit_test_setup(all_objects_are_read, set_up),
        cmocka_unit_test_setup(an_ipv6_address_is_read, set_up),
        cmocka_unit_test_setup(F09_a_refusal_is_told_from_other_errors, set_up),
        cmocka_unit_test_setup(what_is_unknown_or_short_is_skipped, set_up),
        cmocka_unit_test_setup(a_size_that_is_none_is_not_told, set_up),
        cmocka_unit_test_setup(an_impossible_length_ends_it, set_up),
        cmocka_unit_test_setup(what_ends_early_is_not_read, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
