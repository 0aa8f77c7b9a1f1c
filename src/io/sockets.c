#include "sockets.h"

#include "netlink_exchange.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STATE_BOUND = 13, /* TCP_BOUND_INACTIVE, include/net/tcp_states.h, since Linux 6.8 */
    STATES_OF_USERS = 1 << TCP_LISTEN | 1 << STATE_BOUND,
    STATES_CONNECTED = 0xfff & ~(1 << TCP_LISTEN),
    PROC_PATH_MAX = 600
};

/* --- sock_diag ---------------------------------------------------------------------------- */

static bool list(unsigned char family, uint32_t states, mnl_cb_t callback, void *data)
{
    struct ftun_netlink_message message;
    struct nlmsghdr *header = ftun_netlink_start(&message, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(header, sizeof *request);
    request->sdiag_family = family;
    request->sdiag_protocol = IPPROTO_TCP;
    request->idiag_states = states;
    return ftun_netlink_exchange(NETLINK_SOCK_DIAG, header, callback, data);
}

struct user {
    uint16_t port;
    uint32_t inode; /* 0: not found */
};

static int note_user(const struct nlmsghdr *header, void *data)
{
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(header);
    struct user *user = data;
    if (ntohs(socket->id.idiag_sport) == user->port && socket->idiag_inode != 0)
        user->inode = socket->idiag_inode;
    return MNL_CB_OK;
}

struct connections {
    struct ftun_socket_address remote;
    struct ftun_port_set *ports;
};

/* An IPv6 socket speaks with an IPv4 address as ::ffff:a.b.c.d. */
static bool speaks_with(const struct inet_diag_msg *socket, const struct ftun_address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    const bool ipv6_socket = socket->idiag_family == AF_INET6;
    uint8_t bytes[16];
    memcpy(bytes, socket->id.idiag_dst, sizeof bytes);
    if (address->family == FTUN_IPV6)
        return ipv6_socket && memcmp(bytes, address->bytes, 16) == 0;
    if (!ipv6_socket)
        return memcmp(bytes, address->bytes, 4) == 0;
    return memcmp(bytes, mapped, sizeof mapped) == 0 &&
           memcmp(bytes + sizeof mapped, address->bytes, 4) == 0;
}

static int note_connection(const struct nlmsghdr *header, void *data)
{
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(header);
    const struct connections *connections = data;
    if (ntohs(socket->id.idiag_dport) == connections->remote.port &&
        speaks_with(socket, &connections->remote.ip))
        ftun_port_set_add(connections->ports, ntohs(socket->id.idiag_sport));
    return MNL_CB_OK;
}

bool ftun_sockets_connected(const struct ftun_socket_address *remote, struct ftun_port_set *ports)
{
    struct connections connections = {*remote, ports};
    return list(AF_INET, STATES_CONNECTED, note_connection, &connections) &&
           list(AF_INET6, STATES_CONNECTED, note_connection, &connections);
}

/* --- whose -------------------------------------------------------------------------------- */

static bool has_socket(const char *pid, const char *link)
{
    char path[PROC_PATH_MAX];
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return false;
    bool found = false;
    for (struct dirent *entry; !found && (entry = readdir(directory)) != NULL;) {
        char target[64];
        snprintf(path, sizeof path, "/proc/%s/fd/%s", pid, entry->d_name);
        const ssize_t len = readlink(path, target, sizeof target - 1);
        target[len < 0 ? 0 : len] = '\0';
        found = strcmp(target, link) == 0;
    }
    closedir(directory);
    return found;
}

static bool read_program(const char *pid, char program[16])
{
    char path[PROC_PATH_MAX];
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    const bool done = fgets(program, 16, file) != NULL;
    fclose(file);
    program[strcspn(program, "\n")] = '\0';
    return done;
}

static bool find_owner(uint32_t inode, struct ftun_socket_owner *owner)
{
    char link[64];
    DIR *processes = opendir("/proc");
    if (processes == NULL)
        return false;
    snprintf(link, sizeof link, "socket:[%u]", inode);
    bool found = false;
    for (struct dirent *entry; !found && (entry = readdir(processes)) != NULL;) {
        found = isdigit((unsigned char)entry->d_name[0]) && has_socket(entry->d_name, link) &&
                read_program(entry->d_name, owner->program);
        if (found)
            owner->pid = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(processes);
    return found;
}

bool ftun_sockets_owner(uint16_t port, struct ftun_socket_owner *owner)
{
    struct user user = {.port = port};
    list(AF_INET, STATES_OF_USERS, note_user, &user);
    if (user.inode == 0)
        list(AF_INET6, STATES_OF_USERS, note_user, &user);
    return user.inode != 0 && find_owner(user.inode, owner);
}
