/* SPDX-License-Identifier: MIT */
/* The bytes of files and their attributes: what each call answers, on both kernels. */
#include "sim/disk_rig.h"

#include <coil/file.h>
#include <coil/path.h>
#include <coil/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <liburing/io_uring.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static int new_file(const struct place *at, int flags)
{
	int fd = coil_openat(at->dirfd, "file", O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600);

	EXPECT_GE(fd, 0);
	return fd;
}

static struct statx stat_of(int fd)
{
	struct statx stat = { 0 };

	EXPECT_EQ(coil_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stat), 0);
	return stat;
}

ON_BOTH(disk_bytes, the_position_moves)
{
	int fd = new_file(at, O_RDWR);
	char bytes[16] = { 0 };

	EXPECT_EQ(coil_write(fd, "hello ", 6), 6);
	EXPECT_EQ(coil_write(fd, "world", 5), 5);
	EXPECT_EQ(coil_read(fd, bytes, 16), 0);
	EXPECT_EQ(coil_pread(fd, bytes, 16, 0), 11);
	EXPECT_MEM_EQ(bytes, "hello world", 11);
	EXPECT_EQ(coil_pwrite(fd, "W", 1, 6), 1);
	EXPECT_EQ(coil_write(fd, "!", 1), 1);
	EXPECT_EQ(coil_pread(fd, bytes, 16, 6), 6);
	EXPECT_MEM_EQ(bytes, "World!", 6);
	EXPECT_EQ(coil_pread(fd, bytes, 16, 12), 0);
	EXPECT_EQ(coil_pread(fd, bytes, 16, 1000), 0);
	EXPECT_EQ(coil_pread(fd, bytes, 0, 0), 0);
	EXPECT_EQ(coil_write(fd, "", 0), 0);
	EXPECT_EQ(stat_of(fd).stx_size, 12);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk_bytes, holes_are_zeros)
{
	static char bytes[20000];
	int fd = new_file(at, O_RDWR);
	bool is_zero = true;

	EXPECT_EQ(coil_pwrite(fd, "end", 3, 100000), 3);
	EXPECT_EQ(stat_of(fd).stx_size, 100003);
	EXPECT_EQ(stat_of(fd).stx_blocks, 8);
	memset(bytes, 1, sizeof bytes);
	EXPECT_EQ(coil_pread(fd, bytes, sizeof bytes, 90000), 10003);
	for (int i = 0; i < 10000; i++)
		is_zero &= bytes[i] == 0;
	EXPECT(is_zero);
	EXPECT_MEM_EQ(bytes + 10000, "end", 3);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk_bytes, append_goes_to_the_end)
{
	int fd = new_file(at, O_RDWR | O_APPEND);
	struct iovec plus = { (void *)"+", 1 };
	char bytes[8] = { 0 };

	EXPECT_EQ(coil_write(fd, "ab", 2), 2);
	EXPECT_EQ(coil_pwrite(fd, "c", 1, 0), 1);
	EXPECT_EQ(coil_pwritev2(fd, &plus, 1, 1, 0), 1);
	EXPECT_EQ(coil_pread(fd, bytes, 8, 0), 4);
	EXPECT_MEM_EQ(bytes, "abc+", 4);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk_bytes, flags_of_one_call)
{
	int fd = new_file(at, O_RDWR);
	struct iovec two[2] = { { (void *)"ab", 2 }, { (void *)"cd", 2 } };
	char bytes[8] = { 0 };

	EXPECT_EQ(coil_pwritev2(fd, two, 2, 0, RWF_DSYNC), 4);
	EXPECT_EQ(coil_pwritev2(fd, two, 2, 0, RWF_APPEND), 4);
	EXPECT_EQ(coil_pwritev2(fd, two, 2, -1, RWF_APPEND | RWF_SYNC), 4);
	EXPECT_EQ(coil_write(fd, "e", 1), 1);
	EXPECT_EQ(stat_of(fd).stx_size, 13);
	EXPECT_EQ(coil_pread(fd, bytes, 8, 8), 5);
	EXPECT_MEM_EQ(bytes, "abcde", 5);
	EXPECT_EQ(coil_pwritev2(fd, two, 2, 0, 1 << 20), -EOPNOTSUPP);
	EXPECT_EQ(coil_preadv2(fd, two, 2, 0, 1 << 20), -EOPNOTSUPP);
	EXPECT_LT(coil_pwritev2(fd, two, 2, 0, RWF_NOWAIT), 0);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk_bytes, the_way_it_was_opened_counts)
{
	int out = new_file(at, O_WRONLY);
	int in = coil_openat(at->dirfd, "file", O_RDONLY | O_CLOEXEC, 0);
	int path = coil_openat(at->dirfd, "file", O_PATH | O_CLOEXEC, 0);
	int neither = coil_openat(at->dirfd, "file", O_ACCMODE | O_CLOEXEC, 0);
	char byte;

	EXPECT_EQ(coil_read(neither, &byte, 1), -EBADF);
	EXPECT_EQ(coil_write(neither, "x", 1), -EBADF);
	EXPECT_EQ(coil_ftruncate(neither, 0), -EINVAL);
	EXPECT_EQ(coil_close(neither), 0);
	EXPECT_EQ(coil_read(out, &byte, 1), -EBADF);
	EXPECT_EQ(coil_write(in, "x", 1), -EBADF);
	EXPECT_EQ(coil_read(path, &byte, 1), -EBADF);
	EXPECT_EQ(coil_write(path, "x", 1), -EBADF);
	EXPECT_EQ(coil_fsync(path), -EBADF);
	EXPECT_EQ(coil_fsync(in), 0);
	EXPECT_EQ(coil_ftruncate(in, 0), -EINVAL);
	EXPECT_EQ(coil_ftruncate(path, -1),
		  disk_has_operation(IORING_OP_FTRUNCATE) ? -EBADF : -EINVAL);
	EXPECT_EQ(coil_poll(path, POLLIN), -EBADF);
	EXPECT_EQ(coil_fallocate(in, 0, 0, 1), -EBADF);
	EXPECT_EQ(coil_fgetxattr(path, "user.x", NULL, 0), -EBADF);
	EXPECT_EQ(coil_read(at->dirfd, &byte, 1), -EISDIR);
	EXPECT_EQ(coil_write(at->dirfd, "x", 1), -EBADF);
	EXPECT_EQ(coil_fsync(at->dirfd), 0);
	EXPECT_EQ(coil_ftruncate(at->dirfd, 0), -EINVAL);
	EXPECT_EQ(coil_close(out), 0);
	EXPECT_EQ(coil_close(in), 0);
	EXPECT_EQ(coil_close(path), 0);
}

ON_BOTH(disk_bytes, offsets_have_bounds)
{
	int fd = new_file(at, O_RDWR);
	char byte;

	EXPECT_EQ(coil_pread(fd, &byte, 1, -2), -EINVAL);
	EXPECT_EQ(coil_pwrite(fd, "x", 1, -2), -EINVAL);
	EXPECT_EQ(coil_pwrite(fd, "xy", 2, INT64_MAX), -EINVAL);
	EXPECT_EQ(coil_pread(fd, &byte, 1, INT64_MAX), -EINVAL);
	EXPECT_EQ(coil_pread(fd, &byte, 1, INT64_MAX - 1), 0);
	EXPECT_EQ(coil_ftruncate(fd, -1), -EINVAL);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk_bytes, truncate_cuts_and_extends)
{
	int fd = new_file(at, O_RDWR);
	char bytes[16] = { 0 };

	EXPECT_EQ(coil_write(fd, "0123456789", 10), 10);
	EXPECT_EQ(coil_ftruncate(fd, 4), 0);
	EXPECT_EQ(coil_ftruncate(fd, 8), 0);
	EXPECT_EQ(coil_pread(fd, bytes, 16, 0), 8);
	EXPECT_MEM_EQ(bytes, "0123\0\0\0\0", 8);
	EXPECT_EQ(coil_write(fd, "x", 1), 1);
	EXPECT_EQ(stat_of(fd).stx_size, 11);
	EXPECT_EQ(coil_ftruncate(fd, 0), 0);
	EXPECT_EQ(stat_of(fd).stx_blocks, 0);
	EXPECT_EQ(coil_close(fd), 0);
	fd = coil_openat(at->dirfd, "file", O_WRONLY | O_CLOEXEC, 0);
	EXPECT_EQ(coil_write(fd, "abc", 3), 3);
	EXPECT_EQ(coil_close(coil_openat(at->dirfd, "file", O_RDWR | O_TRUNC | O_CLOEXEC, 0)), 0);
	EXPECT_EQ(stat_of(fd).stx_size, 0);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk_bytes, fallocate_gives_and_takes_space)
{
	int fd = new_file(at, O_RDWR);
	char bytes[4] = { 1, 1, 1, 1 };

	EXPECT_EQ(coil_fallocate(fd, 0, 0, 10000), 0);
	EXPECT_EQ(stat_of(fd).stx_size, 10000);
	EXPECT_EQ(stat_of(fd).stx_blocks, 24);
	EXPECT_EQ(coil_fallocate(fd, FALLOC_FL_KEEP_SIZE, 12288, 4096), 0);
	EXPECT_EQ(stat_of(fd).stx_size, 10000);
	EXPECT_EQ(stat_of(fd).stx_blocks, 32);
	EXPECT_EQ(coil_pwrite(fd, "abcd", 4, 4094), 4);
	EXPECT_EQ(coil_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4095, 4097), 0);
	EXPECT_EQ(stat_of(fd).stx_blocks, 24);
	EXPECT_EQ(coil_pread(fd, bytes, 4, 4094), 4);
	EXPECT_MEM_EQ(bytes, "a\0\0\0", 4);
	EXPECT_EQ(coil_fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), -EOPNOTSUPP);
	EXPECT_EQ(coil_fallocate(fd, 1 << 12, 0, 1), -EOPNOTSUPP);
	EXPECT_EQ(coil_fallocate(fd, 0, -1, 1), -EINVAL);
	EXPECT_EQ(coil_fallocate(fd, 0, 0, 0), -EINVAL);
	EXPECT_EQ(coil_fallocate(fd, 0, INT64_MAX, 1), -EFBIG);
	EXPECT_EQ(coil_close(fd), 0);
}

/* tmpfs has no ZERO_RANGE, ext4 has. */
ON_SIMULATED(disk_bytes, fallocate_zeroes)
{
	int fd = new_file(at, O_RDWR);
	char bytes[6];

	EXPECT_EQ(coil_write(fd, "abcdef", 6), 6);
	EXPECT_EQ(coil_fallocate(fd, FALLOC_FL_ZERO_RANGE, 1, 3), 0);
	EXPECT_EQ(coil_pread(fd, bytes, 6, 0), 6);
	EXPECT_MEM_EQ(bytes, "a\0\0\0ef", 6);
	EXPECT_EQ(coil_fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 4, 9), 0);
	EXPECT_EQ(stat_of(fd).stx_size, 6);
	EXPECT_EQ(coil_fallocate(fd, FALLOC_FL_ZERO_RANGE, 4, 9), 0);
	EXPECT_EQ(stat_of(fd).stx_size, 13);
	EXPECT_EQ(coil_fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), -EOPNOTSUPP);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk_bytes, advice_and_syncs)
{
	int fd = new_file(at, O_RDWR);
	char byte = 0;

	EXPECT_EQ(coil_fdatasync(fd), 0);
	EXPECT_EQ(coil_sync_file_range(fd, 0, 0, 7), 0);
	EXPECT_EQ(coil_sync_file_range(fd, 0, 0, 8), -EINVAL);
	EXPECT_EQ(coil_sync_file_range(fd, -1, 0, 2), -EINVAL);
	EXPECT_EQ(coil_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
	EXPECT_EQ(coil_fadvise(fd, 0, 0, 99), -EINVAL);
	EXPECT_EQ(coil_fadvise(fd, 0, -1, POSIX_FADV_NORMAL), -EINVAL);
	EXPECT_EQ(coil_madvise((void *)&byte, 0, 99), -EINVAL);
	EXPECT_EQ(coil_madvise((void *)((uintptr_t)&byte | 1), 1, MADV_NORMAL), -EINVAL);
	EXPECT_EQ(coil_madvise((void *)((uintptr_t)&byte & ~4095ul), 1, MADV_NORMAL), 0);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk_bytes, attributes_are_kept)
{
	int fd = new_file(at, O_RDWR);
	char path[600], value[8] = { 0 };

	snprintf(path, sizeof path, "%s/file", at->dir);
	if (coil_fsetxattr(fd, "user.color", "blue", 4, 0) == -EOPNOTSUPP) {
		coil_close(fd); /* tmpfs before Linux 6.6 */
		return;
	}
	EXPECT_EQ(coil_fgetxattr(fd, "user.color", value, 8), 4);
	EXPECT_MEM_EQ(value, "blue", 4);
	EXPECT_EQ(coil_getxattr(path, "user.color", NULL, 0), 4);
	EXPECT_EQ(coil_getxattr(path, "user.color", value, 3), -ERANGE);
	EXPECT_EQ(coil_getxattr(path, "user.none", value, 8), -ENODATA);
	EXPECT_EQ(coil_setxattr(path, "user.color", "red", 3, XATTR_CREATE), -EEXIST);
	EXPECT_EQ(coil_setxattr(path, "user.shape", "x", 1, XATTR_REPLACE), -ENODATA);
	EXPECT_EQ(coil_setxattr(path, "user.color", "", 0, XATTR_REPLACE), 0);
	EXPECT_EQ(coil_fgetxattr(fd, "user.color", value, 8), 0);
	EXPECT_EQ(coil_setxattr(path, "user.color", "red", 3, 4), -EINVAL);
	EXPECT_EQ(coil_setxattr(path, "", "red", 3, 0), -ERANGE);
	EXPECT_EQ(coil_setxattr(path, "user.", "red", 3, 0), -EINVAL);
	EXPECT_EQ(coil_setxattr(path, "color", "red", 3, 0), -EOPNOTSUPP);
	EXPECT_EQ(coil_setxattr("/none/x", "user.color", "red", 3, 0), -ENOENT);
	EXPECT_EQ(coil_setxattr(path, "user.color", "red", 70000, 0), -E2BIG);
	EXPECT_EQ(coil_getxattr("", "user.color", value, 8), -ENOENT);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_SIMULATED(disk_bytes, attributes_have_bounds)
{
	static char value[64 << 10];
	int fd = new_file(at, O_RDWR);
	char name[32];

	EXPECT_EQ(coil_fsetxattr(fd, "user.a", value, sizeof value, 0), 0);
	EXPECT_EQ(coil_fsetxattr(fd, "user.b", value, sizeof value, 0), 0);
	EXPECT_EQ(coil_fsetxattr(fd, "user.c", value, 1, 0), -ENOSPC);
	EXPECT_EQ(coil_fsetxattr(fd, "user.a", value, 1, 0), 0);
	EXPECT_EQ(coil_fsetxattr(fd, "user.b", value, 1, 0), 0);
	for (int i = 2; i < 128; i++) {
		snprintf(name, sizeof name, "trusted.%d", i);
		EXPECT_EQ(coil_fsetxattr(fd, name, value, 1, 0), 0);
	}
	EXPECT_EQ(coil_fsetxattr(fd, "user.c", value, 1, 0), -ENOSPC);
	EXPECT_EQ(coil_fsetxattr(fd, "user.b", value, 2, 0), 0);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk_bytes, many_pages)
{
	static char bytes[100];
	int fd = new_file(at, O_RDWR);

	/* From the last to the first, every second one. */
	for (int page = 198; page >= 0; page -= 2) {
		memset(bytes, 'a' + page % 26, sizeof bytes);
		EXPECT_EQ(coil_pwrite(fd, bytes, sizeof bytes, page * 4096 + 10), 100);
	}
	EXPECT_EQ(stat_of(fd).stx_size, 198 * 4096 + 110);
	EXPECT_EQ(stat_of(fd).stx_blocks, 100 * 8);
	for (int page = 0; page < 200; page++) {
		EXPECT_EQ(coil_pread(fd, bytes, 1, page * 4096 + 50), page == 199 ? 0 : 1);
		EXPECT_EQ(bytes[0], page % 2 ? (page == 199 ? bytes[0] : 0) : 'a' + page % 26);
	}
	EXPECT_EQ(coil_ftruncate(fd, 4096 * 4), 0);
	EXPECT_EQ(stat_of(fd).stx_blocks, 2 * 8);
	EXPECT_EQ(coil_close(fd), 0);
}
