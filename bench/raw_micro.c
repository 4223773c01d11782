/* SPDX-License-Identifier: MIT */
/*
 * raw_micro - the raw floors inside: NOPs, chains, cancelled receives, file
 * reads; the switch and the timers have files of their own.
 *
 * Every kind stages a whole batch and enters once for it. A failure aborts: a
 * floor that does less than it claims would be too low.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "raw_file.h"
#include "raw_micro_private.h"
#include "raw_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH_MAX	1024u
#define FILE_BLOCKS	256u
#define BLOCK_BYTES	4096u
#define TIMERS_MAX	(1u << 26)

struct raw_micro {
	enum raw_micro_kind kind;
	unsigned int batch;
	struct raw_ring ring;
	int (*pairs)[2];		/* RAW_CANCEL_RECV */
	int file;			/* RAW_FILE_* */
	unsigned int block;		/* the next to read */
	char *memory;			/* a block for each of the batch */
	struct raw_switch *pair;
	struct raw_timers *timers;
};

static void must(int is_true, const char *what)
{
	if (__builtin_expect(is_true, 1))
		return;
	fprintf(stderr, "raw_micro: %s\n", what);
	abort();
}

/* Consumes count CQEs, each of which must have this result. */
static void reap(struct raw_micro *micro, unsigned int count, int expected)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;

	io_uring_for_each_cqe(&micro->ring.uring, head, cqe) {
		must(cqe->res == expected, "unexpected result");
		seen++;
	}
	must(seen == count, "completions are missing");
	io_uring_cq_advance(&micro->ring.uring, count);
}

static void submit_and_wait(struct raw_micro *micro, unsigned int submitted, unsigned int cqes)
{
	must(raw_ring_enter(&micro->ring, cqes) == (int)submitted, "short submit");
}

static void run_nops(struct raw_micro *micro, uint64_t units, unsigned int flags)
{
	unsigned int batch = micro->batch;

	for (; units >= batch; units -= batch) {
		for (unsigned int i = 0; i < batch; i++) {
			struct io_uring_sqe *sqe = io_uring_get_sqe(&micro->ring.uring);

			io_uring_prep_nop(sqe);
			sqe->flags |= (uint8_t)(i + 1 < batch ? flags : 0);
			sqe->user_data = i;
		}
		submit_and_wait(micro, batch, batch);
		reap(micro, batch, 0);
	}
}

/* The names tell them apart: recv i, its cancel batch + i. */
static void reap_cancelled(struct raw_micro *micro)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;

	io_uring_for_each_cqe(&micro->ring.uring, head, cqe) {
		int expected = cqe->user_data < micro->batch ? -ECANCELED : 0;

		must(cqe->res == expected, "a cancel missed");
		seen++;
	}
	must(seen == 2 * micro->batch, "completions are missing");
	io_uring_cq_advance(&micro->ring.uring, seen);
}

static void run_cancels(struct raw_micro *micro, uint64_t units)
{
	unsigned int batch = micro->batch;

	for (; units >= batch; units -= batch) {
		for (unsigned int i = 0; i < batch; i++) {
			struct io_uring_sqe *sqe = io_uring_get_sqe(&micro->ring.uring);

			io_uring_prep_recv(sqe, micro->pairs[i][0], micro->memory + i * 64, 64, 0);
			sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
			sqe->user_data = i;
		}
		submit_and_wait(micro, batch, 0);

		for (unsigned int i = 0; i < batch; i++) {
			struct io_uring_sqe *sqe = io_uring_get_sqe(&micro->ring.uring);

			io_uring_prep_cancel64(sqe, i, 0);
			sqe->user_data = batch + i;
		}
		submit_and_wait(micro, batch, 2 * batch);
		reap_cancelled(micro);
	}
}

static uint64_t next_offset(struct raw_micro *micro)
{
	return (uint64_t)(micro->block++ % FILE_BLOCKS) * BLOCK_BYTES;
}

static void run_reads(struct raw_micro *micro, uint64_t units)
{
	int is_fixed = micro->kind == RAW_FILE_READ_FIXED;
	unsigned int batch = micro->batch;

	for (; units >= batch; units -= batch) {
		for (unsigned int i = 0; i < batch; i++) {
			struct io_uring_sqe *sqe = io_uring_get_sqe(&micro->ring.uring);
			char *at = micro->memory + i * BLOCK_BYTES;

			if (is_fixed) {
				io_uring_prep_read_fixed(sqe, 0, at, BLOCK_BYTES,
							 next_offset(micro), 0);
				sqe->flags |= IOSQE_FIXED_FILE;
			} else {
				io_uring_prep_read(sqe, micro->file, at, BLOCK_BYTES,
						   next_offset(micro));
			}
			sqe->user_data = i;
		}
		submit_and_wait(micro, batch, batch);
		reap(micro, batch, (int)BLOCK_BYTES);
	}
}

static void run_preads(struct raw_micro *micro, uint64_t units)
{
	while (units--)
		must(pread(micro->file, micro->memory, BLOCK_BYTES,
			   (off_t)next_offset(micro)) == BLOCK_BYTES, "short pread");
}

static int open_pairs(struct raw_micro *micro)
{
	micro->pairs = calloc(micro->batch, sizeof(*micro->pairs));
	if (!micro->pairs)
		return -ENOMEM;
	for (unsigned int i = 0; i < micro->batch; i++)
		micro->pairs[i][0] = micro->pairs[i][1] = -1;
	for (unsigned int i = 0; i < micro->batch; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, micro->pairs[i]) < 0)
			return -errno;
	return 0;
}

static int open_file(struct raw_micro *micro)
{
	micro->file = raw_file_open((size_t)FILE_BLOCKS * BLOCK_BYTES);
	return micro->file < 0 ? micro->file : 0;
}

static int register_file(struct raw_micro *micro)
{
	const struct iovec all = { micro->memory, (size_t)micro->batch * BLOCK_BYTES };
	int rc = io_uring_register_files(&micro->ring.uring, &micro->file, 1);

	return rc < 0 ? rc : io_uring_register_buffers(&micro->ring.uring, &all, 1);
}

static int open_ring(struct raw_micro *micro)
{
	unsigned int entries = 8;
	int rc;

	while (entries < micro->batch)
		entries *= 2;
	rc = raw_ring_open(&micro->ring, entries, 4 * entries);
	if (rc < 0) {
		micro->ring.uring.ring_fd = -1;
		return rc;
	}

	switch (micro->kind) {
	case RAW_CANCEL_RECV:
		return open_pairs(micro);
	case RAW_FILE_READ_FIXED:
		rc = open_file(micro);
		return rc < 0 ? rc : register_file(micro);
	case RAW_FILE_READ:
		return open_file(micro);
	case RAW_NOP_BATCH:
	case RAW_CHAIN:
	case RAW_FILE_PREAD:
	case RAW_SWITCH:
	case RAW_TIMER_ARM:
	case RAW_TIMER_CANCEL:
	case RAW_TIMER_FIRE:
	case RAW_KINDS:
		break;
	}
	return 0;
}

static int open_kind(struct raw_micro *micro)
{
	if (micro->kind == RAW_SWITCH)
		return raw_switch_open(&micro->pair);
	if (micro->kind >= RAW_TIMER_ARM)
		return raw_timers_open(micro->batch, &micro->timers);

	micro->memory = mmap(NULL, (size_t)micro->batch * BLOCK_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (micro->memory == MAP_FAILED) {
		micro->memory = NULL;
		return -ENOMEM;
	}
	return micro->kind == RAW_FILE_PREAD ? open_file(micro) : open_ring(micro);
}

int raw_micro_open(enum raw_micro_kind kind, unsigned int parameter,
		   struct raw_micro **ret_micro)
{
	static const unsigned int defaults[RAW_KINDS] = {
		[RAW_NOP_BATCH] = 1, [RAW_CHAIN] = 8, [RAW_CANCEL_RECV] = 32,
		[RAW_FILE_READ] = 1, [RAW_FILE_READ_FIXED] = 1,
		[RAW_TIMER_ARM] = 100000, [RAW_TIMER_CANCEL] = 100000,
		[RAW_TIMER_FIRE] = 100000,
	};
	struct raw_micro *micro;
	int rc;

	if (kind >= RAW_KINDS)
		return -EINVAL;
	if (!parameter)
		parameter = defaults[kind];
	if (kind == RAW_SWITCH || kind == RAW_FILE_PREAD)
		parameter = kind == RAW_SWITCH ? 2 : 1;
	if (parameter > (kind >= RAW_TIMER_ARM ? TIMERS_MAX : BATCH_MAX))
		return -EINVAL;

	micro = calloc(1, sizeof(*micro));
	if (!micro)
		return -ENOMEM;
	micro->kind = kind;
	micro->batch = parameter;
	micro->file = -1;
	micro->ring.uring.ring_fd = -1;
	rc = open_kind(micro);
	if (rc < 0) {
		raw_micro_close(micro);
		return rc;
	}
	*ret_micro = micro;
	return 0;
}

void raw_micro_close(struct raw_micro *micro)
{
	if (!micro)
		return;
	if (micro->ring.uring.ring_fd >= 0)
		raw_ring_close(&micro->ring);
	for (unsigned int i = 0; micro->pairs && i < micro->batch; i++) {
		close(micro->pairs[i][0]);
		close(micro->pairs[i][1]);
	}
	free(micro->pairs);
	if (micro->file >= 0)
		close(micro->file);
	if (micro->memory)
		munmap(micro->memory, (size_t)micro->batch * BLOCK_BYTES);
	if (micro->pair)
		raw_switch_close(micro->pair);
	if (micro->timers)
		raw_timers_close(micro->timers);
	free(micro);
}

uint64_t raw_micro_most(const struct raw_micro *micro)
{
	static const uint64_t most[RAW_KINDS] = {
		[RAW_TIMER_ARM] = RAW_TIMER_ARM_MOST, [RAW_TIMER_CANCEL] = RAW_TIMER_CANCEL_MOST,
		[RAW_TIMER_FIRE] = RAW_TIMER_FIRE_MOST,
	};

	return most[micro->kind];
}

uint64_t raw_micro_step(const struct raw_micro *micro)
{
	uint64_t most = raw_micro_most(micro);

	return most ? most : micro->batch;
}

void raw_micro_prepare(void *arg, uint64_t units)
{
	struct raw_micro *micro = arg;

	if (micro->kind == RAW_TIMER_ARM)
		raw_timers_make_room(micro->timers, units);
	if (micro->kind == RAW_TIMER_CANCEL || micro->kind == RAW_TIMER_FIRE)
		raw_timers_make_full(micro->timers);
}

void raw_micro_run(void *arg, uint64_t units)
{
	struct raw_micro *micro = arg;

	switch (micro->kind) {
	case RAW_NOP_BATCH:
		run_nops(micro, units, 0);
		break;
	case RAW_CHAIN:
		run_nops(micro, units, IOSQE_IO_LINK);
		break;
	case RAW_CANCEL_RECV:
		run_cancels(micro, units);
		break;
	case RAW_FILE_READ:
	case RAW_FILE_READ_FIXED:
		run_reads(micro, units);
		break;
	case RAW_FILE_PREAD:
		run_preads(micro, units);
		break;
	case RAW_SWITCH:
		raw_switch_run(micro->pair, units);
		break;
	case RAW_TIMER_ARM:
		raw_timers_arm(micro->timers, units);
		break;
	case RAW_TIMER_CANCEL:
		raw_timers_cancel(micro->timers, units);
		break;
	case RAW_TIMER_FIRE:
		raw_timers_fire(micro->timers, units);
		break;
	case RAW_KINDS:
		break;
	}
}
