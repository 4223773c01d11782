/* SPDX-License-Identifier: MIT */
/*
 * Oneshots. EMPTY -> SENT -> TAKEN, straight to TAKEN if somebody waits; or EMPTY -> DROPPED by the
 * sender, EMPTY -> CLOSED by the receiver. Nobody waits in a state other than EMPTY.
 */
#include "coil/oneshot.h"

#include <errno.h>

#include "base/sized.h"
#include "exchange/select.h"

_Static_assert(sizeof(struct coil_oneshot) <= 64, "growth is a decision");

enum oneshot_state {
	ONESHOT_EMPTY,
	ONESHOT_SENT,
	ONESHOT_TAKEN,
	ONESHOT_DROPPED,
	ONESHOT_CLOSED
};

static void check_oneshot(const struct coil_oneshot *oneshot, const char *function)
{
	if (unlikely(oneshot->loop != loop_current || !loop_current))
		check_misused(function, "this oneshot was not made by coil_oneshot_init, or not "
					"on this thread's loop");
}

/* Out of EMPTY: whoever waits is told. */
static void leave_empty(struct coil_oneshot *oneshot, enum oneshot_state state)
{
	oneshot->state = state;
	line_settle_all(&oneshot->receivers, -EPIPE);
	line_settle_all(&oneshot->watchers, 0);
}

void coil_oneshot_init(struct coil_oneshot *oneshot, void *slot, size_t item_bytes)
{
	oneshot->loop = loop_required(__func__);
	oneshot->slot = slot;
	oneshot->item_bytes = item_bytes;
	oneshot->state = ONESHOT_EMPTY;
	oneshot->reserved = 0;
	list_init(&oneshot->receivers);
	list_init(&oneshot->watchers);
}

void coil_oneshot_deinit(struct coil_oneshot *oneshot)
{
	if (!oneshot || !oneshot->loop)
		return;
	check_oneshot(oneshot, __func__);
	check_use(list_is_empty(&oneshot->receivers) && list_is_empty(&oneshot->watchers),
		  "somebody waits on this oneshot: drop or close it first");
	oneshot->loop = NULL;
}

int coil_oneshot_send(struct coil_oneshot *oneshot, const void *item)
{
	check_oneshot(oneshot, __func__);
	if (oneshot->state == ONESHOT_CLOSED)
		return -EPIPE;
	check_use(oneshot->state != ONESHOT_DROPPED, "its sender has given it up");
	check_use(oneshot->state == ONESHOT_EMPTY, "a oneshot carries one item alone");
	if (list_is_empty(&oneshot->receivers)) {
		item_copy(oneshot->slot, item, oneshot->item_bytes);
		leave_empty(oneshot, ONESHOT_SENT);
	} else {
		struct handover *receiver = line_first(&oneshot->receivers);

		item_copy(receiver->target, item, oneshot->item_bytes);
		handover_settle(receiver, 0);
		leave_empty(oneshot, ONESHOT_TAKEN);
	}
	return 0;
}

void coil_oneshot_drop(struct coil_oneshot *oneshot)
{
	check_oneshot(oneshot, __func__);
	if (oneshot->state == ONESHOT_EMPTY)
		leave_empty(oneshot, ONESHOT_DROPPED);
}

void coil_oneshot_close(struct coil_oneshot *oneshot)
{
	check_oneshot(oneshot, __func__);
	if (oneshot->state == ONESHOT_EMPTY)
		leave_empty(oneshot, ONESHOT_CLOSED);
}

/* -- Receiving -----------------------------------------------------------------------------------
 */

static int receive_now(struct coil_oneshot *oneshot, void *ret_item)
{
	if (oneshot->state == ONESHOT_EMPTY)
		return -EAGAIN;
	if (oneshot->state != ONESHOT_SENT)
		return -EPIPE;
	item_copy(ret_item, oneshot->slot, oneshot->item_bytes);
	oneshot->state = ONESHOT_TAKEN;
	return 0;
}

int coil_oneshot_try_receive(struct coil_oneshot *oneshot, void *ret_item)
{
	check_oneshot(oneshot, __func__);
	return receive_now(oneshot, ret_item);
}

static const struct coil_future_ops receive_ops = { .kind = "oneshot", .cancel = handover_cancel };
static const struct coil_future_ops closed_ops = {
	.kind = "oneshot to be closed", .cancel = handover_cancel
};

int coil_oneshot_receive(struct coil_oneshot *oneshot, void *ret_item)
{
	struct coil_task *task = task_required(__func__);
	struct task_handover wait;
	int rc;

	check_oneshot(oneshot, __func__);
	rc = handover_begin(task);
	if (unlikely(rc < 0))
		return rc;
	rc = receive_now(oneshot, ret_item);
	if (rc != -EAGAIN)
		return handover_end(task, rc);
	handover_init(&wait.handover, HANDOVER_TASK);
	wait.handover.target = ret_item;
	return handover_await(task, &oneshot->receivers, &wait, &receive_ops);
}

int coil_oneshot_closed(struct coil_oneshot *oneshot)
{
	struct coil_task *task = task_required(__func__);
	struct task_handover wait;
	int rc;

	check_oneshot(oneshot, __func__);
	if (oneshot->state != ONESHOT_EMPTY)
		return 0;
	rc = handover_begin(task);
	if (unlikely(rc < 0))
		return rc;
	handover_init(&wait.handover, HANDOVER_TASK);
	return handover_await(task, &oneshot->watchers, &wait, &closed_ops);
}

int coil_oneshot_stats(const struct coil_oneshot *oneshot, struct coil_item_stats *ret_stats)
{
	const struct coil_item_stats stats = {
		.length = oneshot->state == ONESHOT_SENT,
		.capacity = 1,
		.senders = line_length(&oneshot->watchers),
		.receivers = line_length(&oneshot->receivers),
		.sent = oneshot->state == ONESHOT_SENT || oneshot->state == ONESHOT_TAKEN,
		.received = oneshot->state == ONESHOT_TAKEN,
	};

	check_oneshot(oneshot, __func__);
	return sized_write(ret_stats, &stats, sizeof stats);
}

/* -- In a select ---------------------------------------------------------------------------------
 */

static bool is_ready(const struct coil_case *c)
{
	const struct coil_oneshot *oneshot = c->object;

	check_oneshot(oneshot, "coil_select");
	return oneshot->state != ONESHOT_EMPTY;
}

static int take(const struct coil_case *c)
{
	return receive_now(c->object, c->item.target);
}

static struct coil_list *line(const struct coil_case *c)
{
	return &((struct coil_oneshot *)c->object)->receivers;
}

static const struct coil_case_ops oneshot_case = { is_ready, take, line };

struct coil_case coil_case_oneshot(struct coil_oneshot *oneshot, void *ret_item)
{
	return (struct coil_case){
		.ops = oneshot ? &oneshot_case : NULL,
		.object = oneshot,
		.item = { .target = ret_item },
	};
}
