/* SPDX-License-Identifier: MIT */
/* The generator and the odometer. See choice.h. */
#include "sim/choice.h"

#include <stdio.h>

#include "sim/world.h"

static const char *const names[] = {
#define TROUBLE_NAME(name, meaning) #name,
	SIM_TROUBLES(TROUBLE_NAME)
#undef TROUBLE_NAME
};

const char *sim_trouble_name(enum sim_trouble trouble)
{
	return names[trouble];
}

/* Adds an odd constant and mixes: 2^64 different words, each seed a place on the same circle. */
static uint64_t next_word(uint64_t *state)
{
	uint64_t word = *state += UINT64_C(0x9e3779b97f4a7c15);

	word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
	return word ^ word >> 31;
}

/* 0 .. @count - 1. The high half of a product: no division, and no bias that could be seen. */
static uint32_t below(uint64_t *state, uint32_t count)
{
	return (uint32_t)((next_word(state) >> 32) * count >> 32);
}

/*
 * Half of the troubles stay away, so that each run knows some of them well; of the others most are
 * rare, since what happens all the time hides what comes after it.
 */
static uint32_t draw_odds(struct choice *choice, uint32_t limit)
{
	uint32_t word = below(&choice->state, 16);

	if (limit == 0 || word < 8)
		return 0;
	return limit >> (word - 8) ? limit >> (word - 8) : 1;
}

void choice_init(struct choice *choice, uint64_t seed, const uint32_t *limits,
		 struct sim_path *path)
{
	*choice = (struct choice){.state = seed, .path = path};
	choice->state = next_word(&choice->state);
	choice->noise = next_word(&choice->state);
	for (int i = 0; i < SIM_TROUBLE_COUNT; i++)
		choice->odds[i] = path ? limits[i] : draw_odds(choice, limits[i]);
	if (path)
		path->at = path->troubles = 0;
}

void choice_describe(const struct choice *choice, char *text, size_t bytes)
{
	size_t length = 0;

	snprintf(text, bytes, "none");
	for (int i = 0; i < SIM_TROUBLE_COUNT; i++) {
		uint32_t permille = (choice->odds[i] * 1000 + CHOICE_ALWAYS / 2) / CHOICE_ALWAYS;
		int n;

		if (choice->odds[i] == 0 || length >= bytes)
			continue;
		n = snprintf(text + length, bytes - length, "%s%s %u.%u%%", length ? " " : "",
			     names[i], permille / 10, permille % 10);
		length += n > 0 ? (size_t)n : 0;
	}
}

uint64_t choice_noise(struct choice *choice)
{
	return next_word(&choice->noise);
}

static uint32_t path_step(struct sim_path *path, uint32_t count)
{
	uint32_t at = path->at++;

	if (at >= path->depth_max) {
		path->beyond++;
		return 0;
	}
	if (at >= path->depth) {
		path->depth = at + 1;
		path->digits[at] = 0;
		path->bases[at] = count;
	}
	/* Otherwise the same choices before did not lead to the same question. */
	check(path->bases[at] == count);
	return path->digits[at];
}

bool sim_path_next(struct sim_path *path)
{
	if (path->depth > path->at)
		path->depth = path->at;
	path->at = 0;
	while (path->depth > 0) {
		uint32_t last = path->depth - 1;

		if (++path->digits[last] < path->bases[last])
			return true;
		path->depth--;
	}
	return false;
}

uint32_t sim_pick(struct sim *sim, uint32_t count)
{
	struct choice *choice = &sim->choice;

	check(count > 0);
	if (count == 1)
		return 0;
	choice->drawn++;
	return choice->path ? path_step(choice->path, count) : below(&choice->state, count);
}

bool sim_happens(struct sim *sim, enum sim_trouble trouble)
{
	struct choice *choice = &sim->choice;
	uint32_t odds = choice->odds[trouble];
	bool happens;

	if (odds == 0 || (choice->path && choice->path->troubles >= choice->path->troubles_max))
		return false;
	choice->drawn++;
	if (choice->path)
		choice->path->troubles += happens = path_step(choice->path, 2) == 1;
	else
		happens = below(&choice->state, CHOICE_ALWAYS) < odds;
	if (happens)
		sim_trace(sim, "trouble %s", sim_trouble_name(trouble));
	return happens;
}

int64_t sim_delay(struct sim *sim, int64_t bound_ns)
{
	struct choice *choice = &sim->choice;
	unsigned bits;
	int64_t delay;

	check(bound_ns > 0);
	if (choice->path)
		return sim_pick(sim, 2) ? bound_ns : 1;
	/* The number of digits is drawn first: 1 ns is as likely as 1 ms. */
	bits = 64 - (unsigned)__builtin_clzll((uint64_t)bound_ns);
	bits = 1 + sim_pick(sim, bits);
	choice->drawn++;
	delay = 1 + (int64_t)(next_word(&choice->state) >> (64 - bits));
	return delay < bound_ns ? delay : bound_ns;
}
