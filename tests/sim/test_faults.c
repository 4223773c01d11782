/* SPDX-License-Identifier: MIT */
/* Faults: every errno of the table, of every operation, comes out of it when it is asked for. */
#include "sim/raw.h"

#include "sim/fault_rig.h"
#include "sim/faults.h"
#include "sim/rig.h"

#include <sys/socket.h>

/* A world in which the first operation of this kind fails so. */
static void open_faulty(struct raw *raw, unsigned opcode, int error)
{
	raw_open_sim(raw, 1, NULL);
	raw->sim->options.fault_opcode = (int)opcode;
	raw->sim->options.fault_errno = error;
}

static int32_t fail(unsigned opcode, int error)
{
	struct raw raw;
	struct io_uring_sqe *sqe;
	int32_t result;
	int fd;

	open_faulty(&raw, opcode, error);
	fd = raw.calls->socket(AF_INET, SOCK_STREAM, 0);
	sqe = raw_sqe(&raw, 1);
	fault_prepare(sqe, opcode, fd);
	raw_name(sqe, 1, 0);
	raw_go(&raw, opcode == IORING_OP_SEND_ZC || opcode == IORING_OP_SENDMSG_ZC ? 2 : 1);
	result = raw.cqes[0].res;
	raw_close_fd(&raw, fd);
	raw_close(&raw);
	return result;
}

TEST(faults, each_pair_can_be_had)
{
	unsigned pairs = 0;

	for (unsigned opcode = 0; opcode < SIM_OPCODES; opcode++)
		for (unsigned i = 0; sim_fault_errno(opcode, i); i++) {
			int32_t result = fail(opcode, sim_fault_errno(opcode, i));

			if (result != -sim_fault_errno(opcode, i))
				test_fail_values(__FILE__, __LINE__, sim_opcode_name(opcode),
						 result, -sim_fault_errno(opcode, i));
			pairs++;
		}
	EXPECT_GT(pairs, 150);
}

static int read_once(void *arg)
{
	char byte;
	int fds[2];
	int rc;

	(void)arg;
	EXPECT_EQ(coil_pipe(fds, 0), 0);
	EXPECT_EQ(coil_write(fds[1], "xyz", 3), 3);
	EXPECT_EQ(coil_read(fds[0], &byte, 1), 1);
	rc = coil_read(fds[0], &byte, 1);
	EXPECT_EQ(coil_read(fds[0], &byte, 1), 1);
	coil_close(fds[0]);
	coil_close(fds[1]);
	return rc;
}

/* The loop's own read of its eventfd is not counted. */
TEST(faults, hit_the_one_that_is_asked_for)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);

	options.fault_operation = "read";
	options.fault_errno = EIO;
	options.fault_at = 2;
	EXPECT_EQ(coil_sim_run(&options, read_once, NULL), -EIO);
	options.fault_at = 4;
	EXPECT_EQ(coil_sim_run(&options, read_once, NULL), 1);
	options.fault_operation = "nonsense";
	EXPECT_EQ(coil_sim_run(&options, read_once, NULL), -EINVAL);
}
