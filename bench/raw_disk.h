/* SPDX-License-Identifier: MIT */
/*
 * raw_disk - a file, and blocks of it read and written in batches on raw liburing; one block after
 * the other, round and round. With O_DIRECT, or through the caches.
 */
#ifndef COIL_BENCH_RAW_DISK_H
#define COIL_BENCH_RAW_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "raw_ring.h"

#define RAW_DISK_BLOCK 4096u
#define RAW_DISK_BLOCKS 1024u
#define RAW_DISK_DEPTH_MAX 128u

struct raw_disk {
	struct raw_ring ring;
	bool has_ring;
	bool is_write;
	unsigned int depth;
	unsigned int block;		/* the next */
	int file;
	char *memory;			/* a block for each of the depth, aligned */
};

/**
 * raw_disk_open - a file in $TMPDIR that is written through once
 * @disk:  caller's memory; raw_disk_close() it also after a failure
 * @depth: blocks at a time, 1 to RAW_DISK_DEPTH_MAX
 *
 * Return: 0; -EINVAL where the file system has no O_DIRECT; as the system calls.
 */
int raw_disk_open(struct raw_disk *disk, unsigned int depth, bool is_direct, bool is_write);
void raw_disk_close(struct raw_disk *disk);
uint64_t raw_disk_next(struct raw_disk *disk);

/* Blocks, or writes of one with their fsync. A failure aborts. */
void raw_disk_run(void *disk, uint64_t units);
void raw_disk_run_fsync(void *disk, uint64_t units);

#endif
