/* SPDX-License-Identifier: MIT */
/*
 * Reads a file of results, by jansson. The file may be anybody's: what is missing or of another
 * kind is refused with its place, and no figure is taken for what it is not.
 */
#include "commands.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "lib/write.h"

#define ROUNDS_MAX 100000

static int complain(const char *path, const char *where, const char *words)
{
	fprintf(stderr, "coil-bench: %s: %s: %s\n", path, where, words);
	return -EINVAL;
}

static const char *text_of(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : otherwise;
}

static double number_of(const json_t *value)
{
	return json_is_number(value) ? json_number_value(value) : UNKNOWN;
}

static uint64_t count_of(const json_t *object, const char *key)
{
	double value = number_of(json_object_get(object, key));

	return value >= 0 && value < 1e18 ? (uint64_t)value : 0;
}

static int read_samples(struct coil_bench_result *result, const json_t *samples)
{
	const json_t *value;
	size_t i;
	int rc = json_array_size(samples) > ROUNDS_MAX ? -EINVAL : 0;

	json_array_foreach(samples, i, value)
		if (rc == 0)
			rc = coil_bench_sample(result, number_of(value));
	return rc;
}

static int read_counters(struct coil_bench_result *result, json_t *counters)
{
	const char *name;
	json_t *value;
	int rc = 0;

	json_object_foreach(counters, name, value)
		if (rc == 0)
			rc = coil_bench_count(result, name, number_of(value));
	return rc;
}

static int read_histogram(struct coil_bench_result *result, const json_t *object)
{
	const json_t *counts = json_object_get(object, "counts");
	struct coil_bench_histogram *histogram = calloc(1, sizeof(*histogram));
	double scale = number_of(json_object_get(object, "scale"));
	int rc;

	if (!histogram)
		return -ENOMEM;
	for (size_t i = 0; i + 1 < json_array_size(counts); i += 2) {
		double low = number_of(json_array_get(counts, i));
		double times = number_of(json_array_get(counts, i + 1));

		if (low >= 0 && low < 1e18 && times >= 0 && times < 1e18)
			coil_bench_histogram_add(histogram, (uint64_t)low, (uint64_t)times);
	}
	/* The ends are known exactly, the places between to their width. */
	histogram->min = count_of(object, "min");
	histogram->max = count_of(object, "max");
	rc = coil_bench_histogram_set(result, histogram, scale, text_of(object, "unit", "ns"));
	free(histogram);
	return rc;
}

static int read_seconds(struct coil_bench_result *result, const json_t *seconds)
{
	const json_t *second;
	size_t i;
	int rc = 0;

	json_array_foreach(seconds, i, second) {
		const double latencies[2] = { number_of(json_array_get(second, 2)),
					      number_of(json_array_get(second, 3)) };

		if (rc == 0)
			rc = coil_bench_second(result, number_of(json_array_get(second, 0)),
					       number_of(json_array_get(second, 1)), latencies);
	}
	return rc;
}

static int read_subject(struct coil_bench_entry *entry, const json_t *object)
{
	const char *name = text_of(object, "name", NULL);
	const char *error = text_of(object, "error", NULL);
	const json_t *histogram = json_object_get(object, "histogram");
	struct coil_bench_result *result;
	int rc = name ? coil_bench_result_add(entry, name, &result) : -EINVAL;

	if (rc == 0 && error)
		rc = coil_bench_fail(result, error);
	if (rc == 0)
		rc = read_samples(result, json_object_get(object, "samples"));
	if (rc == 0)
		rc = read_counters(result, json_object_get(object, "counters"));
	if (rc == 0 && histogram)
		rc = read_histogram(result, histogram);
	if (rc == 0)
		rc = read_seconds(result, json_object_get(object, "seconds"));
	if (rc == 0) {
		result->windows = count_of(object, "windows");
		result->windows_clean = count_of(object, "windows_clean");
		result->units = count_of(object, "units");
	}
	return rc;
}

static void read_noise(struct noise *noise, const json_t *object)
{
	noise->clean = number_of(json_object_get(object, "clean"));
	noise->stolen = number_of(json_object_get(object, "stolen"));
	noise->others = number_of(json_object_get(object, "others"));
	noise->speed = number_of(json_object_get(object, "speed"));
	noise->speed_worst = number_of(json_object_get(object, "speed_worst"));
}

static unsigned flag_of(const json_t *object, const char *key, unsigned flag)
{
	return json_is_true(json_object_get(object, key)) ? flag : 0;
}

static int read_case(struct coil_bench *bench, const json_t *object)
{
	const json_t *subject, *speed;
	const char *error = text_of(object, "error", NULL), *note = text_of(object, "note", NULL);
	struct coil_bench_case of = {
		.name = text_of(object, "name", NULL),
		.what = text_of(object, "what", NULL),
		.unit = text_of(object, "unit", NULL),
		.flags = flag_of(object, "higher_is_better", COIL_BENCH_HIGHER) |
			 flag_of(object, "is_exact", COIL_BENCH_EXACT),
		.goal_kind = (int)count_of(object, "goal_kind"),
		.goal = number_of(json_object_get(object, "goal_value")),
	};
	struct coil_bench_entry *entry;
	size_t i;
	int rc = coil_bench_entry_add(bench, &of, &entry);

	if (rc < 0)
		return rc;
	read_noise(&entry->noise, json_object_get(object, "noise"));
	json_array_foreach(json_object_get(object, "speeds"), i, speed)
		if (rc == 0)
			rc = entry_speed_add(entry, number_of(speed));
	if (rc == 0 && error)
		rc = entry_fail(entry, error);
	if (rc == 0 && note)
		rc = coil_bench_note(entry, note);
	json_array_foreach(json_object_get(object, "subjects"), i, subject)
		if (rc == 0)
			rc = read_subject(entry, subject);
	return rc;
}

static int read_record(struct coil_bench *bench, json_t *record)
{
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach(record, key, value)
		if (rc == 0 && json_is_string(value))
			rc = model_record(bench, key, json_string_value(value));
	return rc;
}

static int read_all(const char *path, json_t *root, struct coil_bench *bench)
{
	const json_t *cases = json_object_get(root, "cases"), *object;
	const char *seed;
	char where[32];
	size_t i;

	if (strcmp(text_of(root, "format", ""), "coil-bench") != 0)
		return complain(path, "format", "not written by coil-bench run --json");
	if (count_of(root, "version") != WRITE_JSON_VERSION)
		return complain(path, "version", "of another version of coil-bench: measure anew");
	if (!json_is_array(cases))
		return complain(path, "cases", "there are none");
	if (read_record(bench, json_object_get(root, "record")) < 0)
		return complain(path, "record", "out of memory");
	seed = model_recorded(bench, "seed");
	bench->options.seed = seed ? strtoull(seed, NULL, 10) : 1;
	bench->is_interrupted = json_is_true(json_object_get(root, "is_interrupted"));
	json_array_foreach(cases, i, object)
		if (read_case(bench, object) < 0) {
			snprintf(where, sizeof(where), "cases[%zu]", i);
			return complain(path, where, "not a case, or out of memory");
		}
	return 0;
}

int read_results(const char *path, struct coil_bench **ret_bench)
{
	json_error_t error;
	bool is_input = strcmp(path, "-") == 0;
	json_t *root = is_input ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &error)
				: json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	char where[32];
	int rc;

	if (!root) {
		snprintf(where, sizeof(where), "line %d", error.line);
		return complain(path, error.line > 0 ? where : "cannot be read", error.text);
	}
	rc = model_new(ret_bench);
	if (rc == 0)
		rc = read_all(path, root, *ret_bench);
	json_decref(root);
	return rc;
}
