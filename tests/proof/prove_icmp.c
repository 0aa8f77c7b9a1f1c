#include "icmp.h"
#include "prove.h"

/* An ICMP header, an IPv6 header with two extension headers, and 8 bytes of TCP. */
#define EXACT_MAX 80u

static void parse_exactly(size_t len)
{
    uint8_t block[EXACT_MAX];
    const uint8_t *message = any_bytes_at_end(block, sizeof block, len);
    struct ftun_ip_header ip;
    any_bytes(&ip, sizeof ip);
    struct ftun_icmp_error error;
    ftun_icmp_parse(&ip, message, len, &error);
}

static uint8_t message[PROVE_PACKET_MAX];

static void parse_any_length(void)
{
    struct ftun_ip_header ip;
    any_bytes(&ip, sizeof ip);
    struct ftun_icmp_error error;
    ftun_icmp_parse(&ip, message, any_size(0, sizeof message), &error);
}

static void parse_large_messages(void)
{
    any_bytes(message, sizeof message);
    make_ipv4(message + FTUN_ICMP_HEADER);
    parse_any_length();
    make_ipv6(message + FTUN_ICMP_HEADER, 1, 42);
    parse_any_length();
    make_ipv6(message + FTUN_ICMP_HEADER, 45, 59);
    parse_any_length();
    make_ipv6(message + FTUN_ICMP_HEADER, 61, UINT8_MAX);
    parse_any_length();
}

int main(void)
{
    //@ loop unroll EXACT_MAX + 1;
    for (size_t len = 0; len <= EXACT_MAX; len++)
        parse_exactly(len);
    parse_large_messages();
    return 0;
}
