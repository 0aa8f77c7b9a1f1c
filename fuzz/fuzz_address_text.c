/* Addresses as people type them: what is understood is the same again when ftun writes it. */
#include "address_text.h"
#include "fuzz_input.h"
#include "text.h"

static void parse_address(const char *text)
{
    struct ftun_address address;
    struct ftun_address again;
    char written[FTUN_ADDRESS_TEXT];
    if (!ftun_address_parse(text, &address))
        return;
    FUZZ_REQUIRE(ftun_address_parse(ftun_address_string(&address, written), &again));
    FUZZ_REQUIRE(ftun_address_equal(&address, &again));
}

static void parse_socket_address(const char *text)
{
    struct ftun_socket_address address;
    struct ftun_socket_address again;
    char written[FTUN_ADDRESS_TEXT];
    if (!ftun_socket_address_parse(text, &address))
        return;
    FUZZ_REQUIRE(address.port != 0);
    ftun_socket_address_string(&address, written);
    FUZZ_REQUIRE(ftun_socket_address_parse(written, &again));
    FUZZ_REQUIRE(ftun_socket_address_equal(&address, &again));
}

static void split_host_port(const char *text)
{
    enum { HOST = 256 }; /* address_text.h */
    uint16_t port;
    char *host = fuzz_allocate(HOST);
    if (ftun_host_port_split(text, host, &port)) {
        FUZZ_REQUIRE(strnlen(host, HOST) < HOST);
        FUZZ_REQUIRE(host[0] != '\0' && strstr(text, host) != NULL && port != 0);
    }
    free(host);
}

static void parse_port(const char *text)
{
    uint16_t port;
    if (ftun_port_parse(text, &port))
        FUZZ_REQUIRE(port == strtoul(text, NULL, 10) && port != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = fuzz_string(data, len);
    parse_address(text);
    parse_socket_address(text);
    split_host_port(text);
    parse_port(text);
    free(text);
    return 0;
}
