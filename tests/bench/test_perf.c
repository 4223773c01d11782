/* SPDX-License-Identifier: MIT */
/*
 * The way that cycles and instructions take, with events that every kernel counts by itself: many
 * machines, and most virtual ones, have no others.
 */
#include "../../bench/lib/perf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "support/test.h"

static int64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Where perf events are not for us, as in many containers, there is nothing to read. */
static bool is_refused(int rc)
{
	return rc == -EACCES || rc == -EPERM || rc == -ENOSYS || rc == -ENOENT;
}

TEST(perf, task_clock_counts_the_time_we_ran)
{
	const struct perf_event clock = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, false };
	struct perf_reading before, after;
	int64_t begin = cpu_ns(), inner, outer;
	double count;
	int file = perf_open(&clock, 0);

	if (is_refused(file))
		return;
	ASSERT(file >= 0);
	ASSERT(perf_read(file, &before));
	inner = cpu_ns();
	while (cpu_ns() - inner < 5000000)
		;
	inner = cpu_ns() - inner;
	ASSERT(perf_read(file, &after));
	outer = cpu_ns() - begin;
	close(file);
	count = perf_count(&before, &after);
	/* One part in ten, as the two clocks are read by different ways of the kernel. */
	EXPECT(count > 0.9 * (double)inner && count < 1.1 * (double)outer);
	/* A software event never waits for a register. */
	EXPECT_EQ(after.enabled_ns, after.running_ns);
	EXPECT_GT(after.running_ns, before.running_ns);
}

#define PAGES 5

TEST(perf, page_faults_are_counted_one_by_one)
{
	const struct perf_event faults = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, false };
	struct perf_reading before, after;
	int file = perf_open(&faults, 0);
	char *pages[PAGES];

	if (is_refused(file))
		return;
	ASSERT(file >= 0);
	for (int i = 0; i < PAGES; i++) {
		pages[i] = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);
		ASSERT(pages[i] != MAP_FAILED);
	}
	ASSERT(perf_read(file, &before));
	for (int i = 0; i < PAGES; i++)
		*(volatile char *)pages[i] = 1;
	ASSERT(perf_read(file, &after));
	/* A sanitizer's shadow, or the stack, may add some. */
	EXPECT(perf_count(&before, &after) >= PAGES && perf_count(&before, &after) < 10 * PAGES);
	for (int i = 0; i < PAGES; i++)
		munmap(pages[i], 1);
	close(file);
}

TEST(perf, a_refusal_is_an_errno)
{
	const struct perf_event none = { PERF_TYPE_MAX + 1000, 0, false };
	struct perf_reading reading;

	EXPECT_LT(perf_open(&none, 0), 0);
	EXPECT(!perf_read(-ENOENT, &reading));
}

/* Four events on two registers: each is counted for half of the time. */
TEST(perf, events_that_take_turns_are_scaled)
{
	const struct perf_reading begin = { 1000, 50, 20 };
	const struct perf_reading all = { 3000, 150, 120 };
	const struct perf_reading half = { 3000, 150, 70 };
	const struct perf_reading none = { 1000, 150, 20 };

	EXPECT(perf_count(&begin, &all) == 2000);
	EXPECT(perf_count(&begin, &half) == 4000);
	EXPECT(isnan(perf_count(&begin, &none)));
	/* Not enabled yet, as before an exec: nothing was there to count. */
	EXPECT(perf_count(&begin, &begin) == 0);
}
