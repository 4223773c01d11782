/* SPDX-License-Identifier: MIT */
/* Operations on files and paths, by value. */
#include "coil/ops.h"

#include "loop/prep_files.h"

struct coil_op coil_op_read(int fd, void *buf, size_t count, int64_t offset)
{
	struct coil_op op;

	op_prep_read(&op, fd, buf, count, offset);
	return op;
}

struct coil_op coil_op_write(int fd, const void *buf, size_t count, int64_t offset)
{
	struct coil_op op;

	op_prep_write(&op, fd, buf, count, offset);
	return op;
}

struct coil_op coil_op_readv(int fd, const struct iovec *iov, int iovcnt, int64_t offset)
{
	struct coil_op op;

	op_prep_readv(&op, fd, iov, iovcnt, offset);
	return op;
}

struct coil_op coil_op_writev(int fd, const struct iovec *iov, int iovcnt, int64_t offset)
{
	struct coil_op op;

	op_prep_writev(&op, fd, iov, iovcnt, offset);
	return op;
}

struct coil_op coil_op_preadv2(int fd, const struct iovec *iov, int iovcnt, int64_t offset,
			       int flags)
{
	struct coil_op op;

	op_prep_preadv2(&op, fd, iov, iovcnt, offset, flags);
	return op;
}

struct coil_op coil_op_pwritev2(int fd, const struct iovec *iov, int iovcnt, int64_t offset,
				int flags)
{
	struct coil_op op;

	op_prep_pwritev2(&op, fd, iov, iovcnt, offset, flags);
	return op;
}

struct coil_op coil_op_read_fixed(int fd, void *buf, size_t count, int64_t offset, int buf_index)
{
	struct coil_op op;

	op_prep_read_fixed(&op, fd, buf, count, offset, buf_index);
	return op;
}

struct coil_op coil_op_write_fixed(int fd, const void *buf, size_t count, int64_t offset,
				   int buf_index)
{
	struct coil_op op;

	op_prep_write_fixed(&op, fd, buf, count, offset, buf_index);
	return op;
}

struct coil_op coil_op_fsync(int fd)
{
	struct coil_op op;

	op_prep_fsync(&op, fd);
	return op;
}

struct coil_op coil_op_fdatasync(int fd)
{
	struct coil_op op;

	op_prep_fdatasync(&op, fd);
	return op;
}

struct coil_op coil_op_sync_file_range(int fd, int64_t offset, int64_t nbytes, unsigned flags)
{
	struct coil_op op;

	op_prep_sync_file_range(&op, fd, offset, nbytes, flags);
	return op;
}

struct coil_op coil_op_fallocate(int fd, int mode, int64_t offset, int64_t len)
{
	struct coil_op op;

	op_prep_fallocate(&op, fd, mode, offset, len);
	return op;
}

struct coil_op coil_op_ftruncate(int fd, int64_t length)
{
	struct coil_op op;

	op_prep_ftruncate(&op, fd, length);
	return op;
}

struct coil_op coil_op_fadvise(int fd, int64_t offset, int64_t len, int advice)
{
	struct coil_op op;

	op_prep_fadvise(&op, fd, offset, len, advice);
	return op;
}

struct coil_op coil_op_madvise(void *addr, size_t length, int advice)
{
	struct coil_op op;

	op_prep_madvise(&op, addr, length, advice);
	return op;
}

struct coil_op coil_op_splice(int fd_in, int64_t off_in, int fd_out, int64_t off_out, size_t len,
			      unsigned flags)
{
	struct coil_op op;

	op_prep_splice(&op, fd_in, off_in, fd_out, off_out, len, flags);
	return op;
}

struct coil_op coil_op_tee(int fd_in, int fd_out, size_t len, unsigned flags)
{
	struct coil_op op;

	op_prep_tee(&op, fd_in, fd_out, len, flags);
	return op;
}

struct coil_op coil_op_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	struct coil_op op;

	op_prep_openat(&op, dirfd, path, flags, mode);
	return op;
}

struct coil_op coil_op_openat2(int dirfd, const char *path, const struct open_how *how, size_t size)
{
	struct coil_op op;

	op_prep_openat2(&op, dirfd, path, how, size);
	return op;
}

struct coil_op coil_op_statx(int dirfd, const char *path, int flags, unsigned mask,
			     struct statx *statxbuf)
{
	struct coil_op op;

	op_prep_statx(&op, dirfd, path, flags, mask, statxbuf);
	return op;
}

struct coil_op coil_op_renameat(int olddirfd, const char *oldpath, int newdirfd,
				const char *newpath)
{
	struct coil_op op;

	op_prep_renameat(&op, olddirfd, oldpath, newdirfd, newpath);
	return op;
}

struct coil_op coil_op_renameat2(int olddirfd, const char *oldpath, int newdirfd,
				 const char *newpath, unsigned flags)
{
	struct coil_op op;

	op_prep_renameat2(&op, olddirfd, oldpath, newdirfd, newpath, flags);
	return op;
}

struct coil_op coil_op_unlinkat(int dirfd, const char *path, int flags)
{
	struct coil_op op;

	op_prep_unlinkat(&op, dirfd, path, flags);
	return op;
}

struct coil_op coil_op_mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct coil_op op;

	op_prep_mkdirat(&op, dirfd, path, mode);
	return op;
}

struct coil_op coil_op_symlinkat(const char *target, int newdirfd, const char *linkpath)
{
	struct coil_op op;

	op_prep_symlinkat(&op, target, newdirfd, linkpath);
	return op;
}

struct coil_op coil_op_linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
			      int flags)
{
	struct coil_op op;

	op_prep_linkat(&op, olddirfd, oldpath, newdirfd, newpath, flags);
	return op;
}

struct coil_op coil_op_fgetxattr(int fd, const char *name, void *value, size_t size)
{
	struct coil_op op;

	op_prep_fgetxattr(&op, fd, name, value, size);
	return op;
}

struct coil_op coil_op_fsetxattr(int fd, const char *name, const void *value, size_t size,
				 int flags)
{
	struct coil_op op;

	op_prep_fsetxattr(&op, fd, name, value, size, flags);
	return op;
}

struct coil_op coil_op_getxattr(const char *path, const char *name, void *value, size_t size)
{
	struct coil_op op;

	op_prep_getxattr(&op, path, name, value, size);
	return op;
}

struct coil_op coil_op_setxattr(const char *path, const char *name, const void *value, size_t size,
				int flags)
{
	struct coil_op op;

	op_prep_setxattr(&op, path, name, value, size, flags);
	return op;
}
