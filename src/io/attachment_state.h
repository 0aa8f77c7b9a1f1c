/* Inside the attachment: what its implementations are, and what they share. */
#ifndef FTUN_IO_ATTACHMENT_STATE_H
#define FTUN_IO_ATTACHMENT_STATE_H

#include "attachment.h"

typedef bool ftun_attachment_step(struct ftun_attachment *attachment, struct ftun_error *error);

/* One way to attach. */
struct ftun_attachment_way {
    /* What set_up, restore and take_down do concerns other instances: one does it at a time. */
    bool locked;
    /* On error take_down follows. */
    ftun_attachment_step *set_up;
    /* The queues are closed; on error they may be left open. */
    ftun_attachment_step *restore;
    /* The plan has the latest remotes. Unless FTUN_FOLLOWED, the plan gets back those `before`. */
    enum ftun_follow_result (*follow)(struct ftun_attachment *attachment,
                                      const struct ftun_remotes *before, struct ftun_error *error);
    /* As ftun_attachment_local(). */
    bool (*local)(const struct ftun_attachment *attachment, const struct ftun_route *route,
                  struct ftun_address *out);
    /* Of what was set up, or a part of it. */
    void (*take_down)(struct ftun_attachment *attachment);
};

extern const struct ftun_attachment_way ftun_attachment_divert;
extern const struct ftun_attachment_way ftun_attachment_nat;
extern const struct ftun_attachment_way ftun_attachment_manual;

/* The ports that a client may choose from where no other are reserved for it. */
struct ftun_port_range ftun_attachment_plan_ports(const struct ftun_attachment_plan *plan);

/* --- the TUN (attachment_tun.c) ----------------------------------------------------------- */

/* The device and its queues: as many as planned, or one and the reason in `why_one_queue`. */
bool ftun_attachment_open_tun(struct ftun_attachment *attachment, const char *name,
                              struct ftun_error *error);

/* The same as before: workers wait for their queues. */
bool ftun_attachment_open_tun_again(struct ftun_attachment *attachment, struct ftun_error *error);

/* Set up, with the size and queue that packets need; addresses come after it. */
bool ftun_attachment_set_tun_up(const struct ftun_attachment *attachment, struct ftun_error *error);

void ftun_attachment_close_tun(struct ftun_attachment *attachment);

/* The address of ftun's end of the TUN. */
bool ftun_attachment_tun_local(const struct ftun_attachment *attachment,
                               const struct ftun_route *route, struct ftun_address *out);

/* --- one instance at a time --------------------------------------------------------------- */

/* Do one step under the lock in a running tunnel: packets do not wait for it. */
enum ftun_follow_result ftun_attachment_try_locked(struct ftun_attachment *attachment,
                                                   ftun_attachment_step *step,
                                                   struct ftun_error *error);

#endif
