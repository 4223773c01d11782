/* SPDX-License-Identifier: MIT */
/* What can wait for long: cancelled while it does, and ended by a deadline. */
#include "support/test.h"

#include "ops/world.h"

#include <coil.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUTEXES (struct futex_waitv *)(void *)w->futexes
#define PRIVATE_U32 (2 | 128)

/* ROW(name, call, operation): each waits until it is cancelled. */
#define ROWS(ROW)                                                                                  \
	ROW(read, coil_read(w->empty[0], w->buf, 8), coil_op_read(w->empty[0], w->buf, 8, -1))     \
	ROW(readv, coil_readv(w->empty[0], w->iov, 2), coil_op_readv(w->empty[0], w->iov, 2, -1))  \
	ROW(recv, coil_recv(w->pair[0], w->buf, 8, 0), coil_op_recv(w->pair[0], w->buf, 8, 0))     \
	ROW(recv_udp, coil_recv(w->idle_udp, w->buf, 8, 0),                                        \
	    coil_op_recv(w->idle_udp, w->buf, 8, 0))                                               \
	ROW(recvfrom,                                                                              \
	    coil_recvfrom(w->idle_udp, w->buf, 8, 0, (struct sockaddr *)&w->from, &w->from_bytes), \
	    coil_op_recvmsg(w->idle_udp, &w->in, 0))                                               \
	ROW(recvmsg, coil_recvmsg(w->pair[0], &w->in, 0), coil_op_recvmsg(w->pair[0], &w->in, 0))  \
	ROW(accept4, coil_accept4(w->idle_listener, NULL, NULL, SOCK_CLOEXEC),                     \
	    coil_op_accept4(w->idle_listener, NULL, NULL, SOCK_CLOEXEC))                           \
	ROW(connect,                                                                               \
	    coil_connect(w->fresh, (struct sockaddr *)&w->full_address, sizeof w->full_address),   \
	    coil_op_connect(w->fresh, (struct sockaddr *)&w->full_address,                         \
			    sizeof w->full_address))                                               \
	ROW(poll, coil_poll(w->pair[0], POLLIN), coil_op_poll(w->pair[0], POLLIN))                 \
	ROW(splice, coil_splice(w->empty[0], -1, w->file, 0, 8, 0),                                \
	    coil_op_splice(w->empty[0], -1, w->file, 0, 8, 0))                                     \
	ROW(tee, coil_tee(w->empty[0], w->filled[1], 8, 0),                                        \
	    coil_op_tee(w->empty[0], w->filled[1], 8, 0))

/* Those that have a fallback by poll. */
#define POLLED_ROWS(ROW)                                                                           \
	ROW(epoll_wait, coil_epoll_wait(w->idle_epoll, w->events, 4),                              \
	    coil_op_epoll_wait(w->idle_epoll, w->events, 4))                                       \
	ROW(waitid, coil_waitid(P_PID, (uint32_t)w->child, NULL, WEXITED),                         \
	    coil_op_waitid(P_PID, (uint32_t)w->child, NULL, WEXITED))                              \
	ROW(waitid_pidfd, coil_waitid(P_PIDFD, (uint32_t)w->child_pidfd, NULL, WEXITED),           \
	    coil_op_waitid(P_PIDFD, (uint32_t)w->child_pidfd, NULL, WEXITED))

/* Those that have none. */
#define NEW_ROWS(ROW)                                                                              \
	ROW(futex_wait, coil_futex_wait(&w->word, 0, UINT32_MAX, PRIVATE_U32),                     \
	    coil_op_futex_wait(&w->word, 0, UINT32_MAX, PRIVATE_U32))                              \
	ROW(futex_waitv, coil_futex_waitv(FUTEXES, 2), coil_op_futex_waitv(FUTEXES, 2))            \
	ROW(waitid_all, coil_waitid(P_ALL, 0, NULL, WEXITED),                                      \
	    coil_op_waitid(P_ALL, 0, NULL, WEXITED))                                               \
	ROW(waitid_stopped, coil_waitid(P_PID, (uint32_t)w->child, NULL, WSTOPPED),                \
	    coil_op_waitid(P_PID, (uint32_t)w->child, NULL, WSTOPPED))

#define ROW_FUNCTIONS(name, call, op)                                                              \
	static int call_##name(struct world *w)                                                    \
	{                                                                                          \
		return call;                                                                       \
	}                                                                                          \
	static struct coil_op op_##name(struct world *w)                                           \
	{                                                                                          \
		return op;                                                                         \
	}

ROWS(ROW_FUNCTIONS)
POLLED_ROWS(ROW_FUNCTIONS)
NEW_ROWS(ROW_FUNCTIONS)

struct row {
	const char *name;
	int (*call)(struct world *w);
	struct coil_op (*op)(struct world *w);
};

#define ROW_ENTRY(name, call, op) {#name, call_##name, op_##name},

static const struct row rows[] = {ROWS(ROW_ENTRY)};
static const struct row polled_rows[] = {POLLED_ROWS(ROW_ENTRY)};
static const struct row new_rows[] = {NEW_ROWS(ROW_ENTRY)};

static const struct row *current;

static int child_call(void *world)
{
	return current->call(world);
}

static int child_op(void *world)
{
	struct coil_op op = current->op(world);
	int rc = coil_gather_ops(&op, 1, 0);

	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_CANCELLED);
	return rc;
}

static void expect_result(int result, int wanted)
{
	if (result != wanted)
		test_fail_values(__FILE__, __LINE__, current->name, result, wanted);
}

static void cancel_child(int (*entry)(void *world), void *world)
{
	struct coil_task *task = coil_spawn(entry, world);

	coil_sleep(2 * COIL_MSEC);
	EXPECT_EQ(coil_cancel(task), 0);
	expect_result(coil_join(task), -ECANCELED);
}

static int cancel_call(void *world)
{
	cancel_child(child_call, world);
	return 0;
}

static int cancel_op(void *world)
{
	cancel_child(child_op, world);
	return 0;
}

/* Before the operation was submitted: it was started in this turn. */
static int cancel_at_once(void *world)
{
	struct coil_task *task = coil_spawn(child_call, world);

	coil_yield();
	coil_cancel(task);
	expect_result(coil_join(task), -ECANCELED);
	return 0;
}

static int pass_deadline(void *world)
{
	struct coil_scope scope;

	coil_scope_open(&scope);
	coil_scope_deadline(&scope, coil_now() + COIL_MSEC);
	expect_result(current->call(world), -ETIME);
	EXPECT_EQ(coil_scope_close(&scope), -ETIME);
	return 0;
}

static int expect_missing(void *world)
{
	expect_result(current->call(world), -ENOSYS);
	return 0;
}

static void run_rows(const struct row *first, size_t count, const char *mask)
{
	for (current = first; current < first + count; current++) {
		EXPECT_EQ(world_run(mask, true, cancel_call), 0);
		EXPECT_EQ(world_run(mask, true, cancel_op), 0);
		EXPECT_EQ(world_run(mask, true, cancel_at_once), 0);
		EXPECT_EQ(world_run(mask, true, pass_deadline), 0);
	}
}

#define RUN(table, mask) run_rows(table, sizeof(table) / sizeof(table)[0], mask)

TEST(ops_pending, cancel_and_deadline_end_what_waits)
{
	RUN(rows, "");
}

TEST(ops_pending, cancel_and_deadline_end_the_newer_ones)
{
	RUN(polled_rows, "");
	RUN(new_rows, "");
}

TEST(ops_pending, cancel_and_deadline_end_fallbacks_by_poll)
{
	RUN(polled_rows, "6.6");
}

TEST(ops_pending, what_no_poll_can_stand_for_is_refused)
{
	for (current = new_rows; current < new_rows + 4; current++)
		EXPECT_EQ(world_run("6.6", true, expect_missing), 0);
}

static int write_later(void *world)
{
	struct world *w = world;

	coil_sleep(COIL_MSEC);
	return coil_write(w->empty[1], "x", 1);
}

/* On O_NONBLOCK descriptors they wait all the same. */
static int read_nonblock(void *world)
{
	struct world *w = world;
	struct coil_task *task;

	world_calls()->fcntl(w->empty[0], F_SETFL, O_NONBLOCK);
	task = coil_spawn(write_later, w);
	EXPECT_EQ(coil_read(w->empty[0], w->buf, 8), 1);
	return coil_join(task);
}

TEST(ops_pending, a_read_waits_on_a_nonblocking_pipe)
{
	EXPECT_EQ(world_run("", false, read_nonblock), 1);
}

/* A link timeout ends its step of a chain, and the steps behind it do not start. */
static int time_out_chain(void *world)
{
	struct world *w = world;
	const struct timespec brief = {.tv_nsec = 2000000};
	struct coil_op steps[] = {
		coil_op_recv(w->pair[0], w->buf, 8, 0),
		coil_op_link_timeout(&brief),
		coil_op_send(w->pair[0], "x", 1, 0),
	};

	EXPECT_EQ(coil_chain(steps, 3, 0), -ETIME);
	EXPECT_EQ(coil_future_result(&steps[0].future), -ECANCELED);
	EXPECT_EQ(coil_future_result(&steps[2].future), -ECANCELED);
	return 0;
}

TEST(ops_pending, a_link_timeout_bounds_a_step)
{
	EXPECT_EQ(world_run("", false, time_out_chain), 0);
	EXPECT_EQ(world_run("op:link_timeout", false, time_out_chain), 0);
}
