/* A loop whose TUN is a socket, from which the test reads what the loop has written. */
#include "loop.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLOWS = 4 };

static struct ftun_endpoint *endpoint;
static struct ftun_listener listener;
static struct ftun_tun tun;
static struct ftun_watch watches[1];
static struct ftun_loop *loop;
static int network; /* the TUN's other end */
static int application;

static void stop(void *context)
{
    (void)context;
    ftun_loop_stop(loop);
}

static uint16_t port_of(int fd)
{
    union ftun_sockaddr address;
    socklen_t len = sizeof address;
    getsockname(fd, &address.any, &len);
    return ftun_sockaddr_to_core(&address).port;
}

static void create_endpoint(void)
{
    const struct ftun_endpoint_config config = {
        .role = FTUN_CLIENT,
        .path = {at(ipv4(192, 0, 2, 2), 443), ipv4(192, 0, 2, 1)},
        .mtu = 1500,
        .timeouts = {FTUN_NEVER, FTUN_NEVER, FTUN_NEVER},
        .max_flows = FLOWS,
        .pending_slots = FLOWS,
        .reassembly_slots = 1,
    };
    endpoint = ftun_endpoint_create(&config, malloc(ftun_endpoint_size(&config)));
}

static int set_up(void **state)
{
    (void)state;
    struct ftun_error error;
    const struct ftun_socket_address any_port = at(ipv4(127, 0, 0, 1), 0);
    int ends[2];
    create_endpoint();
    assert_true(ftun_listener_open(&listener, NULL, &any_port, FLOWS, &error));
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    tun = (struct ftun_tun){.fd = ends[0]};
    network = ends[1];
    watches[0] = (struct ftun_watch){.fd = eventfd(0, EFD_NONBLOCK), .ready = stop};
    const struct ftun_loop_config config = {
        .endpoint = endpoint,
        .role = FTUN_CLIENT,
        .tun = &tun,
        .listener = &listener,
        .signal_fd = -1,
        .workers = 1,
        .watches = watches,
        .watch_count = 1,
    };
    loop = ftun_loop_create(&config, &error);
    assert_non_null(loop);
    const struct ftun_socket_address there = at(any_port.ip, port_of(listener.fd));
    application = ftun_udp_connect(&there);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ftun_loop_destroy(loop);
    ftun_listener_close(&listener);
    ftun_tun_close(&tun);
    close(network);
    close(application);
    close(watches[0].fd);
    free(endpoint);
    return 0;
}

/* The order of a turn's events is that in which they came. */
static void what_applications_send_in_the_turn_of_the_stop_opens_no_flow(void **state)
{
    (void)state;
    struct ftun_error error;
    uint8_t segment[128];
    eventfd_write(watches[0].fd, 1);
    assert_int_equal(send(application, "late", 4, 0), 4);
    assert_true(ftun_loop_run(loop, &error));
    assert_int_equal(ftun_endpoint_counters(endpoint)->flows_opened, 0);
    assert_int_equal(recv(network, segment, sizeof segment, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_applications_send_in_the_turn_of_the_stop_opens_no_flow, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
