/* SPDX-License-Identifier: MIT */
/*
 * See raw_bulk.h. What comes is written by plain write(2), with and without a feature alike, so
 * that only the receiving side differs; it comes while the receive is armed, as task work has it. A
 * failure aborts: work that was not done would look fast.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "raw_bulk.h"
#include "raw_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 8u
#define GROUP 0
#define MEMORY_BYTES 1048576u

/* Newer than the headers may be. */
#define BULK_RECVSEND_BUNDLE (1U << 4)	/* 6.10 */
#define BULK_PBUF_RING_INC 2U		/* 6.12 */
#define BULK_CQE_BUF_MORE (1U << 4)

struct raw_bulk {
	enum raw_bulk_feature feature;
	bool with;
	struct raw_ring ring;
	bool has_ring;
	int fds[2 * PAIRS];		/* even ends receive */
	char *memory;
	struct io_uring_buf_ring *buffers;
	unsigned int buffer_bytes;
	unsigned int buffer_count;
	size_t message_bytes;
};

static void must(bool is_true, const char *what)
{
	if (__builtin_expect(is_true, 1))
		return;
	fprintf(stderr, "raw_bulk: %s\n", what);
	abort();
}

static void give(struct raw_bulk *bulk, unsigned int id)
{
	io_uring_buf_ring_add(bulk->buffers, bulk->memory + (size_t)id * bulk->buffer_bytes,
			      bulk->buffer_bytes, (unsigned short)id,
			      (int)io_uring_buf_ring_mask(bulk->buffer_count), 0);
	io_uring_buf_ring_advance(bulk->buffers, 1);
}

static bool arm(struct raw_bulk *bulk, unsigned int pair)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&bulk->ring.uring);

	if (!sqe)
		return false;
	io_uring_prep_recv_multishot(sqe, bulk->fds[2 * pair], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->user_data = pair;
	if (bulk->feature != RAW_INCREMENTAL && bulk->with)
		sqe->ioprio |= BULK_RECVSEND_BUNDLE;
	return true;
}

/* A bundle is of consecutive buffers, from the one that it names; one that is cut stays. */
static void give_back(struct raw_bulk *bulk, const struct io_uring_cqe *cqe)
{
	unsigned int id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	unsigned int count = ((unsigned int)cqe->res + bulk->buffer_bytes - 1) / bulk->buffer_bytes;

	if (cqe->flags & BULK_CQE_BUF_MORE)
		return;
	if (bulk->feature == RAW_INCREMENTAL && bulk->with)
		count = 1;
	for (unsigned int i = 0; i < count; i++)
		give(bulk, (id + i) % bulk->buffer_count);
}

static size_t reap(struct raw_bulk *bulk)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	size_t bytes = 0;

	io_uring_for_each_cqe(&bulk->ring.uring, head, cqe) {
		must(cqe->res > 0 || cqe->res == -ENOBUFS, "a receive failed");
		if (cqe->flags & IORING_CQE_F_BUFFER)
			give_back(bulk, cqe);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			must(arm(bulk, (unsigned int)cqe->user_data), "no SQE is left");
		bytes += cqe->res > 0 ? (size_t)cqe->res : 0;
		seen++;
	}
	io_uring_cq_advance(&bulk->ring.uring, seen);
	return bytes;
}

void raw_bulk_run(void *arg, uint64_t units)
{
	static const char message[65536];
	struct raw_bulk *bulk = arg;

	for (; units >= PAIRS; units -= PAIRS) {
		size_t left = PAIRS * bulk->message_bytes;

		for (unsigned int i = 0; i < PAIRS; i++)
			must(write(bulk->fds[2 * i + 1], message, bulk->message_bytes) ==
			     (ssize_t)bulk->message_bytes, "short write");
		while (left) {
			must(raw_ring_enter(&bulk->ring, 1) >= 0, "io_uring_enter failed");
			left -= reap(bulk);
		}
	}
}

static int open_buffers(struct raw_bulk *bulk)
{
	bool is_incremental = bulk->feature == RAW_INCREMENTAL && bulk->with;
	unsigned int flags = is_incremental ? BULK_PBUF_RING_INC : 0;
	int rc;

	bulk->buffers = io_uring_setup_buf_ring(&bulk->ring.uring, bulk->buffer_count, GROUP, flags,
						&rc);
	if (!bulk->buffers)
		return rc;
	for (unsigned int i = 0; i < bulk->buffer_count; i++)
		give(bulk, i);
	return 0;
}

/* Unix streams: of a TCP socket the network would be most of it. */
static int open_pairs(struct raw_bulk *bulk)
{
	const int room = 4 * 65536;

	for (unsigned int i = 0; i < PAIRS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bulk->fds + 2 * i) < 0)
			return -errno;
		setsockopt(bulk->fds[2 * i + 1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		if (!arm(bulk, i))
			return -EBUSY;
	}
	return raw_ring_submit(&bulk->ring) < 0 ? -EINVAL : 0;
}

/* Does the kernel know it? An armed receive that it does not is refused at once. */
static int look(struct raw_bulk *bulk)
{
	struct io_uring_cqe *cqe;

	if (raw_ring_enter(&bulk->ring, 0) < 0)
		return -EINVAL;
	return io_uring_peek_cqe(&bulk->ring.uring, &cqe) == 0 ? cqe->res : 0;
}

int raw_bulk_open(enum raw_bulk_feature feature, bool with, struct raw_bulk **ret_bulk)
{
	struct raw_bulk *bulk = calloc(1, sizeof(*bulk));
	bool is_large = (feature == RAW_INCREMENTAL && with) ||
			(feature == RAW_BUNDLE_OR_LARGE && !with);
	int rc;

	if (!bulk)
		return -ENOMEM;
	bulk->feature = feature;
	bulk->with = with;
	bulk->message_bytes = feature == RAW_INCREMENTAL ? 256 : 65536;
	bulk->buffer_bytes = is_large ? 65536 : 4096;
	bulk->buffer_count = is_large ? 8 : 64;
	for (unsigned int i = 0; i < 2 * PAIRS; i++)
		bulk->fds[i] = -1;
	bulk->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	rc = bulk->memory == MAP_FAILED ? -ENOMEM : raw_ring_open(&bulk->ring, 32, 512);
	bulk->has_ring = rc == 0;
	if (rc == 0)
		rc = open_buffers(bulk);
	if (rc == 0)
		rc = open_pairs(bulk);
	if (rc == 0)
		rc = look(bulk);
	if (rc < 0) {
		raw_bulk_close(bulk);
		return rc;
	}
	*ret_bulk = bulk;
	return 0;
}

void raw_bulk_close(struct raw_bulk *bulk)
{
	if (!bulk)
		return;
	if (bulk->buffers)
		io_uring_free_buf_ring(&bulk->ring.uring, bulk->buffers, bulk->buffer_count, GROUP);
	if (bulk->has_ring)
		raw_ring_close(&bulk->ring);
	for (unsigned int i = 0; i < 2 * PAIRS; i++)
		if (bulk->fds[i] >= 0)
			close(bulk->fds[i]);
	if (bulk->memory != MAP_FAILED)
		munmap(bulk->memory, MEMORY_BYTES);
	free(bulk);
}

uint64_t raw_bulk_step(void)
{
	return PAIRS;
}
