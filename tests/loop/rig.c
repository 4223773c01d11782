/* SPDX-License-Identifier: MIT */
/* A loop without tasks. See rig.h. */
#include "loop/rig.h"

#include <errno.h>

#include "base/clock.h"

struct fake_driver fake;
struct coil_loop rig_loop;
int rig_log[RIG_LOG_MAX];
unsigned rig_logged;

struct coil_options rig_options = {
	.size = sizeof rig_options,
	.alloc = &alloc_libc,
	.sq_entries = 64,
	.cq_entries = 256,
	.workers_bounded = 4,
	.workers_unbounded = 4,
	.spin = COIL_SPIN_OFF,
	.spin_ns = 50000,
};

void rig_open(unsigned sq_entries, unsigned cq_entries)
{
	/* Indices that wrap soon. */
	fake_init(&fake, sq_entries, cq_entries, UINT32_MAX - 2);
	loop_init(&rig_loop, &fake.driver, &rig_options);
	rig_turn();
	EXPECT(rig_loop.inbox.is_armed);
	EXPECT_EQ(fake.enters, 1);
	EXPECT_EQ(fake_open_requests(&fake), 1);
	fake.enters = fake.clock_reads = fake.waits = 0;
}

void rig_open_kernel(void)
{
	struct driver *driver;

	ASSERT_EQ(loop_open_kernel(&driver, &rig_options), 0);
	loop_init(&rig_loop, driver, &rig_options);
}

void rig_close(void)
{
	EXPECT_EQ(loop_drain(&rig_loop, CLOCK_FOREVER), 0);
	EXPECT_EQ(ring_owed(&rig_loop.ring), 0);
	EXPECT_EQ(*rig_loop.ring.memory.cq_overflow, 0);
	loop_deinit(&rig_loop, false);
	if (rig_loop.driver == &fake.driver) {
		EXPECT_EQ(fake.closes, 1);
		EXPECT(!fake.abandoned);
		EXPECT_EQ(fake_open_requests(&fake), 0);
	}
}

void rig_turn(void)
{
	EXPECT_EQ(loop_turn(&rig_loop, false), 0);
}

void rig_wait(void)
{
	EXPECT_EQ(loop_turn(&rig_loop, true), 0);
}

static bool has_fired;

static void await_fire(struct coil_hook *hook)
{
	(void)hook;
	has_fired = true;
	rig_loop.is_called = true;
}

void rig_await(struct coil_future *future)
{
	int64_t end = clock_now() + 5 * CLOCK_SECOND;
	struct coil_hook hook = { .fire = await_fire };

	has_fired = false;
	coil_future_then(future, &hook);
	while (!has_fired && clock_now() < end)
		rig_wait();
	ASSERT(has_fired);
}

static void note_fire(struct coil_hook *hook)
{
	if (rig_logged < RIG_LOG_MAX)
		rig_log[rig_logged] = container_of(hook, struct note, hook)->id;
	rig_logged++;
}

struct note note_new(int id)
{
	return (struct note){ .hook.fire = note_fire, .id = id };
}

long rig_digits(void)
{
	long digits = 0;

	for (unsigned i = 0; i < rig_logged; i++)
		digits = 10 * digits + rig_log[i];
	rig_logged = 0;
	return digits;
}

void rig_start_read(struct coil_op *op)
{
	static char byte;

	op_prep_read(op, RIG_FD, &byte, 1, -1);
	op_start(&rig_loop, op, NULL);
}

void rig_start_nop(struct coil_op *op)
{
	op_prep_nop(op);
	op_start(&rig_loop, op, NULL);
}

void rig_answer(struct coil_op *op, int32_t res, uint32_t flags)
{
	fake_complete(&fake, &op->completion, res, flags);
}

void rig_answer_cancel(struct coil_op *op, int32_t res)
{
	fake_complete(&fake, &op->cancel, res, 0);
}

unsigned rig_open_cancels(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fake.requests_count; i++)
		count += !fake.requests[i].is_done &&
			 fake.requests[i].sqe.opcode == IORING_OP_ASYNC_CANCEL;
	return count;
}
