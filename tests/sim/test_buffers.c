/* SPDX-License-Identifier: MIT */
/* Buffers that a receive chooses when it has data: what both kernels must agree on. */
#include "sim/net.h"
#include "sim/raw.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#define GROUP 7
#define BUFFERS 4
#define BUFFER_BYTES 16

/* The shared ring takes a page; the buffers lie behind it. */
struct lent {
	struct io_uring_buf_ring *ring;
	char (*data)[BUFFER_BYTES];
	uint16_t tail;
};

static void lend(struct lent *lent, uint16_t id)
{
	struct io_uring_buf *slot = &lent->ring->bufs[lent->tail & (BUFFERS - 1)];

	slot->addr = (uintptr_t)lent->data[id];
	slot->len = BUFFER_BYTES;
	slot->bid = id;
	__atomic_store_n(&lent->ring->tail, ++lent->tail, __ATOMIC_RELEASE);
}

static void open_group(struct raw *raw, struct lent *lent, unsigned count)
{
	char *memory = aligned_alloc(4096, 8192);

	memset(memory, 0, 8192);
	*lent = (struct lent){.ring = (void *)memory, .data = (void *)(memory + 4096)};
	EXPECT_EQ(raw->driver->ops->register_buffers(raw->driver, memory, BUFFERS, GROUP), 0);
	for (uint16_t id = 0; id < count; id++)
		lend(lent, id);
}

static void close_group(struct raw *raw, struct lent *lent)
{
	raw->driver->ops->unregister_buffers(raw->driver, GROUP);
	free(lent->ring);
}

/* Goes with the next raw_go. */
static void send_text(struct raw *raw, int fd, const char *text)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, 80);

	io_uring_prep_send(sqe, fd, text, strlen(text), MSG_NOSIGNAL);
	raw_name(sqe, 80, IOSQE_CQE_SKIP_SUCCESS);
}

static struct io_uring_sqe *receive(struct raw *raw, int fd, uint64_t user_data,
				    bool is_multishot)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, user_data);

	if (is_multishot)
		io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	else
		io_uring_prep_recv(sqe, fd, NULL, 0, 0);
	raw_name(sqe, user_data, IOSQE_BUFFER_SELECT);
	sqe->buf_group = GROUP;
	return sqe;
}

/* The @n-th CQE of a receive, against what it brought. */
static void expect_text(struct raw *raw, struct lent *lent, unsigned n, const char *text)
{
	const struct raw_cqe *cqe = &raw->cqes[n];

	EXPECT_GT(raw->count, n);
	EXPECT_EQ(cqe->res, (long)strlen(text));
	EXPECT(cqe->flags & IORING_CQE_F_BUFFER);
	EXPECT_MEM_EQ(lent->data[cqe->flags >> IORING_CQE_BUFFER_SHIFT], text, strlen(text));
}

#define MORE(raw, n) (((raw)->cqes[n].flags & IORING_CQE_F_MORE) != 0)

ON_BOTH(buffers, one_receive_brings_many_messages_and_the_end)
{
	void (*const pairs[])(struct raw *raw, int fds[2]) = {raw_pair_unix, raw_pair_tcp};

	for (unsigned kind = 0; kind < 2; kind++) {
		struct lent lent;
		int fds[2];

		pairs[kind](raw, fds);
		raw->count = 0;
		open_group(raw, &lent, BUFFERS);
		receive(raw, fds[1], 1, true);
		raw_go(raw, 0);
		EXPECT_EQ(raw->count, 0);
		send_text(raw, fds[0], "one");
		raw_go(raw, 1);
		expect_text(raw, &lent, 0, "one");
		EXPECT(MORE(raw, 0));
		send_text(raw, fds[0], "second");
		raw_go(raw, 1);
		expect_text(raw, &lent, 1, "second");
		EXPECT(MORE(raw, 1));
		raw->calls->shutdown(fds[0], SHUT_WR);
		raw_go(raw, 1);
		EXPECT_EQ(raw->cqes[2].res, 0);
		EXPECT_EQ(raw->cqes[2].flags & (IORING_CQE_F_MORE | IORING_CQE_F_BUFFER), 0);
		close_group(raw, &lent);
		raw_close_fd(raw, fds[0]);
		raw_close_fd(raw, fds[1]);
	}
}

/* What is larger than a buffer comes in several, in order; so does an end that was there before. */
ON_BOTH(buffers, much_comes_in_pieces_and_the_end_behind_it)
{
	void (*const pairs[])(struct raw *raw, int fds[2]) = {raw_pair_unix, raw_pair_tcp};

	for (unsigned kind = 0; kind < 2; kind++) {
		struct lent lent;
		int fds[2];

		pairs[kind](raw, fds);
		open_group(raw, &lent, BUFFERS);
		send_text(raw, fds[0], "0123456789abcdefghij");
		raw_go(raw, 0);
		raw->calls->shutdown(fds[0], SHUT_WR);
		raw->count = 0;
		receive(raw, fds[1], 1, true);
		raw_go(raw, 3);
		expect_text(raw, &lent, 0, "0123456789abcdef");
		EXPECT(raw->cqes[0].flags & IORING_CQE_F_SOCK_NONEMPTY);
		expect_text(raw, &lent, 1, "ghij");
		EXPECT(MORE(raw, 0) && MORE(raw, 1));
		EXPECT_EQ(raw->cqes[2].res, 0);
		EXPECT(!MORE(raw, 2));
		close_group(raw, &lent);
		raw_close_fd(raw, fds[0]);
		raw_close_fd(raw, fds[1]);
	}
}

ON_BOTH(buffers, an_empty_group_refuses_at_once_and_loses_nothing)
{
	struct lent lent;
	int fds[2];

	raw_pair_unix(raw, fds);
	open_group(raw, &lent, 0);
	receive(raw, fds[1], 1, true);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 1, -ENOBUFS);
	send_text(raw, fds[0], "kept");
	raw_go(raw, 0);
	receive(raw, fds[1], 2, true);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 2, -ENOBUFS);
	lend(&lent, 3);
	raw->count = 0;
	receive(raw, fds[1], 3, true);
	raw_go(raw, 1);
	expect_text(raw, &lent, 0, "kept");
	EXPECT_EQ(raw->cqes[0].flags >> IORING_CQE_BUFFER_SHIFT, 3);
	/* The last buffer is gone: who waits is not told before there is data. */
	raw_go(raw, 0);
	send_text(raw, fds[0], "late");
	raw_go(raw, 1);
	EXPECT_EQ(raw->cqes[1].res, -ENOBUFS);
	EXPECT(!MORE(raw, 1));
	lend(&lent, 0);
	receive(raw, fds[1], 4, false);
	raw_go(raw, 1);
	expect_text(raw, &lent, 2, "late");
	EXPECT(!MORE(raw, 2));
	close_group(raw, &lent);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(buffers, a_waiting_one_is_cancelled)
{
	struct io_uring_sqe *sqe;
	struct lent lent;
	int fds[2];

	raw_pair_unix(raw, fds);
	open_group(raw, &lent, BUFFERS);
	receive(raw, fds[1], 1, true);
	raw_go(raw, 0);
	sqe = raw_sqe(raw, 2);
	io_uring_prep_cancel64(sqe, 1, 0);
	raw_name(sqe, 2, 0);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_EQ(raw_flags(raw, 1) & (IORING_CQE_F_MORE | IORING_CQE_F_BUFFER), 0);
	EXPECT_RESULT(raw, 2, 0);
	close_group(raw, &lent);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(buffers, what_makes_no_sense_is_refused)
{
	struct io_uring_sqe *sqe;
	struct lent lent;
	char buf[8];
	int fds[2];

	raw_pair_unix(raw, fds);
	open_group(raw, &lent, BUFFERS);
	EXPECT_EQ(raw->driver->ops->register_buffers(raw->driver, lent.ring, BUFFERS, GROUP),
		  -EEXIST);
	EXPECT_EQ(raw->driver->ops->register_buffers(raw->driver, lent.ring, 3, 1), -EINVAL);
	EXPECT_EQ(raw->driver->ops->register_buffers(raw->driver, (char *)lent.ring + 8, 4, 1),
		  -EINVAL);
	sqe = raw_sqe(raw, 1);
	io_uring_prep_recv_multishot(sqe, fds[1], buf, 0, 0);
	raw_name(sqe, 1, 0);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 1, -EINVAL);
	receive(raw, fds[1], 2, true)->msg_flags = MSG_WAITALL;
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 2, -EINVAL);
	close_group(raw, &lent);
	receive(raw, fds[1], 3, true);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 3, -ENOBUFS);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}
