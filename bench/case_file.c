/* SPDX-License-Identifier: MIT */
/* Buffered 4 KiB reads of a file that lies in the caches: gathered, and by tasks side by side. */
#include "bench.h"
#include "raw_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK 4096u
#define BLOCKS 256u
#define DEPTH_MAX 128u

struct reads {
	struct crew *crew;
	struct coil_op *ops;
	char *memory;			/* a block for each of the depth */
	unsigned int depth;
	unsigned int block;		/* the next to read */
	int file;
};

static int64_t next_offset(struct reads *reads)
{
	return (int64_t)(reads->block++ % BLOCKS) * BLOCK;
}

static void read_one(void *arg, unsigned int member)
{
	struct reads *reads = arg;
	int n = coil_pread(reads->file, reads->memory + member * BLOCK, BLOCK, next_offset(reads));

	bench_must(n == BLOCK, "short read");
}

static void run_alone(void *arg, uint64_t units)
{
	while (units--)
		read_one(arg, 0);
}

static void run_gather(void *arg, uint64_t units)
{
	struct reads *reads = arg;

	for (; units >= reads->depth; units -= reads->depth) {
		for (unsigned int i = 0; i < reads->depth; i++)
			reads->ops[i] = coil_op_read(reads->file, reads->memory + i * BLOCK, BLOCK,
						     next_offset(reads));
		bench_must(coil_gather_ops(reads->ops, reads->depth, 0) == 0, "a read failed");
		for (unsigned int i = 0; i < reads->depth; i++)
			bench_must(coil_future_result(&reads->ops[i].future) == BLOCK,
				   "short read");
	}
}

static int open_reads(struct bench *bench)
{
	struct reads *reads = calloc(1, sizeof(*reads));

	if (!reads)
		return -ENOMEM;
	bench->state = reads;
	reads->file = -1;
	reads->depth = bench->of->parameter;
	reads->memory = mmap(NULL, (size_t)reads->depth * BLOCK, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	reads->ops = aligned_alloc(64, DEPTH_MAX * sizeof(*reads->ops));
	if (reads->memory == MAP_FAILED || !reads->ops)
		return -ENOMEM;
	bench->coil = (struct measure_case){ .arg = reads, .step = reads->depth };
	reads->file = raw_file_open((size_t)BLOCKS * BLOCK);
	return reads->file < 0 ? reads->file : 0;
}

static int open_gathered(struct bench *bench)
{
	int rc = open_reads(bench);

	bench->coil.run = run_gather;
	return rc;
}

static int open_tasks(struct bench *bench)
{
	int rc = open_reads(bench);
	struct reads *reads = bench->state;

	if (rc < 0)
		return rc;
	if (reads->depth == 1) {
		bench->coil.run = run_alone;
		return 0;
	}
	rc = crew_open(reads->depth, read_one, reads, &reads->crew);
	bench->coil.run = crew_run;
	bench->coil.arg = reads->crew;
	return rc;
}

static void close_reads(struct bench *bench)
{
	struct reads *reads = bench->state;

	if (reads->crew)
		crew_close(reads->crew);
	if (reads->file >= 0)
		close(reads->file);
	if (reads->memory != MAP_FAILED)
		munmap(reads->memory, (size_t)reads->depth * BLOCK);
	free(reads->ops);
	free(reads);
}

#define FILE_ROW(way, n)                                                                           \
	.name = "file_read_" #way "_" #n,                                                          \
	.what = "buffered hot 4 KiB read, " #n " at a time (" #way "); raw the same",              \
	.goal_kind = BENCH_RATIO, .goal = 1.05, .has_raw = true, .raw = RAW_FILE_READ,             \
	.parameter = n, .open = open_##way, .close = close_reads

const struct bench_case bench_cases_file[] = {
	{ FILE_ROW(gathered, 1) },
	{ FILE_ROW(gathered, 32) },
	{ FILE_ROW(gathered, 128) },
	{ FILE_ROW(tasks, 1) },
	{ FILE_ROW(tasks, 32) },
	{ FILE_ROW(tasks, 128) },
	{ .name = NULL },
};
