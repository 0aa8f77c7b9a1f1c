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

uint64_t ftun_socket_address_hash(const struct ftun_hash_key *key,
                                  const struct ftun_socket_address *address)
{
    uint8_t bytes[ADDRESS_BYTES];
    write_address(bytes, address);
    return ftun_siphash(key, bytes, sizeof bytes);
}
