/* SPDX-License-Identifier: MIT */
/*
 * A guard by mprotect splits its mapping in three, so that each takes two of the vm.max_map_count
 * that the whole process has, its malloc included. So they are made out of a budget: half of what
 * is left, less a margin for the rest of the program; when it is used up, the mappings are counted
 * anew. There is never a stack without a guard.
 */
#include "ring/memory.h"

#include "base/check.h"
#include "ring/calls.h"
#include "ring/facts.h"
#include "ring/offer.h"
#include "ring/refusal.h"

#include <sys/mman.h>
#include <unistd.h>

#define MAPS_MAX_DEFAULT 65530
#define MAPS_MARGIN 1024
#define BUDGET_SMALL 64

void *memory_map(size_t bytes)
{
	struct refusal_facts facts = {.step = REFUSAL_MAP, .ring_bytes = bytes};
	void *memory;

	check(bytes > 0);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (memory == MAP_FAILED) {
		refusal_note(call_result(-1), &facts);
		return NULL;
	}
	/*
	 * One touched word would cost 2 MiB. A kernel without huge pages says EINVAL, which is as
	 * good.
	 */
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

void memory_unmap(void *memory, size_t bytes)
{
	int rc;

	check(memory != NULL);
	rc = munmap(memory, bytes);
	check(rc == 0);
}

/*
 * An emulator, or another kernel behind the same ABI, may take an advice that it does not know and
 * do nothing. So the guard is tested: the kernel reads the page for us and says EFAULT.
 */
bool memory_can_install_guards(int wake_fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool faults;

	if (memory == MAP_FAILED)
		return false;
	faults = madvise(memory, page, OFFER_MADV_GUARD_INSTALL) == 0 &&
		 call_result(write(wake_fd, memory, sizeof(uint64_t))) == -EFAULT;
	munmap(memory, page);
	return faults;
}

static int64_t look_for_budget(void)
{
	int64_t maps_max = facts_number("/proc/sys/vm/max_map_count");
	int64_t used = facts_count_maps();
	int64_t room;

	/*
	 * Without /proc the kernel's own ENOMEM is the limit; the budget then only bounds the
	 * lookings.
	 */
	room = ((maps_max < 0 ? MAPS_MAX_DEFAULT : maps_max) - MAPS_MARGIN - used) / 2;
	if (room <= 0)
		return 0;
	return room > BUDGET_SMALL ? room / 2 : room;
}

static int refuse_guard(int error)
{
	struct refusal_facts facts = {.step = REFUSAL_GUARD};

	return refusal_note(error, &facts);
}

static int guard_by_mprotect(struct memory_guards *guards, void *memory, size_t bytes)
{
	int rc;

	if (guards->budget <= 0)
		guards->budget = look_for_budget();
	if (guards->budget <= 0)
		return refuse_guard(-ENOMEM);
	rc = call_result(mprotect(memory, bytes, PROT_NONE));
	if (rc < 0)
		return refuse_guard(rc);
	guards->budget--;
	return 0;
}

int memory_guard(struct memory_guards *guards, void *memory, size_t bytes)
{
	check(bytes > 0);
	check((uintptr_t)memory % 4096 == 0);
	/* Locked memory (mlockall) refuses with EINVAL: mprotect does it there too. */
	if (guards->can_install && madvise(memory, bytes, OFFER_MADV_GUARD_INSTALL) == 0)
		return 0;
	return guard_by_mprotect(guards, memory, bytes);
}

int memory_discard(void *memory, size_t bytes)
{
	check(bytes > 0);
	return call_result(madvise(memory, bytes, MADV_DONTNEED));
}

int memory_resident(void *memory, size_t bytes, unsigned char *ret_pages)
{
	return mincore(memory, bytes, ret_pages) < 0 ? -errno : 0;
}
