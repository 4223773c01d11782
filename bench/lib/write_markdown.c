/* SPDX-License-Identifier: MIT */
/*
 * The results as tables of Markdown: a row a case, beside its floor; and where many are compared,
 * as servers are, a column each.
 */
#include "write.h"

#include <math.h>
#include <string.h>

#define COLUMNS_MAX 32

static void put_cell(const char *text, FILE *out)
{
	fputs(" ", out);
	for (; *text; text++)
		fputs(*text == '|' ? "\\|" : *text == '\n' ? " " : (char[]){ *text, '\0' }, out);
	fputs(" |", out);
}

/* NULL: it has a value. */
static const char *error_of(const struct coil_bench_result *result)
{
	return result->error ? result->error : result->entry->error;
}

/* The median with its unit, or why there is none; a dash for no result at all. */
static void put_value(const struct coil_bench_result *result, bool has_unit, FILE *out)
{
	char text[48], with_unit[64];

	if (!result || error_of(result)) {
		put_cell(result && has_unit ? error_of(result) : "-", out);
		return;
	}
	describe_value(summary_of(result).median, text, sizeof(text));
	snprintf(with_unit, sizeof(with_unit), "%s %s", text, result->entry->unit);
	put_cell(has_unit ? with_unit : text, out);
}

static void put_ratio(const struct coil_bench_entry *entry, FILE *out)
{
	const struct coil_bench_result *floor = entry_floor(entry), *result = entry_main(entry);
	struct interval interval;
	char text[64] = "";

	if (floor && result)
		snprintf(text, sizeof(text), "%.3f", paired_ratio(floor, result, &interval));
	put_cell(text, out);
	text[0] = '\0';
	if (floor && result)
		snprintf(text, sizeof(text), "%.3f to %.3f", interval.low, interval.high);
	put_cell(text, out);
}

static void put_goal(const struct coil_bench_entry *entry, FILE *out)
{
	char goal[64], text[80] = "";

	describe_goal(entry, goal, sizeof(goal));
	if (entry->goal_kind != COIL_BENCH_NO_GOAL)
		snprintf(text, sizeof(text), "%s%s", goal,
			 entry_main(entry) && !entry_goal_is_met(entry) ? ": MISS" : "");
	put_cell(text, out);
}

static const struct coil_bench_result *first_of(const struct coil_bench_entry *entry, bool is_floor)
{
	for (size_t i = 0; i < entry->results_count; i++)
		if (is_floor_name(entry->results[i]->name) == is_floor)
			return entry->results[i];
	return NULL;
}

/* -- A row a case ------------------------------------------------------------------------------ */

static bool is_wide(const struct coil_bench_entry *entry)
{
	return entry->results_count > 2;
}

static void put_row(const struct coil_bench_entry *entry, FILE *out)
{
	const struct coil_bench_result *result = first_of(entry, false);

	fputc('|', out);
	put_cell(entry->name, out);
	put_cell(entry->what, out);
	put_value(first_of(entry, true), true, out);
	if (!result && entry->error)
		put_cell(entry->error, out);
	else
		put_value(result, true, out);
	put_ratio(entry, out);
	put_goal(entry, out);
	fputc('\n', out);
}

static void put_rows(const struct coil_bench *bench, FILE *out)
{
	bool has_head = false;

	for (size_t i = 0; i < bench->entries_count; i++) {
		if (is_wide(bench->entries[i]))
			continue;
		if (!has_head)
			fputs("| case | what, and the floor | floor | measured | ratio | 95 % "
			      "| goal |\n|---|---|---:|---:|---:|---:|---:|\n", out);
		has_head = true;
		put_row(bench->entries[i], out);
	}
	if (has_head)
		fputc('\n', out);
}

/* -- A column a subject ------------------------------------------------------------------------ */

static size_t columns_of(const struct coil_bench *bench, const char **ret_names)
{
	size_t count = 0;

	for (size_t i = 0; i < bench->entries_count; i++)
		for (size_t j = 0; j < bench->entries[i]->results_count; j++) {
			const char *name = bench->entries[i]->results[j]->name;
			size_t at = 0;

			while (at < count && strcmp(ret_names[at], name) != 0)
				at++;
			if (is_wide(bench->entries[i]) && at == count && count < COLUMNS_MAX)
				ret_names[count++] = name;
		}
	return count;
}

static void put_wide_row(const struct coil_bench_entry *entry, const char *const *names,
			 size_t count, FILE *out)
{
	char name[256];

	snprintf(name, sizeof(name), "%s, %s", entry->name, entry->unit);
	fputc('|', out);
	put_cell(name, out);
	put_goal(entry, out);
	put_ratio(entry, out);
	for (size_t i = 0; i < count; i++)
		put_value(entry_find(entry, names[i]), false, out);
	fputc('\n', out);
}

static void put_notes(const struct coil_bench *bench, FILE *out)
{
	bool has_one = false;

	for (size_t i = 0; i < bench->entries_count; i++) {
		const struct coil_bench_entry *entry = bench->entries[i];

		if (entry->note)
			fprintf(out, "- %s: %s\n", entry->name, entry->note);
		has_one |= entry->note != NULL;
	}
	if (has_one)
		fputc('\n', out);
}

/* There is no room for them in the table. */
static void put_errors(const struct coil_bench_entry *entry, FILE *out)
{
	for (size_t i = 0; i < entry->results_count; i++)
		if (error_of(entry->results[i]))
			fprintf(out, "%s, %s: %s\n\n", entry->name, entry->results[i]->name,
				error_of(entry->results[i]));
}

static void put_wide(const struct coil_bench *bench, FILE *out)
{
	const char *names[COLUMNS_MAX];
	size_t count = columns_of(bench, names);

	if (count == 0)
		return;
	fputs("| case | goal | ratio | 95 % |", out);
	for (size_t i = 0; i < count; i++)
		put_cell(names[i], out);
	fputs("\n|---|---:|---:|---:|", out);
	for (size_t i = 0; i < count; i++)
		fputs("---:|", out);
	fputc('\n', out);
	for (size_t i = 0; i < bench->entries_count; i++)
		if (is_wide(bench->entries[i]))
			put_wide_row(bench->entries[i], names, count, out);
	fputc('\n', out);
	for (size_t i = 0; i < bench->entries_count; i++)
		if (is_wide(bench->entries[i]))
			put_errors(bench->entries[i], out);
}

void write_markdown(const struct coil_bench *bench, FILE *out)
{
	static const char *const keys[] = { "program", "version", "commit", "build", "kernel",
					    "cpu", "cpus", "governor", "container", "load",
					    "compiler", "liburing", "date", "seed" };

	put_rows(bench, out);
	put_wide(bench, out);
	put_notes(bench, out);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (model_recorded(bench, keys[i]))
			fprintf(out, "%s%s: %s", i ? "; " : "", keys[i],
				model_recorded(bench, keys[i]));
	fputs(".\n", out);
}
