/* SPDX-License-Identifier: MIT */
/* Timeouts, polls, epoll sets, futexes and messages: the same on both kernels. */
#include "sim/raw.h"

#include <poll.h>
#include <sys/epoll.h>

#include "sim/poll.h"

#define MSEC 1000000

static struct __kernel_timespec times[8];

static struct io_uring_sqe *timeout(struct raw *raw, int64_t ns, uint64_t name)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	times[name & 7] = (struct __kernel_timespec){.tv_sec = ns / 1000000000,
						     .tv_nsec = ns % 1000000000};
	io_uring_prep_timeout(sqe, &times[name & 7], 0, 0);
	raw_name(sqe, name, 0);
	return sqe;
}

static void nop(struct raw *raw, uint64_t name)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_nop(sqe);
	raw_name(sqe, name, 0);
}

static void ring_a_bell(struct raw *raw, int fd, uint64_t name)
{
	static const uint64_t one = 1;
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_write(sqe, fd, &one, sizeof one, 0);
	raw_name(sqe, name, 0);
}

/* -- Timeouts ------------------------------------------------------------------------------------
 */

ON_BOTH(timeout, fires_in_order)
{
	timeout(raw, 30 * MSEC, 1);
	timeout(raw, 10 * MSEC, 2);
	timeout(raw, 20 * MSEC, 3);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 1, -ETIME);
	EXPECT_RESULT(raw, 2, -ETIME);
	EXPECT_LT(raw_place(raw, 2), raw_place(raw, 3));
	EXPECT_LT(raw_place(raw, 3), raw_place(raw, 1));
}

ON_BOTH(timeout, refuses_what_makes_no_sense)
{
	timeout(raw, 5, 1)->timeout_flags = 1u << 20;
	timeout(raw, 5, 2)->len = 2;
	timeout(raw, 5, 3)->timeout_flags = IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ABS;
	timeout(raw, 5, 4)->timeout_flags = IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME;
	timeout(raw, 5, 5);
	times[5].tv_sec = -1;
	raw_go(raw, 5);
	for (uint64_t name = 1; name <= 5; name++)
		EXPECT_RESULT(raw, name, -EINVAL);
}

ON_BOTH(timeout, in_the_past_fires_at_once)
{
	timeout(raw, 1, 1)->timeout_flags = IORING_TIMEOUT_ABS;
	timeout(raw, 1, 2)->timeout_flags = IORING_TIMEOUT_ABS | IORING_TIMEOUT_REALTIME;
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, -ETIME);
	EXPECT_RESULT(raw, 2, -ETIME);
}

ON_BOTH(timeout, counts_completions)
{
	timeout(raw, 900 * MSEC, 1)->off = 2;
	nop(raw, 2);
	nop(raw, 3);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 1, 0);
}

ON_BOTH(timeout, fires_many_times)
{
	struct io_uring_sqe *sqe = timeout(raw, 2 * MSEC, 1);

	sqe->timeout_flags = IORING_TIMEOUT_MULTISHOT;
	sqe->off = 3;
	raw_go(raw, 3);
	EXPECT_EQ(raw_cqe_count(raw, 1), 3);
	EXPECT_EQ(raw->cqes[0].flags & IORING_CQE_F_MORE, IORING_CQE_F_MORE);
	EXPECT_EQ(raw_flags(raw, 1) & IORING_CQE_F_MORE, 0);
}

ON_BOTH(timeout, is_removed_and_updated)
{
	struct io_uring_sqe *sqe;

	timeout(raw, 900 * MSEC, 1);
	timeout(raw, 900 * MSEC, 2);
	raw_go(raw, 0);
	sqe = raw_sqe(raw, 3);
	io_uring_prep_timeout_remove(sqe, 1, 0);
	raw_name(sqe, 3, 0);
	sqe = raw_sqe(raw, 4);
	io_uring_prep_timeout_remove(sqe, 77, 0);
	raw_name(sqe, 4, 0);
	sqe = raw_sqe(raw, 5);
	times[5] = (struct __kernel_timespec){.tv_nsec = 5 * MSEC};
	io_uring_prep_timeout_update(sqe, &times[5], 2, 0);
	raw_name(sqe, 5, 0);
	raw_go(raw, 5);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 3, 0);
	EXPECT_RESULT(raw, 4, -ENOENT);
	EXPECT_RESULT(raw, 5, 0);
	EXPECT_RESULT(raw, 2, -ETIME);
}

ON_BOTH(timeout, is_found_by_a_cancel)
{
	struct io_uring_sqe *sqe;

	timeout(raw, 900 * MSEC, 1);
	sqe = raw_sqe(raw, 2);
	io_uring_prep_cancel64(sqe, 1, 0);
	raw_name(sqe, 2, 0);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 2, 0);
}

/* -- Polls ---------------------------------------------------------------------------------------
 */

static struct io_uring_sqe *poll_for(struct raw *raw, int fd, unsigned events, uint64_t name)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_poll_add(sqe, fd, events);
	raw_name(sqe, name, 0);
	return sqe;
}

ON_BOTH(poll, tells_what_is_and_what_comes)
{
	int fd = raw_eventfd(raw);

	poll_for(raw, fd, POLLOUT | POLLIN, 1);
	poll_for(raw, fd, POLLIN, 2);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 1, POLLOUT);
	EXPECT_RESULT(raw, 2, RAW_NOTHING);
	ring_a_bell(raw, fd, 3);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 2, POLLIN);
	raw_close_fd(raw, fd);
}

ON_BOTH(poll, goes_on_while_it_is_a_multishot)
{
	int fd = raw_eventfd(raw);
	struct io_uring_sqe *sqe = poll_for(raw, fd, POLLIN, 1);

	sqe->len = IORING_POLL_ADD_MULTI;
	raw_go(raw, 0);
	ring_a_bell(raw, fd, 2);
	raw_go(raw, 2);
	ring_a_bell(raw, fd, 3);
	raw_go(raw, 2);
	EXPECT_EQ(raw_cqe_count(raw, 1), 2);
	EXPECT_EQ(raw_flags(raw, 1) & IORING_CQE_F_MORE, IORING_CQE_F_MORE);
	sqe = raw_sqe(raw, 4);
	io_uring_prep_poll_remove(sqe, 1);
	raw_name(sqe, 4, 0);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 4, 0);
	raw_close_fd(raw, fd);
}

ON_BOTH(poll, is_updated)
{
	int fd = raw_eventfd(raw);
	struct io_uring_sqe *sqe;

	poll_for(raw, fd, POLLIN, 1);
	raw_go(raw, 0);
	sqe = raw_sqe(raw, 2);
	io_uring_prep_poll_update(sqe, 1, 0, POLLOUT, IORING_POLL_UPDATE_EVENTS);
	raw_name(sqe, 2, 0);
	sqe = raw_sqe(raw, 3);
	io_uring_prep_poll_remove(sqe, 77);
	raw_name(sqe, 3, 0);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 1, POLLOUT);
	EXPECT_RESULT(raw, 2, 0);
	EXPECT_RESULT(raw, 3, -ENOENT);
	raw_close_fd(raw, fd);
}

/* -- Epoll sets ----------------------------------------------------------------------------------
 */

static struct epoll_event events[4];

static void control(struct raw *raw, int set, int operation, int fd)
{
	static struct epoll_event changes[8];
	struct epoll_event *event = &changes[raw->pushed & 7];
	uint64_t name = 100 + raw->count + raw->pushed;
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	*event = (struct epoll_event){.events = EPOLLIN, .data.u64 = (uint64_t)operation};
	io_uring_prep_epoll_ctl(sqe, set, fd, operation, event);
	raw_name(sqe, name, 0);
}

static void wait_on(struct raw *raw, int set, uint64_t name)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_rw(59, sqe, set, events, 4, 0);
	raw_name(sqe, name, 0);
}

ON_BOTH(poll, waits_for_a_set)
{
	int set = raw->sim ? sim_epoll_create(raw->sim) : epoll_create1(EPOLL_CLOEXEC);
	int fd = raw_eventfd(raw);

	control(raw, set, EPOLL_CTL_ADD, fd);
	control(raw, set, EPOLL_CTL_ADD, fd);
	control(raw, set, EPOLL_CTL_MOD, set);
	control(raw, set, EPOLL_CTL_MOD, fd);
	control(raw, fd, EPOLL_CTL_ADD, fd);
	raw_go(raw, 5);
	EXPECT_RESULT(raw, 100, 0);
	EXPECT_RESULT(raw, 101, -EEXIST);
	EXPECT_RESULT(raw, 102, -EINVAL);
	EXPECT_RESULT(raw, 103, 0);
	EXPECT_RESULT(raw, 104, -EINVAL);
	wait_on(raw, set, 1);
	raw_go(raw, 0);
	EXPECT_RESULT(raw, 1, RAW_NOTHING);
	ring_a_bell(raw, fd, 2);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, 1);
	EXPECT_EQ(events[0].events, EPOLLIN);
	EXPECT_EQ(events[0].data.u64, EPOLL_CTL_MOD);
	raw_close_fd(raw, fd);
	wait_on(raw, set, 3);
	timeout(raw, 5 * MSEC, 4);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 3, RAW_NOTHING);
	raw_sqe(raw, 5)->opcode = IORING_OP_ASYNC_CANCEL;
	raw->driver->rings.sqes[*raw->driver->rings.sq_tail & 31].addr = 3;
	raw_go(raw, 2);
	raw_close_fd(raw, set);
}

/* -- Futexes -------------------------------------------------------------------------------------
 */

static void wait_for_word(struct raw *raw, uint32_t *word, uint32_t value, uint64_t name)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_futex_wait(sqe, word, value, UINT32_MAX, 2, 0);
	raw_name(sqe, name, 0);
}

ON_BOTH(futex, wakes_as_many_as_asked)
{
	static uint32_t word;
	struct io_uring_sqe *sqe;

	for (uint64_t name = 1; name <= 3; name++)
		wait_for_word(raw, &word, 0, name);
	wait_for_word(raw, &word, 1, 4);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 4, -EAGAIN);
	sqe = raw_sqe(raw, 5);
	io_uring_prep_futex_wake(sqe, &word, 2, UINT32_MAX, 2, 0);
	raw_name(sqe, 5, 0);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 5, 2);
	EXPECT_RESULT(raw, 1, 0);
	EXPECT_RESULT(raw, 2, 0);
	EXPECT_RESULT(raw, 3, RAW_NOTHING);
	sqe = raw_sqe(raw, 6);
	io_uring_prep_futex_wake(sqe, &word, 9, UINT32_MAX, 2, 0);
	raw_name(sqe, 6, 0);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 6, 1);
}

ON_BOTH(futex, refuses_senseless_flags)
{
	static uint32_t word;
	struct io_uring_sqe *sqe = raw_sqe(raw, 1);

	io_uring_prep_futex_wait(sqe, &word, 0, UINT32_MAX, 64, 0);
	raw_name(sqe, 1, 0);
	sqe = raw_sqe(raw, 2);
	io_uring_prep_futex_wait(sqe, &word, 0, 0, 2, 0);
	raw_name(sqe, 2, 0);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, -EINVAL);
	EXPECT_RESULT(raw, 2, -EINVAL);
}

/* -- The ring itself -----------------------------------------------------------------------------
 */

ON_BOTH(ring_ops, a_message_to_oneself)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, 1);

	io_uring_prep_msg_ring(sqe, raw->driver->ring_fd, 44, 2, 0);
	raw_name(sqe, 1, 0);
	sqe = raw_sqe(raw, 3);
	io_uring_prep_msg_ring(sqe, raw->driver->wake_fd, 44, 2, 0);
	raw_name(sqe, 3, 0);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 1, 0);
	EXPECT_RESULT(raw, 2, 44);
	EXPECT_RESULT(raw, 3, -EBADFD);
}

ON_BOTH(ring_ops, nothing_is_registered)
{
	static char buffer[8];
	static int fds[1] = {-1};
	struct io_uring_sqe *sqe;

	sqe = raw_sqe(raw, 1);
	io_uring_prep_read_fixed(sqe, raw->driver->wake_fd, buffer, 8, 0, 0);
	raw_name(sqe, 1, 0);
	sqe = raw_sqe(raw, 2);
	io_uring_prep_files_update(sqe, fds, 1, 0);
	raw_name(sqe, 2, 0);
	sqe = raw_sqe(raw, 3);
	io_uring_prep_read(sqe, 0, buffer, 8, 0);
	raw_name(sqe, 3, IOSQE_FIXED_FILE);
	sqe = raw_sqe(raw, 4);
	io_uring_prep_fixed_fd_install(sqe, 0, 0);
	raw_name(sqe, 4, 0);
	sqe = raw_sqe(raw, 5);
	io_uring_prep_close_direct(sqe, 0);
	raw_name(sqe, 5, 0);
	sqe = raw_sqe(raw, 6);
	io_uring_prep_close(sqe, raw->driver->ring_fd);
	raw_name(sqe, 6, 0);
	raw_go(raw, 6);
	EXPECT_RESULT(raw, 1, -EFAULT);
	EXPECT_RESULT(raw, 2, -ENXIO);
	EXPECT_RESULT(raw, 3, -EBADF);
	EXPECT_RESULT(raw, 4, -EBADF);
	EXPECT_RESULT(raw, 5, -ENXIO);
	EXPECT_RESULT(raw, 6, -EBADF);
}

ON_BOTH(ring_ops, vectors)
{
	static char bytes[8];
	static struct iovec iov[2] = {{bytes, 3}, {bytes + 3, 5}};
	struct io_uring_sqe *sqe;
	int fds[2];

	raw_pipe(raw, fds);
	sqe = raw_sqe(raw, 1);
	io_uring_prep_writev(sqe, fds[1], iov, 2, 0);
	raw_name(sqe, 1, 0);
	sqe = raw_sqe(raw, 2);
	io_uring_prep_readv(sqe, fds[0], iov, 2, 0);
	raw_name(sqe, 2, 0);
	sqe = raw_sqe(raw, 3);
	io_uring_prep_readv(sqe, fds[0], iov, 0, 0);
	raw_name(sqe, 3, 0);
	sqe = raw_sqe(raw, 4);
	io_uring_prep_readv(sqe, fds[0], iov, 1025, 0);
	raw_name(sqe, 4, 0);
	sqe = raw_sqe(raw, 5);
	io_uring_prep_read(sqe, fds[1], bytes, 8, 0);
	raw_name(sqe, 5, 0);
	sqe = raw_sqe(raw, 6);
	io_uring_prep_write(sqe, fds[0], bytes, 8, 0);
	raw_name(sqe, 6, 0);
	raw_go(raw, 6);
	EXPECT_RESULT(raw, 1, 8);
	EXPECT_RESULT(raw, 2, 8);
	EXPECT_RESULT(raw, 3, 0);
	EXPECT_RESULT(raw, 4, -EINVAL);
	EXPECT_RESULT(raw, 5, -EBADF);
	EXPECT_RESULT(raw, 6, -EBADF);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}
