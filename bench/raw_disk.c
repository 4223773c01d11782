/* SPDX-License-Identifier: MIT */
/* See raw_disk.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "raw_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void must(bool is_true, const char *what)
{
	if (__builtin_expect(is_true, 1))
		return;
	fprintf(stderr, "raw_disk: %s\n", what);
	abort();
}

uint64_t raw_disk_next(struct raw_disk *disk)
{
	return (uint64_t)(disk->block++ % RAW_DISK_BLOCKS) * RAW_DISK_BLOCK;
}

static void prepare(struct raw_disk *disk, unsigned int i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&disk->ring.uring);
	char *at = disk->memory + i * RAW_DISK_BLOCK;

	if (disk->is_write)
		io_uring_prep_write(sqe, disk->file, at, RAW_DISK_BLOCK, raw_disk_next(disk));
	else
		io_uring_prep_read(sqe, disk->file, at, RAW_DISK_BLOCK, raw_disk_next(disk));
}

static void complete(struct raw_disk *disk, unsigned int count, int expected)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;

	while (seen < count) {
		unsigned int part = 0;

		must(raw_ring_enter(&disk->ring, count - seen) >= 0, "io_uring_enter failed");
		io_uring_for_each_cqe(&disk->ring.uring, head, cqe) {
			must(cqe->res == expected, "a block failed");
			part++;
		}
		io_uring_cq_advance(&disk->ring.uring, part);
		seen += part;
	}
}

void raw_disk_run(void *arg, uint64_t units)
{
	struct raw_disk *disk = arg;

	for (; units >= disk->depth; units -= disk->depth) {
		for (unsigned int i = 0; i < disk->depth; i++)
			prepare(disk, i);
		complete(disk, disk->depth, RAW_DISK_BLOCK);
	}
}

void raw_disk_run_fsync(void *arg, uint64_t units)
{
	struct raw_disk *disk = arg;

	while (units--) {
		prepare(disk, 0);
		complete(disk, 1, RAW_DISK_BLOCK);
		io_uring_prep_fsync(io_uring_get_sqe(&disk->ring.uring), disk->file, 0);
		complete(disk, 1, 0);
	}
}

static int open_file(struct raw_disk *disk, bool is_direct)
{
	const char *folder = getenv("TMPDIR");
	int flags = O_TMPFILE | O_RDWR | O_CLOEXEC | (is_direct ? O_DIRECT : 0);

	disk->file = open(folder ? folder : "/tmp", flags, 0600);
	if (disk->file < 0)
		return -errno;
	for (unsigned int i = 0; i < RAW_DISK_BLOCKS; i++)
		if (pwrite(disk->file, disk->memory, RAW_DISK_BLOCK,
			   (off_t)i * RAW_DISK_BLOCK) != RAW_DISK_BLOCK)
			return -errno;
	return fsync(disk->file) < 0 ? -errno : 0;
}

int raw_disk_open(struct raw_disk *disk, unsigned int depth, bool is_direct, bool is_write)
{
	int rc;

	*disk = (struct raw_disk){ .file = -1, .depth = depth, .is_write = is_write };
	disk->memory = mmap(NULL, (size_t)depth * RAW_DISK_BLOCK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (disk->memory == MAP_FAILED)
		return -ENOMEM;
	rc = raw_ring_open(&disk->ring, RAW_DISK_DEPTH_MAX, 4 * RAW_DISK_DEPTH_MAX);
	if (rc < 0)
		return rc;
	disk->has_ring = true;
	return open_file(disk, is_direct);
}

void raw_disk_close(struct raw_disk *disk)
{
	if (disk->has_ring)
		raw_ring_close(&disk->ring);
	if (disk->file >= 0)
		close(disk->file);
	if (disk->memory && disk->memory != MAP_FAILED)
		munmap(disk->memory, (size_t)disk->depth * RAW_DISK_BLOCK);
}
