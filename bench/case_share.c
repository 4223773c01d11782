/* SPDX-License-Identifier: MIT */
/*
 * What tasks of one loop share and hand to each other. The floors are the least that any library
 * with stacks has to do: the bare switches between the two sides; for the lock without a waiter,
 * pthread's.
 */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define CHANNELS 8
#define QUEUE_ITEMS 64

/* -- Channel ping-pong, and a select among eight of them --------------------------------------- */

struct players {
	struct coil_channel asked;
	struct coil_channel answers[CHANNELS];
	struct coil_task *partner;
	unsigned int channels; /* of the answers, in use */
};

static int partner_main(void *arg)
{
	struct players *players = arg;
	uint64_t word;

	for (unsigned int i = 0;; i = (i + 1) % players->channels) {
		if (coil_channel_receive(&players->asked, &word) < 0)
			return 0;
		bench_must(coil_channel_send(&players->answers[i], &word) == 0, "a send failed");
	}
}

static void ask(struct players *players, uint64_t word)
{
	bench_must(coil_channel_send(&players->asked, &word) == 0, "a send failed");
}

static void run_pingpong(void *arg, uint64_t units)
{
	struct players *players = arg;
	uint64_t word;

	while (units--) {
		ask(players, units);
		bench_must(coil_channel_receive(&players->answers[0], &word) == 0 && word == units,
			   "a receive failed");
	}
}

static void run_select(void *arg, uint64_t units)
{
	struct players *players = arg;
	struct coil_case cases[CHANNELS];
	uint64_t word;

	while (units--) {
		ask(players, units);
		for (int i = 0; i < CHANNELS; i++)
			cases[i] = coil_case_receive(&players->answers[i], &word);
		bench_must(coil_select(cases, CHANNELS, 0) >= 0 && word == units,
			   "a select failed");
	}
}

static struct players *players_new(unsigned int channels)
{
	struct players *players = calloc(1, sizeof(*players));

	bench_must(players, "out of memory");
	players->channels = channels;
	coil_channel_init(&players->asked, sizeof(uint64_t), 0);
	for (int i = 0; i < CHANNELS; i++)
		coil_channel_init(&players->answers[i], sizeof(uint64_t), 0);
	players->partner = coil_spawn(partner_main, players);
	bench_must(players->partner, "a task could not be spawned");
	return players;
}

static void players_free(struct players *players)
{
	if (!players)
		return;
	coil_channel_close(&players->asked);
	coil_join(players->partner);
	coil_channel_deinit(&players->asked);
	for (int i = 0; i < CHANNELS; i++)
		coil_channel_deinit(&players->answers[i]);
	free(players);
}

static int open_pingpong(struct bench *bench)
{
	struct players *players = players_new(1);

	bench->state = players;
	bench->coil = (struct measure_case){ .run = run_pingpong, .arg = players };
	bench_floor_switches(bench, bench_two_switches);
	return 0;
}

static void close_pingpong(struct bench *bench)
{
	players_free(bench->state);
}

static int open_select(struct bench *bench)
{
	struct players **both = calloc(2, sizeof(struct players *));

	bench_must(both, "out of memory");
	both[0] = players_new(1);
	both[1] = players_new(CHANNELS);
	bench->state = both;
	bench->floor = (struct measure_case){ .run = run_pingpong, .arg = both[0] };
	bench->coil = (struct measure_case){ .run = run_select, .arg = both[1] };
	return 0;
}

static void close_select(struct bench *bench)
{
	struct players **both = bench->state;

	players_free(both[0]);
	players_free(both[1]);
	free(both);
}

/* -- Locks ------------------------------------------------------------------------------------- */

static void run_lock(void *arg, uint64_t units)
{
	struct coil_mutex *mutex = arg;

	while (units--) {
		bench_must(coil_mutex_lock(mutex) == 0, "a lock failed");
		coil_mutex_unlock(mutex);
	}
}

static void run_pthread_lock(void *arg, uint64_t units)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	(void)arg;
	while (units--) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
	}
}

static int open_lock(struct bench *bench)
{
	static struct coil_mutex mutex;

	coil_mutex_init(&mutex);
	bench->floor = (struct measure_case){ .run = run_pthread_lock };
	bench->coil = (struct measure_case){ .run = run_lock, .arg = &mutex };
	return 0;
}

/* Whoever has it lets the other one run, who then waits for it. */
static void work_handover(void *arg, unsigned int member)
{
	struct coil_mutex *mutex = arg;

	(void)member;
	bench_must(coil_mutex_lock(mutex) == 0, "a lock failed");
	coil_yield();
	coil_mutex_unlock(mutex);
}

static int open_handover(struct bench *bench)
{
	static struct coil_mutex mutex;
	struct crew *crew;
	int rc;

	coil_mutex_init(&mutex);
	rc = crew_open(2, work_handover, &mutex, &crew);
	if (rc < 0)
		return rc;
	bench->state = crew;
	bench->coil = (struct measure_case){ .run = crew_run, .arg = crew, .step = 2 };
	bench_floor_switches(bench, bench_two_switches);
	return 0;
}

static void close_handover(struct bench *bench)
{
	crew_close(bench->state);
}

/* -- Queue ------------------------------------------------------------------------------------- */

struct shop {
	struct coil_queue queue;
	struct coil_task *consumer;
};

static int consumer_main(void *arg)
{
	struct shop *shop = arg;
	uint64_t word;

	while (coil_queue_get(&shop->queue, &word) == 0)
		coil_bench_keep(&word);
	return 0;
}

/* Full when it returns, as it was before, but for the first time. */
static void run_queue(void *arg, uint64_t units)
{
	struct shop *shop = arg;

	while (units--)
		bench_must(coil_queue_put(&shop->queue, &units) == 0, "a put failed");
}

/* Each side does what it can, then lets the other one. */
static void run_ring(void *raw, uint64_t units)
{
	static uint64_t ring[QUEUE_ITEMS];

	for (; units >= QUEUE_ITEMS; units -= QUEUE_ITEMS) {
		for (size_t i = 0; i < QUEUE_ITEMS; i++) {
			ring[i] = units;
			coil_bench_keep(&ring[i]);
		}
		for (size_t i = 0; i < QUEUE_ITEMS; i++) {
			uint64_t word = ring[i];

			coil_bench_keep(&word);
		}
		if (raw)
			raw_micro_run(raw, 2);
	}
}

static int open_queue(struct bench *bench)
{
	struct shop *shop = calloc(1, sizeof(*shop));

	bench_must(shop, "out of memory");
	bench->state = shop;
	bench_must(coil_queue_init(&shop->queue, sizeof(uint64_t), QUEUE_ITEMS) == 0, "a queue");
	shop->consumer = coil_spawn(consumer_main, shop);
	bench_must(shop->consumer, "a task could not be spawned");
	bench->coil = (struct measure_case){ .run = run_queue, .arg = shop, .step = QUEUE_ITEMS };
	if (bench_floor_switches(bench, run_ring))
		bench->floor.step = QUEUE_ITEMS;
	return 0;
}

static void close_queue(struct bench *bench)
{
	struct shop *shop = bench->state;

	coil_queue_shutdown(&shop->queue, COIL_IMMEDIATE);
	coil_join(shop->consumer);
	coil_queue_deinit(&shop->queue);
	free(shop);
}

const struct bench_case bench_cases_share[] = {
	{ .name = "channel_pingpong", .what = "word there and back; two bare switches",
	  .goal_kind = BENCH_NS, .goal = 35, .open = open_pingpong, .close = close_pingpong },
	{ .name = "select_8", .what = "the same, the answer by one of eight channels; by one alone",
	  .open = open_select, .close = close_select },
	{ .name = "queue", .what = "word put and got, 64 in between; a ring and two bare switches",
	  .open = open_queue, .close = close_queue },
	{ .name = "lock_unlock", .what = "mutex that nobody else wants; pthread's",
	  .goal_kind = BENCH_NS, .goal = 5, .open = open_lock },
	{ .name = "lock_handover", .what = "mutex held over a yield; two bare switches",
	  .goal_kind = BENCH_NS, .goal = 40, .open = open_handover, .close = close_handover },
	{ .name = NULL },
};
