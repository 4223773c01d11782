/* SPDX-License-Identifier: MIT */
/* Made-up results, whose truth is known. */
#ifndef COIL_TESTS_BENCH_MODELS_H
#define COIL_TESTS_BENCH_MODELS_H

#include "../../bench/lib/model.h"

struct made {
	double value;  /* of the subject "mine" */
	double floor;  /* 0: there is none */
	double spread; /* standard deviation, a part of the value */
	double floor_spread; /* 0: as spread */
	double drift;  /* of both, a part of the value, over all rounds */
	double contention; /* of each round, a part of the floor; as the floor's own spread */
	double slope;  /* how often the subject suffers from it; 0: once, as the floor */
	double shift;  /* of all rounds, as contention is */
	double pace;   /* of fixed work, which slows the subject as well; 0: not known */
	unsigned rounds;
	unsigned flags;
	uint64_t seed;
};

/* Normal, mean 0 and deviation 1, by the sum of twelve. */
double normal(struct random *random);
/* Adds a case of this name to a model. */
struct coil_bench_entry *make_case(struct coil_bench *bench, const char *name, struct made made);
struct coil_bench *make_model(struct made made);

#endif
