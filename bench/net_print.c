/* SPDX-License-Identifier: MIT */
/*
 * The comparison as a table, and as results for coil-bench's writers; "floor" is the best raw
 * server once more.
 */
#include "net.h"

#include <inttypes.h>
#include <math.h>

#include "lib/model.h"

#define SENTENCE_BYTES 256
#define VERDICT_ROUNDS 5

static double round_rate(const struct net_round *round)
{
	return round->requests_per_s;
}

static double round_p50(const struct net_round *round)
{
	return round->p50_us;
}

static const char *unit_words(const struct net_cell *cell)
{
	return cell->work == NET_IDLE ? "bytes" : cell->work == NET_SPIN ? "req/s" : "CPU us/req";
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
	double ratio = result->floor ? net_compare(subject, result->floor, net_round_value).value
				     : UNKNOWN;

	if (isnan(value)) {
		fprintf(out, "  %-20s %s\n", subject->name,
			subject->words[0] ? subject->words : "not measured");
		return;
	}
	fprintf(out, "  %-20s %11.2f", subject->name, value);
	print_number(out, 7, ratio);
	fprintf(out, " %6u", subject->rounds_count);
	if (result->cell->work != NET_IDLE) {
		fprintf(out, " %11.0f %9.1f %9.1f %6" PRIu64, net_median(subject, round_rate),
			net_median(subject, round_p50), net_median(subject, net_round_p99),
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

/* What a goal says of a ratio: nothing, where its interval has both. */
static const char *verdict_of(const struct net_ratio *ratio, double goal)
{
	if (ratio->count < VERDICT_ROUNDS)
		return "no verdict, too few rounds";
	if (ratio->interval.low > goal)
		return "MISS";
	return ratio->interval.high <= goal ? "ok" : "no verdict, the interval has both";
}

static const struct net_subject *judged(const struct net_result *result)
{
	const struct net_subject *first = &result->subjects[0];

	return result->subjects_count && result->floor && first->kind == NET_COIL &&
	       !isnan(net_median(first, net_round_value)) ? first : NULL;
}

static double calls_of(const struct net_life *life)
{
	return (isnan(life->enters) ? life->syscalls : life->enters) / life->requests;
}

/* The value's goal: met or missed by its median, as everywhere; the interval stands beside it. */
static void put_value_goal(FILE *out, const struct net_result *result)
{
	double goal = net_goal(result->cell);
	struct net_ratio ratio = net_compare(judged(result), result->floor, net_round_value);
	bool is_met = result->cell->work == NET_SPIN ? ratio.value >= goal : ratio.value <= goal;

	if (goal > 0)
		fprintf(out, "  goal %.2f x the floor: %.3f (%.3f to %.3f) %s\n", goal,
			ratio.value, ratio.interval.low, ratio.interval.high,
			is_met ? "ok" : "MISS");
}

/* What else is compared with the floor, in one sentence; "" where nothing is. */
static void describe_rest(const struct net_result *result, char *text, size_t bytes)
{
	const struct net_subject *coil = judged(result), *floor = result->floor;
	double goal = net_p99_goal(result->cell);
	struct net_ratio p99;

	text[0] = '\0';
	if (!coil || result->cell->work == NET_IDLE)
		return;
	if (result->cell->work == NET_SPIN) {
		snprintf(text, bytes, "Idle afterwards: %.2f %% of a core, the floor %.2f %%.",
			 coil->life.idle_cpu * 100, floor->life.idle_cpu * 100);
		return;
	}
	p99 = net_compare(coil, floor, net_round_p99);
	snprintf(text, bytes, "p99 %.2f (%.2f to %.2f) times the floor's, goal %.1f: %s; calls "
		 "%.2f a request, the floor %.2f; allocations %.3g.", p99.value,
		 p99.interval.low, p99.interval.high, goal,
		 verdict_of(&p99, goal), calls_of(&coil->life), calls_of(&floor->life),
		 coil->life.allocations / coil->life.requests);
}

static void describe_budget(const struct net_result *result, char *text, size_t bytes)
{
	double uncertainty = net_uncertainty(result);

	text[0] = '\0';
	if (!result->is_over_budget)
		return;
	if (isnan(uncertainty))
		snprintf(text, bytes, "Ended for the time budget after %u rounds.",
			 result->rounds);
	else
		snprintf(text, bytes, "Ended for the time budget after %u rounds: the ratio is "
			 "known to +-%.1f %%.", result->rounds, uncertainty * 100);
}

static void print_verdicts(FILE *out, const struct net_result *result)
{
	char text[SENTENCE_BYTES];

	if (judged(result))
		put_value_goal(out, result);
	describe_rest(result, text, sizeof(text));
	if (text[0])
		fprintf(out, "  %s\n", text);
	describe_budget(result, text, sizeof(text));
	if (text[0])
		fprintf(out, "  %s\n", text);
}

void net_print_text(FILE *out, const struct net_result *result)
{
	bool is_idle = result->cell->work == NET_IDLE;

	fprintf(out, "%s: %s\n", result->cell->name, result->cell->what);
	if (result->words[0]) {
		fprintf(out, "  left out: %s\n", result->words);
		return;
	}
	fprintf(out, "  %-20s %11s %7s %6s", "", unit_words(result->cell), "ratio", "rounds");
	if (!is_idle)
		fprintf(out, " %11s %9s %9s %6s %7s %7s %7s", "requests/s", "p50 us", "p99 us",
			"errors", "calls", "sqes", "allocs");
	fprintf(out, " %7s\n", "MiB");
	for (unsigned int i = 0; i < result->subjects_count; i++)
		print_subject(out, result, &result->subjects[i]);
	print_verdicts(out, result);
}

/* -- Results ----------------------------------------------------------------------------------- */

static int add_counters(struct coil_bench_result *to, const struct net_subject *subject,
			enum net_work work)
{
	const struct net_life *life = &subject->life;
	const struct {
		const char *name;
		double value;
	} counters[] = {
		{ "requests_per_s", net_median(subject, round_rate) },
		{ "p50_us", net_median(subject, round_p50) },
		{ "p99_us", net_median(subject, net_round_p99) },
		{ "errors", (double)subject->errors },
		{ "enters", life->enters / life->requests },
		{ "syscalls", life->syscalls / life->requests },
		{ "sqes", life->sqes / life->requests },
		{ "cqes", life->cqes / life->requests },
		{ "allocations", life->allocations / life->requests },
		{ "cycles", life->cycles / life->requests },
		{ "instructions", life->instructions / life->requests },
		{ "context_switches", life->switches / life->requests },
		{ "page_faults", life->page_faults / life->requests },
		{ "cpu_ns", work == NET_SPIN ? UNKNOWN
					     : net_median(subject, net_round_value) * 1e3 },
		{ "idle_cpu_percent", work == NET_SPIN ? life->idle_cpu * 100 : UNKNOWN },
		{ "rss_bytes", life->rss_bytes },
	};
	int rc = 0;

	if (work == NET_IDLE)
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
		       const char *name, enum net_work work)
{
	struct coil_bench_result *to;
	int rc = coil_bench_result_add(entry, name, &to);

	for (unsigned int i = 0; i < subject->rounds_count && rc == 0; i++)
		rc = coil_bench_sample(to, subject->rounds[i].value);
	if (rc == 0 && subject->words[0])
		rc = coil_bench_fail(to, subject->words);
	if (rc == 0 && !isnan(net_median(subject, net_round_value)))
		rc = add_counters(to, subject, work);
	return rc < 0 ? rc : add_series(to, subject);
}

static int add_floor(struct coil_bench_entry *entry, const struct net_result *result)
{
	static const char *const kinds[] = { [NET_BASE] = "Coil", [NET_RAW] = "the best raw server",
					     [NET_PEER] = "the best peer" };
	char rest[SENTENCE_BYTES], budget[SENTENCE_BYTES], words[3 * SENTENCE_BYTES];
	int rc = add_subject(entry, result->floor, "floor", result->cell->work);

	describe_rest(result, rest, sizeof(rest));
	describe_budget(result, budget, sizeof(budget));
	snprintf(words, sizeof(words), "The floor is %s here: %s.%s%s%s%s",
		 kinds[result->floor->kind], result->floor->name, rest[0] ? " " : "", rest,
		 budget[0] ? " " : "", budget);
	return rc < 0 ? rc : coil_bench_note(entry, words);
}

int net_collect(const struct net_result *result, struct coil_bench *bench)
{
	enum net_work work = result->cell->work;
	double goal = net_goal(result->cell);
	const struct coil_bench_case cell = {
		.name = result->cell->name, .what = result->cell->what,
		.unit = work == NET_IDLE ? "B" : work == NET_SPIN ? "/s" : "us",
		.flags = work == NET_SPIN   ? COIL_BENCH_HIGHER
			 : work == NET_IDLE ? COIL_BENCH_EXACT : 0,
		.goal_kind = goal > 0 ? COIL_BENCH_RATIO : COIL_BENCH_NO_GOAL, .goal = goal,
	};
	struct coil_bench_entry *entry;
	int rc = coil_bench_entry_add(bench, &cell, &entry);

	if (rc == 0 && result->words[0])
		rc = entry_fail(entry, result->words);
	if (rc == 0 && result->floor)
		rc = add_floor(entry, result);
	for (unsigned int i = 0; i < result->subjects_count && rc == 0; i++)
		rc = add_subject(entry, &result->subjects[i], result->subjects[i].name, work);
	return rc;
}
