#include "unit.h"
#include "virtio_header.h"

#include <string.h>

enum { HEADER = sizeof(struct virtio_net_hdr) };

static uint8_t frame[HEADER + 40];

static struct ftun_tunnel_packet packet_behind(struct virtio_net_hdr header)
{
    memcpy(frame, &header, sizeof header);
    return ftun_virtio_read(frame, sizeof frame);
}

static void a_packet_lies_behind_its_header(void **state)
{
    (void)state;
    const struct ftun_tunnel_packet packet = packet_behind((struct virtio_net_hdr){0});
    assert_ptr_equal(packet.data, frame + HEADER);
    assert_int_equal(packet.len, 40);
    assert_int_equal(packet.segment_size, 0);
    assert_false(packet.checksum_vouched);
}

static void a_frame_that_ends_in_its_header_is_empty(void **state)
{
    (void)state;
    for (size_t len = 0; len <= HEADER; len++)
        assert_int_equal(ftun_virtio_read(frame, len).len, 0);
}

static void the_kernel_vouches_in_two_ways(void **state)
{
    (void)state;
    assert_true(packet_behind((struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM})
                    .checksum_vouched);
    assert_true(packet_behind((struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_DATA_VALID})
                    .checksum_vouched);
}

static void only_what_was_glued_has_a_segment_size(void **state)
{
    (void)state;
    const struct virtio_net_hdr single = {.gso_size = 1400};
    const struct virtio_net_hdr glued = {
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, .gso_size = 1400};
    assert_int_equal(packet_behind(single).segment_size, 0);
    assert_int_equal(packet_behind(glued).segment_size, 1400);
}

static struct ftun_segment segment(struct ftun_address local, size_t payload_len)
{
    return (struct ftun_segment){.tuple.local.ip = local, .payload_len = payload_len};
}

static void a_longer_payload_is_cut_by_the_kernel(void **state)
{
    (void)state;
    const struct ftun_segment over_ipv4 = segment(ipv4(192, 0, 2, 1), 1401);
    const struct virtio_net_hdr header = ftun_virtio_header(&over_ipv4, 40, 1400);
    assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    assert_int_equal(header.gso_size, 1400);
    assert_int_equal(header.hdr_len, 40);
    assert_int_equal(header.csum_start, 20);
    assert_int_equal(header.csum_offset, 16); /* RFC 9293 3.1 */
    const struct ftun_segment over_ipv6 = segment(ipv6(1), 1401);
    assert_int_equal(ftun_virtio_header(&over_ipv6, 60, 1400).gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
}

static void one_datagram_is_not_cut(void **state)
{
    (void)state;
    const struct ftun_segment lone = segment(ipv4(192, 0, 2, 1), 1400);
    const struct virtio_net_hdr header = ftun_virtio_header(&lone, 40, 1400);
    assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    assert_int_equal(header.gso_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_lies_behind_its_header),
        cmocka_unit_test(a_frame_that_ends_in_its_header_is_empty),
        cmocka_unit_test(the_kernel_vouches_in_two_ways),
        cmocka_unit_test(only_what_was_glued_has_a_segment_size),
        cmocka_unit_test(a_longer_payload_is_cut_by_the_kernel),
        cmocka_unit_test(one_datagram_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
