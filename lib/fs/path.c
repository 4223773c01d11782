/* SPDX-License-Identifier: MIT */
/* Calls on paths, and extended attributes, suspending. */
#include "coil/path.h"

#include "loop/prep_files.h"
#include "task/await.h"

int coil_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	struct coil_op op;

	op_prep_openat(&op, dirfd, path, flags, mode);
	return op_await(&op);
}

int coil_openat2(int dirfd, const char *path, const struct open_how *how, size_t size)
{
	struct coil_op op;

	op_prep_openat2(&op, dirfd, path, how, size);
	return op_await(&op);
}

int coil_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *statxbuf)
{
	struct coil_op op;

	op_prep_statx(&op, dirfd, path, flags, mask, statxbuf);
	return op_await(&op);
}

int coil_renameat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath)
{
	struct coil_op op;

	op_prep_renameat(&op, olddirfd, oldpath, newdirfd, newpath);
	return op_await(&op);
}

int coil_renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
		   unsigned flags)
{
	struct coil_op op;

	op_prep_renameat2(&op, olddirfd, oldpath, newdirfd, newpath, flags);
	return op_await(&op);
}

int coil_unlinkat(int dirfd, const char *path, int flags)
{
	struct coil_op op;

	op_prep_unlinkat(&op, dirfd, path, flags);
	return op_await(&op);
}

int coil_mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct coil_op op;

	op_prep_mkdirat(&op, dirfd, path, mode);
	return op_await(&op);
}

int coil_symlinkat(const char *target, int newdirfd, const char *linkpath)
{
	struct coil_op op;

	op_prep_symlinkat(&op, target, newdirfd, linkpath);
	return op_await(&op);
}

int coil_linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags)
{
	struct coil_op op;

	op_prep_linkat(&op, olddirfd, oldpath, newdirfd, newpath, flags);
	return op_await(&op);
}

int coil_fgetxattr(int fd, const char *name, void *value, size_t size)
{
	struct coil_op op;

	op_prep_fgetxattr(&op, fd, name, value, size);
	return op_await(&op);
}

int coil_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	struct coil_op op;

	op_prep_fsetxattr(&op, fd, name, value, size, flags);
	return op_await(&op);
}

int coil_getxattr(const char *path, const char *name, void *value, size_t size)
{
	struct coil_op op;

	op_prep_getxattr(&op, path, name, value, size);
	return op_await(&op);
}

int coil_setxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
	struct coil_op op;

	op_prep_setxattr(&op, path, name, value, size, flags);
	return op_await(&op);
}
