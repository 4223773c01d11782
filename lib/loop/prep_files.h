/* SPDX-License-Identifier: MIT */
/* Staging operations on files and paths; see prep.h. An offset of -1 is the file's own position. */
#ifndef COIL_LOOP_PREP_FILES_H
#define COIL_LOOP_PREP_FILES_H

#include "coil/op.h"
#include "loop/abi.h"
#include "loop/prep.h"

#include <liburing.h>

#include <sys/types.h>

static inline void op_prep_read(struct coil_op *op, int fd, void *buf, size_t count, int64_t offset)
{
	io_uring_prep_read(op_init(op), fd, buf, abi_rw_bytes(count), (uint64_t)offset);
}

static inline void op_prep_write(struct coil_op *op, int fd, const void *buf, size_t count,
				 int64_t offset)
{
	io_uring_prep_write(op_init(op), fd, buf, abi_rw_bytes(count), (uint64_t)offset);
}

static inline void op_prep_preadv2(struct coil_op *op, int fd, const struct iovec *iov, int iovcnt,
				   int64_t offset, int flags)
{
	io_uring_prep_readv2(op_init(op), fd, iov, (unsigned)iovcnt, (uint64_t)offset, flags);
}

static inline void op_prep_pwritev2(struct coil_op *op, int fd, const struct iovec *iov, int iovcnt,
				    int64_t offset, int flags)
{
	io_uring_prep_writev2(op_init(op), fd, iov, (unsigned)iovcnt, (uint64_t)offset, flags);
}

static inline void op_prep_readv(struct coil_op *op, int fd, const struct iovec *iov, int iovcnt,
				 int64_t offset)
{
	op_prep_preadv2(op, fd, iov, iovcnt, offset, 0);
}

static inline void op_prep_writev(struct coil_op *op, int fd, const struct iovec *iov, int iovcnt,
				  int64_t offset)
{
	op_prep_pwritev2(op, fd, iov, iovcnt, offset, 0);
}

static inline void op_prep_read_fixed(struct coil_op *op, int fd, void *buf, size_t count,
				      int64_t offset, int buf_index)
{
	io_uring_prep_read_fixed(op_init(op), fd, buf, abi_rw_bytes(count), (uint64_t)offset,
				 buf_index);
}

static inline void op_prep_write_fixed(struct coil_op *op, int fd, const void *buf, size_t count,
				       int64_t offset, int buf_index)
{
	io_uring_prep_write_fixed(op_init(op), fd, buf, abi_rw_bytes(count), (uint64_t)offset,
				  buf_index);
}

static inline void op_prep_fsync(struct coil_op *op, int fd)
{
	io_uring_prep_fsync(op_init(op), fd, 0);
}

static inline void op_prep_fdatasync(struct coil_op *op, int fd)
{
	io_uring_prep_fsync(op_init(op), fd, IORING_FSYNC_DATASYNC);
}

/* The upper half of the length has no word: it goes where the kernel answers -EINVAL to it. */
static inline void op_prep_sync_file_range(struct coil_op *op, int fd, int64_t offset,
					   int64_t nbytes, unsigned flags)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_sync_file_range(sqe, fd, (unsigned)nbytes, (uint64_t)offset, (int)flags);
	sqe->addr = (uint64_t)nbytes >> 32;
}

static inline void op_prep_fallocate(struct coil_op *op, int fd, int mode, int64_t offset,
				     int64_t len)
{
	io_uring_prep_fallocate(op_init(op), fd, mode, (uint64_t)offset, (uint64_t)len);
}

static inline void op_prep_ftruncate(struct coil_op *op, int fd, int64_t length)
{
	io_uring_prep_ftruncate(op_init(op), fd, length);
}

/*
 * A length that fits 32 bits goes where every kernel looks for it, a larger one where 6.11 does;
 * older ones answer -EINVAL to that.
 */
static inline void op_prep_fadvise(struct coil_op *op, int fd, int64_t offset, int64_t len,
				   int advice)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_fadvise(sqe, fd, (uint64_t)offset, 0, advice);
	if ((uint64_t)len <= UINT32_MAX)
		sqe->len = (unsigned)len;
	else
		sqe->addr = (uint64_t)len;
}

static inline void op_prep_madvise(struct coil_op *op, void *addr, size_t length, int advice)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_madvise(sqe, addr, 0, advice);
	if (length <= UINT32_MAX)
		sqe->len = (unsigned)length;
	else
		sqe->off = length;
}

static inline void op_prep_splice(struct coil_op *op, int fd_in, int64_t off_in, int fd_out,
				  int64_t off_out, size_t len, unsigned flags)
{
	io_uring_prep_splice(op_init(op), fd_in, off_in, fd_out, off_out, abi_rw_bytes(len), flags);
}

static inline void op_prep_tee(struct coil_op *op, int fd_in, int fd_out, size_t len,
			       unsigned flags)
{
	io_uring_prep_tee(op_init(op), fd_in, fd_out, abi_rw_bytes(len), flags);
}

static inline void op_prep_openat(struct coil_op *op, int dirfd, const char *path, int flags,
				  mode_t mode)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_openat(sqe, dirfd, path, op_open_flags(flags, O_CLOEXEC), mode);
	sqe->file_index = op_open_index(flags);
}

static inline void op_prep_openat2(struct coil_op *op, int dirfd, const char *path,
				   const struct open_how *how, size_t size)
{
	io_uring_prep_rw(IORING_OP_OPENAT2, op_init(op), dirfd, path,
			 size < UINT32_MAX ? (unsigned)size : UINT32_MAX, op_word(how));
}

static inline void op_prep_statx(struct coil_op *op, int dirfd, const char *path, int flags,
				 unsigned mask, struct statx *statxbuf)
{
	io_uring_prep_statx(op_init(op), dirfd, path, flags, mask, statxbuf);
}

static inline void op_prep_renameat2(struct coil_op *op, int olddirfd, const char *oldpath,
				     int newdirfd, const char *newpath, unsigned flags)
{
	io_uring_prep_renameat(op_init(op), olddirfd, oldpath, newdirfd, newpath, flags);
}

static inline void op_prep_renameat(struct coil_op *op, int olddirfd, const char *oldpath,
				    int newdirfd, const char *newpath)
{
	op_prep_renameat2(op, olddirfd, oldpath, newdirfd, newpath, 0);
}

static inline void op_prep_unlinkat(struct coil_op *op, int dirfd, const char *path, int flags)
{
	io_uring_prep_unlinkat(op_init(op), dirfd, path, flags);
}

static inline void op_prep_mkdirat(struct coil_op *op, int dirfd, const char *path, mode_t mode)
{
	io_uring_prep_mkdirat(op_init(op), dirfd, path, mode);
}

static inline void op_prep_symlinkat(struct coil_op *op, const char *target, int newdirfd,
				     const char *linkpath)
{
	io_uring_prep_symlinkat(op_init(op), target, newdirfd, linkpath);
}

static inline void op_prep_linkat(struct coil_op *op, int olddirfd, const char *oldpath,
				  int newdirfd, const char *newpath, int flags)
{
	io_uring_prep_linkat(op_init(op), olddirfd, oldpath, newdirfd, newpath, flags);
}

/* A value is at most 64 KiB: the kernel refuses, or fills less than, what is larger. */
static inline struct io_uring_sqe *op_prep_xattr(struct coil_op *op, int opcode, int fd,
						 const char *name, const void *value, size_t size)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_rw(opcode, sqe, fd, name, size < UINT32_MAX ? (unsigned)size : UINT32_MAX,
			 op_word(value));
	return sqe;
}

static inline void op_prep_fgetxattr(struct coil_op *op, int fd, const char *name, void *value,
				     size_t size)
{
	op_prep_xattr(op, IORING_OP_FGETXATTR, fd, name, value, size);
}

static inline void op_prep_fsetxattr(struct coil_op *op, int fd, const char *name,
				     const void *value, size_t size, int flags)
{
	struct io_uring_sqe *sqe = op_prep_xattr(op, IORING_OP_FSETXATTR, fd, name, value, size);

	sqe->xattr_flags = (unsigned)flags;
}

static inline void op_prep_getxattr(struct coil_op *op, const char *path, const char *name,
				    void *value, size_t size)
{
	struct io_uring_sqe *sqe = op_prep_xattr(op, IORING_OP_GETXATTR, 0, name, value, size);

	sqe->addr3 = op_word(path);
}

static inline void op_prep_setxattr(struct coil_op *op, const char *path, const char *name,
				    const void *value, size_t size, int flags)
{
	struct io_uring_sqe *sqe = op_prep_xattr(op, IORING_OP_SETXATTR, 0, name, value, size);

	sqe->addr3 = op_word(path);
	sqe->xattr_flags = (unsigned)flags;
}

#endif
