#include "text.h"
#include "unit.h"

static char out[64];

static const char *address_text(const uint8_t bytes[16], uint8_t family)
{
    struct ftun_address address = {.family = family};
    memcpy(address.bytes, bytes, 16);
    struct ftun_text text = ftun_text_start(out, sizeof out);
    ftun_text_address(&text, &address);
    return out;
}

static void numbers_of_any_size(void **state)
{
    (void)state;
    struct ftun_text text = ftun_text_start(out, sizeof out);
    ftun_text_unsigned(&text, 0);
    ftun_text_char(&text, ' ');
    ftun_text_unsigned(&text, UINT64_MAX);
    assert_string_equal(out, "0 18446744073709551615");
}

static void ipv4_addresses(void **state)
{
    (void)state;
    assert_string_equal(address_text((const uint8_t[16]){192, 0, 2, 255}, FTUN_IPV4),
                        "192.0.2.255");
}

/* The examples of RFC 5952. */
static void ipv6_addresses_as_rfc_5952_writes_them(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[16];
        const char *text;
    } rows[] = {
        {{0}, "::"},
        {{[15] = 1}, "::1"},
        {{0x20, 0x01, 0x0d, 0xb8}, "2001:db8::"},
        {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, "2001:db8::1"},
        {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, "2001:db8:0:1:1:1:1:1"},
        {{0x20, 0x01, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, "2001:0:0:1::1"},
        {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}, "2001:db8::1:0:0:1"},
        {{0xfe, 0x80, [8] = 0xab, 0xcd}, "fe80::abcd:0:0:0"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++)
        assert_string_equal(address_text(rows[i].bytes, FTUN_IPV6), rows[i].text);
}

static void what_does_not_fit_is_cut(void **state)
{
    (void)state;
    char small[5];
    struct ftun_text text = ftun_text_start(small, sizeof small);
    ftun_text_string(&text, "abcdefgh");
    assert_string_equal(small, "abcd");
    ftun_text_unsigned(&text, 9);
    assert_string_equal(small, "abcd");
}

static void socket_addresses(void **state)
{
    (void)state;
    struct ftun_socket_address a = at(ipv4(10, 0, 0, 1), 80), b = at(ipv6(7), 4567);
    struct ftun_text text = ftun_text_start(out, sizeof out);
    ftun_text_socket_address(&text, &a);
    ftun_text_char(&text, ' ');
    ftun_text_socket_address(&text, &b);
    assert_string_equal(out, "10.0.0.1:80 [2001:db8::7]:4567");
}

static void addresses_as_whole_strings(void **state)
{
    (void)state;
    const struct ftun_socket_address a = at(ipv6(7), 4567);
    char address[FTUN_ADDRESS_TEXT];
    assert_ptr_equal(ftun_address_string(&a.ip, address), address);
    assert_string_equal(address, "2001:db8::7");
    assert_ptr_equal(ftun_socket_address_string(&a, address), address);
    assert_string_equal(address, "[2001:db8::7]:4567");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_any_size),
        cmocka_unit_test(ipv4_addresses),
        cmocka_unit_test(ipv6_addresses_as_rfc_5952_writes_them),
        cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(socket_addresses),
        cmocka_unit_test(addresses_as_whole_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
