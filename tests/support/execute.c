/* SPDX-License-Identifier: MIT */
/*
 * What surrounds a test's body under both runners: failures are counted in memory shared
 * with forked children, leaked descriptors are named, death tests run in a child whose
 * stderr is read.
 */
#include "support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 1024
#define MAIN_STACK_BYTES (8UL << 20)
#define CHILD_SKIPPED 77

struct shared_state {
	atomic_int failures;
	bool skipped;
	char skip_reason[200];
};

static struct shared_state *shared;

/* The body's way out, and where its stack begins. */
static sigjmp_buf way_out;
static char *volatile body_frame;

static struct shared_state *state(void)
{
	if (!shared) {
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (shared == MAP_FAILED)
			abort();
	}
	return shared;
}

void test_reset(void)
{
	atomic_store(&state()->failures, 0);
	state()->skipped = false;
}

const char *test_skip_reason(void)
{
	return state()->skip_reason;
}

/* One line, collected so that threads and children do not mix theirs. */
struct line {
	char text[400];
	size_t length;
};

static void add(struct line *line, const char *text)
{
	while (*text && line->length < sizeof(line->text) - 1)
		line->text[line->length++] = *text++;
}

static void add_number(struct line *line, long value)
{
	char digits[24];
	unsigned long rest = value < 0 ? 0UL - (unsigned long)value : (unsigned long)value;
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		digits[--at] = '-';
	add(line, digits + at);
	if (value < 0 && value > -200 && strerrorname_np((int)-value)) {
		add(line, " (-");
		add(line, strerrorname_np((int)-value));
		add(line, ")");
	}
}

static void say(struct line *line)
{
	ssize_t ignored;

	line->text[line->length++] = '\n';
	ignored = write(STDERR_FILENO, line->text, line->length);
	(void)ignored;
}

static void count_failure(struct line *line, const char *file, int line_number, const char *text)
{
	atomic_fetch_add(&state()->failures, 1);
	add(line, file);
	add(line, ":");
	add_number(line, line_number);
	add(line, ": not true: ");
	add(line, text);
}

void test_fail(const char *file, int line_number, const char *text)
{
	struct line line = { .length = 0 };

	count_failure(&line, file, line_number, text);
	say(&line);
}

void test_fail_values(const char *file, int line_number, const char *text, long left, long right)
{
	struct line line = { .length = 0 };

	count_failure(&line, file, line_number, text);
	add(&line, ": ");
	add_number(&line, left);
	add(&line, " and ");
	add_number(&line, right);
	say(&line);
}

void test_fail_strings(const char *file, int line_number, const char *text, const char *left,
		       const char *right)
{
	struct line line = { .length = 0 };

	count_failure(&line, file, line_number, text);
	add(&line, ": \"");
	add(&line, left ? left : "(null)");
	add(&line, "\" and \"");
	add(&line, right ? right : "(null)");
	add(&line, "\"");
	say(&line);
}

bool test_same_string(const char *left, const char *right)
{
	return left == right || (left && right && strcmp(left, right) == 0);
}

/* A jump from another stack would leave it half unwound: better to stop with words. */
static _Noreturn void leave_body(int how)
{
	char *here = __builtin_frame_address(0);
	struct line line = { .length = 0 };

	if (here > body_frame || (size_t)(body_frame - here) > MAIN_STACK_BYTES) {
		add(&line, "ASSERT or SKIP on a stack that is not the test's: use EXPECT there");
		say(&line);
		abort();
	}
	siglongjmp(way_out, how);
}

void test_stop(void)
{
	leave_body(1);
}

void test_skip(const char *reason)
{
	struct line line = { .length = 0 };

	add(&line, reason);
	line.text[line.length] = '\0';
	memcpy(state()->skip_reason, line.text, sizeof(state()->skip_reason) - 1);
	state()->skipped = true;
	line.length = 0;
	add(&line, "skipped: ");
	add(&line, reason);
	say(&line);
	leave_body(2);
}

static int list_fds(bool open_fds[FDS_MAX])
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	while (directory && (entry = readdir(directory))) {
		long fd = strtol(entry->d_name, NULL, 10);

		if (entry->d_name[0] == '.' || fd == dirfd(directory))
			continue;
		count++;
		if (open_fds && fd < FDS_MAX)
			open_fds[fd] = true;
	}
	if (directory)
		closedir(directory);
	return count;
}

int test_count_fds(void)
{
	return list_fds(NULL);
}

static void report_leaked_fds(const struct test_case *test, const bool before[FDS_MAX],
			      const bool after[FDS_MAX])
{
	char path[40], target[PATH_MAX];

	for (int fd = 0; fd < FDS_MAX; fd++) {
		struct line line = { .length = 0 };
		ssize_t bytes;

		if (before[fd] || !after[fd])
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		bytes = readlink(path, target, sizeof(target) - 1);
		target[bytes > 0 ? bytes : 0] = '\0';
		add(&line, "left open: ");
		add(&line, target);
		test_fail(test->suite, fd, line.text);
	}
}

/* A thread that the test left behind closes what it has opened a little later. */
static void await_fds(int count)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; i < 5000 && list_fds(NULL) > count; i++)
		nanosleep(&pause, NULL);
}

static void run_body(const struct test_case *test)
{
	bool before[FDS_MAX] = { false }, after[FDS_MAX] = { false };
	int count = list_fds(before), count_after;

	body_frame = __builtin_frame_address(0);
	if (sigsetjmp(way_out, 0) == 0)
		test->body();
	if (test->may_leak || atomic_load(&state()->failures) || state()->skipped)
		return;
	await_fds(count);
	count_after = list_fds(after);
	report_leaked_fds(test, before, after);
	if (count_after > count && atomic_load(&state()->failures) == 0)
		test_fail_values(test->suite, 0, "descriptors before == after", count, count_after);
}

static _Noreturn void run_dying_child(const struct test_case *test, const int ends[2])
{
	struct rlimit no_core = { 0, 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_core);
	dup3(ends[1], STDERR_FILENO, 0);
	close(ends[0]);
	close(ends[1]);
	body_frame = __builtin_frame_address(0);
	if (sigsetjmp(way_out, 0) == 0)
		test->body();
	_exit(state()->skipped ? CHILD_SKIPPED : 0);
}

static size_t read_all(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size - 1) {
		got = read(fd, text + length, size - 1 - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	text[length] = '\0';
	return length;
}

static void judge_death(const struct test_case *test, int status, const char *text)
{
	struct line line = { .length = 0 };

	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIPPED && state()->skipped)
		return;
	if (!WIFSIGNALED(status))
		test_fail_values(test->name, 0, "ended by signal == expected (0: returned)", 0,
				 test->signal);
	else if (WTERMSIG(status) != test->signal)
		test_fail_values(test->name, 0, "ended by signal == expected", WTERMSIG(status),
				 test->signal);
	if (test->words && !strstr(text, test->words)) {
		add(&line, "stderr has the words \"");
		add(&line, test->words);
		add(&line, "\"; it has:");
		test_fail(test->name, 0, line.text);
		fprintf(stderr, "%s\n", text);
	}
}

static void run_death(const struct test_case *test)
{
	static char text[65536];
	int ends[2], status;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		abort();
	child = fork();
	if (child < 0)
		abort();
	if (child == 0)
		run_dying_child(test, ends);
	close(ends[1]);
	read_all(ends[0], text, sizeof(text));
	close(ends[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	judge_death(test, status, text);
}

enum test_verdict test_execute(const struct test_case *test)
{
	test_reset();
	if (test->signal)
		run_death(test);
	else
		run_body(test);
	if (atomic_load(&state()->failures))
		return TEST_FAILED;
	return state()->skipped ? TEST_SKIPPED : TEST_PASSED;
}
