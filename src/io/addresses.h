/* The host's own addresses, on all links. */
#ifndef FTUN_IO_ADDRESSES_H
#define FTUN_IO_ADDRESSES_H

#include "address.h"
#include "error.h"

#include <stddef.h>

struct ftun_addresses {
    size_t count;
    struct ftun_address *at;
};

/* As they are now; to be freed. */
bool ftun_addresses_read(struct ftun_addresses *addresses, struct ftun_error *error);

void ftun_addresses_free(struct ftun_addresses *addresses);

#endif
