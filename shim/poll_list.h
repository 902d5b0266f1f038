/* Waits for input from any of several descriptors: see poll_list.c. */
#ifndef SHIM_POLL_LIST_H
#define SHIM_POLL_LIST_H

#include <poll.h>

#include "shim/io.h"

/* Are they two or more conduits, all waited for to be read? No guard. */
bool poll_list_known(const struct pollfd *list, nfds_t count);
/* The task is about to wait for them without a time limit. No guard; poll_list_known() has said yes. */
void poll_list_block(struct io *io, uint32_t primitive, const struct pollfd *list, nfds_t count);
/* epoll_ctl was called; judged: what it added is a conduit, to be read from. Guard up. */
void poll_set_changed(struct thread *thread, int set, bool judged);
/* The task is about to wait for the set without a time limit. False: it is by design, and nothing was noted. No guard. */
bool poll_set_block(struct io *io, uint32_t primitive, int set);
/* The process ends while the task of this slot waits in poll, select or epoll. */
void poll_list_at_end(struct trace_task *record);

#endif
