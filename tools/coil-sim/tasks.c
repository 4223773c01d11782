/* SPDX-License-Identifier: MIT */
/* Tasks, groups, scopes and promises. */
#include "scenario.h"

#include <poll.h>

/* -- tree ----------------------------------------------------------------------------------------
 */

#define DEPTH_MAX 4

/* In the starter's frame: a group does not outlive it. */
struct branch {
	int depth;
	int *alive;
	int result;
};

static int branch_run(void *arg);

static int branch_out(const struct branch *self, struct coil_group *group,
		      struct branch *children, unsigned n)
{
	int started = 0;

	for (unsigned i = 0; i < n; i++) {
		children[i] = (struct branch){.depth = self->depth - 1, .alive = self->alive};
		children[i].result = pick_one_in(8) ? -EPROTO : 0;
		if (coil_go(group, branch_run, &children[i]) == 0)
			started++;
		if (pick_one_in(4) && coil_yield() < 0)
			break;
	}
	return started;
}

/* Children first, then its own end: nobody is alive below it any more. */
static int branch_run(void *arg)
{
	struct branch *self = arg;
	struct branch children[3];
	struct coil_group group;
	int before = ++*self->alive;
	int rc;

	coil_group_open(&group, pick_one_in(2) ? COIL_GROUP_FAIL_FAST : COIL_GROUP_SUPERVISE);
	if (pick_one_in(3))
		coil_group_limit(&group, 1 + coil_sim_pick(2));
	if (self->depth > 0)
		branch_out(self, &group, children, coil_sim_pick(4));
	rc = doze(pick_time(COIL_MSEC));
	if (pick_one_in(6))
		coil_group_cancel(&group);
	HOLDS(rc == 0 || rc == -ECANCELED || rc == -ENOMEM);
	rc = coil_group_close(&group);
	HOLDS(rc == 0 || rc == -EPROTO || rc == -ECANCELED);
	HOLDS(before >= 1);
	--*self->alive;
	return self->result;
}

int scenario_tree(void *arg)
{
	int alive = 0;
	struct branch root = {.depth = 1 + (int)coil_sim_pick(DEPTH_MAX), .alive = &alive};
	struct coil_task *task = coil_spawn(branch_run, &root);

	(void)arg;
	if (!task)
		return 0;
	if (pick_one_in(3)) {
		doze(pick_time(COIL_MSEC));
		coil_cancel(task);
	}
	HOLDS(coil_join(task) <= 0);
	HOLDS(alive == 0);
	return 0;
}

/* -- cancel --------------------------------------------------------------------------------------
 */

#define VICTIMS 6

static int victim_reads(void)
{
	unsigned char byte;
	int fds[2];
	int rc = coil_pipe(fds, 0);

	if (rc < 0)
		return rc;
	rc = coil_read(fds[0], &byte, 1);
	HOLDS(rc != 0);
	coil_close(fds[0]);
	coil_close(fds[1]);
	return rc;
}

static int victim_polls(void)
{
	int fd = coil_sim_eventfd(0, 0);
	int rc;

	if (fd < 0)
		return fd;
	rc = coil_poll(fd, POLLIN);
	HOLDS(rc < 0);
	coil_close(fd);
	return rc;
}

static int victim_awaits(void)
{
	struct coil_promise promise;
	int rc;

	coil_promise_init(&promise);
	rc = coil_await(&promise.future);
	coil_promise_deinit(&promise);
	return rc;
}

static int victim_chains(void)
{
	struct coil_op steps[3];
	int rc;

	do {
		for (int i = 0; i < 3; i++)
			steps[i] = coil_op_nop();
		rc = coil_chain(steps, 3, 0);
	} while (rc == 0 && doze(COIL_USEC) == 0);
	return rc < 0 ? rc : -ECANCELED;
}

/* It would wait for ever: only the cancel, or an injected error, ends it. */
static int victim(void *arg)
{
	(void)arg;
	switch (coil_sim_pick(5)) {
	case 0:
		return victim_reads();
	case 1:
		return victim_polls();
	case 2:
		return victim_awaits();
	case 3:
		return victim_chains();
	default:
		return coil_sleep(COIL_FOREVER);
	}
}

int scenario_cancel(void *arg)
{
	struct coil_task *victims[VICTIMS];
	unsigned n = 1 + coil_sim_pick(VICTIMS);

	(void)arg;
	for (unsigned i = 0; i < n; i++)
		victims[i] = coil_spawn(victim, NULL);
	for (unsigned i = 0; i < n; i++) {
		if (pick_one_in(2))
			doze(pick_time(COIL_MSEC));
		if (victims[i])
			coil_cancel(victims[i]);
	}
	for (unsigned i = 0; i < n; i++)
		HOLDS(coil_join(victims[i]) < 0);
	return 0;
}

/* -- timeout -------------------------------------------------------------------------------------
 */

/* What the turns in between may cost at the most. */
#define SLACK (2 * COIL_MSEC)

static int sleep_for(void *duration)
{
	return doze(*(int64_t *)duration);
}

int scenario_timeout(void *arg)
{
	unsigned rounds = 1 + coil_sim_pick(8);

	(void)arg;
	for (unsigned i = 0; i < rounds; i++) {
		int64_t length = pick_time(COIL_SEC);
		int64_t limit = pick_time(COIL_SEC);
		int64_t before = coil_now();
		int rc = coil_timeout(limit, sleep_for, &length);
		int64_t took = coil_now() - before;

		if (rc == -ENOMEM)
			return 0;
		HOLDS(rc == 0 || rc == -ETIME);
		HOLDS(took >= (rc == 0 ? length : limit));
		if (length + SLACK < limit)
			HOLDS(rc == 0);
		if (limit + SLACK < length)
			HOLDS(rc == -ETIME);
	}
	return 0;
}

/* -- promise -------------------------------------------------------------------------------------
 */

#define WAITERS 4

struct meeting {
	struct coil_promise promise;
	int value;
};

static int wait_for_it(void *arg)
{
	struct meeting *meeting = arg;
	int rc = doze(pick_time(50 * COIL_USEC));

	return rc < 0 ? rc : coil_await(&meeting->promise.future);
}

int scenario_promise(void *arg)
{
	struct meeting meeting = {.value = 1 + (int)coil_sim_pick(1000)};
	struct coil_task *waiters[WAITERS];
	bool is_cancelled[WAITERS] = {false};

	(void)arg;
	coil_promise_init(&meeting.promise);
	for (int i = 0; i < WAITERS; i++)
		waiters[i] = coil_spawn(wait_for_it, &meeting);
	doze(pick_time(50 * COIL_USEC));
	for (int i = 0; i < WAITERS; i++)
		if (waiters[i] && pick_one_in(4)) {
			is_cancelled[i] = true;
			coil_cancel(waiters[i]);
		}
	if (pick_one_in(2))
		coil_promise_resolve(&meeting.promise, meeting.value);
	else
		coil_promise_resolve_from_thread(&meeting.promise, meeting.value);
	for (int i = 0; i < WAITERS; i++) {
		int rc = waiters[i] ? coil_join(waiters[i]) : meeting.value;

		HOLDS(rc == meeting.value || rc == -ENOMEM ||
		      (is_cancelled[i] && rc == -ECANCELED));
	}
	HOLDS(coil_await(&meeting.promise.future) == meeting.value);
	coil_promise_deinit(&meeting.promise);
	return 0;
}
