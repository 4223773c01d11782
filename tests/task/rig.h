/* SPDX-License-Identifier: MIT */
/* What the tests of this room share: a loop around a test's body, and tasks that do one thing. */
#ifndef COIL_TESTS_TASK_RIG_H
#define COIL_TESTS_TASK_RIG_H

#include "support/test.h"

#include <coil.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A test whose body is the main task of a loop. EXPECT alone may stand in it. It may run many
 * times, once for each seed. */
#define IN_TASK(suite, name)                                                                       \
	TEST_ENTRY(name)                                                                           \
	TEST(suite, name)                                                                          \
	{                                                                                          \
		EXPECT_EQ(rig_run_steps(name##_entry), 0);                                         \
	}                                                                                          \
	static void name##_steps(void)

/* A program whose main task breaks a rule: it is stopped with these words. On the kernel. */
#define STOPS_IN_TASK(suite, name, words)                                                          \
	TEST_ENTRY(name)                                                                           \
	TEST_SIGNAL(suite, name, SIGABRT, words)                                                   \
	{                                                                                          \
		rig_run_real(name##_entry, NULL);                                                  \
	}                                                                                          \
	static void name##_steps(void)

/* The same, for what has threads or descriptors of its own. */
#define IN_REAL_TASK(suite, name)                                                                  \
	TEST_ENTRY(name)                                                                           \
	TEST(suite, name)                                                                          \
	{                                                                                          \
		NEEDS_KERNEL();                                                                    \
		EXPECT_EQ(rig_run(name##_entry, NULL), 0);                                         \
	}                                                                                          \
	static void name##_steps(void)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RIG_IS_SLOW true
#else
#define RIG_IS_SLOW (getenv("COIL_TEST_SLOW") != NULL)
#endif

#if defined(__SANITIZE_THREAD__)
#define RIG_ON_TSAN true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RIG_ON_TSAN true
#endif
#endif
#ifndef RIG_ON_TSAN
#define RIG_ON_TSAN false
#endif
/* Debug mode keeps records on the heap. */
#define RIG_IS_DEBUGGED (getenv("COIL_DEBUG") != NULL)

#define WORD(value) ((void *)(intptr_t)(value))

/* COIL_TEST_SIM=1: what can is run on the simulated kernel. COIL_TEST_SEEDS=N with it: the bodies
 * of IN_TASK are, by the seeds 1..N, with all that a program must not notice but the order of
 * tasks, on which many of them insist. */
bool rig_is_simulated(void);
#define NEEDS_KERNEL()                                                                             \
	do {                                                                                       \
		if (rig_is_simulated())                                                            \
			SKIP("the kernel's own");                                                  \
	} while (0)

/* No signal handlers, stacks of 256 KiB. */
struct coil_options rig_options(void);
int rig_run(int (*entry)(void *arg), void *arg);
int rig_run_real(int (*entry)(void *arg), void *arg); /* always on the kernel */
int rig_run_with(const struct coil_options *options, int (*entry)(void *arg), void *arg);
int rig_run_on(unsigned sq_entries, unsigned cq_entries, int (*entry)(void *arg), void *arg);

int rig_run_steps(int (*entry)(void *arg));

/* On the simulated kernel, with what that seed does to it, the order of tasks too; no operation
 * fails by itself. */
int rig_run_seed(uint64_t seed, int (*entry)(void *arg), void *arg);

struct coil_stats rig_stats(void);

void rig_pair(int fds[2]);
void rig_close(const int fds[2]);
void rig_close_fd(int fd);

/* At once: coil_write and coil_recv wait. <= 0: not now. */
int rig_write(int fd, const void *bytes, size_t count);
int rig_recv(int fd, void *bytes, size_t count);
void rig_turns(int n);

/* What happened, a letter each. */
extern char rig_order[256];
void rig_note(char what);
void rig_forget(void);

/* Tasks. */
int rig_return(void *result);
int rig_yield_and_return(void *result);
int rig_sleep_and_return(void *result); /* 1 ms */
int rig_sleep_for_ever(void *arg);
int rig_recv_byte(void *fd);	    /* the byte */
int rig_cancel_soon(void *task);    /* after 2 ms */
int rig_ignores_cancel(void *gate); /* awaits a promise in a shield, returns 7 */

#endif
