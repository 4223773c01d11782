/* SPDX-License-Identifier: MIT */
/* What an await adds to the cheapest of all operations. */
#include "bench.h"

#define LINKS 8

static void await_nop(void)
{
	struct coil_op op = coil_op_nop();

	bench_must(coil_op_await(&op) == 0, "a NOP failed");
}

/* -- Alone ------------------------------------------------------------------------------------- */

static void run_one(void *arg, uint64_t units)
{
	(void)arg;
	while (units--)
		await_nop();
}

static int open_one(struct bench *bench)
{
	bench->coil = (struct measure_case){ .run = run_one, .step = 1 };
	return 0;
}

/* -- Side by side ------------------------------------------------------------------------------ */

static void work_nop(void *arg, unsigned int member)
{
	(void)arg;
	(void)member;
	await_nop();
}

static int open_many(struct bench *bench)
{
	struct crew *crew;
	int rc = crew_open(bench->of->parameter, work_nop, NULL, &crew);

	if (rc < 0)
		return rc;
	bench->state = crew;
	bench->coil = (struct measure_case){ .run = crew_run, .arg = crew,
					     .step = bench->of->parameter };
	return 0;
}

static void close_many(struct bench *bench)
{
	crew_close(bench->state);
}

/* -- Combined ---------------------------------------------------------------------------------- */

static void run_gather(void *arg, uint64_t units)
{
	struct coil_op ops[LINKS];

	(void)arg;
	for (; units >= LINKS; units -= LINKS) {
		for (unsigned int i = 0; i < LINKS; i++)
			ops[i] = coil_op_nop();
		bench_must(coil_gather_ops(ops, LINKS, 0) == 0, "a gather failed");
	}
}

static int open_gather(struct bench *bench)
{
	bench->coil = (struct measure_case){ .run = run_gather, .step = LINKS };
	return 0;
}

static void run_chain(void *arg, uint64_t units)
{
	struct coil_op ops[LINKS];

	(void)arg;
	for (; units >= LINKS; units -= LINKS) {
		for (unsigned int i = 0; i < LINKS; i++)
			ops[i] = coil_op_nop();
		bench_must(coil_chain(ops, LINKS, 0) == 0, "a chain failed");
	}
}

static int open_chain(struct bench *bench)
{
	bench->coil = (struct measure_case){ .run = run_chain, .step = LINKS };
	return 0;
}

#define NOP_ROW(n, bound, opened, closed)                                                          \
	.name = "nop_" #n, .what = "NOP, awaited by " #n " task(s) at a time; raw NOP batches",    \
	.goal_kind = BENCH_RATIO, .goal = bound, .has_raw = true, .raw = RAW_NOP_BATCH,            \
	.parameter = n, .open = opened, .close = closed

const struct bench_case bench_cases_nop[] = {
	{ NOP_ROW(1, 1.10, open_one, NULL) },
	{ NOP_ROW(8, 1.20, open_many, close_many) },
	{ NOP_ROW(32, 1.20, open_many, close_many) },
	{ NOP_ROW(128, 1.20, open_many, close_many) },
	{ .name = "gather_8", .what = "NOP of a gather of 8; raw NOP batches",
	  .goal_kind = BENCH_RATIO, .goal = 1.10, .has_raw = true, .raw = RAW_NOP_BATCH,
	  .parameter = LINKS, .open = open_gather },
	{ .name = "chain_8", .what = "NOP of a chain of 8; raw linked NOPs",
	  .goal_kind = BENCH_RATIO, .goal = 1.10, .has_raw = true, .raw = RAW_CHAIN,
	  .parameter = LINKS, .open = open_chain },
	{ .name = NULL },
};
