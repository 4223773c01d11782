/* SPDX-License-Identifier: MIT */
/*
 * Channels. Invariant: senders wait only while the buffer is full (or there is none), receivers
 * only while it is empty and no sender waits, nobody waits on a closed channel. So a newcomer never
 * overtakes: if there were room for him, nobody would stand in his line.
 */
#include "coil/channel.h"

#include <errno.h>

#include "base/sized.h"
#include "base/words.h"
#include "exchange/select.h"

_Static_assert(sizeof(struct coil_channel) <= 144, "growth is a decision");

static inline void check_channel(const struct coil_channel *channel, const char *function)
{
	if (unlikely(channel->loop != loop_current || !loop_current))
		check_misused(function, "this channel was not made by coil_channel_init, or not "
					"on this thread's loop");
}

/* -- Without waiting -----------------------------------------------------------------------------
 */

static inline int send_now(struct coil_channel *channel, const void *item)
{
	if (unlikely(channel->is_closed))
		return -EPIPE;
	if (!list_is_empty(&channel->receivers)) {
		struct handover *receiver = line_first(&channel->receivers);

		item_copy(receiver->target, item, channel->items.item_bytes);
		handover_settle(receiver, 0);
		channel->received++;
	} else if (channel->items.count < channel->items.capacity) {
		items_push(&channel->items, item);
	} else {
		return -EAGAIN;
	}
	channel->sent++;
	return 0;
}

/* The sender who has waited longest is rid of his item, which goes to @ret_item or the buffer. */
static inline void serve_sender(struct coil_channel *channel, void *ret_item)
{
	struct handover *sender = line_first(&channel->senders);

	if (channel->items.capacity)
		items_push(&channel->items, sender->source);
	else
		item_copy(ret_item, sender->source, channel->items.item_bytes);
	handover_settle(sender, 0);
	channel->sent++;
}

static inline int receive_now(struct coil_channel *channel, void *ret_item)
{
	bool has_sender = !list_is_empty(&channel->senders);

	if (channel->items.count > 0)
		items_pop(&channel->items, ret_item);
	else if (!has_sender)
		return unlikely(channel->is_closed) ? -EPIPE : -EAGAIN;
	if (has_sender)
		serve_sender(channel, ret_item);
	channel->received++;
	return 0;
}

int coil_channel_try_send(struct coil_channel *channel, const void *item)
{
	check_channel(channel, __func__);
	return send_now(channel, item);
}

int coil_channel_try_receive(struct coil_channel *channel, void *ret_item)
{
	check_channel(channel, __func__);
	return receive_now(channel, ret_item);
}

/* -- Waiting -------------------------------------------------------------------------------------
 */

static void describe(struct coil_future *future, char *text, size_t bytes)
{
	const struct coil_channel *channel =
		container_of(future, struct task_handover, future)->handover.object;
	struct words words;

	words_begin(&words, text, bytes);
	words_add(&words, future->ops->kind);
	words_add(&words, ", ");
	words_part(&words, channel->items.count, channel->items.capacity, " items");
}

static const struct coil_future_ops send_ops = { "channel send", handover_cancel, describe };
static const struct coil_future_ops receive_ops = { "channel receive", handover_cancel, describe };

int coil_channel_send(struct coil_channel *channel, const void *item)
{
	struct coil_task *task = task_required(__func__);
	struct task_handover wait;
	int rc;

	check_channel(channel, __func__);
	rc = handover_begin(task);
	if (unlikely(rc < 0))
		return rc;
	rc = send_now(channel, item);
	if (rc != -EAGAIN)
		return handover_end(task, rc);
	channel->waits++;
	handover_init(&wait.handover, HANDOVER_TASK);
	wait.handover.object = channel;
	wait.handover.source = item;
	return handover_await(task, &channel->senders, &wait, &send_ops);
}

int coil_channel_receive(struct coil_channel *channel, void *ret_item)
{
	struct coil_task *task = task_required(__func__);
	struct task_handover wait;
	int rc;

	check_channel(channel, __func__);
	rc = handover_begin(task);
	if (unlikely(rc < 0))
		return rc;
	rc = receive_now(channel, ret_item);
	if (rc != -EAGAIN)
		return handover_end(task, rc);
	channel->waits++;
	handover_init(&wait.handover, HANDOVER_TASK);
	wait.handover.object = channel;
	wait.handover.target = ret_item;
	return handover_await(task, &channel->receivers, &wait, &receive_ops);
}

/* -- In a select ---------------------------------------------------------------------------------
 */

static bool send_is_ready(const struct coil_case *c)
{
	const struct coil_channel *channel = c->object;

	check_channel(channel, "coil_select");
	return channel->is_closed || !list_is_empty(&channel->receivers) ||
	       channel->items.count < channel->items.capacity;
}

static int send_take(const struct coil_case *c)
{
	return send_now(c->object, c->item.source);
}

static struct coil_list *send_line(const struct coil_case *c)
{
	struct coil_channel *channel = c->object;

	channel->waits++;
	return &channel->senders;
}

static bool receive_is_ready(const struct coil_case *c)
{
	const struct coil_channel *channel = c->object;

	check_channel(channel, "coil_select");
	return channel->is_closed || channel->items.count > 0 || !list_is_empty(&channel->senders);
}

static int receive_take(const struct coil_case *c)
{
	return receive_now(c->object, c->item.target);
}

static struct coil_list *receive_line(const struct coil_case *c)
{
	struct coil_channel *channel = c->object;

	channel->waits++;
	return &channel->receivers;
}

static const struct coil_case_ops send_case = { send_is_ready, send_take, send_line };
static const struct coil_case_ops receive_case = { receive_is_ready, receive_take, receive_line };

struct coil_case coil_case_send(struct coil_channel *channel, const void *item)
{
	return (struct coil_case){
		.ops = channel ? &send_case : NULL, .object = channel, .item = { .source = item },
	};
}

struct coil_case coil_case_receive(struct coil_channel *channel, void *ret_item)
{
	return (struct coil_case){
		.ops = channel ? &receive_case : NULL,
		.object = channel,
		.item = { .target = ret_item },
	};
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

int coil_channel_init(struct coil_channel *channel, size_t item_bytes, size_t capacity)
{
	struct coil_loop *loop = loop_required(__func__);
	const struct items_spec spec = { .item_bytes = item_bytes, .capacity = capacity };

	memset(channel, 0, sizeof *channel);
	list_init(&channel->senders);
	list_init(&channel->receivers);
	channel->loop = loop;
	return items_init(&channel->items, loop->alloc, &spec);
}

void coil_channel_close(struct coil_channel *channel)
{
	check_channel(channel, __func__);
	channel->is_closed = true;
	line_settle_all(&channel->receivers, -EPIPE);
	line_settle_all(&channel->senders, -EPIPE);
}

void coil_channel_deinit(struct coil_channel *channel)
{
	if (!channel || !channel->loop)
		return;
	check_channel(channel, __func__);
	check_use(list_is_empty(&channel->senders) && list_is_empty(&channel->receivers),
		  "somebody waits on this channel: close it first");
	items_deinit(&channel->items);
	channel->loop = NULL;
}

int coil_channel_stats(const struct coil_channel *channel, struct coil_item_stats *ret_stats)
{
	const struct coil_item_stats stats = {
		.length = channel->items.count,
		.capacity = channel->items.capacity,
		.senders = line_length(&channel->senders),
		.receivers = line_length(&channel->receivers),
		.sent = channel->sent,
		.received = channel->received,
		.waits = channel->waits,
	};

	check_channel(channel, __func__);
	return sized_write(ret_stats, &stats, sizeof stats);
}
