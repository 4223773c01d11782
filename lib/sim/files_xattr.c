/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes of a descriptor or of a path; which of both the opcode says. Name and value
 * are copied when the SQE is taken.
 *
 * Must not know: how attributes are kept.
 */
#include "sim/files_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#define NAME_MAX_BYTES 255
#define VALUE_MAX (64 << 10)

static bool is_of_path(const struct sim_request *request)
{
	return request->sqe.opcode == IORING_OP_GETXATTR ||
	       request->sqe.opcode == IORING_OP_SETXATTR;
}

static int copy_name(struct sim_request *request)
{
	const char *name = (const char *)(uintptr_t)request->sqe.addr;
	size_t length;

	if (!name)
		return -EFAULT;
	length = strnlen(name, NAME_MAX_BYTES + 1);
	if (length == 0 || length > NAME_MAX_BYTES)
		return -ERANGE;
	files_copy(request)->name = disk_text_copy(request->sim, name);
	return 0;
}

static int32_t finish_prepare(struct sim_request *request)
{
	return is_of_path(request) ? files_copy_path(request, 0, request->sqe.addr3, false) : 0;
}

/* A path operation knows no fixed files. */
static int check_fixed(const struct sim_request *request)
{
	return is_of_path(request) && request->sqe.flags & IOSQE_FIXED_FILE ? -EBADF : 0;
}

int32_t files_getxattr_prepare(struct sim_request *request)
{
	int error = check_fixed(request);

	if (!error && request->sqe.xattr_flags)
		error = -EINVAL;
	if (!error)
		error = copy_name(request);
	return error ? error : finish_prepare(request);
}

static int copy_value(struct sim_request *request)
{
	const void *value = (const void *)(uintptr_t)request->sqe.addr2;
	struct files_copy *copy = files_copy(request);
	size_t bytes = request->sqe.len;

	if (bytes > VALUE_MAX)
		return -E2BIG;
	if (bytes == 0)
		return 0;
	if (!value)
		return -EFAULT;
	copy->value = sim_alloc(request->sim, bytes);
	copy->value_bytes = bytes;
	memcpy(copy->value, value, bytes);
	return 0;
}

int32_t files_setxattr_prepare(struct sim_request *request)
{
	int error = check_fixed(request);

	if (!error && request->sqe.xattr_flags & ~(unsigned)(XATTR_CREATE | XATTR_REPLACE))
		error = -EINVAL;
	if (!error)
		error = copy_name(request);
	if (!error)
		error = copy_value(request);
	return error ? error : finish_prepare(request);
}

static int find_inode(struct sim_request *request, struct sim_inode **ret_inode)
{
	struct disk_start start = { .sim = request->sim, .dirfd = AT_FDCWD, .how = DISK_FOLLOW };

	if (is_of_path(request))
		return disk_lookup(&start, files_copy(request)->paths[0], ret_inode);
	return disk_file_usable(request->file, ret_inode);
}

/* Pipes and sockets keep none, and say so in the words of their kind. */
static int check_name(struct sim_request *request, const struct sim_inode *inode, bool writes)
{
	const char *name = files_copy(request)->name;

	if (inode)
		return disk_xattr_check_name(inode, name, writes);
	if (strncmp(name, "user.", 5) != 0)
		return -EOPNOTSUPP;
	return writes ? -EPERM : -ENODATA;
}

int32_t files_getxattr_attempt(struct sim_request *request)
{
	const char *name = files_copy(request)->name;
	size_t bytes = request->sqe.len < VALUE_MAX ? request->sqe.len : VALUE_MAX;
	struct sim_inode *inode = NULL;
	int error = find_inode(request, &inode);

	if (!error || error == -EINVAL)
		error = check_name(request, inode, false);
	if (error)
		return error;
	return disk_xattr_get(inode, name, (void *)(uintptr_t)request->sqe.addr2, bytes);
}

int32_t files_setxattr_attempt(struct sim_request *request)
{
	const struct files_copy *copy = files_copy(request);
	struct iovec value = { .iov_base = copy->value, .iov_len = copy->value_bytes };
	struct sim_inode *inode = NULL;
	int error = find_inode(request, &inode);

	if (!error || error == -EINVAL)
		error = check_name(request, inode, true);
	if (error)
		return error;
	return disk_xattr_set(inode, copy->name, &value, request->sqe.xattr_flags);
}
