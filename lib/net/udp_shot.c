/* SPDX-License-Identifier: MIT */
/*
 * Datagrams by one receive for many: a multishot recvmsg brings each into a buffer of the loop's,
 * behind a header, the sender's address and a control message, and they are copied from there. A
 * socket begins with a receive each, and goes over after several calls, unless one of them had room
 * for more than such a buffer holds; the first that has ends it for good (docs/decisions/0025).
 * Where buffers run out, a call receives into its own: nobody waits for another's.
 *
 * Invariant: a receive of its own is begun only when the multishot one is not in the kernel and all
 * that it has brought was taken; the multishot one only when no other is. So no datagram waits in
 * the queue while a task waits in the kernel. Tasks look at the queue one by one, in the order of
 * coming; who leaves hands it on.
 */
#include "net/stream.h"
#include "net/udp.h"

#include "loop/op.h"
#include "loop/prep_net.h"
#include "loop/receiver.h"
#include "task/await.h"

#include <errno.h>
#include <string.h>

/* Aligned for what they hold. */
#define NAME_BYTES 32u
#define HEAD_BYTES (sizeof(struct io_uring_recvmsg_out) + NAME_BYTES + sizeof(struct udp_control))
/* Calls in a row, and a multishot is armed; what it takes more after a shortage of buffers. */
#define STREAK_ARMS 8
#define STREAK_STARVED (-64)
/* Datagrams that wait to be taken; then it is stopped, and the others stay in the socket. More than
 * the kernel brings in one run, 32. */
#define QUEUE_HIGH 48u

_Static_assert(NAME_BYTES >= sizeof(struct sockaddr_in6), "an address fits");
_Static_assert(HEAD_BYTES + COIL_UDP_SHOT_BYTES <= BUFFERS_BYTES, "what is promised fits");

/* Of all sockets: how much room each buffer has for what stands before the bytes. */
static struct msghdr layout = {
	.msg_namelen = NAME_BYTES,
	.msg_controllen = sizeof(struct udp_control),
};

/* -- Which way -----------------------------------------------------------------------------------
 */

/* A multishot would drop descriptors on unix sockets, and what else is sent along with bytes. */
static bool is_possible(const struct coil_udp *udp)
{
	return udp->family != AF_UNIX && udp->type == SOCK_DGRAM &&
	       (udp->loop->driver->features & DRIVER_RECV_MULTISHOT);
}

bool udp_goes_by_shot(const struct coil_udp *udp, size_t len)
{
	if (udp->receiver && receiver_is_active(udp->receiver))
		return true;
	return udp->streak == STREAK_ARMS && len <= COIL_UDP_SHOT_BYTES;
}

/* A call with more room than a buffer has. */
static void note_large(struct coil_udp *udp)
{
	if (udp->receive == COIL_RECEIVE_AUTO) {
		udp->receive = COIL_RECEIVE_ONESHOT;
		udp->streak = 0;
	}
}

void udp_note_oneshot(struct coil_udp *udp, size_t len)
{
	if (udp->receive == COIL_RECEIVE_ONESHOT)
		return;
	if (len <= COIL_UDP_SHOT_BYTES)
		udp->streak = (int8_t)(udp->streak + (udp->streak < STREAK_ARMS));
	else
		note_large(udp);
}

/* False: this call receives by itself. */
static bool arm(struct coil_udp *udp)
{
	struct buffers *buffers;
	struct coil_op op;

	if (udp->oneshots > 0)
		return false;
	if (!udp->receiver && is_possible(udp))
		udp->receiver = receiver_new(udp->loop);
	if (!udp->receiver || (udp->receiver->flags & RECEIVER_REFUSED) ||
	    buffers_open(udp->loop, &buffers) < 0) {
		udp->receive = COIL_RECEIVE_ONESHOT;
		udp->streak = 0;
		return false;
	}
	if (!buffers_are_enough(buffers, udp->receiver->flags & RECEIVER_STARVED)) {
		udp->receiver->flags &= (uint8_t)~RECEIVER_STARVED;
		udp->streak = STREAK_STARVED;
		return false;
	}
	udp->receiver->queue_high = QUEUE_HIGH;
	op_prep_recvmsg(&op, udp->fd, &layout, MSG_TRUNC);
	return receiver_arm(udp->receiver, op_sqe(&op));
}

/* -- Turns ---------------------------------------------------------------------------------------
 */

static void turn_cancel(struct coil_future *future)
{
	struct udp_turn *turn = container_of(future, struct udp_turn, future);

	list_remove(&turn->link);
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops turn_ops = {
	.kind = "socket's turn to receive", .cancel = turn_cancel
};

/* True: it is the caller's; else the future says when. */
static bool begin_turn(struct coil_udp *udp, struct udp_turn *turn)
{
	if (likely(!udp->has_turn)) {
		udp->has_turn = true;
		return true;
	}
	future_init(&turn->future, &udp->loop->ready, &turn_ops);
	list_init(&turn->link);
	list_push_back(&udp->turns, &turn->link);
	return false;
}

static int take_turn(struct coil_udp *udp)
{
	struct udp_turn turn;

	return likely(begin_turn(udp, &turn)) ? 0 : future_await(&turn.future);
}

static void give_turn(struct coil_udp *udp)
{
	struct coil_list *link = list_pop_front(&udp->turns);

	udp->has_turn = link != NULL;
	if (link)
		future_resolve(&list_entry(link, struct udp_turn, link)->future, 0);
}

/* -- What it brings ------------------------------------------------------------------------------
 */

/* Takes the first of the queue. */
static void take(struct coil_udp *udp, struct coil_udp_message *message)
{
	struct receiver *receiver = udp->receiver;
	struct io_uring_recvmsg_out out;
	struct udp_slot slot;
	size_t bytes;
	const void *data;
	uint16_t id = buffer_queue_pop(&receiver->queue, udp->loop->buffers, &data, &bytes);
	const char *at = data;

	check(bytes >= HEAD_BYTES);
	memcpy(&out, at, sizeof out);
	at += sizeof out;
	udp_slot_recv(&slot, message);
	if (message->address)
		memcpy(&message->address->storage, at, NAME_BYTES);
	slot.header.msg_namelen = out.namelen < NAME_BYTES ? out.namelen : NAME_BYTES;
	memcpy(&slot.control, at + NAME_BYTES, sizeof slot.control);
	slot.header.msg_controllen = out.controllen < sizeof slot.control ? out.controllen :
									    sizeof slot.control;
	bytes -= HEAD_BYTES;
	slot.part.iov_len = slot.part.iov_len < bytes ? slot.part.iov_len : bytes;
	slot.header.msg_flags = out.payloadlen > slot.part.iov_len ? MSG_TRUNC : 0;
	memcpy(message->buf, at + NAME_BYTES + sizeof slot.control, slot.part.iov_len);
	buffers_give(udp->loop->buffers, id);
	udp_note_received(udp, &slot, message, (int)out.payloadlen);
}

/*
 * Something is in the queue: 1; 0: receive by yourself; or what ended the wait. A call with more
 * room has the multishot stopped first: what comes from then on finds that room.
 */
static int wait_for_queue(struct coil_udp *udp, struct coil_task *task, bool fits)
{
	struct coil_future *told;
	int rc;

	if (unlikely(!fits))
		note_large(udp);
	for (;;) {
		struct receiver *receiver = udp->receiver;
		bool must_stop = !fits || udp->receive == COIL_RECEIVE_ONESHOT;

		if (unlikely(must_stop && receiver && receiver_is_armed(receiver)))
			receiver_cancel(receiver);
		else if (receiver && receiver_has_bytes(receiver))
			return 1;
		else if (receiver && (receiver->flags & RECEIVER_ENDED))
			return receiver_take_ending(receiver);
		else if (unlikely(udp->closer))
			return -EPIPE;
		else if (!(receiver && receiver_is_armed(receiver)) &&
			 (must_stop || udp->streak < STREAK_ARMS || !arm(udp)))
			return 0;
		told = receiver_wait_begin(udp->receiver);
		rc = task_await(task_scheduler(task), task, told);
		if (unlikely(rc < 0))
			return rc;
	}
}

static int take_some(struct coil_udp *udp, struct coil_udp_message *messages, size_t n)
{
	size_t got = 0;

	while (got < n && receiver_has_bytes(udp->receiver))
		take(udp, &messages[got++]);
	return (int)got;
}

int udp_recv_shot(struct coil_udp *udp, struct coil_udp_message *messages, size_t n)
{
	struct coil_task *task = task_required("coil_udp_recv");
	bool fits = true, is_there;
	int rc = stream_refuse();

	for (size_t i = 0; i < n; i++)
		fits &= messages[i].len <= COIL_UDP_SHOT_BYTES;
	if (rc == 0)
		rc = take_turn(udp);
	if (unlikely(rc < 0))
		return rc;
	is_there = udp->receiver && receiver_has_bytes(udp->receiver);
	rc = wait_for_queue(udp, task, fits);
	if (likely(rc > 0))
		rc = take_some(udp, messages, n);
	/* Before the next one has the turn: it must not arm. */
	udp->oneshots += rc == 0;
	give_turn(udp);
	if (is_there)
		task_pay(task);
	return rc;
}

/* -- Chosen by the user, and the end -------------------------------------------------------------
 */

/* Whatever is cancelled meanwhile: the kernel always answers. The turn is the caller's. */
static void disarm(struct coil_udp *udp, struct coil_task *task)
{
	while (receiver_is_armed(udp->receiver)) {
		struct coil_future *told;

		receiver_cancel(udp->receiver);
		told = receiver_wait_begin(udp->receiver);
		task_wait_to_the_end(task_scheduler(task), task, told);
	}
}

void udp_end_shot(struct coil_udp *udp)
{
	if (!udp->receiver)
		return;
	if (receiver_is_armed(udp->receiver))
		disarm(udp, task_required("coil_udp_close"));
	receiver_abandon(udp->receiver);
	udp->receiver = NULL;
}

/* Who has the turn is woken, and goes on by itself. */
static int stop(struct coil_udp *udp)
{
	struct coil_task *task = task_required("coil_udp_set_receive");
	struct udp_user user;
	struct udp_turn turn;
	int rc = udp_enter(udp, &user);

	if (rc < 0)
		return rc;
	receiver_cancel(udp->receiver);
	if (!begin_turn(udp, &turn))
		task_wait_to_the_end(task_scheduler(task), task, &turn.future);
	disarm(udp, task);
	give_turn(udp);
	return udp_leave(udp, &user, 0);
}

int coil_udp_set_receive(struct coil_udp *udp, int receive)
{
	udp_check_use(udp);
	if (udp->closer)
		return -EPIPE;
	if (receive < COIL_RECEIVE_AUTO || receive > COIL_RECEIVE_MULTISHOT)
		return -EINVAL;
	if (receive == COIL_RECEIVE_MULTISHOT && !is_possible(udp))
		return -EOPNOTSUPP;
	udp->receive = (uint8_t)receive;
	udp->streak = receive == COIL_RECEIVE_MULTISHOT ? STREAK_ARMS : 0;
	if (receive == COIL_RECEIVE_ONESHOT && udp->receiver && receiver_is_armed(udp->receiver))
		return stop(udp);
	return 0;
}
