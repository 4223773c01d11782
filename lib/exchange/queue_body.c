/* SPDX-License-Identifier: MIT */
/* Put, get, task_done, shutdown. See queue_body.h. */
#include "exchange/queue_body.h"

#include "base/sized.h"

int body_init(struct coil_queue_body *body, const struct coil_alloc *alloc,
	      const struct coil_queue_options *options)
{
	const struct items_spec spec = {
		.item_bytes = options->item_bytes,
		.capacity = options->capacity,
		.kind = options->kind,
		.compare = options->compare,
		.context = options->context,
	};

	memset(body, 0, sizeof *body);
	list_init(&body->putters);
	list_init(&body->getters);
	list_init(&body->joiners);
	return items_init(&body->items, alloc, &spec);
}

void body_deinit(struct coil_queue_body *body)
{
	items_deinit(&body->items);
}

/* An item went in, or past the queue to a getter. */
static void note_put(struct coil_queue_body *body)
{
	body->puts++;
	body->unfinished++;
}

int body_put(struct coil_queue_body *body, const void *item)
{
	int rc;

	if (unlikely(body->is_shut))
		return -EPIPE;
	if (!list_is_empty(&body->getters)) {
		struct handover *getter = line_first(&body->getters);

		check(body->items.count == 0);
		item_copy(getter->target, item, body->items.item_bytes);
		note_put(body);
		body->gets++;
		handover_settle(getter, 0);
		return 0;
	}
	if (items_are_full(&body->items))
		return -EAGAIN;
	rc = items_reserve(&body->items);
	if (unlikely(rc < 0))
		return rc;
	items_push(&body->items, item);
	note_put(body);
	return 0;
}

int body_get(struct coil_queue_body *body, void *ret_item)
{
	if (body->items.count == 0)
		return body->is_shut ? -EPIPE : -EAGAIN;
	items_pop(&body->items, ret_item);
	body->gets++;
	if (!list_is_empty(&body->putters)) {
		struct handover *putter = line_first(&body->putters);

		items_push(&body->items, putter->source);
		note_put(body);
		handover_settle(putter, 0);
	}
	return 0;
}

static void finish(struct coil_queue_body *body, uint64_t count)
{
	body->unfinished -= count;
	if (body->unfinished == 0)
		line_settle_all(&body->joiners, 0);
}

void body_task_done(struct coil_queue_body *body)
{
	finish(body, 1);
}

void body_shutdown(struct coil_queue_body *body, int flags)
{
	uint64_t count = body->items.count;

	body->is_shut = true;
	line_settle_all(&body->putters, -EPIPE);
	if (flags & COIL_IMMEDIATE) {
		while (body->items.count > 0)
			items_pop(&body->items, NULL);
		body->dropped += count;
		/* Who calls task_done before get has had his item counted already. */
		finish(body, count < body->unfinished ? count : body->unfinished);
	}
	line_settle_all(&body->getters, -EPIPE);
}

bool body_has_waiters(const struct coil_queue_body *body)
{
	return !list_is_empty(&body->putters) || !list_is_empty(&body->getters) ||
	       !list_is_empty(&body->joiners);
}

int body_stats(const struct coil_queue_body *body, struct coil_item_stats *ret_stats)
{
	const struct coil_item_stats stats = {
		.length = body->items.count,
		.capacity = body->items.capacity,
		.senders = line_length(&body->putters),
		.receivers = line_length(&body->getters),
		.sent = body->puts,
		.received = body->gets,
		.waits = body->waits,
		.lost = body->dropped,
		.unfinished = body->unfinished,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
