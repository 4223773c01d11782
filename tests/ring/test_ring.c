/* SPDX-License-Identifier: MIT */
/*
 * Push, enter, reap: on the real kernel, and on a driver of six lines for what the kernel seldom
 * says.
 */
#include "ring/rig.h"

#include <errno.h>
#include <pthread.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)

TEST(ring, a_nop_goes_down_and_comes_back)
{
	struct rig rig = rig_open(8, 16);
	struct tally tally = tally_new();

	push_nop(&rig.ring, &tally);
	EXPECT_EQ(ring_owed(&rig.ring), 1);
	EXPECT_EQ(ring_pending(&rig.ring), 1);
	EXPECT(ring_wants_enter(&rig.ring));
	EXPECT_EQ(ring_enter(&rig.ring, true, DRIVER_FOREVER), 0);
	EXPECT_EQ(ring_pending(&rig.ring), 0);
	EXPECT_EQ(ring_ready(&rig.ring), 1);
	EXPECT_EQ(ring_reap(&rig.ring), 1);
	EXPECT_EQ(tally.count, 1);
	EXPECT_EQ(tally.result, 0);
	EXPECT_EQ(ring_owed(&rig.ring), 0);
	EXPECT_EQ(ring_reap(&rig.ring), 0);
	rig_close(&rig);
}

TEST(ring, the_sq_takes_as_many_as_it_has_slots)
{
	struct rig rig = rig_open(5, 16);
	struct tally tally = tally_new();

	EXPECT_EQ(rig.driver->rings.sq_entries, 8);
	EXPECT_EQ(rig.driver->rings.cq_entries, 16);
	for (unsigned i = 0; i < 8; i++) {
		EXPECT_EQ(ring_room(&rig.ring), 8 - i);
		push_nop(&rig.ring, &tally);
	}
	EXPECT_EQ(ring_room(&rig.ring), 0);
	EXPECT_EQ(ring_enter(&rig.ring, false, 0), 0);
	EXPECT_EQ(ring_room(&rig.ring), 8);
	drain(&rig.ring);
	EXPECT_EQ(tally.count, 8);
	rig_close(&rig);
}

TEST_SIGNAL(ring, push_into_a_full_sq_stops, SIGABRT, "ring_room(ring) > 0")
{
	static struct rig rig;
	struct tally tally = tally_new();

	rig = rig_open(1, 2);
	push_nop(&rig.ring, &tally);
	push_nop(&rig.ring, &tally);
}

/* Pushes @total NOPs, and reaps only when the caller of a real loop would be long behind. */
static void flood(struct ring *ring, struct tally *tally, unsigned total, unsigned unreaped_max)
{
	unsigned pushed = 0;

	while (pushed < total) {
		while (ring_room(ring) && pushed < total) {
			push_nop(ring, tally);
			pushed++;
		}
		EXPECT_EQ(ring_enter(ring, false, 0), 0);
		if (ring_owed(ring) > unreaped_max)
			ring_reap(ring);
	}
	drain(ring);
}

TEST(ring, ten_thousand_nops_through_a_cq_of_eight)
{
	struct rig rig = rig_open(8, 8);
	struct tally tally = tally_new();

	flood(&rig.ring, &tally, 10000, 0);
	EXPECT_EQ(tally.count, 10000);
	EXPECT_EQ(rig.ring.pushed, 10000);
	EXPECT_EQ(rig.ring.reaped, 10000);
	rig_close(&rig);
}

TEST(ring, an_overflown_cq_loses_nothing)
{
	struct rig rig = rig_open(8, 16);
	struct tally tally = tally_new();

	flood(&rig.ring, &tally, 10000, 100);
	EXPECT_EQ(tally.count, 10000);
	EXPECT_GT(rig.ring.overflows, 0);
	rig_close(&rig);
}

TEST(ring, a_bad_sqe_has_a_completion_and_stops_nobody)
{
	struct rig rig = rig_open(8, 16);
	struct tally bad = tally_new();
	struct tally good = tally_new();
	struct io_uring_sqe sqe = {.opcode = 255};

	push_nop(&rig.ring, &good);
	ring_push(&rig.ring, &sqe, &bad.completion);
	push_nop(&rig.ring, &good);
	drain(&rig.ring);
	EXPECT_EQ(bad.result, -EINVAL);
	EXPECT_EQ(good.count, 2);
	rig_close(&rig);
}

TEST(ring, a_poll_without_a_wait_returns_at_once)
{
	struct rig rig = rig_open(8, 16);
	int64_t before = clock_now();

	for (int i = 0; i < 100; i++)
		EXPECT_EQ(ring_enter(&rig.ring, false, DRIVER_FOREVER), 0);
	EXPECT_EQ(ring_enter(&rig.ring, true, 0), 0);
	EXPECT_EQ(ring_enter(&rig.ring, true, -5), 0);
	EXPECT_LT(clock_now() - before, 1000 * MS);
	EXPECT_EQ(rig.ring.waits, 2);
	rig_close(&rig);
}

TEST(ring, a_wait_ends_at_its_timeout_and_not_before)
{
	static const int64_t timeouts[] = {MS, 5 * MS, 30 * MS};
	struct rig rig = rig_open(8, 16);

	for (unsigned i = 0; i < 3; i++) {
		int64_t before = rig.driver->ops->now(rig.driver);

		EXPECT_EQ(ring_enter(&rig.ring, true, timeouts[i]), 0);
		EXPECT_GE(rig.driver->ops->now(rig.driver) - before, timeouts[i]);
	}
	EXPECT_EQ(rig.ring.retries, 0);
	rig_close(&rig);
}

TEST(ring, a_wait_longer_than_a_second_is_split_rightly)
{
	struct rig rig = rig_open(8, 16);
	int64_t before = clock_now();

	EXPECT_EQ(ring_enter(&rig.ring, true, CLOCK_SECOND + 50 * MS), 0);
	EXPECT_GE(clock_now() - before, CLOCK_SECOND + 50 * MS);
	rig_close(&rig);
}

TEST(ring, a_wait_does_not_sleep_past_what_is_there)
{
	struct rig rig = rig_open(8, 16);
	struct tally tally = tally_new();

	push_nop(&rig.ring, &tally);
	EXPECT_EQ(ring_enter(&rig.ring, true, DRIVER_FOREVER), 0);
	EXPECT_EQ(ring_enter(&rig.ring, true, DRIVER_FOREVER), 0);
	EXPECT_EQ(rig.ring.waits, 1);
	EXPECT_EQ(ring_reap(&rig.ring), 1);
	rig_close(&rig);
}

static volatile sig_atomic_t signals_taken;

static void on_signal(int signum)
{
	(void)signum;
	signals_taken++;
}

static void alarm_in(int64_t ns, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};
	struct itimerval timer = {.it_value = {.tv_usec = (suseconds_t)(ns / 1000)}};

	EXPECT_EQ(sigaction(SIGALRM, &action, NULL), 0);
	EXPECT_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

TEST(ring, a_signal_ends_a_wait_and_is_no_error)
{
	struct rig rig = rig_open(8, 16);

	alarm_in(20 * MS, on_signal);
	EXPECT_EQ(ring_enter(&rig.ring, true, 10 * CLOCK_SECOND), 0);
	EXPECT_EQ(signals_taken, 1);
	EXPECT_EQ(rig.ring.retries, 1);
	rig_close(&rig);
}

static void *wake_later(void *arg)
{
	struct driver *driver = arg;
	struct timespec pause = {.tv_nsec = 10 * MS};

	nanosleep(&pause, NULL);
	driver->ops->wake(driver);
	return NULL;
}

TEST(ring, another_thread_wakes_it)
{
	struct rig rig = rig_open(8, 16);
	struct tally tally = tally_new();
	uint64_t wakes = 0;
	pthread_t thread;

	push_read(&rig.ring, &tally, rig.driver->wake_fd, &wakes, sizeof wakes);
	ASSERT_EQ(pthread_create(&thread, NULL, wake_later, rig.driver), 0);
	await_tally(&rig.ring, &tally);
	pthread_join(thread, NULL);
	EXPECT_EQ(tally.result, 8);
	EXPECT_EQ(wakes, 1);
	rig_close(&rig);
}

static struct driver *handler_driver;

static void wake_from_handler(int signum)
{
	(void)signum;
	handler_driver->ops->wake(handler_driver);
}

TEST(ring, a_signal_handler_wakes_it)
{
	struct rig rig = rig_open(8, 16);
	struct tally tally = tally_new();
	uint64_t wakes = 0;

	push_read(&rig.ring, &tally, rig.driver->wake_fd, &wakes, sizeof wakes);
	handler_driver = rig.driver;
	alarm_in(10 * MS, wake_from_handler);
	await_tally(&rig.ring, &tally);
	EXPECT_EQ(wakes, 1);
	rig_close(&rig);
}

TEST(ring, wakes_before_the_read_are_kept)
{
	struct rig rig = rig_open(8, 16);
	struct tally tally = tally_new();
	uint64_t wakes = 0;

	for (int i = 0; i < 3; i++)
		rig.driver->ops->wake(rig.driver);
	push_read(&rig.ring, &tally, rig.driver->wake_fd, &wakes, sizeof wakes);
	await_tally(&rig.ring, &tally);
	EXPECT_EQ(wakes, 3);
	rig_close(&rig);
}

TEST(ring, a_cancel_and_its_target_are_both_counted)
{
	struct rig rig = rig_open(8, 16);
	struct tally target = tally_new();
	struct tally cancel = tally_new();
	uint64_t wakes = 0;

	push_read(&rig.ring, &target, rig.driver->wake_fd, &wakes, sizeof wakes);
	EXPECT_EQ(ring_enter(&rig.ring, false, 0), 0);
	push_cancel(&rig.ring, &cancel, &target);
	EXPECT_EQ(ring_owed(&rig.ring), 2);
	drain(&rig.ring);
	EXPECT_EQ(target.result, -ECANCELED);
	EXPECT_EQ(cancel.result, 0);
	rig_close(&rig);
}

/* A driver that answers what it is told to, and whose CQ is written by the test. */
struct puppet {
	struct driver driver;
	struct io_uring_sqe sqes[4];
	uint64_t cqes[8]; /* four of them: two words each */
	unsigned sq_head, sq_tail, sq_flags, cq_head, cq_tail, cq_overflow;
	unsigned consume;
	int answer;
};

static int puppet_enter(struct driver *driver, unsigned to_submit, unsigned wait,
			int64_t timeout_ns)
{
	struct puppet *puppet = container_of(driver, struct puppet, driver);

	(void)to_submit;
	(void)wait;
	(void)timeout_ns;
	puppet->sq_head += puppet->consume;
	return puppet->answer;
}

static const struct driver_ops puppet_ops = {.enter = puppet_enter};

static void puppet_init(struct puppet *puppet, struct ring *ring, unsigned start)
{
	*puppet = (struct puppet){
		.driver = {.ops = &puppet_ops, .features = DRIVER_TASKRUN_FLAG},
		.sq_head = start,
		.sq_tail = start,
		.cq_head = start,
		.cq_tail = start,
	};
	puppet->driver.rings = (struct driver_rings){
		.sqes = puppet->sqes,
		.sq_head = &puppet->sq_head,
		.sq_tail = &puppet->sq_tail,
		.sq_flags = &puppet->sq_flags,
		.sq_entries = 4,
		.cqes = (void *)puppet->cqes,
		.cq_head = &puppet->cq_head,
		.cq_tail = &puppet->cq_tail,
		.cq_overflow = &puppet->cq_overflow,
		.cq_entries = 4,
	};
	ring_init(ring, &puppet->driver);
}

static void puppet_post(struct puppet *puppet, struct tally *tally, int32_t result, uint32_t flags)
{
	puppet->driver.rings.cqes[puppet->cq_tail++ & 3] = (struct io_uring_cqe){
		.user_data = (uintptr_t)&tally->completion,
		.res = result,
		.flags = flags,
	};
}

TEST(ring, what_passes_is_counted_and_what_does_not_is_told)
{
	static const struct {
		int answer;
		int result;
		unsigned retries;
	} rows[] = {
		{0, 0, 0},	  {3, 0, 0},	    {-ETIME, 0, 0},	    {-EINTR, 0, 1},
		{-EAGAIN, 0, 1},  {-EBUSY, 0, 1},   {-EBADR, -EBADR, 0},    {-EEXIST, -EEXIST, 0},
		{-ENXIO, -ENXIO, 0},
	};
	struct puppet puppet;
	struct ring ring;

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		puppet_init(&puppet, &ring, 0);
		puppet.answer = rows[i].answer;
		EXPECT_EQ(ring_enter(&ring, true, 5), rows[i].result);
		EXPECT_EQ(ring.retries, rows[i].retries);
		EXPECT_EQ(ring.enters, 1);
	}
}

TEST(ring, the_kernels_head_tells_what_was_consumed_not_the_answer)
{
	struct puppet puppet;
	struct ring ring;
	struct tally tally = tally_new();

	puppet_init(&puppet, &ring, 0);
	for (int i = 0; i < 4; i++)
		push_nop(&ring, &tally);
	puppet.consume = 3;
	puppet.answer = -EBUSY;
	EXPECT_EQ(ring_enter(&ring, false, 0), 0);
	EXPECT_EQ(ring_pending(&ring), 1);
	EXPECT_EQ(ring_room(&ring), 3);
	EXPECT_EQ(ring_owed(&ring), 4);
	EXPECT_EQ(puppet.sq_tail, 4);
}

TEST(ring, indices_wrap_at_the_end_of_their_range)
{
	struct puppet puppet;
	struct ring ring;
	struct tally tally = tally_new();

	puppet_init(&puppet, &ring, UINT32_MAX - 1);
	puppet.consume = 4;
	for (int i = 0; i < 4; i++)
		push_nop(&ring, &tally);
	EXPECT_EQ(ring_room(&ring), 0);
	EXPECT_EQ(ring_enter(&ring, false, 0), 0);
	EXPECT_EQ(ring_room(&ring), 4);
	for (int i = 0; i < 4; i++)
		puppet_post(&puppet, &tally, i, 0);
	EXPECT_EQ(ring_ready(&ring), 4);
	EXPECT_EQ(ring_reap(&ring), 4);
	EXPECT_EQ(puppet.cq_head, 2);
	EXPECT_EQ(tally.count, 4);
	EXPECT_EQ(tally.result, 3);
}

TEST(ring, a_completion_with_more_to_come_is_still_owed)
{
	struct puppet puppet;
	struct ring ring;
	struct tally tally = tally_new();

	puppet_init(&puppet, &ring, 0);
	push_nop(&ring, &tally);
	puppet_post(&puppet, &tally, 1, IORING_CQE_F_MORE);
	puppet_post(&puppet, &tally, 2, IORING_CQE_F_MORE);
	EXPECT_EQ(ring_reap(&ring), 2);
	EXPECT_EQ(ring_owed(&ring), 1);
	EXPECT_EQ(tally.flags, IORING_CQE_F_MORE);
	puppet_post(&puppet, &tally, -ENOBUFS, 0);
	EXPECT_EQ(ring_reap(&ring), 1);
	EXPECT_EQ(ring_owed(&ring), 0);
	EXPECT_EQ(ring.reaped, 3);
	EXPECT_EQ(tally.result, -ENOBUFS);
}

TEST(ring, an_enter_is_wanted_when_the_kernel_or_the_sq_says_so)
{
	struct puppet puppet;
	struct ring ring;
	struct tally tally = tally_new();

	puppet_init(&puppet, &ring, 0);
	EXPECT(!ring_wants_enter(&ring));
	puppet.sq_flags = IORING_SQ_TASKRUN;
	EXPECT(ring_wants_enter(&ring));
	puppet.sq_flags = IORING_SQ_CQ_OVERFLOW;
	EXPECT(ring_wants_enter(&ring));
	EXPECT_EQ(ring_enter(&ring, false, 0), 0);
	EXPECT_EQ(ring.overflows, 1);
	puppet.sq_flags = IORING_SQ_NEED_WAKEUP;
	EXPECT(!ring_wants_enter(&ring));
	puppet.driver.features = 0;
	ring_init(&ring, &puppet.driver);
	EXPECT(ring_wants_enter(&ring));
	puppet.driver.features = DRIVER_TASKRUN_FLAG;
	ring_init(&ring, &puppet.driver);
	push_nop(&ring, &tally);
	EXPECT(ring_wants_enter(&ring));
}
