/* SPDX-License-Identifier: MIT */
/*
 * The comparison as a table, and as results for coil-bench's writers; "floor" is the best raw
 * server once more.
 */
#include "net.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* -- Results ----------------------------------------------------------------------------------- */

static int add_counters(struct coil_bench_result *to, const struct net_subject *subject)
{
	int rc = coil_bench_count(to, "requests_per_s", net_median(subject, round_rate));

	if (rc == 0)
		rc = coil_bench_count(to, "p50_us", net_median(subject, round_p50));
	if (rc == 0)
		rc = coil_bench_count(to, "p99_us", net_median(subject, round_p99));
	if (rc == 0)
		rc = coil_bench_count(to, "errors", (double)subject->errors);
	return rc < 0 ? rc : coil_bench_histogram_set(to, &subject->latency, 1000, "us");
}

static int add_subject(struct coil_bench_entry *entry, const struct net_subject *subject,
		       const char *name)
{
	struct coil_bench_result *to;
	int rc = coil_bench_result_add(entry, name, &to);

	for (unsigned int i = 0; i < subject->rounds_count && rc == 0; i++)
		rc = coil_bench_sample(to, subject->rounds[i].value);
	if (rc == 0 && subject->words[0])
		rc = coil_bench_fail(to, subject->words);
	if (rc == 0 && subject->latency.total)
		rc = add_counters(to, subject);
	return rc;
}

static int add_floor(struct coil_bench_entry *entry, const struct net_subject *floor)
{
	char words[128];
	int rc = add_subject(entry, floor, "floor");

	snprintf(words, sizeof(words), "The floor is the best raw server here: %s.", floor->name);
	return rc < 0 ? rc : coil_bench_note(entry, words);
}

int net_collect(const struct net_result *result, struct coil_bench *bench)
{
	const struct coil_bench_case cell = {
		.name = result->cell->name, .what = result->cell->what,
		.unit = result->cell->work == NET_IDLE ? "B" : "us",
	};
	struct coil_bench_entry *entry;
	int rc = coil_bench_entry_add(bench, &cell, &entry);

	if (rc == 0 && result->floor)
		rc = add_floor(entry, result->floor);
	for (unsigned int i = 0; i < result->subjects_count && rc == 0; i++)
		rc = add_subject(entry, &result->subjects[i], result->subjects[i].name);
	return rc;
}
