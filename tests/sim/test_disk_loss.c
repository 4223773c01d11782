/* SPDX-License-Identifier: MIT */
/* What a loss of power leaves on the simulated disk, and a disk that is full. */
#include "sim/disk_rig.h"

#include <coil/file.h>
#include <coil/path.h>
#include <coil/sim.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "sim/disk.h"
#include "sim/disk_tree.h"

#define ROUNDS 60
#define SECTOR 512

/* A directory that is durable, and its descriptor. */
static int durable_dir(void)
{
	int top = coil_openat(AT_FDCWD, "/", O_DIRECTORY | O_CLOEXEC, 0);
	int fd;

	EXPECT_EQ(coil_mkdirat(top, "data", 0700), 0);
	EXPECT_EQ(coil_fsync(top), 0);
	fd = coil_openat(top, "data", O_DIRECTORY | O_CLOEXEC, 0);
	EXPECT_GE(fd, 0);
	EXPECT_EQ(coil_close(top), 0);
	return fd;
}

/* The world goes dark; @dir is opened anew, and emptied of names that the rounds use. */
static int lose_power(int dir)
{
	sim_disk_power_loss(disk_world());
	EXPECT_EQ(coil_fsync(dir), -EIO);
	EXPECT_EQ(coil_close(dir), 0);
	dir = coil_openat(AT_FDCWD, "/data", O_DIRECTORY | O_CLOEXEC, 0);
	EXPECT_GE(dir, 0);
	return dir;
}

static int64_t size_of(int dir, const char *name)
{
	struct statx stat = { 0 };
	int result = coil_statx(dir, name, 0, STATX_SIZE, &stat);

	return result < 0 ? result : (int64_t)stat.stx_size;
}

static void write_whole(int dir, const char *name, int flags, const void *bytes, size_t count)
{
	int fd = coil_openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC | flags, 0600);

	EXPECT_EQ(coil_write(fd, bytes, count), (int)count);
	EXPECT_EQ(coil_close(fd), 0);
}

static void write_synced(int dir, const char *name, const void *bytes, size_t count)
{
	int fd = coil_openat(dir, name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	EXPECT_EQ(coil_write(fd, bytes, count), (int)count);
	EXPECT_EQ(coil_fsync(fd), 0);
	EXPECT_EQ(coil_close(fd), 0);
}

static int read_whole(int dir, const char *name, void *bytes, size_t count)
{
	int fd = coil_openat(dir, name, O_RDONLY | O_CLOEXEC, 0);
	int result = fd;

	if (fd >= 0) {
		result = coil_read(fd, bytes, count);
		EXPECT_EQ(coil_close(fd), 0);
	}
	return result;
}

ON_SIMULATED(disk_loss, what_is_synced_stays)
{
	char bytes[16];
	int dir = durable_dir();

	(void)at;
	write_synced(dir, "file", "durable", 7);
	EXPECT_EQ(coil_fsync(dir), 0);
	for (int i = 0; i < ROUNDS; i++) {
		dir = lose_power(dir);
		EXPECT_EQ(read_whole(dir, "file", bytes, sizeof bytes), 7);
		EXPECT_MEM_EQ(bytes, "durable", 7);
	}
	EXPECT_EQ(size_of(AT_FDCWD, "/tmp"), 4096);
	EXPECT_EQ(coil_close(dir), 0);
}

ON_SIMULATED(disk_loss, writes_through_stay)
{
	static const int flags[] = { O_SYNC, O_DSYNC };
	struct iovec iov = { (void *)"through", 7 };
	char bytes[16];
	int dir = durable_dir();

	(void)at;
	for (int i = 0; i < 2; i++) {
		write_whole(dir, "file", flags[i], "through", 7);
		EXPECT_EQ(coil_fsync(dir), 0);
		dir = lose_power(dir);
		EXPECT_EQ(read_whole(dir, "file", bytes, sizeof bytes), 7);
		EXPECT_MEM_EQ(bytes, "through", 7);
	}
	for (int i = 0; i < 2; i++) {
		int fd = coil_openat(dir, "other", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

		EXPECT_EQ(coil_pwritev2(fd, &iov, 1, 7 * i, i ? RWF_SYNC : RWF_DSYNC), 7);
		EXPECT_EQ(coil_close(fd), 0);
		EXPECT_EQ(coil_fsync(dir), 0);
		dir = lose_power(dir);
		EXPECT_EQ(size_of(dir, "other"), 7 * (i + 1));
	}
	EXPECT_EQ(coil_close(dir), 0);
}

/* Sector by sector the old or the new bytes, and over the rounds some of each in one file. */
ON_SIMULATED(disk_loss, overwrites_tear_between_sectors)
{
	static char old[8 * SECTOR], fresh[8 * SECTOR], found[8 * SECTOR];
	int torn = 0, whole = 0;
	int dir = durable_dir();

	(void)at;
	memset(old, 'o', sizeof old);
	memset(fresh, 'f', sizeof fresh);
	for (int i = 0; i < ROUNDS; i++) {
		int kept = 0;

		write_synced(dir, "file", old, sizeof old);
		EXPECT_EQ(coil_fsync(dir), 0);
		write_whole(dir, "file", 0, fresh, sizeof fresh);
		dir = lose_power(dir);
		EXPECT_EQ(read_whole(dir, "file", found, sizeof found), (int)sizeof found);
		for (int sector = 0; sector < 8; sector++) {
			const char *place = found + sector * SECTOR;
			bool is_old = memcmp(place, old, SECTOR) == 0;

			kept += is_old;
			EXPECT(is_old || memcmp(place, fresh, SECTOR) == 0);
		}
		torn += kept > 0 && kept < 8;
		whole += kept == 0 || kept == 8;
	}
	EXPECT_GT(torn, ROUNDS / 2);
	EXPECT_EQ(torn + whole, ROUNDS);
	EXPECT_EQ(coil_close(dir), 0);
}

ON_SIMULATED(disk_loss, an_appended_file_has_any_length)
{
	static char bytes[8 * SECTOR];
	int shorter = 0, as_before = 0, longest = 0, zeros = 0;
	int dir = durable_dir();

	(void)at;
	memset(bytes, 'x', sizeof bytes);
	for (int i = 0; i < ROUNDS; i++) {
		static char found[8 * SECTOR];
		int64_t size;

		write_synced(dir, "file", bytes, 100);
		EXPECT_EQ(coil_fsync(dir), 0);
		write_whole(dir, "file", O_APPEND, bytes, sizeof bytes - 100);
		dir = lose_power(dir);
		size = read_whole(dir, "file", found, sizeof found);
		EXPECT_GE(size, 100);
		EXPECT_MEM_EQ(found, bytes, 100);
		as_before += size == 100;
		longest += size == sizeof bytes;
		shorter += size > 100 && size < (int64_t)sizeof bytes;
		zeros += memchr(found, 0, (size_t)size) != NULL;
	}
	EXPECT_GT(as_before, 0);
	EXPECT_GT(longest, 0);
	EXPECT_GT(shorter, 0);
	EXPECT_GT(zeros, 0);
	EXPECT_EQ(coil_close(dir), 0);
}

/* The bug of many programs: O_TRUNC, write, no fsync. All old, or anything of the new. */
ON_SIMULATED(disk_loss, a_rewritten_file_may_be_empty)
{
	int empty = 0, old = 0;
	char found[16];
	int dir = durable_dir();

	(void)at;
	for (int i = 0; i < ROUNDS; i++) {
		int size;

		write_synced(dir, "file", "old words", 9);
		EXPECT_EQ(coil_fsync(dir), 0);
		write_whole(dir, "file", O_TRUNC, "new", 3);
		dir = lose_power(dir);
		size = read_whole(dir, "file", found, sizeof found);
		EXPECT(size == 0 || size == 3 || size == 9);
		EXPECT(size != 9 || memcmp(found, "old words", 9) == 0);
		empty += size == 0;
		old += size == 9;
	}
	EXPECT_GT(empty, 0);
	EXPECT_GT(old, 0);
	EXPECT_EQ(coil_close(dir), 0);
}

ON_SIMULATED(disk_loss, names_need_the_fsync_of_their_directory)
{
	int there = 0, gone = 0;
	int dir = durable_dir();

	(void)at;
	for (int i = 0; i < ROUNDS; i++) {
		write_synced(dir, "first", "1", 1);
		write_synced(dir, "second", "2", 1);
		dir = lose_power(dir);
		there += size_of(dir, "first") == 1;
		gone += size_of(dir, "first") == -ENOENT;
		EXPECT(size_of(dir, "second") < 0 || size_of(dir, "first") == 1);
		coil_unlinkat(dir, "second", 0);
		coil_unlinkat(dir, "first", 0);
		EXPECT_EQ(coil_fsync(dir), 0);
	}
	EXPECT_GT(there, 0);
	EXPECT_GT(gone, 0);
	EXPECT_EQ(coil_close(dir), 0);
}

/* The right way to replace a file: it is the old one or the new one, never neither. */
ON_SIMULATED(disk_loss, rename_is_whole)
{
	int old = 0, fresh = 0;
	char found[8];
	int dir = durable_dir();

	(void)at;
	for (int i = 0; i < ROUNDS; i++) {
		int size;

		write_synced(dir, "file", "old", 3);
		EXPECT_EQ(coil_fsync(dir), 0);
		write_synced(dir, "file.new", "fresh", 5);
		EXPECT_EQ(coil_renameat(dir, "file.new", dir, "file"), 0);
		dir = lose_power(dir);
		size = read_whole(dir, "file", found, sizeof found);
		EXPECT(size == 3 || size == 5);
		EXPECT_MEM_EQ(found, size == 3 ? "old" : "fresh", (size_t)size);
		EXPECT(size != 5 || size_of(dir, "file.new") == -ENOENT);
		old += size == 3;
		fresh += size == 5;
		coil_unlinkat(dir, "file.new", 0);
	}
	EXPECT_GT(old, 0);
	EXPECT_GT(fresh, 0);
	EXPECT_EQ(coil_close(dir), 0);
}

ON_SIMULATED(disk_loss, a_removed_file_may_come_back)
{
	int back = 0, gone = 0;
	char found[8];
	int dir = durable_dir();

	(void)at;
	for (int i = 0; i < ROUNDS; i++) {
		int size;

		write_synced(dir, "file", "kept", 4);
		EXPECT_EQ(coil_fsync(dir), 0);
		EXPECT_EQ(coil_unlinkat(dir, "file", 0), 0);
		dir = lose_power(dir);
		size = read_whole(dir, "file", found, sizeof found);
		EXPECT(size == -ENOENT || (size == 4 && memcmp(found, "kept", 4) == 0));
		back += size == 4;
		gone += size < 0;
	}
	EXPECT_GT(back, 0);
	EXPECT_GT(gone, 0);
	EXPECT_EQ(coil_close(dir), 0);
}

ON_SIMULATED(disk_loss, a_rename_is_durable_by_either_directory)
{
	int dir = durable_dir(), sub;

	(void)at;
	EXPECT_EQ(coil_mkdirat(dir, "sub", 0700), 0);
	EXPECT_EQ(coil_fsync(dir), 0);
	for (int i = 0; i < ROUNDS; i++) {
		sub = coil_openat(dir, "sub", O_DIRECTORY | O_CLOEXEC, 0);
		write_synced(dir, "file", "1", 1);
		EXPECT_EQ(coil_renameat(dir, "file", sub, "file"), 0);
		EXPECT_EQ(coil_fsync(sub), 0);
		EXPECT_EQ(coil_close(sub), 0);
		dir = lose_power(dir);
		EXPECT_EQ(size_of(dir, "sub/file"), 1);
		EXPECT_EQ(size_of(dir, "file"), -ENOENT);
		EXPECT_EQ(coil_unlinkat(dir, "sub/file", 0), 0);
	}
	EXPECT_EQ(coil_close(dir), 0);
}

/* What is below a directory whose own name is not durable cannot be found any more. */
ON_SIMULATED(disk_loss, a_directory_takes_its_names_along)
{
	int dir = durable_dir(), sub, lost = 0;

	(void)at;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(coil_mkdirat(dir, "sub", 0700), 0);
		sub = coil_openat(dir, "sub", O_DIRECTORY | O_CLOEXEC, 0);
		write_synced(sub, "file", "1", 1);
		EXPECT_EQ(coil_fsync(sub), 0);
		EXPECT_EQ(coil_close(sub), 0);
		dir = lose_power(dir);
		if (size_of(dir, "sub") == -ENOENT) {
			lost++;
			continue;
		}
		EXPECT_EQ(size_of(dir, "sub/file"), 1);
		EXPECT_EQ(coil_unlinkat(dir, "sub/file", 0), 0);
		EXPECT_EQ(coil_unlinkat(dir, "sub", AT_REMOVEDIR), 0);
		EXPECT_EQ(coil_fsync(dir), 0);
	}
	EXPECT_GT(lost, 0);
	EXPECT_LT(lost, ROUNDS);
	EXPECT_EQ(coil_close(dir), 0);
}

/* A file that is overwritten again and again has one of its latest states in each sector. */
ON_SIMULATED(disk_loss, a_sector_is_as_some_write_left_it)
{
	bool seen[9] = { false };
	char byte = 0;
	int dir = durable_dir(), fd;

	(void)at;
	for (int i = 0; i < ROUNDS; i++) {
		write_synced(dir, "file", "0", 1);
		EXPECT_EQ(coil_fsync(dir), 0);
		fd = coil_openat(dir, "file", O_WRONLY | O_CLOEXEC, 0);
		for (int state = 1; state <= 8; state++)
			EXPECT_EQ(coil_pwrite(fd, &"012345678"[state], 1, 0), 1);
		EXPECT_EQ(coil_close(fd), 0);
		dir = lose_power(dir);
		EXPECT_EQ(read_whole(dir, "file", &byte, 1), 1);
		EXPECT(byte == '0' || (byte >= '5' && byte <= '8'));
		seen[(byte - '0') % 9] = true;
	}
	EXPECT(seen[0] && seen[5] && seen[6] && seen[7] && seen[8]);
	EXPECT_EQ(coil_close(dir), 0);
}

/* As a journal that is full: the oldest changes are committed without being asked. */
ON_SIMULATED(disk_loss, old_changes_become_durable)
{
	int dir = durable_dir();
	char name[16];

	(void)at;
	for (int i = 0; i < 1200; i++) {
		snprintf(name, sizeof name, "file%d", i);
		write_whole(dir, name, 0, "1", 1);
	}
	dir = lose_power(dir);
	EXPECT_GE(size_of(dir, "file0"), 0);
	EXPECT_GE(size_of(dir, "file175"), 0);
	EXPECT_EQ(coil_close(dir), 0);
}

ON_SIMULATED(disk_loss, sync_file_range_keeps_bytes_but_no_size)
{
	int dir = durable_dir(), short_ones = 0;
	static char bytes[2 * DISK_PAGE], found[2 * DISK_PAGE];

	(void)at;
	memset(bytes, 'x', sizeof bytes);
	for (int i = 0; i < ROUNDS; i++) {
		int fd, size;

		write_synced(dir, "file", "0123456789", 10);
		EXPECT_EQ(coil_fsync(dir), 0);
		fd = coil_openat(dir, "file", O_WRONLY | O_CLOEXEC, 0);
		EXPECT_EQ(coil_write(fd, bytes, sizeof bytes), (int)sizeof bytes);
		EXPECT_EQ(coil_sync_file_range(fd, 0, 0, 7), 0);
		EXPECT_EQ(coil_close(fd), 0);
		dir = lose_power(dir);
		size = read_whole(dir, "file", found, sizeof found);
		EXPECT_GE(size, 10);
		EXPECT_MEM_EQ(found, bytes, (size_t)size);
		short_ones += size < (int)sizeof bytes;
	}
	EXPECT_GT(short_ones, 0);
	EXPECT_EQ(coil_close(dir), 0);
}

ON_SIMULATED(disk_loss, attributes_need_fsync)
{
	int dir = durable_dir(), old = 0, fresh = 0;
	char value[8];

	(void)at;
	for (int i = 0; i < ROUNDS; i++) {
		int fd = coil_openat(dir, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		int bytes;

		EXPECT_EQ(coil_fsetxattr(fd, "user.a", "old", 3, 0), 0);
		EXPECT_EQ(coil_fsync(fd), 0);
		EXPECT_EQ(coil_fsync(dir), 0);
		EXPECT_EQ(coil_fsetxattr(fd, "user.a", "fresh", 5, 0), 0);
		EXPECT_EQ(coil_fdatasync(fd), 0);
		EXPECT_EQ(coil_close(fd), 0);
		dir = lose_power(dir);
		bytes = coil_getxattr("/data/file", "user.a", value, sizeof value);
		EXPECT(bytes == 3 || bytes == 5);
		old += bytes == 3;
		fresh += bytes == 5;
	}
	EXPECT_GT(old, 0);
	EXPECT_GT(fresh, 0);
	EXPECT_EQ(coil_close(dir), 0);
}

ON_SIMULATED(disk_loss, open_descriptors_answer_eio)
{
	int fd = coil_openat(at->dirfd, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	struct statx stat;
	char byte;

	EXPECT_EQ(coil_write(fd, "x", 1), 1);
	sim_disk_power_loss(disk_world());
	EXPECT_EQ(coil_write(fd, "x", 1), -EIO);
	EXPECT_EQ(coil_read(fd, &byte, 1), -EIO);
	EXPECT_EQ(coil_fsync(fd), -EIO);
	EXPECT_EQ(coil_ftruncate(fd, 0), -EIO);
	EXPECT_EQ(coil_fallocate(fd, 0, 0, 1), -EIO);
	EXPECT_EQ(coil_fadvise(fd, 0, 0, 0), -EIO);
	EXPECT_EQ(coil_statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &stat), -EIO);
	EXPECT_EQ(coil_openat(at->dirfd, "file", O_RDONLY, 0), -EIO);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_SIMULATED(disk_loss, a_full_disk_takes_what_fits)
{
	static char bytes[6 * DISK_PAGE];
	struct sim_disk *disk = sim_disk(disk_world());
	int fd = coil_openat(at->dirfd, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	sim_disk_set_limit(disk_world(), disk->used + 4 * DISK_PAGE);
	EXPECT_EQ(coil_fallocate(fd, 0, 0, 5 * DISK_PAGE), -ENOSPC);
	EXPECT_EQ(size_of(fd, ""), -ENOENT);
	EXPECT_EQ(coil_write(fd, bytes, sizeof bytes), 4 * DISK_PAGE);
	EXPECT_EQ(coil_write(fd, bytes, 1), -ENOSPC);
	EXPECT_EQ(coil_pwrite(fd, bytes, 1, 0), 1);
	EXPECT_EQ(coil_ftruncate(fd, DISK_PAGE), 0);
	EXPECT_EQ(coil_fallocate(fd, 0, 0, 4 * DISK_PAGE), 0);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "file", 0), 0);
	EXPECT_EQ(coil_openat(at->dirfd, "none/x", O_CREAT | O_RDWR, 0600), -ENOENT);
	EXPECT_EQ(coil_close(fd), 0);
	EXPECT_EQ(disk->used + 4 * DISK_PAGE, disk->limit);
}

ON_SIMULATED(disk_loss, sockets_have_names)
{
	uint64_t number = 0, found = 0;
	struct sim *sim = disk_world();
	char byte = 0;

	EXPECT_EQ(sim_disk_bind_socket(sim, "/tmp/socket", &number), 0);
	EXPECT_EQ(sim_disk_bind_socket(sim, "/tmp/socket", &found), -EADDRINUSE);
	EXPECT_EQ(sim_disk_find_socket(sim, "/tmp/socket", &found), 0);
	EXPECT_EQ(number, found);
	EXPECT_EQ(coil_openat(AT_FDCWD, "/tmp/socket", O_RDWR, 0), -ENXIO);
	EXPECT_EQ(coil_getxattr("/tmp/socket", "user.x", &byte, 1), -ENODATA);
	EXPECT_EQ(sim_disk_unlink(sim, "/tmp/socket"), 0);
	EXPECT_EQ(sim_disk_find_socket(sim, "/tmp/socket", &found), -ENOENT);
	EXPECT_EQ(sim_disk_find_socket(sim, "/tmp", &found), -ECONNREFUSED);
	EXPECT_EQ(sim_disk_ftruncate(sim, at->dirfd, 0), -EINVAL);
	EXPECT_EQ(sim_disk_ftruncate(sim, -1, 0), -EBADF);
}

static int write_while_full(void *arg)
{
	int *refused = arg;
	int fd = coil_openat(AT_FDCWD, "/tmp/file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	int written = 0;

	if (fd == -ENOSPC) {
		++*refused;
		return 0;
	}
	for (int i = 0; i < 40; i++) {
		int result = coil_write(fd, "x", 1);

		EXPECT(result == 1 || result == -ENOSPC);
		*refused += result < 0;
		written += result > 0;
	}
	EXPECT_EQ(size_of(AT_FDCWD, "/tmp/file"), written);
	return coil_close(fd);
}

TEST(disk_loss, space_is_gone_for_a_moment)
{
	struct coil_sim_options options = {
		.size = sizeof options, .troubles = "ALL=0,NO_SPACE=50",
	};
	int refused = 0;

	for (options.seed = 1; options.seed <= 20; options.seed++)
		EXPECT_EQ(coil_sim_run(&options, write_while_full, &refused), 0);
	EXPECT_GT(refused, 0);
	EXPECT_LT(refused, 20 * 40);
}
