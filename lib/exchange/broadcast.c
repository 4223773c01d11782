/* SPDX-License-Identifier: MIT */
/*
 * Broadcasts: a ring of the last items, numbered from 0; number n lies in slot n % capacity. A
 * subscriber is the number that it wants next. Who waits has received all that was sent.
 */
#include "coil/broadcast.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "exchange/select.h"

_Static_assert(sizeof(struct coil_broadcast) <= 80, "growth is a decision");

static void check_broadcast(const struct coil_broadcast *broadcast, const char *function)
{
	if (unlikely(broadcast->loop != loop_current || !loop_current))
		check_misused(function, "this broadcast was not made by coil_broadcast_init, or "
					"not on this thread's loop");
}

static void check_subscriber(const struct coil_subscriber *subscriber, const char *function)
{
	if (unlikely(!subscriber->broadcast))
		check_misused(function, "this subscriber is not subscribed");
	check_broadcast(subscriber->broadcast, function);
}

static void *slot(const struct coil_broadcast *broadcast, uint64_t number)
{
	return broadcast->memory + number % broadcast->capacity * broadcast->item_bytes;
}

static uint64_t oldest(const struct coil_broadcast *broadcast)
{
	return broadcast->sent > broadcast->capacity ? broadcast->sent - broadcast->capacity : 0;
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

int coil_broadcast_init(struct coil_broadcast *broadcast, size_t item_bytes, size_t capacity)
{
	struct coil_loop *loop = loop_required(__func__);

	memset(broadcast, 0, sizeof *broadcast);
	if (item_bytes > COIL_ITEM_BYTES_MAX || capacity == 0 || capacity > COIL_ITEMS_MAX ||
	    capacity > SIZE_MAX / (item_bytes + 1))
		return -EINVAL;
	broadcast->item_bytes = (uint32_t)item_bytes;
	broadcast->capacity = (uint32_t)capacity;
	if (item_bytes > 0) {
		broadcast->memory =
			loop->alloc->alloc(loop->alloc->context, capacity * item_bytes);
		if (!broadcast->memory)
			return -ENOMEM;
	}
	list_init(&broadcast->waiting);
	broadcast->loop = loop;
	return 0;
}

void coil_broadcast_deinit(struct coil_broadcast *broadcast)
{
	if (!broadcast || !broadcast->loop)
		return;
	check_broadcast(broadcast, __func__);
	check_use(broadcast->subscribers == 0, "this broadcast has subscribers");
	alloc_free(broadcast->loop->alloc, broadcast->memory,
		   (size_t)broadcast->capacity * broadcast->item_bytes);
	broadcast->loop = NULL;
}

void coil_broadcast_subscribe(struct coil_broadcast *broadcast, struct coil_subscriber *subscriber)
{
	check_broadcast(broadcast, __func__);
	subscriber->broadcast = broadcast;
	subscriber->next = broadcast->sent;
	subscriber->lost = 0;
	broadcast->subscribers++;
}

static bool is_waiting(const struct coil_subscriber *subscriber)
{
	struct coil_list *node;

	list_for_each(node, &subscriber->broadcast->waiting)
		if (list_entry(node, struct handover, node)->object == subscriber)
			return true;
	return false;
}

void coil_broadcast_unsubscribe(struct coil_subscriber *subscriber)
{
	if (!subscriber || !subscriber->broadcast)
		return;
	check_subscriber(subscriber, __func__);
	check_use(!is_waiting(subscriber), "somebody waits on this subscriber");
	subscriber->broadcast->subscribers--;
	subscriber->broadcast = NULL;
}

/* -- Sending -------------------------------------------------------------------------------------
 */

/*
 * The item goes to everybody who waits: from a list of their own, for settling one of a select may
 * take others out, too. Two waits on one subscriber are two who want the next item: the second one
 * waits on.
 */
static void serve_waiting(struct coil_broadcast *broadcast, const void *item)
{
	struct coil_list waiting;

	line_take(&broadcast->waiting, &waiting);
	while (!list_is_empty(&waiting)) {
		struct handover *wait = line_first(&waiting);
		struct coil_subscriber *subscriber = wait->object;

		if (subscriber->next == broadcast->sent) {
			list_remove(&wait->node);
			list_push_back(&broadcast->waiting, &wait->node);
			continue;
		}
		subscriber->next = broadcast->sent;
		broadcast->received++;
		item_copy(wait->target, item, broadcast->item_bytes);
		handover_settle(wait, 0);
	}
}

int coil_broadcast_send(struct coil_broadcast *broadcast, const void *item)
{
	check_broadcast(broadcast, __func__);
	if (broadcast->is_closed)
		return -EPIPE;
	if (broadcast->item_bytes > 0)
		item_copy(slot(broadcast, broadcast->sent), item, broadcast->item_bytes);
	broadcast->sent++;
	if (!list_is_empty(&broadcast->waiting))
		serve_waiting(broadcast, item);
	return (int)broadcast->subscribers;
}

void coil_broadcast_close(struct coil_broadcast *broadcast)
{
	check_broadcast(broadcast, __func__);
	broadcast->is_closed = true;
	line_settle_all(&broadcast->waiting, -EPIPE);
}

/* -- Receiving -----------------------------------------------------------------------------------
 */

static int receive_now(struct coil_subscriber *subscriber, void *ret_item)
{
	struct coil_broadcast *broadcast = subscriber->broadcast;
	uint64_t first = oldest(broadcast);

	if (subscriber->next == broadcast->sent)
		return broadcast->is_closed ? -EPIPE : -EAGAIN;
	if (subscriber->next < first) {
		subscriber->lost = first - subscriber->next;
		subscriber->next = first;
		broadcast->lost += subscriber->lost;
		return -EOVERFLOW;
	}
	if (broadcast->item_bytes > 0)
		item_copy(ret_item, slot(broadcast, subscriber->next), broadcast->item_bytes);
	subscriber->next++;
	broadcast->received++;
	return 0;
}

int coil_broadcast_try_receive(struct coil_subscriber *subscriber, void *ret_item)
{
	check_subscriber(subscriber, __func__);
	return receive_now(subscriber, ret_item);
}

static const struct coil_future_ops receive_ops = {
	.kind = "broadcast", .cancel = handover_cancel
};

int coil_broadcast_receive(struct coil_subscriber *subscriber, void *ret_item)
{
	struct coil_task *task = task_required(__func__);
	struct task_handover wait;
	int rc;

	check_subscriber(subscriber, __func__);
	rc = handover_begin(task);
	if (unlikely(rc < 0))
		return rc;
	rc = receive_now(subscriber, ret_item);
	if (rc != -EAGAIN)
		return handover_end(task, rc);
	subscriber->broadcast->waits++;
	handover_init(&wait.handover, HANDOVER_TASK);
	wait.handover.target = ret_item;
	wait.handover.object = subscriber;
	return handover_await(task, &subscriber->broadcast->waiting, &wait, &receive_ops);
}

uint64_t coil_broadcast_lost(const struct coil_subscriber *subscriber)
{
	check_subscriber(subscriber, __func__);
	return subscriber->lost;
}

int coil_broadcast_stats(const struct coil_broadcast *broadcast, struct coil_item_stats *ret_stats)
{
	const struct coil_item_stats stats = {
		.length = broadcast->sent - oldest(broadcast),
		.capacity = broadcast->capacity,
		.receivers = line_length(&broadcast->waiting),
		.sent = broadcast->sent,
		.received = broadcast->received,
		.waits = broadcast->waits,
		.lost = broadcast->lost,
	};

	check_broadcast(broadcast, __func__);
	return sized_write(ret_stats, &stats, sizeof stats);
}

/* -- In a select ---------------------------------------------------------------------------------
 */

static bool is_ready(const struct coil_case *c)
{
	const struct coil_subscriber *subscriber = c->object;

	check_subscriber(subscriber, "coil_select");
	return subscriber->broadcast->is_closed ||
	       subscriber->next != subscriber->broadcast->sent;
}

static int take(const struct coil_case *c)
{
	return receive_now(c->object, c->item.target);
}

static struct coil_list *line(const struct coil_case *c)
{
	struct coil_broadcast *broadcast = ((struct coil_subscriber *)c->object)->broadcast;

	broadcast->waits++;
	return &broadcast->waiting;
}

static const struct coil_case_ops broadcast_case = { is_ready, take, line };

struct coil_case coil_case_broadcast(struct coil_subscriber *subscriber, void *ret_item)
{
	return (struct coil_case){
		.ops = subscriber ? &broadcast_case : NULL,
		.object = subscriber,
		.item = { .target = ret_item },
	};
}
