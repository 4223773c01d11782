/* SPDX-License-Identifier: MIT */
/*
 * Files beyond hot reads: direct and buffered, read and written, at depths; fsync; and what paths
 * cost. Where the file system has no O_DIRECT its rows are not measured, and say so. The floor of
 * paths is system calls: the kernel hands these operations to its workers, which costs more than
 * the call, so a ratio far above 1 is the price of not blocking the loop. Writes have no goal: what
 * the kernel's workers do with them differs from run to run by more than it differs between sides.
 */
#include "bench.h"
#include "raw_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECT 0x100u
#define WRITE 0x200u
#define FSYNC 0x400u

struct disk {
	struct raw_disk raw;
	struct raw_disk own;		/* its file and memory; the ring is idle */
	struct coil_op ops[RAW_DISK_DEPTH_MAX];
};

static void run_blocks(void *arg, uint64_t units)
{
	struct disk *disk = arg;
	struct raw_disk *own = &disk->own;

	for (; units >= own->depth; units -= own->depth) {
		for (unsigned int i = 0; i < own->depth; i++) {
			char *at = own->memory + i * RAW_DISK_BLOCK;
			int64_t offset = (int64_t)raw_disk_next(own);

			disk->ops[i] = own->is_write ?
				coil_op_write(own->file, at, RAW_DISK_BLOCK, offset) :
				coil_op_read(own->file, at, RAW_DISK_BLOCK, offset);
		}
		bench_must(coil_gather_ops(disk->ops, own->depth, 0) == 0, "a block failed");
	}
}

static void run_fsync(void *arg, uint64_t units)
{
	struct raw_disk *own = &((struct disk *)arg)->own;

	while (units--) {
		int n = coil_pwrite(own->file, own->memory, RAW_DISK_BLOCK,
				    (int64_t)raw_disk_next(own));

		bench_must(n == RAW_DISK_BLOCK && coil_fsync(own->file) == 0, "an fsync failed");
	}
}

static void close_disk(struct bench *bench)
{
	struct disk *disk = bench->state;

	raw_disk_close(&disk->raw);
	raw_disk_close(&disk->own);
	free(disk);
}

static int open_disk(struct bench *bench)
{
	unsigned int flags = bench->of->parameter, depth = flags & 0xff;
	struct disk *disk = aligned_alloc(64, (sizeof(*disk) + 63) / 64 * 64);
	int rc;

	if (!disk)
		return -ENOMEM;
	memset(disk, 0, sizeof(*disk));
	disk->own.file = -1;
	bench->state = disk;
	rc = raw_disk_open(&disk->raw, depth, flags & DIRECT, flags & WRITE);
	if (rc == 0)
		rc = raw_disk_open(&disk->own, depth, flags & DIRECT, flags & WRITE);
	if (rc < 0) {
		close_disk(bench);
		return rc;
	}
	bench->floor = (struct measure_case){
		.run = flags & FSYNC ? raw_disk_run_fsync : raw_disk_run,
		.arg = &disk->raw, .step = depth };
	bench->coil = (struct measure_case){ .run = flags & FSYNC ? run_fsync : run_blocks,
					     .arg = disk, .step = depth };
	return 0;
}

/* -- Paths ------------------------------------------------------------------------------------- */

enum path_work { PATH_OPEN, PATH_STAT, PATH_UNLINK };

struct paths {
	enum path_work work;
	char folder[4096];
	int dir;
};

static int make_file(const struct paths *paths)
{
	return openat(paths->dir, "new", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
}

static void run_paths_raw(void *arg, uint64_t units)
{
	struct paths *paths = arg;
	struct statx stat;
	int fd;

	while (units--) {
		switch (paths->work) {
		case PATH_OPEN:
			fd = openat(paths->dir, "file", O_RDONLY | O_CLOEXEC);
			bench_must(fd >= 0 && close(fd) == 0, "an open failed");
			break;
		case PATH_STAT:
			bench_must(statx(paths->dir, "file", 0, STATX_BASIC_STATS, &stat) == 0,
				   "a stat failed");
			break;
		case PATH_UNLINK:
			bench_must(close(make_file(paths)) == 0 &&
				   unlinkat(paths->dir, "new", 0) == 0, "an unlink failed");
			break;
		}
	}
}

static void run_paths(void *arg, uint64_t units)
{
	struct paths *paths = arg;
	struct statx stat;
	int fd;

	while (units--) {
		switch (paths->work) {
		case PATH_OPEN:
			fd = coil_openat(paths->dir, "file", O_RDONLY | O_CLOEXEC, 0);
			bench_must(fd >= 0 && coil_close(fd) == 0, "an open failed");
			break;
		case PATH_STAT:
			bench_must(coil_statx(paths->dir, "file", 0, STATX_BASIC_STATS,
					      &stat) == 0, "a stat failed");
			break;
		case PATH_UNLINK:
			/* The making is the same on both sides. */
			bench_must(close(make_file(paths)) == 0 &&
				   coil_unlinkat(paths->dir, "new", 0) == 0, "an unlink failed");
			break;
		}
	}
}

static void close_paths(struct bench *bench)
{
	struct paths *paths = bench->state;

	if (paths->dir >= 0) {
		unlinkat(paths->dir, "file", 0);
		unlinkat(paths->dir, "new", 0);
		close(paths->dir);
		rmdir(paths->folder);
	}
	free(paths);
}

static int open_folder(struct paths *paths)
{
	const char *folder = getenv("TMPDIR");
	int n = snprintf(paths->folder, sizeof(paths->folder), "%s/coil-bench-XXXXXX",
			 folder ? folder : "/tmp");
	int fd;

	if (n < 0 || (size_t)n >= sizeof(paths->folder))
		return -ENAMETOOLONG;
	if (!mkdtemp(paths->folder))
		return -errno;
	paths->dir = open(paths->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (paths->dir < 0)
		return -errno;
	fd = openat(paths->dir, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int open_paths(struct bench *bench)
{
	struct paths *paths = calloc(1, sizeof(*paths));
	int rc;

	if (!paths)
		return -ENOMEM;
	paths->work = bench->of->parameter;
	paths->dir = -1;
	bench->state = paths;
	rc = open_folder(paths);
	if (rc < 0) {
		close_paths(bench);
		return rc;
	}
	bench->floor = (struct measure_case){ .run = run_paths_raw, .arg = paths, .step = 1 };
	bench->coil = (struct measure_case){ .run = run_paths, .arg = paths, .step = 1 };
	return 0;
}

#define DISK_ROW(how, does, flags, n)                                                              \
	{ .name = "disk_" does "_" how "_" #n,                                                     \
	  .what = how " 4 KiB " does ", " #n " at a time; raw the same", .parameter = (flags) | n, \
	  .goal_kind = (flags) & WRITE ? BENCH_NO_GOAL : BENCH_RATIO, .goal = 1.05,                \
	  .open = open_disk, .close = close_disk }
#define DISK_ROWS(how, does, flags)                                                                \
	DISK_ROW(how, does, flags, 1), DISK_ROW(how, does, flags, 8),                              \
	DISK_ROW(how, does, flags, 32), DISK_ROW(how, does, flags, 128)
#define PATH_ROW(word, work, words)                                                                \
	{ .name = "path_" word, .what = words, .parameter = work, .open = open_paths,              \
	  .close = close_paths }

const struct bench_case bench_cases_disk[] = {
	DISK_ROWS("buffered", "read", 0),
	DISK_ROWS("buffered", "write", WRITE),
	DISK_ROWS("direct", "read", DIRECT),
	DISK_ROWS("direct", "write", DIRECT | WRITE),
	{ .name = "disk_fsync", .what = "4 KiB written and fsynced; raw the same",
	  .parameter = FSYNC | WRITE | 1, .open = open_disk, .close = close_disk },
	PATH_ROW("open", PATH_OPEN, "open and close of a known file; system calls"),
	PATH_ROW("stat", PATH_STAT, "statx of a known file; the system call"),
	PATH_ROW("unlink", PATH_UNLINK, "unlink of a file just made by calls; the system call"),
	{ .name = NULL },
};
