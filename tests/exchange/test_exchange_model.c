/* SPDX-License-Identifier: MIT */
/*
 * Queues and channels against a naive reference: actors are told to send and to receive, some wait,
 * some of these are cancelled, also right after they were served; the reference says who must
 * return with what, and the two must agree after every step.
 */
#include "task/rig.h"

#define ACTORS 8
#define BUFFER_MAX 64
#define STEPS (RIG_IS_SLOW ? 20000 : 100000)
#define BLOCKED 1

enum command { IDLE, SEND, RECEIVE, LEAVE };

struct actor {
	struct world *world;
	enum command command;
	bool has_begun;
	long item;
	int result;
	struct coil_scope scope;
};

/* What must come of an actor. */
struct expected {
	int result; /* BLOCKED: it waits */
	long item;
	enum command command;
};

struct world {
	struct coil_channel channel;
	struct coil_queue queue;
	bool is_channel;
	int kind;
	int capacity; /* of the reference: -1 is none */
	bool is_closed;
	/* The reference. */
	long buffer[BUFFER_MAX];
	int count;
	int line[ACTORS]; /* who waits: all of them senders, or all receivers */
	int waiting;
	struct expected expected[ACTORS];
	struct actor actors[ACTORS];
	long next_item;
	uint32_t random;
	unsigned served, cancelled, late;
};

static unsigned draw(struct world *w, unsigned bound)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random % bound;
}

/* -- What is tested ------------------------------------------------------------------------------
 */

static int put(struct world *w, const long *item)
{
	return w->is_channel ? coil_channel_send(&w->channel, item)
			     : coil_queue_put(&w->queue, item);
}

static int get(struct world *w, long *item)
{
	return w->is_channel ? coil_channel_receive(&w->channel, item)
			     : coil_queue_get(&w->queue, item);
}

static int try_put(struct world *w, const long *item)
{
	return w->is_channel ? coil_channel_try_send(&w->channel, item)
			     : coil_queue_try_put(&w->queue, item);
}

static int try_get(struct world *w, long *item)
{
	return w->is_channel ? coil_channel_try_receive(&w->channel, item)
			     : coil_queue_try_get(&w->queue, item);
}

static int by_low_bits(const void *left, const void *right, void *context)
{
	(void)context;
	return (int)(*(const long *)left & 3) - (int)(*(const long *)right & 3);
}

static int acts(void *arg)
{
	struct actor *actor = arg;

	for (;;) {
		enum command command = actor->command;

		if (command == LEAVE)
			return 0;
		if (command == IDLE) {
			coil_yield();
			continue;
		}
		coil_scope_open(&actor->scope);
		actor->has_begun = true;
		actor->result = command == SEND ? put(actor->world, &actor->item)
						: get(actor->world, &actor->item);
		actor->has_begun = false;
		coil_scope_close(&actor->scope);
		actor->command = IDLE;
	}
}

/* -- The reference -------------------------------------------------------------------------------
 */

static int leaves_first(const struct world *w)
{
	int best = w->kind == COIL_QUEUE_LIFO ? w->count - 1 : 0;

	for (int i = 0; w->kind == COIL_QUEUE_PRIORITY && i < w->count; i++)
		if ((w->buffer[i] & 3) < (w->buffer[best] & 3))
			best = i;
	return best;
}

static long take_from_buffer(struct world *w)
{
	int index = leaves_first(w);
	long item = w->buffer[index];

	w->count--;
	memmove(&w->buffer[index], &w->buffer[index + 1],
		(size_t)(w->count - index) * sizeof item);
	return item;
}

static bool line_is_of(const struct world *w, enum command command)
{
	return w->waiting > 0 && w->expected[w->line[0]].command == command;
}

static int pop_line(struct world *w, int place)
{
	int who = w->line[place];

	w->waiting--;
	memmove(&w->line[place], &w->line[place + 1],
		(size_t)(w->waiting - place) * sizeof *w->line);
	return who;
}

static int serve(struct world *w, long item)
{
	int who = pop_line(w, 0);

	w->expected[who].result = 0;
	if (w->expected[who].command == RECEIVE)
		w->expected[who].item = item;
	w->served++;
	return who;
}

/* Each returns what must come of it; *@served: who was served by it, or -1. */
static int model_put(struct world *w, long item, int *served)
{
	*served = -1;
	if (w->is_closed)
		return -EPIPE;
	if (line_is_of(w, RECEIVE)) {
		*served = serve(w, item);
		return 0;
	}
	if (w->count == (w->capacity < 0 ? BUFFER_MAX : w->capacity))
		return -EAGAIN;
	w->buffer[w->count++] = item;
	return 0;
}

static int model_get(struct world *w, long *item, int *served)
{
	bool has_sender = line_is_of(w, SEND);

	*served = -1;
	if (w->count > 0)
		*item = take_from_buffer(w);
	else if (!has_sender)
		return w->is_closed ? -EPIPE : -EAGAIN;
	if (!has_sender)
		return 0;
	*served = serve(w, 0);
	if (w->capacity == 0)
		*item = w->expected[*served].item;
	else
		w->buffer[w->count++] = w->expected[*served].item;
	return 0;
}

/* -- The steps -----------------------------------------------------------------------------------
 */

static void check_world(struct world *w)
{
	rig_turns(3);
	for (int i = 0; i < ACTORS; i++) {
		const struct expected *expected = &w->expected[i];
		const struct actor *actor = &w->actors[i];

		if (expected->command == IDLE)
			continue;
		if (expected->result == BLOCKED) {
			EXPECT(actor->has_begun);
			continue;
		}
		EXPECT_EQ(actor->command, IDLE);
		EXPECT_EQ(actor->result, expected->result);
		if (expected->result == 0 && expected->command == RECEIVE)
			EXPECT_EQ(actor->item, expected->item);
		w->expected[i].command = IDLE;
	}
}

/* It was served a moment ago, and has not run since: too late. */
static void cancel_late(struct world *w, int who)
{
	if (who < 0 || draw(w, 3) > 0)
		return;
	EXPECT(w->actors[who].has_begun);
	coil_scope_cancel(&w->actors[who].scope, -ECANCELED, "late");
	w->late++;
}

static void tell(struct world *w, int who, enum command command)
{
	struct expected *expected = &w->expected[who];
	struct actor *actor = &w->actors[who];
	int served;

	if (expected->command != IDLE)
		return;
	if (command == SEND && w->capacity < 0 && w->count >= BUFFER_MAX - ACTORS)
		return;
	actor->item = command == SEND ? w->next_item++ : -1;
	*expected = (struct expected){ .command = command, .item = actor->item };
	expected->result = command == SEND ? model_put(w, actor->item, &served)
					   : model_get(w, &expected->item, &served);
	if (expected->result == -EAGAIN) {
		expected->result = BLOCKED;
		w->line[w->waiting++] = who;
	}
	actor->command = command;
}

static void try_something(struct world *w)
{
	long item = w->next_item;
	long expected_item = -1;
	int served;

	if (draw(w, 2)) {
		if (w->capacity < 0 && w->count >= BUFFER_MAX - ACTORS)
			return;
		w->next_item++;
		EXPECT_EQ(try_put(w, &item), model_put(w, item, &served));
	} else {
		int rc = try_get(w, &item);

		EXPECT_EQ(rc, model_get(w, &expected_item, &served));
		if (rc == 0)
			EXPECT_EQ(item, expected_item);
	}
	cancel_late(w, served);
}

static void cancel_somebody(struct world *w)
{
	int place = w->waiting ? (int)draw(w, (unsigned)w->waiting) : 0;

	if (!w->waiting)
		return;
	coil_scope_cancel(&w->actors[w->line[place]].scope, -ECANCELED, "for a test");
	w->expected[pop_line(w, place)].result = -ECANCELED;
	w->cancelled++;
}

static void step(struct world *w)
{
	unsigned choice = draw(w, 16);

	if (choice < 5)
		tell(w, (int)draw(w, ACTORS), SEND);
	else if (choice < 10)
		tell(w, (int)draw(w, ACTORS), RECEIVE);
	else if (choice < 14)
		try_something(w);
	else
		cancel_somebody(w);
	check_world(w);
}

static void make(struct world *w)
{
	const struct coil_queue_options options = {
		.size = sizeof options,
		.item_bytes = sizeof(long),
		.capacity = w->capacity < 0 ? 0 : (size_t)w->capacity,
		.kind = w->kind,
		.compare = by_low_bits,
	};

	w->is_closed = false;
	if (w->is_channel)
		EXPECT_EQ(coil_channel_init(&w->channel, sizeof(long), (size_t)w->capacity), 0);
	else
		EXPECT_EQ(coil_queue_init_with(&w->queue, &options), 0);
}

static void end(struct world *w)
{
	long item, expected;
	int served;

	if (w->is_channel)
		coil_channel_close(&w->channel);
	else
		coil_queue_shutdown(&w->queue, 0);
	w->is_closed = true;
	while (w->waiting)
		w->expected[pop_line(w, 0)].result = -EPIPE;
	check_world(w);
	while (model_get(w, &expected, &served) == 0)
		EXPECT(try_get(w, &item) == 0 && item == expected);
	EXPECT_EQ(try_get(w, &item), -EPIPE);
	if (w->is_channel)
		coil_channel_deinit(&w->channel);
	else
		coil_queue_deinit(&w->queue);
}

static int scenario(void *arg)
{
	struct world *w = arg;
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < ACTORS; i++) {
		w->actors[i].world = w;
		EXPECT_EQ(coil_go(&group, acts, &w->actors[i]), 0);
	}
	for (int round = 0; round < 10; round++) {
		make(w);
		for (int i = 0; i < STEPS / 10; i++)
			step(w);
		end(w);
	}
	for (int i = 0; i < ACTORS; i++)
		w->actors[i].command = LEAVE;
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_GT(w->served, 100);
	EXPECT_GT(w->late, 20);
	EXPECT(w->cancelled > 100 || w->capacity < 0);
	return 0;
}

static void run_world(bool is_channel, int kind, int capacity, uint32_t seed)
{
	static struct world world;

	memset(&world, 0, sizeof world);
	world.is_channel = is_channel;
	world.kind = kind;
	world.capacity = capacity;
	world.random = seed;
	EXPECT_EQ(rig_run(scenario, &world), 0);
}

TEST(channel, a_rendezvous_agrees_with_its_reference)
{
	run_world(true, COIL_QUEUE_FIFO, 0, 1);
}

TEST(channel, a_buffered_one_agrees_with_its_reference)
{
	run_world(true, COIL_QUEUE_FIFO, 1, 2);
	run_world(true, COIL_QUEUE_FIFO, 3, 3);
}

TEST(exchange, b13_6_a_bounded_queue_agrees_with_its_reference)
{
	run_world(false, COIL_QUEUE_FIFO, 3, 4);
}

TEST(exchange, b13_6_an_unbounded_queue_agrees_with_its_reference)
{
	run_world(false, COIL_QUEUE_FIFO, -1, 5);
}

TEST(exchange, b13_6_a_lifo_queue_agrees_with_its_reference)
{
	run_world(false, COIL_QUEUE_LIFO, 4, 6);
}

TEST(exchange, b13_6_a_priority_queue_agrees_with_its_reference)
{
	run_world(false, COIL_QUEUE_PRIORITY, 5, 7);
	run_world(false, COIL_QUEUE_PRIORITY, -1, 8);
}
