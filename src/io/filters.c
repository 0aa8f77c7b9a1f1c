#include "filters.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MESSAGE_MAX = 32768 }; /* bytes: what the kernel packs into one answer of a dump */

struct walk {
    ftun_filter_visitor *visit;
    void *context;
    int count;
};

static int read_option(const struct nlattr *attribute, void *data)
{
    struct ftun_filter *const filter = data;
    if (mnl_attr_get_type(attribute) == TCA_BPF_ID)
        filter->program = mnl_attr_get_u32(attribute);
    else if (mnl_attr_get_type(attribute) == TCA_BPF_NAME)
        snprintf(filter->name, sizeof filter->name, "%s", mnl_attr_get_str(attribute));
    return MNL_CB_OK;
}

struct attributes {
    const struct nlattr *kind, *options;
};

static int note_attribute(const struct nlattr *attribute, void *data)
{
    struct attributes *const found = data;
    if (mnl_attr_get_type(attribute) == TCA_KIND)
        found->kind = attribute;
    else if (mnl_attr_get_type(attribute) == TCA_OPTIONS)
        found->options = attribute;
    return MNL_CB_OK;
}

static int on_filter(const struct nlmsghdr *header, void *data)
{
    struct walk *const walk = data;
    const struct tcmsg *const message = mnl_nlmsg_get_payload(header);
    struct ftun_filter filter = {.handle = message->tcm_handle,
                                 .priority = TC_H_MAJ(message->tcm_info) >> 16};
    struct attributes found = {0};
    mnl_attr_parse(header, sizeof *message, note_attribute, &found);
    if (found.options == NULL) /* the head of those of one priority */
        return MNL_CB_OK;
    if (found.kind != NULL && strcmp(mnl_attr_get_str(found.kind), "bpf") == 0)
        mnl_attr_parse_nested(found.options, read_option, &filter);
    walk->count++;
    if (walk->visit != NULL)
        walk->visit(&filter, walk->context);
    return MNL_CB_OK;
}

static bool receive(struct mnl_socket *socket, uint32_t sequence, struct walk *walk)
{
    _Alignas(struct nlmsghdr) char answer[MESSAGE_MAX];
    int state = MNL_CB_OK;
    while (state > MNL_CB_STOP) {
        const ssize_t len = mnl_socket_recvfrom(socket, answer, sizeof answer);
        if (len < 0)
            return false;
        state = mnl_cb_run(answer, (size_t)len, sequence, mnl_socket_get_portid(socket), on_filter,
                           walk);
    }
    return state == MNL_CB_STOP;
}

static bool ask(struct mnl_socket *socket, uint32_t link, uint32_t parent, struct walk *walk)
{
    _Alignas(struct nlmsghdr) char bytes[NLMSG_LENGTH(sizeof(struct tcmsg))];
    struct nlmsghdr *const header = mnl_nlmsg_put_header(bytes);
    header->nlmsg_type = RTM_GETTFILTER;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = (uint32_t)time(NULL);
    struct tcmsg *const message = mnl_nlmsg_put_extra_header(header, sizeof *message);
    message->tcm_family = AF_UNSPEC;
    message->tcm_ifindex = (int)link;
    message->tcm_parent = parent;
    return mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
           mnl_socket_sendto(socket, header, header->nlmsg_len) >= 0 &&
           receive(socket, header->nlmsg_seq, walk);
}

static int walk_filters(uint32_t link, uint32_t parent, ftun_filter_visitor *visit, void *context)
{
    struct walk walk = {.visit = visit, .context = context};
    struct mnl_socket *const socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == NULL)
        return -1;
    const bool done = ask(socket, link, parent, &walk);
    const int cause = errno;
    mnl_socket_close(socket);
    errno = cause;
    return done ? walk.count : -1;
}

int ftun_filters_ingress(uint32_t link, ftun_filter_visitor *visit, void *context)
{
    return walk_filters(link, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), visit, context);
}

int ftun_filters_egress(uint32_t link, ftun_filter_visitor *visit, void *context)
{
    return walk_filters(link, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), visit, context);
}
