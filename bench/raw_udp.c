/* SPDX-License-Identifier: MIT */
/* See raw_udp.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "raw_udp.h"
#include "raw_ring.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFERS 64u
#define BYTES 4096u
#define NAME sizeof(struct sockaddr_in)

struct raw_udp {
	struct raw_ring ring;
	bool is_shot;
	bool is_armed;			/* a receive for one datagram is in the kernel */
	unsigned int next;		/* whose memory is that one of */
	int fds[2];
	struct io_uring_buf_ring *buffers;
	char *memory;
	struct msghdr layout;
	struct msghdr headers[RAW_UDP_BATCH];
	struct iovec parts[RAW_UDP_BATCH];
	struct sockaddr_in names[RAW_UDP_BATCH];
	struct msghdr answer;
	struct iovec answer_part;
};

static void must(bool is_true, const char *what)
{
	if (__builtin_expect(is_true, 1))
		return;
	fprintf(stderr, "raw_udp: %s\n", what);
	abort();
}

int raw_udp_pair(int fds[2])
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t bytes = sizeof(to);

	fds[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fds[1] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fds[0] < 0 || fds[1] < 0 ||
	    bind(fds[0], (const struct sockaddr *)&to, sizeof(to)) < 0 ||
	    getsockname(fds[0], (struct sockaddr *)&to, &bytes) < 0 ||
	    connect(fds[1], (const struct sockaddr *)&to, bytes) < 0)
		return -errno;
	return 0;
}

void raw_udp_put(int fd, unsigned int count)
{
	static const char message[RAW_UDP_MESSAGE];

	while (count--)
		must(send(fd, message, sizeof(message), 0) == sizeof(message), "short send");
}

static struct io_uring_sqe *sqe_get(struct raw_udp *udp)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&udp->ring.uring);

	must(sqe != NULL, "no SQE is left");
	return sqe;
}

static void give_back(struct raw_udp *udp, unsigned int id)
{
	io_uring_buf_ring_add(udp->buffers, udp->memory + id * BYTES, BYTES, (unsigned short)id,
			      (int)io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(udp->buffers, 1);
}

static void arm_all(struct raw_udp *udp)
{
	struct io_uring_sqe *sqe = sqe_get(udp);

	io_uring_prep_recvmsg_multishot(sqe, udp->fds[0], &udp->layout, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	sqe->user_data = BUFFERS;
}

static void arm_one(struct raw_udp *udp, unsigned int i)
{
	struct io_uring_sqe *sqe = sqe_get(udp);

	udp->parts[i] = (struct iovec){ udp->memory + i * BYTES, BYTES };
	udp->headers[i] = (struct msghdr){ .msg_name = &udp->names[i],
					   .msg_namelen = sizeof(udp->names[i]),
					   .msg_iov = &udp->parts[i], .msg_iovlen = 1 };
	io_uring_prep_recvmsg(sqe, udp->fds[0], &udp->headers[i], 0);
	sqe->user_data = i;
}

/* Where the datagram of this CQE lies, and its address; the caller gives its buffer back. */
static char *found(struct raw_udp *udp, const struct io_uring_cqe *cqe,
		   struct sockaddr_in **ret_name)
{
	struct io_uring_recvmsg_out *out;

	if (!udp->is_shot) {
		must(cqe->res == RAW_UDP_MESSAGE, "unexpected result");
		*ret_name = &udp->names[cqe->user_data];
		return udp->parts[cqe->user_data].iov_base;
	}
	must(cqe->flags & IORING_CQE_F_BUFFER, "no buffer");
	must(cqe->flags & IORING_CQE_F_MORE, "the receive ended");
	out = io_uring_recvmsg_validate(udp->memory +
						(cqe->flags >> IORING_CQE_BUFFER_SHIFT) * BYTES,
					cqe->res, &udp->layout);
	must(out && io_uring_recvmsg_payload_length(out, cqe->res, &udp->layout) ==
			    RAW_UDP_MESSAGE, "unexpected datagram");
	*ret_name = io_uring_recvmsg_name(out);
	return io_uring_recvmsg_payload(out, &udp->layout);
}

/* -- In batches -------------------------------------------------------------------------------- */

static unsigned int reap(struct raw_udp *udp)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	struct sockaddr_in *name;

	io_uring_for_each_cqe(&udp->ring.uring, head, cqe) {
		found(udp, cqe, &name);
		if (udp->is_shot)
			give_back(udp, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
		seen++;
	}
	io_uring_cq_advance(&udp->ring.uring, seen);
	return seen;
}

void raw_udp_receive(void *arg, uint64_t units)
{
	struct raw_udp *udp = arg;

	for (; units >= RAW_UDP_BATCH; units -= RAW_UDP_BATCH) {
		unsigned int seen = 0;

		raw_udp_put(udp->fds[1], RAW_UDP_BATCH);
		for (unsigned int i = 0; i < RAW_UDP_BATCH && !udp->is_shot; i++)
			arm_one(udp, i);
		while (seen < RAW_UDP_BATCH) {
			must(raw_ring_enter(&udp->ring, RAW_UDP_BATCH - seen) >= 0,
			     "io_uring_enter failed");
			seen += reap(udp);
		}
	}
}

/* -- Answered ---------------------------------------------------------------------------------- */

static void answer(struct raw_udp *udp, char *bytes, struct sockaddr_in *name)
{
	struct io_uring_sqe *sqe = sqe_get(udp);

	udp->answer_part = (struct iovec){ bytes, RAW_UDP_MESSAGE };
	udp->answer = (struct msghdr){ .msg_name = name, .msg_namelen = sizeof(*name),
				       .msg_iov = &udp->answer_part, .msg_iovlen = 1 };
	io_uring_prep_sendmsg(sqe, udp->fds[0], &udp->answer, 0);
	sqe->user_data = BUFFERS + 1;
}

/*
 * The receive is in the kernel before the datagram comes, as in a server that waits; one that is
 * for one datagram goes along with the answer to the one before.
 */
static void echo_one(struct raw_udp *udp)
{
	struct io_uring_cqe *cqe;
	struct sockaddr_in *name;
	char bytes[RAW_UDP_MESSAGE], *at;
	uint32_t flags;

	raw_udp_put(udp->fds[1], 1);
	must(raw_ring_enter(&udp->ring, 1) >= 0, "io_uring_enter failed");
	must(io_uring_peek_cqe(&udp->ring.uring, &cqe) == 0, "no datagram came");
	at = found(udp, cqe, &name);
	flags = cqe->flags;
	io_uring_cq_advance(&udp->ring.uring, 1);
	answer(udp, at, name);
	if (!udp->is_shot)
		arm_one(udp, udp->next ^= 1);
	must(raw_ring_enter(&udp->ring, 1) >= 0, "io_uring_enter failed");
	must(io_uring_peek_cqe(&udp->ring.uring, &cqe) == 0 && cqe->res == RAW_UDP_MESSAGE,
	     "short answer");
	io_uring_cq_advance(&udp->ring.uring, 1);
	if (udp->is_shot)
		give_back(udp, flags >> IORING_CQE_BUFFER_SHIFT);
	must(recv(udp->fds[1], bytes, sizeof(bytes), 0) == sizeof(bytes), "no answer came");
}

void raw_udp_echo(void *arg, uint64_t units)
{
	struct raw_udp *udp = arg;

	if (!udp->is_shot && !udp->is_armed) {
		arm_one(udp, 0);
		must(raw_ring_submit(&udp->ring) == 1, "short submit");
		udp->is_armed = true;
	}
	while (units--)
		echo_one(udp);
}

/* -- The whole --------------------------------------------------------------------------------- */

static int open_shot(struct raw_udp *udp)
{
	int rc;

	udp->layout = (struct msghdr){ .msg_namelen = NAME };
	udp->buffers = io_uring_setup_buf_ring(&udp->ring.uring, BUFFERS, 0, 0, &rc);
	if (!udp->buffers)
		return rc;
	for (unsigned int i = 0; i < BUFFERS; i++)
		give_back(udp, i);
	arm_all(udp);
	rc = raw_ring_submit(&udp->ring);
	return rc < 0 ? rc : 0;
}

int raw_udp_open(bool is_shot, struct raw_udp **ret_udp)
{
	struct raw_udp *udp = calloc(1, sizeof(*udp));
	int rc;

	if (!udp)
		return -ENOMEM;
	rc = raw_ring_open(&udp->ring, RAW_UDP_BATCH, 4 * RAW_UDP_BATCH);
	if (rc < 0) {
		free(udp);
		return rc;
	}
	udp->is_shot = is_shot;
	udp->fds[0] = udp->fds[1] = -1;
	udp->memory = mmap(NULL, BUFFERS * BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	rc = udp->memory == MAP_FAILED ? -ENOMEM : raw_udp_pair(udp->fds);
	if (rc == 0 && is_shot)
		rc = open_shot(udp);
	if (rc < 0) {
		raw_udp_close(udp);
		return rc;
	}
	*ret_udp = udp;
	return 0;
}

void raw_udp_close(struct raw_udp *udp)
{
	if (!udp)
		return;
	if (udp->buffers)
		io_uring_free_buf_ring(&udp->ring.uring, udp->buffers, BUFFERS, 0);
	raw_ring_close(&udp->ring);
	for (int i = 0; i < 2; i++)
		if (udp->fds[i] >= 0)
			close(udp->fds[i]);
	if (udp->memory != MAP_FAILED)
		munmap(udp->memory, BUFFERS * BYTES);
	free(udp);
}
