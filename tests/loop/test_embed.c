/* SPDX-License-Identifier: MIT */
/* Life inside another loop: the nearest deadline is with the kernel, the descriptor tells all. */
#include "loop/embed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "coil/promise.h"
#include "loop/rig.h"

static uint32_t owner;

static void start(struct coil_timer *timer, int64_t deadline)
{
	EXPECT_EQ(timer_start(&rig_loop, timer, deadline, &owner), 0);
}

static int64_t told(unsigned index)
{
	const struct __kernel_timespec *ts;

	ts = (const void *)(uintptr_t)(fake_taken(&fake, index)->opcode == IORING_OP_TIMEOUT
					       ? fake_taken(&fake, index)->addr
					       : fake_taken(&fake, index)->addr2);
	return ts->tv_sec * CLOCK_SECOND + ts->tv_nsec;
}

TEST(embed, the_nearest_deadline_is_given_to_the_kernel)
{
	struct coil_timer timers[3];

	rig_open(8, 16);
	start(&timers[0], 5 * CLOCK_SECOND + 7);
	rig_turn();
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	EXPECT_EQ(fake_taken(&fake, 0)->opcode, IORING_OP_TIMEOUT);
	EXPECT_EQ(fake_taken(&fake, 0)->timeout_flags, IORING_TIMEOUT_ABS);
	EXPECT_EQ(told(0), 5 * CLOCK_SECOND + 7);
	EXPECT_EQ(fake.waits, 0);

	start(&timers[1], 6 * CLOCK_SECOND);
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	EXPECT_EQ(fake.enters, 1); /* a later one changes nothing */

	start(&timers[2], 4 * CLOCK_SECOND);
	EXPECT(loop_prepare_to_be_polled(&rig_loop)); /* the update's CQE is there */
	EXPECT_EQ(fake_taken(&fake, 0)->opcode, IORING_OP_TIMEOUT_REMOVE);
	EXPECT_EQ(told(0), 4 * CLOCK_SECOND);
	rig_turn();
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_timer_cancel(&timers[i]), 0);
	rig_close();
}

TEST(embed, a_timeout_that_has_passed_is_given_anew)
{
	struct coil_timer timers[2];

	rig_open(8, 16);
	start(&timers[0], fake.now + 100);
	start(&timers[1], fake.now + 200);
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	fake.now += 100;
	fake_complete(&fake, &rig_loop.embed_fired, -ETIME, 0);
	rig_turn();
	EXPECT_EQ(owner, 1);
	EXPECT_EQ(rig_loop.embed_deadline, CLOCK_FOREVER);
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	EXPECT_EQ(told(0), fake.now + 100);
	EXPECT_EQ(coil_timer_cancel(&timers[1]), 0);
	rig_close();
}

TEST(embed, a_deadline_before_the_clock_began_is_at_once)
{
	struct coil_timer timer;

	rig_open(8, 16);
	start(&timer, -5);
	loop_prepare_to_be_polled(&rig_loop);
	EXPECT_EQ(told(0), 0);
	rig_turn();
	EXPECT_EQ(owner, 0);
	rig_close();
}

TEST(embed, what_is_ready_or_came_in_is_more_to_do)
{
	struct note note = note_new(1);
	struct note post = note_new(2);
	struct coil_op op;

	rig_open(8, 16);
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	ready_push(&rig_loop.ready, &note.hook);
	EXPECT(loop_prepare_to_be_polled(&rig_loop));
	rig_turn();
	inbox_post(&rig_loop, &post.hook);
	EXPECT(loop_prepare_to_be_polled(&rig_loop));
	rig_turn();
	rig_turn();
	rig_start_nop(&op);
	EXPECT(loop_prepare_to_be_polled(&rig_loop));
	rig_turn();
	EXPECT_EQ(op.state, OP_DONE);
	rig_turn();
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	rig_close();
}

TEST(embed, a_message_to_a_polled_loop_wakes_its_descriptor)
{
	struct note notes[2] = { note_new(1), note_new(2) };

	rig_open(8, 16);
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	inbox_post(&rig_loop, &notes[0].hook);
	inbox_post(&rig_loop, &notes[1].hook);
	EXPECT_EQ(fake.poll_wakes, 1);
	EXPECT_EQ(fake.wakes, 0);
	rig_turn();
	rig_turn();
	EXPECT_EQ(rig_digits(), 12);
	rig_close();
}

/* The SQ is full, so that the deadline cannot go down: the caller may not sleep. */
TEST(embed, a_deadline_that_is_not_with_the_kernel_is_more_to_do)
{
	struct coil_timer timer;
	struct coil_op ops[2];

	rig_open(2, 16);
	start(&timer, fake.now + 100);
	rig_start_read(&ops[0]);
	rig_start_read(&ops[1]);
	EXPECT(loop_prepare_to_be_polled(&rig_loop));
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	EXPECT_EQ(told(0), fake.now + 100);
	for (int i = 0; i < 2; i++)
		rig_answer(&ops[i], 0, 0);
	EXPECT_EQ(coil_timer_cancel(&timer), 0);
	rig_close();
}

/* Nor without the read that a message would wake. */
TEST(embed, an_inbox_that_is_not_armed_is_more_to_do)
{
	struct coil_op ops[2];

	rig_open(2, 16);
	fake.driver.ops->wake(&fake.driver);
	rig_start_read(&ops[0]);
	rig_start_read(&ops[1]);
	fake_script(&fake, -EAGAIN, 0);
	rig_turn();
	EXPECT(!rig_loop.inbox.is_armed);
	EXPECT(loop_prepare_to_be_polled(&rig_loop));
	rig_turn();
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	EXPECT(rig_loop.inbox.is_armed);
	for (int i = 0; i < 2; i++)
		rig_answer(&ops[i], 0, 0);
	rig_close();
}

TEST(embed, a_lost_ring_is_told_by_the_next_turn)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_nop(&op);
	fake_script(&fake, -EBADR, FAKE_ALL);
	loop_prepare_to_be_polled(&rig_loop);
	EXPECT_EQ(loop_turn(&rig_loop, false), -EBADR);
	loop_deinit(&rig_loop, true);
}

/* Polls as a foreign loop does, until @future is resolved. */
static void live_in_poll(struct coil_future *future)
{
	struct driver *driver = rig_loop.driver;
	struct pollfd fd = { .fd = driver->ops->poll_fd(driver), .events = POLLIN };

	for (int i = 0; i < 1000 && !future_is_resolved(future); i++) {
		driver->ops->poll_clear(driver);
		rig_turn();
		if (!loop_prepare_to_be_polled(&rig_loop) && !future_is_resolved(future))
			ASSERT_EQ(poll(&fd, 1, 5000), 1);
	}
	EXPECT(future_is_resolved(future));
}

TEST(embed, the_real_descriptor_tells_of_a_timer)
{
	struct coil_timer timers[3];
	int64_t begin;

	rig_open_kernel();
	begin = clock_now();
	start(&timers[0], begin + 30 * MS);
	start(&timers[1], begin + 10 * MS);
	start(&timers[2], begin + 20 * MS);
	live_in_poll(&timers[1].future);
	EXPECT_GE(clock_now(), begin + 10 * MS);
	start(&timers[1], begin + 15 * MS);
	live_in_poll(&timers[0].future);
	EXPECT_GE(clock_now(), begin + 30 * MS);
	EXPECT_LT(clock_now(), begin + 2000 * MS);
	EXPECT_EQ(owner, 0);
	rig_close();
}

TEST(embed, the_real_descriptor_tells_of_a_completion)
{
	struct coil_op read_op, write_op;
	char byte;
	int fds[2];

	ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
	rig_open_kernel();
	op_prep_read(&read_op, fds[0], &byte, 1, -1);
	op_start(&rig_loop, &read_op, NULL);
	op_prep_write(&write_op, fds[1], "x", 1, -1);
	op_start(&rig_loop, &write_op, NULL);
	live_in_poll(&read_op.future);
	live_in_poll(&write_op.future);
	rig_close();
	close(fds[0]);
	close(fds[1]);
}

/* From a thread, to a loop that sleeps in its host's poll. */
#define KNOCKS 20

static void pause_a_little(void)
{
	struct timespec pause = { .tv_nsec = 2 * MS };

	nanosleep(&pause, NULL);
}

static void *post_slowly(void *arg)
{
	struct coil_promise *promises = arg;

	for (int i = 0; i < KNOCKS; i++) {
		pause_a_little();
		coil_promise_resolve_from_thread(&promises[i], i);
	}
	return NULL;
}

TEST(embed, the_real_descriptor_tells_of_every_message)
{
	struct coil_promise promises[KNOCKS];
	pthread_t thread;

	rig_open_kernel();
	for (int i = 0; i < KNOCKS; i++)
		coil_promise_init(&promises[i]);
	ASSERT_EQ(pthread_create(&thread, NULL, post_slowly, promises), 0);
	for (int i = 0; i < KNOCKS; i++) {
		live_in_poll(&promises[i].future);
		EXPECT_EQ(coil_future_result(&promises[i].future), i);
		coil_promise_deinit(&promises[i]);
	}
	pthread_join(thread, NULL);
	rig_close();
}

static void *write_slowly(void *arg)
{
	const int *fd = arg;

	for (uint64_t one = 1, i = 0; i < KNOCKS; i++) {
		pause_a_little();
		EXPECT_EQ(write(*fd, &one, sizeof one), (ssize_t)sizeof one);
	}
	return NULL;
}

/* An eventfd signalled out of an eventfd's write: Linux 6.18 does that once for a registration. */
TEST(embed, the_real_descriptor_tells_of_every_eventfd)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t total = 0;
	struct coil_op op;
	pthread_t thread;
	uint64_t count;

	rig_open_kernel();
	ASSERT_EQ(pthread_create(&thread, NULL, write_slowly, &fd), 0);
	for (; total < KNOCKS; total += count) {
		op_prep_read(&op, fd, &count, sizeof count, -1);
		op_start(&rig_loop, &op, NULL);
		live_in_poll(&op.future);
	}
	EXPECT_EQ(total, KNOCKS);
	pthread_join(thread, NULL);
	rig_close();
	close(fd);
}
