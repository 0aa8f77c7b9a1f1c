/* A server whose clients come back: docs/resumption.md. The clients' records are made by hand; each
 * client's first sequence number is 100, so that its record stands at 101. */
#include "cookie.h"
#include "endpoint_fixture.h"
#include "endpoint_state.h"

#include <string.h>

enum { FIRST = 101, BEHIND = FIRST + FTUN_RESUME_RECORD };

static const struct ftun_hash_key secret = {{7, 7, 7}}; /* of all clients here */

static struct ftun_resume_value value_at(unsigned index)
{
    return ftun_resume_chain_value(&secret, 1, index);
}

static struct ftun_resume_record record_of(unsigned index, uint64_t ticket)
{
    return (struct ftun_resume_record){
        .value = value_at(index), .keep = value_at(index), .ticket = ticket};
}

static void start_server(void)
{
    struct ftun_endpoint_config c = server_config();
    c.resumption = true;
    create(c);
}

/* A client at `port` shakes hands, and no more. */
static void connect_client(uint16_t port)
{
    established_server(port);
    assert_string_equal(happened(), "");
}

static void give_record(uint16_t port, uint32_t sequence, const struct ftun_resume_record *record)
{
    uint8_t bytes[FTUN_RESUME_RECORD];
    ftun_resume_record_write(record, bytes);
    give_bytes(a_client(port), FTUN_ACK | FTUN_PSH, sequence, own_isn + 1, bytes, sizeof bytes, 0);
}

static void say(uint16_t port, const char *text)
{
    give(a_client(port), FTUN_ACK | FTUN_PSH, BEHIND, own_isn + 1, text);
}

/* The answer to a record of this value, among the last actions; `at`: the action. */
static struct ftun_resume_answer answer_to(struct ftun_resume_value value, size_t *at)
{
    struct ftun_resume_answer answer = {0};
    for (*at = 0; *at < actions.count; ++*at) {
        const struct ftun_action *action = &actions.at[*at];
        if (action->kind == FTUN_ACTION_SEND && action->send.data != NULL &&
            ftun_resume_answer_read(action->send.data, action->send.segment.payload_len, &value,
                                    &answer))
            return answer;
    }
    fail_msg("no answer");
    return answer;
}

static struct ftun_resume_answer answer_of(unsigned index)
{
    size_t at;
    return answer_to(value_at(index), &at);
}

/* A flow of the client at `port`: its record, its first datagram. Returns its ticket. */
static uint64_t begin_flow(uint16_t port)
{
    const struct ftun_resume_record record = record_of(0, FTUN_NO_TICKET);
    connect_client(port);
    give_record(port, FIRST, &record);
    const struct ftun_resume_answer answer = answer_of(0);
    assert_false(answer.resumed);
    say(port, "ping");
    happened();
    return answer.ticket;
}

/* The client at `port` shows its value `index`; true when a flow goes on. */
static bool resumes(uint16_t port, unsigned index, uint64_t ticket)
{
    const struct ftun_resume_record record = record_of(index, ticket);
    connect_client(port);
    give_record(port, FIRST, &record);
    return answer_of(index).resumed;
}

/* Which is repeated FINs, and no more. */
static void forget_the_old_connection(void)
{
    const uint64_t end = now + FTUN_FIN_PATIENCE;
    while (ftun_endpoint_deadline(endpoint) <= end) {
        now = ftun_endpoint_deadline(endpoint);
        ftun_endpoint_timeout(endpoint, now, &actions);
        for (size_t i = 0; i < actions.count; i++)
            assert_int_equal(actions.at[i].kind, FTUN_ACTION_SEND);
        happened();
    }
}

/* --- beginning ---------------------------------------------------------------------------- */

static void a_handshake_without_data_opens_nothing(void **state)
{
    (void)state;
    start_server();
    connect_client(1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_opened, 0);
    now += FTUN_IDLE_TIMEOUT_DEFAULT;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "> F. 1:1(0) ack 101 win 63"); /* and closes nothing */
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 0);
}

static void a_flow_that_nobody_knows_of_sends_nothing(void **state)
{
    (void)state;
    start_server();
    connect_client(1);
    assert_int_equal(send_datagrams(0, 20, 10), 20);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_CLOSING), 2);
}

static void the_first_datagram_opens_the_flow(void **state)
{
    (void)state;
    start_server();
    connect_client(1);
    give(a_client(1), FTUN_ACK | FTUN_PSH, FIRST, own_isn + 1, "ping");
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460 | "
                                    "deliver flow 0 bytes 4 stride 4");
}

static void a_record_is_answered_and_not_delivered(void **state)
{
    (void)state;
    start_server();
    const struct ftun_resume_record record = record_of(0, FTUN_NO_TICKET);
    connect_client(1);
    give_record(1, FIRST, &record);
    assert_int_not_equal(answer_of(0).ticket, FTUN_NO_TICKET);
    assert_string_equal(happened(), "> P. 1:25(24) ack 149 win 63");
    say(1, "ping");
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460 | "
                                    "deliver flow 0 bytes 4 stride 4");
}

static void a_record_completes_the_handshake_when_the_third_packet_is_lost(void **state)
{
    (void)state;
    start_server();
    const struct ftun_resume_record record = record_of(0, FTUN_NO_TICKET);
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    give_record(1, FIRST, &record);
    assert_string_equal(happened(), "> P. 1:25(24) ack 149 win 63");
}

/* Its sequence number is one less than the next. */
static void a_record_is_known_when_a_probe_has_completed_the_handshake(void **state)
{
    (void)state;
    start_server();
    const struct ftun_resume_record record = record_of(0, FTUN_NO_TICKET);
    give(a_client(1), FTUN_SYN, 100, 0, "");
    happened();
    give(a_client(1), FTUN_ACK, FIRST - 1, own_isn + 1, "");
    happened();
    give_record(1, FIRST, &record);
    assert_string_equal(happened(), "> P. 1:25(24) ack 149 win 63");
}

static void what_the_kernel_has_glued_to_a_record_is_delivered(void **state)
{
    (void)state;
    start_server();
    const struct ftun_resume_record record = record_of(0, FTUN_NO_TICKET);
    uint8_t bytes[FTUN_RESUME_RECORD + 4] = {[FTUN_RESUME_RECORD] = 'p', 'i', 'n', 'g'};
    ftun_resume_record_write(&record, bytes);
    connect_client(1);
    give_bytes(a_client(1), FTUN_ACK | FTUN_PSH, FIRST, own_isn + 1, bytes, sizeof bytes,
               FTUN_RESUME_RECORD);
    assert_memory_equal(actions.at[3].deliver.data, "ping", 4);
    assert_string_equal(happened(), "> P. 1:25(24) ack 153 win 63 | "
                                    "open | established flow 0 profile linux mss 1460 | "
                                    "deliver flow 0 bytes 4 stride 4");
    assert_int_equal(ftun_endpoint_counters(endpoint)->datagrams_delivered, 1);
}

/* --- going on ----------------------------------------------------------------------------- */

static void a_record_that_follows_goes_on_with_the_flow(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    const uint32_t old_isn = own_isn;
    connect_client(2);
    const struct ftun_resume_record record = record_of(1, ticket);
    give_record(2, FIRST, &record);
    assert_true(answer_of(1).resumed);
    assert_true(answer_of(1).ticket == ticket);
    assert_int_equal(actions.count, 3);
    const struct ftun_segment *fin = &actions.at[0].send.segment;
    assert_int_equal(fin->tcp.flags, FTUN_FIN | FTUN_ACK);
    assert_int_equal(fin->tcp.sequence, old_isn + 1 + FTUN_RESUME_ANSWER);
    assert_int_equal(fin->tuple.remote.port, 1);
    assert_int_equal(actions.at[1].established.tuple.remote.port, 2);
    assert_non_null(strstr(happened(), "| established flow 0 profile linux mss 1460 again | "));
    say(2, "ping");
    assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
    send_datagrams(0, 4, 4);
    assert_int_equal(actions.at[0].send.segment.tuple.remote.port, 2);
    assert_string_equal(happened(), "> P. 25:29(4) ack 153 win 63");
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_resumed, 1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_opened, 1);
}

static void the_old_connection_goes_away_and_the_flow_stays(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    assert_true(resumes(2, 1, ticket));
    happened();
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 2);
    forget_the_old_connection();
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_closed, 0);
}

static void a_flow_goes_on_again_and_again(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    for (unsigned i = 1; i < FTUN_RESUME_CHAIN; i++) {
        assert_true(resumes((uint16_t)(1 + i), i, ticket));
        happened();
        forget_the_old_connection();
    }
}

static void records_that_never_came_are_skipped(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    assert_true(resumes(2, FTUN_RESUME_SKIPS, ticket));
}

static void too_many_lost_records_begin_a_flow(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    assert_false(resumes(2, FTUN_RESUME_SKIPS + 1, ticket));
}

static void the_last_value_of_a_chain_brings_the_next(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    struct ftun_resume_record record = record_of(1, ticket);
    record.keep = ftun_resume_chain_value(&secret, 2, 0);
    connect_client(2);
    give_record(2, FIRST, &record);
    assert_true(answer_of(1).resumed);
    happened();
    assert_false(resumes(3, 2, ticket));
    record.value = record.keep = ftun_resume_chain_value(&secret, 2, 1);
    connect_client(4);
    give_record(4, FIRST, &record);
    size_t at;
    assert_true(answer_to(record.value, &at).resumed);
}

/* --- resets ------------------------------------------------------------------------------- */

/* The client at port 1, with flow 0, its first datagram and an RST. Returns the ticket. */
static uint64_t begin_and_reset_flow(void)
{
    start_server();
    const uint64_t ticket = begin_flow(1);
    give(a_client(1), FTUN_RST, BEHIND + 4, 0, "");
    assert_string_equal(happened(), "");
    return ticket;
}

static void F08_a_flow_goes_on_when_both_ends_were_reset(void **state)
{
    (void)state;
    const uint64_t ticket = begin_and_reset_flow();
    const struct ftun_resume_record record = record_of(1, ticket);
    connect_client(2);
    give_record(2, FIRST, &record);
    assert_true(answer_of(1).resumed);
    assert_string_equal(happened(), "established flow 0 profile linux mss 1460 again | "
                                    "> P. 1:25(24) ack 149 win 63");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
    say(2, "ping");
    assert_string_equal(happened(), "deliver flow 0 bytes 4 stride 4");
    now += FTUN_TIME_WAIT_DURATION;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 1);
}

static void a_flow_that_was_reset_ends_when_nobody_comes_back(void **state)
{
    (void)state;
    begin_and_reset_flow();
    now += FTUN_TIME_WAIT_DURATION - 1;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "");
    now += 1;
    ftun_endpoint_timeout(endpoint, now, &actions);
    assert_string_equal(happened(), "close flow 0: reset by the peer");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
}

static void meanwhile_it_carries_nothing(void **state)
{
    (void)state;
    begin_and_reset_flow();
    send_datagrams(0, 20, 10);
    assert_string_equal(happened(), "");
    assert_int_equal(refused(FTUN_REFUSED_FLOW_CLOSING), 2);
    give(a_client(1), FTUN_ACK | FTUN_PSH, BEHIND + 4, own_isn + 1, "data");
    assert_string_equal(happened(), "> R 1:1(0) win 0");
    assert_int_equal(refused(FTUN_REFUSED_NOT_OURS_FLOW), 1);
}

static void meanwhile_it_can_be_closed(void **state)
{
    (void)state;
    begin_and_reset_flow();
    ftun_endpoint_close(endpoint, now, 0, &actions);
    assert_string_equal(happened(), "close flow 0: closed by this end");
    begin_and_reset_flow();
    assert_false(ftun_endpoint_close_all(endpoint, now, &actions));
    assert_string_equal(happened(), "close flow 0: closed by this end");
    assert_int_equal(ftun_endpoint_flow_count(endpoint), 0);
}

static void a_flow_without_a_ticket_ends_when_it_is_reset(void **state)
{
    (void)state;
    start_server();
    connect_client(1);
    say(1, "ping");
    happened();
    give(a_client(1), FTUN_RST, BEHIND + 4, 0, "");
    assert_string_equal(happened(), "close flow 0: reset by the peer");
}

/* --- what was lost ------------------------------------------------------------------------ */

static void a_record_that_comes_again_is_answered_again_with_the_same_bytes(void **state)
{
    (void)state;
    start_server();
    const struct ftun_resume_record record = record_of(0, FTUN_NO_TICKET);
    uint8_t first[FTUN_RESUME_ANSWER];
    connect_client(1);
    give_record(1, FIRST, &record);
    memcpy(first, actions.at[0].send.data, sizeof first);
    assert_string_equal(happened(), "> P. 1:25(24) ack 149 win 63");
    say(1, "ping");
    send_datagrams(0, 4, 4);
    happened();
    give_record(1, FIRST, &record);
    assert_memory_equal(actions.at[0].send.data, first, sizeof first);
    assert_string_equal(happened(), "> P. 29:53(24) ack 153 win 63");
}

static void that_a_flow_goes_on_is_said_again_too(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    const struct ftun_resume_record record = record_of(1, ticket);
    assert_true(resumes(2, 1, ticket));
    happened();
    give_record(2, FIRST, &record);
    assert_true(answer_of(1).resumed);
    assert_int_equal(actions.count, 1);
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_resumed, 1);
}

/* The client gave up waiting for the answer, and its record comes last. */
static void a_flow_that_has_begun_is_not_joined_with_another(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    const struct ftun_resume_record record = record_of(1, ticket);
    connect_client(2);
    say(2, "ping");
    assert_string_equal(happened(), "open | established flow 1 profile linux mss 1460 | "
                                    "deliver flow 1 bytes 4 stride 4");
    give_record(2, FIRST, &record);
    assert_false(answer_of(1).resumed);
    assert_true(answer_of(1).ticket != ticket);
    assert_string_equal(happened(), "> P. 1:25(24) ack 153 win 63");
}

/* --- what is no record -------------------------------------------------------------------- */

static void a_record_may_stand_behind_datagrams(void **state)
{
    (void)state;
    start_server();
    const struct ftun_resume_record record = record_of(0, FTUN_NO_TICKET);
    connect_client(1);
    give_record(1, BEHIND, &record);
    assert_string_equal(happened(), "> P. 1:25(24) ack 197 win 63");
}

static void a_second_record_is_a_datagram(void **state)
{
    (void)state;
    start_server();
    begin_flow(1);
    const struct ftun_resume_record another = record_of(1, FTUN_NO_TICKET);
    give_record(1, FIRST, &another);
    assert_string_equal(happened(), "deliver flow 0 bytes 48 stride 48");
}

static void forty_eight_other_bytes_are_a_datagram(void **state)
{
    (void)state;
    start_server();
    uint8_t bytes[FTUN_RESUME_RECORD] = {0};
    connect_client(1);
    give_bytes(a_client(1), FTUN_ACK | FTUN_PSH, FIRST, own_isn + 1, bytes, sizeof bytes, 0);
    assert_string_equal(happened(), "open | established flow 0 profile linux mss 1460 | "
                                    "deliver flow 0 bytes 48 stride 48");
}

static void a_phantun_client_sends_no_records(void **state)
{
    (void)state;
    start_server();
    const struct ftun_tuple tuple = {.local = a_client(1).to, .remote = a_client(1).address};
    const struct ftun_tcp_options phantuns = {.window_scale = 14, .has_window_scale = true};
    own_isn = ftun_cookie_make(&config.key, now, &tuple, &phantuns);
    give(a_client(1), FTUN_ACK, 1, own_isn + 1, "");
    assert_string_equal(happened(), "open | established flow 0 profile phantun mss 1460");
    const struct ftun_resume_record record = record_of(0, FTUN_NO_TICKET);
    give_record(1, 1, &record);
    assert_string_equal(happened(), "deliver flow 0 bytes 48 stride 48");
}

static void a_server_that_does_not_resume_delivers_all(void **state)
{
    (void)state;
    create(server_config());
    established_server(1);
    happened();
    const struct ftun_resume_record record = record_of(0, FTUN_NO_TICKET);
    give_record(1, FIRST, &record);
    assert_string_equal(happened(), "deliver flow 0 bytes 48 stride 48");
}

/* --- strangers ---------------------------------------------------------------------------- */

static void a_record_that_was_seen_goes_on_with_nothing(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    assert_true(resumes(2, 1, ticket));
    assert_false(resumes(3, 1, ticket));
    assert_true(resumes(4, 2, ticket)); /* the client's own */
}

static void an_older_value_goes_on_with_nothing(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    assert_true(resumes(2, 2, ticket));
    assert_false(resumes(3, 0, ticket));
    assert_true(resumes(4, 3, ticket));
}

/* Who has begun a flow with a value that he saw does not get the client's next datagrams, even
 * when the client's flow has ended. */
static void nobodys_flow_goes_on_as_another(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    ftun_endpoint_close(endpoint, now, 0, &actions);
    happened();
    assert_false(resumes(3, 0, ticket));
    say(3, "mine");
    happened();
    assert_false(resumes(4, 1, ticket));
}

static void a_right_value_with_another_ticket_goes_on_with_nothing(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    assert_false(resumes(2, 1, FTUN_NO_TICKET));
    assert_false(resumes(3, 1, ticket ^ UINT64_C(1) << 40));
    assert_false(resumes(4, 1, ticket | 0xffff)); /* no such flow */
}

static void the_ticket_of_a_flow_that_has_ended_is_worth_nothing(void **state)
{
    (void)state;
    start_server();
    const uint64_t ticket = begin_flow(1);
    ftun_endpoint_close(endpoint, now, 0, &actions);
    happened();
    assert_false(resumes(2, 1, ticket));
}

static void a_connection_does_not_go_on_over_itself(void **state)
{
    (void)state;
    start_server();
    const struct ftun_resume_record record = record_of(0, UINT64_C(1) << 63);
    connect_client(1);
    give_record(1, FIRST, &record);
    assert_false(answer_of(0).resumed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_without_data_opens_nothing),
        cmocka_unit_test(a_flow_that_nobody_knows_of_sends_nothing),
        cmocka_unit_test(the_first_datagram_opens_the_flow),
        cmocka_unit_test(a_record_is_answered_and_not_delivered),
        cmocka_unit_test(a_record_completes_the_handshake_when_the_third_packet_is_lost),
        cmocka_unit_test(a_record_is_known_when_a_probe_has_completed_the_handshake),
        cmocka_unit_test(what_the_kernel_has_glued_to_a_record_is_delivered),
        cmocka_unit_test(a_record_that_follows_goes_on_with_the_flow),
        cmocka_unit_test(the_old_connection_goes_away_and_the_flow_stays),
        cmocka_unit_test(a_flow_goes_on_again_and_again),
        cmocka_unit_test(records_that_never_came_are_skipped),
        cmocka_unit_test(too_many_lost_records_begin_a_flow),
        cmocka_unit_test(the_last_value_of_a_chain_brings_the_next),
        cmocka_unit_test(F08_a_flow_goes_on_when_both_ends_were_reset),
        cmocka_unit_test(a_flow_that_was_reset_ends_when_nobody_comes_back),
        cmocka_unit_test(meanwhile_it_carries_nothing),
        cmocka_unit_test(meanwhile_it_can_be_closed),
        cmocka_unit_test(a_flow_without_a_ticket_ends_when_it_is_reset),
        cmocka_unit_test(a_record_that_comes_again_is_answered_again_with_the_same_bytes),
        cmocka_unit_test(that_a_flow_goes_on_is_said_again_too),
        cmocka_unit_test(a_flow_that_has_begun_is_not_joined_with_another),
        cmocka_unit_test(a_record_may_stand_behind_datagrams),
        cmocka_unit_test(a_second_record_is_a_datagram),
        cmocka_unit_test(forty_eight_other_bytes_are_a_datagram),
        cmocka_unit_test(a_phantun_client_sends_no_records),
        cmocka_unit_test(a_server_that_does_not_resume_delivers_all),
        cmocka_unit_test(a_record_that_was_seen_goes_on_with_nothing),
        cmocka_unit_test(an_older_value_goes_on_with_nothing),
        cmocka_unit_test(nobodys_flow_goes_on_as_another),
        cmocka_unit_test(a_right_value_with_another_ticket_goes_on_with_nothing),
        cmocka_unit_test(the_ticket_of_a_flow_that_has_ended_is_worth_nothing),
        cmocka_unit_test(a_connection_does_not_go_on_over_itself),
    };
    return cmocka_run_group_tests(tests, NULL, endpoint_tear_down);
}
