/* SPDX-License-Identifier: MIT */
/*
 * Paths: opening, asking, renaming, removing, and extended attributes. System calls that suspend;
 * see coil/syscalls.h for what holds for all of them.
 */
#ifndef COIL_PATH_H
#define COIL_PATH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct open_how;
struct statx;

/**
 * coil_openat - open or create a file
 * @dirfd: directory that a relative @path starts from, or AT_FDCWD; borrowed
 * @path:  zero-terminated
 * @flags: O_*, passed on as given: O_CLOEXEC is the caller's to ask for; COIL_DIRECT
 *         (coil/direct.h)
 * @mode:  permissions of a file that is created, else 0
 *
 * Suspends; the first attempt is made with O_NONBLOCK: a FIFO opened for reading does not wait
 * for a writer. Paths that may block forever (FIFOs, dead network mounts) hold up one of few
 * kernel workers. Cancel: while it is queued for a kernel worker; once it runs, by a signal to
 * that worker, if it can be interrupted.
 * Return: a descriptor, now the caller's; -ENOENT, -EACCES, -EMFILE, -ENXIO, ... as openat(2).
 * Since 0.1. Kernel 5.6. See openat(2), io_uring_prep_openat(3).
 */
int coil_openat(int dirfd, const char *path, int flags, mode_t mode);

/**
 * coil_openat2 - open a file, bounding how its path is resolved
 * @dirfd: directory that a relative @path starts from, or AT_FDCWD; borrowed
 * @path:  zero-terminated
 * @how:   flags, mode and RESOLVE_*
 * @size:  sizeof(struct open_how)
 *
 * Suspends, as coil_openat. Cancel: while it is queued for a kernel worker; once it runs, by a
 * signal to that worker, if it can be interrupted.
 * Return: as coil_openat; -EXDEV, -ELOOP, -E2BIG, ... as openat2(2).
 * Since 0.1. Kernel 5.6. See openat2(2), io_uring_prep_openat2(3).
 */
int coil_openat2(int dirfd, const char *path, const struct open_how *how, size_t size);

/**
 * coil_statx - ask about a file
 * @dirfd:    directory that a relative @path starts from, or AT_FDCWD; borrowed
 * @path:     zero-terminated
 * @flags:    AT_*; AT_EMPTY_PATH asks about @dirfd itself
 * @mask:     STATX_*
 * @statxbuf: the answer; the kernel's until return
 *
 * Suspends. Always runs in a kernel worker. Cancel: while it is queued for a kernel worker; once
 * it runs it is finished first.
 * Return: 0; -ENOENT, -EACCES, -EBADF, ... as statx(2).
 * Since 0.1. Kernel 5.6. See statx(2), io_uring_prep_statx(3).
 */
int coil_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *statxbuf);

/**
 * coil_renameat - rename a file
 * @olddirfd: as coil_openat
 * @oldpath:  zero-terminated
 * @newdirfd: as coil_openat
 * @newpath:  zero-terminated; what was there is replaced
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -ENOENT, -EXDEV, -EISDIR, ... as renameat(2).
 * Since 0.1. Kernel 5.11. See renameat(2), io_uring_prep_renameat(3).
 */
int coil_renameat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath);

/**
 * coil_renameat2 - rename a file, with flags
 * @olddirfd: as coil_openat
 * @oldpath:  zero-terminated
 * @newdirfd: as coil_openat
 * @newpath:  zero-terminated
 * @flags:    RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -EEXIST; else as coil_renameat.
 * Since 0.1. Kernel 5.11. See renameat2(2), io_uring_prep_renameat(3).
 */
int coil_renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
		   unsigned flags);

/**
 * coil_unlinkat - remove a name
 * @dirfd: directory that a relative @path starts from, or AT_FDCWD; borrowed
 * @path:  zero-terminated
 * @flags: 0, or AT_REMOVEDIR for a directory
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -ENOENT, -EISDIR, -ENOTEMPTY, ... as unlinkat(2).
 * Since 0.1. Kernel 5.11. See unlinkat(2), io_uring_prep_unlinkat(3).
 */
int coil_unlinkat(int dirfd, const char *path, int flags);

/**
 * coil_mkdirat - make a directory
 * @dirfd: directory that a relative @path starts from, or AT_FDCWD; borrowed
 * @path:  zero-terminated
 * @mode:  permissions, less the umask
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -EEXIST, -ENOENT, ... as mkdirat(2).
 * Since 0.1. Kernel 5.15. See mkdirat(2), io_uring_prep_mkdirat(3).
 */
int coil_mkdirat(int dirfd, const char *path, mode_t mode);

/**
 * coil_symlinkat - make a symbolic link
 * @target:   what the link says; need not exist
 * @newdirfd: as coil_openat
 * @linkpath: zero-terminated
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -EEXIST, -ENOENT, ... as symlinkat(2).
 * Since 0.1. Kernel 5.15. See symlinkat(2), io_uring_prep_symlinkat(3).
 */
int coil_symlinkat(const char *target, int newdirfd, const char *linkpath);

/**
 * coil_linkat - give a file a further name
 * @olddirfd: as coil_openat
 * @oldpath:  an existing file
 * @newdirfd: as coil_openat
 * @newpath:  its further name
 * @flags:    AT_SYMLINK_FOLLOW, AT_EMPTY_PATH
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -EEXIST, -EXDEV, -ENOENT, ... as linkat(2).
 * Since 0.1. Kernel 5.15. See linkat(2), io_uring_prep_linkat(3).
 */
int coil_linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags);

/**
 * coil_fgetxattr - read an extended attribute of an open file
 * @fd:    open file; borrowed
 * @name:  "user.color", zero-terminated
 * @value: @size bytes; the kernel's until return
 * @size:  bytes; 0: only ask for the size
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: bytes of the value; -ENODATA, -ERANGE, -EOPNOTSUPP, ... as fgetxattr(2).
 * Since 0.1. Kernel 5.19. See fgetxattr(2), io_uring_prep_fgetxattr(3).
 */
int coil_fgetxattr(int fd, const char *name, void *value, size_t size);

/**
 * coil_fsetxattr - set an extended attribute of an open file
 * @fd:    open file; borrowed
 * @name:  zero-terminated
 * @value: @size bytes
 * @size:  bytes, at most 64 KiB
 * @flags: 0, XATTR_CREATE, XATTR_REPLACE
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -EEXIST, -ENODATA, -E2BIG, -EOPNOTSUPP, ... as fsetxattr(2).
 * Since 0.1. Kernel 5.19. See fsetxattr(2), io_uring_prep_fsetxattr(3).
 */
int coil_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);

/**
 * coil_getxattr - read an extended attribute
 * @path:  zero-terminated, relative to the working directory
 * @name:  zero-terminated
 * @value: @size bytes; the kernel's until return
 * @size:  bytes; 0: only ask for the size
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: as coil_fgetxattr; -ENOENT, ... as getxattr(2).
 * Since 0.1. Kernel 5.19. See getxattr(2), io_uring_prep_getxattr(3).
 */
int coil_getxattr(const char *path, const char *name, void *value, size_t size);

/**
 * coil_setxattr - set an extended attribute
 * @path:  zero-terminated, relative to the working directory
 * @name:  zero-terminated
 * @value: @size bytes
 * @size:  bytes, at most 64 KiB
 * @flags: 0, XATTR_CREATE, XATTR_REPLACE
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: as coil_fsetxattr; -ENOENT, ... as setxattr(2).
 * Since 0.1. Kernel 5.19. See setxattr(2), io_uring_prep_setxattr(3).
 */
int coil_setxattr(const char *path, const char *name, const void *value, size_t size, int flags);

#ifdef __cplusplus
}
#endif

#endif
