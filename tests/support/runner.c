/* SPDX-License-Identifier: MIT */
/*
 * Our own runner: each test in a forked child, TAP on stdout, and "N passed, N failed"
 * alone on the last line. A child that fails only at its exit (LeakSanitizer,
 * ThreadSanitizer) has failed.
 */
#include "support/test.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef COIL_TEST_RUNNER

#define EXIT_SKIPPED 77
#define EXIT_USAGE 2

struct tally {
	int passed;
	int failed;
	int skipped;
};

static struct test_case *first_test;
static struct test_case **last_link = &first_test;

void test_register(struct test_case *test)
{
	*last_link = test;
	last_link = &test->next;
}

static bool is_wanted(const struct test_case *test, const char *pattern)
{
	char name[256];

	snprintf(name, sizeof(name), "%s/%s", test->suite, test->name);
	return !pattern || fnmatch(pattern, name, 0) == 0;
}

static int count_wanted(const char *pattern)
{
	int count = 0;

	for (struct test_case *test = first_test; test; test = test->next)
		count += is_wanted(test, pattern);
	return count;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static _Noreturn void run_child(const struct test_case *test)
{
	enum test_verdict verdict;

	setpgid(0, 0);
	verdict = test_execute(test);
	/* Not _exit: leak checkers report at exit. */
	exit(verdict == TEST_PASSED ? 0 : verdict == TEST_SKIPPED ? EXIT_SKIPPED : 1);
}

/* The child's status; -1 when its time was up and it was killed. */
static int await_child(pid_t child, double timeout_s)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	double deadline = now_s() + timeout_s;
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (now_s() >= deadline) {
			kill(-child, SIGKILL);
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	kill(-child, SIGKILL);
	return status;
}

static void report(struct tally *tally, int number, const struct test_case *test, int status)
{
	const char *reason = NULL;
	char text[64];

	if (status == -1)
		reason = "time was up";
	else if (WIFSIGNALED(status))
		reason = strsignal(WTERMSIG(status));
	else if (WEXITSTATUS(status) == EXIT_SKIPPED) {
		tally->skipped++;
		printf("ok %d - %s::%s # SKIP %s\n", number, test->suite, test->name,
		       test_skip_reason());
		return;
	} else if (WEXITSTATUS(status) != 0) {
		snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(status));
		reason = text;
	}
	if (reason)
		tally->failed++;
	else
		tally->passed++;
	printf("%sok %d - %s::%s%s%s\n", reason ? "not " : "", number, test->suite, test->name,
	       reason ? " # " : "", reason ? reason : "");
}

static void run_one(struct tally *tally, int number, const struct test_case *test, double factor)
{
	pid_t child;

	test_reset();
	fflush(NULL);
	child = fork();
	if (child < 0) {
		perror("fork");
		exit(1);
	}
	if (child == 0)
		run_child(test);
	report(tally, number, test, await_child(child, test->timeout_s * factor));
}

static void print_tally(const struct tally *tally)
{
	printf("%d passed, %d failed", tally->passed, tally->failed);
	if (tally->skipped)
		printf(", %d skipped", tally->skipped);
	printf("\n");
}

static int run_all(const char *pattern, double factor)
{
	struct tally tally = { 0 };
	int number = 0;

	printf("TAP version 13\n1..%d\n", count_wanted(pattern));
	for (struct test_case *test = first_test; test; test = test->next)
		if (is_wanted(test, pattern))
			run_one(&tally, ++number, test, factor);
	print_tally(&tally);
	return tally.failed ? 1 : 0;
}

static void list_all(const char *pattern)
{
	for (struct test_case *test = first_test; test; test = test->next)
		if (is_wanted(test, pattern))
			printf("%s/%s\n", test->suite, test->name);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "filter", required_argument, NULL, 'f' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *factor = getenv("COIL_TEST_TIMEOUT_FACTOR");
	const char *pattern = NULL;
	bool wants_list = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'f')
			pattern = optarg;
		else if (option == 'l')
			wants_list = true;
		else {
			printf("Usage: %s [--filter SUITE/NAME-PATTERN] [--list]\n", argv[0]);
			return option == 'h' ? 0 : EXIT_USAGE;
		}
	}
	if (wants_list) {
		list_all(pattern);
		return 0;
	}
	return run_all(pattern, factor ? strtod(factor, NULL) : 1.0);
}

#endif
