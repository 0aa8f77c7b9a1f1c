/* On loopback: who floods the listener gets a receive buffer of its own, and nobody notices. */
#include "lanes.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL_BUFFER = 200 << 10, DATAGRAM = 1000 };

static int listener;
static struct ftun_lanes lanes;
static struct ftun_udp_batch *batch;
static struct ftun_socket_address listening_at;
static const struct ftun_address hosts[] = {{.family = FTUN_IPV4, .bytes = {127, 0, 0, 1}},
                                            {.family = FTUN_IPV6, .bytes = {[15] = 1}}};

static uint16_t port_of(int fd)
{
    union ftun_sockaddr address;
    socklen_t len = sizeof address;
    getsockname(fd, &address.any, &len);
    return ftun_sockaddr_to_core(&address).port;
}

static void listen_at(const struct ftun_address *host)
{
    struct ftun_error error;
    const struct ftun_socket_address any_port = at(*host, 0);
    listener = ftun_udp_listen(&any_port, &error);
    assert_true(listener >= 0);
    const int size = SMALL_BUFFER;
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    listening_at = at(*host, port_of(listener));
    ftun_lanes_init(&lanes);
}

static int set_up(void **state)
{
    (void)state;
    batch = ftun_udp_batch_create();
    listen_at(&hosts[0]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ftun_lanes_close(&lanes);
    close(listener);
    ftun_udp_batch_destroy(batch);
    return 0;
}

/* Datagrams that begin with their number, from `first` on. */
static void send_some(int fd, uint32_t first, uint32_t count)
{
    uint8_t bytes[DATAGRAM] = {0};
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t number = first + i;
        memcpy(bytes, &number, sizeof number);
        assert_int_equal(send(fd, bytes, sizeof bytes, 0), (ssize_t)sizeof bytes);
    }
}

static uint32_t number_of(size_t i)
{
    uint32_t number;
    memcpy(&number, ftun_udp_message(batch, i)->data, sizeof number);
    return number;
}

struct heard {
    uint32_t messages;
    uint64_t lost;
};

/* Read the listener once, as the loop does. */
static struct heard hear(uint64_t now_ns)
{
    struct heard heard = {0};
    const int count = ftun_udp_receive(listener, batch, true);
    assert_true(count >= 0);
    heard.messages = (uint32_t)count;
    ftun_lanes_relieve(&lanes, listener, batch, (size_t)count, now_ns, &heard.lost);
    return heard;
}

static struct heard hear_all(void)
{
    struct heard all = {0}, heard;
    do {
        heard = hear(1);
        all.messages += heard.messages;
        all.lost += heard.lost;
    } while (heard.messages > 0);
    return all;
}

static size_t lane_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < FTUN_LANES_MAX; i++)
        count += lanes.at[i].fd >= 0;
    return count;
}

static int read_lane(size_t i, uint64_t *lost)
{
    return ftun_lanes_receive(&lanes, i, batch, 1, lost);
}

static void what_fits_the_buffer_makes_no_lane(void **state)
{
    (void)state;
    const int sender = ftun_udp_connect(&listening_at);
    send_some(sender, 0, 10);
    const struct heard all = hear_all();
    assert_int_equal(all.messages, 10);
    assert_int_equal(all.lost, 0);
    assert_int_equal(lane_count(), 0);
    close(sender);
}

static void every_datagram_that_the_buffer_has_no_room_for_is_counted(void **state)
{
    (void)state;
    const int sender = ftun_udp_connect(&listening_at);
    send_some(sender, 0, 1000);
    const struct heard all = hear_all();
    assert_true(all.lost > 0);
    assert_int_equal(all.messages + all.lost, 1000);
    assert_int_equal(lane_count(), 1);
    close(sender);
}

static void a_flood_has_its_own_buffer_and_others_lose_nothing(void **state)
{
    (void)state;
    for (size_t family = 0; family < LENGTH(hosts); family++) {
        tear_down(NULL);
        batch = ftun_udp_batch_create();
        listen_at(&hosts[family]);
        const int flood = ftun_udp_connect(&listening_at);
        const int light = ftun_udp_connect(&listening_at);
        send_some(flood, 0, 1000);
        hear_all();
        assert_int_equal(lane_count(), 1);

        send_some(flood, 1000, 100000);
        send_some(light, 0, 10);
        const struct heard all = hear_all();
        assert_int_equal(all.messages, 10);
        assert_int_equal(all.lost, 0);

        uint64_t lost = 0;
        uint32_t got = 0;
        for (int count; (count = read_lane(0, &lost)) > 0; got += (uint32_t)count)
            assert_int_equal(ftun_udp_message(batch, 0)->source.port, port_of(flood));
        assert_true(lost > 0);
        assert_int_equal(got + lost, 100000);
        close(flood);
        close(light);
    }
}

static void answers_know_where_a_datagram_of_a_lane_was_sent_to(void **state)
{
    (void)state;
    const int flood = ftun_udp_connect(&listening_at);
    send_some(flood, 0, 1000);
    hear_all();
    send_some(flood, 1000, 1);
    uint64_t lost = 0;
    assert_int_equal(read_lane(0, &lost), 1);
    const struct ftun_udp_message *message = ftun_udp_message(batch, 0);
    assert_int_equal(message->local.family, FTUN_IPV4);
    assert_int_equal(message->local.in.ipi_spec_dst.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(ftun_udp_send(listener, message->reply_to, &message->local,
                                   (const uint8_t *)"answer", 6, 6),
                     0);
    char answer[16];
    assert_int_equal(recv(flood, answer, sizeof answer, MSG_DONTWAIT), 6);
    close(flood);
}

/* F18: what the listener still has is older. */
static void F18_a_lane_is_not_read_before_the_listener_has_nothing_older(void **state)
{
    (void)state;
    const int flood = ftun_udp_connect(&listening_at);
    send_some(flood, 0, 1000);
    assert_int_equal(hear(1).messages, FTUN_UDP_MESSAGES_MAX);
    assert_int_equal(lane_count(), 1);
    send_some(flood, 1000, 1);

    uint64_t lost = 0;
    uint32_t last = FTUN_UDP_MESSAGES_MAX - 1;
    assert_int_equal(read_lane(0, &lost), 0);
    for (uint32_t count; (count = hear(1).messages) > 0;)
        for (size_t i = 0; i < count; i++, last++)
            assert_int_equal(number_of(i), last + 1);
    assert_int_equal(read_lane(0, &lost), 1);
    assert_int_equal(number_of(0), 1000);
    close(flood);
}

static void a_lane_is_read_at_last_though_others_keep_the_listener_full(void **state)
{
    (void)state;
    const int flood = ftun_udp_connect(&listening_at);
    int others[64];
    send_some(flood, 0, 1000);
    assert_int_equal(hear(1).messages, FTUN_UDP_MESSAGES_MAX);
    send_some(flood, 1000, 1);
    for (size_t i = 0; i < LENGTH(others); i++)
        others[i] = ftun_udp_connect(&listening_at);
    unsigned reads = 0;
    uint64_t lost = 0;
    while (read_lane(0, &lost) == 0) {
        for (size_t i = 0; i < LENGTH(others); i++)
            send_some(others[i], 0, 2);
        assert_int_equal(hear(1).messages, FTUN_UDP_MESSAGES_MAX);
        assert_true(++reads < 1000);
    }
    for (size_t i = 0; i < LENGTH(others); i++)
        close(others[i]);
    close(flood);
}

static void floods_of_many_are_not_one_flood(void **state)
{
    (void)state;
    int senders[64];
    for (size_t i = 0; i < LENGTH(senders); i++)
        senders[i] = ftun_udp_connect(&listening_at);
    for (unsigned round = 0; round < 10; round++)
        for (size_t i = 0; i < LENGTH(senders); i++)
            send_some(senders[i], round, 1);
    assert_true(hear_all().lost > 0);
    assert_int_equal(lane_count(), 0);
    for (size_t i = 0; i < LENGTH(senders); i++)
        close(senders[i]);
}

/* A flood for which a lane was made at `now_ns`. */
static int flooding(uint64_t now_ns)
{
    const int flood = ftun_udp_connect(&listening_at);
    send_some(flood, 0, 1000);
    while (hear(now_ns).messages > 0)
        ;
    return flood;
}

static void a_lane_that_has_been_silent_yields_to_another_flood(void **state)
{
    (void)state;
    int floods[FTUN_LANES_MAX + 2];
    for (size_t i = 0; i < FTUN_LANES_MAX; i++)
        floods[i] = flooding(i);
    assert_int_equal(lane_count(), FTUN_LANES_MAX);
    floods[FTUN_LANES_MAX] = flooding(FTUN_LANE_SILENCE - 1);
    for (size_t i = 0; i < FTUN_LANES_MAX; i++)
        assert_int_equal(lanes.at[i].source.port, port_of(floods[i]));

    floods[FTUN_LANES_MAX + 1] = flooding(FTUN_LANE_SILENCE);
    assert_int_equal(lanes.at[0].source.port, port_of(floods[FTUN_LANES_MAX + 1]));
    for (size_t i = 1; i < FTUN_LANES_MAX; i++)
        assert_int_equal(lanes.at[i].source.port, port_of(floods[i]));
    for (size_t i = 0; i < LENGTH(floods); i++)
        close(floods[i]);
}

static void the_source_of_a_lane_that_is_given_up_speaks_to_the_listener(void **state)
{
    (void)state;
    const int flood = flooding(1);
    assert_int_equal(lane_count(), 1);
    ftun_lanes_give_up(&lanes, 0);
    assert_int_equal(lane_count(), 0);
    send_some(flood, 0, 1);
    assert_int_equal(hear(1).messages, 1);
    close(flood);
}

static void the_port_stays_in_use_for_others(void **state)
{
    (void)state;
    const int flood = flooding(1);
    assert_int_equal(lane_count(), 1);
    const union ftun_sockaddr taken = ftun_sockaddr_from_core(&listening_at);
    const int thief = socket(AF_INET, SOCK_DGRAM, 0);
    const int on = 1;
    assert_int_equal(bind(thief, &taken.any, ftun_sockaddr_len(&taken)), -1);
    setsockopt(thief, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(thief, &taken.any, ftun_sockaddr_len(&taken)), -1);
    close(thief);
    close(flood);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_fits_the_buffer_makes_no_lane),
        test(every_datagram_that_the_buffer_has_no_room_for_is_counted),
        test(a_flood_has_its_own_buffer_and_others_lose_nothing),
        test(answers_know_where_a_datagram_of_a_lane_was_sent_to),
        test(F18_a_lane_is_not_read_before_the_listener_has_nothing_older),
        test(a_lane_is_read_at_last_though_others_keep_the_listener_full),
        test(floods_of_many_are_not_one_flood),
        test(a_lane_that_has_been_silent_yields_to_another_flood),
        test(the_source_of_a_lane_that_is_given_up_speaks_to_the_listener),
        test(the_port_stays_in_use_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
