/* SPDX-License-Identifier: MIT */
/* Verdicts on results whose truth is known. */
#include "../../bench/lib/compare.h"

#include <math.h>
#include <stdlib.h>

#include "models.h"
#include "support/test.h"

static const struct made usual = { .value = 100, .spread = 0.01, .rounds = 15, .seed = 1 };

/* Compares two models of one case, and lets go of them. */
static struct comparison compare_once(struct coil_bench *before, struct coil_bench *after)
{
	struct comparison *all, one;
	size_t count;

	ASSERT_EQ(compare_models(before, after, &all, &count), 0);
	ASSERT_EQ(count, 1);
	one = all[0];
	free(all);
	coil_bench_close(before);
	coil_bench_close(after);
	return one;
}

static struct comparison compare_made(struct made before, struct made after)
{
	return compare_once(make_model(before), make_model(after));
}

#define PAIRS 30
/* Where each takes long. */
#define PAIRS_OF_MANY 10

/* How often, of so many pairs of runs, the verdict is this. */
static unsigned count_verdicts(struct made before, struct made after, enum verdict verdict)
{
	uint64_t pairs = before.rounds > 20 ? PAIRS_OF_MANY : PAIRS;
	unsigned count = 0;

	for (uint64_t seed = 1; seed <= pairs; seed++) {
		before.seed = 2 * seed;
		after.seed = 2 * seed + 1;
		count += compare_made(before, after).verdict == verdict;
	}
	return count;
}

TEST(compare, the_same_build_has_not_changed)
{
	struct made with_floor = usual;

	with_floor.floor = 70;
	EXPECT_GE(count_verdicts(usual, usual, VERDICT_NO_CHANGE), PAIRS * 9 / 10 + 1);
	EXPECT_GE(count_verdicts(with_floor, with_floor, VERDICT_NO_CHANGE), PAIRS * 9 / 10 + 1);
	EXPECT_EQ(count_verdicts(usual, usual, VERDICT_SLOWER), 0);
	EXPECT_EQ(count_verdicts(usual, usual, VERDICT_FASTER), 0);
}

/* Such as one of half a nanosecond, which depends on where its code lies. */
TEST(compare, a_floor_that_spreads_does_not_count)
{
	struct made same = usual, slower;

	same.floor = 0.7;
	same.floor_spread = 0.15;
	same.pace = 1;
	slower = same;
	slower.value *= 1.06;
	EXPECT_GE(count_verdicts(same, same, VERDICT_NO_CHANGE), PAIRS * 9 / 10);
	EXPECT_GE(count_verdicts(same, slower, VERDICT_SLOWER), PAIRS * 9 / 10);
}

/* Twice the memory suffers more: ratios spread over a third, the trend does not. */
TEST(compare, the_trend_takes_contention_away)
{
	struct made same = usual, slower;
	struct comparison of;

	same.floor = 70;
	same.spread = 0.02;
	same.pace = 1;
	same.contention = 0.2;
	same.slope = 2;
	same.rounds = 50;
	slower = same;
	slower.value *= 1.06;
	of = compare_made(same, slower);
	EXPECT(of.is_by_trend && of.slope > 1.8 && of.slope < 2.2);
	EXPECT_GE(count_verdicts(same, same, VERDICT_NO_CHANGE), PAIRS_OF_MANY * 8 / 10);
	EXPECT_GE(count_verdicts(same, slower, VERDICT_SLOWER), PAIRS_OF_MANY * 8 / 10);
}

/* A trend that was seen in one range is not believed in another. */
TEST(compare, a_trend_is_doubted_far_away)
{
	struct made near = usual, far;

	near.floor = 70;
	near.pace = 1;
	near.contention = 0.1;
	near.slope = 1.5;
	near.rounds = 30;
	far = near;
	far.shift = 0.3;
	far.slope = 1.3;
	EXPECT_EQ(count_verdicts(near, far, VERDICT_SLOWER), 0);
	EXPECT_EQ(count_verdicts(near, far, VERDICT_FASTER), 0);
	EXPECT_GE(count_verdicts(near, near, VERDICT_NO_CHANGE), PAIRS_OF_MANY * 8 / 10);
}

TEST(compare, five_percent_slower_is_slower)
{
	struct made slower = usual, with_floor = usual;

	slower.value *= 1.05;
	EXPECT_GE(count_verdicts(usual, slower, VERDICT_SLOWER), PAIRS * 9 / 10 + 1);
	EXPECT_GE(count_verdicts(slower, usual, VERDICT_FASTER), PAIRS * 9 / 10 + 1);
	with_floor.floor = slower.floor = 70;
	EXPECT_GE(count_verdicts(with_floor, slower, VERDICT_SLOWER), PAIRS * 9 / 10);
}

TEST(compare, the_floor_takes_drift_away)
{
	struct made quiet = usual, busy = usual;

	quiet.floor = 50;
	busy.floor = 50 * 1.2;
	busy.value *= 1.2;
	busy.drift = 0.1;
	EXPECT_GE(count_verdicts(quiet, busy, VERDICT_NO_CHANGE), PAIRS * 9 / 10 + 1);
}

/* Without a floor, fixed work tells how fast the machine was. */
TEST(compare, fixed_work_takes_the_clock_away)
{
	struct made quick = usual, slow = usual, slower = usual;

	quick.pace = 1;
	slow.pace = slower.pace = 1.04;
	slower.value *= 1.05;
	EXPECT_GE(count_verdicts(quick, slow, VERDICT_NO_CHANGE), PAIRS * 9 / 10 + 1);
	EXPECT_GE(count_verdicts(quick, slower, VERDICT_SLOWER), PAIRS * 9 / 10);
	EXPECT_GE(count_verdicts(slow, slower, VERDICT_SLOWER), PAIRS * 9 / 10);
	/* As it is without: nobody can tell it from a change. */
	quick.pace = 0;
	EXPECT_GE(count_verdicts(quick, slow, VERDICT_SLOWER), PAIRS / 2);
}

/* What a run drifts by itself, another may be off by as well. */
TEST(compare, a_drift_is_no_change)
{
	struct made drifting = usual, slower = usual;

	drifting.drift = slower.drift = 0.2;
	drifting.rounds = slower.rounds = 60;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		drifting.seed = 2 * seed;
		slower.seed = 2 * seed + 1;
		slower.value = usual.value * 1.08;
		EXPECT_NE(compare_made(drifting, slower).verdict, VERDICT_SLOWER);
		slower.value = usual.value * 1.4;
		EXPECT_EQ(compare_made(drifting, slower).verdict, VERDICT_SLOWER);
	}
}

TEST(compare, more_may_be_better)
{
	struct made more = usual, rate = usual;

	rate.flags = more.flags = COIL_BENCH_HIGHER;
	more.value *= 1.06;
	EXPECT_EQ(compare_made(rate, more).verdict, VERDICT_FASTER);
	EXPECT_EQ(compare_made(more, rate).verdict, VERDICT_SLOWER);
}

TEST(compare, values_that_spread_give_no_verdict)
{
	struct made wild = usual, slower = usual;
	struct comparison of;

	wild.spread = slower.spread = 0.2;
	slower.value *= 1.05;
	of = compare_made(wild, slower);
	EXPECT_EQ(of.verdict, VERDICT_NONE);
	EXPECT(strstr(of.words, "spread"));
	EXPECT_EQ(count_verdicts(wild, wild, VERDICT_SLOWER), 0);
}

TEST(compare, few_rounds_give_no_verdict)
{
	struct made few = usual, slower = usual;
	struct comparison of;

	few.rounds = 8;
	slower.value *= 1.5;
	of = compare_made(few, slower);
	EXPECT_EQ(of.verdict, VERDICT_NONE);
	EXPECT_STR_EQ(of.words, "fewer than nine rounds");
	few.rounds = 0;
	of = compare_made(few, slower);
	EXPECT_EQ(of.verdict, VERDICT_NONE);
	EXPECT_STR_EQ(of.words, "a run without a value");
	EXPECT(isnan(of.ratio));
}

/* Bytes are what they are: one round tells a page more, whatever the machine did meanwhile. */
TEST(compare, a_count_needs_one_round)
{
	struct made few = usual, more = usual, wild = usual;
	struct comparison of;

	few.rounds = more.rounds = 1;
	few.spread = more.spread = 0;
	few.flags = more.flags = wild.flags = COIL_BENCH_EXACT;
	few.floor = more.floor = 50;
	EXPECT_EQ(compare_made(few, few).verdict, VERDICT_NO_CHANGE);
	more.value *= 1.05;
	of = compare_made(few, more);
	EXPECT_EQ(of.verdict, VERDICT_SLOWER);
	EXPECT(isnan(of.p));
	EXPECT_EQ(compare_made(more, few).verdict, VERDICT_FASTER);
	more.value = few.value * 1.02;
	EXPECT_EQ(compare_made(few, more).verdict, VERDICT_NO_CHANGE);
	wild.spread = 0.1;
	of = compare_made(wild, wild);
	EXPECT_EQ(of.verdict, VERDICT_NONE);
	EXPECT(strstr(of.words, "spread"));
	few.rounds = 0;
	EXPECT_EQ(compare_made(few, more).verdict, VERDICT_NONE);
}

TEST(compare, a_noisy_machine_gives_no_verdict)
{
	struct made slower = usual;
	struct coil_bench *before = make_model(usual), *after;
	struct comparison of;

	slower.value *= 1.3;
	after = make_model(slower);
	after->entries[0]->noise.stolen = 0.25;
	of = compare_once(before, after);
	EXPECT_EQ(of.verdict, VERDICT_NONE);
	EXPECT(strstr(of.words, "took processor time"));

	before = make_model(usual);
	before->entries[0]->noise.clean = 0.01;
	EXPECT_EQ(compare_once(before, make_model(slower)).verdict, VERDICT_NONE);

	before = make_model(usual);
	before->entries[0]->noise.speed = 1100;
	of = compare_once(before, make_model(slower));
	EXPECT_EQ(of.verdict, VERDICT_NONE);
	EXPECT_STR_EQ(of.words, "the machine ran at another speed");
}

/* Only where the values spread: arithmetic has no neighbours. */
TEST(compare, who_used_the_memory_meanwhile_matters)
{
	struct made wild = usual;
	struct coil_bench *before, *after;
	struct comparison of;

	for (int i = 0; i < 2; i++) {
		wild.spread = i ? 0.01 : 0.1;
		wild.rounds = 60;
		before = make_model(wild);
		wild.value *= 1.5;
		after = make_model(wild);
		before->entries[0]->noise.others = 0.8;
		of = compare_once(before, after);
		EXPECT_EQ(of.verdict, i ? VERDICT_SLOWER : VERDICT_NONE);
		EXPECT(i || strstr(of.words, "others used"));
	}
}

/* Of forty cases without a change none may be named: the correction, the least change. */
TEST(compare, many_cases_are_no_lottery)
{
	unsigned changed = 0;

	for (uint64_t trial = 0; trial < 3; trial++) {
		struct coil_bench *models[2];
		struct comparison *all;
		size_t count;

		for (uint64_t i = 0; i < 2; i++) {
			ASSERT_EQ(model_new(&models[i]), 0);
			for (uint64_t j = 0; j < 40; j++) {
				struct made made = usual;
				char name[16];

				made.spread = 0.02;
				made.seed = (trial * 2 + i) * 1000 + j + 1;
				snprintf(name, sizeof(name), "case%d", (int)j);
				make_case(models[i], name, made);
			}
		}
		ASSERT_EQ(compare_models(models[0], models[1], &all, &count), 0);
		EXPECT_EQ(count, 40);
		for (size_t i = 0; i < count; i++)
			changed += all[i].verdict == VERDICT_SLOWER ||
				   all[i].verdict == VERDICT_FASTER;
		free(all);
		coil_bench_close(models[0]);
		coil_bench_close(models[1]);
	}
	EXPECT_EQ(changed, 0);
}

TEST(compare, new_and_gone_cases_are_named)
{
	struct coil_bench *before = make_model(usual), *after;
	struct comparison *all;
	size_t count;

	ASSERT_EQ(model_new(&after), 0);
	make_case(after, "other", usual);
	ASSERT_EQ(compare_models(before, after, &all, &count), 0);
	ASSERT_EQ(count, 2);
	EXPECT_EQ(all[0].verdict, VERDICT_ONLY_NEW);
	EXPECT_STR_EQ(all[0].name, "other");
	EXPECT_EQ(all[1].verdict, VERDICT_ONLY_OLD);
	EXPECT_STR_EQ(all[1].name, "case");
	free(all);
	coil_bench_close(before);
	coil_bench_close(after);
}

TEST(compare, an_allocation_more_is_said)
{
	struct coil_bench *before = make_model(usual), *after = make_model(usual);
	struct comparison of;

	coil_bench_count(before->entries[0]->results[0], "allocations", 0);
	coil_bench_count(after->entries[0]->results[0], "allocations", 1);
	of = compare_once(before, after);
	EXPECT_EQ(of.verdict, VERDICT_NO_CHANGE);
	EXPECT_STR_EQ(of.words, "allocations: 0 before, 1 now");
}
