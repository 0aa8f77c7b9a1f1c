#include "tuple_hash.h"

#include "bytes.h"

enum { ADDRESS_BYTES = 16 + 2 };

static void write_address(uint8_t *out, const struct ftun_socket_address *address)
{
    memcpy(out, address->ip.bytes, sizeof address->ip.bytes);
    ftun_store_be16(out + 16, address->port);
}

uint64_t ftun_tuple_hash(const struct ftun_hash_key *key, const struct ftun_tuple *tuple,
                         enum ftun_hash_purpose purpose, uint64_t number)
{
    uint8_t bytes[2 * ADDRESS_BYTES + 1 + 8];
    write_address(bytes, &tuple->local);
    write_address(bytes + ADDRESS_BYTES, &tuple->remote);
    bytes[2 * ADDRESS_BYTES] = (uint8_t)purpose;
    ftun_store_be32(bytes + 2 * ADDRESS_BYTES + 1, (uint32_t)(number >> 32));
    ftun_store_be32(bytes + 2 * ADDRESS_BYTES + 5, (uint32_t)number);
    return ftun_siphash(key, bytes, sizeof bytes);
}

/* Returns the bytes written. */
static size_t write_short(uint8_t *out, const struct ftun_socket_address *address)
{
    size_t len = 4;
    memcpy(out, address->ip.bytes, 4);
    if (address->ip.family == FTUN_IPV6) {
        len = sizeof address->ip.bytes;
        memcpy(out, address->ip.bytes, sizeof address->ip.bytes);
    }
    ftun_store_be16(out + len, address->port);
    return len + 2;
}

uint64_t ftun_tuple_table_hash(const struct ftun_hash_key *key, const struct ftun_tuple *tuple)
{
    uint8_t bytes[2 * ADDRESS_BYTES];
    const size_t local_len = write_short(bytes, &tuple->local);
    return ftun_siphash(key, bytes, local_len + write_short(bytes + local_len, &tuple->remote));
}

uint64_t ftun_address_table_hash(const struct ftun_hash_key *key,
                                 const struct ftun_socket_address *address)
{
    uint8_t bytes[ADDRESS_BYTES];
    return ftun_siphash(key, bytes, write_short(bytes, address));
}
