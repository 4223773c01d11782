/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing files, pipes, terminals: system calls that suspend. See coil/syscalls.h for
 * what holds for all of them.
 */
#ifndef COIL_FILE_H
#define COIL_FILE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec;

/**
 * coil_read - read bytes at the file's own position
 * @fd:    open file; borrowed
 * @buf:   room for @count bytes; the kernel's until return
 * @count: bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 *
 * Suspends. Waits on an O_NONBLOCK descriptor, too. Cancel: at once where the file can be polled
 * (pipes, sockets, terminals); a read of a disk is finished first.
 * Return: bytes > 0; 0 at the end of the file; -EBADF, -EISDIR, -EIO, ... as read(2).
 * Since 0.1. Kernel 5.6. See read(2), io_uring_prep_read(3).
 */
int coil_read(int fd, void *buf, size_t count);

/**
 * coil_write - write bytes at the file's own position
 * @fd:    open file; borrowed
 * @buf:   @count bytes; the kernel's until return
 * @count: bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 *
 * Suspends. Waits on an O_NONBLOCK descriptor, too. Cancel: at once where the file can be polled
 * (pipes, sockets, terminals); a write to a disk, only while it is queued for a kernel worker:
 * once it runs it is finished first.
 * Return: bytes written, perhaps fewer than asked for; -EBADF, -EPIPE, -ENOSPC, ... as write(2).
 * Writing to a pipe without readers gives -EPIPE and no signal.
 * Since 0.1. Kernel 5.6. See write(2), io_uring_prep_write(3).
 */
int coil_write(int fd, const void *buf, size_t count);

/**
 * coil_readv - read into several buffers
 * @fd:     open file; borrowed
 * @iov:    @iovcnt buffers; they are the kernel's until return
 * @iovcnt: count, 0..1024 (IOV_MAX)
 *
 * Suspends. As coil_read.
 * Return: as coil_read; -EINVAL for a bad @iovcnt.
 * Since 0.1. Kernel 5.1. See readv(2), io_uring_prep_readv(3).
 */
int coil_readv(int fd, const struct iovec *iov, int iovcnt);

/**
 * coil_writev - write from several buffers
 * @fd:     open file; borrowed
 * @iov:    @iovcnt buffers; they are the kernel's until return
 * @iovcnt: count, 0..1024 (IOV_MAX)
 *
 * Suspends. As coil_write.
 * Return: as coil_write; -EINVAL for a bad @iovcnt.
 * Since 0.1. Kernel 5.1. See writev(2), io_uring_prep_writev(3).
 */
int coil_writev(int fd, const struct iovec *iov, int iovcnt);

/**
 * coil_pread - read bytes at an offset
 * @fd:     open file; borrowed
 * @buf:    room for @count bytes; the kernel's until return
 * @count:  bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @offset: in bytes from the start of the file, >= 0; -1: the file's own position, which moves
 *
 * Suspends. As coil_read, and the file's own position stays. Pipes and sockets have no offsets:
 * there it is ignored, where pread(2) says -ESPIPE.
 * Return: as coil_read.
 * Since 0.1. Kernel 5.6. See pread(2), io_uring_prep_read(3).
 */
int coil_pread(int fd, void *buf, size_t count, int64_t offset);

/**
 * coil_pwrite - write bytes at an offset
 * @fd:     open file; borrowed
 * @buf:    @count bytes; the kernel's until return
 * @count:  bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @offset: in bytes from the start of the file, >= 0; -1: the file's own position, which moves
 *
 * Suspends. As coil_write, and the file's own position stays. Pipes and sockets have no offsets:
 * there it is ignored, where pwrite(2) says -ESPIPE.
 * Return: as coil_write.
 * Since 0.1. Kernel 5.6. See pwrite(2), io_uring_prep_write(3).
 */
int coil_pwrite(int fd, const void *buf, size_t count, int64_t offset);

/**
 * coil_preadv - read into several buffers from an offset
 * @fd:     open file; borrowed
 * @iov:    @iovcnt buffers; they are the kernel's until return
 * @iovcnt: count, 0..1024 (IOV_MAX)
 * @offset: in bytes from the start of the file, >= 0; -1: the file's own position, which moves
 *
 * Suspends. As coil_pread.
 * Return: as coil_pread; -EINVAL for a bad @iovcnt.
 * Since 0.1. Kernel 5.1. See preadv(2), io_uring_prep_readv(3).
 */
int coil_preadv(int fd, const struct iovec *iov, int iovcnt, int64_t offset);

/**
 * coil_pwritev - write from several buffers at an offset
 * @fd:     open file; borrowed
 * @iov:    @iovcnt buffers; they are the kernel's until return
 * @iovcnt: count, 0..1024 (IOV_MAX)
 * @offset: in bytes from the start of the file, >= 0; -1: the file's own position, which moves
 *
 * Suspends. As coil_pwrite.
 * Return: as coil_pwrite; -EINVAL for a bad @iovcnt.
 * Since 0.1. Kernel 5.1. See pwritev(2), io_uring_prep_writev(3).
 */
int coil_pwritev(int fd, const struct iovec *iov, int iovcnt, int64_t offset);

/**
 * coil_preadv2 - coil_preadv with flags
 * @fd:     open file; borrowed
 * @iov:    @iovcnt buffers; they are the kernel's until return
 * @iovcnt: count, 0..1024 (IOV_MAX)
 * @offset: in bytes from the start of the file, >= 0; -1: the file's own position, which moves
 * @flags:  RWF_*; with RWF_NOWAIT it does not wait
 *
 * Suspends. With RWF_NOWAIT, what is not cached is -EAGAIN.
 * Return: as coil_preadv; -EAGAIN; -EOPNOTSUPP for flags that the file does not know.
 * Since 0.1. Kernel 5.1. See preadv2(2), io_uring_prep_readv2(3).
 */
int coil_preadv2(int fd, const struct iovec *iov, int iovcnt, int64_t offset, int flags);

/**
 * coil_pwritev2 - coil_pwritev with flags
 * @fd:     open file; borrowed
 * @iov:    @iovcnt buffers; they are the kernel's until return
 * @iovcnt: count, 0..1024 (IOV_MAX)
 * @offset: in bytes from the start of the file, >= 0; -1: the file's own position, which moves
 * @flags:  RWF_*; with RWF_NOWAIT it does not wait
 *
 * Suspends. RWF_DSYNC and RWF_SYNC write through, RWF_APPEND ignores @offset.
 * Return: as coil_pwritev; -EAGAIN; -EOPNOTSUPP for flags that the file does not know.
 * Since 0.1. Kernel 5.1. See pwritev2(2), io_uring_prep_writev2(3).
 */
int coil_pwritev2(int fd, const struct iovec *iov, int iovcnt, int64_t offset, int flags);

/**
 * coil_memory_register - let the kernel pin memory for fixed reads and writes, and sends
 * @memory: @count buffers, each up to 1 GiB; they stay the caller's, and where they are, until they
 *          are unregistered; {NULL, 0} leaves an index empty
 * @count:  1..16384; the index of a buffer is what coil_read_fixed and coil_write_fixed take
 *
 * Of the calling thread's loop, which forgets them when it closes. What is pinned counts against
 * RLIMIT_MEMLOCK. A coil_stream_write that is not copied (coil_stream_set_zero_copy) and lies in
 * one of them need not pin it anew. Does not suspend.
 * Return: 0; -EINVAL if @count is out of bounds; -EBUSY if memory is registered already; -EFAULT;
 * -ENOMEM, also for the limit.
 * Since 0.1. Kernel 5.1. See io_uring_register_buffers(3).
 */
int coil_memory_register(const struct iovec *memory, unsigned count);

/**
 * coil_memory_unregister - let go of what coil_memory_register pinned
 *
 * Of the calling thread's loop; nothing may be under way on it. Does not suspend.
 * Return: 0; -ENXIO if no memory is registered.
 * Since 0.1. Kernel 5.1. See io_uring_unregister_buffers(3).
 */
int coil_memory_unregister(void);

/**
 * coil_read_fixed - read into a registered buffer
 * @fd:        open file, or socket with @offset -1; borrowed
 * @buf:       inside the buffer of coil_memory_register; the kernel's until return
 * @count:     bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @offset:    in bytes from the start of the file, >= 0; -1: the file's own position, which moves
 * @buf_index: of that buffer
 *
 * Suspends. As coil_pread.
 * Return: as coil_pread; -EFAULT if there is no such buffer or @buf is outside of it.
 * Since 0.1. Kernel 5.1. See io_uring_prep_read_fixed(3).
 */
int coil_read_fixed(int fd, void *buf, size_t count, int64_t offset, int buf_index);

/**
 * coil_write_fixed - write from a registered buffer
 * @fd:        open file, or socket with @offset -1; borrowed
 * @buf:       inside the buffer of coil_memory_register; the kernel's until return
 * @count:     bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @offset:    in bytes from the start of the file, >= 0; -1: the file's own position, which moves
 * @buf_index: of that buffer
 *
 * Suspends. As coil_pwrite.
 * Return: as coil_pwrite; -EFAULT if there is no such buffer or @buf is outside of it.
 * Since 0.1. Kernel 5.1. See io_uring_prep_write_fixed(3).
 */
int coil_write_fixed(int fd, const void *buf, size_t count, int64_t offset, int buf_index);

/**
 * coil_fsync - write a file's bytes and metadata through to the disk
 * @fd: open file; borrowed
 *
 * Suspends. Is not ordered after writes that are still in flight: await them first. Cancel: while
 * it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -EBADF, -EINVAL, -EIO, ... as fsync(2).
 * Since 0.1. Kernel 5.1. See fsync(2), io_uring_prep_fsync(3).
 */
int coil_fsync(int fd);

/**
 * coil_fdatasync - write a file's bytes through to the disk, and the metadata they need
 * @fd: open file; borrowed
 *
 * Suspends. As coil_fsync. Cancel: while it is queued for a kernel worker; once it runs it is
 * finished first.
 * Return: as coil_fsync.
 * Since 0.1. Kernel 5.1. See fdatasync(2), io_uring_prep_fsync(3).
 */
int coil_fdatasync(int fd);

/**
 * coil_sync_file_range - start or await write-back of a part of a file
 * @fd:     open file; borrowed
 * @offset: bytes from the start of the file
 * @nbytes: bytes, 0..UINT32_MAX; 0: to the end
 * @flags:  SYNC_FILE_RANGE_*
 *
 * Suspends. No guarantee for the metadata. Cancel: while it is queued for a kernel worker; once
 * it runs it is finished first.
 * Return: 0; -EINVAL, also for more than UINT32_MAX bytes; else as sync_file_range(2).
 * Since 0.1. Kernel 5.2. See sync_file_range(2), io_uring_prep_sync_file_range(3).
 */
int coil_sync_file_range(int fd, int64_t offset, int64_t nbytes, unsigned flags);

/**
 * coil_fallocate - allocate or free a file's space
 * @fd:     open file; borrowed
 * @mode:   0 or FALLOC_FL_*
 * @offset: bytes, >= 0
 * @len:    bytes, > 0
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -EBADF, -ENOSPC, -EOPNOTSUPP, -EINVAL, ... as fallocate(2).
 * Since 0.1. Kernel 5.6. See fallocate(2), io_uring_prep_fallocate(3).
 */
int coil_fallocate(int fd, int mode, int64_t offset, int64_t len);

/**
 * coil_ftruncate - set a file's size
 * @fd:     open file; borrowed
 * @length: bytes, >= 0
 *
 * Suspends. Cancel: while it is queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -EBADF, -EINVAL, -EFBIG, ... as ftruncate(2).
 * Since 0.1. Kernel 6.9; below that the system call, which holds up the loop while it runs. See
 * ftruncate(2), io_uring_prep_ftruncate(3).
 */
int coil_ftruncate(int fd, int64_t length);

/**
 * coil_fadvise - say how a file is going to be used
 * @fd:     open file; borrowed
 * @offset: bytes from the start of the file
 * @len:    bytes; 0: to the end; more than UINT32_MAX: kernel 6.11
 * @advice: POSIX_FADV_*
 *
 * Suspends; POSIX_FADV_WILLNEED and _DONTNEED go through a kernel worker. Cancel: while it is
 * queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -EINVAL, also for a large @len below kernel 6.11; else as posix_fadvise(2).
 * Since 0.1. Kernel 5.6. See posix_fadvise(2), io_uring_prep_fadvise(3).
 */
int coil_fadvise(int fd, int64_t offset, int64_t len, int advice);

/**
 * coil_madvise - say how memory is going to be used
 * @addr:   page-aligned
 * @length: bytes; more than UINT32_MAX: kernel 6.11
 * @advice: MADV_*
 *
 * Suspends. The memory must stay mapped until return. Cancel: while it is queued for a kernel
 * worker; once it runs it is finished first.
 * Return: 0; -EINVAL, also for a large @length below kernel 6.11; -ENOMEM, ... as madvise(2).
 * Since 0.1. Kernel 5.6. See madvise(2), io_uring_prep_madvise(3).
 */
int coil_madvise(void *addr, size_t length, int advice);

/**
 * coil_splice - move bytes between a pipe and a file
 * @fd_in:   open file; borrowed
 * @off_in:  by value, not a pointer; -1: its own position; -1 for a pipe
 * @fd_out:  open file; borrowed; one of the two is a pipe
 * @off_out: as @off_in
 * @len:     bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @flags:   SPLICE_F_*
 *
 * Suspends. Always runs in a kernel worker. Cancel: while it is queued for a kernel worker; once
 * it runs, by a signal to that worker, if it can be interrupted.
 * Return: bytes; 0 at the end; -EBADF, -EINVAL, -EAGAIN, ... as splice(2).
 * Since 0.1. Kernel 5.7. See splice(2), io_uring_prep_splice(3).
 */
int coil_splice(int fd_in, int64_t off_in, int fd_out, int64_t off_out, size_t len, unsigned flags);

/**
 * coil_tee - copy bytes from pipe to pipe without taking them
 * @fd_in:  pipe; borrowed
 * @fd_out: another pipe; borrowed
 * @len:    bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @flags:  SPLICE_F_*
 *
 * Suspends. Always runs in a kernel worker. Cancel: while it is queued for a kernel worker; once
 * it runs, by a signal to that worker, if it can be interrupted.
 * Return: bytes; 0 if there are no writers; -EINVAL, -EAGAIN, ... as tee(2).
 * Since 0.1. Kernel 5.8. See tee(2), io_uring_prep_tee(3).
 */
int coil_tee(int fd_in, int fd_out, size_t len, unsigned flags);

/**
 * coil_close - close a descriptor
 * @fd: given up, also on an error (except -EBADF)
 *
 * Suspends for at most a turn, in an already cancelled scope, too: releasing always works.
 * Cancels nothing: no operation may be in flight on @fd. Cancel: never reaches it.
 * Return: 0; -EBADF, -EIO, ... as close(2).
 * Since 0.1. Kernel 5.6; below that the system call. See close(2), io_uring_prep_close(3).
 */
int coil_close(int fd);

#ifdef __cplusplus
}
#endif

#endif
