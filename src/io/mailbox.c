#include "mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool ftun_mailbox_open(struct ftun_mailbox *mailbox, struct ftun_error *error)
{
    *mailbox = (struct ftun_mailbox){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    pthread_mutex_init(&mailbox->lock, NULL);
    return mailbox->fd >= 0 || ftun_fail(error, "cannot make an eventfd: %s", strerror(errno));
}

void ftun_mailbox_close(struct ftun_mailbox *mailbox)
{
    if (mailbox->fd < 0)
        return;
    struct ftun_letter *letter;
    while ((letter = ftun_mailbox_take(mailbox)) != NULL)
        free(letter);
    pthread_mutex_destroy(&mailbox->lock);
    close(mailbox->fd);
    mailbox->fd = -1;
}

static void append(struct ftun_mailbox *mailbox, struct ftun_letter *letter)
{
    if (mailbox->first == NULL)
        mailbox->first = letter;
    else
        mailbox->last->next = letter;
    mailbox->last = letter;
    mailbox->count++;
    eventfd_write(mailbox->fd, 1);
}

bool ftun_mailbox_post(struct ftun_mailbox *mailbox, uint32_t kind, uint64_t note, const void *data,
                       size_t len, size_t most)
{
    struct ftun_letter *letter = malloc(sizeof *letter + len);
    if (letter == NULL)
        return false;
    letter->next = NULL;
    letter->kind = kind;
    letter->note = note;
    letter->len = len;
    if (len > 0)
        memcpy(letter->data, data, len);
    pthread_mutex_lock(&mailbox->lock);
    const bool room = mailbox->count < most;
    if (room)
        append(mailbox, letter);
    pthread_mutex_unlock(&mailbox->lock);
    if (!room)
        free(letter);
    return room;
}

struct ftun_letter *ftun_mailbox_take(struct ftun_mailbox *mailbox)
{
    eventfd_t posted;
    pthread_mutex_lock(&mailbox->lock);
    struct ftun_letter *letter = mailbox->first;
    if (letter == NULL) {
        eventfd_read(mailbox->fd, &posted);
    } else {
        mailbox->first = letter->next;
        mailbox->count--;
    }
    pthread_mutex_unlock(&mailbox->lock);
    return letter;
}
