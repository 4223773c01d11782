/* SPDX-License-Identifier: MIT */
/*
 * One datagram at a time. The operation and what the kernel reads and writes beside it lie in the
 * caller's frame. See udp.h; udp_open.c makes sockets, udp_many.c moves several at once.
 */
#include "net/udp.h"

#include "base/sized.h"
#include "net/address.h"
#include "net/rights.h"

#include "loop/prep_net.h"
#include "coil/combine.h"
#include "task/await.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/udp.h>
#include <string.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif

/* -- Inside --------------------------------------------------------------------------------------
 */

int udp_enter(struct coil_udp *udp, struct udp_user *user)
{
	if (unlikely(udp->closer != NULL))
		return -EPIPE;
	user->n = 0;
	list_init(&user->link);
	list_push_back(&udp->users, &user->link);
	return 0;
}

/* As of streams: who gets a count would go on with a socket that is gone. */
int udp_leave(struct coil_udp *udp, struct udp_user *user, int rc)
{
	list_remove(&user->link);
	if (likely(!udp->closer))
		return rc;
	if (list_is_empty(&udp->users))
		future_resolve(udp->closer, 0);
	return rc < 0 && rc == coil_cancelling() ? rc : -EPIPE;
}

/* The result of one; of several, 0 or the reason of a cancel, and each has its own. */
int udp_await(struct coil_udp *udp, struct udp_user *user, struct coil_op *ops, size_t n)
{
	int rc;

	if (unlikely(udp->closer != NULL))
		return -EPIPE;
	user->ops = ops;
	user->n = n;
	if (n == 1) {
		rc = op_await(ops);
	} else {
		rc = coil_gather_ops(ops, n, COIL_KEEP_GOING);
		rc = rc > 0 ? 0 : rc;
		udp->stats.batches++;
	}
	user->n = 0;
	return rc;
}

/* -- Addresses -----------------------------------------------------------------------------------
 */

/* An IPv4 address, as IPv6 writes it. */
static void map_address(const struct sockaddr_storage *given, struct sockaddr_in6 *mapped)
{
	const struct sockaddr_in *in = (const void *)given;

	memset(mapped, 0, sizeof *mapped);
	mapped->sin6_family = AF_INET6;
	mapped->sin6_port = in->sin_port;
	mapped->sin6_addr.s6_addr[10] = 0xff;
	mapped->sin6_addr.s6_addr[11] = 0xff;
	memcpy(&mapped->sin6_addr.s6_addr[12], &in->sin_addr, sizeof in->sin_addr);
}

static void unmap_address(struct coil_address *address)
{
	struct sockaddr_in6 from;
	struct sockaddr_in *in = (void *)&address->storage;

	if (address->bytes < sizeof from || address->storage.ss_family != AF_INET6)
		return;
	memcpy(&from, &address->storage, sizeof from);
	if (!IN6_IS_ADDR_V4MAPPED(&from.sin6_addr))
		return;
	memset(in, 0, sizeof from);
	in->sin_family = AF_INET;
	in->sin_port = from.sin6_port;
	memcpy(&in->sin_addr, &from.sin6_addr.s6_addr[12], sizeof in->sin_addr);
	address->bytes = sizeof *in;
}

/* Sets the header's address. 0, -EINVAL or -EAFNOSUPPORT. */
static int direct(const struct coil_udp *udp, struct udp_slot *slot,
		  const struct coil_address *to)
{
	int family = to->storage.ss_family;

	if (to->bytes < sizeof(sa_family_t) || to->bytes > sizeof to->storage)
		return -EINVAL;
	if (udp->family == AF_INET6 && family == AF_INET) {
		map_address(&to->storage, &slot->mapped);
		slot->header.msg_name = &slot->mapped;
		slot->header.msg_namelen = sizeof slot->mapped;
		return 0;
	}
	if (family != udp->family)
		return -EAFNOSUPPORT;
	slot->header.msg_name = (void *)(uintptr_t)&to->storage;
	slot->header.msg_namelen = to->bytes;
	return 0;
}

int coil_udp_connect(struct coil_udp *udp, const struct coil_address *peer)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	struct udp_slot slot = {.header = {.msg_name = &nobody, .msg_namelen = sizeof nobody}};
	struct udp_user user;
	struct coil_op op;
	int rc;

	udp_check_use(udp);
	rc = peer ? direct(udp, &slot, peer) : 0;
	if (rc == 0)
		rc = udp_enter(udp, &user);
	if (rc < 0)
		return rc;
	op_prep_connect(&op, udp->fd, slot.header.msg_name, slot.header.msg_namelen);
	rc = udp_await(udp, &user, &op, 1);
	return udp_leave(udp, &user, rc);
}

/* -- Send ----------------------------------------------------------------------------------------
 */

int udp_slot_send(const struct coil_udp *udp, struct udp_slot *slot,
		  const struct coil_udp_message *message)
{
	memset(&slot->header, 0, sizeof slot->header);
	slot->part.iov_base = message->buf;
	slot->part.iov_len = message->len;
	slot->header.msg_iov = &slot->part;
	slot->header.msg_iovlen = 1;
	return message->address ? direct(udp, slot, message->address) : 0;
}

void udp_note_sent(struct coil_udp *udp, int result)
{
	if (unlikely(result < 0)) {
		udp->stats.send_errors++;
		return;
	}
	udp->stats.sent++;
	udp->stats.sent_bytes += (uint64_t)result;
}

static int send_slot(struct coil_udp *udp, struct udp_slot *slot)
{
	struct udp_user user;
	struct coil_op op;
	int rc = udp_enter(udp, &user);

	if (rc < 0)
		return rc;
	op_prep_sendmsg(&op, udp->fd, &slot->header, MSG_NOSIGNAL);
	rc = udp_await(udp, &user, &op, 1);
	udp_note_sent(udp, rc);
	return udp_leave(udp, &user, rc);
}

static int send_one(struct coil_udp *udp, const struct coil_udp_message *message)
{
	struct udp_slot slot;
	int rc = udp_slot_send(udp, &slot, message);

	return rc < 0 ? rc : send_slot(udp, &slot);
}

int coil_udp_send_to(struct coil_udp *udp, const void *buf, size_t len,
		     const struct coil_address *to)
{
	const struct coil_udp_message message = {
		.buf = (void *)(uintptr_t)buf, .len = len, .address = (void *)(uintptr_t)to
	};

	udp_check_use(udp);
	return len > INT32_MAX ? -EMSGSIZE : send_one(udp, &message);
}

int coil_udp_send(struct coil_udp *udp, const void *buf, size_t len)
{
	return coil_udp_send_to(udp, buf, len, NULL);
}

static int send_with_fds(struct coil_udp *udp, const struct coil_udp_message *message)
{
	union rights_control control;
	struct udp_slot slot;
	int rc = udp->family == AF_UNIX ? udp_slot_send(udp, &slot, message) : -EOPNOTSUPP;

	if (rc == 0)
		rc = rights_send(&slot.header, &control, message->fds);
	return rc < 0 ? rc : send_slot(udp, &slot);
}

int coil_udp_send_message(struct coil_udp *udp, struct coil_udp_message *message)
{
	int rc;

	udp_check_use(udp);
	if (message->len > INT32_MAX)
		rc = -EMSGSIZE;
	else if (message->fds && message->fds->count)
		rc = send_with_fds(udp, message);
	else
		rc = send_one(udp, message);
	message->result = rc;
	return rc;
}

/* -- Receive -------------------------------------------------------------------------------------
 */

void udp_slot_recv(struct udp_slot *slot, const struct coil_udp_message *message)
{
	memset(&slot->header, 0, sizeof slot->header);
	slot->part.iov_base = message->buf;
	slot->part.iov_len = abi_rw_bytes(message->len);
	slot->header.msg_iov = &slot->part;
	slot->header.msg_iovlen = 1;
	slot->header.msg_control = slot->control.bytes;
	slot->header.msg_controllen = sizeof slot->control.bytes;
	if (!message->address)
		return;
	slot->header.msg_name = &message->address->storage;
	slot->header.msg_namelen = sizeof message->address->storage;
}

static uint32_t segment_of(struct msghdr *header)
{
	int segment = 0;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at))
		if (at->cmsg_level == SOL_UDP && at->cmsg_type == UDP_GRO)
			memcpy(&segment, CMSG_DATA(at), sizeof segment);
	return segment > 0 ? (uint32_t)segment : 0;
}

void udp_note_received(struct coil_udp *udp, struct udp_slot *slot,
		       struct coil_udp_message *message, int result)
{
	message->flags = 0;
	message->segment = 0;
	message->whole = 0;
	message->result = result;
	if (result < 0)
		return;
	message->whole = (uint32_t)result;
	if ((size_t)result > slot->part.iov_len)
		message->result = (int32_t)slot->part.iov_len;
	if (slot->header.msg_flags & MSG_TRUNC) {
		message->flags |= COIL_UDP_TRUNCATED;
		udp->stats.truncated++;
	}
	if (udp->family != AF_UNIX)
		message->segment = segment_of(&slot->header);
	if (message->segment >= message->whole)
		message->segment = 0;
	if (message->address) {
		message->address->bytes = slot->header.msg_namelen;
		message->address->flags = 0;
		unmap_address(message->address);
	}
	udp->stats.received++;
	udp->stats.received_bytes += (uint64_t)message->result;
}

static int recv_one(struct coil_udp *udp, struct coil_udp_message *message)
{
	struct udp_slot slot;
	struct udp_user user;
	struct coil_op op;
	int rc = udp_enter(udp, &user);

	if (rc < 0)
		return rc;
	if (udp_goes_by_shot(udp, message->len)) {
		rc = udp_recv_shot(udp, message, 1);
		if (likely(rc != 0))
			return udp_leave(udp, &user, rc > 0 ? message->result : rc);
	} else {
		udp->oneshots++;
	}
	udp_slot_recv(&slot, message);
	/* MSG_TRUNC: the result is what was sent, not what fitted. */
	op_prep_recvmsg(&op, udp->fd, &slot.header, MSG_TRUNC | MSG_CMSG_CLOEXEC);
	rc = udp_await(udp, &user, &op, 1);
	udp->oneshots--;
	udp_note_oneshot(udp, message->len);
	udp_note_received(udp, &slot, message, rc);
	return udp_leave(udp, &user, message->result);
}

int coil_udp_recv_from(struct coil_udp *udp, void *buf, size_t len,
		       struct coil_address *ret_from)
{
	struct coil_udp_message message = {.buf = buf, .len = len, .address = ret_from};
	int rc;

	udp_check_use(udp);
	rc = recv_one(udp, &message);
	return rc >= 0 && (message.flags & COIL_UDP_TRUNCATED) ? -EMSGSIZE : rc;
}

int coil_udp_recv(struct coil_udp *udp, void *buf, size_t len)
{
	return coil_udp_recv_from(udp, buf, len, NULL);
}

static int recv_with_fds(struct coil_udp *udp, struct coil_udp_message *message)
{
	const struct driver_calls *calls = udp->loop->driver->ops->calls;
	union rights_control control;
	struct udp_slot slot;
	struct udp_user user;
	struct coil_op op;
	int rc;

	udp_slot_recv(&slot, message);
	rc = rights_recv(&slot.header, &control, message->fds);
	if (rc == 0)
		rc = udp_enter(udp, &user);
	if (rc < 0)
		return rc;
	op_prep_recvmsg(&op, udp->fd, &slot.header, MSG_TRUNC | MSG_CMSG_CLOEXEC);
	rc = udp_await(udp, &user, &op, 1);
	udp_note_received(udp, &slot, message, rc);
	if (rc >= 0)
		rights_take(calls, &slot.header, message->fds);
	rc = udp_leave(udp, &user, message->result);
	if (rc < 0)
		rights_drop(calls, message->fds);
	return rc;
}

int coil_udp_recv_message(struct coil_udp *udp, struct coil_udp_message *message)
{
	udp_check_use(udp);
	message->result = message->fds && udp->family == AF_UNIX ? recv_with_fds(udp, message)
								 : recv_one(udp, message);
	return message->result;
}

int coil_udp_stats(const struct coil_udp *udp, struct coil_udp_stats *ret_stats)
{
	uint32_t meminfo[SK_MEMINFO_VARS];
	socklen_t bytes = sizeof meminfo;
	struct coil_udp_stats stats;

	udp_check_use(udp);
	memset(meminfo, 0, sizeof meminfo);
	udp->loop->driver->ops->calls->getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, meminfo, &bytes);
	stats = udp->stats;
	stats.dropped = meminfo[SK_MEMINFO_DROPS];
	return sized_write(ret_stats, &stats, sizeof stats);
}
