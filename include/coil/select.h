/* SPDX-License-Identifier: MIT */
/*
 * Select: wait until one of several cases can go on, and do that one alone. A case is an end of a
 * channel, a queue, a oneshot, a broadcast or a latest value, a future, or a deadline; each room
 * that has cases gives them by value (coil_case_receive and the like), inert until they are
 * selected.
 *
 *     struct coil_case cases[] = {
 *             coil_case_receive(&jobs, &job),
 *             coil_case_send(&results, &result),
 *             coil_case_deadline(coil_now() + COIL_SEC),
 *     };
 *     switch (coil_select(cases, 3, 0)) { ...
 *
 * What has no case of its own, an event or a lock, is awaited by a task, whose future is the case;
 * who takes another case cancels and joins it. To end many tasks at once, close a channel: it is
 * ready for all.
 */
#ifndef COIL_SELECT_H
#define COIL_SELECT_H

#include <stddef.h>
#include <stdint.h>

#include "coil/future.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_case_ops;

/*
 * One case. All zero is a case that is never ready. Read @result after the select that chose this
 * case; the rest is private.
 */
struct coil_case {
	const struct coil_case_ops *ops;
	void *object;
	union {
		const void *source;
		void *target;
		int64_t deadline;
	} item;
	int result;
};

enum coil_select_flags {
	COIL_IN_ORDER = 1 << 0 /* of several cases that are ready, the first one of the array */
};

/**
 * coil_case_future - a case: this future is resolved
 * @future: of this loop, started; NULL: never ready
 *
 * A select that takes another case leaves the future alone: it is neither cancelled nor awaited.
 * @result is the future's.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_future(struct coil_future *future);

/**
 * coil_case_deadline - a case: this time has come
 * @deadline: absolute, on coil_now()'s clock; COIL_FOREVER: never ready
 *
 * @result is 0.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_deadline(int64_t deadline);

/**
 * coil_case_default - a case: no other one is ready
 *
 * With it a select does not suspend. At most one in a select. @result is 0.
 * Return: the case.
 * Since 0.1.
 */
struct coil_case coil_case_default(void);

/**
 * coil_select - wait until one of several cases is ready, and do that one
 * @cases: @n cases; they and their items must stay until return
 * @n:     count, 1..INT_MAX; up to 16 cost no allocation
 * @flags: 0: of several that are ready one is chosen evenly at random, so that no case starves;
 *         or COIL_IN_ORDER
 *
 * Exactly one case takes effect: its item is sent or received, and its @result says how it went (0;
 * -EPIPE of a closed channel: closed is ready, too). Suspends while none is ready; whoever comes
 * first then decides. A cancel leaves all lines; a case that took effect before it came is returned
 * nevertheless, and the next wait meets the cancel. With a default case it neither suspends nor
 * minds a cancelled scope.
 * Return: the index of the case that took effect; the scope's reason; -EINVAL: no cases, two
 * default ones, unknown flags; -ENOMEM.
 * Since 0.1. See the select statement of Go.
 */
int coil_select(struct coil_case *cases, size_t n, int flags);

#ifdef __cplusplus
}
#endif

#endif
