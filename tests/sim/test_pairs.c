/* SPDX-License-Identifier: MIT */
/*
 * Every pair of an operation and an errno of its manual page, as a program on the engine meets it:
 * the first operation fails so, or the n-th, or each; and the seed's own choice comes to all of
 * them.
 */
#include "sim/rig.h"

#include "sim/fault_rig.h"
#include "sim/faults.h"
#include "sim/world.h"

#include <sys/socket.h>

#define ROUNDS 3
#define ERRORS_MAX 16
#define SEEDS 2000

struct attempt {
	unsigned opcode;
	int fd;
	int results[ROUNDS];
};

static int await_op(void *op)
{
	return coil_op_await(op);
}

/* What does not fail may wait for ever: it is given up. */
static int try_often(void *arg)
{
	struct attempt *attempt = arg;
	int fds[2];

	EXPECT_EQ(coil_sim_socketpair(SOCK_STREAM, fds), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct io_uring_sqe sqe = {0};
		struct coil_op op;

		fault_prepare(&sqe, attempt->opcode, fds[0]);
		op = coil_op_raw(&sqe);
		attempt->results[i] = coil_timeout(COIL_MSEC, await_op, &op);
	}
	coil_close(fds[0]);
	coil_close(fds[1]);
	return 0;
}

static struct coil_sim_options quiet_options(uint64_t seed)
{
	struct coil_sim_options options = rig_options(seed, COIL_SIM_CALM);

	options.off = COIL_SIM_NO_LEAKS | COIL_SIM_NO_OUTPUT | COIL_SIM_NO_REPORTS;
	return options;
}

/* Exactly those of the rounds, by the bits of @which, fail with the errno. */
static void expect_failures(struct coil_sim_options *options, unsigned opcode, unsigned which)
{
	struct coil_sim_result result = {.size = sizeof result};
	struct attempt attempt = {.opcode = opcode};

	options->result = &result;
	options->fault_operation = sim_opcode_name(opcode);
	EXPECT_EQ(coil_sim_run(options, try_often, &attempt), 0);
	EXPECT_EQ(result.faults, ROUNDS);
	for (unsigned i = 0; i < ROUNDS; i++)
		if (which >> i & 1)
			EXPECT_EQ(attempt.results[i], -options->fault_errno);
}

static unsigned each_pair(uint64_t at, unsigned off, unsigned which)
{
	unsigned pairs = 0;

	for (unsigned opcode = 0; opcode < SIM_OPCODES; opcode++)
		for (unsigned i = 0; sim_fault_errno(opcode, i); i++, pairs++) {
			struct coil_sim_options options = quiet_options(1);

			options.fault_at = at;
			options.fault_errno = sim_fault_errno(opcode, i);
			options.off |= off;
			expect_failures(&options, opcode, which);
		}
	return pairs;
}

TEST(pairs, fail_the_first)
{
	EXPECT_GT(each_pair(1, 0, 1), 150);
}

TEST(pairs, fail_the_nth)
{
	EXPECT_GT(each_pair(2, 0, 2), 150);
	EXPECT_GT(each_pair(3, 0, 4), 150);
}

TEST(pairs, fail_always)
{
	EXPECT_GT(each_pair(1, COIL_SIM_FAIL_ONWARDS, 7), 150);
	EXPECT_GT(each_pair(2, COIL_SIM_FAIL_ONWARDS, 6), 150);
}

/* -- By the seed ---------------------------------------------------------------------------------
 */

static void note_hits(const struct attempt *attempt, bool *hits)
{
	for (unsigned i = 0; sim_fault_errno(attempt->opcode, i); i++)
		for (unsigned round = 0; round < ROUNDS; round++)
			if (attempt->results[round] == -sim_fault_errno(attempt->opcode, i))
				hits[i] = true;
}

static bool has_all(unsigned opcode, const bool *hits)
{
	unsigned i = 0;

	while (sim_fault_errno(opcode, i) && hits[i])
		i++;
	return sim_fault_errno(opcode, i) == 0;
}

/* Seeds until each errno has been drawn. */
static unsigned seeds_for(unsigned opcode)
{
	bool hits[ERRORS_MAX] = {false};
	unsigned seed = 0;

	while (!has_all(opcode, hits) && seed < SEEDS) {
		struct coil_sim_options options = quiet_options(++seed);
		struct attempt attempt = {.opcode = opcode};

		options.troubles = "FAULT=100";
		EXPECT_EQ(coil_sim_run(&options, try_often, &attempt), 0);
		note_hits(&attempt, hits);
	}
	return seed;
}

TEST(pairs, are_all_drawn_by_seeds)
{
	for (unsigned opcode = 0; opcode < SIM_OPCODES; opcode++)
		if (seeds_for(opcode) == SEEDS)
			test_fail(__FILE__, __LINE__, sim_opcode_name(opcode));
}
