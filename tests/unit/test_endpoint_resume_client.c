/* A client whose flow goes on over new connections: docs/resumption.md. The server's answers are
 * made by hand; its first sequence number is 5000. */
#include "endpoint_fixture.h"
#include "resume_token.h"

#include <string.h>

enum { FIRST = 5001, BEHIND_ANSWER = FIRST + FTUN_RESUME_ANSWER };

static const uint64_t ticket = UINT64_C(0x8000000100000000);

static struct ftun_endpoint_config resuming_client(void)
{
    struct ftun_endpoint_config c = client_config();
    c.resumption = true;
    return c;
}

/* The record that action `at` sends. */
static struct ftun_resume_record record_in(size_t at)
{
    struct ftun_resume_record record;
    const struct ftun_action *action = &actions.at[at];
    assert_int_equal(action->kind, FTUN_ACTION_SEND);
    assert_true(
        ftun_resume_record_read(action->send.data, action->send.segment.payload_len, &record));
    return record;
}

static void give_syn_ack(void)
{
    give(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, "");
}

/* The server's SYN-ACK for flow 0; returns the record, the third action. */
static struct ftun_resume_record establish(void)
{
    give_syn_ack();
    const struct ftun_resume_record record = record_in(2);
    happened();
    give(the_server(), FTUN_ACK, 5001, own_isn + 1, ""); /* opens the window */
    return record;
}

static void give_answer(const struct ftun_resume_record *record, bool resumed, uint32_t sequence)
{
    const struct ftun_resume_answer answer = {.ticket = ticket, .resumed = resumed};
    uint8_t bytes[FTUN_RESUME_ANSWER];
    ftun_resume_answer_write(&answer, &record->value, bytes);
    give_bytes(the_server(), FTUN_ACK | FTUN_PSH, sequence, own_isn + 1 + FTUN_RESUME_RECORD, bytes,
               sizeof bytes, 0);
}

/* A client with flow 0, which the server has given its ticket. */
static struct ftun_resume_record known_client_of(struct ftun_endpoint_config c)
{
    dialing_client_of(c);
    const struct ftun_resume_record record = establish();
    give_answer(&record, false, FIRST);
    happened();
    return record;
}

static struct ftun_resume_record known_client(void)
{
    return known_client_of(resuming_client());
}

/* Flow 0 is reset, and has begun another connection. */
static void redial_at(uint32_t next_sequence)
{
    const uint16_t old_port = own_port;
    give(the_server(), FTUN_RST, next_sequence, 0, "");
    happened();
    for (unsigned i = 0; i < 10 && own_port == old_port; i++)
        meet_deadline();
}

static void redial(void)
{
    redial_at(BEHIND_ANSWER);
}

static void pass_seconds(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        now += FTUN_SECOND;
        ftun_endpoint_timeout(endpoint, now, &actions);
        happened();
    }
}

#define HANDSHAKE "> . 1:1(0) ack 5001 win 63 | established flow 0 profile linux mss 1460"

/* --- a flow begins ------------------------------------------------------------------------ */

static void the_record_goes_first_and_datagrams_right_behind_it(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(resuming_client());
    send_datagrams(flow, 10, 10);
    give_syn_ack();
    assert_true(record_in(2).ticket == FTUN_NO_TICKET);
    assert_string_equal(happened(), HANDSHAKE " | > P. 1:49(48) ack 5001 win 63"
                                              " | > P. 49:59(10) ack 5001 win 63");
    send_datagrams(flow, 10, 10);
    assert_string_equal(happened(), "> P. 59:69(10) ack 5001 win 63");
}

static void the_answer_is_not_delivered_and_ends_the_repeating(void **state)
{
    (void)state;
    dialing_client_of(resuming_client());
    const struct ftun_resume_record record = establish();
    give_answer(&record, false, FIRST);
    assert_string_equal(happened(), "");
    assert_int_equal(ftun_endpoint_counters(endpoint)->datagrams_delivered, 0);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_resumed, 0);
    pass_seconds(1);
    now += 10 * FTUN_SECOND;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "");
}

static void without_an_answer_the_record_is_sent_again_and_then_no_more(void **state)
{
    (void)state;
    static const char *const lines[FTUN_RESUME_RETRIES] = {"> P. 59:107(48) ack 5001 win 63",
                                                           "> P. 107:155(48) ack 5001 win 63"};
    const uint32_t flow = dialing_client_of(resuming_client());
    const struct ftun_resume_record record = establish();
    send_datagrams(flow, 10, 10);
    happened();
    for (unsigned i = 0; i < FTUN_RESUME_RETRIES; i++) {
        now += FTUN_RETRANSMIT_TIMEOUT;
        ftun_endpoint_timeout(endpoint, now, &actions);
        const struct ftun_resume_record again = record_in(0);
        assert_memory_equal(&again.value, &record.value, sizeof record.value);
        assert_memory_equal(&again.keep, &record.keep, sizeof record.keep);
        assert_true(again.ticket == record.ticket);
        assert_string_equal(happened(), lines[i]);
    }
    for (unsigned i = 0; i < 10; i++) {
        now += FTUN_RETRANSMIT_TIMEOUT;
        ftun_endpoint_timeout(endpoint, now, &actions);
        assert_string_equal(happened(), "");
    }
}

static void a_late_answer_is_still_understood(void **state)
{
    (void)state;
    dialing_client_of(resuming_client());
    const struct ftun_resume_record record = establish();
    pass_seconds(10);
    give_answer(&record, false, FIRST);
    assert_string_equal(happened(), "");
    redial();
    assert_true(establish().ticket == ticket);
}

static void an_answer_that_comes_again_is_not_delivered(void **state)
{
    (void)state;
    const struct ftun_resume_record record = known_client();
    give_answer(&record, false, FIRST);
    assert_string_equal(happened(), "");
    assert_int_equal(ftun_endpoint_counters(endpoint)->datagrams_delivered, 0);
}

static void twenty_four_other_bytes_are_a_datagram(void **state)
{
    (void)state;
    dialing_client_of(resuming_client());
    establish();
    give(the_server(), FTUN_ACK | FTUN_PSH, 5001, own_isn + 1, "abcdefghijklmnopqrstuvwx");
    assert_string_equal(happened(), "deliver flow 0 bytes 24 stride 24");
}

static void an_answer_to_another_value_is_a_datagram(void **state)
{
    (void)state;
    dialing_client_of(resuming_client());
    establish();
    const struct ftun_resume_record other = {.ticket = ticket};
    give_answer(&other, false, FIRST);
    assert_string_equal(happened(), "deliver flow 0 bytes 24 stride 24");
}

static void datagrams_that_the_kernel_has_glued_to_an_answer_are_delivered(void **state)
{
    (void)state;
    dialing_client_of(resuming_client());
    const struct ftun_resume_record record = establish();
    const struct ftun_resume_answer answer = {.ticket = ticket};
    uint8_t bytes[60 + FTUN_RESUME_ANSWER] = {0};
    ftun_resume_answer_write(&answer, &record.value, bytes + 60);
    give_bytes(the_server(), FTUN_ACK | FTUN_PSH, 5001, own_isn + 1, bytes, sizeof bytes, 30);
    assert_string_equal(happened(), "deliver flow 0 bytes 60 stride 30");
    redial_at(FIRST + sizeof bytes);
    assert_true(establish().ticket == ticket);
}

/* --- where there is no record ------------------------------------------------------------- */

static void a_server_that_names_no_mss_gets_no_record(void **state)
{
    (void)state;
    const uint32_t flow = dialing_client_of(resuming_client());
    static const uint8_t window_scale[] = {1, 3, 3, 14};
    give_options(the_server(), FTUN_SYN | FTUN_ACK, 5000, own_isn + 1, window_scale,
                 sizeof window_scale);
    assert_string_equal(happened(), HANDSHAKE);
    send_datagrams(flow, 10, 10);
    assert_string_equal(happened(), "> P. 1:11(10) ack 5001 win 63");
}

static void phantun_gets_no_record(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = resuming_client();
    c.peer = FTUN_PEER_PHANTUN;
    dialing_client_of(c);
    give_syn_ack();
    assert_string_equal(happened(), "> . 1:1(0) ack 5001 win 65535 | "
                                    "established flow 0 profile phantun mss 1460");
}

/* --- the flow goes on --------------------------------------------------------------------- */

static void the_next_connection_shows_the_next_value_and_the_ticket(void **state)
{
    (void)state;
    const struct ftun_resume_record before = known_client();
    redial();
    const struct ftun_resume_record record = establish();
    assert_true(record.ticket == ticket);
    assert_true(ftun_resume_value_follows(&record.value, &before.keep));
}

/* A second connection is tried beside one whose answers are late, and is first. */
static void a_rivals_connection_begins_with_a_record_too(void **state)
{
    (void)state;
    struct ftun_endpoint_config c = resuming_client();
    c.timeouts.dead_after_ns = FTUN_DEAD_AFTER_DEFAULT;
    known_client_of(c);
    const uint16_t old_port = own_port;
    send_datagrams(0, 10, 10);
    happened();
    while (own_port == old_port && now < start + FTUN_DEAD_AFTER_DEFAULT) {
        now = ftun_endpoint_deadline(endpoint);
        ftun_endpoint_timeout(endpoint, now, &actions);
        happened();
    }
    give_syn_ack();
    assert_true(record_in(2).ticket == ticket);
    happened();
    now += FTUN_RETRANSMIT_TIMEOUT;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_true(record_in(0).ticket == ticket);
    happened();
}

static void datagrams_wait_for_the_answer(void **state)
{
    (void)state;
    known_client();
    redial();
    send_datagrams(0, 10, 10);
    const struct ftun_resume_record record = establish();
    send_datagrams(0, 20, 20);
    assert_string_equal(happened(), "");
    give_answer(&record, true, FIRST);
    assert_string_equal(happened(), "> P. 49:59(10) ack 5025 win 63 | "
                                    "> P. 59:79(20) ack 5025 win 63");
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_resumed, 1);
    send_datagrams(0, 10, 10);
    assert_string_equal(happened(), "> P. 79:89(10) ack 5025 win 63");
}

static void datagrams_wait_in_a_bounded_queue(void **state)
{
    (void)state;
    known_client();
    redial();
    establish();
    send_datagrams(0, 20 * 10, 10);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_PENDING_FULL), 20 - FTUN_PENDING_PER_FLOW);
}

static void datagrams_do_not_wait_for_ever(void **state)
{
    (void)state;
    known_client();
    redial();
    establish();
    send_datagrams(0, 10, 10);
    pass_seconds(FTUN_RESUME_RETRIES);
    now += FTUN_RETRANSMIT_TIMEOUT;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "> P. 145:155(10) ack 5001 win 63");
    send_datagrams(0, 20, 20);
    assert_string_equal(happened(), "> P. 155:175(20) ack 5001 win 63");
}

/* Also when another connection has to be begun meanwhile. */
static void datagrams_wait_on_when_the_new_connection_fails_too(void **state)
{
    (void)state;
    known_client();
    redial();
    const struct ftun_resume_record lost = establish();
    send_datagrams(0, 10, 10);
    redial_at(FIRST);
    const struct ftun_resume_record record = establish();
    assert_true(ftun_resume_value_follows(&record.value, &lost.value));
    give_answer(&record, true, FIRST);
    assert_string_equal(happened(), "> P. 49:59(10) ack 5025 win 63");
}

static void a_server_that_has_forgotten_the_flow_begins_another(void **state)
{
    (void)state;
    known_client();
    redial();
    const struct ftun_resume_record record = establish();
    send_datagrams(0, 10, 10);
    give_answer(&record, false, FIRST);
    assert_string_equal(happened(), "> P. 49:59(10) ack 5025 win 63");
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_resumed, 0);
}

/* As a server sees it: each record follows what the one before asked it to keep. */
static void a_chain_that_is_used_up_is_followed_by_another(void **state)
{
    (void)state;
    struct ftun_resume_record before = known_client();
    for (unsigned i = 0; i < 3 * FTUN_RESUME_CHAIN; i++) {
        send_datagrams(0, 10, 10); /* a flow that nobody uses is given up in the end */
        redial();
        const struct ftun_resume_record record = establish();
        assert_true(ftun_resume_value_follows(&record.value, &before.keep));
        assert_memory_not_equal(&record.value, &before.value, sizeof record.value);
        give_answer(&record, true, FIRST);
        happened();
        before = record;
    }
}

static void each_flow_has_a_chain_of_its_own(void **state)
{
    (void)state;
    const struct ftun_resume_record first = known_client();
    ftun_endpoint_flow(endpoint, now, application_at(2), &actions);
    happened();
    give_syn_ack();
    const struct ftun_resume_record second = record_in(2);
    assert_true(second.ticket == FTUN_NO_TICKET);
    assert_memory_not_equal(&second.value, &first.value, sizeof first.value);
    assert_false(ftun_resume_value_follows(&second.value, &first.value));
    assert_false(ftun_resume_value_follows(&first.value, &second.value));
}

/* --- what an application may not send ----------------------------------------------------- */

/* One burst: `before` bytes of datagrams of `stride` bytes, then one that looks like a record. */
static void send_forged(size_t before, size_t stride)
{
    const struct ftun_resume_record record = {.ticket = 1};
    uint8_t bytes[512] = {0};
    ftun_resume_record_write(&record, bytes + before);
    const struct ftun_slice slice = {.data = bytes, .len = before + FTUN_RESUME_RECORD};
    const struct ftun_burst burst = {
        .slices = &slice, .slice_count = 1, .len = slice.len, .stride = stride};
    size_t done = 0;
    struct ftun_actions all = {0};
    while (done < burst.len) {
        done += ftun_endpoint_datagrams(endpoint, now, 0, &burst, done, &actions);
        for (size_t i = 0; i < actions.count; i++)
            all.at[all.count++] = actions.at[i];
    }
    actions = all;
}

static void a_datagram_that_looks_like_a_record_is_refused(void **state)
{
    (void)state;
    dialing_client_of(resuming_client());
    establish();
    send_forged(0, FTUN_RESUME_RECORD);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_LIKE_RECORD), 1);
}

static void its_neighbours_in_a_burst_are_sent(void **state)
{
    (void)state;
    dialing_client_of(resuming_client());
    establish();
    send_forged(2 * 100, 100);
    assert_string_equal(happened(), "> P. 49:249(2x100) ack 5001 win 63");
    send_forged(2 * FTUN_RESUME_RECORD, FTUN_RESUME_RECORD);
    assert_string_equal(happened(), "> P. 249:297(48) ack 5001 win 63 | "
                                    "> P. 297:345(48) ack 5001 win 63");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_LIKE_RECORD), 2);
}

static void it_is_refused_when_it_has_waited_for_the_handshake(void **state)
{
    (void)state;
    dialing_client_of(resuming_client());
    send_forged(0, FTUN_RESUME_RECORD);
    give_syn_ack();
    assert_string_equal(happened(), HANDSHAKE " | > P. 1:49(48) ack 5001 win 63");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_LIKE_RECORD), 1);
}

/* With a handshake packet, say: the server may not have got that. */
static void it_is_refused_by_a_client_that_does_not_resume_too(void **state)
{
    (void)state;
    established_client();
    happened();
    send_forged(0, FTUN_RESUME_RECORD);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_LIKE_RECORD), 1);
}

static void it_is_a_datagram_once_the_server_has_answered(void **state)
{
    (void)state;
    known_client();
    send_forged(2 * FTUN_RESUME_RECORD, FTUN_RESUME_RECORD);
    assert_string_equal(happened(), "> P. 49:193(3x48) ack 5025 win 63");
    assert_int_equal(refused(FTUN_REFUSED_DATAGRAM_LIKE_RECORD), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_goes_first_and_datagrams_right_behind_it),
        cmocka_unit_test(the_answer_is_not_delivered_and_ends_the_repeating),
        cmocka_unit_test(without_an_answer_the_record_is_sent_again_and_then_no_more),
        cmocka_unit_test(a_late_answer_is_still_understood),
        cmocka_unit_test(an_answer_that_comes_again_is_not_delivered),
        cmocka_unit_test(twenty_four_other_bytes_are_a_datagram),
        cmocka_unit_test(an_answer_to_another_value_is_a_datagram),
        cmocka_unit_test(datagrams_that_the_kernel_has_glued_to_an_answer_are_delivered),
        cmocka_unit_test(a_server_that_names_no_mss_gets_no_record),
        cmocka_unit_test(phantun_gets_no_record),
        cmocka_unit_test(the_next_connection_shows_the_next_value_and_the_ticket),
        cmocka_unit_test(a_rivals_connection_begins_with_a_record_too),
        cmocka_unit_test(datagrams_wait_for_the_answer),
        cmocka_unit_test(datagrams_wait_in_a_bounded_queue),
        cmocka_unit_test(datagrams_do_not_wait_for_ever),
        cmocka_unit_test(datagrams_wait_on_when_the_new_connection_fails_too),
        cmocka_unit_test(a_server_that_has_forgotten_the_flow_begins_another),
        cmocka_unit_test(a_chain_that_is_used_up_is_followed_by_another),
        cmocka_unit_test(each_flow_has_a_chain_of_its_own),
        cmocka_unit_test(a_datagram_that_looks_like_a_record_is_refused),
        cmocka_unit_test(its_neighbours_in_a_burst_are_sent),
        cmocka_unit_test(it_is_refused_when_it_has_waited_for_the_handshake),
        cmocka_unit_test(it_is_refused_by_a_client_that_does_not_resume_too),
        cmocka_unit_test(it_is_a_datagram_once_the_server_has_answered),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
