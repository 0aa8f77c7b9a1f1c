#include "nat.h"

#include "bytes.h"

#include <string.h>

void sim_nat_start(struct sim_nat *nat, bool translates, bool strict,
                   const struct ftun_address *inside, const struct ftun_address *outside,
                   uint16_t first_port)
{
    nat->translates = translates;
    nat->strict = strict;
    nat->inside = *inside;
    nat->outside = *outside;
    nat->next_port = first_port;
    sim_nat_rebind(nat);
}

void sim_nat_rebind(struct sim_nat *nat)
{
    memset(nat->outside_port, 0, sizeof nat->outside_port);
    memset(nat->inside_port, 0, sizeof nat->inside_port);
    memset(nat->passes, !nat->strict, sizeof nat->passes);
}

void sim_nat_forget(struct sim_nat *nat, uint16_t port)
{
    nat->passes[port] = false;
}

void sim_nat_move(struct sim_nat *nat)
{
    nat->outside.bytes[2]++;
    sim_nat_rebind(nat);
}

void sim_nat_move_inside(struct sim_nat *nat, const struct ftun_address *inside)
{
    nat->inside = *inside;
    sim_nat_rebind(nat);
}

/* RFC 1624 3: HC' = ~(~HC + ~m + m') */
static void adjust(uint8_t *checksum, uint16_t before, uint16_t after)
{
    uint32_t sum = (uint16_t)~ftun_load_be16(checksum);
    sum += (uint16_t)~before + (uint32_t)after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    ftun_store_be16(checksum, (uint16_t)~sum);
}

static void replace_address(struct sim_packet *packet, size_t at, const struct ftun_address *to,
                            uint8_t *tcp_checksum)
{
    const bool ipv4 = to->family == FTUN_IPV4;
    for (size_t i = 0; i < (ipv4 ? 4u : 16u); i += 2) {
        const uint16_t before = ftun_load_be16(packet->bytes + at + i);
        const uint16_t after = ftun_load_be16(to->bytes + i);
        adjust(tcp_checksum, before, after);
        if (ipv4)
            adjust(packet->bytes + 10, before, after);
        ftun_store_be16(packet->bytes + at + i, after);
    }
}

/* Give the source (or destination) another address and port. */
static void replace(struct sim_packet *packet, bool source, const struct ftun_address *to,
                    uint16_t port)
{
    const bool ipv4 = to->family == FTUN_IPV4;
    uint8_t *tcp = packet->bytes + (ipv4 ? FTUN_IPV4_HEADER_MIN : FTUN_IPV6_HEADER);
    uint8_t *checksum = tcp + FTUN_TCP_CHECKSUM_OFFSET;
    const size_t address_len = ipv4 ? 4 : 16;
    const size_t source_at = ipv4 ? 12 : 8;
    replace_address(packet, source ? source_at : source_at + address_len, to, checksum);
    uint8_t *port_at = source ? tcp : tcp + 2;
    adjust(checksum, ftun_load_be16(port_at), port);
    ftun_store_be16(port_at, port);
}

static const uint8_t *tcp_of(const struct sim_nat *nat, const struct sim_packet *packet)
{
    return packet->bytes +
           (nat->inside.family == FTUN_IPV4 ? FTUN_IPV4_HEADER_MIN : FTUN_IPV6_HEADER);
}

static uint16_t map(struct sim_nat *nat, uint16_t port)
{
    if (nat->outside_port[port] != 0)
        return nat->outside_port[port];
    while (nat->next_port < 1024 || nat->inside_port[nat->next_port] != 0)
        nat->next_port++;
    const uint16_t outside = nat->next_port++;
    nat->outside_port[port] = outside;
    nat->inside_port[outside] = port;
    return outside;
}

bool sim_nat_outward(struct sim_nat *nat, struct sim_packet *packet)
{
    enum { FLAGS_AT = 13 }; /* RFC 9293 3.1 */
    const uint8_t *tcp = tcp_of(nat, packet);
    const uint16_t port = ftun_load_be16(tcp);
    if ((tcp[FLAGS_AT] & FTUN_SYN) != 0)
        nat->passes[port] = true;
    if (nat->passes[port] && nat->translates)
        replace(packet, true, &nat->outside, map(nat, port));
    return nat->passes[port];
}

bool sim_nat_inward(const struct sim_nat *nat, struct sim_packet *packet)
{
    if (packet->beyond_nat)
        return true;
    const uint16_t outside = ftun_load_be16(tcp_of(nat, packet) + 2);
    const uint16_t port = nat->translates ? nat->inside_port[outside] : outside;
    if (port == 0 || !nat->passes[port])
        return false;
    if (nat->translates)
        replace(packet, false, &nat->inside, port);
    return true;
}
