/* SPDX-License-Identifier: MIT */
/* The results as a table for the terminal, as CSV and percentile text. */
#include "write.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "counters.h"

#define CLEAN_FEW 0.1

void describe_value(double value, char *text, size_t bytes)
{
	double size = fabs(value);

	if (isnan(value))
		snprintf(text, bytes, "-");
	else if (size >= 1000 || value == 0)
		snprintf(text, bytes, "%.0f", value);
	else if (size < 0.1)
		snprintf(text, bytes, "%.2g", value);
	else
		snprintf(text, bytes, "%.*f", size >= 100 ? 1 : size >= 10 ? 2 : 3, value);
}

/* -- Table ------------------------------------------------------------------------------------- */

void write_table_head(FILE *out)
{
	fprintf(out, "%-22s %-9s %10s %7s %7s %11s %-5s %9s %7s %7s %7s\n", "name", "subject",
		"median", "+-", "ratio", "goal", "", "kept", "enters", "sqes", "allocs");
}

/* NAN for the floor itself. */
static double ratio_to_floor(const struct coil_bench_result *result)
{
	const struct coil_bench_result *floor = entry_floor(result->entry);
	struct interval interval;

	return floor && floor != result ? paired_ratio(floor, result, &interval) : UNKNOWN;
}

/* Half of the interval, in percent of the median. */
static double half_width(double median, const struct interval *interval)
{
	return median > 0 ? (interval->high - interval->low) / 2 / median * 100 : UNKNOWN;
}

static void put_counter(const struct coil_bench_result *result, enum counter_kind kind, FILE *out)
{
	double value = counter_of(result, counter_names[kind]);

	if (isnan(value))
		fprintf(out, " %7s", "-");
	else
		fprintf(out, " %7.4g", value < 1e-4 ? 0 : value);
}

static void put_goal(const struct coil_bench_entry *entry, FILE *out)
{
	char goal[64];

	describe_goal(entry, goal, sizeof(goal));
	fprintf(out, " %11s %-5s", goal,
		entry->goal_kind == COIL_BENCH_NO_GOAL ? ""
		: entry_goal_is_met(entry)	       ? "ok"
						       : "MISS");
}

static void put_ratio(const struct coil_bench_result *result, FILE *out)
{
	double ratio = ratio_to_floor(result);

	if (isnan(ratio))
		fprintf(out, " %7s", "-");
	else
		fprintf(out, " %7.3f", ratio);
}

static void put_row(const struct coil_bench_result *result, const char *name, FILE *out)
{
	struct summary summary = summary_of(result);
	char median[48], with_unit[64], width[32] = "-", kept[32] = "-";

	describe_value(summary.median, median, sizeof(median));
	snprintf(with_unit, sizeof(with_unit), "%s %s", median, result->entry->unit);
	if (summary.rounds > 1)
		snprintf(width, sizeof(width), "%.1f%%",
			 half_width(summary.median, &summary.interval));
	if (result->windows)
		snprintf(kept, sizeof(kept), "%llu/%llu", (unsigned long long)result->windows_clean,
			 (unsigned long long)result->windows);
	fprintf(out, "%-22s %-9s %10s %7s", name, result->name, with_unit, width);
	put_ratio(result, out);
	if (result == entry_main(result->entry))
		put_goal(result->entry, out);
	else
		fprintf(out, " %11s %-5s", "", "");
	fprintf(out, " %9s", kept);
	put_counter(result, COUNTER_ENTERS, out);
	put_counter(result, COUNTER_SQES, out);
	put_counter(result, COUNTER_ALLOCATIONS, out);
	fputc('\n', out);
}

/* Outliers are named where there are any. */
static void put_outliers(const struct coil_bench_result *result, FILE *out)
{
	struct summary summary = summary_of(result);
	const struct outliers *outliers = &summary.outliers;

	if (outliers_sum(outliers) == 0)
		return;
	fprintf(out, "%-22s %-9s outliers: %u of %zu rounds (%u far below, %u below, %u above, "
		"%u far above)\n", "", result->name, outliers_sum(outliers), summary.rounds,
		outliers->low_severe, outliers->low_mild, outliers->high_mild,
		outliers->high_severe);
}

void write_table_entry(const struct coil_bench_entry *entry, FILE *out)
{
	const char *name = entry->name;

	if (entry->error)
		fprintf(out, "%-22s not measured: %s\n", name, entry->error);
	for (size_t i = 0; i < entry->results_count; i++) {
		const struct coil_bench_result *result = entry->results[i];

		if (result->error)
			fprintf(out, "%-22s %-9s not measured: %s\n", name, result->name,
				result->error);
		else if (!entry->error)
			put_row(result, name, out);
		name = "";
	}
	for (size_t i = 0; i < entry->results_count && !entry->error; i++)
		put_outliers(entry->results[i], out);
	if (entry->note)
		fprintf(out, "%-22s %s\n", "", entry->note);
}

void write_table_foot(const struct coil_bench *bench, FILE *out)
{
	size_t few = 0;

	for (size_t i = 0; i < bench->entries_count; i++)
		few += bench->entries[i]->noise.clean < CLEAN_FEW;
	if (few)
		fprintf(out, "The machine was busy: in %zu of %zu cases fewer than %.0f %% of the "
			"windows ran at full speed.\n", few, bench->entries_count, CLEAN_FEW * 100);
	if (bench->is_interrupted)
		fputs("Interrupted: the last case may have fewer rounds, others none.\n", out);
}

/* -- CSV --------------------------------------------------------------------------------------- */

/* RFC 4180: quoted if need be, quotes doubled. */
static void put_field(const char *text, FILE *out)
{
	if (!strpbrk(text, ",\"\n\r")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++)
		fputs(*text == '"' ? "\"\"" : (char[]){ *text, '\0' }, out);
	fputc('"', out);
}

static void put_number(double value, FILE *out)
{
	if (isnan(value))
		fputc(',', out);
	else
		fprintf(out, ",%.8g", value);
}

static void put_csv_result(const struct coil_bench_result *result, FILE *out)
{
	const struct coil_bench_entry *entry = result->entry;
	const struct coil_bench_result *floor = entry_floor(entry);
	struct summary summary = summary_of(result);
	struct interval interval = { UNKNOWN, UNKNOWN };
	double ratio = floor ? paired_ratio(floor, result, &interval) : UNKNOWN;

	put_field(entry->name, out);
	fputc(',', out);
	put_field(result->name, out);
	fputc(',', out);
	put_field(entry->unit, out);
	put_number(summary.median, out);
	put_number(summary.interval.low, out);
	put_number(summary.interval.high, out);
	put_number(summary.mean, out);
	put_number(summary.min, out);
	put_number(summary.max, out);
	fprintf(out, ",%zu,%llu,%llu", summary.rounds, (unsigned long long)result->windows_clean,
		(unsigned long long)result->windows);
	put_number(ratio, out);
	put_number(interval.low, out);
	put_number(interval.high, out);
	for (int i = 0; i < COUNTER_KINDS; i++)
		put_number(counter_of(result, counter_names[i]), out);
	fputc(',', out);
	put_field(result->error ? result->error : entry->error ? entry->error : "", out);
	fputs("\r\n", out);
}

void write_csv(const struct coil_bench *bench, FILE *out)
{
	fputs("case,subject,unit,median,low95,high95,mean,min,max,rounds,windows_clean,windows,"
	      "ratio,ratio_low95,ratio_high95", out);
	for (int i = 0; i < COUNTER_KINDS; i++)
		fprintf(out, ",%s", counter_names[i]);
	fputs(",error\r\n", out);
	for (size_t i = 0; i < bench->entries_count; i++)
		for (size_t j = 0; j < bench->entries[i]->results_count; j++)
			put_csv_result(bench->entries[i]->results[j], out);
}

/* -- Percentiles ------------------------------------------------------------------------------- */

void write_hgrm(const struct coil_bench *bench, FILE *out)
{
	for (size_t i = 0; i < bench->entries_count; i++)
		for (size_t j = 0; j < bench->entries[i]->results_count; j++) {
			const struct coil_bench_result *result = bench->entries[i]->results[j];

			if (!result->histogram)
				continue;
			fprintf(out, "# %s, %s, in %s\n", bench->entries[i]->name, result->name,
				result->histogram_unit);
			coil_bench_histogram_print(result->histogram, result->scale, out);
		}
}
