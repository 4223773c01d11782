/* SPDX-License-Identifier: MIT */
/*
 * The engine, fuzzed: bytes are a program of calls on the simulated kernel. Any program that keeps
 * the rules must come to an end, or to a deadlock that is told; what stops it is a finding. The
 * first bytes are the seed, what may go wrong, the sizes of the queues and the memory that fails.
 */
#include "fuzz/world.h"

#include <fcntl.h>
#include <sys/socket.h>

#define HEAD_BYTES 8
#define BYTES_MAX 1000

struct world world;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void open_world(void)
{
	for (unsigned i = 0; i < PROMISES; i++)
		coil_promise_init(&world.promises[i]);
	for (unsigned i = 0; i < FDS; i++)
		world.fds[i] = -1;
	coil_pipe(&world.fds[0], 0);
	coil_sim_socketpair(SOCK_STREAM, &world.fds[2]);
	coil_sim_socketpair(SOCK_DGRAM, &world.fds[4]);
	world.fds[6] = coil_openat(AT_FDCWD, "/tmp/file", O_RDWR | O_CREAT, 0600);
}

static void close_world(void)
{
	for (unsigned i = 0; i < FDS; i++)
		if (world.fds[i] >= 0)
			coil_close(world.fds[i]);
	for (unsigned i = 0; i < PROMISES; i++)
		coil_promise_deinit(&world.promises[i]);
}

static int act_once(void *arg)
{
	(void)arg;
	act(0);
	return 0;
}

static int program(void *arg)
{
	bool may_deadlock = take(8) == 7;

	(void)arg;
	open_world();
	coil_group_open(&world.group, COIL_GROUP_SUPERVISE);
	while (world.left > 0)
		if (may_deadlock)
			act(0);
		else
			coil_timeout(COIL_SEC, act_once, NULL);
	if (!may_deadlock)
		coil_group_cancel(&world.group);
	coil_group_close(&world.group);
	close_world();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	static const unsigned sizes[] = {1, 2, 4, 8, 16, 64, 256, 256};
	struct coil_options run = {
		.size = sizeof run,
		.stack_bytes = 256u << 10,
		.off = COIL_NO_SIGNALS | COIL_NO_OVERFLOW,
	};
	struct coil_sim_options options = {
		.size = sizeof options, .turns_max = 100000, .off = COIL_SIM_NO_REPORTS, .run = &run
	};
	int rc;

	if (count < HEAD_BYTES || count > BYTES_MAX)
		return 0;
	options.seed = 1 + (bytes[0] | (uint64_t)bytes[1] << 8);
	options.profile = bytes[2] % 3;
	run.kernel_mask = bytes[3] % 4 == 3 ? "all" : "";
	run.sq_entries = sizes[bytes[4] % 8];
	run.cq_entries = sizes[bytes[5] % 8];
	options.fail_alloc_at = bytes[6] % 32;
	options.fail_map_at = bytes[7] % 8;
	memset(&world, 0, sizeof world);
	world.bytes = bytes + HEAD_BYTES;
	world.left = count - HEAD_BYTES;
	rc = coil_sim_run(&options, program, NULL);
	if (rc != 0 && rc != -EDEADLK && rc != -ENOMEM) {
		fprintf(stderr, "the program ended with %s\n", coil_strerror(rc));
		abort();
	}
	return 0;
}
