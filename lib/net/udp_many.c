/* SPDX-License-Identifier: MIT */
/*
 * Several datagrams in one submission: an operation for each, side by side. The socket keeps the
 * memory of the largest batch, so that a steady state allocates nothing.
 */
#include "net/udp.h"

#include "loop/prep_net.h"
#include "task/await.h"

#include <errno.h>
#include <linux/udp.h>
#include <string.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif

#define SEGMENTS_MAX 64		/* UDP_MAX_SEGMENTS of older kernels */
#define DATAGRAM_MAX 65507	/* over IPv4, the smaller one */

struct batch {
	struct coil_udp *udp;
	struct udp_user user;
	struct coil_op *ops;
	struct udp_slot *slots;
	size_t n;
	void *memory;
	size_t bytes;
};

/* The allocator's alignment is less than that of an operation. */
static void *align(void *memory)
{
	uintptr_t mask = _Alignof(struct coil_op) - 1;

	return (void *)(((uintptr_t)memory + mask) & ~mask);
}

static int batch_open(struct batch *batch, struct coil_udp *udp, size_t n)
{
	size_t bytes = n * (sizeof *batch->ops + sizeof *batch->slots) + _Alignof(struct coil_op);
	const struct coil_alloc *alloc = udp->loop->alloc;
	void *memory;
	int rc;

	if (udp->spare && udp->spare_bytes >= bytes) {
		memory = udp->spare;
		bytes = udp->spare_bytes;
		udp->spare = NULL;
		udp->spare_bytes = 0;
	} else {
		memory = alloc->alloc(alloc->context, bytes);
	}
	if (!memory)
		return -ENOMEM;
	*batch = (struct batch){ .udp = udp, .n = n, .memory = memory, .bytes = bytes };
	batch->ops = align(memory);
	batch->slots = (struct udp_slot *)(void *)(batch->ops + n);
	rc = udp_enter(udp, &batch->user);
	if (rc < 0)
		alloc_free(alloc, memory, bytes);
	return rc;
}

static int batch_close(struct batch *batch, int rc)
{
	struct coil_udp *udp = batch->udp;
	void *memory = batch->memory;
	size_t bytes = batch->bytes;

	if (bytes > udp->spare_bytes) {
		void *smaller = udp->spare;
		size_t smaller_bytes = udp->spare_bytes;

		udp->spare = memory;
		udp->spare_bytes = bytes;
		memory = smaller;
		bytes = smaller_bytes;
	}
	alloc_free(udp->loop->alloc, memory, bytes);
	return udp_leave(udp, &batch->user, rc);
}

static size_t cut_count(size_t n)
{
	return n < COIL_UDP_MANY_MAX ? n : COIL_UDP_MANY_MAX;
}

static bool has_fds(const struct coil_udp_message *messages, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (messages[i].fds)
			return true;
	return false;
}

/* -- Send ----------------------------------------------------------------------------------------
 */

/* Sets the results of all that cannot be sent, and stages the others without a gap. */
static size_t stage_sends(struct batch *batch, struct coil_udp_message *messages)
{
	size_t staged = 0;

	for (size_t i = 0; i < batch->n; i++) {
		struct udp_slot *slot = &batch->slots[staged];
		struct coil_udp_message *message = &messages[i];

		message->result = message->len > INT32_MAX ? -EMSGSIZE
							   : udp_slot_send(batch->udp, slot,
									   message);
		if (message->result == 0)
			op_prep_sendmsg(&batch->ops[staged++], batch->udp->fd, &slot->header,
					MSG_NOSIGNAL);
	}
	return staged;
}

/* How many were sent, or the first error. */
static int collect_sends(struct batch *batch, struct coil_udp_message *messages, int rc)
{
	size_t staged = 0;
	int error = 0;
	int sent = 0;

	for (size_t i = 0; i < batch->n; i++) {
		if (messages[i].result == 0)
			messages[i].result = batch->ops[staged++].future.result;
		udp_note_sent(batch->udp, messages[i].result);
		if (messages[i].result >= 0)
			sent++;
		else if (!error)
			error = messages[i].result;
	}
	return sent ? sent : rc < 0 ? rc : error;
}

int coil_udp_send_many(struct coil_udp *udp, struct coil_udp_message *messages, size_t n)
{
	struct batch batch;
	size_t staged;
	int rc;

	udp_check_use(udp);
	n = cut_count(n);
	if (has_fds(messages, n))
		return -EINVAL;
	if (n == 0)
		return 0;
	rc = batch_open(&batch, udp, n);
	if (rc < 0)
		return rc;
	staged = stage_sends(&batch, messages);
	rc = staged ? udp_await(udp, &batch.user, batch.ops, staged) : 0;
	return batch_close(&batch, collect_sends(&batch, messages, rc));
}

/* -- Segments ------------------------------------------------------------------------------------
 */

/* Does the kernel cut? The simulated one does not, and would not say so in a send. */
static bool has_gso(struct coil_udp *udp)
{
	int segment = 0;
	socklen_t bytes = sizeof segment;

	if (udp->gso == UDP_GSO_UNKNOWN) {
		int rc = udp->loop->driver->ops->calls->getsockopt(udp->fd, SOL_UDP, UDP_SEGMENT,
								   &segment, &bytes);

		udp->gso = rc == 0 ? UDP_GSO_WORKS : UDP_GSO_LACKS;
	}
	return udp->gso == UDP_GSO_WORKS;
}

static void add_segment(struct udp_slot *slot, uint32_t segment)
{
	uint16_t value = (uint16_t)segment;
	struct cmsghdr *head = (struct cmsghdr *)(void *)slot->control.bytes;

	memset(&slot->control, 0, sizeof slot->control);
	head->cmsg_level = SOL_UDP;
	head->cmsg_type = UDP_SEGMENT;
	head->cmsg_len = CMSG_LEN(sizeof value);
	memcpy(CMSG_DATA(head), &value, sizeof value);
	slot->header.msg_control = slot->control.bytes;
	slot->header.msg_controllen = CMSG_SPACE(sizeof value);
}

/* How many bytes one send takes along. */
static size_t piece_bytes(uint32_t segment, bool is_cut)
{
	size_t count = DATAGRAM_MAX / segment;

	if (!is_cut)
		return segment;
	return (count < SEGMENTS_MAX ? count : SEGMENTS_MAX) * segment;
}

/* Bytes that were sent without a gap, or the first error. */
static int collect_pieces(struct batch *batch, uint32_t segment, int rc)
{
	struct coil_udp *udp = batch->udp;
	size_t sent = 0;
	bool is_whole = true;

	for (size_t i = 0; i < batch->n; i++) {
		int result = batch->ops[i].future.result;

		if (result < 0) {
			if (is_whole && sent == 0)
				rc = rc < 0 ? rc : result;
			is_whole = false;
			udp->stats.send_errors++;
			continue;
		}
		sent += is_whole ? (size_t)result : 0;
		udp->stats.sent += ((uint64_t)result + segment - 1) / segment;
		udp->stats.sent_bytes += (uint64_t)result;
	}
	return sent ? (int)sent : rc;
}

/* One submission of at most COIL_UDP_MANY_MAX sends, from the start of @message. */
static int send_pieces(struct coil_udp *udp, const struct coil_udp_message *message, bool is_cut)
{
	size_t piece = piece_bytes(message->segment, is_cut);
	struct coil_udp_message part = *message;
	struct batch batch;
	int rc = batch_open(&batch, udp, cut_count((message->len + piece - 1) / piece));

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < batch.n; i++) {
		size_t left = message->len - i * piece;

		part.buf = (char *)message->buf + i * piece;
		part.len = left < piece ? left : piece;
		rc = udp_slot_send(udp, &batch.slots[i], &part);
		if (is_cut && part.len > message->segment)
			add_segment(&batch.slots[i], message->segment);
		op_prep_sendmsg(&batch.ops[i], udp->fd, &batch.slots[i].header, MSG_NOSIGNAL);
	}
	if (rc == 0) {
		rc = udp_await(udp, &batch.user, batch.ops, batch.n);
		rc = collect_pieces(&batch, message->segment, rc < 0 ? rc : 0);
	}
	return batch_close(&batch, rc);
}

/* -EIO: the device lacks checksums; -EINVAL: a segment would have to be fragmented. */
static int send_some(struct coil_udp *udp, const struct coil_udp_message *message)
{
	bool is_cut = has_gso(udp);
	int rc = send_pieces(udp, message, is_cut);

	if (!is_cut || (rc != -EIO && rc != -EINVAL))
		return rc;
	if (rc == -EIO)
		udp->gso = UDP_GSO_LACKS;
	return send_pieces(udp, message, false);
}

static int send_all(struct coil_udp *udp, const struct coil_udp_message *message)
{
	struct coil_udp_message rest = *message;
	size_t sent = 0;

	while (sent < message->len) {
		size_t asked;
		int rc;

		rest.buf = (char *)message->buf + sent;
		rest.len = message->len - sent;
		asked = cut_count((rest.len + rest.segment - 1) / rest.segment) * rest.segment;
		rc = send_some(udp, &rest);
		/* -EPIPE: the socket may be gone. */
		if (rc < 0)
			return sent && rc != -EPIPE ? (int)sent : rc;
		sent += (size_t)rc;
		if ((size_t)rc < (asked < rest.len ? asked : rest.len))
			break;
	}
	return (int)sent;
}

int coil_udp_send_segments(struct coil_udp *udp, struct coil_udp_message *message)
{
	int rc;

	udp_check_use(udp);
	if (message->segment == 0 || message->fds)
		rc = -EINVAL;
	else if (udp->family == AF_UNIX)
		rc = -EOPNOTSUPP;
	else if (message->segment > DATAGRAM_MAX || message->len > 0x7ffff000)
		rc = -EMSGSIZE;
	else
		rc = send_all(udp, message);
	message->result = rc;
	return rc;
}

/* -- Receive -------------------------------------------------------------------------------------
 */

static void stage_receives(struct batch *batch, struct coil_udp_message *messages, size_t first,
			   size_t n)
{
	for (size_t i = first; i < first + n; i++) {
		udp_slot_recv(&batch->slots[i], &messages[i]);
		op_prep_recvmsg(&batch->ops[i], batch->udp->fd, &batch->slots[i].header,
				MSG_TRUNC | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	}
}

/* Takes what is there for the messages from @first on, moving those that came to the front. */
static int take_there(struct batch *batch, struct coil_udp_message *messages, size_t first)
{
	size_t n = batch->n - first;
	size_t got = first;
	int error = 0;
	int rc;

	stage_receives(batch, messages, first, n);
	rc = udp_await(batch->udp, &batch->user, batch->ops + first, n);
	if (rc == -EPIPE)
		return rc;
	for (size_t i = first; i < batch->n; i++) {
		int result = batch->ops[i].future.result;

		udp_note_received(batch->udp, &batch->slots[i], &messages[i], result);
		if (result >= 0) {
			struct coil_udp_message came = messages[i];

			messages[i] = messages[got];
			messages[got++] = came;
		} else if (result != -EAGAIN && !error) {
			error = result;
		}
	}
	batch->udp->is_drained = got < batch->n;
	if (got > 0)
		return (int)got;
	return rc < 0 ? rc : error;
}

/* Waits for the first message. 0 or a negative errno. */
static int wait_first(struct batch *batch, struct coil_udp_message *messages)
{
	int rc;

	udp_slot_recv(&batch->slots[0], &messages[0]);
	op_prep_recvmsg(&batch->ops[0], batch->udp->fd, &batch->slots[0].header,
			MSG_TRUNC | MSG_CMSG_CLOEXEC);
	rc = udp_await(batch->udp, &batch->user, batch->ops, 1);
	udp_note_received(batch->udp, &batch->slots[0], &messages[0], rc);
	return rc < 0 ? rc : 0;
}

/* Where the last batch left nothing, most likely there is nothing now. */
static int recv_batch(struct batch *batch, struct coil_udp_message *messages)
{
	int rc;

	if (!batch->udp->is_drained) {
		rc = take_there(batch, messages, 0);
		if (rc != 0)
			return rc;
	}
	rc = wait_first(batch, messages);
	if (rc < 0 || batch->n == 1)
		return rc < 0 ? rc : 1;
	rc = take_there(batch, messages, 1);
	return rc < 0 ? 1 : rc;
}

static size_t longest(const struct coil_udp_message *messages, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len = messages[i].len > len ? messages[i].len : len;
	return len;
}

/* By what one receive for many brings. 0: by a batch, which is counted in udp->oneshots. */
static int recv_shots(struct coil_udp *udp, struct coil_udp_message *messages, size_t n)
{
	struct udp_user user;
	int rc;

	if (!udp_goes_by_shot(udp, longest(messages, n))) {
		udp->oneshots++;
		return 0;
	}
	rc = udp_enter(udp, &user);
	if (rc < 0)
		return rc;
	rc = udp_recv_shot(udp, messages, n);
	return udp_leave(udp, &user, rc);
}

int coil_udp_recv_many(struct coil_udp *udp, struct coil_udp_message *messages, size_t n)
{
	struct batch batch;
	int rc;

	udp_check_use(udp);
	n = cut_count(n);
	if (has_fds(messages, n))
		return -EINVAL;
	if (n == 0)
		return 0;
	rc = recv_shots(udp, messages, n);
	if (rc != 0)
		return rc;
	rc = batch_open(&batch, udp, n);
	if (rc < 0) {
		udp->oneshots--;
		return rc;
	}
	rc = recv_batch(&batch, messages);
	udp->oneshots--;
	udp_note_oneshot(udp, longest(messages, n));
	return batch_close(&batch, rc);
}
