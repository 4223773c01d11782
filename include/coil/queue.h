/* SPDX-License-Identifier: MIT */
/*
 * Queues: asyncio's Queue, LifoQueue and PriorityQueue. Beside items they count work: what was put
 * is unfinished until task_done says otherwise, and join waits until nothing is. Tasks of one loop
 * share a coil_queue; tasks and plain threads share a coil_shared_queue.
 *
 * A bounded queue takes its memory at the beginning, and a put waits while it is full. A capacity
 * of 0 means no bound of its own, as in asyncio: then memory grows with the items and is kept until
 * the end, a put never waits, and fails with -ENOMEM, or with -ENOBUFS at COIL_ITEMS_MAX items.
 * Overload is better met with a capacity.
 *
 * Puts and gets are served in the order in which they came; an item goes straight to who waits for
 * one. In a cancelled scope they fail, also if they need not wait; the try forms work. A cancel
 * that comes after the item changed hands is met by the next wait: a put that returns anything but
 * 0 has not put, a get that returns anything but 0 has not taken an item.
 */
#ifndef COIL_QUEUE_H
#define COIL_QUEUE_H

#include <pthread.h>
#include <stdbool.h>

#include "coil/items.h"
#include "coil/node.h"
#include "coil/select.h"
#include "coil/time.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;

/* What a queue is like. Zero is the default of each field. */
struct coil_queue_options {
	size_t size;	      /* sizeof(struct coil_queue_options) */
	size_t item_bytes;    /* of one item, 0..COIL_ITEM_BYTES_MAX */
	size_t capacity;      /* items, ..COIL_ITEMS_MAX; 0: no bound of its own */
	int kind;	      /* enum coil_queue_kind */
	coil_compare compare; /* for COIL_QUEUE_PRIORITY; must not use the queue */
	void *context;	      /* passed to @compare */
	const struct coil_alloc *alloc; /* of a shared queue alone; must outlive it; default: the C
					   library's */
};

/* Flags of shutdown. */
enum coil_shutdown_flags {
	COIL_IMMEDIATE = 1 << 0 /* drop what is in the queue */
};

/* What both sorts of queue are made of. Private. */
struct coil_queue_body {
	struct coil_items items;
	struct coil_list putters;
	struct coil_list getters;
	struct coil_list joiners;
	uint64_t unfinished;
	uint64_t puts;
	uint64_t gets;
	uint64_t waits;
	uint64_t dropped;
	bool is_shut;
};

/* In the caller's memory. Private. */
struct coil_queue {
	struct coil_loop *loop;
	struct coil_queue_body body;
};

/**
 * coil_queue_init - make a queue, first in first out
 * @queue:      uninitialised memory; must stay until coil_queue_deinit
 * @item_bytes: bytes of one item, 0..COIL_ITEM_BYTES_MAX
 * @capacity:   items, 0..COIL_ITEMS_MAX; 0: no bound of its own
 *
 * Belongs to the calling thread's loop. Does not suspend.
 * Return: 0; -EINVAL: out of bounds; -ENOMEM.
 * Since 0.1. See asyncio.Queue.
 */
int coil_queue_init(struct coil_queue *queue, size_t item_bytes, size_t capacity);

/**
 * coil_queue_init_with - make a queue of any kind
 * @queue:   as coil_queue_init
 * @options: copied
 *
 * Does not suspend.
 * Return: 0; -EINVAL: out of bounds, or a priority queue without a comparison; -ENOMEM.
 * Since 0.1. See asyncio.PriorityQueue, asyncio.LifoQueue.
 */
int coil_queue_init_with(struct coil_queue *queue, const struct coil_queue_options *options);

/**
 * coil_queue_deinit - end the use of a queue
 * @queue: nobody waits on it; NULL and zeroed memory are allowed
 *
 * Items that are left are dropped. Who was woken by a shutdown does not touch the queue any more.
 * Does not suspend.
 * Since 0.1.
 */
void coil_queue_deinit(struct coil_queue *queue);

/**
 * coil_queue_put - put an item into a queue
 * @queue: of the calling task's loop
 * @item:  copied
 *
 * Suspends while the queue is full. Cancel: at once, unless the item went in.
 * Return: 0; -EPIPE: the queue is shut down, or was while this waited; the scope's reason; of a
 * queue without a capacity -ENOMEM, -ENOBUFS.
 * Since 0.1.
 */
int coil_queue_put(struct coil_queue *queue, const void *item);

/**
 * coil_queue_try_put - put an item into a queue that is not full
 * @queue: of the calling thread's loop
 * @item:  copied
 *
 * Does not suspend; works in a cancelled scope and outside of a task.
 * Return: 0; -EAGAIN: full; -EPIPE; -ENOMEM, -ENOBUFS as coil_queue_put.
 * Since 0.1.
 */
int coil_queue_try_put(struct coil_queue *queue, const void *item);

/**
 * coil_queue_get - take the next item of a queue
 * @queue:    of the calling task's loop
 * @ret_item: the item; NULL drops it; untouched on failure
 *
 * Suspends while the queue is empty. After a shutdown what is left is still taken. Cancel: at once,
 * unless an item has been handed over.
 * Return: 0; -EPIPE: shut down and empty; the scope's reason.
 * Since 0.1.
 */
int coil_queue_get(struct coil_queue *queue, void *ret_item);

/**
 * coil_queue_try_get - take the next item of a queue that is not empty
 * @queue:    of the calling thread's loop
 * @ret_item: as coil_queue_get
 *
 * Does not suspend; works in a cancelled scope and outside of a task.
 * Return: 0; -EAGAIN: empty; -EPIPE: shut down and empty.
 * Since 0.1.
 */
int coil_queue_try_get(struct coil_queue *queue, void *ret_item);

/**
 * coil_queue_task_done - say that the work on one item is done
 * @queue: of the calling thread's loop
 *
 * Once for each item that was put, by whom ever; more often is misuse and stops the program. The
 * last one wakes who waits in coil_queue_join. Does not suspend.
 * Since 0.1.
 */
void coil_queue_task_done(struct coil_queue *queue);

/**
 * coil_queue_join - wait until all work is done
 * @queue: of the calling task's loop
 *
 * Suspends until every item that was put has its task_done; returns at once if nothing is
 * unfinished, in a cancelled scope, too. Cancel: at once.
 * Return: 0; the scope's reason.
 * Since 0.1.
 */
int coil_queue_join(struct coil_queue *queue);

/**
 * coil_queue_shutdown - let nobody put any more
 * @queue: of the calling thread's loop
 * @flags: 0, or COIL_IMMEDIATE
 *
 * Puts fail from now on, also those that wait; gets take what is left and then fail.
 * COIL_IMMEDIATE drops what is left: gets fail at once, and the dropped items count as done, so
 * that join ends once the items that were taken are. Items that own something are better taken out:
 * shut down with 0, try_get and task_done until -EPIPE. May be called again, also with the other
 * flag. Does not suspend; works in a cancelled scope.
 * Since 0.1. See asyncio.Queue.shutdown, Python 3.13.
 */
void coil_queue_shutdown(struct coil_queue *queue, int flags);

/**
 * coil_queue_size - the items in a queue
 * @queue: of the calling thread's loop
 *
 * Return: count. Does not suspend.
 * Since 0.1.
 */
size_t coil_queue_size(const struct coil_queue *queue);

/**
 * coil_queue_empty - is nothing in a queue?
 * @queue: of the calling thread's loop
 *
 * Return: true if it holds no item. Does not suspend.
 * Since 0.1.
 */
bool coil_queue_empty(const struct coil_queue *queue);

/**
 * coil_queue_full - is a queue full?
 * @queue: of the calling thread's loop
 *
 * Return: true if it holds its capacity; never of a queue without one. Does not suspend.
 * Since 0.1.
 */
bool coil_queue_full(const struct coil_queue *queue);

/**
 * coil_queue_stats - the counters of a queue
 * @queue:    of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * O(waiters). Does not suspend.
 * Return: 0; -EINVAL if size is too small.
 * Since 0.1.
 */
int coil_queue_stats(const struct coil_queue *queue, struct coil_item_stats *ret_stats);

/**
 * coil_case_put - a case: put an item
 * @queue: as coil_queue_put; NULL: never ready
 * @item:  must stay until the select returns
 *
 * @result is as coil_queue_put's; a queue that is shut down is ready, with -EPIPE.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_put(struct coil_queue *queue, const void *item);

/**
 * coil_case_get - a case: take an item
 * @queue:    as coil_queue_get; NULL: never ready
 * @ret_item: filled if this case takes effect with @result 0
 *
 * @result is 0, or -EPIPE: a queue that is shut down and empty is ready.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_get(struct coil_queue *queue, void *ret_item);

/*
 * A queue that tasks of any loop and plain threads share: tasks suspend, threads block. It is bound
 * to no loop, is always bounded, and works on every kernel. A lock is held while an item is copied:
 * never while anybody waits. In the caller's memory. Private.
 */
struct coil_shared_queue {
	pthread_mutex_t lock;
	struct coil_queue_body body;
	struct coil_list settled;
	const struct coil_alloc *alloc;
	bool is_made;
};

/**
 * coil_shared_queue_init - make a queue for tasks and threads
 * @queue:   uninitialised memory; must stay until coil_shared_queue_deinit
 * @options: copied; the capacity is at least 1
 *
 * From any thread. Does not suspend.
 * Return: 0; -EINVAL: out of bounds; -ENOMEM.
 * Since 0.1.
 */
int coil_shared_queue_init(struct coil_shared_queue *queue,
			   const struct coil_queue_options *options);

/**
 * coil_shared_queue_deinit - end the use of a shared queue
 * @queue: nobody is in a call on it, also not after a shutdown; NULL and zeroed memory are allowed
 *
 * From any thread. Items that are left are dropped. Does not suspend.
 * Since 0.1.
 */
void coil_shared_queue_deinit(struct coil_shared_queue *queue);

/**
 * coil_shared_queue_put - put an item into a shared queue
 * @queue: of any thread
 * @item:  copied
 *
 * While the queue is full, a task suspends, and a thread without a loop blocks. On the thread of a
 * loop outside of a task it is misuse: take the try form. Cancel: at once, unless the item went in.
 * Return: 0; -EPIPE: shut down; of a task the scope's reason.
 * Since 0.1.
 */
int coil_shared_queue_put(struct coil_shared_queue *queue, const void *item);

/**
 * coil_shared_queue_put_until - put an item into a shared queue, until a time
 * @queue:    as coil_shared_queue_put
 * @item:     copied
 * @deadline: absolute, on coil_now()'s clock; COIL_FOREVER for none. A past one lets it go in only
 *            if that needs no wait
 *
 * Return: as coil_shared_queue_put; -ETIME: the deadline passed; of a task -ENOMEM if the heap of
 * timers cannot grow.
 * Since 0.1.
 */
int coil_shared_queue_put_until(struct coil_shared_queue *queue, const void *item,
				int64_t deadline);

/**
 * coil_shared_queue_try_put - put an item into a shared queue that is not full
 * @queue: of any thread
 * @item:  copied
 *
 * From anywhere but a signal handler. Does not suspend.
 * Return: 0; -EAGAIN: full; -EPIPE.
 * Since 0.1.
 */
int coil_shared_queue_try_put(struct coil_shared_queue *queue, const void *item);

/**
 * coil_shared_queue_get - take the next item of a shared queue
 * @queue:    of any thread
 * @ret_item: the item; NULL drops it; untouched on failure
 *
 * While the queue is empty, a task suspends, and a thread without a loop blocks. What the putter
 * wrote before is visible. Cancel: at once, unless an item has been handed over.
 * Return: 0; -EPIPE: shut down and empty; of a task the scope's reason.
 * Since 0.1.
 */
int coil_shared_queue_get(struct coil_shared_queue *queue, void *ret_item);

/**
 * coil_shared_queue_get_until - take the next item of a shared queue, until a time
 * @queue:    as coil_shared_queue_get
 * @ret_item: as coil_shared_queue_get
 * @deadline: as coil_shared_queue_put_until
 *
 * Return: as coil_shared_queue_get; -ETIME: the deadline passed; of a task -ENOMEM if the heap of
 * timers cannot grow.
 * Since 0.1.
 */
int coil_shared_queue_get_until(struct coil_shared_queue *queue, void *ret_item, int64_t deadline);

/**
 * coil_shared_queue_try_get - take the next item of a shared queue that is not empty
 * @queue:    of any thread
 * @ret_item: as coil_shared_queue_get
 *
 * From anywhere but a signal handler. Does not suspend.
 * Return: 0; -EAGAIN: empty; -EPIPE: shut down and empty.
 * Since 0.1.
 */
int coil_shared_queue_try_get(struct coil_shared_queue *queue, void *ret_item);

/**
 * coil_shared_queue_task_done - say that the work on one item is done
 * @queue: of any thread
 *
 * As coil_queue_task_done. Does not suspend.
 * Since 0.1.
 */
void coil_shared_queue_task_done(struct coil_shared_queue *queue);

/**
 * coil_shared_queue_join - wait until all work is done
 * @queue: of any thread
 *
 * As coil_queue_join; a thread without a loop blocks.
 * Return: 0; of a task the scope's reason.
 * Since 0.1.
 */
int coil_shared_queue_join(struct coil_shared_queue *queue);

/**
 * coil_shared_queue_shutdown - let nobody put any more
 * @queue: of any thread
 * @flags: 0, or COIL_IMMEDIATE
 *
 * As coil_queue_shutdown. Does not suspend.
 * Since 0.1.
 */
void coil_shared_queue_shutdown(struct coil_shared_queue *queue, int flags);

/**
 * coil_shared_queue_stats - the counters of a shared queue
 * @queue:    of any thread
 * @ret_stats: its size is set; filled up to it
 *
 * O(waiters), all read at one moment. Does not suspend.
 * Return: 0; -EINVAL if size is too small.
 * Since 0.1.
 */
int coil_shared_queue_stats(struct coil_shared_queue *queue, struct coil_item_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
