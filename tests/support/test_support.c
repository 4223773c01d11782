/* SPDX-License-Identifier: MIT */
/*
 * The test header itself: what it must catch, it catches. Deaths are shown by children
 * that run a case.
 */
#include "support/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs @body as a test of its own in a silent child; its verdict. */
static int verdict_of(void (*body)(void), int signal_expected, const char *words)
{
	struct test_case test = {
		.suite = "inner",
		.name = "inner",
		.body = body,
		.signal = signal_expected,
		.words = words,
	};
	pid_t child = fork();
	int status;

	if (child == 0) {
		int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup3(null_fd, STDERR_FILENO, 0);
		_exit((int)test_execute(&test));
	}
	waitpid(child, &status, 0);
	/* The counter is shared with the child, whose failures were wanted. */
	test_reset();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void passes(void)
{
	EXPECT_EQ(1, 1UL);
	EXPECT_STR_EQ("a", "a");
}

static void fails(void)
{
	EXPECT_EQ(1, 2);
}

static void fails_in_child(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		FAIL("in the child");
		_exit(0);
	}
	waitpid(child, &status, 0);
}

static void leaks_fd(void)
{
	open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void asserts(void)
{
	ASSERT_EQ(1, 2);
	abort();
}

static void skips(void)
{
	SKIP("no reason");
}

static void dies(void)
{
	static const char words[] = "these words\n";
	ssize_t ignored = write(STDERR_FILENO, words, sizeof(words) - 1);

	(void)ignored;
	abort();
}

TEST(support, body_that_holds_passes)
{
	EXPECT_EQ(verdict_of(passes, 0, NULL), TEST_PASSED);
}

TEST(support, expect_fails_and_goes_on)
{
	EXPECT_EQ(verdict_of(fails, 0, NULL), TEST_FAILED);
}

TEST(support, failure_in_forked_child_counts)
{
	EXPECT_EQ(verdict_of(fails_in_child, 0, NULL), TEST_FAILED);
}

TEST(support, leaked_descriptor_fails)
{
	EXPECT_EQ(verdict_of(leaks_fd, 0, NULL), TEST_FAILED);
}

TEST(support, assert_leaves_the_body)
{
	EXPECT_EQ(verdict_of(asserts, 0, NULL), TEST_FAILED);
}

TEST(support, skip_is_not_a_failure)
{
	EXPECT_EQ(verdict_of(skips, 0, NULL), TEST_SKIPPED);
}

TEST(support, death_needs_the_signal_and_the_words)
{
	/* All first: each run resets the count of failures. */
	int as_expected = verdict_of(dies, SIGABRT, "these words");
	int other_words = verdict_of(dies, SIGABRT, "other words");
	int other_signal = verdict_of(dies, SIGSEGV, "these words");
	int survived = verdict_of(passes, SIGABRT, NULL);

	EXPECT_EQ(as_expected, TEST_PASSED);
	EXPECT_EQ(other_words, TEST_FAILED);
	EXPECT_EQ(other_signal, TEST_FAILED);
	EXPECT_EQ(survived, TEST_FAILED);
}

TEST_SIGNAL(support, abort_is_expected, SIGABRT, "these words")
{
	dies();
}
