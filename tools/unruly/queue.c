#include "queue.h"

#include "fail.h"

#include <stdlib.h>
#include <string.h>

/* A binary heap: no frame is due before its parent. The children of i are 2i + 1 and 2i + 2. */
struct queue {
    struct frame **frames;
    size_t count;
    size_t room;
    uint64_t arrivals;
};

static bool leaves_before(const struct frame *a, const struct frame *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->number < b->number;
}

static void swap(struct queue *queue, size_t i, size_t j)
{
    struct frame *const frame = queue->frames[i];

    queue->frames[i] = queue->frames[j];
    queue->frames[j] = frame;
}

static void move_up(struct queue *queue, size_t i)
{
    while (i > 0 && leaves_before(queue->frames[i], queue->frames[(i - 1) / 2])) {
        swap(queue, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static size_t first_of_family(const struct queue *queue, size_t parent)
{
    size_t first = parent;

    for (size_t child = 2 * parent + 1; child <= 2 * parent + 2 && child < queue->count; child++) {
        if (leaves_before(queue->frames[child], queue->frames[first]))
            first = child;
    }
    return first;
}

static void move_down(struct queue *queue)
{
    size_t i = 0;
    size_t first;

    while ((first = first_of_family(queue, i)) != i) {
        swap(queue, i, first);
        i = first;
    }
}

struct queue *queue_new(void)
{
    struct queue *queue = calloc(1, sizeof *queue);

    if (!queue)
        fail("no memory");
    return queue;
}

void queue_free(struct queue *queue)
{
    while (queue_first(queue))
        queue_remove_first(queue);
    free(queue->frames);
    free(queue);
}

static void grow(struct queue *queue)
{
    queue->room = queue->room ? 2 * queue->room : 1024;
    queue->frames = reallocarray(queue->frames, queue->room, sizeof(struct frame *));
    if (!queue->frames)
        fail("no memory");
}

void queue_add(struct queue *queue, uint64_t due_ns, int to, const uint8_t *bytes, size_t length)
{
    struct frame *frame = malloc(sizeof *frame + length);

    if (!frame)
        fail("no memory");
    if (queue->count == queue->room)
        grow(queue);
    *frame =
        (struct frame){.due_ns = due_ns, .number = queue->arrivals++, .to = to, .length = length};
    memcpy(frame->bytes, bytes, length);
    queue->frames[queue->count] = frame;
    move_up(queue, queue->count++);
}

const struct frame *queue_first(const struct queue *queue)
{
    return queue->count ? queue->frames[0] : NULL;
}

void queue_remove_first(struct queue *queue)
{
    free(queue->frames[0]);
    queue->frames[0] = queue->frames[--queue->count];
    move_down(queue);
}
