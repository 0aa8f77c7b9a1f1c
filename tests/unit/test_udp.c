/* On loopback: what is sent in one call comes out as bursts. */
#include "udp.h"
#include "unit.h"

#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int receiver, sender, other;
static struct ftun_udp_batch *batch;
static struct ftun_slice slices[FTUN_UDP_MESSAGES_MAX];

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &len);
    return ntohs(address.sin_port);
}

static int set_up(void **state)
{
    (void)state;
    struct ftun_error error;
    const struct ftun_socket_address any_port = at(ipv4(127, 0, 0, 1), 0);
    receiver = ftun_udp_listen(&any_port, &error);
    assert_true(receiver >= 0);
    const struct ftun_socket_address to = at(ipv4(127, 0, 0, 1), port_of(receiver));
    sender = ftun_udp_connect(&to);
    other = ftun_udp_connect(&to);
    batch = ftun_udp_batch_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(receiver);
    close(sender);
    close(other);
    ftun_udp_batch_destroy(batch);
    return 0;
}

static void send_one(int fd, size_t len)
{
    static const uint8_t bytes[2000];
    assert_int_equal(send(fd, bytes, len, 0), (ssize_t)len);
}

/* The bursts of one receive call as "LENxSTRIDE ...". */
static const char *bursts(void)
{
    static char text[256];
    size_t used = 0;
    ftun_udp_taken taken = 0;
    const struct ftun_udp_message *head;
    const int count = ftun_udp_receive(receiver, batch, true);
    text[0] = '\0';
    while (count > 0 && ftun_udp_left((size_t)count, taken)) {
        const struct ftun_burst burst =
            ftun_udp_next_burst(batch, (size_t)count, &taken, slices, &head);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%zux%zu", used > 0 ? " " : "",
                                 burst.len, burst.stride);
    }
    return text;
}

static void adjacent_datagrams_of_one_size_are_one_burst(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        send_one(sender, 100);
    assert_string_equal(bursts(), "400x100");
}

static void a_shorter_datagram_ends_a_burst(void **state)
{
    (void)state;
    send_one(sender, 100);
    send_one(sender, 100);
    send_one(sender, 50);
    send_one(sender, 50);
    send_one(sender, 100);
    assert_string_equal(bursts(), "250x100 50x50 100x100");
}

static void another_source_or_a_larger_size_begins_a_burst(void **state)
{
    (void)state;
    send_one(sender, 100);
    send_one(other, 100);
    send_one(other, 101);
    assert_string_equal(bursts(), "100x100 100x100 101x101");
}

static void datagrams_of_two_sources_that_alternate_are_two_bursts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        send_one(sender, 100);
        send_one(other, 200);
    }
    send_one(sender, 300); /* ends the first burst: order within a source is kept */
    send_one(sender, 100);
    assert_string_equal(bursts(), "300x100 600x200 400x300");
}

static void an_empty_datagram_stands_alone(void **state)
{
    (void)state;
    send_one(sender, 100);
    send_one(sender, 0);
    send_one(sender, 100);
    assert_string_equal(bursts(), "100x100 0x0 100x100");
}

static void a_burst_never_exceeds_a_packet(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++)
        send_one(sender, 1400);
    assert_string_equal(bursts(), "64400x1400 25200x1400");
}

static size_t received(bool filled)
{
    const int count = ftun_udp_receive(receiver, batch, true);
    assert_true(count >= 0);
    assert_int_equal(ftun_udp_filled(batch, count), filled);
    return (size_t)count;
}

static void after_large_messages_a_call_takes_fewer(void **state)
{
    (void)state;
    static const uint8_t large[60000];
    assert_int_equal(send(sender, large, sizeof large, 0), sizeof large);
    assert_int_equal(received(false), 1);
    for (unsigned i = 0; i < 20; i++)
        send_one(sender, 100);
    assert_int_equal(received(true), 17); /* of 60,000 bytes those would be a mebibyte */
    assert_int_equal(received(false), 3);
}

static void small_messages_are_taken_as_many_as_there_is_room_for(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FTUN_UDP_MESSAGES_MAX + 1; i++)
        send_one(sender, i % 2); /* some are empty */
    assert_int_equal(received(true), FTUN_UDP_MESSAGES_MAX);
    assert_int_equal(received(false), 1);
    assert_int_equal(received(false), 0);
}

static void what_is_sent_as_a_burst_arrives_as_its_datagrams(void **state)
{
    (void)state;
    static uint8_t bytes[65535];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    static const struct {
        size_t len, stride;
    } rows[] = {{100, 100}, {1000, 300}, {65507, 65507}, {65000, 1400}, {200, 1}, {1, 1}};
    const int off = 0;
    setsockopt(receiver, SOL_UDP, 104 /* UDP_GRO */, &off, sizeof off);
    for (size_t row = 0; row < LENGTH(rows); row++) {
        const size_t len = rows[row].len, stride = rows[row].stride;
        assert_int_equal(ftun_udp_send(sender, NULL, NULL, bytes, len, stride), 0);
        for (size_t sent = 0; sent < len; sent += stride) {
            static uint8_t got[65536];
            const size_t expected = len - sent < stride ? len - sent : stride;
            assert_int_equal(recv(receiver, got, sizeof got, MSG_DONTWAIT), (ssize_t)expected);
            assert_memory_equal(got, bytes + sent, expected);
        }
    }
}

/* F33: answers leave from the address that was spoken to. */
static void F33_an_answer_leaves_from_the_address_spoken_to(void **state)
{
    (void)state;
    struct ftun_error error;
    const struct ftun_socket_address any = at(ipv4(0, 0, 0, 0), 0);
    const int everywhere = ftun_udp_listen(&any, &error);
    const struct ftun_socket_address to = at(ipv4(127, 0, 0, 9), port_of(everywhere));
    const int client = ftun_udp_connect(&to); /* takes answers from 127.0.0.9 only */
    send_one(client, 10);
    assert_int_equal(ftun_udp_receive(everywhere, batch, true), 1);
    const struct ftun_udp_message *message = ftun_udp_message(batch, 0);
    assert_int_equal(ftun_udp_send(everywhere, message->reply_to, &message->local,
                                   (const uint8_t *)"answer", 6, 6),
                     0);
    char got[16];
    assert_int_equal(recv(client, got, sizeof got, MSG_DONTWAIT), 6);
    close(client);
    close(everywhere);
}

/* F09: one dead upstream closes the fake connection in Phantun. */
static void F09_a_refused_datagram_leaves_the_socket_usable(void **state)
{
    (void)state;
    const uint16_t port = port_of(receiver);
    close(receiver);
    send_one(sender, 10); /* answered by "port unreachable" */
    assert_int_equal(ftun_udp_receive(sender, batch, false), -1);
    struct ftun_error error;
    const struct ftun_socket_address again = at(ipv4(127, 0, 0, 1), port);
    receiver = ftun_udp_listen(&again, &error);
    assert_true(receiver >= 0);
    send_one(sender, 10);
    assert_string_equal(bursts(), "10x10");
}

static void a_port_in_use_is_named(void **state)
{
    (void)state;
    struct ftun_error error;
    const struct ftun_socket_address taken = at(ipv4(127, 0, 0, 1), port_of(receiver));
    assert_int_equal(ftun_udp_listen(&taken, &error), -1);
    assert_non_null(strstr(error.text, "is in use by another program"));
}

/* A stream that the far end has closed gives nothing, and that without end, as a flood gives
 * messages. */
static void discarding_ends_though_there_is_always_more(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    close(ends[1]);
    assert_true(ftun_udp_discard(ends[0]) > 0);
    close(ends[0]);
}

static void what_a_buffer_holds_is_discarded(void **state)
{
    (void)state;
    size_t held = 0;
    struct ftun_udp_buffer buffer;
    do {
        assert_int_equal(send(sender, NULL, 0, 0), 0);
        assert_true(ftun_udp_look(receiver, &buffer));
        held += buffer.dropped == 0;
    } while (buffer.dropped == 0);
    assert_int_equal(ftun_udp_discard(receiver), held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(adjacent_datagrams_of_one_size_are_one_burst, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_shorter_datagram_ends_a_burst, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_source_or_a_larger_size_begins_a_burst, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(datagrams_of_two_sources_that_alternate_are_two_bursts,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_datagram_stands_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_burst_never_exceeds_a_packet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_large_messages_a_call_takes_fewer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_messages_are_taken_as_many_as_there_is_room_for,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_sent_as_a_burst_arrives_as_its_datagrams, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(F33_an_answer_leaves_from_the_address_spoken_to, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(F09_a_refused_datagram_leaves_the_socket_usable, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_port_in_use_is_named, set_up, tear_down),
        cmocka_unit_test(discarding_ends_though_there_is_always_more),
        cmocka_unit_test_setup_teardown(what_a_buffer_holds_is_discarded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
