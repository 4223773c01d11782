/* SPDX-License-Identifier: MIT */
/*
 * Many tasks select over the same few channels, sending and receiving at once, and are cancelled at
 * random moments: each item that was sent is received once, no other one is.
 */
#include "task/rig.h"

#define WORKERS 12
#define CHANNELS 4
#define CASES_MAX 5
#define SELECTS (RIG_IS_SLOW ? 20000 : 100000)

struct storm {
	struct coil_channel channels[CHANNELS];
	struct coil_promise promise;
	unsigned char *sent, *received;
	uint32_t random;
	long selects;
	long items;
	unsigned cancels, chosen[4]; /* by kind: send, receive, deadline, future */
};

struct worker {
	struct storm *storm;
	struct coil_scope scope;
	bool is_in_scope;
};

static unsigned draw(struct storm *storm, unsigned bound)
{
	storm->random ^= storm->random << 13;
	storm->random ^= storm->random >> 17;
	storm->random ^= storm->random << 5;
	return storm->random % bound;
}

enum kind { SENDS, RECEIVES, DEADLINE, FUTURE };

struct attempt {
	struct coil_case cases[CASES_MAX];
	enum kind kinds[CASES_MAX];
	long items[CASES_MAX];
	size_t n;
};

static void prepare(struct storm *storm, struct attempt *attempt)
{
	attempt->n = 1 + draw(storm, CASES_MAX);
	for (size_t i = 0; i < attempt->n; i++) {
		struct coil_channel *channel = &storm->channels[draw(storm, CHANNELS)];
		unsigned choice = draw(storm, 40);

		attempt->items[i] = -1;
		if (choice < 19) {
			attempt->kinds[i] = SENDS;
			attempt->items[i] = storm->items++;
			attempt->cases[i] = coil_case_send(channel, &attempt->items[i]);
		} else if (choice < 38) {
			attempt->kinds[i] = RECEIVES;
			attempt->cases[i] = coil_case_receive(channel, &attempt->items[i]);
		} else if (choice < 39) {
			attempt->kinds[i] = DEADLINE;
			attempt->cases[i] = coil_case_deadline(coil_now() + 20 * COIL_USEC);
		} else {
			attempt->kinds[i] = FUTURE;
			attempt->cases[i] = coil_case_future(&storm->promise.future);
		}
	}
}

static void account(struct storm *storm, const struct attempt *attempt, int index)
{
	for (int i = 0; i < (int)attempt->n; i++)
		if (i != index && attempt->kinds[i] == RECEIVES)
			EXPECT_EQ(attempt->items[i], -1);
	if (index < 0)
		return;
	storm->chosen[attempt->kinds[index]]++;
	if (attempt->cases[index].result < 0)
		return;
	if (attempt->kinds[index] == SENDS)
		storm->sent[attempt->items[index]]++;
	else if (attempt->kinds[index] == RECEIVES)
		storm->received[attempt->items[index]]++;
}

static int works(void *arg)
{
	struct worker *worker = arg;
	struct storm *storm = worker->storm;
	struct attempt attempt;

	while (storm->selects++ < SELECTS) {
		int index;

		prepare(storm, &attempt);
		coil_scope_open(&worker->scope);
		worker->is_in_scope = true;
		index = coil_select(attempt.cases, attempt.n,
				    draw(storm, 2) ? COIL_IN_ORDER : 0);
		worker->is_in_scope = false;
		coil_scope_close(&worker->scope);
		EXPECT(index >= 0 || index == -ECANCELED);
		account(storm, &attempt, index);
		if (draw(storm, 8) == 0)
			coil_yield();
	}
	return 0;
}

static void cancel_at_random(struct storm *storm, struct worker *workers)
{
	while (storm->selects < SELECTS) {
		struct worker *worker = &workers[draw(storm, WORKERS)];

		if (worker->is_in_scope) {
			coil_scope_cancel(&worker->scope, -ECANCELED, NULL);
			storm->cancels++;
		}
		if (draw(storm, 50) == 0) {
			coil_promise_resolve(&storm->promise, 0);
			rig_turns(3);
			coil_promise_deinit(&storm->promise);
			coil_promise_init(&storm->promise);
		}
		coil_yield();
	}
}

static void drain(struct storm *storm)
{
	long item;

	for (int i = 0; i < CHANNELS; i++)
		while (coil_channel_try_receive(&storm->channels[i], &item) == 0)
			storm->received[item]++;
}

static int scenario(void *arg)
{
	struct storm *storm = arg;
	struct worker workers[WORKERS] = { 0 };
	struct coil_group group;

	for (int i = 0; i < CHANNELS; i++)
		EXPECT_EQ(coil_channel_init(&storm->channels[i], sizeof(long), (size_t)i), 0);
	coil_promise_init(&storm->promise);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < WORKERS; i++) {
		workers[i].storm = storm;
		EXPECT_EQ(coil_go(&group, works, &workers[i]), 0);
	}
	rig_turns(1);
	cancel_at_random(storm, workers);
	drain(storm);
	coil_promise_resolve(&storm->promise, 0);
	for (int i = 0; i < CHANNELS; i++)
		coil_channel_close(&storm->channels[i]);
	EXPECT_EQ(coil_group_close(&group), 0);
	drain(storm);
	for (int i = 0; i < CHANNELS; i++)
		coil_channel_deinit(&storm->channels[i]);
	coil_promise_deinit(&storm->promise);
	EXPECT_EQ(rig_stats().timers, 0);
	return 0;
}

/* @seed is the simulated kernel's, too, if there is one. */
static void run_storm(uint32_t seed, bool is_simulated)
{
	size_t most = (size_t)(SELECTS + WORKERS) * CASES_MAX;
	struct storm storm = { .random = seed };
	long wrong = 0;

	storm.sent = calloc(most, 1);
	storm.received = calloc(most, 1);
	ASSERT(storm.sent && storm.received);
	if (is_simulated)
		EXPECT_EQ(rig_run_seed(seed, scenario, &storm), 0);
	else
		EXPECT_EQ(rig_run(scenario, &storm), 0);
	for (long i = 0; i < storm.items; i++)
		wrong += storm.sent[i] > 1 || storm.sent[i] != storm.received[i];
	EXPECT_EQ(wrong, 0);
	EXPECT_GT(storm.cancels, 100);
	is_simulated |= rig_is_simulated();
	for (int i = 0; i < 4 && !is_simulated; i++)
		EXPECT_GT(storm.chosen[i], 0); /* it takes its time from the kernel */
	free(storm.sent);
	free(storm.received);
}

TEST(select, a_storm_of_them_loses_and_doubles_nothing)
{
	for (uint32_t seed = 1; seed <= 3; seed++)
		run_storm(seed, false);
}

TEST(select, nor_in_another_order_of_tasks)
{
	for (uint32_t seed = 1; seed <= (RIG_IS_SLOW ? 10 : 50); seed++)
		run_storm(seed, true);
}
