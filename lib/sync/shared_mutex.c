/* SPDX-License-Identifier: MIT */
/*
 * Mutexes that tasks share with threads. The word is who holds it, 0 if nobody does; its low bit
 * says that somebody waits. It is set and cleared under the guard alone, so that the holder finds
 * the bit clear only if the queue is empty, and gives it up by one step then.
 */
#include "coil/shared.h"

#include <errno.h>

#include "base/clock.h"
#include "base/sized.h"
#include "sync/shared.h"
#include "sync/waiters.h"

#define SOMEBODY_WAITS ((uintptr_t)1)

_Static_assert(sizeof(struct coil_shared_waiters) == sizeof(pthread_mutex_t) + 32 &&
		       sizeof(struct coil_shared_mutex) ==
			       sizeof(struct coil_shared_waiters) + sizeof(uintptr_t),
	       "growth is a decision");

static void mutex_emptied(struct coil_shared_waiters *waiters)
{
	struct coil_shared_mutex *mutex = container_of(waiters, struct coil_shared_mutex, waiters);

	__atomic_fetch_and(&mutex->word, ~SOMEBODY_WAITS, __ATOMIC_RELAXED);
}

static const struct shared_kind mutex_kind = SHARED_KIND("shared mutex", mutex_emptied);

void coil_shared_mutex_init(struct coil_shared_mutex *mutex)
{
	mutex->word = 0;
	shared_init(&mutex->waiters);
}

void coil_shared_mutex_deinit(struct coil_shared_mutex *mutex)
{
	if (!mutex)
		return;
	check_use(__atomic_load_n(&mutex->word, __ATOMIC_ACQUIRE) == 0,
		  "a task or a thread holds the mutex still");
	shared_deinit(&mutex->waiters, __func__);
}

static bool take(struct coil_shared_mutex *mutex, uintptr_t self)
{
	uintptr_t nobody = 0;

	return __atomic_compare_exchange_n(&mutex->word, &nobody, self, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Guarded: takes it, or says to its holder that somebody waits. */
static bool take_or_tell(struct coil_shared_mutex *mutex, uintptr_t self)
{
	uintptr_t word = __atomic_load_n(&mutex->word, __ATOMIC_RELAXED);

	for (;;) {
		uintptr_t next = word ? word | SOMEBODY_WAITS : self;

		if (__atomic_compare_exchange_n(&mutex->word, &word, next, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return next == self;
	}
}

static int lock_later(void *object, int64_t deadline)
{
	struct coil_shared_mutex *mutex = object;
	uintptr_t self = shared_self(shared_task());

	if ((__atomic_load_n(&mutex->word, __ATOMIC_RELAXED) & ~SOMEBODY_WAITS) == self)
		check_misused("coil_shared_mutex_lock", "the caller holds this mutex already and "
							"would wait for itself");
	shared_guard(&mutex->waiters);
	if (!take_or_tell(mutex, self))
		return shared_wait(&mutex->waiters, &mutex_kind, deadline,
				   "coil_shared_mutex_lock");
	shared_unguard(&mutex->waiters);
	return 0;
}

int coil_shared_mutex_lock_until(struct coil_shared_mutex *mutex, int64_t deadline)
{
	struct coil_task *task = shared_task();
	int rc = task ? waiters_begin_lock(task) : 0;

	if (unlikely(rc < 0))
		return rc;
	if (unlikely(!take(mutex, shared_self(task))))
		rc = shared_wait_until(lock_later, mutex, deadline);
	if (task && rc == 0)
		task->locks_held++;
	return rc;
}

int coil_shared_mutex_lock(struct coil_shared_mutex *mutex)
{
	return coil_shared_mutex_lock_until(mutex, CLOCK_FOREVER);
}

int coil_shared_mutex_try_lock(struct coil_shared_mutex *mutex)
{
	struct coil_task *task = shared_task();

	if (!take(mutex, shared_self(task)))
		return -EAGAIN;
	if (task)
		task->locks_held++;
	return 0;
}

/* The next holder is written down before the bit goes, and before it is woken. */
static rarely void hand_over(struct coil_shared_mutex *mutex)
{
	struct coil_shared_waiters *waiters = &mutex->waiters;
	struct coil_shared_waiter *first;
	uintptr_t word = 0;

	shared_guard(waiters);
	first = waiters->first;
	if (first)
		word = first->self | (first->next ? SOMEBODY_WAITS : 0);
	__atomic_store_n(&mutex->word, word, __ATOMIC_RELEASE);
	if (first)
		shared_grant_first(waiters);
	shared_unguard(waiters);
}

void coil_shared_mutex_unlock(struct coil_shared_mutex *mutex)
{
	struct coil_task *task = shared_task();
	uintptr_t self = shared_self(task);
	uintptr_t word = self;

	if (task)
		task->locks_held--;
	if (likely(__atomic_compare_exchange_n(&mutex->word, &word, 0, false, __ATOMIC_RELEASE,
					       __ATOMIC_RELAXED)))
		return;
	check_use(word != 0, "nobody holds this mutex");
	check_use((word & ~SOMEBODY_WAITS) == self,
		  "another task or thread holds this mutex, not the caller");
	hand_over(mutex);
}

bool coil_shared_mutex_is_locked(const struct coil_shared_mutex *mutex)
{
	return __atomic_load_n(&mutex->word, __ATOMIC_RELAXED) != 0;
}

int coil_shared_mutex_stats(struct coil_shared_mutex *mutex,
			    struct coil_shared_mutex_stats *ret_stats)
{
	struct coil_shared_mutex_stats stats = {
		.is_locked = coil_shared_mutex_is_locked(mutex),
	};

	shared_guard(&mutex->waiters);
	stats.waiters = mutex->waiters.count;
	stats.waits = mutex->waiters.waits;
	shared_unguard(&mutex->waiters);
	return sized_write(ret_stats, &stats, sizeof stats);
}
