#include "glue.h"

#include "bytes.h"

enum { FLAGS = 13, SEQUENCE = 4 };

static size_t ip_len(const uint8_t *packet)
{
    return packet[0] >> 4 == FTUN_IPV6 ? FTUN_IPV6_HEADER : FTUN_IPV4_HEADER_MIN;
}

static size_t headers_len(const struct sim_packet *packet)
{
    const size_t ip = ip_len(packet->bytes);
    return ip + (size_t)(packet->bytes[ip + 12] >> 4) * 4;
}

bool sim_glue_wants(const struct sim_packet *packet)
{
    if (packet->corrupted || packet->label.stream == SIM_NO_STREAM || packet->fragment)
        return false;
    const uint8_t flags = packet->bytes[ip_len(packet->bytes) + FLAGS];
    return (flags & (uint8_t)~FTUN_PSH) == FTUN_ACK;
}

void sim_glue_begin(struct sim_glue *glue, struct sim_packet *packet)
{
    const uint8_t *tcp = packet->bytes + ip_len(packet->bytes);
    glue->first = packet;
    glue->count = 1;
    glue->headers_len = headers_len(packet);
    glue->segment_size = packet->len - glue->headers_len;
    glue->len = packet->len;
    glue->next_sequence = ftun_load_be32(tcp + SEQUENCE) + (uint32_t)glue->segment_size;
    glue->ended = (tcp[FLAGS] & FTUN_PSH) != 0;
    glue->labels[0] = packet->label;
    glue->births[0] = packet->birth;
}

/* Addresses, ports, acknowledgment, data offset, window and options are the same. */
static bool same_flow(const struct sim_packet *a, const struct sim_packet *b, size_t headers)
{
    const size_t ip = ip_len(a->bytes);
    const size_t addresses = ip == FTUN_IPV6_HEADER ? 8 : 12;
    const uint8_t *tcp_a = a->bytes + ip;
    const uint8_t *tcp_b = b->bytes + ip;
    return headers_len(b) == headers &&
           memcmp(a->bytes + addresses, b->bytes + addresses, ip - addresses + 4) == 0 &&
           memcmp(tcp_a + 8, tcp_b + 8, 5) == 0 && memcmp(tcp_a + 14, tcp_b + 14, 2) == 0 &&
           memcmp(tcp_a + FTUN_TCP_HEADER_MIN, tcp_b + FTUN_TCP_HEADER_MIN,
                  headers - ip - FTUN_TCP_HEADER_MIN) == 0;
}

bool sim_glue_append(struct sim_glue *glue, const struct sim_packet *packet)
{
    if (glue->ended || glue->count == SIM_GLUE_MAX ||
        !same_flow(glue->first, packet, glue->headers_len))
        return false;
    const uint8_t *tcp = packet->bytes + ip_len(packet->bytes);
    const size_t len = packet->len - glue->headers_len;
    if (ftun_load_be32(tcp + SEQUENCE) != glue->next_sequence || len > glue->segment_size ||
        glue->len + len > FTUN_IP_PACKET_MAX)
        return false;
    if (glue->count == 1)
        memcpy(glue->bytes, glue->first->bytes, glue->first->len);
    memcpy(glue->bytes + glue->len, packet->bytes + glue->headers_len, len);
    glue->labels[glue->count] = packet->label;
    glue->births[glue->count++] = packet->birth;
    glue->len += len;
    glue->next_sequence += (uint32_t)len;
    glue->ended = len < glue->segment_size || (tcp[FLAGS] & FTUN_PSH) != 0;
    glue->bytes[ip_len(packet->bytes) + FLAGS] |= tcp[FLAGS] & FTUN_PSH;
    return true;
}

static void write_length(struct sim_glue *glue)
{
    uint8_t *ip = glue->bytes;
    if (ip_len(ip) == FTUN_IPV6_HEADER) {
        ftun_store_be16(ip + 4, (uint16_t)(glue->len - FTUN_IPV6_HEADER));
        return;
    }
    ftun_store_be16(ip + 2, (uint16_t)glue->len);
    ftun_store_be16(ip + 10, 0);
    ftun_store_be16(ip + 10, (uint16_t)~ftun_ipv4_header_sum(ip, FTUN_IPV4_HEADER_MIN));
}

struct ftun_tunnel_packet sim_glue_packet(struct sim_glue *glue)
{
    if (glue->count == 1)
        return (struct ftun_tunnel_packet){.data = glue->first->bytes,
                                           .len = glue->first->len,
                                           .checksum_vouched = glue->first->vouched};
    write_length(glue);
    return (struct ftun_tunnel_packet){.data = glue->bytes,
                                       .len = glue->len,
                                       .segment_size = glue->segment_size,
                                       .checksum_vouched = true};
}
