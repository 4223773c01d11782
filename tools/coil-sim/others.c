/* SPDX-License-Identifier: MIT */
/* Children, futexes, and a second loop. */
#include "scenario.h"

#include <signal.h>
#include <sys/wait.h>

/* -- children ------------------------------------------------------------------------------------
 */

#define CHILDREN 4

struct child {
	int pid;
	int status;
	int64_t ends;
	bool is_killed;
};

static int wait_for_child(void *arg)
{
	struct child *child = arg;
	siginfo_t info;
	int rc;

	do {
		memset(&info, 0, sizeof info);
		rc = coil_waitid(P_PID, (uint32_t)child->pid, &info, WEXITED);
	} while (rc == -EINTR);
	if (rc < 0)
		return 0;
	HOLDS(info.si_pid == child->pid);
	if (child->is_killed && info.si_code == CLD_KILLED) {
		HOLDS(info.si_status == SIGKILL);
		return 0;
	}
	HOLDS(info.si_code == CLD_EXITED);
	HOLDS(info.si_status == child->status);
	HOLDS(coil_now() >= child->ends);
	return 0;
}

int scenario_children(void *arg)
{
	struct child children[CHILDREN];
	struct coil_task *waiters[CHILDREN];

	(void)arg;
	for (int i = 0; i < CHILDREN; i++) {
		int64_t after = pick_time(COIL_SEC);

		children[i] = (struct child){.status = (int)coil_sim_pick(256)};
		children[i].ends = coil_now() + after;
		children[i].pid = coil_sim_child(after, children[i].status);
		waiters[i] = coil_spawn(wait_for_child, &children[i]);
	}
	for (int i = 0; i < CHILDREN; i++)
		if (pick_one_in(4)) {
			int rc;

			doze(pick_time(COIL_SEC));
			children[i].is_killed = true;
			rc = coil_sim_kill(children[i].pid, SIGKILL);
			HOLDS(rc == 0 || rc == -ESRCH);
		}
	for (int i = 0; i < CHILDREN; i++)
		if (waiters[i])
			HOLDS(coil_join(waiters[i]) == 0);
	return 0;
}

/* -- futex ---------------------------------------------------------------------------------------
 */

#define FUTEX_U32 2u
#define WORKERS 4

struct lock {
	uint32_t word;		/* 0: free, 1: held, 2: held and waited for */
	int holders;
	int rounds;
};

static int take(struct lock *lock)
{
	uint32_t was = lock->word;

	if (was == 0) {
		lock->word = 1;
		return 0;
	}
	do {
		int rc;

		if (lock->word == 0) {
			lock->word = 2;
			return 0;
		}
		lock->word = 2;
		rc = coil_futex_wait(&lock->word, 2, UINT32_MAX, FUTEX_U32);
		if (rc < 0 && rc != -EAGAIN && rc != -EINTR && rc != -ENOMEM)
			return rc;
	} while (true);
}

static int give(struct lock *lock)
{
	uint32_t was = lock->word;

	lock->word = 0;
	return was == 2 ? coil_futex_wake(&lock->word, UINT32_MAX, 1, FUTEX_U32) : 0;
}

static int work(void *arg)
{
	struct lock *lock = arg;

	for (int i = 0; i < 5; i++) {
		int rc = take(lock);

		HOLDS(rc == 0);
		if (rc < 0)
			return 0;
		HOLDS(lock->holders++ == 0);
		doze(pick_time(20 * COIL_USEC));
		lock->holders--;
		lock->rounds++;
		HOLDS(give(lock) >= 0);
	}
	return 0;
}

/* An old kernel has none. */
static bool has_futexes(void)
{
	uint32_t word = 0;

	return coil_futex_wake(&word, UINT32_MAX, 1, FUTEX_U32) != -ENOSYS;
}

int scenario_futex(void *arg)
{
	struct lock lock = {0};
	struct coil_task *workers[WORKERS];
	int expected = 0;

	(void)arg;
	if (!has_futexes())
		return 0;
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = coil_spawn(work, &lock);
		expected += workers[i] ? 5 : 0;
	}
	for (int i = 0; i < WORKERS; i++)
		if (workers[i])
			coil_join(workers[i]);
	HOLDS(lock.rounds == expected);
	return 0;
}

/* -- loops ---------------------------------------------------------------------------------------
 */

#define MESSAGES 8

/* A loop without memory ends before it has begun: who waits for it waits for ever. */
static bool has_lost_loop;

bool scenario_take_lost_loop(void)
{
	bool has_lost = has_lost_loop;

	has_lost_loop = false;
	return has_lost;
}

/* The other loop answers by the promises of this one. */
struct far {
	struct coil_promise promises[MESSAGES];
	int sent;
};

static int far_end(void *arg)
{
	struct far *far = arg;

	for (int i = 0; i < MESSAGES; i++) {
		doze(pick_time(COIL_MSEC));
		far->sent++;
		coil_promise_resolve_from_thread(&far->promises[i], 100 + i);
	}
	return 0;
}

int scenario_loops(void *arg)
{
	static const struct coil_options options = {
		.size = sizeof options, .off = COIL_NO_SIGNALS, .name = "far"
	};
	struct far far = {0};
	int rc;

	(void)arg;
	for (int i = 0; i < MESSAGES; i++)
		coil_promise_init(&far.promises[i]);
	rc = coil_sim_loop(&options, far_end, &far);
	for (int i = 0; i < MESSAGES && rc == 0; i++) {
		rc = coil_await(&far.promises[i].future);
		HOLDS(rc == 100 + i ? far.sent > i : rc < 0 && far.sent == 0);
		has_lost_loop = has_lost_loop || rc < 0;
		rc = rc < 0 ? rc : 0;
	}
	for (int i = 0; i < MESSAGES; i++)
		coil_promise_deinit(&far.promises[i]);
	return 0;
}
