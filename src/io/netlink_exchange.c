#include "netlink_exchange.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

struct nlmsghdr *ftun_netlink_start(struct ftun_netlink_message *message, int type, unsigned flags)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(message->bytes);
    header->nlmsg_type = (uint16_t)type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    header->nlmsg_seq = (uint32_t)time(NULL);
    return header;
}

static int receive(struct mnl_socket *socket, uint32_t sequence, mnl_cb_t callback, void *data)
{
    struct ftun_netlink_message answer;
    int state = MNL_CB_OK;
    while (state > MNL_CB_STOP) {
        const ssize_t len = mnl_socket_recvfrom(socket, answer.bytes, sizeof answer.bytes);
        if (len < 0)
            return -1;
        state = mnl_cb_run(answer.bytes, (size_t)len, sequence, mnl_socket_get_portid(socket),
                           callback, data);
    }
    return state;
}

bool ftun_netlink_exchange(int protocol, struct nlmsghdr *request, mnl_cb_t callback, void *data)
{
    struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
    if (socket == NULL)
        return false;
    bool done = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
                mnl_socket_sendto(socket, request, request->nlmsg_len) >= 0;
    done = done && receive(socket, request->nlmsg_seq, callback, data) >= 0;
    const int cause = errno;
    mnl_socket_close(socket);
    errno = cause;
    return done;
}
