#include "resolver.h"

#include "sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOUND_MAX = 64 }; /* addresses looked at */

/* --- asking ------------------------------------------------------------------------------- */

static int socket_family(uint8_t family)
{
    return family == FTUN_IPV4 ? AF_INET : family == FTUN_IPV6 ? AF_INET6 : AF_UNSPEC;
}

static struct addrinfo hints_of(const struct ftun_question *question, int flags)
{
    return (struct addrinfo){
        .ai_family = socket_family(question->only), .ai_socktype = SOCK_STREAM, .ai_flags = flags};
}

static enum ftun_answer_kind kind_of(int state)
{
    switch (state) {
    case 0:
        return FTUN_ANSWER_FOUND;
    case EAI_AGAIN:
    case EAI_FAIL: /* a name server that refuses: perhaps the next network's does not */
    case EAI_MEMORY:
    case EAI_SYSTEM:
        return FTUN_ANSWER_LATER;
    default:
        return FTUN_ANSWER_NOWHERE;
    }
}

static struct ftun_socket_address address_of(const struct addrinfo *found, uint16_t port)
{
    union ftun_sockaddr address;
    memset(&address, 0, sizeof address);
    memcpy(&address, found->ai_addr,
           found->ai_addrlen < sizeof address ? found->ai_addrlen : sizeof address);
    struct ftun_socket_address out = ftun_sockaddr_to_core(&address);
    out.port = port;
    return out;
}

void ftun_resolve(const struct ftun_question *question, struct ftun_answer *answer)
{
    const struct addrinfo hints = hints_of(question, 0);
    struct addrinfo *found = NULL;
    const int state = getaddrinfo(question->host, NULL, &hints, &found);
    *answer = (struct ftun_answer){.kind = kind_of(state)};
    if (state != 0) {
        ftun_fail(&answer->error, "%s",
                  state == EAI_SYSTEM ? strerror(errno) : gai_strerror(state));
        return;
    }
    struct ftun_socket_address addresses[FOUND_MAX];
    size_t count = 0;
    for (const struct addrinfo *at = found; at != NULL && count < FOUND_MAX; at = at->ai_next)
        addresses[count++] = address_of(at, question->port);
    freeaddrinfo(found);
    ftun_remotes_interleave(&answer->remotes, addresses, count, (enum ftun_family)question->first);
}

bool ftun_question_is_literal(const struct ftun_question *question)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    const bool literal = getaddrinfo(question->host, NULL, &hints, &found) == 0;
    if (literal)
        freeaddrinfo(found);
    return literal;
}

/* --- in the background -------------------------------------------------------------------- */

struct errand {
    struct ftun_question question;
    struct ftun_answer answer;
    int fd; /* where the answer goes */
};

static void *run_errand(void *argument)
{
    struct errand *errand = argument;
    ftun_resolve(&errand->question, &errand->answer);
    send(errand->fd, &errand->answer, sizeof errand->answer, MSG_NOSIGNAL);
    close(errand->fd);
    free(errand);
    return NULL;
}

/* False with errno. */
static bool send_off(struct errand *errand, int far_fd)
{
    pthread_t thread;
    errand->fd = fcntl(far_fd, F_DUPFD_CLOEXEC, 0);
    if (errand->fd < 0)
        return false;
    const int cause = pthread_create(&thread, NULL, run_errand, errand);
    if (cause == 0) {
        pthread_detach(thread);
        return true;
    }
    close(errand->fd);
    errno = cause;
    return false;
}

bool ftun_resolver_ask(struct ftun_resolver *resolver, const struct ftun_question *question,
                       struct ftun_error *error)
{
    if (resolver->asked)
        return true;
    struct errand *errand = malloc(sizeof *errand);
    if (errand == NULL)
        return ftun_fail(error, "out of memory");
    errand->question = *question;
    resolver->asked = send_off(errand, resolver->far_fd);
    if (resolver->asked)
        return true;
    ftun_fail(error, "cannot start a thread for the name: %s", strerror(errno));
    free(errand);
    return false;
}

bool ftun_resolver_take(struct ftun_resolver *resolver, struct ftun_answer *answer)
{
    if (recv(resolver->fd, answer, sizeof *answer, MSG_DONTWAIT) != sizeof *answer)
        return false;
    resolver->asked = false;
    return true;
}

bool ftun_resolver_open(struct ftun_resolver *resolver, struct ftun_error *error)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return ftun_fail(error, "cannot make a socket pair: %s", strerror(errno));
    *resolver = (struct ftun_resolver){.fd = ends[0], .far_fd = ends[1]};
    return true;
}

void ftun_resolver_close(struct ftun_resolver *resolver)
{
    if (resolver->fd >= 0)
        close(resolver->fd);
    if (resolver->far_fd >= 0)
        close(resolver->far_fd);
    *resolver = (struct ftun_resolver){.fd = -1, .far_fd = -1};
}
