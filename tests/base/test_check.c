/* SPDX-License-Identifier: MIT */
#include "base/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "support/test.h"

static int broken = 1;

static void a_task(char *text, size_t bytes)
{
	snprintf(text, bytes, "task 7 \"reader\"");
}

static void a_long_task(char *text, size_t bytes)
{
	memset(text, 'x', bytes - 1);
	text[bytes - 1] = '\0';
}

TEST_SIGNAL(check, a_false_condition_stops_with_its_text, SIGABRT,
	    "internal check failed: broken == 0 (")
{
	check(broken == 0);
}

TEST_SIGNAL(check, the_place_is_named, SIGABRT, "base/test_check.c:")
{
	check(!broken);
}

TEST_SIGNAL(check, who_runs_is_named, SIGABRT,
	    ": task 7 \"reader\": internal check failed: !broken (")
{
	check_describe_caller = a_task;
	check(!broken);
}

TEST_SIGNAL(check, misuse_is_a_sentence_with_the_function, SIGABRT,
	    "coil: coil_some_function: 3 tasks too many\n")
{
	check_use_of("coil_some_function", !broken, "%d tasks too many", 3);
}

TEST_SIGNAL(check, misuse_does_not_name_inner_functions, SIGABRT, "coil: 3 tasks too many\n")
{
	check_use(!broken, "%d tasks too many", 3);
}

TEST_SIGNAL(check, misuse_names_who_runs, SIGABRT,
	    "coil: coil_some_function: task 7 \"reader\": too late\n")
{
	check_describe_caller = a_task;
	check_use_of("coil_some_function", !broken, "too late");
}

TEST_SIGNAL(check, long_words_are_cut_and_not_lost, SIGABRT, "xxxxxxxx: yyyyyyyy")
{
	static char words[1000];

	memset(words, 'y', sizeof words - 1);
	check_describe_caller = a_long_task;
	check_use(!broken, "%s", words);
}

TEST(check, true_conditions_are_silent_and_evaluated_once)
{
	int count = 0;

	check(++count == 1);
	check_use(++count == 2, "words");
	EXPECT_EQ(count, 2);
}

TEST(check, an_expensive_check_that_is_off_is_not_evaluated)
{
	int count = 0;

	expensive_check(++count > 0);
#ifdef COIL_EXPENSIVE_CHECKS
	EXPECT_EQ(count, 1);
#else
	EXPECT_EQ(count, 0);
#endif
}

/* What @words becomes on standard error, and its length. */
static size_t captured(char *text, size_t bytes, const char *words)
{
	int fds[2];
	int error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	ssize_t n;

	ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
	ASSERT_GE(dup3(fds[1], STDERR_FILENO, 0), 0);
	report("%s", words);
	ASSERT_GE(dup3(error, STDERR_FILENO, 0), 0);
	close(error);
	close(fds[1]);
	n = read(fds[0], text, bytes);
	close(fds[0]);
	return n > 0 ? (size_t)n : 0;
}

TEST(check, a_report_is_one_line)
{
	char text[64];

	EXPECT_EQ(captured(text, sizeof text, "the disk is full"), 23);
	EXPECT_MEM_EQ(text, "coil: the disk is full\n", 23);
}

TEST(check, a_long_report_is_cut_and_ends_its_line)
{
	static char words[2 * REPORT_BYTES_MAX];
	char text[2 * REPORT_BYTES_MAX];
	size_t n;

	memset(words, 'y', sizeof words - 1);
	n = captured(text, sizeof text, words);
	EXPECT_EQ(n, 6 + REPORT_BYTES_MAX - 1 + 1);
	EXPECT_EQ(text[n - 1], '\n');
}
