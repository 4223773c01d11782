/* SPDX-License-Identifier: MIT */
/*
 * See raw_features.h. Messages are put into sockets by plain write(2), with and without a feature
 * alike, so that only the receiving side differs. A failure aborts: work that was not done would
 * look fast.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "raw_features.h"
#include "raw_ring.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BATCH 32u
#define LINKS 8u
#define ACCEPTS 8u
#define MESSAGE 64u
#define BLOCK 4096u
#define BLOCKS 256u
#define SEND_MAX 1048576u
#define MEMORY_BYTES ((size_t)2 * SEND_MAX)	/* BUFFERS blocks, or a send and what is received */
#define BUFFERS 64u
#define GROUP 0

struct raw_work {
	enum raw_feature feature;
	bool with;
	uint64_t step;
	void (*run)(struct raw_work *work);	/* step units */
	struct raw_ring ring;
	struct raw_ring other;			/* RAW_MSG_RING */
	bool has_ring, has_other;
	int fds[2 * BATCH];			/* pairs: even ends receive; -1: none */
	char *memory;				/* BATCH blocks */
	struct io_uring_buf_ring *buffer_ring;
	unsigned int block;
	uint64_t word;				/* read from the eventfd */
	struct sockaddr_un address;
	socklen_t address_bytes;
};

static void must(bool is_true, const char *what)
{
	if (__builtin_expect(is_true, 1))
		return;
	fprintf(stderr, "raw_features: %s\n", what);
	abort();
}

static struct io_uring_sqe *sqe_get(struct raw_work *work)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&work->ring.uring);

	must(sqe != NULL, "no SQE is left");
	return sqe;
}

/* -- Completions ------------------------------------------------------------------------------- */

static void give_back(struct raw_work *work, unsigned int id)
{
	io_uring_buf_ring_add(work->buffer_ring, work->memory + id * BLOCK, BLOCK,
			      (unsigned short)id, (int)io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(work->buffer_ring, 1);
}

/* Consumes what is there: each must have this result; -1: anything but an error. */
static unsigned int reap(struct raw_work *work, struct raw_ring *ring, int expected)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;

	io_uring_for_each_cqe(&ring->uring, head, cqe) {
		must(expected < 0 ? cqe->res >= 0 : cqe->res == expected, "unexpected result");
		if (cqe->flags & IORING_CQE_F_BUFFER)
			give_back(work, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
		if (work->feature == RAW_MULTISHOT_ACCEPT)
			close(cqe->res);
		seen++;
	}
	io_uring_cq_advance(&ring->uring, seen);
	return seen;
}

/* Submits, and waits until so many have completed. */
static void complete(struct raw_work *work, unsigned int count, int expected)
{
	unsigned int seen = 0;

	while (seen < count) {
		must(raw_ring_enter(&work->ring, count - seen) >= 0, "io_uring_enter failed");
		seen += reap(work, &work->ring, expected);
	}
	must(seen == count, "too many completions");
}

/* -- NOPs -------------------------------------------------------------------------------------- */

static void run_nops(struct raw_work *work)
{
	bool is_linked = work->feature == RAW_LINKS && work->with;
	bool is_alone = work->feature == RAW_RING_FD || (work->feature == RAW_BATCH && !work->with);

	for (uint64_t i = 0; i < work->step; i++) {
		struct io_uring_sqe *sqe = sqe_get(work);

		io_uring_prep_nop(sqe);
		if (is_linked && i + 1 < work->step)
			sqe->flags |= IOSQE_IO_LINK;
		if (is_alone)
			complete(work, 1, 0);
	}
	if (!is_alone)
		complete(work, (unsigned int)work->step, 0);
}

/* -- Files ------------------------------------------------------------------------------------- */

static void run_reads(struct raw_work *work)
{
	bool is_file = work->feature == RAW_FILES && work->with;
	bool is_buffer = work->feature == RAW_BUFFERS && work->with;

	for (unsigned int i = 0; i < BATCH; i++) {
		struct io_uring_sqe *sqe = sqe_get(work);
		uint64_t offset = (uint64_t)(work->block++ % BLOCKS) * BLOCK;
		char *at = work->memory + i * BLOCK;

		if (is_buffer)
			io_uring_prep_read_fixed(sqe, work->fds[0], at, BLOCK, offset, 0);
		else
			io_uring_prep_read(sqe, is_file ? 0 : work->fds[0], at, BLOCK, offset);
		if (is_file)
			sqe->flags |= IOSQE_FIXED_FILE;
	}
	complete(work, BATCH, BLOCK);
}

static int open_file(struct raw_work *work)
{
	const struct iovec all = { work->memory, (size_t)BATCH * BLOCK };
	const char *folder = getenv("TMPDIR");
	int fd = open(folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	work->fds[0] = fd;
	for (unsigned int i = 0; i < BLOCKS; i++)
		if (pwrite(fd, work->memory, BLOCK, (off_t)i * BLOCK) != BLOCK)
			return -EIO;
	if (fsync(fd) < 0)
		return -errno;
	if (!work->with)
		return 0;
	return work->feature == RAW_FILES ? io_uring_register_files(&work->ring.uring, &fd, 1)
					  : io_uring_register_buffers(&work->ring.uring, &all, 1);
}

/* -- Messages ---------------------------------------------------------------------------------- */

static void arm_recv(struct raw_work *work, unsigned int i)
{
	struct io_uring_sqe *sqe = sqe_get(work);
	bool is_provided = work->buffer_ring != NULL;

	if (work->feature == RAW_MULTISHOT_RECV && work->with)
		io_uring_prep_recv_multishot(sqe, work->fds[2 * i], NULL, 0, 0);
	else
		io_uring_prep_recv(sqe, work->fds[2 * i],
				   is_provided ? NULL : work->memory + i * BLOCK,
				   is_provided ? 0 : BLOCK, 0);
	if (is_provided) {
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
	}
}

static void write_messages(struct raw_work *work)
{
	static const char message[MESSAGE];

	for (unsigned int i = 0; i < BATCH; i++)
		must(write(work->fds[2 * i + 1], message, MESSAGE) == MESSAGE, "short write");
}

/* What is there already is taken at once. */
static void run_recvs(struct raw_work *work)
{
	write_messages(work);
	for (unsigned int i = 0; i < BATCH; i++)
		arm_recv(work, i);
	complete(work, BATCH, MESSAGE);
}

/* What comes later is taken by task work: that is where DEFER_TASKRUN and multishot count. */
static void run_armed_recvs(struct raw_work *work)
{
	if (!(work->feature == RAW_MULTISHOT_RECV && work->with)) {
		for (unsigned int i = 0; i < BATCH; i++)
			arm_recv(work, i);
		must(raw_ring_submit(&work->ring) == BATCH, "short submit");
	}
	write_messages(work);
	complete(work, BATCH, MESSAGE);
}

static int open_pairs(struct raw_work *work)
{
	for (unsigned int i = 0; i < BATCH; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, work->fds + 2 * i) < 0)
			return -errno;
	return 0;
}

static int open_buffers(struct raw_work *work)
{
	int rc;

	work->buffer_ring = io_uring_setup_buf_ring(&work->ring.uring, BUFFERS, GROUP, 0, &rc);
	if (!work->buffer_ring)
		return rc;
	for (unsigned int i = 0; i < BUFFERS; i++)
		give_back(work, i);
	return 0;
}

static int open_messages(struct raw_work *work)
{
	int rc = open_pairs(work);

	if (rc == 0 && (work->feature == RAW_MULTISHOT_RECV ||
			(work->feature == RAW_BUFFER_RING && work->with)))
		rc = open_buffers(work);
	if (rc < 0 || work->feature != RAW_MULTISHOT_RECV || !work->with)
		return rc;
	for (unsigned int i = 0; i < BATCH; i++)
		arm_recv(work, i);
	rc = raw_ring_submit(&work->ring);
	return rc < 0 ? rc : 0;
}

/* -- Accepts ----------------------------------------------------------------------------------- */

static void arm_accept(struct raw_work *work)
{
	struct io_uring_sqe *sqe = sqe_get(work);

	if (work->with)
		io_uring_prep_multishot_accept(sqe, work->fds[0], NULL, NULL, SOCK_CLOEXEC);
	else
		io_uring_prep_accept(sqe, work->fds[0], NULL, NULL, SOCK_CLOEXEC);
}

static void run_accepts(struct raw_work *work)
{
	int clients[ACCEPTS];

	for (unsigned int i = 0; i < ACCEPTS; i++) {
		if (!work->with)
			arm_accept(work);
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		must(connect(clients[i], (const struct sockaddr *)&work->address,
			     work->address_bytes) == 0, "connect failed");
	}
	complete(work, ACCEPTS, -1);
	for (unsigned int i = 0; i < ACCEPTS; i++)
		close(clients[i]);
}

static int open_listener(struct raw_work *work)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	work->fds[0] = fd;
	work->address.sun_family = AF_UNIX;
	/* The kernel chooses an abstract name. */
	work->address_bytes = sizeof(work->address);
	if (bind(fd, (const struct sockaddr *)&work->address, sizeof(sa_family_t)) < 0 ||
	    listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&work->address, &work->address_bytes) < 0)
		return -errno;
	if (!work->with)
		return 0;
	arm_accept(work);
	return raw_ring_submit(&work->ring) < 0 ? -EINVAL : 0;
}

/* -- Polls ------------------------------------------------------------------------------------- */

static void arm_poll(struct raw_work *work, unsigned int i)
{
	struct io_uring_sqe *sqe = sqe_get(work);

	if (work->with)
		io_uring_prep_poll_multishot(sqe, work->fds[i], POLLIN);
	else
		io_uring_prep_poll_add(sqe, work->fds[i], POLLIN);
}

static void run_polls(struct raw_work *work)
{
	for (unsigned int i = 0; i < BATCH && !work->with; i++)
		arm_poll(work, i);
	if (!work->with)
		must(raw_ring_submit(&work->ring) == BATCH, "short submit");
	for (unsigned int i = 0; i < BATCH; i++)
		must(eventfd_write(work->fds[i], 1) == 0, "an eventfd failed");
	complete(work, BATCH, -1);
	for (unsigned int i = 0; i < BATCH; i++)
		must(eventfd_read(work->fds[i], &work->word) == 0, "an eventfd failed");
}

static int open_polls(struct raw_work *work)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		work->fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (work->fds[i] < 0)
			return -errno;
		if (work->with)
			arm_poll(work, i);
	}
	return work->with && raw_ring_submit(&work->ring) < 0 ? -EINVAL : 0;
}

/* -- Zero-copy --------------------------------------------------------------------------------- */

static size_t send_bytes(const struct raw_work *work)
{
	static const size_t sizes[] = { 4096, 16384, 65536, 262144, SEND_MAX, 65536 };

	return sizes[work->feature - RAW_SEND_ZC_4K];
}

/* Counts sends, and notices that the buffer is free. */
static void take_sends(struct raw_work *work, unsigned int *sent, unsigned int *noticed)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;

	io_uring_for_each_cqe(&work->ring.uring, head, cqe) {
		bool is_notice = cqe->flags & IORING_CQE_F_NOTIF;

		must(is_notice || cqe->res == (int)send_bytes(work), "short send");
		*(is_notice ? noticed : sent) += 1;
		seen++;
	}
	io_uring_cq_advance(&work->ring.uring, seen);
}

/* Of a socket that we read ourselves; 0: somebody else does. */
static size_t receive_some(struct raw_work *work, size_t left)
{
	ssize_t n = recv(work->fds[0], work->memory + SEND_MAX, left, MSG_DONTWAIT);

	must(n > 0 || errno == EAGAIN, "recv failed");
	return n > 0 ? (size_t)n : 0;
}

/* Until all was received, and the network is done with the buffer, too. */
static void run_sends(struct raw_work *work)
{
	size_t bytes = send_bytes(work), left = work->fds[0] >= 0 ? bytes : 0;
	bool is_fixed = work->with && work->feature == RAW_SEND_ZC_FIXED;
	bool is_copied = !work->with && work->feature != RAW_SEND_ZC_FIXED;
	unsigned int sent = 0, noticed = is_copied;
	struct io_uring_sqe *sqe = sqe_get(work);

	if (!is_copied)
		io_uring_prep_send_zc(sqe, work->fds[1], work->memory, bytes, MSG_WAITALL,
				      is_fixed ? IORING_RECVSEND_FIXED_BUF : 0);
	else
		io_uring_prep_send(sqe, work->fds[1], work->memory, bytes, MSG_WAITALL);
	while (!sent || left || !noticed) {
		must(raw_ring_enter(&work->ring, left ? 0 : 1) >= 0, "io_uring_enter failed");
		take_sends(work, &sent, &noticed);
		if (left)
			left -= receive_some(work, left);
	}
}

/* HOST:PORT */
static int open_sink(struct raw_work *work, const char *sink)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(sink, ':');
	struct addrinfo *found;
	char host[256];
	int rc = 0;

	if (!colon || (size_t)(colon - sink) >= sizeof(host))
		return -EINVAL;
	memcpy(host, sink, (size_t)(colon - sink));
	host[colon - sink] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return -EADDRNOTAVAIL;
	work->fds[1] = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(work->fds[1], found->ai_addr, found->ai_addrlen) < 0)
		rc = -errno;
	freeaddrinfo(found);
	return rc;
}

static int open_tcp(struct raw_work *work)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t bytes = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int room = 262144, rc = 0;

	work->fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(work->fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (bind(listener, (const struct sockaddr *)&address, bytes) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &bytes) < 0 ||
	    connect(work->fds[1], (const struct sockaddr *)&address, bytes) < 0)
		rc = -errno;
	else
		work->fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return rc == 0 && work->fds[0] < 0 ? -errno : rc;
}

static int open_sends(struct raw_work *work)
{
	const struct iovec all = { work->memory, SEND_MAX };
	const char *sink = getenv("COIL_BENCH_SINK");
	bool is_fixed = work->with && work->feature == RAW_SEND_ZC_FIXED;
	int rc = is_fixed ? io_uring_register_buffers(&work->ring.uring, &all, 1) : 0;

	return rc < 0 ? rc : sink ? open_sink(work, sink) : open_tcp(work);
}

/* -- Words for another ring -------------------------------------------------------------------- */

static void run_words(struct raw_work *work)
{
	struct io_uring_sqe *sqe;

	if (work->with) {
		sqe = sqe_get(work);
		io_uring_prep_msg_ring(sqe, work->other.uring.ring_fd, 1, 2, 0);
		complete(work, 1, 0);
	} else {
		sqe = io_uring_get_sqe(&work->other.uring);
		io_uring_prep_read(sqe, work->fds[0], &work->word, sizeof(work->word), 0);
		must(raw_ring_submit(&work->other) == 1, "short submit");
		must(eventfd_write(work->fds[0], 1) == 0, "an eventfd failed");
	}
	must(raw_ring_enter(&work->other, 1) >= 0, "io_uring_enter failed");
	must(reap(work, &work->other, -1) == 1, "the word did not come");
}

static int open_words(struct raw_work *work)
{
	int rc = raw_ring_open(&work->other, 8, 32);

	if (rc < 0)
		return rc;
	work->has_other = true;
	work->fds[0] = eventfd(0, EFD_CLOEXEC);
	return work->fds[0] < 0 ? -errno : 0;
}

/* -- The whole --------------------------------------------------------------------------------- */

#define SENDS { 1, run_sends, open_sends }
static const struct {
	uint64_t step;
	void (*run)(struct raw_work *work);
	int (*open)(struct raw_work *work);	/* NULL: the ring is enough */
} works[RAW_FEATURES] = {
	[RAW_BATCH] = { BATCH, run_nops, NULL },
	[RAW_LINKS] = { LINKS, run_nops, NULL },
	[RAW_RING_FD] = { 1, run_nops, NULL },
	[RAW_DEFER] = { BATCH, run_armed_recvs, open_messages },
	[RAW_FILES] = { BATCH, run_reads, open_file },
	[RAW_BUFFERS] = { BATCH, run_reads, open_file },
	[RAW_BUFFER_RING] = { BATCH, run_recvs, open_messages },
	[RAW_MULTISHOT_RECV] = { BATCH, run_armed_recvs, open_messages },
	[RAW_MULTISHOT_ACCEPT] = { ACCEPTS, run_accepts, open_listener },
	[RAW_MULTISHOT_POLL] = { BATCH, run_polls, open_polls },
	[RAW_SEND_ZC_4K] = SENDS, [RAW_SEND_ZC_16K] = SENDS, [RAW_SEND_ZC] = SENDS,
	[RAW_SEND_ZC_256K] = SENDS, [RAW_SEND_ZC_1M] = SENDS, [RAW_SEND_ZC_FIXED] = SENDS,
	[RAW_MSG_RING] = { 1, run_words, open_words },
};

/* As raw_ring_open(), but without DEFER_TASKRUN. */
static int open_coop_ring(struct raw_ring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = 4 * BATCH,
	};
	int rc;

	memset(ring, 0, sizeof(*ring));
	rc = io_uring_queue_init_params(BATCH, &ring->uring, &params);
	if (rc < 0)
		return rc;
	rc = io_uring_register_ring_fd(&ring->uring);
	if (rc < 0) {
		io_uring_queue_exit(&ring->uring);
		return rc;
	}
	ring->enter_flags = IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING;
	return 0;
}

static int open_ring(struct raw_work *work)
{
	int rc;

	if (work->feature == RAW_DEFER && !work->with)
		rc = open_coop_ring(&work->ring);
	else
		rc = raw_ring_open(&work->ring, BATCH, 4 * BATCH);
	if (rc < 0)
		return rc;
	work->has_ring = true;
	if (work->feature == RAW_RING_FD && !work->with) {
		rc = io_uring_unregister_ring_fd(&work->ring.uring);
		work->ring.enter_flags &= ~IORING_ENTER_REGISTERED_RING;
	}
	return rc < 0 ? rc : 0;
}

int raw_work_open(enum raw_feature feature, bool with, struct raw_work **ret_work)
{
	struct raw_work *work = calloc(1, sizeof(*work));
	int rc;

	if (!work)
		return -ENOMEM;
	work->feature = feature;
	work->with = with;
	work->step = works[feature].step;
	work->run = works[feature].run;
	for (unsigned int i = 0; i < 2 * BATCH; i++)
		work->fds[i] = -1;
	work->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	rc = work->memory == MAP_FAILED ? -ENOMEM : open_ring(work);
	if (rc == 0 && works[feature].open)
		rc = works[feature].open(work);
	if (rc < 0) {
		raw_work_close(work);
		return rc;
	}
	*ret_work = work;
	return 0;
}

void raw_work_close(struct raw_work *work)
{
	if (!work)
		return;
	if (work->buffer_ring)
		io_uring_free_buf_ring(&work->ring.uring, work->buffer_ring, BUFFERS, GROUP);
	if (work->has_ring)
		raw_ring_close(&work->ring);
	if (work->has_other)
		raw_ring_close(&work->other);
	for (unsigned int i = 0; i < 2 * BATCH; i++)
		if (work->fds[i] >= 0)
			close(work->fds[i]);
	if (work->memory != MAP_FAILED)
		munmap(work->memory, MEMORY_BYTES);
	free(work);
}

uint64_t raw_work_step(const struct raw_work *work)
{
	return work->step;
}

void raw_work_run(void *arg, uint64_t units)
{
	struct raw_work *work = arg;

	for (; units >= work->step; units -= work->step)
		work->run(work);
}
