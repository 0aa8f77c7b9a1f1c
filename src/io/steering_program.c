#include "steering_program.h"

#include "limits.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

/* linux/bpf.h has the machine, but no names for its instructions. */
#define MOVE(to, from)                                                          \
    {                                                                           \
        .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from) \
    }
#define SET(to, value)                                                       \
    {                                                                        \
        .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (to), .imm = (value) \
    }
#define ALU(operation, on, value)                                                \
    {                                                                            \
        .code = BPF_ALU64 | (operation) | BPF_K, .dst_reg = (on), .imm = (value) \
    }
/* From the packet, of which r6 is the context, in host order into r0; beyond its end the program
 * ends and returns 0. */
#define LOAD(size, at)                                 \
    {                                                  \
        .code = BPF_LD | BPF_ABS | (size), .imm = (at) \
    }
#define LOAD_BEHIND(size, base, at)                                       \
    {                                                                     \
        .code = BPF_LD | BPF_IND | (size), .src_reg = (base), .imm = (at) \
    }
/* Skip so many instructions. */
#define SKIP_IF(condition, on, value, count)                                                   \
    {                                                                                          \
        .code = BPF_JMP | (condition) | BPF_K, .dst_reg = (on), .imm = (value), .off = (count) \
    }
#define SKIP(count)                              \
    {                                            \
        .code = BPF_JMP | BPF_JA, .off = (count) \
    }
#define RETURN                     \
    {                              \
        .code = BPF_JMP | BPF_EXIT \
    }

enum {
    IPV4_FRAGMENT = 6, /* offsets of fields, in bytes: RFC 791 3.1, RFC 8200 3 */
    IPV4_PROTOCOL = 9,
    IPV6_NEXT_HEADER = 6,
    TCP = 6
};

/* A TUN's packets begin with the IP header: they have no link layer. */
int ftun_steering_load(bool by_source, uint32_t workers)
{
    const int port = by_source ? 0 : 2; /* RFC 9293 3.1 */
    const struct bpf_insn program[] = {
        MOVE(BPF_REG_6, BPF_REG_1),
        LOAD(BPF_B, 0),
        MOVE(BPF_REG_7, BPF_REG_0),
        ALU(BPF_RSH, BPF_REG_0, 4),
        SKIP_IF(BPF_JEQ, BPF_REG_0, 6, 10), /* to IPv6 */
        SKIP_IF(BPF_JNE, BPF_REG_0, 4, 16), /* to the end */
        /* IPv4 */
        LOAD(BPF_H, IPV4_FRAGMENT),
        ALU(BPF_AND, BPF_REG_0, 0x3fff), /* offset, and "more" */
        SKIP_IF(BPF_JNE, BPF_REG_0, 0, 13),
        LOAD(BPF_B, IPV4_PROTOCOL),
        SKIP_IF(BPF_JNE, BPF_REG_0, TCP, 11),
        ALU(BPF_AND, BPF_REG_7, 0x0f), /* IHL, in words */
        ALU(BPF_LSH, BPF_REG_7, 2),
        LOAD_BEHIND(BPF_H, BPF_REG_7, port),
        SKIP(3),
        /* IPv6 */
        LOAD(BPF_B, IPV6_NEXT_HEADER),
        SKIP_IF(BPF_JNE, BPF_REG_0, TCP, 5),
        LOAD(BPF_H, (int)FTUN_IPV6_HEADER + port),
        /* r0 is the client's port */
        ALU(BPF_AND, BPF_REG_0, (int)FTUN_PORT_CLASSES - 1),
        ALU(BPF_MUL, BPF_REG_0, (int)workers),
        ALU(BPF_DIV, BPF_REG_0, (int)FTUN_PORT_CLASSES),
        RETURN,
        /* the end */
        SET(BPF_REG_0, 0),
        RETURN,
    };
    return bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "ftun_steering", "", program,
                         sizeof program / sizeof program[0], NULL);
}

bool ftun_steering_attach(int tun_fd, int program, struct ftun_error *error)
{
    return ioctl(tun_fd, TUNSETSTEERINGEBPF, &program) == 0 ||
           ftun_fail(error, "the TUN takes no steering program: %s", strerror(errno));
}
