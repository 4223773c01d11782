/* SPDX-License-Identifier: MIT */
/* The group of buffers: made once, grown by chunks. */
#include "loop/buffers.h"
#include "loop/rig.h"

#include <errno.h>

#define FLAGS(id) ((uint32_t)(id) << IORING_CQE_BUFFER_SHIFT | IORING_CQE_F_BUFFER)

static struct io_uring_buf_ring *shared;
static unsigned registered;
static int refusal;

static int register_buffers(struct driver *driver, void *ring, unsigned entries, unsigned group)
{
	(void)driver;
	(void)group;
	EXPECT_EQ((uintptr_t)ring % 4096, 0);
	EXPECT_EQ(entries & (entries - 1), 0);
	if (refusal)
		return refusal;
	shared = ring;
	registered++;
	return 0;
}

static void unregister_buffers(struct driver *driver, unsigned group)
{
	(void)driver;
	(void)group;
	registered--;
}

/* The fake driver, with buffer rings. */
static void open_with_buffers(void)
{
	static struct driver_ops ops;

	rig_open(8, 16);
	ops = *fake.driver.ops;
	ops.register_buffers = register_buffers;
	ops.unregister_buffers = unregister_buffers;
	fake.driver.ops = &ops;
	fake.driver.features |= DRIVER_BUFFER_RINGS;
}

static struct buffers *hot(void)
{
	struct buffers *buffers = NULL;

	EXPECT_EQ(buffers_open(&rig_loop, &buffers), 0);
	return buffers;
}

TEST(buffers, a_kernel_without_them_has_none)
{
	struct buffers *buffers = NULL;

	rig_open(8, 16);
	rig_loop.driver->features &= ~(unsigned)DRIVER_BUFFER_RINGS;
	EXPECT_EQ(buffers_open(&rig_loop, &buffers), -EOPNOTSUPP);
	rig_close();
}

TEST(buffers, a_refused_registration_leaves_nothing)
{
	struct buffers *buffers = NULL;

	open_with_buffers();
	refusal = -ENOMEM;
	EXPECT_EQ(buffers_open(&rig_loop, &buffers), -ENOMEM);
	EXPECT_EQ(rig_loop.allocated_bytes, 0);
	refusal = 0;
	EXPECT(hot() != NULL);
	EXPECT_EQ(registered, 1);
	rig_close();
	EXPECT_EQ(registered, 0);
}

TEST(buffers, each_is_a_place_of_its_own_and_known_to_the_kernel)
{
	struct buffers *buffers;

	open_with_buffers();
	buffers = hot();
	EXPECT(hot() == buffers);
	EXPECT_EQ(buffers_left(buffers), 64);
	EXPECT_EQ(shared->tail, 64);
	for (uint16_t id = 0; id < 64; id++) {
		EXPECT_EQ(shared->bufs[id].bid, id);
		EXPECT_EQ(shared->bufs[id].addr, (uintptr_t)buffers_data(buffers, id));
		EXPECT_EQ(shared->bufs[id].len, BUFFERS_BYTES);
		memset(buffers_data(buffers, id), id, BUFFERS_BYTES);
	}
	for (uint16_t id = 0; id < 64; id++)
		EXPECT_EQ(*(unsigned char *)buffers_data(buffers, id), id);
	EXPECT_EQ(buffers_take(buffers, FLAGS(5)), 5);
	EXPECT_EQ(buffers_left(buffers), 63);
	buffers_give(buffers, 5);
	EXPECT_EQ(shared->tail, 65);
	EXPECT_EQ(shared->bufs[64].bid, 5);
	rig_close();
}

TEST(buffers, a_group_that_runs_low_grows_up_to_its_bound)
{
	struct buffers *buffers;
	uint32_t out = 0;

	open_with_buffers();
	buffers = hot();
	while (buffers_are_plenty(buffers)) {
		EXPECT_LT(out, 1000);
		EXPECT_EQ(buffers_take(buffers, FLAGS(out % 64)), out % 64);
		out++;
	}
	EXPECT_EQ(buffers->made, 256);
	EXPECT_EQ(out, 256 - 16);
	EXPECT(!buffers_grow(buffers));
	rig_close();
}

TEST(buffers, a_shortage_makes_more_though_all_came_back)
{
	struct buffers *buffers;

	open_with_buffers();
	buffers = hot();
	EXPECT(buffers_are_enough(buffers, false));
	EXPECT_EQ(buffers->made, 64);
	for (uint32_t made = 128; made <= 256; made += 64) {
		EXPECT(buffers_are_enough(buffers, true));
		EXPECT_EQ(buffers->made, made);
	}
	EXPECT(!buffers_are_enough(buffers, true));
	EXPECT(buffers_are_enough(buffers, false));
	rig_close();
}

TEST(buffers, are_registered_with_the_real_kernel_and_gone_at_the_end)
{
	struct buffers *buffers = NULL;
	int rc;

	rig_open_kernel();
	rc = buffers_open(&rig_loop, &buffers);
	if (rc != -EOPNOTSUPP) {
		EXPECT_EQ(rc, 0);
		EXPECT_GT(rig_loop.allocated_bytes, 64 * 4096);
	}
	rig_close();
}
