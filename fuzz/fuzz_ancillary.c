/* What the kernel tells beside a datagram: any bytes, and objects that are well-formed.
 *
 * The first byte says which. Objects: a byte for level and type, a byte for the length, the data.
 */
#include "ancillary.h"
#include "fuzz_input.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <sys/socket.h>

enum { SPACE = 4096 }; /* bytes */

static const struct kind {
    int level, type;
    size_t len; /* of its data, at least */
} kinds[] = {
    {SOL_UDP, UDP_GRO, sizeof(int)},
    {IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo)},
    {IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo)},
    {IPPROTO_IP, IP_RECVERR, sizeof(struct sock_extended_err)},
    {IPPROTO_IPV6, IPV6_RECVERR, sizeof(struct sock_extended_err)},
    {SOL_SOCKET, SO_TIMESTAMP, 0},
};

/* What must be read: of each kind the last. */
static void expect(struct ftun_ancillary *expected, size_t kind, const uint8_t *data)
{
    int size;
    struct sock_extended_err error;
    switch (kind) {
    case 0:
        memcpy(&size, data, sizeof size);
        expected->segment_size = size > 0 ? (size_t)size : 0;
        break;
    case 1:
        expected->local.family = FTUN_IPV4;
        memcpy(&expected->local.in, data, sizeof expected->local.in);
        break;
    case 2:
        expected->local.family = FTUN_IPV6;
        memcpy(&expected->local.in6, data, sizeof expected->local.in6);
        break;
    case 3:
    case 4:
        memcpy(&error, data, sizeof error);
        expected->refused |= error.ee_errno == ECONNREFUSED;
        break;
    default:
        break;
    }
}

static bool is_same_local(const struct ftun_udp_local *a, const struct ftun_udp_local *b)
{
    if (a->family != b->family)
        return false;
    if (a->family == FTUN_IPV4)
        return memcmp(&a->in, &b->in, sizeof a->in) == 0;
    return a->family != FTUN_IPV6 || memcmp(&a->in6, &b->in6, sizeof a->in6) == 0;
}

static void read_objects(struct fuzz_input *input)
{
    uint8_t space[SPACE] = {0};
    size_t used = 0;
    struct ftun_ancillary expected = {.local.family = FTUN_FAMILY_NONE};
    while (!fuzz_is_empty(input)) {
        const size_t kind = fuzz_u8(input) % (sizeof kinds / sizeof kinds[0]);
        const size_t wanted = fuzz_u8(input);
        size_t len;
        const uint8_t *data = fuzz_bytes(input, wanted, &len);
        if (used + CMSG_SPACE(len) > sizeof space)
            break;
        const struct cmsghdr header = {.cmsg_len = CMSG_LEN(len),
                                       .cmsg_level = kinds[kind].level,
                                       .cmsg_type = kinds[kind].type};
        memcpy(space + used, &header, sizeof header);
        memcpy(space + used + sizeof header, data, len);
        used += CMSG_SPACE(len);
        if (len >= kinds[kind].len)
            expect(&expected, kind, data);
    }
    uint8_t *control = fuzz_copy(space, used);
    const struct ftun_ancillary told = ftun_ancillary_read(control, used);
    FUZZ_REQUIRE(told.segment_size == expected.segment_size && told.refused == expected.refused);
    FUZZ_REQUIRE(is_same_local(&told.local, &expected.local));
    fuzz_free(control, used);
}

static void read_anything(struct fuzz_input *input)
{
    size_t len;
    const uint8_t *bytes = fuzz_bytes(input, SIZE_MAX, &len);
    uint8_t *control = fuzz_copy(bytes, len);
    const struct ftun_ancillary told = ftun_ancillary_read(control, len);
    FUZZ_REQUIRE(told.segment_size <= INT32_MAX);
    FUZZ_REQUIRE(told.local.family == FTUN_FAMILY_NONE || told.local.family == FTUN_IPV4 ||
                 told.local.family == FTUN_IPV6);
    fuzz_free(control, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input input = {.data = data, .len = len};
    if ((fuzz_u8(&input) & 1) != 0)
        read_objects(&input);
    else
        read_anything(&input);
    return 0;
}
