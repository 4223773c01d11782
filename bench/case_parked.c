/* SPDX-License-Identifier: MIT */
/*
 * What a parked task costs: resident memory and page tables, and the time to spawn it on a fresh
 * stack and let it go to sleep. In a process of its own, whose memory nobody has touched before.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct parked {
	unsigned int n;
	struct coil_promise gate;
	double bytes;			/* for each */
	double ns;
	int error;
};

static long status_kib(const char *key)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	if (!status)
		return -1;
	while (fgets(line, sizeof(line), status))
		if (strncmp(line, key, strlen(key)) == 0)
			sscanf(line + strlen(key), "%ld", &kib);
	fclose(status);
	return kib;
}

static long resident_kib(void)
{
	return status_kib("VmRSS:") + status_kib("VmPTE:");
}

static int park(void *arg)
{
	struct parked *parked = arg;

	return coil_await(&parked->gate.future);
}

static int park_all(void *arg)
{
	struct parked *parked = arg;
	struct coil_group group;
	uint64_t begin;
	long before;
	int rc = 0;

	coil_promise_init(&parked->gate);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	before = resident_kib();
	begin = measure_now_ns();
	for (unsigned int i = 0; i < parked->n && rc == 0; i++)
		rc = coil_go(&group, park, parked);
	coil_yield();
	parked->ns = (double)(measure_now_ns() - begin) / parked->n;
	parked->bytes = (double)(resident_kib() - before) * 1024 / parked->n;
	coil_promise_resolve(&parked->gate, 0);
	coil_group_close(&group);
	coil_promise_deinit(&parked->gate);
	return rc;
}

static _Noreturn void child_main(unsigned int n, int out)
{
	const struct coil_options options = { .size = sizeof(options), .off = COIL_NO_SIGNALS };
	struct parked parked = { .n = n };
	ssize_t written;

	parked.error = coil_run_with(&options, park_all, &parked);
	written = write(out, &parked, sizeof(parked));
	_exit(written == sizeof(parked) ? 0 : 1);
}

static int run_child(unsigned int n, struct parked *ret_parked)
{
	int ends[2];
	pid_t child;

	ret_parked->error = -EPIPE;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		child_main(n, ends[1]);
	close(ends[1]);
	if (child < 0 || read(ends[0], ret_parked, sizeof(*ret_parked)) != sizeof(*ret_parked))
		ret_parked->error = -EPIPE;
	close(ends[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return ret_parked->error;
}

static int measure_parked(const struct bench_case *bench_case, struct coil_bench_entry *entry)
{
	struct coil_bench_result *result;
	unsigned int rounds = bench_case->is_long ? 1 : 3;
	char words[80] = "";
	int rc = coil_bench_result_add(entry, "coil", &result);

	for (unsigned int i = 0; i < rounds && rc == 0 && !coil_bench_is_stopped(); i++) {
		struct parked parked = { 0 };

		rc = run_child(bench_case->parameter, &parked);
		if (rc == 0)
			rc = coil_bench_sample(result, parked.bytes);
		if (rc == 0)
			rc = coil_bench_count(result, "spawn_ns", parked.ns);
		snprintf(words, sizeof(words), "%.0f ns to spawn and park each", parked.ns);
	}
	return rc < 0 ? rc : coil_bench_note(entry, words);
}

const struct bench_case bench_cases_parked[] = {
	{ .name = "parked_100k", .what = "bytes of a parked task, of 100,000",
	  .goal_kind = BENCH_BYTES, .goal = 4352, .parameter = 100000, .whole = measure_parked },
	{ .name = "parked_1m", .what = "bytes of a parked task, of 1,000,000",
	  .goal_kind = BENCH_BYTES, .goal = 4352, .parameter = 1000000, .is_long = true,
	  .whole = measure_parked },
	{ .name = NULL },
};
