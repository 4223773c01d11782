/* SPDX-License-Identifier: MIT */
/*
 * A broadcast: every subscriber receives every item that is sent from its subscription on. The last
 * items are kept; a send never waits, and a subscriber that is too slow is told how many items it
 * lost, and goes on with the oldest one that is left.
 */
#ifndef COIL_BROADCAST_H
#define COIL_BROADCAST_H

#include <stdbool.h>

#include "coil/items.h"
#include "coil/node.h"
#include "coil/select.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;

/* In the caller's memory. Private. */
struct coil_broadcast {
	struct coil_loop *loop;
	unsigned char *memory;
	struct coil_list waiting;
	uint64_t sent;
	uint64_t received;
	uint64_t waits;
	uint64_t lost;
	uint32_t item_bytes;
	uint32_t capacity;
	uint32_t subscribers;
	bool is_closed;
};

/* One subscription, in the caller's memory. Private. */
struct coil_subscriber {
	struct coil_broadcast *broadcast;
	uint64_t next;
	uint64_t lost;
};

/**
 * coil_broadcast_init - make a broadcast
 * @broadcast:  uninitialised memory; must stay until coil_broadcast_deinit
 * @item_bytes: bytes of one item, 0..COIL_ITEM_BYTES_MAX
 * @capacity:   items that are kept for slow subscribers, 1..COIL_ITEMS_MAX
 *
 * Belongs to the calling thread's loop. The memory is allocated here, once. Does not suspend.
 * Return: 0; -EINVAL: out of bounds; -ENOMEM.
 * Since 0.1.
 */
int coil_broadcast_init(struct coil_broadcast *broadcast, size_t item_bytes, size_t capacity);

/**
 * coil_broadcast_deinit - end the use of a broadcast
 * @broadcast: without subscribers; NULL and zeroed memory are allowed
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_broadcast_deinit(struct coil_broadcast *broadcast);

/**
 * coil_broadcast_subscribe - receive what is sent from now on
 * @broadcast:  of the calling thread's loop
 * @subscriber: uninitialised memory; must stay until coil_broadcast_unsubscribe
 *
 * Does not suspend, never fails.
 * Since 0.1.
 */
void coil_broadcast_subscribe(struct coil_broadcast *broadcast,
			      struct coil_subscriber *subscriber);

/**
 * coil_broadcast_unsubscribe - receive no more
 * @subscriber: nobody waits on it; NULL and zeroed memory are allowed, and one that has left
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_broadcast_unsubscribe(struct coil_subscriber *subscriber);

/**
 * coil_broadcast_send - send an item to all subscribers
 * @broadcast: of the calling thread's loop
 * @item:      copied
 *
 * Never suspends: the oldest item makes room. O(subscribers that wait).
 * Return: the number of subscribers, who will receive it unless they are too slow; -EPIPE: closed.
 * Since 0.1.
 */
int coil_broadcast_send(struct coil_broadcast *broadcast, const void *item);

/**
 * coil_broadcast_receive - receive the next item
 * @subscriber: subscribed, of the calling task's loop
 * @ret_item:   the item; NULL drops it; untouched on failure
 *
 * Suspends until there is one. What was sent before a close is still received. Cancel: at once,
 * unless an item has been handed over.
 * Return: 0; -EOVERFLOW: items were lost, coil_broadcast_lost says how many, and the next call goes
 * on behind them; -EPIPE: closed, and all was received; the scope's reason.
 * Since 0.1.
 */
int coil_broadcast_receive(struct coil_subscriber *subscriber, void *ret_item);

/**
 * coil_broadcast_try_receive - receive the next item if there is one
 * @subscriber: as coil_broadcast_receive
 * @ret_item:   as coil_broadcast_receive
 *
 * Does not suspend; works in a cancelled scope.
 * Return: as coil_broadcast_receive; -EAGAIN: there is none.
 * Since 0.1.
 */
int coil_broadcast_try_receive(struct coil_subscriber *subscriber, void *ret_item);

/**
 * coil_broadcast_lost - how many items did the last -EOVERFLOW stand for?
 * @subscriber: subscribed, of the calling thread's loop
 *
 * Return: count, 0 before the first one. Does not suspend.
 * Since 0.1.
 */
uint64_t coil_broadcast_lost(const struct coil_subscriber *subscriber);

/**
 * coil_broadcast_close - let nobody send any more
 * @broadcast: of the calling thread's loop
 *
 * Who waits gets -EPIPE. Idempotent. Does not suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_broadcast_close(struct coil_broadcast *broadcast);

/**
 * coil_broadcast_stats - the counters of a broadcast
 * @broadcast: of the calling thread's loop
 * @ret_stats:  its size is set; filled up to it
 *
 * received and lost are summed over all subscribers. Does not suspend.
 * Return: 0; -EINVAL if size is too small.
 * Since 0.1.
 */
int coil_broadcast_stats(const struct coil_broadcast *broadcast, struct coil_item_stats *ret_stats);

/**
 * coil_case_broadcast - a case: receive the next item of a broadcast
 * @subscriber: as coil_broadcast_receive; NULL: never ready
 * @ret_item:   filled if this case takes effect with @result 0
 *
 * @result is 0, -EOVERFLOW or -EPIPE, as of coil_broadcast_receive.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_broadcast(struct coil_subscriber *subscriber, void *ret_item);

#ifdef __cplusplus
}
#endif

#endif
