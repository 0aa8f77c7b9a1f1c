#include "lanes.h"

#include <string.h>
#include <unistd.h>

void ftun_lanes_init(struct ftun_lanes *lanes)
{
    memset(lanes, 0, sizeof *lanes);
    for (size_t i = 0; i < FTUN_LANES_MAX; i++)
        lanes->at[i].fd = -1;
}

void ftun_lanes_close(struct ftun_lanes *lanes)
{
    for (size_t i = 0; i < FTUN_LANES_MAX; i++)
        if (lanes->at[i].fd >= 0)
            close(lanes->at[i].fd);
    ftun_lanes_init(lanes);
}

static uint32_t lost_since(uint32_t *seen, uint32_t dropped)
{
    const uint32_t lost = dropped - *seen;
    *seen = dropped;
    return lost;
}

/* --- who floods --------------------------------------------------------------------------- */

/* Bytes that the source of message `first` has brought; its messages are marked. */
static size_t bytes_of_source(const struct ftun_udp_batch *batch, size_t count, size_t first,
                              ftun_udp_taken *marked)
{
    const struct ftun_socket_address *source = &ftun_udp_message(batch, first)->source;
    size_t bytes = 0;
    for (size_t i = first; i < count; i++) {
        const struct ftun_udp_message *message = ftun_udp_message(batch, i);
        if (!ftun_socket_address_equal(&message->source, source))
            continue;
        bytes += message->len;
        *marked |= UINT64_C(1) << i;
    }
    return bytes;
}

/* The first message of the source that has brought most; NULL when that is no flood: not one of so
 * few that each can have a lane. */
static const struct ftun_udp_message *flood(const struct ftun_udp_batch *batch, size_t count)
{
    size_t all = 0, most = 0, of_most = 0;
    ftun_udp_taken marked = 0;
    for (size_t i = 0; i < count; i++) {
        if ((marked >> i & 1) != 0)
            continue;
        const size_t bytes = bytes_of_source(batch, count, i, &marked);
        all += bytes;
        if (bytes > most) {
            most = bytes;
            of_most = i;
        }
    }
    return most * FTUN_LANES_MAX > all ? ftun_udp_message(batch, of_most) : NULL;
}

/* --- lanes -------------------------------------------------------------------------------- */

static bool has_lane(const struct ftun_lanes *lanes, const struct ftun_socket_address *source)
{
    for (size_t i = 0; i < FTUN_LANES_MAX; i++)
        if (lanes->at[i].fd >= 0 && ftun_socket_address_equal(&lanes->at[i].source, source))
            return true;
    return false;
}

/* One that is not used, or the one that has been silent for longest, if that is long enough. */
static struct ftun_lane *find_place(struct ftun_lanes *lanes, uint64_t now_ns)
{
    struct ftun_lane *oldest = &lanes->at[0];
    for (size_t i = 0; i < FTUN_LANES_MAX; i++) {
        if (lanes->at[i].fd < 0)
            return &lanes->at[i];
        if (lanes->at[i].heard_ns < oldest->heard_ns)
            oldest = &lanes->at[i];
    }
    return now_ns - oldest->heard_ns >= FTUN_LANE_SILENCE ? oldest : NULL;
}

static size_t make_lane(struct ftun_lanes *lanes, int listener,
                        const struct ftun_udp_message *message, uint64_t now_ns, uint64_t *lost)
{
    struct ftun_lane *lane = find_place(lanes, now_ns);
    if (lane == NULL)
        return FTUN_LANES_MAX;
    const int fd = ftun_udp_branch_off(listener, message, lost);
    if (fd < 0)
        return FTUN_LANES_MAX;
    if (lane->fd >= 0)
        close(lane->fd);
    struct ftun_udp_buffer older = {0};
    ftun_udp_look(listener, &older);
    *lane = (struct ftun_lane){
        .fd = fd,
        .source = message->source,
        .heard_ns = now_ns,
        .behind = older.used / FTUN_UDP_CHARGE_MIN,
    };
    return (size_t)(lane - lanes->at);
}

void ftun_lanes_give_up(struct ftun_lanes *lanes, size_t i)
{
    close(lanes->at[i].fd);
    lanes->at[i] = (struct ftun_lane){.fd = -1};
}

/* --- reading ------------------------------------------------------------------------------ */

/* The listener has brought so many messages that were older than those of the lanes; `last`: and
 * has no more. */
static void pass(struct ftun_lanes *lanes, size_t count, bool last)
{
    for (size_t i = 0; i < FTUN_LANES_MAX; i++) {
        struct ftun_lane *lane = &lanes->at[i];
        lane->behind = last || lane->behind < count ? 0 : lane->behind - count;
    }
}

size_t ftun_lanes_relieve(struct ftun_lanes *lanes, int listener,
                          const struct ftun_udp_batch *batch, size_t count, uint64_t now_ns,
                          uint64_t *lost)
{
    const bool filled = ftun_udp_filled(batch, (int)count);
    pass(lanes, count, !filled);
    struct ftun_udp_buffer buffer;
    if (!filled || !ftun_udp_look(listener, &buffer))
        return FTUN_LANES_MAX;
    const uint32_t dropped = lost_since(&lanes->dropped, buffer.dropped);
    *lost += dropped;
    if (dropped == 0 && buffer.used < buffer.size / 2)
        return FTUN_LANES_MAX;
    const struct ftun_udp_message *message = flood(batch, count);
    if (message == NULL || has_lane(lanes, &message->source))
        return FTUN_LANES_MAX;
    return make_lane(lanes, listener, message, now_ns, lost);
}

bool ftun_lanes_may_read(const struct ftun_lanes *lanes, size_t i)
{
    return lanes->at[i].fd < 0 || lanes->at[i].behind == 0;
}

int ftun_lanes_receive(struct ftun_lanes *lanes, size_t i, struct ftun_udp_batch *batch,
                       uint64_t now_ns, uint64_t *lost)
{
    struct ftun_lane *lane = &lanes->at[i];
    if (lane->fd < 0 || lane->behind > 0)
        return 0;
    const int count = ftun_udp_receive(lane->fd, batch, true);
    if (count > 0)
        lane->heard_ns = now_ns;
    struct ftun_udp_buffer buffer;
    if (ftun_udp_filled(batch, count) && ftun_udp_look(lane->fd, &buffer))
        *lost += lost_since(&lane->dropped, buffer.dropped);
    return count;
}
