/* SPDX-License-Identifier: MIT */
/* Latest values: a slot and its version. Who waits has seen the version that is there. */
#include "coil/latest.h"

#include <errno.h>

#include "base/sized.h"
#include "exchange/select.h"

_Static_assert(sizeof(struct coil_latest) <= 64, "growth is a decision");

static void check_latest(const struct coil_latest *latest, const char *function)
{
	if (unlikely(latest->loop != loop_current || !loop_current))
		check_misused(function, "this value was not made by coil_latest_init, or not on "
					"this thread's loop");
}

void coil_latest_init(struct coil_latest *latest, void *slot, size_t item_bytes)
{
	memset(latest, 0, sizeof *latest);
	latest->loop = loop_required(__func__);
	latest->slot = slot;
	latest->item_bytes = item_bytes;
	list_init(&latest->waiting);
}

void coil_latest_deinit(struct coil_latest *latest)
{
	if (!latest || !latest->loop)
		return;
	check_latest(latest, __func__);
	check_use(list_is_empty(&latest->waiting), "somebody waits for a change: close it first");
	latest->loop = NULL;
}

/* One at a time: settling a select may take others of the line out. */
static void tell_waiting(struct coil_latest *latest)
{
	while (!list_is_empty(&latest->waiting)) {
		struct handover *wait = line_first(&latest->waiting);

		((struct coil_observer *)wait->object)->seen = latest->version;
		handover_settle(wait, 0);
	}
}

int coil_latest_set(struct coil_latest *latest, const void *item)
{
	check_latest(latest, __func__);
	if (latest->is_closed)
		return -EPIPE;
	item_copy(latest->slot, item, latest->item_bytes);
	latest->version++;
	tell_waiting(latest);
	return 0;
}

void coil_latest_get(const struct coil_latest *latest, void *ret_item)
{
	check_latest(latest, __func__);
	item_copy(ret_item, latest->slot, latest->item_bytes);
}

void coil_latest_close(struct coil_latest *latest)
{
	check_latest(latest, __func__);
	latest->is_closed = true;
	line_settle_all(&latest->waiting, -EPIPE);
}

/* -- Observers -----------------------------------------------------------------------------------
 */

void coil_latest_observe(struct coil_latest *latest, struct coil_observer *observer)
{
	check_latest(latest, __func__);
	observer->latest = latest;
	observer->seen = latest->version;
}

static int see_change(struct coil_observer *observer)
{
	struct coil_latest *latest = observer->latest;

	if (observer->seen == latest->version)
		return latest->is_closed ? -EPIPE : -EAGAIN;
	observer->seen = latest->version;
	return 0;
}

static const struct coil_future_ops changed_ops = {
	.kind = "change of a value", .cancel = handover_cancel
};

int coil_latest_changed(struct coil_observer *observer)
{
	struct coil_task *task = task_required(__func__);
	struct task_handover wait;
	int rc;

	check_latest(observer->latest, __func__);
	rc = handover_begin(task);
	if (unlikely(rc < 0))
		return rc;
	rc = see_change(observer);
	if (rc != -EAGAIN)
		return handover_end(task, rc);
	observer->latest->waits++;
	handover_init(&wait.handover, HANDOVER_TASK);
	wait.handover.object = observer;
	return handover_await(task, &observer->latest->waiting, &wait, &changed_ops);
}

bool coil_latest_has_changed(const struct coil_observer *observer)
{
	check_latest(observer->latest, __func__);
	return observer->seen != observer->latest->version;
}

void coil_latest_look(struct coil_observer *observer, void *ret_item)
{
	coil_latest_get(observer->latest, ret_item);
	observer->seen = observer->latest->version;
}

int coil_latest_stats(const struct coil_latest *latest, struct coil_item_stats *ret_stats)
{
	const struct coil_item_stats stats = {
		.length = 1,
		.capacity = 1,
		.receivers = line_length(&latest->waiting),
		.sent = latest->version,
		.waits = latest->waits,
	};

	check_latest(latest, __func__);
	return sized_write(ret_stats, &stats, sizeof stats);
}

/* -- In a select ---------------------------------------------------------------------------------
 */

static bool is_ready(const struct coil_case *c)
{
	const struct coil_observer *observer = c->object;

	check_latest(observer->latest, "coil_select");
	return observer->latest->is_closed || observer->seen != observer->latest->version;
}

static int take(const struct coil_case *c)
{
	return see_change(c->object);
}

static struct coil_list *line(const struct coil_case *c)
{
	struct coil_latest *latest = ((struct coil_observer *)c->object)->latest;

	latest->waits++;
	return &latest->waiting;
}

static const struct coil_case_ops changed_case = { is_ready, take, line };

struct coil_case coil_case_changed(struct coil_observer *observer)
{
	return (struct coil_case){
		.ops = observer ? &changed_case : NULL, .object = observer,
	};
}
