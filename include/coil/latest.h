/* SPDX-License-Identifier: MIT */
/*
 * A latest value: one that changes, and of which only the newest counts (a configuration, a state).
 * Observers wait until it has changed since they looked last. Elsewhere it is called a watch
 * channel.
 */
#ifndef COIL_LATEST_H
#define COIL_LATEST_H

#include <stdbool.h>

#include "coil/items.h"
#include "coil/node.h"
#include "coil/select.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;

/* In the caller's memory. Private. */
struct coil_latest {
	struct coil_loop *loop;
	void *slot;
	size_t item_bytes;
	struct coil_list waiting;
	uint64_t version;
	uint64_t waits;
	bool is_closed;
};

/* Somebody who looks at it, in the caller's memory. Private. */
struct coil_observer {
	struct coil_latest *latest;
	uint64_t seen;
};

/**
 * coil_latest_init - make a latest value
 * @latest:     uninitialised memory; must stay until coil_latest_deinit
 * @slot:       @item_bytes of the caller's memory that hold the first value; must stay as long, and
 *              be changed by coil_latest_set alone
 * @item_bytes: bytes of the value
 *
 * Belongs to the calling thread's loop. Allocates nothing. Does not suspend, never fails.
 * Since 0.1.
 */
void coil_latest_init(struct coil_latest *latest, void *slot, size_t item_bytes);

/**
 * coil_latest_deinit - end the use of a latest value
 * @latest: nobody waits on it; NULL and zeroed memory are allowed
 *
 * Its observers must not be used any more. Does not suspend.
 * Since 0.1.
 */
void coil_latest_deinit(struct coil_latest *latest);

/**
 * coil_latest_set - change the value
 * @latest: of the calling thread's loop
 * @item:   copied; setting what is there already is a change, too
 *
 * Wakes all observers that wait. Does not suspend.
 * Return: 0; -EPIPE: closed.
 * Since 0.1.
 */
int coil_latest_set(struct coil_latest *latest, const void *item);

/**
 * coil_latest_get - read the value
 * @latest:   of the calling thread's loop
 * @ret_item: the value
 *
 * After a close, too. Does not suspend.
 * Since 0.1.
 */
void coil_latest_get(const struct coil_latest *latest, void *ret_item);

/**
 * coil_latest_close - there will be no change any more
 * @latest: of the calling thread's loop
 *
 * Who waits gets -EPIPE. Idempotent. Does not suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_latest_close(struct coil_latest *latest);

/**
 * coil_latest_observe - begin to look at a value
 * @latest:   of the calling thread's loop
 * @observer: uninitialised memory; has seen the value as it is now. Needs no end
 *
 * Does not suspend, never fails.
 * Since 0.1.
 */
void coil_latest_observe(struct coil_latest *latest, struct coil_observer *observer);

/**
 * coil_latest_changed - wait until the value is newer than what was seen
 * @observer: of the calling task's loop
 *
 * Returns at once if it is already. The newest value counts as seen then; changes in between are
 * not told apart. Suspends. Cancel: at once, unless the change has been told.
 * Return: 0; -EPIPE: closed, and nothing is newer; the scope's reason.
 * Since 0.1.
 */
int coil_latest_changed(struct coil_observer *observer);

/**
 * coil_latest_has_changed - is the value newer than what was seen?
 * @observer: of the calling thread's loop
 *
 * Does not suspend, and sees nothing.
 * Return: true if coil_latest_changed would return 0 at once.
 * Since 0.1.
 */
bool coil_latest_has_changed(const struct coil_observer *observer);

/**
 * coil_latest_look - read the value; it counts as seen
 * @observer: of the calling thread's loop
 * @ret_item: the value; NULL: it is but seen
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_latest_look(struct coil_observer *observer, void *ret_item);

/**
 * coil_latest_stats - the counters of a latest value
 * @latest:   of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * sent counts the changes. Does not suspend.
 * Return: 0; -EINVAL if size is too small.
 * Since 0.1.
 */
int coil_latest_stats(const struct coil_latest *latest, struct coil_item_stats *ret_stats);

/**
 * coil_case_changed - a case: the value is newer than what was seen
 * @observer: as coil_latest_changed; NULL: never ready
 *
 * @result is 0, and the newest value counts as seen; or -EPIPE.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_changed(struct coil_observer *observer);

#ifdef __cplusplus
}
#endif

#endif
