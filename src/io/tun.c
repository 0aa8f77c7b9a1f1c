#include "tun.h"

#include "checksum.h"
#include "netlink.h"
#include "virtio_header.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SLICES_MAX = 128 };

_Static_assert(FTUN_TUN_BUFFER >= FTUN_IP_PACKET_MAX + sizeof(struct virtio_net_hdr),
               "a buffer holds the largest packet and its header");

static bool set_interface(struct ftun_tun *tun, const char *name, int flags)
{
    struct ifreq request = {0};
    request.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (tun->offload ? IFF_VNET_HDR : 0) | flags);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s",
             name != NULL && name[0] != '\0' ? name : "ftun%d");
    if (ioctl(tun->fd, TUNSETIFF, &request) != 0)
        return false;
    memcpy(tun->name, request.ifr_name, sizeof tun->name);
    tun->multi_queue = (flags & IFF_MULTI_QUEUE) != 0;
    tun->persistent =
        ioctl(tun->fd, TUNGETIFF, &request) == 0 && (request.ifr_flags & IFF_PERSIST) != 0;
    return true;
}

static bool kernel_has_vnet_header(int fd)
{
    unsigned features = 0;
    return ioctl(fd, TUNGETFEATURES, &features) == 0 && (features & IFF_VNET_HDR) != 0;
}

static bool explain(struct ftun_error *error, const char *name, int cause)
{
    const char *const shown = name != NULL && name[0] != '\0' ? name : "ftunN";
    if (cause == EPERM || cause == EACCES)
        return ftun_fail(error,
                         "cannot create the TUN device %s: run as root, or with "
                         "CAP_NET_ADMIN",
                         shown);
    if (cause == EBUSY)
        return ftun_fail(error,
                         "cannot use the TUN device %s: another program has it open; "
                         "choose another --tun name",
                         shown);
    if (cause == EINVAL)
        return ftun_fail(error,
                         "cannot use %s as a TUN device: a network interface of another "
                         "kind has that name, or it is no valid name; choose another --tun "
                         "name",
                         shown);
    return ftun_fail(error, "cannot create the TUN device %s: %s", shown, strerror(cause));
}

/* A device with several queues lets every program have one, and with it a share of the packets:
 * unless it was made to stay, it belongs to whoever has made it, and else to whoever has it open.
 */
static bool join_interface(struct ftun_tun *tun, const char *name)
{
    if (name != NULL && ftun_netlink_link_carrier(name)) {
        errno = EBUSY;
        return false;
    }
    if (!set_interface(tun, name, IFF_MULTI_QUEUE))
        return false;
    errno = EBUSY;
    return tun->persistent;
}

/* Make it, or take what is there. */
static bool have_interface(struct ftun_tun *tun, const char *name, bool multi_queue)
{
    return (multi_queue && set_interface(tun, name, IFF_MULTI_QUEUE | IFF_TUN_EXCL)) ||
           set_interface(tun, name, 0) || (errno == EINVAL && join_interface(tun, name));
}

static bool open_device(struct ftun_tun *tun, struct ftun_error *error)
{
    tun->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return tun->fd >= 0 || ftun_fail(error,
                                     "cannot open /dev/net/tun: %s; load the kernel's tun module "
                                     "(modprobe tun), or give the container that device",
                                     strerror(errno));
}

bool ftun_tun_add_queue(const struct ftun_tun *tun, struct ftun_tun *queue,
                        struct ftun_error *error)
{
    *queue = *tun;
    if (!open_device(queue, error))
        return false;
    if (set_interface(queue, tun->name, IFF_MULTI_QUEUE))
        return true;
    ftun_fail(error, "%s cannot have another queue: %s", tun->name, strerror(errno));
    ftun_tun_close(queue);
    return false;
}

bool ftun_tun_open(struct ftun_tun *tun, const char *name, bool offload, bool multi_queue,
                   struct ftun_error *error)
{
    if (!open_device(tun, error))
        return false;
    tun->offload = offload && kernel_has_vnet_header(tun->fd);
    if (!have_interface(tun, name, multi_queue)) {
        explain(error, name, errno);
        ftun_tun_close(tun);
        return false;
    }
    if (tun->offload && ioctl(tun->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
        ioctl(tun->fd, TUNSETOFFLOAD, 0); /* the header stays, the kernel cuts what it sends us */
    return true;
}

void ftun_tun_close(struct ftun_tun *tun)
{
    if (tun->fd >= 0)
        close(tun->fd);
    tun->fd = -1;
}

int ftun_tun_read(const struct ftun_tun *tun, uint8_t *buffer, struct ftun_tunnel_packet *packet)
{
    const ssize_t len = read(tun->fd, buffer, FTUN_TUN_BUFFER);
    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    *packet = tun->offload ? ftun_virtio_read(buffer, (size_t)len)
                           : (struct ftun_tunnel_packet){.data = buffer, .len = (size_t)len};
    return 1;
}

static uint16_t sum_slices(const struct ftun_slice *slices, size_t count)
{
    uint16_t sum = 0;
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        sum = ftun_sum_concat(sum, len, ftun_sum(slices[i].data, slices[i].len));
        len += slices[i].len;
    }
    return sum;
}

static struct iovec io_vector(const void *data, size_t len)
{
    union {
        const void *read;
        void *iov_base; /* writev() only reads */
    } pointer = {.read = data};
    return (struct iovec){.iov_base = pointer.iov_base, .iov_len = len};
}

bool ftun_tun_write(const struct ftun_tun *tun, const struct ftun_segment *segment, size_t stride,
                    const struct ftun_slice *slices, size_t slice_count)
{
    if (slice_count > SLICES_MAX) {
        errno = EMSGSIZE;
        return false;
    }
    uint8_t headers[FTUN_HEADERS_MAX];
    const enum ftun_checksum_mode mode = tun->offload ? FTUN_CHECKSUM_PARTIAL : FTUN_CHECKSUM_FULL;
    const uint16_t sum = tun->offload ? 0 : sum_slices(slices, slice_count);
    const size_t headers_len = ftun_segment_emit(segment, mode, sum, headers);
    const struct virtio_net_hdr offloads = ftun_virtio_header(segment, headers_len, stride);
    struct iovec vectors[SLICES_MAX + 2];
    int count = 0;
    if (tun->offload)
        vectors[count++] = io_vector(&offloads, sizeof offloads);
    vectors[count++] = io_vector(headers, headers_len);
    for (size_t i = 0; i < slice_count; i++)
        vectors[count++] = io_vector(slices[i].data, slices[i].len);
    ssize_t written;
    do
        written = writev(tun->fd, vectors, count);
    while (written < 0 && errno == EINTR);
    return written >= 0;
}
