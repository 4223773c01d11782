/* SPDX-License-Identifier: MIT */
/*
 * The comparison as a table and as JSON: cases of subjects of samples, "floor" being the best raw
 * server once more.
 */
#include "net.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define JSON_VERSION 2

double net_round_value(const struct net_round *round)
{
	return round->value;
}

static double round_rate(const struct net_round *round)
{
	return round->requests_per_s;
}

static double round_p50(const struct net_round *round)
{
	return round->p50_us;
}

static double round_p99(const struct net_round *round)
{
	return round->p99_us;
}

static int compare_numbers(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Part 0.5 is the median; rounds that failed do not count. */
static double quantile(const struct net_subject *subject,
		       double (*of)(const struct net_round *round), double part)
{
	double values[NET_ROUNDS_MAX], at;
	unsigned int count = 0, low;

	for (unsigned int i = 0; i < subject->rounds_count; i++)
		if (!isnan(subject->rounds[i].value))
			values[count++] = of(&subject->rounds[i]);
	if (count == 0)
		return (double)NAN;
	qsort(values, count, sizeof(values[0]), compare_numbers);
	at = part * (count - 1);
	low = (unsigned int)at;
	if (low + 1 == count)
		return values[low];
	return values[low] + (at - low) * (values[low + 1] - values[low]);
}

double net_median(const struct net_subject *subject, double (*of)(const struct net_round *round))
{
	return quantile(subject, of, 0.5);
}

/* -- Table ------------------------------------------------------------------------------------- */

static void print_subject(FILE *out, const struct net_result *result,
			  const struct net_subject *subject)
{
	double value = net_median(subject, net_round_value);
	double floor = result->floor ? net_median(result->floor, net_round_value) : (double)NAN;

	if (isnan(value)) {
		fprintf(out, "  %-20s %s\n", subject->name,
			subject->words[0] ? subject->words : "not measured");
		return;
	}
	fprintf(out, "  %-20s %11.2f", subject->name, value);
	if (isnan(floor) || floor <= 0)
		fprintf(out, " %7s", "-");
	else
		fprintf(out, " %7.3f", value / floor);
	if (result->cell->work != NET_IDLE)
		fprintf(out, " %11.0f %9.1f %9.1f %7" PRIu64, net_median(subject, round_rate),
			net_median(subject, round_p50), net_median(subject, round_p99),
			subject->errors);
	fprintf(out, "%s%s%s\n", subject == result->floor ? "  floor" : "",
		subject->words[0] ? "  " : "", subject->words);
}

void net_print_text(FILE *out, const struct net_result *result)
{
	bool is_idle = result->cell->work == NET_IDLE;

	fprintf(out, "%s: %s\n", result->cell->name, result->cell->what);
	if (result->words[0]) {
		fprintf(out, "  left out: %s\n", result->words);
		return;
	}
	fprintf(out, "  %-20s %11s %7s", "", is_idle ? "bytes" : "CPU us/req", "ratio");
	if (!is_idle)
		fprintf(out, " %11s %9s %9s %7s", "requests/s", "p50 us", "p99 us", "errors");
	fputc('\n', out);
	for (unsigned int i = 0; i < result->subjects_count; i++)
		print_subject(out, result, &result->subjects[i]);
}

/* -- JSON -------------------------------------------------------------------------------------- */

static void print_string(FILE *out, const char *key, const char *text)
{
	fprintf(out, "\"%s\": \"", key);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if ((unsigned char)*text >= ' ')
			fputc(*text, out);
	}
	fputc('"', out);
}

/* What is not a number is null. */
static void print_number(FILE *out, const char *key, double value)
{
	if (key)
		fprintf(out, ", \"%s\": ", key);
	if (isfinite(value))
		fprintf(out, "%.6g", value);
	else
		fputs("null", out);
}

static void print_samples(FILE *out, const struct net_subject *subject)
{
	double interval[2] = { quantile(subject, net_round_value, 0),
			       quantile(subject, net_round_value, 1) };

	fprintf(out, ", \"rounds\": %u", subject->rounds_count);
	print_number(out, "median", net_median(subject, net_round_value));
	print_number(out, "quartile_low", quantile(subject, net_round_value, 0.25));
	print_number(out, "quartile_high", quantile(subject, net_round_value, 0.75));
	print_number(out, "min", interval[0]);
	print_number(out, "max", interval[1]);
	fputs(", \"samples\": [", out);
	for (unsigned int i = 0; i < subject->rounds_count; i++) {
		fputs(i ? ", " : "", out);
		print_number(out, NULL, subject->rounds[i].value);
	}
	fputs("]", out);
}

/* Places that have something: low end and count, one after the other, in nanoseconds. */
static void print_histogram(FILE *out, const struct histogram *histogram)
{
	bool is_first = true;

	fprintf(out, ", \"histogram\": {\"unit\": \"us\", \"scale\": 1000, \"count\": %" PRIu64
		", \"max\": %" PRIu64 ", \"counts\": [", histogram->total, histogram->max);
	for (uint32_t i = 0; i < HISTOGRAM_PARTS * HISTOGRAM_POWERS; i++) {
		if (!histogram->counts[i])
			continue;
		fprintf(out, "%s%" PRIu64 ", %" PRIu64, is_first ? "" : ", ", histogram_value(i),
			histogram->counts[i]);
		is_first = false;
	}
	fputs("]}", out);
}

static void print_json_subject(FILE *out, const struct net_subject *subject, const char *name)
{
	static const char *const kinds[] = { "coil", "raw", "peer" };

	fputs("\n\t\t\t{", out);
	print_string(out, "name", name);
	fprintf(out, ", \"kind\": \"%s\"", kinds[subject->kind]);
	if (subject->words[0]) {
		fputs(", ", out);
		print_string(out, "error", subject->words);
	}
	if (subject->rounds_count) {
		print_samples(out, subject);
		fputs(", \"counters\": {\"errors\": ", out);
		fprintf(out, "%" PRIu64, subject->errors);
		print_number(out, "requests_per_s", net_median(subject, round_rate));
		print_number(out, "p50_us", net_median(subject, round_p50));
		print_number(out, "p99_us", net_median(subject, round_p99));
		fputs("}", out);
	}
	if (subject->latency.total)
		print_histogram(out, &subject->latency);
	fputs("}", out);
}

static void print_case(FILE *out, const struct net_result *result)
{
	fputs("\n\t\t{", out);
	print_string(out, "name", result->cell->name);
	fputs(", ", out);
	print_string(out, "what", result->cell->what);
	fprintf(out, ", \"unit\": \"%s\", \"higher_is_better\": false",
		result->cell->work == NET_IDLE ? "B" : "us");
	if (result->words[0]) {
		fputs(", ", out);
		print_string(out, "error", result->words);
	}
	if (result->floor) {
		fputs(", ", out);
		print_string(out, "floor_is", result->floor->name);
		print_number(out, "ratio", net_median(&result->subjects[0], net_round_value) /
			     net_median(result->floor, net_round_value));
	}
	fputs(", \"subjects\": [", out);
	if (result->floor) {
		print_json_subject(out, result->floor, "floor");
		fputs(",", out);
	}
	for (unsigned int i = 0; i < result->subjects_count; i++) {
		print_json_subject(out, &result->subjects[i], result->subjects[i].name);
		fputs(i + 1 < result->subjects_count ? "," : "", out);
	}
	fputs("\n\t\t]}", out);
}

void net_print_json(FILE *out, const struct net_options *options,
		    const struct net_result *const *results, unsigned int count)
{
	struct utsname kernel;

	uname(&kernel);
	fprintf(out, "{\"format\": \"coil-bench\", \"version\": %d, \"is_interrupted\": %s,\n",
		JSON_VERSION, net_is_interrupted() ? "true" : "false");
	fprintf(out, "\t\"record\": {\"kernel\": \"%s\", \"machine\": \"%s\", "
		"\"processors\": \"%ld\", \"core\": \"%d\", \"rounds\": \"%u\", "
		"\"measure_ms\": \"%" PRId64 "\"},\n\t\"cases\": [", kernel.release, kernel.machine,
		sysconf(_SC_NPROCESSORS_ONLN), options->core, options->rounds,
		options->measure_ns / 1000000);
	for (unsigned int i = 0; i < count; i++) {
		print_case(out, results[i]);
		fputs(i + 1 < count ? "," : "", out);
	}
	fputs("\n\t]}\n", out);
}
