/* SPDX-License-Identifier: MIT */
/* See compare.h. */
#include "compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trend.h"

#define ROUNDS_MIN 9
#define LEAST_CHANGE 0.03
#define WIDEST 0.05 /* what an interval must exclude to say: no change */
#define P_MAX 0.05
#define STOLEN_MAX 0.2
#define CLEAN_MIN 0.02
#define OTHERS_MAX 0.5 /* processors */
#define OTHERS_SPREAD 0.05
#define SPEED_CHANGE_MAX 0.05
#define SPEED_CHANGE_BY_SPEED_MAX 0.15
#define SPEED_CHANGE_BY_FLOOR_MAX 0.3

struct side {
	const struct coil_bench_result *result;
	const struct coil_bench_result *floor;
	double *values;
	size_t count;
};

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_NO_CHANGE] = "no change", [VERDICT_FASTER] = "faster",
		[VERDICT_SLOWER] = "slower", [VERDICT_NONE] = "no verdict",
		[VERDICT_ONLY_OLD] = "gone", [VERDICT_ONLY_NEW] = "new",
	};

	return names[verdict];
}

/* -- Noise ------------------------------------------------------------------------------------- */

static const char *noise_words(const struct noise *noise)
{
	if (noise->stolen > STOLEN_MAX)
		return "the host took processor time away";
	if (noise->clean < CLEAN_MIN)
		return "hardly a window ran at full speed";
	return NULL;
}

/*
 * A neighbour on another processor shares the last cache and the memory. Windows do not show it,
 * and it may be gone in the next run; work that needs no memory neither notices nor spreads.
 */
static bool suffers_from_others(const struct coil_bench_result *result)
{
	struct summary summary = summary_of(result);

	return result->entry->noise.others > OTHERS_MAX &&
	       summary.quartile_high - summary.quartile_low > OTHERS_SPREAD * summary.median;
}

static bool speed_differs(const struct noise *before, const struct noise *after, double most)
{
	double change = after->speed / before->speed;

	return change > 1 + most || change < 1 / (1 + most);
}

/* Why nothing can be said, or NULL. */
static const char *reason_of(const struct comparison *of, const struct side *before,
			     const struct side *after)
{
	const struct noise *old_noise = &before->result->entry->noise;
	const struct noise *new_noise = &after->result->entry->noise;

	if (before->result->error || before->result->entry->error)
		return "the old run could not measure it";
	if (after->result->error || after->result->entry->error)
		return "the new run could not measure it";
	if (before->count == 0 || after->count == 0)
		return "a run without a value";
	if (of->is_exact)
		return NULL;
	if (before->count < ROUNDS_MIN || after->count < ROUNDS_MIN)
		return "fewer than nine rounds";
	if (noise_words(old_noise))
		return noise_words(old_noise);
	if (noise_words(new_noise))
		return noise_words(new_noise);
	if (speed_differs(old_noise, new_noise,
			  of->is_by_floor || of->is_by_trend ? SPEED_CHANGE_BY_FLOOR_MAX
			  : of->is_by_speed		     ? SPEED_CHANGE_BY_SPEED_MAX
							     : SPEED_CHANGE_MAX))
		return "the machine ran at another speed";
	if (suffers_from_others(before->result) || suffers_from_others(after->result))
		return "it spreads, and others used the caches and the memory meanwhile";
	return NULL;
}

/* -- One case ---------------------------------------------------------------------------------- */

static int take_values(struct side *side, const struct comparison *of)
{
	free(side->values);
	side->values = malloc((side->result->samples_count + 1) * sizeof(*side->values));
	if (!side->values)
		return -ENOMEM;
	if (of->is_by_floor)
		side->count = ratios_of(side->floor, side->result, side->values);
	else if (of->is_by_speed)
		side->count = paces_of(side->result, side->values);
	else
		side->count = samples_of(side->result, side->values);
	return 0;
}

/* A rate is not a time: slower fixed work would make it less. */
static bool has_speeds(const struct side *side)
{
	const struct coil_bench_entry *entry = side->result->entry;

	return entry->speeds_count >= side->result->samples_count &&
	       !(entry->flags & COIL_BENCH_HIGHER);
}

/* Between the first and the second half of a run's rounds: as two runs would differ by drift. */
static double drift_of(const struct side *side)
{
	size_t half = side->count / 2;
	double early = median_of(side->values, half);
	double late = median_of(side->values + half, side->count - half);

	return half ? fabs(late / early - 1) : 0;
}

/* More is worse from here on. */
static void turn_round(struct side *side)
{
	for (size_t i = 0; i < side->count; i++)
		side->values[i] = 1 / side->values[i];
}

/* Where chance has no part in it, all values have to agree. */
static struct interval extremes(const struct side *before, const struct side *after)
{
	double least[2] = { HUGE_VAL, HUGE_VAL }, most[2] = { 0, 0 };
	const struct side *sides[2] = { before, after };

	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < sides[i]->count; j++) {
			least[i] = fmin(least[i], sides[i]->values[j]);
			most[i] = fmax(most[i], sides[i]->values[j]);
		}
	return (struct interval){ least[1] / most[0], most[1] / least[0] };
}

static uint64_t seed_of(const struct side *side)
{
	return side->result->entry->bench->options.seed;
}

/* All but the interval. */
static void judge_middle(struct comparison *of, const struct side *before,
			 const struct side *after)
{
	of->ratio = median_of(after->values, after->count) /
		    median_of(before->values, before->count);
	of->drift = fmax(drift_of(before), drift_of(after));
	of->p = mann_whitney(before->values, before->count, after->values, after->count);
}

static void judge_values(struct comparison *of, struct side *before, struct side *after)
{
	if (after->result->entry->flags & COIL_BENCH_HIGHER) {
		turn_round(before);
		turn_round(after);
	}
	if (!before->count || !after->count)
		return;
	judge_middle(of, before, after);
	of->interval = of->is_exact ? extremes(before, after)
				    : ratio_interval(before->values, before->count, after->values,
						     after->count, seed_of(after));
	if (of->is_exact)
		of->p = UNKNOWN;
}

/* Of the way that the comparison names. */
static int take_and_judge(struct comparison *of, struct side *before, struct side *after)
{
	int rc = take_values(before, of);

	if (rc == 0)
		rc = take_values(after, of);
	if (rc == 0)
		judge_values(of, before, after);
	return rc;
}

static double width_of(const struct comparison *of)
{
	return of->interval.high - of->interval.low;
}

/* The same where the values go with their floor in another way than one to one. */
static void judge_trend(struct comparison *of, struct side *before, struct side *after,
			const struct trend_run runs[2])
{
	struct side *sides[2] = { before, after };

	of->is_by_floor = false;
	of->is_by_trend = true;
	for (size_t i = 0; i < 2; i++) {
		trend_values(&runs[i], of->slope, sides[i]->values);
		sides[i]->count = runs[i].count;
	}
	judge_middle(of, before, after);
	of->interval = trend_interval(runs, seed_of(after));
}

/*
 * Slopes of 1 and 0 have a reason: the floor tells all, or nothing. Another one was only seen, in
 * the state that the machine was in; where the floors were in another one, beyond what chance does
 * to rounds, that difference is doubted.
 */
static void widen(struct comparison *of, struct side *before, struct side *after,
		  const struct trend_run runs[2])
{
	double apart, doubt;

	trend_floors(&runs[0], before->values);
	trend_floors(&runs[1], after->values);
	if (mann_whitney(before->values, runs[0].count, after->values, runs[1].count) > P_MAX)
		return;
	apart = fabs(median_of(after->values, runs[1].count) -
		     median_of(before->values, runs[0].count));
	doubt = exp(fmin(of->slope, fabs(of->slope - 1)) * apart);
	of->interval.low /= doubt;
	of->interval.high *= doubt;
}

static int look_at_trend(struct comparison *of, struct side *before, struct side *after)
{
	struct trend_run runs[2] = { 0 };
	struct comparison by_trend;
	int rc = trend_open(&runs[0], before->floor, before->result);

	if (rc == 0)
		rc = trend_open(&runs[1], after->floor, after->result);
	if (rc == 0 && runs[0].count && runs[1].count) {
		of->slope = trend_slope(runs, 2);
		by_trend = *of;
		judge_trend(&by_trend, before, after, runs);
		if (width_of(&by_trend) < width_of(of) / TREND_NARROWER)
			*of = by_trend;
		widen(of, before, after, runs);
	}
	trend_close(&runs[0]);
	trend_close(&runs[1]);
	return rc;
}

static int compare_results(struct comparison *of, const struct coil_bench_result *old_result,
			   const struct coil_bench_result *new_result)
{
	struct side before = { .result = old_result, .floor = entry_floor(old_result->entry) };
	struct side after = { .result = new_result, .floor = entry_floor(new_result->entry) };
	const char *reason;
	int rc;

	of->is_exact = new_result->entry->flags & COIL_BENCH_EXACT;
	of->is_by_floor = before.floor && after.floor && !of->is_exact;
	of->is_by_speed = !of->is_by_floor && !of->is_exact && has_speeds(&before) &&
			  has_speeds(&after);
	rc = take_and_judge(of, &before, &after);
	if (rc == 0 && of->is_by_floor && has_speeds(&before) && has_speeds(&after))
		rc = look_at_trend(of, &before, &after);
	if (rc == 0) {
		of->before = summary_of(old_result).median;
		of->after = summary_of(new_result).median;
		reason = reason_of(of, &before, &after);
		if (reason)
			snprintf(of->words, sizeof(of->words), "%s", reason);
		of->verdict = reason ? VERDICT_NONE : VERDICT_NO_CHANGE;
	}
	free(before.values);
	free(after.values);
	return rc;
}

/* -- All of them ------------------------------------------------------------------------------- */

static const struct coil_bench_result *find_result(const struct coil_bench *bench,
						   const struct coil_bench_result *like)
{
	const struct coil_bench_entry *entry = model_find(bench, like->entry->name);

	return entry ? entry_find(entry, like->name) : NULL;
}

static struct comparison blank(const struct coil_bench_result *result)
{
	return (struct comparison){ .name = result->entry->name, .subject = result->name,
				    .unit = result->entry->unit, .before = UNKNOWN,
				    .after = UNKNOWN, .ratio = UNKNOWN,
				    .interval = { UNKNOWN, UNKNOWN }, .p = UNKNOWN };
}

/* Results of both, as new ones see it or, looking for what is gone, as old ones do. */
static int collect(const struct coil_bench *from, const struct coil_bench *other, bool is_new,
		   struct comparison *comparisons, size_t *count)
{
	int rc = 0;

	for (size_t i = 0; i < from->entries_count; i++)
		for (size_t j = 0; j < from->entries[i]->results_count && rc == 0; j++) {
			const struct coil_bench_result *result = from->entries[i]->results[j];
			const struct coil_bench_result *twin = find_result(other, result);
			struct comparison *to = &comparisons[*count];

			if (is_floor_name(result->name) || (twin && !is_new))
				continue;
			*to = blank(result);
			++*count;
			if (twin) {
				rc = compare_results(to, twin, result);
				continue;
			}
			to->verdict = is_new ? VERDICT_ONLY_NEW : VERDICT_ONLY_OLD;
			*(is_new ? &to->after : &to->before) = summary_of(result).median;
		}
	return rc;
}

/* Only of those that can have a verdict: the others need no protection from chance. */
static int adjust(struct comparison *comparisons, size_t count)
{
	double *p = malloc((count + 1) * sizeof(*p));
	size_t used = 0;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (comparisons[i].verdict == VERDICT_NO_CHANGE && !comparisons[i].is_exact)
			p[used++] = comparisons[i].p;
	adjust_p_values(p, used);
	used = 0;
	for (size_t i = 0; i < count; i++)
		if (comparisons[i].verdict == VERDICT_NO_CHANGE && !comparisons[i].is_exact)
			comparisons[i].p = p[used++];
	free(p);
	return 0;
}

/*
 * Rounds of one hour are more alike than those of another, which an interval does not know: a
 * change has to be beyond its width, and beyond what either run drifted by itself.
 */
static bool is_clear(const struct comparison *of)
{
	double change = fabs(of->ratio - 1);

	if (change <= LEAST_CHANGE || !(of->interval.low > 1 || of->interval.high < 1))
		return false;
	return of->is_exact || (of->p < P_MAX && change > of->drift && change > width_of(of));
}

static void judge(struct comparison *of)
{
	const struct interval *interval = &of->interval;

	if (of->verdict != VERDICT_NO_CHANGE)
		return;
	if (is_clear(of)) {
		of->verdict = of->ratio > 1 ? VERDICT_SLOWER : VERDICT_FASTER;
	} else if (!(interval->high <= 1 + WIDEST && interval->low >= 1 / (1 + WIDEST))) {
		of->verdict = VERDICT_NONE;
		snprintf(of->words, sizeof(of->words), "the values spread or drift too far to "
			 "exclude a change of %.0f %%", WIDEST * 100);
	}
}

/* What is exact says more than time does. */
static void name_counters(struct comparison *of, const struct coil_bench *before,
			  const struct coil_bench *after)
{
	static const char *const names[] = { "allocations", "enters", "syscalls" };
	const struct coil_bench_result *new_result =
		entry_find(model_find(after, of->name), of->subject);
	const struct coil_bench_result *old_result = find_result(before, new_result);

	for (size_t i = 0; i < 3 && of->words[0] == '\0'; i++) {
		double was = counter_of(old_result, names[i]);
		double is = counter_of(new_result, names[i]);

		if (is > was * 1.01 + 0.005 || is < was * 0.99 - 0.005)
			snprintf(of->words, sizeof(of->words), "%s: %.4g before, %.4g now",
				 names[i], was, is);
	}
}

int compare_models(const struct coil_bench *before, const struct coil_bench *after,
		   struct comparison **ret_comparisons, size_t *ret_count)
{
	struct comparison *comparisons;
	size_t room = 1, count = 0;
	int rc;

	for (size_t i = 0; i < before->entries_count; i++)
		room += before->entries[i]->results_count;
	for (size_t i = 0; i < after->entries_count; i++)
		room += after->entries[i]->results_count;
	comparisons = calloc(room, sizeof(*comparisons));
	if (!comparisons)
		return -ENOMEM;
	rc = collect(after, before, true, comparisons, &count);
	if (rc == 0)
		rc = collect(before, after, false, comparisons, &count);
	if (rc == 0)
		rc = adjust(comparisons, count);
	if (rc < 0) {
		free(comparisons);
		return rc;
	}
	for (size_t i = 0; i < count; i++) {
		judge(&comparisons[i]);
		if (comparisons[i].verdict < VERDICT_ONLY_OLD)
			name_counters(&comparisons[i], before, after);
	}
	*ret_comparisons = comparisons;
	*ret_count = count;
	return 0;
}
