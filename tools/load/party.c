#include "party.h"

#include "batch.h"
#include "credit.h"
#include "fail.h"
#include "hello.h"
#include "pattern.h"
#include "peers.h"
#include "udp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGES_PER_CALL = 64,
    SOCKETS_PER_WAIT = 64,
    REPORTS_MOST = 20,
};

/* What the kernel keeps beside a datagram's bytes, by generous guess. */
enum { OVERHEAD = 1024 };

/* Buffers count more than that for a datagram at times; what is outstanding stays well below them.
 */
enum { BUFFER_PER_WINDOW = 4, FIRST_WINDOW = 48 * 1024 };

/* Of datagrams, where they may overtake each other. */
enum kind { KIND_SHORT, KIND_LONG, KINDS };

struct flow {
    struct listening listening;
    uint64_t beyond[KINDS]; /* the latest index of the kind that has come, and one */
    struct address peer;    /* known at the listening end */
    bool introduced;
    uint64_t sent;
};

struct party {
    const struct party_terms *terms;
    enum direction outward;
    enum direction inward;
    struct credit *credit;
    struct peers *peers; /* null at the connecting end */
    int waiter;
    int *sockets;
    size_t socket_count;
    struct flow *flows;
    uint64_t introduced;
    uint64_t turn;
    uint32_t next_flow;
    uint64_t window;
    uint64_t sent_cost;
    uint64_t settled_cost;
    unsigned reports;
    struct party_figures figures;
    struct batch *arrivals;
    struct mmsghdr headers[MESSAGES_PER_CALL];
    struct iovec pieces[MESSAGES_PER_CALL];
};

uint64_t party_cost(size_t length)
{
    return length + OVERHEAD;
}

static void *allocate(size_t count, size_t size)
{
    void *room = calloc(count, size);

    if (!room)
        fail("out of memory for flows");
    return room;
}

/* Half of the count goes in each direction, and is dealt to the flows in turn. */
static uint64_t direction_goal(const struct party_terms *terms, enum direction direction)
{
    return direction == DIRECTION_FORTH ? terms->count - terms->count / 2 : terms->count / 2;
}

static uint64_t flow_goal(const struct party *party, uint32_t flow)
{
    const uint64_t goal = direction_goal(party->terms, party->outward);

    return goal / party->terms->flows + (flow < goal % party->terms->flows);
}

uint64_t party_goal(const struct party_terms *terms, bool sending)
{
    return direction_goal(terms, sending != terms->listening ? DIRECTION_FORTH : DIRECTION_BACK);
}

static void await_socket(struct party *party, size_t index)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = index};

    if (epoll_ctl(party->waiter, EPOLL_CTL_ADD, party->sockets[index], &event) != 0)
        fail("cannot wait for a socket: %s", strerror(errno));
}

static void open_sockets(struct party *party)
{
    const struct party_terms *terms = party->terms;

    udp_allow_many_sockets();
    party->waiter = epoll_create1(EPOLL_CLOEXEC);
    if (party->waiter < 0)
        fail("cannot wait for sockets: %s", strerror(errno));
    party->socket_count = terms->listening ? 1 : terms->flows;
    party->sockets = allocate(party->socket_count, sizeof *party->sockets);
    for (size_t i = 0; i < party->socket_count; i++) {
        party->sockets[i] =
            terms->listening ? udp_listen(&terms->address) : udp_connect(&terms->address);
        await_socket(party, i);
    }
}

static void set_window(struct party *party)
{
    const uint64_t bearable = udp_receive_room(party->sockets[0]) / BUFFER_PER_WINDOW;

    party->window = party->terms->window < bearable ? party->terms->window : bearable;
}

static struct credit *open_credit(const struct party_terms *terms)
{
    const struct credit_terms agreed = {
        .flows = terms->flows,
        .count = terms->count,
        .script = terms->script,
    };

    return terms->listening ? credit_create(terms->credit_path, &agreed)
                            : credit_join(terms->credit_path, &agreed);
}

struct party *party_open(const struct party_terms *terms)
{
    struct credit *credit = open_credit(terms);
    struct party *party;

    if (!credit)
        return NULL;
    party = allocate(1, sizeof *party);
    party->terms = terms;
    party->credit = credit;
    party->outward = terms->listening ? DIRECTION_BACK : DIRECTION_FORTH;
    party->inward = terms->listening ? DIRECTION_FORTH : DIRECTION_BACK;
    party->peers = terms->listening ? peers_new(terms->flows) : NULL;
    party->flows = allocate(terms->flows, sizeof *party->flows);
    party->arrivals = batch_new(MESSAGES_PER_CALL);
    if (!party->arrivals)
        fail("out of memory for received datagrams");
    open_sockets(party);
    set_window(party);
    return party;
}

void party_close(struct party *party)
{
    if (!party)
        return;
    for (size_t i = 0; i < party->socket_count; i++)
        close(party->sockets[i]);
    close(party->waiter);
    credit_close(party->credit);
    peers_free(party->peers);
    batch_free(party->arrivals);
    free(party->sockets);
    free(party->flows);
    free(party);
}

static void say_hello(struct party *party, uint32_t flow)
{
    const struct hello hello = hello_make(party->terms->script.seed, party->outward, flow);
    const struct address *peer = &party->flows[flow].peer;
    const int socket = party->sockets[party->terms->listening ? 0 : flow];

    /* Whether it leaves does not matter: it is repeated until it is answered. */
    sendto(socket, &hello, sizeof hello, MSG_DONTWAIT,
           peer->length ? (const struct sockaddr *)&peer->storage : NULL, peer->length);
}

void party_greet(struct party *party)
{
    if (party->terms->listening)
        return;
    for (uint32_t i = 0; i < party->terms->flows; i++) {
        if (!party->flows[i].introduced)
            say_hello(party, i);
    }
}

/* The connecting end knows it first, and tells the other. */
bool party_is_acquainted(struct party *party)
{
    if (!party->terms->listening && party->introduced == party->terms->flows)
        credit_begin(party->credit);
    return credit_has_begun(party->credit);
}

static bool may_report(struct party *party)
{
    if (party->reports == REPORTS_MOST)
        fputs("further faults are counted, not listed\n", stderr);
    return party->reports++ < REPORTS_MOST;
}

static const char *inward_name(const struct party *party)
{
    return party->inward == DIRECTION_FORTH ? "forth" : "back";
}

static void note_fault(struct party *party, uint32_t flow, const struct judgement *judgement,
                       size_t length)
{
    party->figures.faults[judgement->fault] += judgement->lost > 0 ? judgement->lost : 1;
    if (judgement->fault == FAULT_REORDERED)
        party->figures.faults[FAULT_LOST]--;
    if (judgement->fault == FAULT_LOST && party->terms->overtaking > 0)
        return; /* perhaps overtaken */
    if (!may_report(party))
        return;
    fprintf(stderr, "flow %" PRIu32 " %s, datagram %" PRIu64 ": %s, expected %zu bytes, got %zu\n",
            flow, inward_name(party), judgement->index, fault_name(judgement->fault),
            judgement->expected, length);
}

static void note_stray(struct party *party, uint32_t flow, size_t length)
{
    party->figures.faults[FAULT_STRAY]++;
    if (may_report(party))
        fprintf(stderr, "flow %" PRIu32 " %s: stray, a datagram of %zu bytes of another flow\n",
                flow, inward_name(party), length);
}

static void note_stranger(struct party *party, const struct arrival *arrival)
{
    char text[ADDRESS_TEXT_ROOM];

    party->figures.faults[FAULT_STRAY]++;
    address_format(arrival->from, text);
    if (may_report(party))
        fprintf(stderr, "stray, a datagram of %zu bytes from %s, where no flow comes from\n",
                arrival->length, text);
}

static void introduce(struct party *party, uint32_t flow)
{
    party->introduced += !party->flows[flow].introduced;
    party->flows[flow].introduced = true;
}

static void take_hello(struct party *party, size_t socket, uint32_t flow,
                       const struct arrival *arrival)
{
    if (flow >= party->terms->flows || (!party->terms->listening && flow != socket)) {
        note_stray(party, (uint32_t)socket, arrival->length);
        return;
    }
    introduce(party, flow);
    if (!party->terms->listening)
        return;
    if (!peers_learn(party->peers, arrival->from, flow))
        fail("flows come from too many addresses");
    party->flows[flow].peer = *arrival->from;
    say_hello(party, flow);
}

/* What is passed over for good is settled as well, or the window would shrink with each loss. Where
 * it may have been overtaken it is still under way. */
static void settle(struct party *party, uint32_t flow, uint64_t before, size_t length)
{
    if (party->terms->overtaking > 0) {
        party->settled_cost += party_cost(length);
        return;
    }
    for (uint64_t i = before; i < party->flows[flow].listening.next; i++) {
        const struct line line = script_line(&party->terms->script, party->inward, flow, i);

        party->settled_cost += party_cost(line.length);
    }
}

static bool is_of_another_flow(const struct party *party, uint32_t flow,
                               const struct arrival *arrival)
{
    for (uint32_t i = 0; i < party->terms->flows; i++) {
        if (i != flow && judge_recognize(&party->flows[i].listening, &party->terms->script,
                                         party->inward, i, arrival->data, arrival->length))
            return true;
    }
    return false;
}

/* Move on in the datagram's kind. Returns false when a later one of the kind has come already. */
static bool advance_kind(struct party *party, uint32_t flow, const struct judgement *judgement,
                         size_t length)
{
    struct flow *of = &party->flows[flow];
    uint64_t *beyond = &of->beyond[length < party->terms->overtaking ? KIND_SHORT : KIND_LONG];
    const uint64_t index =
        judgement->fault == FAULT_REORDERED ? judgement->index : of->listening.next - 1;

    if (index < *beyond)
        return false;
    *beyond = index + 1;
    return true;
}

/* It was noted as lost when it was passed over. */
static void take_overtaken(struct party *party, size_t length)
{
    party->figures.overtaken++;
    party->figures.faults[FAULT_LOST]--;
    party->settled_cost += party_cost(length);
}

static void take_line(struct party *party, uint32_t flow, const struct arrival *arrival)
{
    struct listening *listening = &party->flows[flow].listening;
    const uint64_t before = listening->next;
    const struct judgement judgement = judge(listening, &party->terms->script, party->inward, flow,
                                             arrival->data, arrival->length);

    party->figures.received++;
    party->figures.received_bytes += arrival->length;
    if (advance_kind(party, flow, &judgement, arrival->length) &&
        judgement.fault == FAULT_REORDERED) {
        take_overtaken(party, arrival->length);
        return;
    }
    if (judgement.fault == FAULT_CORRUPTED && is_of_another_flow(party, flow, arrival)) {
        judge_take_back(listening);
        note_stray(party, flow, arrival->length);
        return;
    }
    if (judgement.fault != FAULT_NONE)
        note_fault(party, flow, &judgement, arrival->length);
    settle(party, flow, before, arrival->length);
}

static void take(struct party *party, size_t socket, const struct arrival *arrival)
{
    uint32_t flow = (uint32_t)socket;
    uint32_t greeting;

    if (hello_recognize(arrival->data, arrival->length, party->terms->script.seed, party->inward,
                        &greeting))
        take_hello(party, socket, greeting, arrival);
    else if (party->peers && !peers_find(party->peers, arrival->from, &flow))
        note_stranger(party, arrival);
    else
        take_line(party, flow, arrival);
}

static void receive_from(struct party *party, size_t socket)
{
    const unsigned messages = batch_receive(party->arrivals, party->sockets[socket], MSG_DONTWAIT);

    for (unsigned i = 0; i < messages; i++) {
        const struct arrival arrival = batch_arrival(party->arrivals, i);

        take(party, socket, &arrival);
    }
}

void party_receive(struct party *party, uint64_t patience_ns)
{
    const struct timespec patience = {.tv_nsec = (long)patience_ns};
    struct epoll_event events[SOCKETS_PER_WAIT];
    const int ready = epoll_pwait2(party->waiter, events, SOCKETS_PER_WAIT, &patience, NULL);

    if (ready < 0 && errno != EINTR)
        fail("cannot wait for datagrams: %s", strerror(errno));
    for (int i = 0; i < ready; i++)
        receive_from(party, (size_t)events[i].data.u64);
    if (ready > 0)
        credit_settle(party->credit, party->inward, party->settled_cost);
}

/* The next flow, in turn, that has something left to send. */
static bool choose_flow(struct party *party, uint32_t *chosen)
{
    for (uint64_t i = 0; i < party->terms->flows; i++) {
        const uint32_t flow = party->next_flow;

        party->next_flow = (uint32_t)((flow + 1) % party->terms->flows);
        if (party->flows[flow].sent >= flow_goal(party, flow))
            continue;
        *chosen = flow;
        return true;
    }
    return false;
}

static uint64_t outstanding(const struct party *party)
{
    return party->sent_cost - credit_settled(party->credit, party->outward);
}

/* What may be under way: little at first, and more by what each flow has carried: a TCP
 * connection's window is 64 KiB until something has come through it, and one flow may have all that
 * is under way. They do not carry the same, as chance has it: who has carried least is taken for a
 * quarter of the average. */
static uint64_t open_window(const struct party *party)
{
    const uint64_t each = credit_settled(party->credit, party->outward) / party->terms->flows;
    const uint64_t open = FIRST_WINDOW + each / 4;

    return open < party->window ? open : party->window;
}

static void compose(struct party *party, unsigned index, uint32_t flow, struct line line)
{
    const struct address *peer = &party->flows[flow].peer;
    struct iovec *piece = &party->pieces[index];

    /* sendmmsg() only reads through these pointers, but its types cannot say so. */
    *piece = (struct iovec){
        .iov_base = (void *)(uintptr_t)line.content,
        .iov_len = line.length,
    };
    party->headers[index].msg_hdr = (struct msghdr){
        .msg_name = peer->length ? (void *)(uintptr_t)&peer->storage : NULL,
        .msg_namelen = peer->length,
        .msg_iov = piece,
        .msg_iovlen = 1,
    };
}

/* Returns how many datagrams of the flow, up to `most`, fit the window. */
static unsigned compose_all(struct party *party, uint32_t flow, unsigned most)
{
    const uint64_t first = party->flows[flow].sent;
    const uint64_t window = open_window(party);
    uint64_t taken = outstanding(party);
    unsigned count = 0;

    while (count < most) {
        const struct line line =
            script_line(&party->terms->script, party->outward, flow, first + count);

        taken += party_cost(line.length);
        if (taken > window)
            break;
        compose(party, count++, flow, line);
    }
    return count;
}

static bool is_passing(int error)
{
    return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ECONNREFUSED ||
           error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN || error == EPERM;
}

static void note_sent(struct party *party, uint32_t flow, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        party->figures.sent_bytes += party->pieces[i].iov_len;
        party->sent_cost += party_cost(party->pieces[i].iov_len);
    }
    party->figures.sent += count;
    party->flows[flow].sent += count;
    credit_note_sent(party->credit, party->outward, flow, party->flows[flow].sent);
}

bool party_send(struct party *party)
{
    /* Turns of all lengths, so that on the way flows mix in many ways. */
    const uint64_t turn = 1 + pattern_mix(party->turn++) % MESSAGES_PER_CALL;
    uint32_t flow;
    uint64_t left;
    unsigned count;
    int sent;

    if (!choose_flow(party, &flow))
        return false;
    left = flow_goal(party, flow) - party->flows[flow].sent;
    count = compose_all(party, flow, (unsigned)(turn < left ? turn : left));
    if (count == 0)
        return false;
    sent = sendmmsg(party->sockets[party->terms->listening ? 0 : flow], party->headers, count,
                    MSG_DONTWAIT);
    if (sent < 0 && !is_passing(errno))
        fail("cannot send: %s", strerror(errno));
    if (sent <= 0)
        return false;
    note_sent(party, flow, (unsigned)sent);
    return true;
}

static uint64_t passed(const struct party *party)
{
    uint64_t datagrams = 0;

    for (uint64_t i = 0; i < party->terms->flows; i++)
        datagrams += party->flows[i].listening.next;
    return datagrams;
}

/* What was passed over counts as lost until it comes. */
static bool awaits_overtaken(const struct party *party)
{
    return party->terms->overtaking > 0 && party->figures.faults[FAULT_LOST] > 0;
}

bool party_is_done(const struct party *party)
{
    return party->figures.sent == party_goal(party->terms, true) && outstanding(party) == 0 &&
           passed(party) >= party_goal(party->terms, false) && !awaits_overtaken(party);
}

uint64_t party_progress(const struct party *party)
{
    return party->figures.sent + party->figures.received + party->introduced +
           credit_settled(party->credit, party->outward);
}

void party_give_up(struct party *party)
{
    for (uint32_t i = 0; i < party->terms->flows; i++) {
        const uint64_t next = party->flows[i].listening.next;
        const uint64_t sent = credit_sent(party->credit, party->inward, i);
        const struct judgement judgement = {
            .fault = FAULT_LOST,
            .index = next,
            .expected = script_line(&party->terms->script, party->inward, i, next).length,
            .lost = sent > next ? sent - next : 0,
        };

        if (judgement.lost > 0)
            note_fault(party, i, &judgement, 0);
    }
}

const struct party_figures *party_figures(const struct party *party)
{
    return &party->figures;
}
