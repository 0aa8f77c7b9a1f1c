/* What sock_diag tells of sockets on the loopback device. */
#include "sockaddr.h"
#include "sockets.h"
#include "unit.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct ftun_socket_address any_port = {
    .ip = {.bytes = {127, 0, 0, 1}, .family = FTUN_IPV4}};

static struct ftun_socket_address name_of(int fd)
{
    union ftun_sockaddr name;
    socklen_t len = sizeof name;
    assert_int_equal(getsockname(fd, &name.any, &len), 0);
    return ftun_sockaddr_to_core(&name);
}

static int listener(void)
{
    const union ftun_sockaddr address = ftun_sockaddr_from_core(&any_port);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, &address.any, ftun_sockaddr_len(&address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static int connected_to(struct ftun_socket_address remote, int family)
{
    if (family == AF_INET6) /* ::ffff:127.0.0.1 */
        remote.ip =
            (struct ftun_address){.bytes = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .family = FTUN_IPV6};
    const union ftun_sockaddr address = ftun_sockaddr_from_core(&remote);
    const int fd = socket(family, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, &address.any, ftun_sockaddr_len(&address)), 0);
    return fd;
}

static void who_listens_has_a_name_and_a_number(void **state)
{
    (void)state;
    const int fd = listener();
    struct ftun_socket_owner owner;
    assert_true(ftun_sockets_owner(name_of(fd).port, &owner));
    assert_int_equal(owner.pid, getpid());
    assert_string_equal(owner.program, "test_sockets");
    const uint16_t port = name_of(fd).port;
    close(fd);
    assert_false(ftun_sockets_owner(port, &owner));
}

static void connections_to_a_remote_are_seen_by_their_local_ports(void **state)
{
    (void)state;
    const int server = listener();
    const struct ftun_socket_address remote = name_of(server);
    const int one = connected_to(remote, AF_INET);
    const int mapped = connected_to(remote, AF_INET6);
    struct ftun_port_set ports = {0};
    assert_true(ftun_sockets_connected(&remote, &ports));
    assert_true(ftun_port_set_contains(&ports, name_of(one).port));
    assert_true(ftun_port_set_contains(&ports, name_of(mapped).port));
    ftun_port_set_remove(&ports, name_of(one).port);
    ftun_port_set_remove(&ports, name_of(mapped).port);
    assert_true(ftun_port_set_is_empty(&ports));
    close(one);
    close(mapped);
    close(server);
}

static void connections_to_others_do_not_count(void **state)
{
    (void)state;
    const int server = listener();
    struct ftun_socket_address remote = name_of(server);
    const int fd = connected_to(remote, AF_INET);
    struct ftun_port_set ports = {0};
    remote.ip.bytes[3]++;
    assert_true(ftun_sockets_connected(&remote, &ports));
    assert_true(ftun_port_set_is_empty(&ports));
    close(fd);
    close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_listens_has_a_name_and_a_number),
        cmocka_unit_test(connections_to_a_remote_are_seen_by_their_local_ports),
        cmocka_unit_test(connections_to_others_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
