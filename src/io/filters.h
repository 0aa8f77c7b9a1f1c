/* The filters of tc on one link. */
#ifndef FTUN_IO_FILTERS_H
#define FTUN_IO_FILTERS_H

#include <stdbool.h>
#include <stdint.h>

enum { FTUN_FILTER_NAME_MAX = 64 };

struct ftun_filter {
    uint32_t handle, priority;
    uint32_t program;                /* of a BPF filter: the kernel's number; else 0 */
    char name[FTUN_FILTER_NAME_MAX]; /* of a BPF filter; else "" */
};

typedef void ftun_filter_visitor(const struct ftun_filter *filter, void *context);

/* Visit the filters on the ingress of a link, an interface index. Returns how many there are; -1
 * with errno when that cannot be found out. */
int ftun_filters_ingress(uint32_t link, ftun_filter_visitor *visit, void *context);

/* Those on its egress. */
int ftun_filters_egress(uint32_t link, ftun_filter_visitor *visit, void *context);

#endif
