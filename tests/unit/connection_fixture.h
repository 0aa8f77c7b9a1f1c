/* A connection, its last step, and ways into each state. A step is described as text: words for
 * what the caller is to do, then the segment as "FLAGS sequence ack window". */
#ifndef FTUN_TESTS_CONNECTION_FIXTURE_H
#define FTUN_TESTS_CONNECTION_FIXTURE_H

#include "connection.h"
#include "unit.h"

enum { ISN = 1000, PEER_ISN = 5000, MSS = 1460 };

extern const uint64_t start;
extern const uint64_t idle;
extern const struct ftun_timeouts timeouts; /* `idle`, and no probes */
extern const struct ftun_timeouts endless;

extern struct ftun_connection c;
extern struct ftun_step step;

/* The last step. */
const char *describe(void);

/* Give the connection a segment with a window of 501. */
enum ftun_refusal receive_at(uint64_t now_ns, uint8_t flags, uint32_t sequence, uint32_t ack,
                             size_t payload_len);
enum ftun_refusal receive(uint8_t flags, uint32_t sequence, uint32_t ack, size_t payload_len);

void in_syn_sent(void);

/* snd_nxt is ISN + 1, rcv_nxt PEER_ISN + 1; nothing is unacknowledged. */
void in_established(void);

/* The same, just now, with a peer that scales its windows. */
void in_scaled(void);

void in_fin_wait_1(void);
void in_fin_wait_2(void);
void in_closing(void);
void in_last_ack(void);
void in_time_wait(void);

/* All of the states behind the handshake. */
struct synchronized_state {
    enum ftun_state state;
    void (*enter)(void);
};

extern const struct synchronized_state synchronized[6];

#endif
