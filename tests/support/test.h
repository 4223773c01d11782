/* SPDX-License-Identifier: MIT */
/*
 * The one header of every test. TEST() is Criterion's Test() in the normal build and a
 * case of our own runner (runner.c) with COIL_TEST_RUNNER, where Criterion cannot run:
 * ThreadSanitizer, valgrind, qemu.
 *
 *     TEST(future, resolve_moves_waiters_in_order)
 *     {
 *             EXPECT_EQ(list_length(&ready), 2);
 *     }
 *
 * EXPECT never jumps and needs little stack: it may stand in a coroutine, a thread or a
 * forked child, whose failures count too. ASSERT and SKIP leave the body: on the test's
 * own stack only. A file descriptor that is open after the body and was not before fails
 * the test, except in TEST_LEAKY. TEST_SIGNAL runs its body in a child, which must end by
 * that signal with these words on its stderr.
 *
 * Define TEST_TIMEOUT_S before the include to give a file's tests another time limit: it is for
 * hangs, and is not to be met by a test on a machine that does ten other things.
 */
#ifndef COIL_TESTS_SUPPORT_TEST_H
#define COIL_TESTS_SUPPORT_TEST_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef TEST_TIMEOUT_S
#define TEST_TIMEOUT_S 60
#endif

/* Memory that was freed may not be looked at, not even by a check that hopes to find its mark. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif

struct test_case {
	const char *suite;
	const char *name;
	void (*body)(void);
	int signal;        /* the body must end by it; 0: must return */
	const char *words; /* must stand on stderr then */
	bool may_leak;     /* file descriptors */
	int timeout_s;
	struct test_case *next;
};

enum test_verdict { TEST_PASSED, TEST_FAILED, TEST_SKIPPED };

/* Runs the body with all that surrounds it; what failed is on stderr. */
enum test_verdict test_execute(const struct test_case *test);
const char *test_skip_reason(void);

/*
 * Count a failure and say it: no formatted printing, for small stacks. Values are printed
 * as signed numbers.
 */
void test_fail(const char *file, int line, const char *text);
void test_fail_values(const char *file, int line, const char *text, long left, long right);
void test_fail_strings(const char *file, int line, const char *text, const char *left,
		       const char *right);
bool test_same_string(const char *left, const char *right);
_Noreturn void test_stop(void);
_Noreturn void test_skip(const char *reason);

/* Runs @body in a child; its wait status, and what it wrote to stderr. */
int test_run_in_child(void (*body)(void), char *text, size_t bytes);

/* For the runner: forgets the failures of the test before. */
void test_reset(void);

/* Open file descriptors of this process. */
int test_count_fds(void);

#ifdef COIL_TEST_RUNNER

void test_register(struct test_case *test);

#define TEST_DEFINE(suite_, name_, ...)                                                            \
	static void suite_##_##name_##_body(void);                                                 \
	__attribute__((constructor)) static void suite_##_##name_##_register(void)                 \
	{                                                                                          \
		static struct test_case test = {                                                   \
			.suite = #suite_,                                                          \
			.name = #name_,                                                            \
			.body = suite_##_##name_##_body,                                           \
			.timeout_s = TEST_TIMEOUT_S,                                               \
			__VA_ARGS__,                                                               \
		};                                                                                 \
		test_register(&test);                                                              \
	}                                                                                          \
	static void suite_##_##name_##_body(void)

#else

#include <criterion/criterion.h>

#define TEST_DEFINE(suite_, name_, ...)                                                            \
	static void suite_##_##name_##_body(void);                                                 \
	Test(suite_, name_, .timeout = TEST_TIMEOUT_S)                                             \
	{                                                                                          \
		static const struct test_case test = {                                             \
			.suite = #suite_,                                                          \
			.name = #name_,                                                            \
			.body = suite_##_##name_##_body,                                           \
			__VA_ARGS__,                                                               \
		};                                                                                 \
		enum test_verdict verdict = test_execute(&test);                                   \
                                                                                                   \
		if (verdict == TEST_SKIPPED)                                                       \
			cr_skip_test("%s", test_skip_reason());                                    \
		cr_assert(verdict == TEST_PASSED, "see the lines above");                          \
	}                                                                                          \
	static void suite_##_##name_##_body(void)

#endif

#define TEST(suite, name) TEST_DEFINE(suite, name, .may_leak = false)
#define TEST_LEAKY(suite, name) TEST_DEFINE(suite, name, .may_leak = true)
#define TEST_SIGNAL(suite_, name_, signal_, words_)                                                \
	TEST_DEFINE(suite_, name_, .signal = (signal_), .words = (words_))

/* An entry for coil_run and its kin around name_steps(), whose body follows. */
#define TEST_ENTRY(name)                                                                           \
	static void name##_steps(void);                                                            \
	static int name##_entry(void *arg)                                                         \
	{                                                                                          \
		(void)arg;                                                                         \
		name##_steps();                                                                    \
		return 0;                                                                          \
	}

#define SKIP(reason) test_skip(reason)

/*
 * Pointers, enums and every width of integer compare as one word; literals raise no sign
 * warning.
 */
#define TEST_WORD(value) ((long)(intptr_t)(value))

#define TEST_COMPARE(left, op, right, otherwise)                                                   \
	do {                                                                                       \
		long left_ = TEST_WORD(left), right_ = TEST_WORD(right);                           \
                                                                                                   \
		if (!(left_ op right_)) {                                                          \
			test_fail_values(__FILE__, __LINE__, #left " " #op " " #right, left_,      \
					 right_);                                                  \
			otherwise;                                                                 \
		}                                                                                  \
	} while (0)

#define TEST_HOLDS(condition, otherwise)                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			test_fail(__FILE__, __LINE__, #condition);                                 \
			otherwise;                                                                 \
		}                                                                                  \
	} while (0)

#define EXPECT(condition) TEST_HOLDS(condition, (void)0)
#define EXPECT_EQ(left, right) TEST_COMPARE(left, ==, right, (void)0)
#define EXPECT_NE(left, right) TEST_COMPARE(left, !=, right, (void)0)
#define EXPECT_LT(left, right) TEST_COMPARE(left, <, right, (void)0)
#define EXPECT_LE(left, right) TEST_COMPARE(left, <=, right, (void)0)
#define EXPECT_GT(left, right) TEST_COMPARE(left, >, right, (void)0)
#define EXPECT_GE(left, right) TEST_COMPARE(left, >=, right, (void)0)
#define EXPECT_STR_EQ(left, right)                                                                 \
	do {                                                                                       \
		const char *left_ = (left), *right_ = (right);                                     \
                                                                                                   \
		if (!test_same_string(left_, right_))                                              \
			test_fail_strings(__FILE__, __LINE__, #left " == " #right, left_, right_); \
	} while (0)
#define EXPECT_MEM_EQ(left, right, bytes) EXPECT(memcmp(left, right, bytes) == 0)
#define FAIL(text) test_fail(__FILE__, __LINE__, text)

#define ASSERT(condition) TEST_HOLDS(condition, test_stop())
#define ASSERT_EQ(left, right) TEST_COMPARE(left, ==, right, test_stop())
#define ASSERT_NE(left, right) TEST_COMPARE(left, !=, right, test_stop())
#define ASSERT_LT(left, right) TEST_COMPARE(left, <, right, test_stop())
#define ASSERT_LE(left, right) TEST_COMPARE(left, <=, right, test_stop())
#define ASSERT_GT(left, right) TEST_COMPARE(left, >, right, test_stop())
#define ASSERT_GE(left, right) TEST_COMPARE(left, >=, right, test_stop())

#endif
