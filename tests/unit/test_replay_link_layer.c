#include "link_layer.h"
#include "unit.h"

#include <pcap/dlt.h>

#define IP_AT(link, offset_expected, ...)                                                   \
    do {                                                                                    \
        const uint8_t frame[] = {__VA_ARGS__};                                              \
        size_t offset = 99;                                                                 \
        assert_int_equal(ftun_link_peel(link, frame, sizeof frame, &offset), FTUN_LINK_IP); \
        assert_int_equal(offset, offset_expected);                                          \
    } while (0)

#define ADDRESSES 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 7

static void ethernet_carries_ip_behind_14_bytes(void **state)
{
    (void)state;
    IP_AT(DLT_EN10MB, 14, ADDRESSES, 0x08, 0x00, 0x45);
    IP_AT(DLT_EN10MB, 14, ADDRESSES, 0x86, 0xdd, 0x60);
    IP_AT(DLT_EN10MB, 14, ADDRESSES, 0x08, 0x00);
}

static void vlan_tags_of_all_three_types_stack(void **state)
{
    (void)state;
    IP_AT(DLT_EN10MB, 18, ADDRESSES, 0x81, 0x00, 0, 7, 0x08, 0x00);
    IP_AT(DLT_EN10MB, 22, ADDRESSES, 0x88, 0xa8, 0, 7, 0x81, 0x00, 0, 8, 0x86, 0xdd);
    IP_AT(DLT_EN10MB, 26, ADDRESSES, 0x91, 0x00, 0, 7, 0x81, 0x00, 0, 8, 0x81, 0x00, 0, 9, 0x08,
          0x00);
}

static void linux_cooked_captures_name_the_type_elsewhere(void **state)
{
    (void)state;
    IP_AT(DLT_LINUX_SLL, 16, 0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x08, 0x00);
    IP_AT(DLT_LINUX_SLL, 20, 0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x81, 0x00, 0, 7, 0x08,
          0x00);
    IP_AT(DLT_LINUX_SLL2, 20, 0x86, 0xdd, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0);
}

static void loopback_families_come_in_either_byte_order(void **state)
{
    (void)state;
    IP_AT(DLT_NULL, 4, 2, 0, 0, 0);
    IP_AT(DLT_NULL, 4, 0, 0, 0, 2);
    IP_AT(DLT_NULL, 4, 30, 0, 0, 0, 0x60);
    IP_AT(DLT_NULL, 4, 28, 0, 0, 0);
    IP_AT(DLT_LOOP, 4, 0, 0, 0, 24);
    IP_AT(DLT_LOOP, 4, 0, 0, 0, 10);
}

static void raw_ip_begins_at_once(void **state)
{
    (void)state;
    IP_AT(DLT_RAW, 0, 0x45);
    IP_AT(DLT_IPV4, 0, 0x45);
    IP_AT(DLT_IPV6, 0, 0x60);
}

static void other_protocols_are_told_from_ip(void **state)
{
    (void)state;
    const uint8_t arp[] = {ADDRESSES, 0x08, 0x06, 0, 1};
    const uint8_t appletalk[] = {16, 0, 0, 0};
    size_t offset;
    assert_int_equal(ftun_link_peel(DLT_EN10MB, arp, sizeof arp, &offset), FTUN_LINK_OTHER);
    assert_int_equal(ftun_link_peel(DLT_NULL, appletalk, sizeof appletalk, &offset),
                     FTUN_LINK_OTHER);
}

static void a_frame_that_ends_in_its_link_header_is_short(void **state)
{
    (void)state;
    const uint8_t tagged[] = {ADDRESSES, 0x81, 0x00, 0, 7, 0x81, 0x00, 0, 8, 0x08, 0x00};
    size_t offset;
    for (size_t len = 0; len < sizeof tagged; len++)
        assert_int_equal(ftun_link_peel(DLT_EN10MB, tagged, len, &offset), FTUN_LINK_SHORT);
    assert_int_equal(ftun_link_peel(DLT_LINUX_SLL, tagged, 15, &offset), FTUN_LINK_SHORT);
    assert_int_equal(ftun_link_peel(DLT_LINUX_SLL2, tagged, 19, &offset), FTUN_LINK_SHORT);
    assert_int_equal(ftun_link_peel(DLT_NULL, tagged, 3, &offset), FTUN_LINK_SHORT);
}

static void link_types_beyond_these_are_unknown(void **state)
{
    (void)state;
    assert_true(ftun_link_known(DLT_EN10MB));
    assert_true(ftun_link_known(DLT_LINUX_SLL2));
    assert_false(ftun_link_known(DLT_IEEE802_11));
    assert_false(ftun_link_known(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ethernet_carries_ip_behind_14_bytes),
        cmocka_unit_test(vlan_tags_of_all_three_types_stack),
        cmocka_unit_test(linux_cooked_captures_name_the_type_elsewhere),
        cmocka_unit_test(loopback_families_come_in_either_byte_order),
        cmocka_unit_test(raw_ip_begins_at_once),
        cmocka_unit_test(other_protocols_are_told_from_ip),
        cmocka_unit_test(a_frame_that_ends_in_its_link_header_is_short),
        cmocka_unit_test(link_types_beyond_these_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
