/* SPDX-License-Identifier: MIT */
/*
 * Where a run's choices come from: one seeded generator, or a path of digits that is walked like an
 * odometer, so that all combinations are seen. Equal on all machines: integers alone.
 *
 * Must not know: what is chosen.
 */
#ifndef COIL_SIM_CHOICE_H
#define COIL_SIM_CHOICE_H

#include "sim/sim.h"

/* Probabilities are counted in parts of this. */
#define CHOICE_ALWAYS 1024u

/* The digits of one schedule: digit i was one of bases[i] ways. Beyond @depth_max it is 0. */
struct sim_path {
	uint32_t *digits;
	uint32_t *bases;
	uint32_t depth_max;
	uint32_t depth;		/* digits that are kept from the last run */
	uint32_t at;		/* the next digit */
	uint32_t troubles_max;	/* in one run: later ones do not happen, and are no choice */
	uint32_t troubles;	/* in this run, so far */
	uint64_t beyond;	/* choices that found the path too short, ever */
};

struct choice {
	uint64_t state;
	uint64_t noise;			/* of sim_noise() */
	struct sim_path *path;		/* NULL: the generator */
	uint32_t odds[SIM_TROUBLE_COUNT];
	uint64_t drawn;
};

/*
 * @limits: for each trouble the most of CHOICE_ALWAYS that its probability may be, 0: off. The seed
 * draws the probabilities out of that; along a path, whatever is not off may happen.
 */
void choice_init(struct choice *choice, uint64_t seed, const uint32_t *limits,
		 struct sim_path *path);

/* "SHORT_READ 12.5% ...", or "none", into @text. */
void choice_describe(const struct choice *choice, char *text, size_t bytes);

/* Bytes that stand for randomness; apart from the choices, so that drawing them changes none. */
uint64_t choice_noise(struct choice *choice);

/* Makes @path the next one. False: there is none, all have been walked. */
bool sim_path_next(struct sim_path *path);

#endif
