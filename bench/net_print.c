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

static void print_number(FILE *out, int width, double value)
{
	if (isnan(value))
		fprintf(out, " %*s", width, "-");
	else
		fprintf(out, " %*.*f", width, value < 0.0005 || value >= 100 ? 0 : 3, value);
}

static void print_subject(FILE *out, const struct net_result *result,
			  const struct net_subject *subject)
{
	const struct net_life *life = &subject->life;
	double value = net_median(subject, net_round_value);
	double floor = result->floor ? net_median(result->floor, net_round_value) : (double)NAN;

	if (isnan(value)) {
		fprintf(out, "  %-20s %s\n", subject->name,
			subject->words[0] ? subject->words : "not measured");
		return;
	}
	fprintf(out, "  %-20s %11.2f", subject->name, value);
	print_number(out, 7, floor > 0 ? value / floor : (double)NAN);
	if (result->cell->work != NET_IDLE) {
		fprintf(out, " %11.0f %9.1f %9.1f %6" PRIu64, net_median(subject, round_rate),
			net_median(subject, round_p50), net_median(subject, round_p99),
			subject->errors);
		print_number(out, 7, (isnan(life->enters) ? life->syscalls : life->enters) /
				     life->requests);
		print_number(out, 7, life->sqes / life->requests);
		print_number(out, 7, life->allocations / life->requests);
	}
	print_number(out, 7, life->rss_bytes / (1 << 20));
	fprintf(out, "%s%s%s\n", subject == result->floor ? "  floor" : "",
		subject->words[0] ? "  " : "", subject->words);
}

static void print_goal(FILE *out, const struct net_result *result)
{
	double goal = net_goal(result->cell), value;

	if (goal == 0 || !result->floor || result->subjects[0].kind != NET_COIL)
		return;
	value = net_median(&result->subjects[0], net_round_value) /
		net_median(result->floor, net_round_value);
	if (!isnan(value))
		fprintf(out, "  goal %.2f x the floor: %.3f %s\n", goal, value,
			value <= goal ? "ok" : "MISS");
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
		fprintf(out, " %11s %9s %9s %6s %7s %7s %7s", "requests/s", "p50 us", "p99 us",
			"errors", "calls", "sqes", "allocs");
	fprintf(out, " %7s\n", "MiB");
	for (unsigned int i = 0; i < result->subjects_count; i++)
		print_subject(out, result, &result->subjects[i]);
	print_goal(out, result);
}

/* -- Results ----------------------------------------------------------------------------------- */

static int add_counters(struct coil_bench_result *to, const struct net_subject *subject,
			bool is_idle)
{
	const struct net_life *life = &subject->life;
	const struct {
		const char *name;
		double value;
	} counters[] = {
		{ "requests_per_s", net_median(subject, round_rate) },
		{ "p50_us", net_median(subject, round_p50) },
		{ "p99_us", net_median(subject, round_p99) },
		{ "errors", (double)subject->errors },
		{ "enters", life->enters / life->requests },
		{ "syscalls", life->syscalls / life->requests },
		{ "sqes", life->sqes / life->requests },
		{ "cqes", life->cqes / life->requests },
		{ "allocations", life->allocations / life->requests },
		{ "context_switches", life->switches / life->requests },
		{ "cpu_ns", net_median(subject, net_round_value) * 1e3 },
		{ "rss_bytes", life->rss_bytes },
	};
	int rc = 0;

	if (is_idle)
		return coil_bench_count(to, "rss_bytes", life->rss_bytes);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]) && rc == 0; i++)
		rc = coil_bench_count(to, counters[i].name, counters[i].value);
	return rc < 0 ? rc : coil_bench_histogram_set(to, &subject->latency, 1000, "us");
}

/* Time goes on where a round ends: between two of them others were loaded. */
static int add_series(struct coil_bench_result *to, const struct net_subject *subject)
{
	double at_s = 0;
	int rc = 0;

	for (unsigned int i = 0; i < subject->series_count && rc == 0; i++) {
		const struct load_second *second = &subject->series[i];

		at_s += subject->series_s[i];
		rc = coil_bench_second(to, at_s, (double)second->requests / subject->series_s[i],
				       (double[]){ (double)second->p50_ns / 1e3,
						   (double)second->p99_ns / 1e3 });
	}
	return rc;
}

static int add_subject(struct coil_bench_entry *entry, const struct net_subject *subject,
		       const char *name, bool is_idle)
{
	struct coil_bench_result *to;
	int rc = coil_bench_result_add(entry, name, &to);

	for (unsigned int i = 0; i < subject->rounds_count && rc == 0; i++)
		rc = coil_bench_sample(to, subject->rounds[i].value);
	if (rc == 0 && subject->words[0])
		rc = coil_bench_fail(to, subject->words);
	if (rc == 0 && !isnan(net_median(subject, net_round_value)))
		rc = add_counters(to, subject, is_idle);
	return rc < 0 ? rc : add_series(to, subject);
}

static int add_floor(struct coil_bench_entry *entry, const struct net_subject *floor, bool is_idle)
{
	char words[128];
	int rc = add_subject(entry, floor, "floor", is_idle);

	snprintf(words, sizeof(words), "The floor is the best %s here: %s.",
		 floor->kind == NET_PEER ? "peer" : "raw server", floor->name);
	return rc < 0 ? rc : coil_bench_note(entry, words);
}

int net_collect(const struct net_result *result, struct coil_bench *bench)
{
	bool is_idle = result->cell->work == NET_IDLE;
	double goal = net_goal(result->cell);
	const struct coil_bench_case cell = {
		.name = result->cell->name, .what = result->cell->what,
		.unit = is_idle ? "B" : "us",
		.goal_kind = goal > 0 ? COIL_BENCH_RATIO : COIL_BENCH_NO_GOAL, .goal = goal,
	};
	struct coil_bench_entry *entry;
	int rc = coil_bench_entry_add(bench, &cell, &entry);

	if (rc == 0 && result->floor)
		rc = add_floor(entry, result->floor, is_idle);
	for (unsigned int i = 0; i < result->subjects_count && rc == 0; i++)
		rc = add_subject(entry, &result->subjects[i], result->subjects[i].name, is_idle);
	return rc;
}
