/* SPDX-License-Identifier: MIT */
/* Bars and ratios; the curves are in charts_curves.c. */
#include "charts.h"

#include <math.h>
#include <string.h>

#include "write.h"

#define TOP 30
#define ROW 24
#define BARS_LEFT_MIN 92
#define BARS_LEFT_MAX 160
#define BARS_RIGHT 272
#define RATIOS_LEFT 160
#define RATIOS_WIDTH 150
#define NAME_LETTERS 22

const char *const chart_names[CHART_KINDS] = {
	[CHART_RATIOS] = "ratios", [CHART_BARS] = "bars", [CHART_DISTRIBUTION] = "distribution",
	[CHART_PERCENTILES] = "percentiles", [CHART_RATE] = "rate", [CHART_LATENCY] = "latency",
};

/* Of this run or, as model_merge names it, of another. */
static bool is_floor(const struct coil_bench_result *result)
{
	size_t length = strcspn(result->name, ",");
	char name[16];

	snprintf(name, sizeof(name), "%.*s", length < sizeof(name) ? (int)length : 0, result->name);
	return is_floor_name(name);
}

const char *chart_colour(const struct coil_bench_result *result, char of,
			 char text[CHART_COLOUR_BYTES])
{
	const struct coil_bench_entry *entry = result->entry;
	unsigned colour = 0;

	for (size_t i = 0; i < entry->results_count && entry->results[i] != result; i++)
		colour += !is_floor(entry->results[i]);
	if (is_floor(result))
		snprintf(text, CHART_COLOUR_BYTES, "%cf", of);
	else
		snprintf(text, CHART_COLOUR_BYTES, "%c%u%s", of, colour % SVG_COLOURS,
			 colour < SVG_COLOURS ? "" : " again");
	return text;
}

static bool has_value(const struct coil_bench_result *result)
{
	return !isnan(summary_of(result).median);
}

/* -- What there is to draw --------------------------------------------------------------------- */

static bool result_has_data(enum chart_kind kind, const struct coil_bench_result *result)
{
	switch (kind) {
	case CHART_RATIOS:
		break;
	case CHART_BARS:
		return has_value(result);
	case CHART_DISTRIBUTION:
		return result->histogram && result->histogram->total && result->windows;
	case CHART_PERCENTILES:
		return result->histogram && result->histogram->total && !result->windows;
	case CHART_RATE:
		return result->seconds_count > 1;
	case CHART_LATENCY:
		for (size_t i = 0; i < result->seconds_count; i++)
			if (!isnan(result->seconds[i].p50) || !isnan(result->seconds[i].p99))
				return result->seconds_count > 1;
		return false;
	case CHART_KINDS:
		break;
	}
	return false;
}

bool chart_has_data(enum chart_kind kind, const struct coil_bench *bench,
		    const struct coil_bench_entry *entry)
{
	if (kind == CHART_RATIOS) {
		for (size_t i = 0; i < bench->entries_count; i++)
			if (entry_floor(bench->entries[i]) && entry_main(bench->entries[i]))
				return true;
		return false;
	}
	for (size_t i = 0; i < entry->results_count; i++)
		if (result_has_data(kind, entry->results[i]))
			return true;
	return false;
}

/* -- Bars -------------------------------------------------------------------------------------- */

static void draw_bar(const struct coil_bench_result *result, const struct scale *scale, double y,
		     FILE *out)
{
	struct summary summary = summary_of(result);
	double end = scale_place(scale, summary.median);
	double low = scale_place(scale, summary.interval.low);
	double high = scale_place(scale, summary.interval.high);
	char colour[CHART_COLOUR_BYTES], value[48], text[64];

	svg_text(out, scale->at - 6, y + 12, SVG_END, result->name);
	svg_bar(out, chart_colour(result, 'f', colour), (double[]){ scale->at, y + 2 },
		(double[]){ end - scale->at, 13 });
	svg_line(out, "ink", (double[]){ low, y + 8.5 }, (double[]){ high, y + 8.5 });
	svg_line(out, "ink", (double[]){ low, y + 4 }, (double[]){ low, y + 13 });
	svg_line(out, "ink", (double[]){ high, y + 4 }, (double[]){ high, y + 13 });
	describe_value(summary.median, value, sizeof(value));
	snprintf(text, sizeof(text), "%s %s", value, result->entry->unit);
	svg_text(out, fmax(high, end) + 5, y + 12, SVG_START, text);
}

static void draw_bars(const struct coil_bench_entry *entry, FILE *out, bool is_alone)
{
	const struct coil_bench_result *floor = entry_floor(entry);
	struct scale scale = { .from = 0, .at = BARS_LEFT_MIN };
	char words[256];
	int rows = 0;
	double y = TOP;

	for (size_t i = 0; i < entry->results_count; i++) {
		struct summary summary = summary_of(entry->results[i]);

		rows += !isnan(summary.median);
		scale.at = fmax(scale.at,
				8 + CHART_LETTER * (double)strlen(entry->results[i]->name));
		scale.to = fmax(scale.to, fmax(summary.interval.high, summary.median));
	}
	scale.at = fmin(scale.at, BARS_LEFT_MAX);
	scale.length = BARS_RIGHT - scale.at;
	snprintf(words, sizeof(words), "Bars of %d subjects in %s, %s is better, with whiskers of "
		 "the 95 %% interval: %s", rows, entry->unit,
		 entry->flags & COIL_BENCH_HIGHER ? "higher" : "lower", entry->what);
	svg_begin(out, entry->name, words, TOP + rows * ROW + 6, is_alone);
	for (size_t i = 0; i < entry->results_count; i++)
		if (has_value(entry->results[i])) {
			draw_bar(entry->results[i], &scale, y, out);
			y += ROW;
		}
	if (floor) {
		double at = scale_place(&scale, summary_of(floor).median);

		svg_line(out, "sf", (double[]){ at, TOP - 4 }, (double[]){ at, y });
	}
	svg_end(out);
}

/* -- Ratios ------------------------------------------------------------------------------------ */

static void shorten(const char *name, char text[NAME_LETTERS + 4])
{
	snprintf(text, NAME_LETTERS + 1, "%s", name);
	if (strlen(name) > NAME_LETTERS)
		snprintf(text + NAME_LETTERS - 1, 4, "\u2026");
}

static double ratio_of_entry(const struct coil_bench_entry *entry, struct interval *ret_interval)
{
	const struct coil_bench_result *floor = entry_floor(entry), *result = entry_main(entry);

	return floor && result ? paired_ratio(floor, result, ret_interval) : UNKNOWN;
}

static void draw_ratio(const struct coil_bench_entry *entry, const struct scale *scale, double y,
		       FILE *out)
{
	struct interval interval;
	double ratio = ratio_of_entry(entry, &interval);
	char name[NAME_LETTERS + 4], text[32];

	shorten(entry->name, name);
	svg_text(out, RATIOS_LEFT - 8, y + 4, SVG_END, name);
	svg_line(out, "ink", (double[]){ scale_place(scale, interval.low), y },
		 (double[]){ scale_place(scale, interval.high), y });
	if (entry->goal_kind == COIL_BENCH_RATIO) {
		double at = scale_place(scale, entry->goal);

		svg_line(out, "goal", (double[]){ at, y - 9 }, (double[]){ at, y + 9 });
	}
	svg_dot(out, entry_goal_is_met(entry) ? "f0" : "f1", scale_place(scale, ratio), y);
	snprintf(text, sizeof(text), "%.2f", ratio);
	svg_text(out, SVG_WIDTH, y + 4, SVG_END, text);
}

static void draw_ratios(const struct coil_bench *bench, FILE *out, bool is_alone)
{
	struct scale scale = { .from = 1, .to = 1, .at = RATIOS_LEFT, .length = RATIOS_WIDTH,
			       .is_logarithmic = true };
	struct interval interval;
	int rows = 0;
	double y = TOP + 12, one;

	for (size_t i = 0; i < bench->entries_count; i++) {
		double ratio = ratio_of_entry(bench->entries[i], &interval);

		if (isnan(ratio))
			continue;
		rows++;
		scale.from = fmin(scale.from, interval.low);
		scale.to = fmax(scale.to, interval.high);
	}
	scale.from = fmin(scale.from, 0.9) / 1.02;
	scale.to = fmax(scale.to, 1.5) * 1.02;
	svg_begin(out, "Ratio to the floor", "A dot for each case: its median ratio to the floor, "
		  "with the 95 % interval, on a logarithmic scale; the line is the floor itself, "
		  "the dashes are goals.", TOP + rows * ROW + 22, is_alone);
	one = scale_place(&scale, 1);
	svg_line(out, "sf", (double[]){ one, TOP - 2 }, (double[]){ one, TOP + rows * ROW + 2 });
	for (size_t i = 0; i < bench->entries_count; i++)
		if (!isnan(ratio_of_entry(bench->entries[i], &interval))) {
			draw_ratio(bench->entries[i], &scale, y, out);
			y += ROW;
		}
	svg_text(out, one, TOP + rows * ROW + 16, SVG_MIDDLE, "floor");
	svg_end(out);
}

void chart_draw(enum chart_kind kind, const struct coil_bench *bench,
		const struct coil_bench_entry *entry, FILE *out, bool is_alone)
{
	switch (kind) {
	case CHART_RATIOS:
		draw_ratios(bench, out, is_alone);
		break;
	case CHART_BARS:
		draw_bars(entry, out, is_alone);
		break;
	case CHART_DISTRIBUTION:
		draw_distribution(entry, out, is_alone);
		break;
	case CHART_PERCENTILES:
		draw_percentiles(entry, out, is_alone);
		break;
	case CHART_RATE:
	case CHART_LATENCY:
		draw_seconds(entry, out, kind == CHART_LATENCY, is_alone);
		break;
	case CHART_KINDS:
		break;
	}
}
