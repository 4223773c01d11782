/* SPDX-License-Identifier: MIT */
/*
 * A oneshot: one item from one task to another, once. Either side may give up, and the other one is
 * told. What of a promise is a number is an item here.
 */
#ifndef COIL_ONESHOT_H
#define COIL_ONESHOT_H

#include <stdbool.h>

#include "coil/items.h"
#include "coil/node.h"
#include "coil/select.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;

/* In the caller's memory. Private. */
struct coil_oneshot {
	struct coil_loop *loop;
	void *slot;
	size_t item_bytes;
	struct coil_list receivers;
	struct coil_list watchers;
	uint32_t state;
	uint32_t reserved;
};

/**
 * coil_oneshot_init - make a oneshot
 * @oneshot:    uninitialised memory; must stay until coil_oneshot_deinit
 * @slot:       @item_bytes of the caller's memory in which the item waits for its receiver; must
 *              stay as long
 * @item_bytes: bytes of the item; 0 is allowed
 *
 * Belongs to the calling thread's loop. Allocates nothing. Does not suspend, never fails.
 * Since 0.1.
 */
void coil_oneshot_init(struct coil_oneshot *oneshot, void *slot, size_t item_bytes);

/**
 * coil_oneshot_deinit - end the use of a oneshot
 * @oneshot: nobody waits on it; NULL and zeroed memory are allowed
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_oneshot_deinit(struct coil_oneshot *oneshot);

/**
 * coil_oneshot_send - send the item
 * @oneshot: of the calling thread's loop; nothing was sent, and the sender has not given up:
 *           anything else is misuse and stops the program
 * @item:    copied
 *
 * Does not suspend.
 * Return: 0; -EPIPE: the receiver has given up.
 * Since 0.1.
 */
int coil_oneshot_send(struct coil_oneshot *oneshot, const void *item);

/**
 * coil_oneshot_drop - the sender gives up
 * @oneshot: of the calling thread's loop
 *
 * Who waits to receive gets -EPIPE. Nothing happens after a send: so a sender may always end with
 * it. Idempotent. Does not suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_oneshot_drop(struct coil_oneshot *oneshot);

/**
 * coil_oneshot_receive - receive the item
 * @oneshot:  of the calling task's loop
 * @ret_item: the item; NULL drops it; untouched on failure
 *
 * Suspends until it is sent or will not be. Cancel: at once, unless the item has been handed over.
 * Return: 0; -EPIPE: the sender has given up, or the item was received before; the scope's reason.
 * Since 0.1.
 */
int coil_oneshot_receive(struct coil_oneshot *oneshot, void *ret_item);

/**
 * coil_oneshot_try_receive - receive the item if it has been sent
 * @oneshot:  of the calling thread's loop
 * @ret_item: as coil_oneshot_receive
 *
 * Does not suspend; works in a cancelled scope.
 * Return: 0; -EAGAIN: not sent yet; -EPIPE as coil_oneshot_receive.
 * Since 0.1.
 */
int coil_oneshot_try_receive(struct coil_oneshot *oneshot, void *ret_item);

/**
 * coil_oneshot_close - the receiver gives up
 * @oneshot: of the calling thread's loop
 *
 * A send after it fails with -EPIPE; an item that was sent before is still received. Who waits to
 * receive gets -EPIPE. Idempotent. Does not suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_oneshot_close(struct coil_oneshot *oneshot);

/**
 * coil_oneshot_closed - wait until the receiver has given up
 * @oneshot: of the calling task's loop
 *
 * For a sender that need not go on working then. Suspends; also ends when the item is sent or the
 * sender gives up; returns at once after that, in a cancelled scope, too. Cancel: at once.
 * Return: 0; the scope's reason.
 * Since 0.1.
 */
int coil_oneshot_closed(struct coil_oneshot *oneshot);

/**
 * coil_oneshot_stats - the counters of a oneshot
 * @oneshot:  of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is too small.
 * Since 0.1.
 */
int coil_oneshot_stats(const struct coil_oneshot *oneshot, struct coil_item_stats *ret_stats);

/**
 * coil_case_oneshot - a case: receive the item of a oneshot
 * @oneshot:  as coil_oneshot_receive; NULL: never ready
 * @ret_item: filled if this case takes effect with @result 0
 *
 * @result is 0, or -EPIPE: then it is ready, too.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_oneshot(struct coil_oneshot *oneshot, void *ret_item);

#ifdef __cplusplus
}
#endif

#endif
