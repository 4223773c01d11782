/* SPDX-License-Identifier: MIT */
#include "models.h"

#include <math.h>

#include "support/test.h"

double normal(struct random *random)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += (double)(random_next(random) >> 11) / (double)(UINT64_C(1) << 53);
	return sum;
}

struct coil_bench_entry *make_case(struct coil_bench *bench, const char *name, struct made made)
{
	const struct coil_bench_case of = { .name = name, .flags = made.flags };
	struct coil_bench_result *mine, *floor = NULL;
	double floor_spread = made.floor_spread > 0 ? made.floor_spread : made.spread;
	double slope = made.slope > 0 ? made.slope : 1;
	struct random random = { made.seed };
	struct coil_bench_entry *entry;

	ASSERT_EQ(coil_bench_entry_add(bench, &of, &entry), 0);
	if (made.floor > 0)
		ASSERT_EQ(coil_bench_result_add(entry, "floor", &floor), 0);
	ASSERT_EQ(coil_bench_result_add(entry, "mine", &mine), 0);
	for (unsigned i = 0; i < made.rounds; i++) {
		double hour = 1 + made.drift * i / made.rounds;
		double contention = made.shift + made.contention * fabs(normal(&random));

		if (made.pace > 0) {
			hour *= made.pace;
			ASSERT_EQ(entry_speed_add(entry, 1000 * made.pace), 0);
		}
		coil_bench_sample(mine, made.value * hour * (1 + made.spread * normal(&random)) *
						pow(1 + contention, slope));
		if (floor)
			coil_bench_sample(floor, made.floor * hour * (1 + contention) *
							 (1 + floor_spread * normal(&random)));
	}
	entry->noise = (struct noise){ .clean = 0.9, .stolen = 0, .others = 0, .speed = 1000,
				       .speed_worst = 1010 };
	return entry;
}

struct coil_bench *make_model(struct made made)
{
	struct coil_bench *bench;

	ASSERT_EQ(model_new(&bench), 0);
	make_case(bench, "case", made);
	return bench;
}
