/* SPDX-License-Identifier: MIT */
/* See model.h. */
#include "model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct memory {
	size_t samples_count; /* of the result, when the summary was made; 0: never */
	size_t ratio_count;   /* the same of the ratio, both results' together */
	struct summary summary;
	double ratio;
	struct interval ratio_interval;
};

/* Room for one more, doubling at powers of two. */
static int grow(void *array, size_t count, size_t bytes)
{
	void **place = array, *bigger;

	if (count & (count - 1))
		return 0;
	bigger = realloc(*place, (count ? 2 * count : 1) * bytes);
	if (!bigger)
		return -ENOMEM;
	*place = bigger;
	return 0;
}

static int replace(char **place, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*place);
	*place = copy;
	return 0;
}

/* -- The whole --------------------------------------------------------------------------------- */

int model_new(struct coil_bench **ret_bench)
{
	struct coil_bench *bench = calloc(1, sizeof(*bench));

	if (!bench)
		return -ENOMEM;
	bench->options.seed = 1;
	*ret_bench = bench;
	return 0;
}

static void free_result(struct coil_bench_result *result)
{
	for (size_t i = 0; i < result->counters_count; i++)
		free(result->counters[i].name);
	free(result->counters);
	free(result->memory);
	free(result->seconds);
	free(result->samples);
	free(result->histogram);
	free(result->histogram_unit);
	free(result->error);
	free(result->name);
	free(result);
}

static void free_entry(struct coil_bench_entry *entry)
{
	for (size_t i = 0; i < entry->results_count; i++)
		free_result(entry->results[i]);
	free(entry->results);
	free(entry->speeds);
	free(entry->name);
	free(entry->what);
	free(entry->unit);
	free(entry->note);
	free(entry->error);
	free(entry);
}

void coil_bench_close(struct coil_bench *bench)
{
	if (!bench)
		return;
	for (size_t i = 0; i < bench->entries_count; i++)
		free_entry(bench->entries[i]);
	for (size_t i = 0; i < bench->record_count; i++) {
		free(bench->record[i].key);
		free(bench->record[i].value);
	}
	free(bench->entries);
	free(bench->record);
	free(bench);
}

int model_record(struct coil_bench *bench, const char *key, const char *value)
{
	struct pair pair = { strdup(key), strdup(value) };

	if (!pair.key || !pair.value ||
	    grow(&bench->record, bench->record_count, sizeof(pair)) < 0) {
		free(pair.key);
		free(pair.value);
		return -ENOMEM;
	}
	bench->record[bench->record_count++] = pair;
	return 0;
}

const char *model_recorded(const struct coil_bench *bench, const char *key)
{
	for (size_t i = 0; i < bench->record_count; i++)
		if (strcmp(bench->record[i].key, key) == 0)
			return bench->record[i].value;
	return NULL;
}

const struct coil_bench_entry *model_find(const struct coil_bench *bench, const char *name)
{
	for (size_t i = 0; i < bench->entries_count; i++)
		if (strcmp(bench->entries[i]->name, name) == 0)
			return bench->entries[i];
	return NULL;
}

/* -- Entries ----------------------------------------------------------------------------------- */

int coil_bench_entry_add(struct coil_bench *bench, const struct coil_bench_case *bench_case,
			 struct coil_bench_entry **ret_entry)
{
	struct coil_bench_entry *entry;

	if (!bench_case->name)
		return -EINVAL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->bench = bench;
	entry->flags = bench_case->flags;
	entry->goal_kind = bench_case->goal_kind;
	entry->goal = bench_case->goal;
	entry->noise = (struct noise){ UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN };
	if (replace(&entry->name, bench_case->name) < 0 ||
	    replace(&entry->what, bench_case->what ? bench_case->what : "") < 0 ||
	    replace(&entry->unit, bench_case->unit ? bench_case->unit : "ns") < 0 ||
	    grow(&bench->entries, bench->entries_count, sizeof(entry)) < 0) {
		free_entry(entry);
		return -ENOMEM;
	}
	bench->entries[bench->entries_count++] = entry;
	*ret_entry = entry;
	return 0;
}

int coil_bench_note(struct coil_bench_entry *entry, const char *words)
{
	return replace(&entry->note, words);
}

int entry_speed_add(struct coil_bench_entry *entry, double speed)
{
	if (grow(&entry->speeds, entry->speeds_count, sizeof(speed)) < 0)
		return -ENOMEM;
	entry->speeds[entry->speeds_count++] = speed > 0 && isfinite(speed) ? speed : UNKNOWN;
	return 0;
}

int entry_fail(struct coil_bench_entry *entry, const char *words)
{
	return replace(&entry->error, words);
}

const struct coil_bench_result *entry_find(const struct coil_bench_entry *entry,
					   const char *subject)
{
	for (size_t i = 0; i < entry->results_count; i++)
		if (strcmp(entry->results[i]->name, subject) == 0)
			return entry->results[i];
	return NULL;
}

static bool has_value(const struct coil_bench_result *result)
{
	for (size_t i = 0; i < result->samples_count; i++)
		if (!isnan(result->samples[i]))
			return true;
	return false;
}

bool is_floor_name(const char *name)
{
	return strcmp(name, "floor") == 0 || strcmp(name, "without") == 0;
}

const struct coil_bench_result *entry_floor(const struct coil_bench_entry *entry)
{
	for (size_t i = 0; i < entry->results_count; i++)
		if (is_floor_name(entry->results[i]->name))
			return has_value(entry->results[i]) ? entry->results[i] : NULL;
	return NULL;
}

const struct coil_bench_result *entry_main(const struct coil_bench_entry *entry)
{
	for (size_t i = 0; i < entry->results_count; i++)
		if (!is_floor_name(entry->results[i]->name))
			return has_value(entry->results[i]) ? entry->results[i] : NULL;
	return NULL;
}

bool entry_goal_is_met(const struct coil_bench_entry *entry)
{
	const struct coil_bench_result *floor = entry_floor(entry), *result = entry_main(entry);
	struct interval interval;
	double value;

	if (!result || entry->goal_kind == COIL_BENCH_NO_GOAL)
		return true;
	value = summary_of(result).median;
	if (entry->goal_kind == COIL_BENCH_VALUE)
		return entry->flags & COIL_BENCH_HIGHER ? value >= entry->goal
							: value <= entry->goal;
	if (!floor)
		return true;
	if (entry->goal_kind == COIL_BENCH_PLUS)
		return value <= summary_of(floor).median + entry->goal;
	value = paired_ratio(floor, result, &interval);
	return entry->flags & COIL_BENCH_HIGHER ? value >= entry->goal : value <= entry->goal;
}

void describe_goal(const struct coil_bench_entry *entry, char *text, size_t bytes)
{
	if (entry->goal_kind == COIL_BENCH_RATIO)
		snprintf(text, bytes, "%s%.2f x", entry->flags & COIL_BENCH_HIGHER ? ">= " : "",
			 entry->goal);
	else if (entry->goal_kind == COIL_BENCH_VALUE)
		snprintf(text, bytes, "%.0f %s", entry->goal, entry->unit);
	else if (entry->goal_kind == COIL_BENCH_PLUS)
		snprintf(text, bytes, "+%.0f %s", entry->goal, entry->unit);
	else
		snprintf(text, bytes, "-");
}

/* -- Results ----------------------------------------------------------------------------------- */

int coil_bench_result_add(struct coil_bench_entry *entry, const char *subject,
			  struct coil_bench_result **ret_result)
{
	struct coil_bench_result *result;

	if (entry_find(entry, subject))
		return -EEXIST;
	result = calloc(1, sizeof(*result));
	if (!result)
		return -ENOMEM;
	result->entry = entry;
	result->scale = 1;
	result->memory = calloc(1, sizeof(*result->memory));
	if (!result->memory || replace(&result->name, subject) < 0 ||
	    replace(&result->histogram_unit, "") < 0 ||
	    grow(&entry->results, entry->results_count, sizeof(result)) < 0) {
		free_result(result);
		return -ENOMEM;
	}
	entry->results[entry->results_count++] = result;
	*ret_result = result;
	return 0;
}

int coil_bench_sample(struct coil_bench_result *result, double value)
{
	if (grow(&result->samples, result->samples_count, sizeof(value)) < 0)
		return -ENOMEM;
	result->samples[result->samples_count++] = isfinite(value) ? value : UNKNOWN;
	return 0;
}

int coil_bench_count(struct coil_bench_result *result, const char *name, double value)
{
	struct counter counter = { .value = value };

	if (!isfinite(value))
		return 0;
	for (size_t i = 0; i < result->counters_count; i++)
		if (strcmp(result->counters[i].name, name) == 0) {
			result->counters[i].value = value;
			return 0;
		}
	if (grow(&result->counters, result->counters_count, sizeof(counter)) < 0 ||
	    replace(&counter.name, name) < 0)
		return -ENOMEM;
	result->counters[result->counters_count++] = counter;
	return 0;
}

int coil_bench_second(struct coil_bench_result *result, double at_s, double rate,
		      const double p50_p99[2])
{
	struct second second = { at_s, rate, p50_p99[0], p50_p99[1] };

	if (grow(&result->seconds, result->seconds_count, sizeof(second)) < 0)
		return -ENOMEM;
	result->seconds[result->seconds_count++] = second;
	return 0;
}

int coil_bench_fail(struct coil_bench_result *result, const char *words)
{
	return replace(&result->error, words);
}

int coil_bench_histogram_set(struct coil_bench_result *result,
			     const struct coil_bench_histogram *histogram, double scale,
			     const char *unit)
{
	struct coil_bench_histogram *copy;

	if (!(scale > 0))
		return -EINVAL;
	copy = malloc(sizeof(*copy));
	if (!copy || replace(&result->histogram_unit, unit) < 0) {
		free(copy);
		return -ENOMEM;
	}
	*copy = *histogram;
	free(result->histogram);
	result->histogram = copy;
	result->scale = scale;
	return 0;
}

/* -- What follows from them -------------------------------------------------------------------- */

void result_forget(struct coil_bench_result *result)
{
	*result->memory = (struct memory){ 0 };
}

size_t samples_of(const struct coil_bench_result *result, double *ret_values)
{
	size_t count = 0;

	for (size_t i = 0; i < result->samples_count; i++)
		if (!isnan(result->samples[i]))
			ret_values[count++] = result->samples[i];
	return count;
}

size_t ratios_of(const struct coil_bench_result *floor, const struct coil_bench_result *result,
		 double *ret_values)
{
	size_t count = 0;

	for (size_t i = 0; i < result->samples_count && i < floor->samples_count; i++)
		if (floor->samples[i] > 0 && result->samples[i] > 0)
			ret_values[count++] = result->samples[i] / floor->samples[i];
	return count;
}

size_t paces_of(const struct coil_bench_result *result, double *ret_values)
{
	const struct coil_bench_entry *entry = result->entry;
	size_t count = 0;

	for (size_t i = 0; i < result->samples_count && i < entry->speeds_count; i++)
		if (result->samples[i] > 0 && entry->speeds[i] > 0)
			ret_values[count++] = result->samples[i] / entry->speeds[i];
	return count;
}

static void make_ratio(const struct coil_bench_result *floor,
		       const struct coil_bench_result *result)
{
	double *ratios = malloc((result->samples_count + 1) * sizeof(*ratios));
	size_t count = ratios ? ratios_of(floor, result, ratios) : 0;
	struct memory *memory = result->memory;

	memory->ratio = UNKNOWN;
	memory->ratio_interval = (struct interval){ UNKNOWN, UNKNOWN };
	memory->ratio_count = result->samples_count + floor->samples_count;
	if (count) {
		memory->ratio = median_of(ratios, count);
		memory->ratio_interval =
			median_interval(ratios, count, result->entry->bench->options.seed);
	}
	free(ratios);
}

double paired_ratio(const struct coil_bench_result *floor, const struct coil_bench_result *result,
		    struct interval *ret_interval)
{
	if (result->memory->ratio_count != result->samples_count + floor->samples_count ||
	    result->memory->ratio_count == 0)
		make_ratio(floor, result);
	*ret_interval = result->memory->ratio_interval;
	return result->memory->ratio;
}

static struct summary make_summary(const struct coil_bench_result *result)
{
	struct summary summary = { .median = UNKNOWN, .mean = UNKNOWN,
				   .min = UNKNOWN, .max = UNKNOWN,
				   .quartile_low = UNKNOWN, .quartile_high = UNKNOWN,
				   .interval = { UNKNOWN, UNKNOWN } };
	double *values = malloc((result->samples_count + 1) * sizeof(*values));
	size_t count = values ? samples_of(result, values) : 0;

	if (count) {
		summary.rounds = count;
		summary.mean = mean_of(values, count);
		summary.outliers = outliers_of(values, count);
		summary.interval =
			median_interval(values, count, result->entry->bench->options.seed);
		sort_values(values, count);
		summary.median = quantile_sorted(values, count, 0.5);
		summary.quartile_low = quantile_sorted(values, count, 0.25);
		summary.quartile_high = quantile_sorted(values, count, 0.75);
		summary.min = values[0];
		summary.max = values[count - 1];
	}
	free(values);
	return summary;
}

struct summary summary_of(const struct coil_bench_result *result)
{
	struct memory *memory = result->memory;

	if (memory->samples_count != result->samples_count || result->samples_count == 0) {
		memory->summary = make_summary(result);
		memory->samples_count = result->samples_count;
	}
	return memory->summary;
}

double counter_of(const struct coil_bench_result *result, const char *name)
{
	for (size_t i = 0; i < result->counters_count; i++)
		if (strcmp(result->counters[i].name, name) == 0)
			return result->counters[i].value;
	return UNKNOWN;
}

/* -- Merging ----------------------------------------------------------------------------------- */

static int move_entry(struct coil_bench *bench, struct coil_bench_entry *entry)
{
	if (grow(&bench->entries, bench->entries_count, sizeof(entry)) < 0)
		return -ENOMEM;
	entry->bench = bench;
	bench->entries[bench->entries_count++] = entry;
	return 0;
}

static int move_results(struct coil_bench_entry *into, struct coil_bench_entry *from,
			const char *label)
{
	char name[256];

	while (from->results_count) {
		struct coil_bench_result *result = from->results[0];

		snprintf(name, sizeof(name), "%s, %s", result->name, label);
		if (grow(&into->results, into->results_count, sizeof(result)) < 0 ||
		    replace(&result->name, name) < 0)
			return -ENOMEM;
		result->entry = into;
		into->results[into->results_count++] = result;
		memmove(from->results, from->results + 1,
			--from->results_count * sizeof(result));
	}
	return 0;
}

int model_merge(struct coil_bench *bench, struct coil_bench *from, const char *label)
{
	char key[256];
	int rc = 0;

	for (size_t i = 0; i < from->record_count && rc == 0; i++) {
		const struct pair *pair = &from->record[i];
		const char *ours = model_recorded(bench, pair->key);

		snprintf(key, sizeof(key), "%s, %s", pair->key, label);
		if (!ours || strcmp(ours, pair->value) != 0)
			rc = model_record(bench, key, pair->value);
	}
	while (from->entries_count && rc == 0) {
		struct coil_bench_entry *entry = from->entries[--from->entries_count];
		const struct coil_bench_entry *twin = model_find(bench, entry->name);

		if (!twin) {
			rc = move_entry(bench, entry);
			continue;
		}
		for (size_t i = 0; i < bench->entries_count; i++)
			if (bench->entries[i] == twin)
				rc = move_results(bench->entries[i], entry, label);
		free_entry(entry);
	}
	return rc;
}
