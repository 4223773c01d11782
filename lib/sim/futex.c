/* SPDX-License-Identifier: MIT */
/*
 * Futexes: waited for and woken by requests of this world alone. Addresses are compared, never
 * ordered: who waited first is woken first.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>

#include "sim/procs.h"

/* Words of the kernel's ABI that older headers lack. */
#define FUTEX_SIZE_MASK 3u
#define FUTEX_SIZE_32 2u
#define FUTEX_NUMA 4u
#define FUTEX_PRIVATE 128u

#define WAITV_MAX 128

struct word {
	const uint32_t *address;
	uint32_t value;
	uint32_t mask;
};

struct futex_wait {
	struct coil_list node;		/* in the world's waiters */
	struct sim_request *request;
	unsigned count;
	struct word words[];
};

static size_t wait_bytes(unsigned count)
{
	return sizeof(struct futex_wait) + count * sizeof(struct word);
}

static struct futex_wait *wait_new(struct sim_request *request, unsigned count)
{
	struct futex_wait *wait = sim_alloc(request->sim, wait_bytes(count));

	wait->request = request;
	wait->count = count;
	list_init(&wait->node);
	request->own = wait;
	return wait;
}

void sim_futex_drop(struct sim_request *request)
{
	struct futex_wait *wait = request->own;

	if (!wait)
		return;
	list_remove(&wait->node);
	sim_free(request->sim, wait, wait_bytes(wait->count));
	request->own = NULL;
}

static bool flags_are_good(uint64_t flags)
{
	return !(flags & ~(uint64_t)(FUTEX_SIZE_MASK | FUTEX_PRIVATE)) &&
	       (flags & FUTEX_SIZE_MASK) == FUTEX_SIZE_32;
}

static int32_t prepare_one(const struct io_uring_sqe *sqe)
{
	if (sqe->len || sqe->futex_flags || sqe->buf_index || sqe->file_index)
		return -EINVAL;
	if (!flags_are_good((uint32_t)sqe->fd) || sqe->addr3 == 0 || sqe->addr3 > UINT32_MAX)
		return -EINVAL;
	return 0;
}

int32_t sim_futex_wait_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	struct futex_wait *wait;
	int32_t rc = prepare_one(sqe);

	if (rc < 0 || sqe->addr2 > UINT32_MAX)
		return -EINVAL;
	wait = wait_new(request, 1);
	wait->words[0] = (struct word){
		.address = (const void *)(uintptr_t)sqe->addr,
		.value = (uint32_t)sqe->addr2,
		.mask = (uint32_t)sqe->addr3,
	};
	return 0;
}

int32_t sim_futex_wait_attempt(struct sim_request *request)
{
	struct futex_wait *wait = request->own;

	for (unsigned i = 0; i < wait->count; i++) {
		const struct word *word = &wait->words[i];

		if (!word->address || (uintptr_t)word->address % sizeof(uint32_t))
			return word->address ? -EINVAL : -EFAULT;
		if (__atomic_load_n(word->address, __ATOMIC_SEQ_CST) != word->value)
			return -EAGAIN;
	}
	if (list_is_empty(&wait->node))
		list_push_back(sim_futex_waiters(request->sim), &wait->node);
	return SIM_WAIT;
}

int32_t sim_futex_waitv_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	const struct futex_waitv *given = (const void *)(uintptr_t)sqe->addr;
	struct futex_wait *wait;

	if (sqe->fd || sqe->buf_index || sqe->file_index || sqe->addr2 || sqe->futex_flags ||
	    sqe->addr3 || sqe->len == 0 || sqe->len > WAITV_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < sqe->len; i++)
		if (given[i].__reserved || !flags_are_good(given[i].flags))
			return -EINVAL;
	wait = wait_new(request, sqe->len);
	for (unsigned i = 0; i < sqe->len; i++)
		wait->words[i] = (struct word){
			.address = (const void *)(uintptr_t)given[i].uaddr,
			.value = (uint32_t)given[i].val,
			.mask = UINT32_MAX,
		};
	return 0;
}

int32_t sim_futex_waitv_attempt(struct sim_request *request)
{
	return sim_futex_wait_attempt(request);
}

int32_t sim_futex_wake_prepare(struct sim_request *request)
{
	return prepare_one(&request->sqe);
}

/* The index of the word that is at @address; the count if none is. */
static unsigned find(const struct futex_wait *wait, const void *address, uint32_t mask)
{
	unsigned i = 0;

	while (i < wait->count &&
	       (wait->words[i].address != address || !(wait->words[i].mask & mask)))
		i++;
	return i;
}

int32_t sim_futex_wake_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	struct coil_list *waiters = sim_futex_waiters(request->sim);
	struct coil_list *next;
	int32_t woken = 0;

	for (struct coil_list *node = waiters->next; node != waiters; node = next) {
		struct futex_wait *wait = container_of(node, struct futex_wait, node);
		unsigned index = find(wait, (const void *)(uintptr_t)sqe->addr,
				      (uint32_t)sqe->addr3);

		next = node->next;
		if ((uint64_t)woken >= sqe->addr2)
			break;
		if (index == wait->count)
			continue;
		woken++;
		sim_request_finish(wait->request, (int32_t)index);
	}
	return woken;
}
