/* SPDX-License-Identifier: MIT */
/* Memory for stacks: zeroed, guarded by either way, discarded, and refused in words. */
#include "ring/rig.h"

#include "ring/facts.h"
#include "ring/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

static struct rig rig_under(const char *mask)
{
	struct rig rig;

	ASSERT_EQ(rig_try_open(&rig, 8, 16, mask), 0);
	return rig;
}

/* Does reading the byte end the process? The kernel reads for us: EFAULT instead of a signal. */
static bool is_accessible(const void *byte)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	ssize_t n = write(fd, byte, 8);

	close(fd);
	return n == 8;
}

static void guards_and_discards(const char *mask)
{
	struct rig rig = rig_under(mask);
	const struct driver_ops *ops = rig.driver->ops;
	char *memory = ops->map(rig.driver, 16 * PAGE);

	ASSERT(memory != NULL);
	for (size_t i = 0; i < 16 * PAGE; i += PAGE)
		EXPECT_EQ(memory[i], 0);
	EXPECT_EQ(ops->guard(rig.driver, memory + 4 * PAGE, PAGE), 0);
	EXPECT(is_accessible(memory + 4 * PAGE - 8));
	EXPECT(!is_accessible(memory + 4 * PAGE));
	EXPECT(!is_accessible(memory + 5 * PAGE - 8));
	EXPECT(is_accessible(memory + 5 * PAGE));
	memory[0] = 7;
	memory[15 * PAGE] = 7;
	EXPECT_EQ(ops->discard(rig.driver, memory, 16 * PAGE), 0);
	EXPECT_EQ(memory[0], 0);
	EXPECT_EQ(memory[15 * PAGE], 0);
	EXPECT(!is_accessible(memory + 4 * PAGE));
	ops->unmap(rig.driver, memory, 16 * PAGE);
	rig_close(&rig);
}

TEST(memory, guards_survive_a_discard)
{
	guards_and_discards("");
}

TEST(memory, guards_by_mprotect_survive_a_discard)
{
	guards_and_discards("guard_install");
}

static void touch_guard(const char *mask)
{
	struct rig rig = (skip_on_valgrind(), rig_under(mask));
	char *memory = rig.driver->ops->map(rig.driver, 4 * PAGE);
	struct sigaction normal = {.sa_handler = SIG_DFL};

	sigaction(SIGSEGV, &normal, NULL);
	if (rig.driver->ops->guard(rig.driver, memory, PAGE) == 0)
		*(volatile char *)memory = 1;
}

TEST_SIGNAL(memory, a_touched_guard_is_fatal, SIGSEGV, "")
{
	touch_guard("");
}

TEST_SIGNAL(memory, a_touched_guard_by_mprotect_is_fatal, SIGSEGV, "")
{
	touch_guard("guard_install");
}

TEST(memory, installed_guards_take_no_mappings)
{
	struct rig rig = rig_under("");
	int64_t before = facts_count_maps();
	char *memory = rig.driver->ops->map(rig.driver, 2000 * PAGE);

	if (!(rig.driver->features & DRIVER_GUARD_INSTALL)) {
		rig.driver->ops->unmap(rig.driver, memory, 2000 * PAGE);
		rig_close(&rig);
		SKIP("no MADV_GUARD_INSTALL (Linux 6.13) here");
	}
	for (size_t i = 0; i < 2000; i += 2)
		EXPECT_EQ(rig.driver->ops->guard(rig.driver, memory + i * PAGE, PAGE), 0);
	EXPECT_LE(facts_count_maps(), before + 3);
	rig.driver->ops->unmap(rig.driver, memory, 2000 * PAGE);
	rig_close(&rig);
}

/* Guards every second page until that is refused. How many there were. */
static size_t guard_until_refused(struct driver *driver, char *memory, size_t pages)
{
	size_t count = 0;

	for (size_t i = 1; i < pages; i += 2, count++) {
		int rc = driver->ops->guard(driver, memory + i * PAGE, PAGE);

		if (rc < 0) {
			EXPECT_EQ(rc, -ENOMEM);
			break;
		}
	}
	return count;
}

TEST(memory, guards_by_mprotect_stop_before_the_process_has_no_mappings_left)
{
	struct rig rig = (skip_on_valgrind(), rig_under("guard_install"));
	int64_t maps_max = facts_number("/proc/sys/vm/max_map_count");
	size_t pages = (size_t)maps_max + 1000;
	size_t count;
	char *memory;

	if (maps_max > 1000000)
		SKIP("vm.max_map_count is too large to be used up in a test");
	memory = rig.driver->ops->map(rig.driver, pages * PAGE);
	ASSERT(memory != NULL);
	count = guard_until_refused(rig.driver, memory, pages);
	EXPECT_LT(2 * (int64_t)count, maps_max - 900);
	EXPECT_GT(2 * (int64_t)count, maps_max - 3000);
	EXPECT(strstr(driver_refusal(), "vm.max_map_count=") != NULL);
	/* The program can still map; and what is unmapped is there for guards again. */
	EXPECT(munmap(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE) == 0);
	rig.driver->ops->unmap(rig.driver, memory, pages * PAGE);
	memory = rig.driver->ops->map(rig.driver, 4 * PAGE);
	EXPECT_EQ(rig.driver->ops->guard(rig.driver, memory, PAGE), 0);
	rig.driver->ops->unmap(rig.driver, memory, 4 * PAGE);
	rig_close(&rig);
}

TEST(memory, locked_memory_is_guarded_too)
{
	struct rig rig = rig_under("");
	char *memory = rig.driver->ops->map(rig.driver, 4 * PAGE);

	if (mlock(memory, 4 * PAGE) != 0) {
		rig.driver->ops->unmap(rig.driver, memory, 4 * PAGE);
		rig_close(&rig);
		SKIP("this user may not lock memory");
	}
	EXPECT_EQ(rig.driver->ops->guard(rig.driver, memory, PAGE), 0);
	EXPECT(!is_accessible(memory));
	rig.driver->ops->unmap(rig.driver, memory, 4 * PAGE);
	rig_close(&rig);
}

TEST(memory, a_map_that_fails_says_why)
{
	struct rig rig = (skip_on_valgrind(), rig_under(""));

	EXPECT(rig.driver->ops->map(rig.driver, SIZE_MAX / 2) == NULL);
	EXPECT(strstr(driver_refusal(), "mmap of stacks: ENOMEM") != NULL);
	rig_close(&rig);
}

TEST(memory, a_guard_in_nobodys_memory_is_an_error)
{
	struct rig rig = rig_under("guard_install");
	char *memory = rig.driver->ops->map(rig.driver, PAGE);

	rig.driver->ops->unmap(rig.driver, memory, PAGE);
	EXPECT_EQ(rig.driver->ops->guard(rig.driver, memory, PAGE), -ENOMEM);
	EXPECT_EQ(rig.driver->ops->discard(rig.driver, memory, PAGE), -ENOMEM);
	rig_close(&rig);
}
