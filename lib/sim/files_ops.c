/* SPDX-License-Identifier: MIT */
/*
 * The table of operations on files, and those that act on a descriptor. The SQE's fields are those
 * of liburing's io_uring_prep_*; what an operation does not use must be zero, as in io_uring/fs.c,
 * sync.c, truncate.c and advise.c.
 *
 * Must not know: how a file keeps its bytes.
 */
#include "sim/files_ops.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>


#define NEVER_MAPPED 4096 /* below it nothing is; of the rest we know nothing */
#define MADV_COLLAPSE_ 25
#define MADV_POISONS 100
#define MADV_GUARD_INSTALL_ 102
#define MADV_GUARD_REMOVE_ 103

static uint64_t unused_words(const struct io_uring_sqe *sqe)
{
	return (uint64_t)sqe->buf_index | (uint32_t)sqe->splice_fd_in;
}

int files_unused(uint64_t some, uint64_t others)
{
	return some || others ? -EINVAL : 0;
}

/* -- What is copied -------------------------------------------------------------------------------
 */

struct files_copy *files_copy(struct sim_request *request)
{
	if (!request->own)
		request->own = sim_alloc(request->sim, sizeof(struct files_copy));
	return request->own;
}

void files_drop(struct sim_request *request)
{
	struct files_copy *copy = request->own;

	if (!copy)
		return;
	disk_text_free(request->sim, copy->paths[0]);
	disk_text_free(request->sim, copy->paths[1]);
	disk_text_free(request->sim, copy->name);
	if (copy->value_bytes > 0)
		sim_free(request->sim, copy->value, copy->value_bytes);
	sim_free(request->sim, copy, sizeof *copy);
	request->own = NULL;
}

int files_copy_path(struct sim_request *request, unsigned which, uint64_t address,
		    bool may_be_empty)
{
	const char *text = (const char *)(uintptr_t)address;

	if (!text)
		return -EFAULT;
	if (strnlen(text, DISK_PATH_MAX) == DISK_PATH_MAX)
		return -ENAMETOOLONG;
	if (!*text && !may_be_empty)
		return -ENOENT;
	files_copy(request)->paths[which] = disk_text_copy(request->sim, text);
	return 0;
}

/* -- Descriptors ----------------------------------------------------------------------------------
 */

static int32_t fsync_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	return files_unused(sqe->addr | unused_words(sqe),
			    sqe->fsync_flags & ~IORING_FSYNC_DATASYNC);
}

static int32_t fsync_attempt(struct sim_request *request)
{
	return disk_file_sync(request->file, request->sqe.fsync_flags & IORING_FSYNC_DATASYNC);
}

static int32_t sync_range_prepare(struct sim_request *request)
{
	return files_unused(request->sqe.addr, unused_words(&request->sqe));
}

static int32_t sync_range_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	return disk_file_sync_range(request->file, (int64_t)sqe->off, sqe->len,
				    sqe->sync_range_flags);
}

static int32_t allocate_prepare(struct sim_request *request)
{
	return files_unused((uint32_t)request->sqe.rw_flags, unused_words(&request->sqe));
}

static int32_t allocate_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	return disk_file_allocate(request->file, (int)sqe->len, (int64_t)sqe->off,
				  (int64_t)sqe->addr);
}

static int32_t truncate_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	return files_unused(sqe->addr | sqe->len | (uint32_t)sqe->rw_flags | sqe->addr3,
			    unused_words(sqe));
}

static int32_t truncate_attempt(struct sim_request *request)
{
	return disk_file_truncate(request->file, (int64_t)request->sqe.off);
}

static int32_t advise_prepare(struct sim_request *request)
{
	return files_unused(0, unused_words(&request->sqe));
}

static int32_t fadvise_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	uint64_t length = sqe->addr ? sqe->addr : sqe->len;

	return disk_file_advise(request->file, (int64_t)length, sqe->fadvise_advice);
}

static bool is_known_advice(unsigned advice)
{
	return advice <= MADV_DONTNEED || (advice >= MADV_FREE && advice <= MADV_COLLAPSE_) ||
	       advice == MADV_GUARD_INSTALL_ || advice == MADV_GUARD_REMOVE_;
}

/* Nothing is done to the memory: it is the program's own, not the simulated world's. */
static int32_t madvise_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	uint64_t length = sqe->off ? sqe->off : sqe->len;
	uint64_t rounded = (length + DISK_PAGE - 1) & ~(uint64_t)(DISK_PAGE - 1);

	if (sqe->fadvise_advice == MADV_POISONS || sqe->fadvise_advice == MADV_POISONS + 1)
		return -EPERM;
	if (!is_known_advice(sqe->fadvise_advice) || sqe->addr % DISK_PAGE != 0)
		return -EINVAL;
	if ((length && !rounded) || sqe->addr + rounded < sqe->addr)
		return -EINVAL;
	return length && sqe->addr < NEVER_MAPPED ? -ENOMEM : 0;
}

/* -- The table ------------------------------------------------------------------------------------
 */

/* All but openat, openat2 and fadvise: see SIM_FORGIVES. */
#define FD_OP(name_, stem)                                                                         \
	{                                                                                          \
		.name = (name_), .prepare = stem##_prepare, .attempt = stem##_attempt,             \
		.traits = SIM_TAKES_FD | SIM_BLOCKS | SIM_FORGIVES                                 \
	}
#define PATH_OP(name_, stem)                                                                       \
	{                                                                                          \
		.name = (name_), .prepare = files_##stem##_prepare,                                \
		.attempt = files_##stem##_attempt, .drop = files_drop,                             \
		.traits = SIM_BLOCKS | SIM_FORGIVES                                                \
	}
#define FD_XATTR_OP(name_, stem)                                                                   \
	{                                                                                          \
		.name = (name_), .prepare = files_##stem##_prepare,                                \
		.attempt = files_##stem##_attempt, .drop = files_drop,                             \
		.traits = SIM_TAKES_FD | SIM_BLOCKS | SIM_FORGIVES                                 \
	}
#define OPEN_OP(name_, stem)                                                                       \
	{                                                                                          \
		.name = (name_), .prepare = files_##stem##_prepare,                                \
		.attempt = files_open_attempt, .drop = files_drop, .traits = SIM_BLOCKS            \
	}

const struct sim_operation sim_operations_files[SIM_OPCODES] = {
	[IORING_OP_FSYNC] = FD_OP("fsync", fsync),
	[IORING_OP_SYNC_FILE_RANGE] = FD_OP("sync_file_range", sync_range),
	[IORING_OP_FALLOCATE] = FD_OP("fallocate", allocate),
	[IORING_OP_FADVISE] = {
		.name = "fadvise", .prepare = advise_prepare, .attempt = fadvise_attempt,
		.traits = SIM_TAKES_FD | SIM_BLOCKS,
	},
	[IORING_OP_MADVISE] = {
		.name = "madvise", .prepare = advise_prepare, .attempt = madvise_attempt,
		.traits = SIM_BLOCKS | SIM_FORGIVES,
	},
	[IORING_OP_FTRUNCATE] = FD_OP("ftruncate", truncate),
	[IORING_OP_OPENAT] = OPEN_OP("openat", open),
	[IORING_OP_OPENAT2] = OPEN_OP("openat2", open2),
	[IORING_OP_STATX] = PATH_OP("statx", statx),
	[IORING_OP_RENAMEAT] = PATH_OP("renameat", rename),
	[IORING_OP_UNLINKAT] = PATH_OP("unlinkat", unlink),
	[IORING_OP_MKDIRAT] = PATH_OP("mkdirat", mkdir),
	[IORING_OP_SYMLINKAT] = PATH_OP("symlinkat", symlink),
	[IORING_OP_LINKAT] = PATH_OP("linkat", link),
	[IORING_OP_FGETXATTR] = FD_XATTR_OP("fgetxattr", getxattr),
	[IORING_OP_FSETXATTR] = FD_XATTR_OP("fsetxattr", setxattr),
	[IORING_OP_GETXATTR] = PATH_OP("getxattr", getxattr),
	[IORING_OP_SETXATTR] = PATH_OP("setxattr", setxattr),
};
