/* The server's name, resolved without ever making the caller wait.
 *
 * getaddrinfo() blocks for as long as it likes and cannot be interrupted, so each question has a
 * thread of its own. Nothing is shared with it: it gets a copy of the question and leaves its
 * answer in a socket, whose other end the loop watches. Who is not interested any more closes that
 * end. */
#ifndef FTUN_IO_RESOLVER_H
#define FTUN_IO_RESOLVER_H

#include "error.h"
#include "remotes.h"

enum { FTUN_HOST_MAX = 256 }; /* RFC 1035 2.3.4: 255 octets, and the final NUL */

struct ftun_question {
    char host[FTUN_HOST_MAX]; /* a name or an address */
    uint16_t port;
    uint8_t only;  /* enum ftun_family; NONE: both */
    uint8_t first; /* enum ftun_family: preferred; NONE: the resolver's choice (RFC 6724) */
};

enum ftun_answer_kind {
    FTUN_ANSWER_FOUND,  /* there is an address at least */
    FTUN_ANSWER_LATER,  /* not to be known now: no network, no name server that answers */
    FTUN_ANSWER_NOWHERE /* there is no such name, or it has no such address */
};

struct ftun_answer {
    enum ftun_answer_kind kind;
    struct ftun_remotes remotes; /* the families in turn */
    struct ftun_error error;     /* why not; without the name */
};

/* An address, not a name: ftun_resolve() has its answer at once, and always the same. */
bool ftun_question_is_literal(const struct ftun_question *question);

/* Ask and wait for the answer. */
void ftun_resolve(const struct ftun_question *question, struct ftun_answer *answer);

struct ftun_resolver {
    int fd;     /* readable when an answer has come */
    int far_fd; /* the thread's end */
    bool asked; /* the answer has not been taken yet */
};

bool ftun_resolver_open(struct ftun_resolver *resolver, struct ftun_error *error);

/* Ask in the background; nothing while there is a question under way. False when there can be no
 * thread. */
bool ftun_resolver_ask(struct ftun_resolver *resolver, const struct ftun_question *question,
                       struct ftun_error *error);

/* The answer; false when it has not come yet. */
bool ftun_resolver_take(struct ftun_resolver *resolver, struct ftun_answer *answer);

/* A question that is under way is forgotten. Nothing when not open. */
void ftun_resolver_close(struct ftun_resolver *resolver);

#endif
