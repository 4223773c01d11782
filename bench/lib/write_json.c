/* SPDX-License-Identifier: MIT */
/*
 * The results as JSON, all of them: the samples, from which a reader finds everything again, and
 * what follows from them, for readers that only want the figures.
 */
#include "write.h"

#include <math.h>

#include "histogram.h"
#include "json.h"

static void put_summary(struct json *json, const struct coil_bench_result *result)
{
	struct summary summary = summary_of(result);

	json_count(json, "rounds", summary.rounds);
	json_number(json, "median", summary.median);
	json_flat_array(json, "interval95");
	json_number(json, NULL, summary.interval.low);
	json_number(json, NULL, summary.interval.high);
	json_end(json);
	json_number(json, "mean", summary.mean);
	json_number(json, "min", summary.min);
	json_number(json, "max", summary.max);
	json_number(json, "quartile_low", summary.quartile_low);
	json_number(json, "quartile_high", summary.quartile_high);
	json_flat_array(json, "outliers");
	json_count(json, NULL, summary.outliers.low_severe);
	json_count(json, NULL, summary.outliers.low_mild);
	json_count(json, NULL, summary.outliers.high_mild);
	json_count(json, NULL, summary.outliers.high_severe);
	json_end(json);
}

/* Places that have something: low end and count, one after the other. */
static void put_histogram(struct json *json, const struct coil_bench_result *result)
{
	static const struct {
		const char *name;
		double part;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p99.9", 0.999 },
			  { "p99.99", 0.9999 } };
	const struct coil_bench_histogram *histogram = result->histogram;

	json_object(json, "histogram");
	json_string(json, "unit", result->histogram_unit);
	json_number(json, "scale", result->scale);
	json_count(json, "count", histogram->total);
	json_count(json, "min", histogram->min);
	json_count(json, "max", histogram->max);
	json_number(json, "mean", histogram_mean(histogram));
	json_number(json, "deviation", histogram_deviation(histogram));
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		json_count(json, quantiles[i].name,
			   coil_bench_histogram_quantile(histogram, quantiles[i].part));
	json_flat_array(json, "counts");
	for (uint32_t i = 0; i < COIL_BENCH_HISTOGRAM_PLACES; i++)
		if (histogram->counts[i]) {
			json_count(json, NULL, histogram_low(i));
			json_count(json, NULL, histogram->counts[i]);
		}
	json_end(json);
	json_end(json);
}

static void put_seconds(struct json *json, const struct coil_bench_result *result)
{
	json_array(json, "seconds");
	for (size_t i = 0; i < result->seconds_count; i++) {
		const struct second *second = &result->seconds[i];

		json_flat_array(json, NULL);
		json_number(json, NULL, second->at_s);
		json_number(json, NULL, second->rate);
		json_number(json, NULL, second->p50);
		json_number(json, NULL, second->p99);
		json_end(json);
	}
	json_end(json);
}

static void put_result(struct json *json, const struct coil_bench_result *result)
{
	json_object(json, NULL);
	json_string(json, "name", result->name);
	if (result->error)
		json_string(json, "error", result->error);
	if (result->samples_count) {
		put_summary(json, result);
		json_count(json, "windows", result->windows);
		json_count(json, "windows_clean", result->windows_clean);
		json_count(json, "units", result->units);
		json_flat_array(json, "samples");
		for (size_t i = 0; i < result->samples_count; i++)
			json_number(json, NULL, result->samples[i]);
		json_end(json);
	}
	json_object(json, "counters");
	for (size_t i = 0; i < result->counters_count; i++)
		json_number(json, result->counters[i].name, result->counters[i].value);
	json_end(json);
	if (result->histogram)
		put_histogram(json, result);
	if (result->seconds_count)
		put_seconds(json, result);
	json_end(json);
}

static void put_noise(struct json *json, const struct noise *noise)
{
	json_object(json, "noise");
	json_number(json, "clean", noise->clean);
	json_number(json, "stolen", noise->stolen);
	json_number(json, "others", noise->others);
	json_number(json, "speed", noise->speed);
	json_number(json, "speed_worst", noise->speed_worst);
	json_end(json);
}

static void put_ratio(struct json *json, const struct coil_bench_entry *entry)
{
	const struct coil_bench_result *floor = entry_floor(entry), *result = entry_main(entry);
	struct interval interval;

	if (!floor || !result)
		return;
	json_number(json, "ratio", paired_ratio(floor, result, &interval));
	json_flat_array(json, "ratio_interval95");
	json_number(json, NULL, interval.low);
	json_number(json, NULL, interval.high);
	json_end(json);
}

static void put_entry(struct json *json, const struct coil_bench_entry *entry)
{
	char goal[64];

	json_object(json, NULL);
	json_string(json, "name", entry->name);
	json_string(json, "what", entry->what);
	json_string(json, "unit", entry->unit);
	json_bool(json, "higher_is_better", entry->flags & COIL_BENCH_HIGHER);
	json_bool(json, "is_exact", entry->flags & COIL_BENCH_EXACT);
	if (entry->error)
		json_string(json, "error", entry->error);
	if (entry->note)
		json_string(json, "note", entry->note);
	describe_goal(entry, goal, sizeof(goal));
	json_string(json, "goal", goal);
	json_count(json, "goal_kind", (uint64_t)entry->goal_kind);
	json_number(json, "goal_value", entry->goal);
	json_bool(json, "is_met", entry_goal_is_met(entry));
	put_ratio(json, entry);
	put_noise(json, &entry->noise);
	json_flat_array(json, "speeds");
	for (size_t i = 0; i < entry->speeds_count; i++)
		json_number(json, NULL, entry->speeds[i]);
	json_end(json);
	json_array(json, "subjects");
	for (size_t i = 0; i < entry->results_count; i++)
		put_result(json, entry->results[i]);
	json_end(json);
	json_end(json);
}

void write_json(const struct coil_bench *bench, FILE *out)
{
	struct json json;

	json_init(&json, out);
	json_object(&json, NULL);
	json_string(&json, "format", "coil-bench");
	json_count(&json, "version", WRITE_JSON_VERSION);
	json_bool(&json, "is_interrupted", bench->is_interrupted);
	json_object(&json, "record");
	for (size_t i = 0; i < bench->record_count; i++)
		json_string(&json, bench->record[i].key, bench->record[i].value);
	json_end(&json);
	json_array(&json, "cases");
	for (size_t i = 0; i < bench->entries_count; i++)
		put_entry(&json, bench->entries[i]);
	json_end(&json);
	json_end(&json);
}
