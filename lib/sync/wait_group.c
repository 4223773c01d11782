/* SPDX-License-Identifier: MIT */
/* Wait groups: a count, and all who wait are woken when it reaches zero. */
#include "coil/wait_group.h"

#include <string.h>

#include "base/sized.h"
#include "base/words.h"
#include "sync/waiters.h"

_Static_assert(sizeof(struct coil_wait_group) == 56, "growth is a decision");

static void tell(struct words *words, struct coil_waiters *waiters)
{
	const struct coil_wait_group *wait_group =
		container_of(waiters, struct coil_wait_group, waiters);

	words_add(words, ", ");
	words_number(words, wait_group->count);
	words_add(words, " not done");
}

static const struct waiters_kind wait_group_kind = WAITERS_KIND("wait group", NULL, tell);

void coil_wait_group_init(struct coil_wait_group *wait_group)
{
	memset(wait_group, 0, sizeof *wait_group);
}

void coil_wait_group_deinit(struct coil_wait_group *wait_group)
{
	if (wait_group)
		waiters_deinit(&wait_group->waiters, __func__);
}

void coil_wait_group_add(struct coil_wait_group *wait_group, unsigned n)
{
	waiters_use(&wait_group->waiters, __func__);
	check_use(n <= UINT32_MAX - wait_group->count, "%u and %u are more than 4294967295",
		  wait_group->count, n);
	wait_group->count += n;
	wait_group->added += n;
}

void coil_wait_group_done(struct coil_wait_group *wait_group)
{
	waiters_use(&wait_group->waiters, __func__);
	check_use(wait_group->count > 0, "called more often than something was added");
	if (--wait_group->count == 0)
		waiters_wake_all(&wait_group->waiters, 0);
}

int coil_wait_group_wait(struct coil_wait_group *wait_group)
{
	struct coil_task *task = waiters_enter(&wait_group->waiters, __func__);

	if (wait_group->count == 0)
		return waiters_end(task, 0);
	return waiters_await(&wait_group->waiters, task, &wait_group_kind);
}

unsigned coil_wait_group_count(const struct coil_wait_group *wait_group)
{
	return wait_group->count;
}

int coil_wait_group_stats(const struct coil_wait_group *wait_group,
			  struct coil_wait_group_stats *ret_stats)
{
	const struct coil_wait_group_stats stats = {
		.count = wait_group->count,
		.waiters = wait_group->waiters.count,
		.waits = wait_group->waiters.waits,
		.added = wait_group->added,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
