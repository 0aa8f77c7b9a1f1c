#include "connection.h"
#include "prove.h"

/* Everything that ftun_connection_valid() says of single fields, and nothing of what it says of
 * two: whatever the sequence numbers and times. */
static struct ftun_connection any_connection(const struct ftun_profile *profile, uint8_t state)
{
    struct ftun_connection connection;
    any_bytes(&connection, sizeof connection);
    connection.profile = profile;
    connection.state = state;
    connection.mss = Frama_C_unsigned_short_interval(1, UINT16_MAX);
    connection.peer_window_scale = (uint8_t)any_size(0, FTUN_WINDOW_SCALE_MAX);
    connection.liveness.probes = (uint8_t)any_size(0, FTUN_PROBES_MAX);
    connection.retries = (uint8_t)any_size(0, FTUN_SYN_RETRIES);
    connection.ack_due = any_bool();
    connection.peer_named_mss = any_bool();
    connection.conversed = any_bool();
    connection.timestamps = any_bool();
    connection.window.scale = (uint8_t)any_size(0, FTUN_WINDOW_SCALE_MAX);
    return connection;
}

static void check(const struct ftun_connection *connection, const struct ftun_profile *profile)
{
    //@ assert connection->profile == profile;
    //@ assert connection->state <= FTUN_TIME_WAIT;
    //@ assert connection->mss > 0;
    //@ assert connection->peer_window_scale <= FTUN_WINDOW_SCALE_MAX;
    //@ assert connection->retries <= FTUN_SYN_RETRIES;
    ftun_connection_valid(connection);
    //@ assert connection->liveness.probes <= FTUN_PROBES_MAX;
    const struct ftun_timeouts timeouts = {any_u64(), any_u64(), any_u64()};
    ftun_connection_deadline(connection, &timeouts);
}

static struct ftun_tcp_header any_segment(void)
{
    struct ftun_tcp_header tcp;
    any_bytes(&tcp, sizeof tcp);
    tcp.options_len = (uint8_t)any_size(0, FTUN_TCP_OPTIONS_MAX);
    return tcp;
}

static void segment_comes(const struct ftun_profile *profile, uint8_t state)
{
    struct ftun_connection connection = any_connection(profile, state);
    const struct ftun_tcp_header tcp = any_segment();
    struct ftun_step step;
    ftun_connection_segment(&connection, any_u64(), &tcp, any_size(0, FTUN_IP_PACKET_MAX),
                            any_size(1, FTUN_IP_PACKET_MAX), &step);
    check(&connection, profile);
    //@ assert step.segment.options_len <= FTUN_TCP_OPTIONS_MAX;
}

static void time_passes(const struct ftun_profile *profile, uint8_t state)
{
    struct ftun_connection connection = any_connection(profile, state);
    struct ftun_step step;
    const struct ftun_timeouts timeouts = {any_u64(), any_u64(), any_u64()};
    ftun_connection_timeout(&connection, any_u64(), &timeouts, &step);
    check(&connection, profile);
    //@ assert step.segment.options_len <= FTUN_TCP_OPTIONS_MAX;
}

static void turn_ends(const struct ftun_profile *profile, uint8_t state)
{
    struct ftun_connection connection = any_connection(profile, state);
    struct ftun_step step;
    ftun_connection_end_turn(&connection, any_u64(), &step);
    check(&connection, profile);
}

static void application_closes(const struct ftun_profile *profile, uint8_t state)
{
    struct ftun_connection connection = any_connection(profile, state);
    const enum ftun_close_reason reason =
        (enum ftun_close_reason)Frama_C_unsigned_int_interval(0, FTUN_CLOSED_DEAD + 1);
    struct ftun_step step;
    ftun_connection_close(&connection, any_u64(), reason, &step);
    check(&connection, profile);
    ftun_connection_abort(&connection, reason, &step);
    check(&connection, profile);
    ftun_close_reason_text(reason);
}

static void data_leaves(const struct ftun_profile *profile, uint8_t state)
{
    struct ftun_connection connection = any_connection(profile, state);
    const size_t len = any_size(1, FTUN_BURST_MAX);
    const size_t stride = any_size(1, FTUN_BURST_MAX);
    ftun_connection_sendable(&connection, any_u64(), len, stride);
    ftun_connection_probe_window(&connection, any_u64());
    check(&connection, profile);
    ftun_connection_has_sent(&connection, any_u32());
    struct ftun_tcp_header header;
    uint16_t ip_id;
    ftun_connection_data(&connection, any_u64(), len, any_size(1, FTUN_BURST_MAX), &header, &ip_id);
    check(&connection, profile);
}

static void opening_leaves(const struct ftun_profile *profile, uint8_t state)
{
    struct ftun_connection connection = any_connection(profile, state);
    ftun_connection_opening(&connection, any_u64());
    ftun_connection_opening_answered(&connection);
    ftun_connection_linger(&connection, any_u64());
    check(&connection, profile);
}

static void path_changes(const struct ftun_profile *profile, uint8_t state)
{
    struct ftun_connection connection = any_connection(profile, state);
    ftun_connection_ask(&connection, any_u64());
    check(&connection, profile);
    ftun_connection_dial_now(&connection, any_u64());
    ftun_connection_give_up_dialing(&connection);
    check(&connection, profile);
}

static void begin(const struct ftun_profile *profile)
{
    struct ftun_connection connection;
    struct ftun_step step;
    const uint16_t mss = Frama_C_unsigned_short_interval(1, UINT16_MAX);
    ftun_connection_connect(&connection, any_u64(), any_u64(), profile, any_u32(), mss, any_u64(),
                            &step);
    check(&connection, profile);
    const struct ftun_tcp_header ack = any_segment();
    ftun_connection_accept(&connection, any_u64(), profile, &ack, mss,
                           (uint8_t)any_size(0, FTUN_WINDOW_SCALE_MAX), any_u64());
    check(&connection, profile);
}

static void prove(const struct ftun_profile *profile)
{
    begin(profile);
    //@ loop unroll 8;
    for (uint8_t state = FTUN_CLOSED; state <= FTUN_TIME_WAIT; state++) {
        segment_comes(profile, state);
        time_passes(profile, state);
        turn_ends(profile, state);
        application_closes(profile, state);
        data_leaves(profile, state);
        opening_leaves(profile, state);
        path_changes(profile, state);
    }
}

int main(void)
{
    prove(&ftun_profile_linux);
    prove(&ftun_profile_phantun);
    return 0;
}
