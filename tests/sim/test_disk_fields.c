/* SPDX-License-Identifier: MIT */
/*
 * SQEs with a word in a field that the operation does not use, or uses otherwise: both kernels must
 * refuse, or not, in the same way.
 */
#include "loop/op.h"
#include "sim/disk_rig.h"

#include <coil/combine.h>
#include <coil/file.h>
#include <coil/op.h>
#include <coil/ops.h>
#include <coil/path.h>
#include <coil/process.h>
#include <coil/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <liburing/io_uring.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define OPERATIONS 18
#define FIELDS 9

static const char *const field_names[FIELDS] = {
	"none", "buf_index", "splice_fd_in", "addr3", "rw_flags", "len", "off", "addr", "fixed",
};

/* Each on a descriptor or a path that is not there: nothing happens if no field is wrong. */
static struct coil_op operation(int which)
{
	static const struct open_how how;
	static char buf[256];

	switch (which) {
	case 0:
		return coil_op_fsync(-1);
	case 1:
		return coil_op_sync_file_range(-1, 0, 0, 0);
	case 2:
		return coil_op_fallocate(-1, 0, 0, 1);
	case 3:
		return coil_op_fadvise(-1, 0, 0, 0);
	case 4:
		return coil_op_madvise(NULL, 0, 0);
	case 5:
		return coil_op_ftruncate(-1, 0);
	case 6:
		return coil_op_openat(-1, "x", O_RDONLY, 0);
	case 7:
		return coil_op_openat2(-1, "x", &how, sizeof how);
	case 8:
		return coil_op_statx(-1, "x", 0, 0, (struct statx *)(void *)buf);
	case 9:
		return coil_op_renameat(-1, "x", -1, "y");
	case 10:
		return coil_op_unlinkat(-1, "x", 0);
	case 11:
		return coil_op_mkdirat(-1, "x", 0);
	case 12:
		return coil_op_symlinkat("x", -1, "y");
	case 13:
		return coil_op_linkat(-1, "x", -1, "y", 0);
	case 14:
		return coil_op_fgetxattr(-1, "user.x", buf, 1);
	case 15:
		return coil_op_fsetxattr(-1, "user.x", buf, 1, 0);
	case 16:
		return coil_op_getxattr("/none", "user.x", buf, 1);
	default:
		return coil_op_setxattr("/none", "user.x", buf, 1, 0);
	}
}

static void spoil(struct io_uring_sqe *sqe, int field)
{
	switch (field) {
	case 1:
		sqe->buf_index = 1;
		break;
	case 2:
		sqe->splice_fd_in = 7;
		break;
	case 3:
		sqe->addr3 = 0;
		break;
	case 4:
		sqe->rw_flags = 1 << 30;
		break;
	case 5:
		sqe->len = 1;
		break;
	case 6:
		sqe->off = 0;
		break;
	case 7:
		sqe->addr = 0;
		break;
	case 8:
		sqe->flags |= IOSQE_FIXED_FILE;
		break;
	default:
		break;
	}
}

static int answers[2][OPERATIONS][FIELDS];
static bool is_absent[OPERATIONS];

static void ask_all(const struct place *at)
{
	for (int which = 0; which < OPERATIONS; which++) {
		for (int field = 0; field < FIELDS; field++) {
			struct coil_op op = operation(which);
			struct io_uring_sqe sqe;

			memcpy(&sqe, op.sqe, sizeof sqe);
			is_absent[which] |= !disk_has_operation(sqe.opcode);
			spoil(&sqe, field);
			op = coil_op_raw(&sqe);
			answers[at->is_simulated][which][field] = coil_op_await(&op);
		}
	}
}

TEST(disk_fields, both_kernels_refuse_alike)
{
	disk_on_real(ask_all);
	disk_on_simulated(ask_all);
	for (int which = 0; which < OPERATIONS; which++) {
		for (int field = 0; field < FIELDS; field++) {
			int really = answers[0][which][field];
			int simulated = answers[1][which][field];

			if (really == simulated || is_absent[which])
				continue;
			fprintf(stderr, "operation %d with %s: %d really, %d simulated\n", which,
				field_names[field], really, simulated);
			FAIL("the two kernels disagree");
		}
	}
}

static int step_result(const struct coil_op *step)
{
	return coil_future_result(&step->future);
}

static int kind_of(int fd)
{
	struct statx stat = { 0 };

	EXPECT_EQ(coil_statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stat), 0);
	return stat.stx_mode & S_IFMT;
}

ON_BOTH(disk_fields, pipes_and_sockets_are_no_files)
{
	int socket = coil_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte = 0;
	int fds[2];

	(void)at;
	EXPECT_EQ(coil_pipe(fds, O_CLOEXEC), 0);
	EXPECT_EQ(kind_of(fds[0]), S_IFIFO);
	EXPECT_EQ(kind_of(socket), S_IFSOCK);
	EXPECT_EQ(coil_fsync(fds[0]), -EINVAL);
	EXPECT_EQ(coil_fsync(socket), -EINVAL);
	EXPECT_EQ(coil_ftruncate(fds[1], 0), -EINVAL);
	EXPECT_EQ(coil_fallocate(fds[0], 0, 0, 1), -EBADF);
	EXPECT_EQ(coil_fallocate(fds[1], 0, 0, 1), -ESPIPE);
	EXPECT_EQ(coil_fallocate(socket, 0, 0, 1), -ENODEV);
	EXPECT_EQ(coil_fadvise(fds[0], 0, 0, 0), -ESPIPE);
	EXPECT_EQ(coil_fadvise(socket, 0, 0, 0), 0);
	EXPECT_EQ(coil_sync_file_range(fds[0], 0, 0, 2), -ESPIPE);
	EXPECT_EQ(coil_sync_file_range(socket, 0, 0, 2), -ESPIPE);
	EXPECT_EQ(coil_openat(socket, "x", O_RDONLY, 0), -ENOTDIR);
	EXPECT_EQ(coil_fsetxattr(fds[0], "user.x", &byte, 1, 0), -EPERM);
	EXPECT_EQ(coil_fgetxattr(fds[0], "user.x", &byte, 1), -ENODATA);
	EXPECT_EQ(coil_close(fds[0]), 0);
	EXPECT_EQ(coil_close(fds[1]), 0);
	EXPECT_EQ(coil_close(socket), 0);
}

/* The descriptor comes first: with none left nothing is made, nor cut. */
ON_SIMULATED(disk_fields, nothing_is_made_without_a_descriptor)
{
	int fds[1100], count = 0, fd;

	while ((fd = coil_openat(at->dirfd, ".", O_PATH | O_CLOEXEC, 0)) >= 0)
		fds[count++] = fd;
	EXPECT_EQ(fd, -EMFILE);
	EXPECT_EQ(coil_openat(at->dirfd, "new", O_CREAT | O_RDWR, 0600), -EMFILE);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "new", 0), -ENOENT);
	while (count > 0)
		EXPECT_EQ(coil_close(fds[--count]), 0);
}

/* Linked by the kernel itself: coil_chain runs such steps one by one. */
static void run_linked(struct coil_op *steps, uint32_t n)
{
	for (uint32_t i = 0; i + 1 < n; i++)
		op_sqe(&steps[i])->flags |= IOSQE_IO_LINK;
	op_start_chain(loop_current, steps, n);
	for (uint32_t i = 0; i < n; i++)
		coil_await(&steps[i].future);
}

/* What is wrong with a path as such is found out when the SQE is taken: no step is run. */
ON_BOTH(disk_fields, an_empty_path_stops_its_whole_chain)
{
	struct coil_op steps[3] = {
		coil_op_mkdirat(at->dirfd, "first", 0700),
		coil_op_mkdirat(at->dirfd, "", 0700),
		coil_op_mkdirat(at->dirfd, "third", 0700),
	};

	run_linked(steps, 3);
	EXPECT_EQ(step_result(&steps[0]), -ECANCELED);
	EXPECT_EQ(step_result(&steps[1]), -ENOENT);
	EXPECT_EQ(step_result(&steps[2]), -ECANCELED);
}

/*
 * Linux (6.18) forgets to mark a failed mkdirat as a failure of its chain, and so for most of these
 * operations; openat is one of the few that stop it.
 */
ON_BOTH(disk_fields, a_missing_path_does_not_always_stop_its_chain)
{
	struct coil_op made[2] = {
		coil_op_mkdirat(at->dirfd, "none/first", 0700),
		coil_op_mkdirat(at->dirfd, "second", 0700),
	};
	struct coil_op opened[2] = {
		coil_op_openat(at->dirfd, "none/first", O_RDONLY, 0),
		coil_op_mkdirat(at->dirfd, "third", 0700),
	};

	run_linked(made, 2);
	EXPECT_EQ(step_result(&made[0]), -ENOENT);
	EXPECT_EQ(step_result(&made[1]), 0);
	run_linked(opened, 2);
	EXPECT_EQ(step_result(&opened[0]), -ENOENT);
	EXPECT_EQ(step_result(&opened[1]), -ECANCELED);
}

/* Each operation, failing as it runs, before one that does nothing: does that still run? */
static int broken[2][OPERATIONS];

static struct coil_op failing(const struct place *at, int file, int which)
{
	static char value[8], buf[256];

	switch (which) {
	case 0:
		return coil_op_sync_file_range(file, 0, 0, 99);
	case 1:
		return coil_op_fallocate(file, 0, 0, 1);
	case 2:
		return coil_op_fadvise(file, 0, 0, 99);
	case 3:
		return coil_op_madvise(value, 1, 99);
	case 4:
		return coil_op_ftruncate(file, 1);
	case 5:
		return coil_op_openat(at->dirfd, "none", O_RDONLY, 0);
	case 6:
		return coil_op_statx(at->dirfd, "none", 0, 0, (struct statx *)(void *)buf);
	case 7:
		return coil_op_renameat(at->dirfd, "none", at->dirfd, "other");
	case 8:
		return coil_op_unlinkat(at->dirfd, "none", 0);
	case 9:
		return coil_op_mkdirat(at->dirfd, "none/x", 0);
	case 10:
		return coil_op_symlinkat("x", at->dirfd, "none/x");
	case 11:
		return coil_op_linkat(at->dirfd, "none", at->dirfd, "other", 0);
	case 12:
		return coil_op_fgetxattr(file, "user.none", value, sizeof value);
	case 13:
		return coil_op_fsetxattr(file, "none", value, sizeof value, 0);
	case 14:
		return coil_op_getxattr("/none", "user.none", value, sizeof value);
	case 15:
		return coil_op_setxattr("/none", "user.none", value, sizeof value, 0);
	case 16:
		return coil_op_fsync(-1);
	default:
		return coil_op_mkdirat(-1, "x", 0);
	}
}

static void break_chains(const struct place *at)
{
	int file = coil_openat(at->dirfd, "file", O_CREAT | O_RDONLY | O_CLOEXEC, 0600);

	for (int which = 0; which < OPERATIONS; which++) {
		struct coil_op steps[2] = { failing(at, file, which), coil_op_nop() };

		run_linked(steps, 2);
		EXPECT_LT(step_result(&steps[0]), 0);
		broken[at->is_simulated][which] = step_result(&steps[1]);
	}
	EXPECT_EQ(coil_close(file), 0);
}

TEST(disk_fields, chains_break_alike)
{
	disk_on_real(break_chains);
	disk_on_simulated(break_chains);
	for (int which = 0; which < OPERATIONS; which++) {
		if (broken[0][which] != broken[1][which])
			fprintf(stderr, "operation %d\n", which);
		EXPECT_EQ(broken[0][which], broken[1][which]);
	}
}

ON_BOTH(disk_fields, the_path_is_copied_when_the_operation_is_taken)
{
	char name[8] = "before";
	struct coil_op op = coil_op_mkdirat(at->dirfd, name, 0700);

	coil_op_start(&op);
	/* Another one is awaited, so that the first is submitted with it. */
	EXPECT_EQ(coil_fsync(at->dirfd), 0);
	memset(name, 'x', sizeof name - 1);
	EXPECT_EQ(coil_op_await(&op), 0);
	EXPECT_EQ(coil_renameat(at->dirfd, "before", at->dirfd, "after"), 0);
}
