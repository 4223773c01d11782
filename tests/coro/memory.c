/* SPDX-License-Identifier: MIT */
/*
 * Guards are light ones where the kernel has them (6.13; qemu takes the call and does nothing),
 * else mprotect.
 */
#include "coro/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ADVICE_GUARD_INSTALL 102

static bool should_fail(long *countdown)
{
	if (*countdown < 0)
		return false;
	return (*countdown)-- == 0;
}

static void *memory_map(void *context, size_t bytes)
{
	struct test_memory *memory = context;
	void *address;

	if (should_fail(&memory->fail_map))
		return NULL;
	address = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (address == MAP_FAILED)
		return NULL;
	madvise(address, bytes, MADV_NOHUGEPAGE);
	memory->maps++;
	memory->mapped_bytes += bytes;
	return address;
}

static void memory_unmap(void *context, void *address, size_t bytes)
{
	struct test_memory *memory = context;

	memory->unmaps++;
	memory->mapped_bytes -= bytes;
	munmap(address, bytes);
}

static bool probe_light_guards(void)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	char *page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
	int ends[2];
	bool works = false;

	if (page == MAP_FAILED || pipe2(ends, O_CLOEXEC) < 0)
		return false;
	if (madvise(page, page_bytes, ADVICE_GUARD_INSTALL) == 0)
		works = write(ends[1], page, 1) < 0;
	close(ends[0]);
	close(ends[1]);
	munmap(page, page_bytes);
	return works;
}

static bool has_light_guards(void)
{
	static int known = -1;

	if (known < 0)
		known = probe_light_guards();
	return known != 0;
}

static int memory_guard(void *context, void *address, size_t bytes)
{
	struct test_memory *memory = context;
	int r;

	if (should_fail(&memory->fail_guard))
		return -ENOMEM;
	memory->guards++;
	r = has_light_guards() ? madvise(address, bytes, ADVICE_GUARD_INSTALL) :
				 mprotect(address, bytes, PROT_NONE);
	return r < 0 ? -errno : 0;
}

static int memory_discard(void *context, void *address, size_t bytes)
{
	struct test_memory *memory = context;

	memory->discards++;
	return madvise(address, bytes, MADV_DONTNEED) < 0 ? -errno : 0;
}

static int memory_resident(void *context, void *address, size_t bytes, unsigned char *ret_pages)
{
	(void)context;
	return mincore(address, bytes, ret_pages) < 0 ? -errno : 0;
}

static void *counted_alloc(void *context, size_t bytes)
{
	struct test_memory *memory = context;

	if (should_fail(&memory->fail_alloc))
		return NULL;
	memory->allocated_bytes += (long)bytes;
	return malloc(bytes);
}

static void counted_free(void *context, void *address, size_t bytes)
{
	struct test_memory *memory = context;

	memory->allocated_bytes -= (long)bytes;
	free(address);
}

void test_memory_init(struct test_memory *memory)
{
	*memory = (struct test_memory){
		.interface = {
			.map = memory_map,
			.unmap = memory_unmap,
			.guard = memory_guard,
			.discard = memory_discard,
			.resident = memory_resident,
			.context = memory,
		},
		.alloc = {
			.size = sizeof(struct coil_alloc),
			.alloc = counted_alloc,
			.free = counted_free,
			.context = memory,
		},
		.fail_map = -1,
		.fail_guard = -1,
		.fail_alloc = -1,
	};
	has_light_guards();
}

size_t test_stacks_max(void)
{
	if (hooks_on_valgrind())
		return 200;
	return has_light_guards() ? 100000 : 10000;
}

bool test_page_resident(const void *address)
{
	uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	unsigned char resident = 0;

	mincore((void *)((uintptr_t)address & ~(page_bytes - 1)), page_bytes, &resident);
	return resident & 1u;
}

long test_status_kib(const char *key)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtol(line + strlen(key) + 1, NULL, 10);
	if (file)
		fclose(file);
	return kib;
}
