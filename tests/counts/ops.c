/* SPDX-License-Identifier: MIT */
/* Operations alone, together and in a chain; files; helper threads. */
#include "counts.h"

#include <fcntl.h>

#define TOGETHER 8
#define TASKS 32
#define BLOCK 4096

static void run_nop(unsigned times)
{
	while (times--)
		must(coil_nop() == 0, "a NOP failed");
}

static int nop_main(void *arg)
{
	run_nop(*(unsigned *)arg);
	return 0;
}

/* An iteration is a NOP of each task. */
static void run_nop_many(unsigned times)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (unsigned i = 0; i < TASKS; i++)
		must(coil_go(&group, nop_main, &times) == 0, "no task");
	must(coil_group_close(&group) == 0, "a task failed");
}

static void run_gather(unsigned times)
{
	struct coil_op ops[TOGETHER];

	while (times--) {
		for (unsigned i = 0; i < TOGETHER; i++)
			ops[i] = coil_op_nop();
		must(coil_gather_ops(ops, TOGETHER, 0) == 0, "a gather failed");
	}
}

static void run_chain(unsigned times)
{
	struct coil_op ops[TOGETHER];

	while (times--) {
		for (unsigned i = 0; i < TOGETHER; i++)
			ops[i] = coil_op_nop();
		must(coil_chain(ops, TOGETHER, 0) == 0, "a chain failed");
	}
}

/* Of timers: the first expires, the others are cancelled. */
static void run_race(unsigned times)
{
	struct coil_timer timers[TOGETHER];
	struct coil_future *futures[TOGETHER];

	while (times--) {
		for (unsigned i = 0; i < TOGETHER; i++) {
			must(coil_timer_start(&timers[i], coil_now() + (i + 1) * COIL_SEC) == 0,
			     "no timer");
			futures[i] = &timers[i].future;
		}
		must(coil_race(futures, TOGETHER) == 0, "a race failed");
	}
}

static void run_file(unsigned times)
{
	static char block[BLOCK];
	int fd = coil_openat(AT_FDCWD, "file", O_RDWR | O_CREAT, 0600);

	must(fd >= 0, "no file");
	while (times--) {
		must(coil_pwrite(fd, block, BLOCK, 0) == BLOCK, "a write failed");
		must(coil_pread(fd, block, BLOCK, 0) == BLOCK, "a read failed");
	}
	must(coil_close(fd) == 0, "a close failed");
}

static void run_open_close(unsigned times)
{
	while (times--) {
		int fd = coil_openat(AT_FDCWD, "other", O_RDWR | O_CREAT, 0600);

		must(fd >= 0 && coil_close(fd) == 0, "a file failed");
	}
}

static int answer(void *arg)
{
	(void)arg;
	return 42;
}

static void run_offload(unsigned times)
{
	while (times--)
		must(coil_offload(answer, NULL) == 42, "an offload failed");
}

const struct scenario scenarios_ops[] = {
	{ "nop", run_nop },
	{ "nop_32", run_nop_many },
	{ "gather_8", run_gather },
	{ "chain_8", run_chain },
	{ "race_8", run_race },
	{ "file_write_read", run_file },
	{ "open_close", run_open_close },
	{ "offload", run_offload },
	{ NULL, NULL },
};
