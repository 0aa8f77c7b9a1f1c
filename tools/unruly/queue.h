#ifndef UNRULY_QUEUE_H
#define UNRULY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** An Ethernet frame on its way. */
struct frame {
    uint64_t due_ns;
    uint64_t number; /* of its arrival: frames due at the same time leave in that order */
    int to;          /* the port that it leaves by */
    size_t length;
    uint8_t bytes[];
};

/** Frames, the next one due first. */
struct queue;

/** Exits with a message when there is no memory. */
struct queue *queue_new(void);

/** Release it and the frames in it. */
void queue_free(struct queue *queue);

/** Copy a frame into the queue. Exits with a message when there is no memory. */
void queue_add(struct queue *queue, uint64_t due_ns, int to, const uint8_t *bytes, size_t length);

/** The next frame due, or null. It is the queue's, until it is removed. */
const struct frame *queue_first(const struct queue *queue);

/** Remove and release the next frame due. */
void queue_remove_first(struct queue *queue);

#endif
