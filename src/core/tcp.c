#include "tcp.h"

#include "bytes.h"
#include "tcp_options.h"

#include <string.h>

/* Combinations that open or close a connection in two ways at once, or say nothing at all. */
static bool flags_contradict(uint8_t flags)
{
    const uint8_t opening = flags & (FTUN_SYN | FTUN_FIN | FTUN_RST);
    const bool more_than_one = (opening & (opening - 1)) != 0;
    return more_than_one || (flags & (FTUN_SYN | FTUN_FIN | FTUN_RST | FTUN_ACK)) == 0;
}

enum ftun_refusal ftun_tcp_parse(const uint8_t *segment, size_t len, struct ftun_tcp_header *out)
{
    if (FTUN_TCP_HEADER_MIN > len)
        return FTUN_REFUSED_TRUNCATED_TCP;
    const size_t header_len = (size_t)(segment[12] >> 4) * 4;
    if (header_len < FTUN_TCP_HEADER_MIN)
        return FTUN_REFUSED_MALFORMED_TCP_HEADER;
    /*@ split header_len; */ /* case by case, for the prover: tests/proof */
    if (header_len > len)
        return FTUN_REFUSED_TRUNCATED_TCP;
    out->source_port = ftun_load_be16(segment);
    out->destination_port = ftun_load_be16(segment + 2);
    out->sequence = ftun_load_be32(segment + 4);
    out->acknowledgment = ftun_load_be32(segment + 8);
    out->flags = segment[13];
    out->window = ftun_load_be16(segment + 14);
    out->checksum = ftun_load_be16(segment + FTUN_TCP_CHECKSUM_OFFSET);
    out->options_len = (uint8_t)(header_len - FTUN_TCP_HEADER_MIN);
    memcpy(out->options, segment + FTUN_TCP_HEADER_MIN, out->options_len);
    if (flags_contradict(out->flags))
        return FTUN_REFUSED_MALFORMED_TCP_FLAGS;
    struct ftun_tcp_options options;
    if (!ftun_tcp_options_parse(out->options, out->options_len, &options))
        return FTUN_REFUSED_MALFORMED_TCP_OPTIONS;
    return FTUN_TAKEN;
}

size_t ftun_tcp_header_len(const struct ftun_tcp_header *header)
{
    return FTUN_TCP_HEADER_MIN + header->options_len;
}

size_t ftun_tcp_emit(const struct ftun_tcp_header *header, uint8_t *out)
{
    const size_t header_len = ftun_tcp_header_len(header);
    ftun_store_be16(out, header->source_port);
    ftun_store_be16(out + 2, header->destination_port);
    ftun_store_be32(out + 4, header->sequence);
    ftun_store_be32(out + 8, header->acknowledgment);
    out[12] = (uint8_t)(header_len / 4 << 4);
    out[13] = header->flags;
    ftun_store_be16(out + 14, header->window);
    ftun_store_be16(out + FTUN_TCP_CHECKSUM_OFFSET, header->checksum);
    ftun_store_be16(out + 18, 0); /* urgent pointer: ftun sends no URG */
    memcpy(out + FTUN_TCP_HEADER_MIN, header->options, header->options_len);
    return header_len;
}
