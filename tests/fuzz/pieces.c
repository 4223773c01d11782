/* SPDX-License-Identifier: MIT */
/* Things to wait for. See world.h. */
#include "fuzz/world.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#define FUTEX_U32 2u

struct coil_task *handle_take(void)
{
	unsigned at = take(HANDLES);
	struct coil_task *task = world.handles[at];

	if (!task || task == coil_self())
		return NULL;
	world.handles[at] = NULL;
	return task;
}

/* Where there is no room it stays with its group. */
void handle_put(struct coil_task *task)
{
	for (unsigned i = 0; i < HANDLES; i++)
		if (!world.handles[i]) {
			world.handles[i] = task;
			return;
		}
}

static struct coil_op make_bytes_op(struct piece *piece, unsigned kind, int fd)
{
	size_t n = 1 + take(sizeof piece->bytes);
	struct coil_op op = coil_op_nop();

	switch (kind) {
	case 0:
		op = coil_op_read(fd, piece->bytes, n, -1);
		break;
	case 1:
		op = coil_op_write(fd, piece->bytes, n, -1);
		break;
	case 2:
		op = coil_op_recv(fd, piece->bytes, n, take(2) ? MSG_WAITALL : 0);
		break;
	case 3:
		op = coil_op_send(fd, piece->bytes, n, MSG_NOSIGNAL);
		break;
	case 4:
		op = coil_op_send_zc(fd, piece->bytes, n, MSG_NOSIGNAL);
		break;
	}
	return op;
}

static struct coil_op make_plain_op(unsigned kind, int fd)
{
	struct coil_op op = coil_op_nop();

	switch (kind) {
	case 5:
		op = coil_op_poll(fd, take(2) ? POLLIN : POLLOUT);
		break;
	case 6:
		op = coil_op_fsync(fd);
		break;
	case 7:
		op = coil_op_ftruncate(fd, take(100));
		break;
	case 8:
		op = coil_op_shutdown(fd, (int)take(3));
		break;
	case 9:
		op = coil_op_futex_wait(&world.words[take(WORDS)], take(2), UINT32_MAX, FUTEX_U32);
		break;
	case 10:
		op = coil_op_futex_wake(&world.words[take(WORDS)], UINT32_MAX, 1, FUTEX_U32);
		break;
	}
	return op;
}

void piece_make_op(struct piece *piece)
{
	unsigned kind = take(13);
	int fd = world.fds[take(FDS)];

	memset(piece, 0, sizeof *piece);
	piece->kind = PIECE_OP;
	if (kind < 5)
		piece->op = make_bytes_op(piece, kind, fd);
	else
		piece->op = make_plain_op(kind, fd);
	if (kind == 11) {
		piece->op = coil_op_openat(AT_FDCWD, "/tmp/file", O_RDWR | O_CREAT, 0600);
		piece->kind = PIECE_OPENS;
	}
	piece->future = &piece->op.future;
}

static void begin_promise(struct piece *piece)
{
	piece->kind = PIECE_PROMISE;
	piece->future = &world.promises[take(PROMISES)].future;
}

void piece_begin(struct piece *piece)
{
	unsigned way = take(6);

	piece_make_op(piece);
	if (way == 0 || way == 1) {
		begin_promise(piece);
	} else if (way == 2) {
		piece->kind = PIECE_TIMER;
		piece->future = &piece->timer.future;
		if (coil_timer_start(&piece->timer, coil_now() + take_time()) < 0)
			begin_promise(piece);
	} else if (way == 3) {
		piece->kind = PIECE_TASK;
		piece->task = handle_take();
		if (piece->task)
			piece->future = coil_task_future(piece->task);
		else
			begin_promise(piece);
	} else {
		coil_op_start(&piece->op);
	}
}

static void close_result(const struct coil_future *future)
{
	int fd = coil_future_result(future);

	if (fd >= 0)
		coil_close(fd);
}

void piece_end(struct piece *piece, bool is_closed)
{
	switch (piece->kind) {
	case PIECE_OP:
	case PIECE_OPENS:
		if (!coil_future_done(piece->future)) {
			coil_op_cancel(&piece->op);
			coil_op_await(&piece->op);
		}
		MUST(coil_future_done(piece->future));
		if (piece->kind == PIECE_OPENS && !is_closed)
			close_result(piece->future);
		break;
	case PIECE_TIMER:
		coil_timer_cancel(&piece->timer);
		MUST(coil_future_done(piece->future));
		break;
	case PIECE_TASK:
		handle_put(piece->task);
		break;
	case PIECE_PROMISE:
		break;
	}
}
