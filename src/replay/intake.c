#include "intake.h"

#include "bytes.h"
#include "checksum.h"
#include "link_layer.h"

#include <stdlib.h>
#include <string.h>

void ftun_intake_end(struct ftun_intake *intake)
{
    free(intake->block);
    intake->block = NULL;
    ftun_capture_close(&intake->capture);
}

/* --- packets that the capture has cut ----------------------------------------------------- */

/* True when what is there tells what the packet is. Of fragments and ICMP errors all bytes count.
 */
static bool headers_present(const uint8_t *data, size_t len)
{
    struct ftun_ip_header ip;
    if (ftun_ip_parse_quoted(data, len, &ip) != FTUN_TAKEN || ip.fragment ||
        ip.protocol == FTUN_PROTOCOL_ICMP || ip.protocol == FTUN_PROTOCOL_ICMPV6)
        return false;
    if (ip.protocol != FTUN_PROTOCOL_TCP)
        return true;
    if (FTUN_TCP_HEADER_MIN > ip.payload_len)
        return false;
    return (size_t)(data[ip.header_len + 12] >> 4) * 4 <= ip.payload_len;
}

/* Length by the IP header's own word; at least 20 bytes are there. */
static size_t named_length(const uint8_t *data)
{
    return data[0] >> 4 == FTUN_IPV6 ? FTUN_IPV6_HEADER + (size_t)ftun_load_be16(data + 4)
                                     : ftun_load_be16(data + 2);
}

static void make_whole(struct ftun_intake *intake, struct ftun_intake_packet *out,
                       size_t original_len)
{
    struct ftun_tunnel_packet *packet = &out->packet;
    if (!headers_present(packet->data, packet->len)) {
        out->sight = FTUN_SIGHT_CUT;
        return;
    }
    const size_t whole_len = named_length(packet->data);
    if (whole_len <= packet->len || whole_len > original_len || whole_len > sizeof intake->whole)
        return; /* nothing is missing but padding, or the packet is wrong all by itself */
    memcpy(intake->whole, packet->data, packet->len);
    memset(intake->whole + packet->len, 0, whole_len - packet->len);
    packet->data = intake->whole;
    packet->len = whole_len;
    packet->checksum_vouched = true;
    out->cut = true;
}

/* --- packets ------------------------------------------------------------------------------ */

static void copy_exactly(struct ftun_intake *intake, struct ftun_tunnel_packet *packet)
{
    free(intake->block);
    intake->block = malloc(packet->len > 0 ? packet->len : 1);
    if (intake->block == NULL)
        abort();
    memcpy(intake->block, packet->data, packet->len);
    packet->data = intake->block;
}

static void take_packet(struct ftun_intake *intake, const struct ftun_frame *frame, size_t offset,
                        struct ftun_intake_packet *out)
{
    struct ftun_tunnel_packet *packet = &out->packet;
    packet->data = frame->data + offset;
    packet->len = frame->len - offset;
    if (packet->len > intake->longest)
        intake->longest = packet->len;
    if (intake->snap < packet->len)
        packet->len = intake->snap;
    else if (frame->original_len > frame->len)
        make_whole(intake, out, frame->original_len - offset);
    if (intake->exact)
        copy_exactly(intake, packet);
}

enum ftun_capture_result ftun_intake_next(struct ftun_intake *intake,
                                          struct ftun_intake_packet *out, struct ftun_error *error)
{
    struct ftun_frame frame;
    const enum ftun_capture_result result = ftun_capture_next(&intake->capture, &frame, error);
    if (result != FTUN_CAPTURE_FRAME)
        return result;
    *out = (struct ftun_intake_packet){
        .number = frame.number,
        .now_ns = FTUN_INTAKE_START + frame.now_ns,
        .time_ran_backwards = frame.time_ran_backwards,
    };
    size_t offset;
    switch (ftun_link_peel(intake->capture.link_type, frame.data, frame.len, &offset)) {
    case FTUN_LINK_IP:
        take_packet(intake, &frame, offset, out);
        break;
    case FTUN_LINK_OTHER:
        out->sight = FTUN_SIGHT_NOT_IP;
        break;
    case FTUN_LINK_SHORT:
        out->sight = frame.len < frame.original_len ? FTUN_SIGHT_CUT : FTUN_SIGHT_NO_FRAME;
        break;
    }
    return FTUN_CAPTURE_FRAME;
}

/* Linux writes the sum over the whole segment's pseudo-header; before it hands a super-segment to
 * some devices, one without the length. */
static bool holds_pseudo_sum(const struct ftun_packet *packet)
{
    const struct ftun_ip_header *ip = &packet->ip;
    const uint16_t field = packet->tcp.checksum;
    return field == ftun_sum_pseudo_header(&ip->source, &ip->destination, FTUN_PROTOCOL_TCP,
                                           ip->payload_len) ||
           field == ftun_sum_pseudo_header(&ip->source, &ip->destination, FTUN_PROTOCOL_TCP, 0);
}

enum ftun_refusal ftun_intake_parse(struct ftun_intake_packet *packet, struct ftun_packet *out)
{
    struct ftun_tunnel_packet *p = &packet->packet;
    const enum ftun_refusal refusal = ftun_packet_parse(p->data, p->len, p->checksum_vouched, out);
    if (refusal != FTUN_REFUSED_MALFORMED_TCP_CHECKSUM)
        return refusal;
    if (ftun_packet_parse(p->data, p->len, true, out) != FTUN_TAKEN || !holds_pseudo_sum(out))
        return refusal;
    p->checksum_vouched = true;
    packet->checksum_left_to_nic = true;
    return FTUN_TAKEN;
}
