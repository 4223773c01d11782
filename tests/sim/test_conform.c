/* SPDX-License-Identifier: MIT */
/*
 * Scenarios that run on both kernels, with all memory and with the k-th allocation of the engine
 * failing, k = 1, 2, ... until a run has none. Each notes what came out, step by step; both kernels
 * must have noted the same, and asked for memory as often.
 */
#define TEST_TIMEOUT_S 120
#include "sim/rig.h"

#include "base/alloc.h"
#include "ring/driver.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS_MAX 128
#define ALLOCATIONS_MAX 500

/* -- What came out -------------------------------------------------------------------------------
 */

static struct {
	int steps[STEPS_MAX];
	int count;
} seen;

static int note(int result)
{
	if (seen.count < STEPS_MAX)
		seen.steps[seen.count] = result;
	seen.count++;
	return result;
}

/* -- Memory --------------------------------------------------------------------------------------
 */

static struct {
	uint64_t count;
	uint64_t fail_at;
	uint64_t held;
} memory;

static void *take(void *context, size_t bytes)
{
	void *place = ++memory.count == memory.fail_at ? NULL : malloc(bytes);

	(void)context;
	memory.held += place != NULL;
	return place;
}

static void *retake(void *context, void *old, size_t old_bytes, size_t bytes)
{
	void *place = ++memory.count == memory.fail_at ? NULL : realloc(old, bytes);

	(void)context;
	(void)old_bytes;
	memory.held += place && !old;
	return place;
}

static void release(void *context, void *place, size_t bytes)
{
	(void)context;
	(void)bytes;
	memory.held--;
	free(place);
}

static const struct coil_alloc alloc = {
	.size = sizeof alloc, .alloc = take, .resize = retake, .free = release,
};

/* -- Scenarios -----------------------------------------------------------------------------------
 */

static int yield_and_return(void *arg)
{
	coil_yield();
	return (int)(intptr_t)arg;
}

static int tree(void *arg)
{
	struct coil_task *tasks[40];

	(void)arg;
	for (int i = 0; i < 40; i++)
		tasks[i] = coil_spawn(yield_and_return, WORD(i));
	for (int i = 0; i < 40; i++)
		note(tasks[i] ? coil_join(tasks[i]) : -ENOMEM);
	return 0;
}

static int keyed(void *arg)
{
	struct coil_keyed_group group;

	(void)arg;
	coil_keyed_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < 6; i++)
		note(coil_keyed_go(&group, coil_key_text(&"012345"[i]), yield_and_return,
				   WORD(i)));
	return note(coil_keyed_close(&group)) == 0 ? 0 : -EIO;
}

static int put_all(void *queue)
{
	for (int i = 0; i < 8; i++)
		if (note(coil_queue_put(queue, &i)) < 0)
			break;
	coil_queue_shutdown(queue, 0);
	return 0;
}

static int queue(void *arg)
{
	struct coil_queue queue;
	struct coil_task *putter;
	int item = 0;

	(void)arg;
	if (note(coil_queue_init(&queue, sizeof(int), 0)) < 0)
		return 0;
	putter = coil_spawn(put_all, &queue);
	while (putter && coil_queue_get(&queue, &item) == 0)
		note(item);
	note(putter ? coil_join(putter) : -ENOMEM);
	coil_queue_deinit(&queue);
	return 0;
}

static int select_many(void *arg)
{
	struct coil_channel channel;
	struct coil_case cases[20] = {0};
	int item = 7;

	(void)arg;
	if (note(coil_channel_init(&channel, sizeof(int), 4)) < 0)
		return 0;
	note(coil_channel_send(&channel, &item));
	cases[18] = coil_case_receive(&channel, &item);
	cases[19] = coil_case_deadline(coil_now() + COIL_SEC);
	note(coil_select(cases, 20, COIL_IN_ORDER));
	coil_channel_deinit(&channel);
	return 0;
}

static int gather_many(void *arg)
{
	struct coil_op ops[40];

	(void)arg;
	for (int i = 0; i < 40; i++)
		ops[i] = coil_op_nop();
	note(coil_gather_ops(ops, 40, 0));
	return 0;
}

static int sleep_awhile(void *arg)
{
	return coil_sleep((intptr_t)arg * COIL_MSEC / 8);
}

static int sleepers(void *arg)
{
	struct coil_task *tasks[24];

	(void)arg;
	for (int i = 0; i < 24; i++)
		tasks[i] = coil_spawn(sleep_awhile, WORD(i));
	for (int i = 0; i < 24; i++)
		note(tasks[i] ? coil_join(tasks[i]) : -ENOMEM);
	return 0;
}

static void talk(struct coil_stream *a, struct coil_stream *b)
{
	char text[8] = {0};

	note(coil_stream_write(a, "hello", 5));
	note(coil_stream_read(b, text, sizeof text));
	note(text[0]);
	note(coil_stream_shutdown(a));
	note(coil_stream_read(b, text, sizeof text));
}

static void meet(struct coil_listener *listener, struct coil_stream *client)
{
	struct coil_stream *server;

	if (note(coil_accept(listener, &server)) < 0)
		return;
	talk(client, server);
	coil_stream_close(server);
}

static int tcp(void *arg)
{
	struct coil_listener *listener;
	struct coil_stream *client;
	char port[8];

	(void)arg;
	if (note(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL)) < 0)
		return 0;
	snprintf(port, sizeof port, "%d", coil_listener_port(listener));
	if (note(coil_connect_tcp(&client, "127.0.0.1", port, NULL)) == 0) {
		meet(listener, client);
		coil_stream_close(client);
	}
	coil_listener_close(listener);
	return 0;
}

static int unix_streams(void *arg)
{
	struct coil_listener *listener;
	struct coil_stream *client;
	char path[64];

	(void)arg;
	snprintf(path, sizeof path, "/tmp/coil-conform-%d", (int)getpid());
	if (note(coil_listen_unix(&listener, path, NULL)) < 0)
		return 0;
	if (note(coil_connect_unix(&client, path, NULL)) == 0) {
		meet(listener, client);
		coil_stream_close(client);
	}
	coil_listener_close(listener);
	note(coil_unlinkat(AT_FDCWD, path, 0) == 0);
	return 0;
}

static int answer(void *arg)
{
	return (int)(intptr_t)arg;
}

static int elsewhere(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++)
		note(coil_offload(answer, WORD(i)));
	return 0;
}

static void drop_local(void *value)
{
	note((int)(intptr_t)value);
}

static int locals(void *arg)
{
	static struct coil_local keys[6];

	(void)arg;
	for (int i = 0; i < 6; i++) {
		coil_local_init(&keys[i], "key", drop_local);
		note(coil_local_set(&keys[i], WORD(i + 1)));
		note((int)(intptr_t)coil_local_get(&keys[i]));
	}
	return 0;
}

/* -- Both kernels --------------------------------------------------------------------------------
 */

struct outcome {
	int steps[STEPS_MAX];
	int count;
	int result;
	uint64_t allocations;
};

static struct outcome run(bool is_simulated, uint64_t fail_at, int (*entry)(void *arg))
{
	struct coil_options options = rig_run_options;
	struct coil_sim_options simulation = rig_options(1, COIL_SIM_CALM);
	struct outcome outcome;

	options.alloc = &alloc;
	options.off |= COIL_NO_REPORTS;
	simulation.run = &options;
	simulation.off = COIL_SIM_NO_REPORTS;
	memset(&memory, 0, sizeof memory);
	memset(&seen, 0, sizeof seen);
	memory.fail_at = fail_at;
	outcome.result = is_simulated ? coil_sim_run(&simulation, entry, NULL)
				      : coil_run_with(&options, entry, NULL);
	memcpy(outcome.steps, seen.steps, sizeof seen.steps);
	outcome.count = seen.count;
	outcome.allocations = memory.count;
	EXPECT_LE(seen.count, STEPS_MAX);
	EXPECT_EQ(memory.held, 0);
	return outcome;
}

/* False: they differ; which run it was stands in the words. */
static bool agree(const struct outcome *real, const struct outcome *simulated, uint64_t fail_at)
{
	if (real->result != simulated->result)
		test_fail_values(__FILE__, (int)fail_at, "results, real and simulated",
				 real->result, simulated->result);
	if (real->count != simulated->count)
		test_fail_values(__FILE__, (int)fail_at, "steps, real and simulated", real->count,
				 simulated->count);
	for (int i = 0; i < real->count && i < simulated->count; i++)
		if (real->steps[i] != simulated->steps[i])
			test_fail_values(__FILE__, (int)fail_at, "a step, real and simulated",
					 real->steps[i], simulated->steps[i]);
	if (real->allocations != simulated->allocations)
		test_fail_values(__FILE__, (int)fail_at, "allocations, real and simulated",
				 (long)real->allocations, (long)simulated->allocations);
	return memcmp(real, simulated, sizeof *real) == 0;
}

static bool has_kernel(void)
{
	const struct driver_options options = {.sq_entries = 8, .cq_entries = 8};
	struct driver *driver;

	if (driver_kernel_open(&driver, &options) < 0)
		return false;
	driver->ops->close(driver, false);
	return true;
}

/* Failures that the program was told of: by a step, or because the run could not begin. */
static bool was_told(const struct outcome *outcome)
{
	bool told = outcome->result == -ENOMEM;

	for (int i = 0; i < outcome->count; i++)
		told |= outcome->steps[i] == -ENOMEM;
	return told;
}

static void conform(int (*entry)(void *arg), unsigned told_min)
{
	bool both = has_kernel();
	struct outcome simulated;
	unsigned told = 0;
	uint64_t k = 0;

	/* What a mask takes away would take its allocations along, on one side alone. */
	unsetenv("COIL_KERNEL_MASK");
	do {
		simulated = run(true, k, entry);
		EXPECT(simulated.result == 0 || (k > 0 && simulated.result == -ENOMEM));
		if (both) {
			struct outcome real = run(false, k, entry);

			if (!agree(&real, &simulated, k))
				return;
		}
		told += was_told(&simulated);
	} while (simulated.allocations >= k++ && k < ALLOCATIONS_MAX);
	EXPECT_LT(k, ALLOCATIONS_MAX);
	EXPECT_GE(told, told_min);
}

#define CONFORMS(entry, told_min)                                                                  \
	TEST(conform, entry)                                                                       \
	{                                                                                          \
		conform(entry, told_min);                                                          \
	}

/* The second number: of so many failures at least the program was told. */
CONFORMS(tree, 1)
CONFORMS(keyed, 2)
CONFORMS(queue, 2)
CONFORMS(select_many, 3)
CONFORMS(gather_many, 1)
CONFORMS(sleepers, 2)
CONFORMS(tcp, 3)
CONFORMS(unix_streams, 3)
CONFORMS(elsewhere, 1)
CONFORMS(locals, 1)
