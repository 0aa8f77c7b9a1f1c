#include "prove.h"
#include "text.h"

#define EXACT_MAX 70u

static struct ftun_socket_address any_socket_address(void)
{
    struct ftun_socket_address address;
    any_bytes(&address, sizeof address);
    return address;
}

static void write_all(char *out, size_t capacity)
{
    const struct ftun_socket_address address = any_socket_address();
    struct ftun_text text = ftun_text_start(out, capacity);
    ftun_text_string(&text, "text");
    ftun_text_unsigned(&text, any_u64());
    ftun_text_socket_address(&text, &address);
    //@ assert text.len < capacity;
}

static void write_exactly(size_t capacity)
{
    char block[EXACT_MAX];
    write_all(block + sizeof block - capacity, capacity);
}

int main(void)
{
    //@ loop unroll EXACT_MAX;
    for (size_t capacity = 1; capacity <= EXACT_MAX; capacity++)
        write_exactly(capacity);
    const struct ftun_socket_address address = any_socket_address();
    char out[FTUN_ADDRESS_TEXT];
    ftun_address_string(&address.ip, out);
    ftun_socket_address_string(&address, out);
    return 0;
}
