#include "credit.h"

#include "fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHE_LINE = 64, READABLE_AND_WRITABLE = 0600 };

/* One end writes here, the other only reads; lines of their own keep the two from slowing each
 * other. */
struct settled {
    _Alignas(CACHE_LINE) _Atomic uint64_t cost;
};

struct page {
    struct credit_terms terms;
    _Atomic bool begun;
    struct settled settled[DIRECTIONS];
    _Atomic uint64_t sent[]; /* of each flow, first all forth, then all back */
};

struct credit {
    struct page *page;
    size_t page_bytes;
    uint64_t flows;
    int file;
    char *owned_path; /* null at the end that joined */
};

static size_t page_bytes(uint64_t flows)
{
    return sizeof(struct page) + (size_t)flows * DIRECTIONS * sizeof(uint64_t);
}

static struct credit *map(int file, const char *path, uint64_t flows)
{
    struct credit *credit = calloc(1, sizeof *credit);

    if (!credit)
        fail("out of memory for credit");
    credit->page_bytes = page_bytes(flows);
    credit->flows = flows;
    credit->file = file;
    credit->page = mmap(NULL, credit->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (credit->page == MAP_FAILED)
        fail("cannot map %s: %s", path, strerror(errno));
    return credit;
}

struct credit *credit_create(const char *path, const struct credit_terms *terms)
{
    struct credit *credit;
    int file;

    unlink(path);
    file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, READABLE_AND_WRITABLE);
    if (file < 0 || ftruncate(file, (off_t)page_bytes(terms->flows)) != 0)
        fail("cannot make %s: %s", path, strerror(errno));
    credit = map(file, path, terms->flows);
    credit->owned_path = strdup(path);
    credit->page->terms = *terms;
    /* The lock says that the terms are written and that somebody is there, and goes with its owner.
     */
    if (flock(file, LOCK_EX) != 0)
        fail("cannot lock %s: %s", path, strerror(errno));
    return credit;
}

static bool is_served(int file)
{
    return flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

static bool agree(const struct credit_terms *left, const struct credit_terms *right)
{
    return left->flows == right->flows && left->count == right->count &&
           left->script.seed == right->script.seed &&
           left->script.sizes.least == right->script.sizes.least &&
           left->script.sizes.most == right->script.sizes.most;
}

static bool has_terms(int file, const struct credit_terms *terms)
{
    struct credit_terms theirs;

    return pread(file, &theirs, sizeof theirs, offsetof(struct page, terms)) ==
               (ssize_t)sizeof theirs &&
           agree(&theirs, terms);
}

struct credit *credit_join(const char *path, const struct credit_terms *terms)
{
    const int file = open(path, O_RDWR | O_CLOEXEC);

    if (file < 0)
        return NULL;
    if (!is_served(file)) {
        close(file);
        return NULL;
    }
    if (!has_terms(file, terms))
        fail("the listening end at %s has other flows, count, size or seed", path);
    return map(file, path, terms->flows);
}

void credit_close(struct credit *credit)
{
    if (!credit)
        return;
    if (credit->owned_path)
        unlink(credit->owned_path);
    free(credit->owned_path);
    munmap(credit->page, credit->page_bytes);
    close(credit->file);
    free(credit);
}

void credit_begin(struct credit *credit)
{
    atomic_store(&credit->page->begun, true);
}

bool credit_has_begun(const struct credit *credit)
{
    return atomic_load(&credit->page->begun);
}

static _Atomic uint64_t *sent_of(const struct credit *credit, enum direction direction,
                                 uint32_t flow)
{
    return &credit->page->sent[direction * credit->flows + flow];
}

void credit_note_sent(struct credit *credit, enum direction direction, uint32_t flow,
                      uint64_t datagrams)
{
    atomic_store_explicit(sent_of(credit, direction, flow), datagrams, memory_order_relaxed);
}

uint64_t credit_sent(const struct credit *credit, enum direction direction, uint32_t flow)
{
    return atomic_load_explicit(sent_of(credit, direction, flow), memory_order_relaxed);
}

void credit_settle(struct credit *credit, enum direction direction, uint64_t cost)
{
    atomic_store_explicit(&credit->page->settled[direction].cost, cost, memory_order_release);
}

uint64_t credit_settled(const struct credit *credit, enum direction direction)
{
    return atomic_load_explicit(&credit->page->settled[direction].cost, memory_order_acquire);
}
