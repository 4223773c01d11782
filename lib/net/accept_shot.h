/* SPDX-License-Identifier: MIT */
/*
 * A multishot accept: one operation that brings connection after connection, until an error or a
 * cancel ends it. What it brings and nobody waits for is kept, in order; when much is, it is ended,
 * and the rest stays in the kernel's backlog.
 */
#ifndef COIL_NET_ACCEPT_SHOT_H
#define COIL_NET_ACCEPT_SHOT_H

#include "coil/op.h"
#include "loop/loop.h"

struct coil_listener;

struct accept_shot {
	struct coil_op op;
	struct coil_listener *listener;	/* is told of what comes: listener_arrived */
	struct coil_loop *loop;
	void *memory;			/* that this lies in */
	int *fds;			/* a ring of @room, a power of two */
	uint32_t room;
	uint32_t first;
	uint32_t count;
	int error;			/* that it ended with, until somebody was told; or 0 */
};

/* NULL: no memory. */
struct accept_shot *accept_shot_new(struct coil_loop *loop, struct coil_listener *listener);

/*
 * The next connection; or the error that ended it, once; or -EAGAIN: nothing came yet, and more is
 * asked for. -EBUSY: it is about to end, wait for shot->op.
 */
int accept_shot_take(struct accept_shot *shot, int listen_fd);

/* Will what comes next be told without anybody's doing? */
bool accept_shot_is_armed(const struct accept_shot *shot);

/* Closes what nobody took, and frees it. The operation is done. */
void accept_shot_free(struct accept_shot *shot);

#endif
