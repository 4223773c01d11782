/* SPDX-License-Identifier: MIT */
/* Queues of one loop: the waiting around queue_body.c. */
#include "coil/queue.h"

#include "base/sized.h"
#include "base/words.h"
#include "exchange/queue_body.h"
#include "exchange/select.h"

_Static_assert(sizeof(struct coil_queue) <= 192, "growth is a decision");

static inline void check_queue(const struct coil_queue *queue, const char *function)
{
	if (unlikely(queue->loop != loop_current || !loop_current))
		check_misused(function, "this queue was not made by coil_queue_init, or not on "
					"this thread's loop");
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

static int init_on(struct coil_loop *loop, struct coil_queue *queue,
		   const struct coil_queue_options *options)
{
	struct coil_queue_options filled;
	int rc = sized_read(&filled, options, sizeof filled);

	queue->loop = NULL;
	if (rc < 0)
		return rc;
	queue->loop = loop;
	return body_init(&queue->body, loop->alloc, &filled);
}

int coil_queue_init(struct coil_queue *queue, size_t item_bytes, size_t capacity)
{
	const struct coil_queue_options options = {
		.size = sizeof options,
		.item_bytes = item_bytes,
		.capacity = capacity,
	};

	return init_on(loop_required(__func__), queue, &options);
}

int coil_queue_init_with(struct coil_queue *queue, const struct coil_queue_options *options)
{
	return init_on(loop_required(__func__), queue, options);
}

void coil_queue_deinit(struct coil_queue *queue)
{
	if (!queue || !queue->loop)
		return;
	check_queue(queue, __func__);
	check_use(!body_has_waiters(&queue->body),
		  "somebody waits on this queue: shut it down first");
	body_deinit(&queue->body);
	queue->loop = NULL;
}

/* -- Put and get ---------------------------------------------------------------------------------
 */

static void describe(struct coil_future *future, char *text, size_t bytes)
{
	const struct coil_queue *queue =
		container_of(future, struct task_handover, future)->handover.object;
	struct words words;

	words_begin(&words, text, bytes);
	words_add(&words, future->ops->kind);
	words_add(&words, ", ");
	if (queue->body.items.capacity)
		words_part(&words, queue->body.items.count, queue->body.items.capacity, "");
	else
		words_number(&words, queue->body.items.count);
	words_add(&words, " items");
}

static void describe_join(struct coil_future *future, char *text, size_t bytes)
{
	const struct coil_queue *queue =
		container_of(future, struct task_handover, future)->handover.object;
	struct words words;

	words_begin(&words, text, bytes);
	words_add(&words, "queue join, ");
	words_number(&words, queue->body.unfinished);
	words_add(&words, " not done");
}

static const struct coil_future_ops put_ops = { "queue put", handover_cancel, describe };
static const struct coil_future_ops get_ops = { "queue get", handover_cancel, describe };
static const struct coil_future_ops join_ops = { "queue join", handover_cancel, describe_join };

int coil_queue_try_put(struct coil_queue *queue, const void *item)
{
	check_queue(queue, __func__);
	return body_put(&queue->body, item);
}

int coil_queue_try_get(struct coil_queue *queue, void *ret_item)
{
	check_queue(queue, __func__);
	return body_get(&queue->body, ret_item);
}

int coil_queue_put(struct coil_queue *queue, const void *item)
{
	struct coil_task *task = task_required(__func__);
	struct task_handover wait;
	int rc;

	check_queue(queue, __func__);
	rc = handover_begin(task);
	if (unlikely(rc < 0))
		return rc;
	rc = body_put(&queue->body, item);
	if (rc != -EAGAIN)
		return handover_end(task, rc);
	queue->body.waits++;
	handover_init(&wait.handover, HANDOVER_TASK);
	wait.handover.object = queue;
	wait.handover.source = item;
	return handover_await(task, &queue->body.putters, &wait, &put_ops);
}

int coil_queue_get(struct coil_queue *queue, void *ret_item)
{
	struct coil_task *task = task_required(__func__);
	struct task_handover wait;
	int rc;

	check_queue(queue, __func__);
	rc = handover_begin(task);
	if (unlikely(rc < 0))
		return rc;
	rc = body_get(&queue->body, ret_item);
	if (rc != -EAGAIN)
		return handover_end(task, rc);
	queue->body.waits++;
	handover_init(&wait.handover, HANDOVER_TASK);
	wait.handover.object = queue;
	wait.handover.target = ret_item;
	return handover_await(task, &queue->body.getters, &wait, &get_ops);
}

/* -- Work ----------------------------------------------------------------------------------------
 */

void coil_queue_task_done(struct coil_queue *queue)
{
	check_queue(queue, __func__);
	check_use(queue->body.unfinished > 0, "called more often than items were put");
	body_task_done(&queue->body);
}

int coil_queue_join(struct coil_queue *queue)
{
	struct coil_task *task = task_required(__func__);
	struct task_handover wait;
	int rc;

	check_queue(queue, __func__);
	if (body_join(&queue->body) == 0)
		return 0;
	rc = handover_begin(task);
	if (unlikely(rc < 0))
		return rc;
	handover_init(&wait.handover, HANDOVER_TASK);
	wait.handover.object = queue;
	return handover_await(task, &queue->body.joiners, &wait, &join_ops);
}

void coil_queue_shutdown(struct coil_queue *queue, int flags)
{
	check_queue(queue, __func__);
	check_use((flags & ~COIL_IMMEDIATE) == 0, "%d is no flag of a shutdown", flags);
	body_shutdown(&queue->body, flags);
}

/* -- Looking -------------------------------------------------------------------------------------
 */

size_t coil_queue_size(const struct coil_queue *queue)
{
	check_queue(queue, __func__);
	return queue->body.items.count;
}

bool coil_queue_empty(const struct coil_queue *queue)
{
	return coil_queue_size(queue) == 0;
}

bool coil_queue_full(const struct coil_queue *queue)
{
	check_queue(queue, __func__);
	return items_are_full(&queue->body.items);
}

int coil_queue_stats(const struct coil_queue *queue, struct coil_item_stats *ret_stats)
{
	check_queue(queue, __func__);
	return body_stats(&queue->body, ret_stats);
}

/* -- In a select ---------------------------------------------------------------------------------
 */

static bool put_is_ready(const struct coil_case *c)
{
	const struct coil_queue *queue = c->object;

	check_queue(queue, "coil_select");
	return queue->body.is_shut || !items_are_full(&queue->body.items);
}

static int put_take(const struct coil_case *c)
{
	struct coil_queue *queue = c->object;

	return body_put(&queue->body, c->item.source);
}

static struct coil_list *put_line(const struct coil_case *c)
{
	struct coil_queue *queue = c->object;

	queue->body.waits++;
	return &queue->body.putters;
}

static bool get_is_ready(const struct coil_case *c)
{
	const struct coil_queue *queue = c->object;

	check_queue(queue, "coil_select");
	return queue->body.is_shut || queue->body.items.count > 0;
}

static int get_take(const struct coil_case *c)
{
	struct coil_queue *queue = c->object;

	return body_get(&queue->body, c->item.target);
}

static struct coil_list *get_line(const struct coil_case *c)
{
	struct coil_queue *queue = c->object;

	queue->body.waits++;
	return &queue->body.getters;
}

static const struct coil_case_ops put_case = { put_is_ready, put_take, put_line };
static const struct coil_case_ops get_case = { get_is_ready, get_take, get_line };

struct coil_case coil_case_put(struct coil_queue *queue, const void *item)
{
	return (struct coil_case){
		.ops = queue ? &put_case : NULL, .object = queue, .item = { .source = item },
	};
}

struct coil_case coil_case_get(struct coil_queue *queue, void *ret_item)
{
	return (struct coil_case){
		.ops = queue ? &get_case : NULL, .object = queue, .item = { .target = ret_item },
	};
}
