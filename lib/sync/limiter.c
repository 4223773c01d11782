/* SPDX-License-Identifier: MIT */
/*
 * Limiters. Who has borrowed a token, or waits for one, has a slot in a table: open addressing,
 * linear probing, at most three quarters full. Room is made before a wait, so that handing a token
 * over cannot fail. While anybody waits no token is free.
 */
#include "coil/limiter.h"

#include <errno.h>
#include <string.h>

#include "base/sized.h"
#include "base/words.h"
#include "sync/waiters.h"

_Static_assert(sizeof(struct coil_limiter) == 72, "growth is a decision");

#define SLOTS_MIN 8u

struct coil_borrower {
	const void *who; /* NULL: the slot is free */
	bool has_token;  /* or else waits for one */
};

/* In the frame of the task that waits. */
struct limiter_wait {
	struct coil_waiter waiter;
	const void *borrower;
};

/* -- The table -----------------------------------------------------------------------------------
 */

static uint32_t home_of(const struct coil_limiter *limiter, const void *who)
{
	uint64_t hash = (uint64_t)(uintptr_t)who * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(hash >> 32) & (limiter->slot_count - 1);
}

static uint32_t next_slot(const struct coil_limiter *limiter, uint32_t slot)
{
	return (slot + 1) & (limiter->slot_count - 1);
}

static struct coil_borrower *find(const struct coil_limiter *limiter, const void *who)
{
	uint32_t slot;

	if (limiter->slot_count == 0)
		return NULL;
	slot = home_of(limiter, who);
	for (; limiter->slots[slot].who; slot = next_slot(limiter, slot))
		if (limiter->slots[slot].who == who)
			return &limiter->slots[slot];
	return NULL;
}

/* There is room, and @who is not in it. */
static struct coil_borrower *insert(struct coil_limiter *limiter, const void *who)
{
	uint32_t slot = home_of(limiter, who);

	while (limiter->slots[slot].who)
		slot = next_slot(limiter, slot);
	limiter->slots[slot] = (struct coil_borrower){ .who = who };
	limiter->known++;
	return &limiter->slots[slot];
}

/* What stood behind it in its run moves up, unless it would come before its home. */
static void erase(struct coil_limiter *limiter, struct coil_borrower *borrower)
{
	uint32_t mask = limiter->slot_count - 1;
	uint32_t gap = (uint32_t)(borrower - limiter->slots);
	uint32_t slot = next_slot(limiter, gap);

	for (; limiter->slots[slot].who; slot = next_slot(limiter, slot)) {
		uint32_t home = home_of(limiter, limiter->slots[slot].who);

		if (((slot - home) & mask) < ((slot - gap) & mask))
			continue;
		limiter->slots[gap] = limiter->slots[slot];
		gap = slot;
	}
	limiter->slots[gap].who = NULL;
	limiter->known--;
}

static int grow(struct coil_limiter *limiter)
{
	const struct coil_alloc *alloc = limiter->waiters.loop->alloc;
	struct coil_limiter old = *limiter;
	uint32_t count = old.slot_count ? old.slot_count * 2 : SLOTS_MIN;
	struct coil_borrower *slots;

	if (count > UINT32_MAX / 2)
		return -ENOMEM;
	slots = alloc_zeroed(alloc, count * sizeof *slots);
	if (!slots)
		return -ENOMEM;
	limiter->slots = slots;
	limiter->slot_count = count;
	limiter->known = 0;
	for (uint32_t i = 0; i < old.slot_count; i++)
		if (old.slots[i].who)
			insert(limiter, old.slots[i].who)->has_token = old.slots[i].has_token;
	alloc_free(alloc, old.slots, old.slot_count * sizeof *old.slots);
	return 0;
}

static int make_room(struct coil_limiter *limiter)
{
	if (likely(limiter->known < limiter->slot_count / 4 * 3))
		return 0;
	return grow(limiter);
}

/* -- Tokens --------------------------------------------------------------------------------------
 */

static void admit(struct coil_limiter *limiter)
{
	struct coil_waiter *next;

	while (limiter->borrowed < limiter->total && (next = limiter->waiters.first)) {
		const void *who = container_of(next, struct limiter_wait, waiter)->borrower;

		find(limiter, who)->has_token = true;
		limiter->borrowed++;
		waiters_wake(next, 0);
	}
}

static void limiter_left(struct coil_waiters *waiters, struct coil_waiter *waiter)
{
	struct coil_limiter *limiter = container_of(waiters, struct coil_limiter, waiters);

	erase(limiter,
	      find(limiter, container_of(waiter, struct limiter_wait, waiter)->borrower));
}

static void tell(struct words *words, struct coil_waiters *waiters)
{
	const struct coil_limiter *limiter =
		container_of(waiters, struct coil_limiter, waiters);

	words_add(words, ", ");
	words_part(words, limiter->borrowed, limiter->total, " borrowed");
}

static const struct waiters_kind limiter_kind = WAITERS_KIND("limiter", limiter_left, tell);

void coil_limiter_init(struct coil_limiter *limiter, unsigned total)
{
	memset(limiter, 0, sizeof *limiter);
	limiter->total = total;
}

void coil_limiter_deinit(struct coil_limiter *limiter)
{
	if (!limiter)
		return;
	if (limiter->slots) {
		waiters_use(&limiter->waiters, __func__);
		check_use(limiter->borrowed == 0, "%u tokens are borrowed still",
			  limiter->borrowed);
		check_use(!limiter->waiters.first, "%u tasks wait for it", limiter->waiters.count);
		alloc_free(limiter->waiters.loop->alloc, limiter->slots,
			   limiter->slot_count * sizeof *limiter->slots);
		limiter->slots = NULL;
		limiter->slot_count = 0;
	}
	waiters_deinit(&limiter->waiters, __func__);
}

static int try_acquire(struct coil_limiter *limiter, const void *who, const char *function)
{
	int rc;

	if (unlikely(!who))
		check_misused(function, "NULL cannot borrow a token");
	if (unlikely(find(limiter, who) != NULL))
		check_misused(function, "this borrower has a token already, or waits for one");
	rc = make_room(limiter);
	if (rc < 0)
		return rc;
	if (limiter->borrowed >= limiter->total)
		return -EAGAIN;
	insert(limiter, who)->has_token = true;
	limiter->borrowed++;
	limiter->acquired++;
	return 0;
}

static int acquire(struct coil_limiter *limiter, struct coil_task *task, const void *who,
		   const char *function)
{
	struct limiter_wait wait = { .borrower = who };
	int rc = waiters_begin_lock(task);

	if (unlikely(rc < 0))
		return rc;
	rc = try_acquire(limiter, who, function);
	if (rc != -EAGAIN)
		return rc;
	insert(limiter, who);
	waiter_init(&wait.waiter, task, &limiter_kind);
	waiters_push(&limiter->waiters, &wait.waiter);
	return waiter_await(&wait.waiter);
}

static void release(struct coil_limiter *limiter, const void *who, const char *function)
{
	struct coil_borrower *borrower = find(limiter, who);

	if (unlikely(!borrower || !borrower->has_token))
		check_misused(function, "this borrower has no token");
	erase(limiter, borrower);
	limiter->borrowed--;
	admit(limiter);
}

/* -- The public face -----------------------------------------------------------------------------
 */

int coil_limiter_acquire(struct coil_limiter *limiter)
{
	struct coil_task *task = waiters_enter(&limiter->waiters, __func__);

	return acquire(limiter, task, task, __func__);
}

int coil_limiter_acquire_for(struct coil_limiter *limiter, const void *borrower)
{
	struct coil_task *task = waiters_enter(&limiter->waiters, __func__);

	return acquire(limiter, task, borrower, __func__);
}

int coil_limiter_try_acquire(struct coil_limiter *limiter)
{
	struct coil_task *task = waiters_enter(&limiter->waiters, __func__);

	return try_acquire(limiter, task, __func__);
}

int coil_limiter_try_acquire_for(struct coil_limiter *limiter, const void *borrower)
{
	waiters_use(&limiter->waiters, __func__);
	return try_acquire(limiter, borrower, __func__);
}

void coil_limiter_release(struct coil_limiter *limiter)
{
	struct coil_task *task = waiters_enter(&limiter->waiters, __func__);

	release(limiter, task, __func__);
}

void coil_limiter_release_for(struct coil_limiter *limiter, const void *borrower)
{
	waiters_use(&limiter->waiters, __func__);
	release(limiter, borrower, __func__);
}

void coil_limiter_set_total(struct coil_limiter *limiter, unsigned total)
{
	waiters_use(&limiter->waiters, __func__);
	limiter->total = total;
	admit(limiter);
}

unsigned coil_limiter_total(const struct coil_limiter *limiter)
{
	return limiter->total;
}

unsigned coil_limiter_borrowed(const struct coil_limiter *limiter)
{
	return limiter->borrowed;
}

unsigned coil_limiter_available(const struct coil_limiter *limiter)
{
	return limiter->total > limiter->borrowed ? limiter->total - limiter->borrowed : 0;
}

unsigned coil_limiter_borrowers(const struct coil_limiter *limiter, const void **ret_borrowers,
				unsigned n)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < limiter->slot_count; i++) {
		const struct coil_borrower *borrower = &limiter->slots[i];

		if (!borrower->who || !borrower->has_token)
			continue;
		if (count < n)
			ret_borrowers[count] = borrower->who;
		count++;
	}
	return count;
}

int coil_limiter_stats(const struct coil_limiter *limiter, struct coil_limiter_stats *ret_stats)
{
	const struct coil_limiter_stats stats = {
		.total = limiter->total,
		.borrowed = limiter->borrowed,
		.waiters = limiter->waiters.count,
		.waits = limiter->waiters.waits,
		.acquired = limiter->acquired,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
