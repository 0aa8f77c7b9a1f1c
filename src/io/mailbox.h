/* How threads speak to each other: letters, copied, in order, to one reader each. Off the packet
 * path: a lock and an allocation for each. */
#ifndef FTUN_IO_MAILBOX_H
#define FTUN_IO_MAILBOX_H

#include "error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ftun_letter {
    struct ftun_letter *next;
    uint32_t kind; /* the reader knows what it means */
    uint64_t note; /* and this */
    size_t len;    /* bytes */
    _Alignas(max_align_t) uint8_t data[];
};

struct ftun_mailbox {
    int fd; /* an eventfd: readable while there are letters */
    pthread_mutex_t lock;
    struct ftun_letter *first, *last;
    size_t count;
};

bool ftun_mailbox_open(struct ftun_mailbox *mailbox, struct ftun_error *error);

/* Letters that nobody has read are thrown away. Nothing for one whose `fd` is -1. */
void ftun_mailbox_close(struct ftun_mailbox *mailbox);

/* Post a copy of `data`, from any thread. False when there is no memory for it, or when there are
 * `most` letters already. */
bool ftun_mailbox_post(struct ftun_mailbox *mailbox, uint32_t kind, uint64_t note, const void *data,
                       size_t len, size_t most);

/* The oldest letter, to be freed by the caller; NULL when there is none. */
struct ftun_letter *ftun_mailbox_take(struct ftun_mailbox *mailbox);

#endif
