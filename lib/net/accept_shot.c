/* SPDX-License-Identifier: MIT */
/* Multishot accepts; see accept_shot.h. */
#include "net/accept_shot.h"

#include "net/listener.h"

#include "loop/op.h"
#include "loop/prep_net.h"

#include <errno.h>

#define ROOM_FIRST 256u
/* Kept before it is ended; what one look of the kernel's brings more is kept as well. */
#define KEPT_MAX 64u

/* Operations are aligned by more than the allocator is. */
#define SHOT_BYTES (sizeof(struct accept_shot) + _Alignof(struct accept_shot))

struct accept_shot *accept_shot_new(struct coil_loop *loop, struct coil_listener *listener)
{
	const size_t mask = _Alignof(struct accept_shot) - 1;
	char *memory = alloc_zeroed(loop->alloc, SHOT_BYTES);
	struct accept_shot *shot;
	int *fds;

	if (!memory)
		return NULL;
	fds = loop->alloc->alloc(loop->alloc->context, ROOM_FIRST * sizeof *fds);
	if (!fds) {
		alloc_free(loop->alloc, memory, SHOT_BYTES);
		return NULL;
	}
	shot = (void *)(memory + (-(uintptr_t)memory & mask));
	shot->memory = memory;
	shot->loop = loop;
	shot->listener = listener;
	shot->fds = fds;
	shot->room = ROOM_FIRST;
	return shot;
}

static bool grow(struct accept_shot *shot)
{
	const struct coil_alloc *alloc = shot->loop->alloc;
	int *fds = alloc->alloc(alloc->context, 2 * shot->room * sizeof *fds);

	if (!fds)
		return false;
	for (uint32_t i = 0; i < shot->count; i++)
		fds[i] = shot->fds[(shot->first + i) & (shot->room - 1)];
	alloc_free(alloc, shot->fds, shot->room * sizeof *fds);
	shot->fds = fds;
	shot->room *= 2;
	shot->first = 0;
	return true;
}

static void keep(struct accept_shot *shot, int fd)
{
	if (shot->count == shot->room && !grow(shot)) {
		shot->loop->driver->ops->calls->close(fd);
		shot->listener->stats.lost++;
		return;
	}
	shot->fds[(shot->first + shot->count) & (shot->room - 1)] = fd;
	shot->count++;
}

/* In place of op_complete, which is told of the end alone: a future resolves once. */
static void shot_complete(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct coil_op *op = container_of(completion, struct coil_op, completion);
	struct accept_shot *shot = container_of(op, struct accept_shot, op);
	bool goes_on = cqe_flags & IORING_CQE_F_MORE;

	if (result >= 0)
		keep(shot, result);
	else if (!(op->flags & OP_CANCEL_ASKED))
		shot->error = result;
	if (!goes_on)
		op_complete(completion, result, cqe_flags);
	else if (shot->count >= KEPT_MAX && !(op->flags & OP_CANCEL_ASKED))
		op_cancel(shot->loop, op);
	listener_arrived(shot->listener);
}

static void arm(struct accept_shot *shot, int listen_fd)
{
	op_prep_accept4(&shot->op, listen_fd, NULL, NULL, SOCK_CLOEXEC);
	op_sqe(&shot->op)->ioprio |= IORING_ACCEPT_MULTISHOT;
	op_start(shot->loop, &shot->op, NULL);
	shot->op.completion.complete = shot_complete;
}

int accept_shot_take(struct accept_shot *shot, int listen_fd)
{
	int result = shot->error;

	if (shot->count > 0) {
		result = shot->fds[shot->first++ & (shot->room - 1)];
		shot->count--;
		return result;
	}
	shot->error = 0;
	if (result < 0)
		return result;
	if (!op_is_started(&shot->op))
		arm(shot, listen_fd);
	return shot->op.flags & OP_CANCEL_ASKED ? -EBUSY : -EAGAIN;
}

bool accept_shot_is_armed(const struct accept_shot *shot)
{
	return shot->count == 0 && !shot->error && op_is_started(&shot->op);
}

void accept_shot_free(struct accept_shot *shot)
{
	const struct coil_alloc *alloc = shot->loop->alloc;

	check(!op_is_started(&shot->op));
	while (shot->count-- > 0)
		shot->loop->driver->ops->calls->close(
			shot->fds[shot->first++ & (shot->room - 1)]);
	alloc_free(alloc, shot->fds, shot->room * sizeof *shot->fds);
	alloc_free(alloc, shot->memory, SHOT_BYTES);
}
