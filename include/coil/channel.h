/* SPDX-License-Identifier: MIT */
/*
 * Channels: items from tasks to tasks of one loop. Without a capacity a send and a receive meet
 * (rendezvous); with one, so many items wait in between. Any number of tasks may send and receive;
 * they are served in the order in which they came, and an item goes straight from the one frame to
 * the other if somebody waits for it.
 *
 * A send or receive in a cancelled scope fails, also if it need not wait; the try forms work. A
 * cancel that comes after the item changed hands is met by the next wait: a send that returns
 * anything but 0 has not sent, and a receive that returns anything but 0 has not taken an item.
 */
#ifndef COIL_CHANNEL_H
#define COIL_CHANNEL_H

#include <stdbool.h>

#include "coil/items.h"
#include "coil/node.h"
#include "coil/select.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;

/* In the caller's memory. Private. */
struct coil_channel {
	struct coil_loop *loop;
	struct coil_list senders;
	struct coil_list receivers;
	struct coil_items items;
	uint64_t sent;
	uint64_t received;
	uint64_t waits;
	bool is_closed;
};

/**
 * coil_channel_init - make an open channel
 * @channel:    uninitialised memory; must stay until coil_channel_deinit
 * @item_bytes: bytes of one item, 0..COIL_ITEM_BYTES_MAX
 * @capacity:   items that wait in between, 0..COIL_ITEMS_MAX; 0: sends and receives meet
 *
 * Belongs to the calling thread's loop. The memory for the items is allocated here, once. Does not
 * suspend.
 * Return: 0; -EINVAL: out of bounds; -ENOMEM.
 * Since 0.1.
 */
int coil_channel_init(struct coil_channel *channel, size_t item_bytes, size_t capacity);

/**
 * coil_channel_deinit - end the use of a channel
 * @channel: nobody waits on it (after coil_channel_close nobody does); NULL and zeroed memory are
 *           allowed
 *
 * Items that were not received are dropped. Who was woken by the close does not touch the channel
 * any more. Does not suspend.
 * Since 0.1.
 */
void coil_channel_deinit(struct coil_channel *channel);

/**
 * coil_channel_send - send an item
 * @channel: of the calling task's loop
 * @item:    copied
 *
 * Suspends until a receiver takes the item or there is room for it. Cancel: at once, unless the
 * item has been taken.
 * Return: 0; -EPIPE: the channel is closed, or was while this waited; the scope's reason.
 * Since 0.1.
 */
int coil_channel_send(struct coil_channel *channel, const void *item);

/**
 * coil_channel_try_send - send an item if that needs no wait
 * @channel: of the calling thread's loop
 * @item:    copied
 *
 * Does not suspend; works in a cancelled scope and outside of a task.
 * Return: 0; -EAGAIN: no receiver waits and there is no room; -EPIPE: closed.
 * Since 0.1.
 */
int coil_channel_try_send(struct coil_channel *channel, const void *item);

/**
 * coil_channel_receive - receive an item
 * @channel:  of the calling task's loop
 * @ret_item: the item; NULL drops it; untouched on failure
 *
 * Suspends until there is one. What was buffered before a close is still received. Cancel: at once,
 * unless an item has been handed over.
 * Return: 0; -EPIPE: closed and drained; the scope's reason.
 * Since 0.1.
 */
int coil_channel_receive(struct coil_channel *channel, void *ret_item);

/**
 * coil_channel_try_receive - receive an item if there is one
 * @channel:  of the calling thread's loop
 * @ret_item: as coil_channel_receive
 *
 * Does not suspend; works in a cancelled scope and outside of a task.
 * Return: 0; -EAGAIN: there is none; -EPIPE: closed and drained.
 * Since 0.1.
 */
int coil_channel_try_receive(struct coil_channel *channel, void *ret_item);

/**
 * coil_channel_close - let nobody send any more
 * @channel: of the calling thread's loop
 *
 * Who waits to send gets -EPIPE and keeps its item; who waits to receive gets -EPIPE. Idempotent.
 * Does not suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_channel_close(struct coil_channel *channel);

/**
 * coil_channel_stats - the counters of a channel
 * @channel:  of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * O(waiters). Does not suspend.
 * Return: 0; -EINVAL if size is too small.
 * Since 0.1.
 */
int coil_channel_stats(const struct coil_channel *channel, struct coil_item_stats *ret_stats);

/**
 * coil_case_send - a case: send an item
 * @channel: as coil_channel_send; NULL: never ready
 * @item:    must stay until the select returns
 *
 * @result is 0, or -EPIPE if the channel is closed: it is ready then.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_send(struct coil_channel *channel, const void *item);

/**
 * coil_case_receive - a case: receive an item
 * @channel:  as coil_channel_receive; NULL: never ready
 * @ret_item: filled if this case takes effect with @result 0
 *
 * @result is 0, or -EPIPE if the channel is closed and drained: it is ready then.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_receive(struct coil_channel *channel, void *ret_item);

#ifdef __cplusplus
}
#endif

#endif
