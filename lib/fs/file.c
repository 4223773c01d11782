/* SPDX-License-Identifier: MIT */
/* Calls on open files, suspending. */
#include "coil/file.h"

#include "coil/scope.h"
#include "loop/prep_files.h"
#include "task/await.h"

int coil_read(int fd, void *buf, size_t count)
{
	struct coil_op op;

	op_prep_read(&op, fd, buf, count, -1);
	return op_await(&op);
}

int coil_write(int fd, const void *buf, size_t count)
{
	struct coil_op op;

	op_prep_write(&op, fd, buf, count, -1);
	return op_await(&op);
}

int coil_readv(int fd, const struct iovec *iov, int iovcnt)
{
	struct coil_op op;

	op_prep_readv(&op, fd, iov, iovcnt, -1);
	return op_await(&op);
}

int coil_writev(int fd, const struct iovec *iov, int iovcnt)
{
	struct coil_op op;

	op_prep_writev(&op, fd, iov, iovcnt, -1);
	return op_await(&op);
}

int coil_pread(int fd, void *buf, size_t count, int64_t offset)
{
	struct coil_op op;

	op_prep_read(&op, fd, buf, count, offset);
	return op_await(&op);
}

int coil_pwrite(int fd, const void *buf, size_t count, int64_t offset)
{
	struct coil_op op;

	op_prep_write(&op, fd, buf, count, offset);
	return op_await(&op);
}

int coil_preadv(int fd, const struct iovec *iov, int iovcnt, int64_t offset)
{
	struct coil_op op;

	op_prep_readv(&op, fd, iov, iovcnt, offset);
	return op_await(&op);
}

int coil_pwritev(int fd, const struct iovec *iov, int iovcnt, int64_t offset)
{
	struct coil_op op;

	op_prep_writev(&op, fd, iov, iovcnt, offset);
	return op_await(&op);
}

int coil_preadv2(int fd, const struct iovec *iov, int iovcnt, int64_t offset, int flags)
{
	struct coil_op op;

	op_prep_preadv2(&op, fd, iov, iovcnt, offset, flags);
	return op_await(&op);
}

int coil_pwritev2(int fd, const struct iovec *iov, int iovcnt, int64_t offset, int flags)
{
	struct coil_op op;

	op_prep_pwritev2(&op, fd, iov, iovcnt, offset, flags);
	return op_await(&op);
}

int coil_read_fixed(int fd, void *buf, size_t count, int64_t offset, int buf_index)
{
	struct coil_op op;

	op_prep_read_fixed(&op, fd, buf, count, offset, buf_index);
	return op_await(&op);
}

int coil_write_fixed(int fd, const void *buf, size_t count, int64_t offset, int buf_index)
{
	struct coil_op op;

	op_prep_write_fixed(&op, fd, buf, count, offset, buf_index);
	return op_await(&op);
}

int coil_fsync(int fd)
{
	struct coil_op op;

	op_prep_fsync(&op, fd);
	return op_await(&op);
}

int coil_fdatasync(int fd)
{
	struct coil_op op;

	op_prep_fdatasync(&op, fd);
	return op_await(&op);
}

int coil_sync_file_range(int fd, int64_t offset, int64_t nbytes, unsigned flags)
{
	struct coil_op op;

	op_prep_sync_file_range(&op, fd, offset, nbytes, flags);
	return op_await(&op);
}

int coil_fallocate(int fd, int mode, int64_t offset, int64_t len)
{
	struct coil_op op;

	op_prep_fallocate(&op, fd, mode, offset, len);
	return op_await(&op);
}

int coil_ftruncate(int fd, int64_t length)
{
	struct coil_op op;

	op_prep_ftruncate(&op, fd, length);
	return op_await(&op);
}

int coil_fadvise(int fd, int64_t offset, int64_t len, int advice)
{
	struct coil_op op;

	op_prep_fadvise(&op, fd, offset, len, advice);
	return op_await(&op);
}

int coil_madvise(void *addr, size_t length, int advice)
{
	struct coil_op op;

	op_prep_madvise(&op, addr, length, advice);
	return op_await(&op);
}

int coil_splice(int fd_in, int64_t off_in, int fd_out, int64_t off_out, size_t len, unsigned flags)
{
	struct coil_op op;

	op_prep_splice(&op, fd_in, off_in, fd_out, off_out, len, flags);
	return op_await(&op);
}

int coil_tee(int fd_in, int fd_out, size_t len, unsigned flags)
{
	struct coil_op op;

	op_prep_tee(&op, fd_in, fd_out, len, flags);
	return op_await(&op);
}

/* Releasing works in a cancelled scope, too, and no cancel may withdraw it from a full queue. */
int coil_close(int fd)
{
	struct coil_scope shield;
	struct coil_op op;
	int rc;

	op_prep_close(&op, fd);
	coil_shield_open(&shield, COIL_FOREVER);
	rc = op_await(&op);
	coil_scope_close(&shield);
	return rc;
}
