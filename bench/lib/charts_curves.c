/* SPDX-License-Identifier: MIT */
/* Lines over an axis: how values are distributed, and how they went over time. */
#include "charts.h"

#include <math.h>
#include <string.h>

#include "histogram.h"
#include "write.h"

#define TOP 30
#define LEFT 46
#define WIDTH 300
#define HEIGHT 130
#define BOTTOM (TOP + HEIGHT)
#define LEGEND (BOTTOM + 42)
#define LEGEND_ROW 16
#define TICKS 4
#define BINS 40

/* -- The frame --------------------------------------------------------------------------------- */

static void draw_tick_x(FILE *out, double x, const char *text)
{
	/* At the edge of the picture half of it would be cut off. */
	bool is_last = x > LEFT + WIDTH - 1;

	svg_line(out, "rule", (double[]){ x, TOP }, (double[]){ x, BOTTOM });
	svg_text(out, is_last ? x + 6 : x, BOTTOM + 15, is_last ? SVG_END : SVG_MIDDLE, text);
}

static void draw_axis_y(FILE *out, const struct scale *y)
{
	double step = scale_step(y->to - y->from, TICKS);
	char text[48];

	for (double value = 0; value <= y->to * 1.0001; value += step) {
		double at = scale_place(y, value);

		svg_line(out, "rule", (double[]){ LEFT, at }, (double[]){ LEFT + WIDTH, at });
		if (value >= 1e6)
			snprintf(text, sizeof(text), "%gM", value / 1e6);
		else if (value >= 10000)
			snprintf(text, sizeof(text), "%gk", value / 1000);
		else
			snprintf(text, sizeof(text), "%g", value);
		svg_text(out, LEFT - 5, at + 4, SVG_END, text);
	}
}

static void draw_axis_x(FILE *out, const struct scale *x, const char *unit)
{
	double step = scale_step(x->to - x->from, TICKS);
	char text[48];

	for (double value = ceil(x->from / step) * step; value <= x->to; value += step) {
		snprintf(text, sizeof(text), "%g", fabs(value) < step / 1000 ? 0 : value);
		draw_tick_x(out, scale_place(x, value), text);
	}
	svg_text(out, LEFT + WIDTH, BOTTOM + 31, SVG_END, unit);
}

static double legend_width(const struct coil_bench_result *result)
{
	return 26 + CHART_LETTER * (double)strlen(result->name);
}

/* Subjects that have a line, in their colours, below all. Their rows; out is NULL: only these. */
static int draw_legend(const struct coil_bench_entry *entry, FILE *out,
		       bool (*has_line)(const struct coil_bench_result *result))
{
	char colour[CHART_COLOUR_BYTES];
	double x = 0;
	int rows = 1;

	for (size_t i = 0; i < entry->results_count; i++) {
		const struct coil_bench_result *result = entry->results[i];
		double y;

		if (!has_line(result))
			continue;
		if (x > 0 && x + legend_width(result) > SVG_WIDTH) {
			x = 0;
			rows++;
		}
		y = LEGEND + (rows - 1) * LEGEND_ROW;
		if (out) {
			svg_bar(out, chart_colour(result, 'f', colour), (double[]){ x, y },
				(double[]){ 10, 10 });
			svg_text(out, x + 14, y + 9, SVG_START, result->name);
		}
		x += legend_width(result);
	}
	return rows;
}

struct curves {
	const struct coil_bench_entry *entry;
	const char *of;
	const char *words;
	bool (*has_line)(const struct coil_bench_result *result);
};

static void begin(const struct curves *curves, FILE *out, bool is_alone)
{
	int rows = draw_legend(curves->entry, NULL, curves->has_line);
	char title[192];

	snprintf(title, sizeof(title), "%s: %s", curves->entry->name, curves->of);
	svg_begin(out, title, curves->words, LEGEND + rows * LEGEND_ROW, is_alone);
	draw_legend(curves->entry, out, curves->has_line);
}

static bool has_histogram(const struct coil_bench_result *result)
{
	return result->histogram && result->histogram->total;
}

static double value_at(const struct coil_bench_result *result, double part)
{
	return (double)coil_bench_histogram_quantile(result->histogram, part) / result->scale;
}

/* -- Distribution ------------------------------------------------------------------------------ */

struct bins {
	double parts[BINS]; /* of all */
	double most;
};

/* A place of the histogram may be wider than a bin: it is spread over those that it meets. */
static void spread(struct bins *bins, const struct scale *x, const double ends[2], double part)
{
	double width = (x->to - x->from) / BINS;

	for (int i = 0; i < BINS; i++) {
		double low = x->from + i * width;
		double both = fmin(ends[1], low + width) - fmax(ends[0], low);

		if (both > 0)
			bins->parts[i] += part * both / (ends[1] - ends[0]);
	}
}

static void fill_bins(const struct coil_bench_result *result, const struct scale *x,
		      struct bins *bins)
{
	*bins = (struct bins){ .most = 0 };
	for (uint32_t i = 0; i < COIL_BENCH_HISTOGRAM_PLACES; i++)
		if (result->histogram->counts[i]) {
			const double ends[2] = { (double)histogram_low(i) / result->scale,
						 (double)(histogram_high(i) + 1) / result->scale };

			spread(bins, x, ends, (double)result->histogram->counts[i] /
				       (double)result->histogram->total);
		}
	for (int i = 0; i < BINS; i++)
		bins->most = fmax(bins->most, bins->parts[i]);
}

static void draw_steps(const struct coil_bench_result *result, const struct scale *x,
		       const struct scale *y, FILE *out)
{
	double width = (x->to - x->from) / BINS;
	struct bins bins;
	char colour[CHART_COLOUR_BYTES];

	fill_bins(result, x, &bins);
	svg_path_begin(out, chart_colour(result, 's', colour));
	svg_path_to(out, true, x->at, BOTTOM);
	for (int i = 0; i < BINS; i++) {
		double at = scale_place(y, bins.parts[i] * 100);

		svg_path_to(out, false, scale_place(x, x->from + i * width), at);
		svg_path_to(out, false, scale_place(x, x->from + (i + 1) * width), at);
	}
	svg_path_to(out, false, x->at + x->length, BOTTOM);
	svg_path_end(out);
}

/* Without the few windows in which the machine stood still: they would take all the room. */
static double upper_end(const struct coil_bench_result *result)
{
	double low = value_at(result, 0.1), high = value_at(result, 0.9);

	return fmin(value_at(result, 0.98), high + 2 * fmax(high - low, 0.02 * high));
}

void draw_distribution(const struct coil_bench_entry *entry, FILE *out, bool is_alone)
{
	struct scale x = { .from = HUGE_VAL, .at = LEFT, .length = WIDTH };
	struct scale y = { .to = 1, .at = BOTTOM, .length = -HEIGHT };
	struct bins bins;

	for (size_t i = 0; i < entry->results_count; i++)
		if (has_histogram(entry->results[i])) {
			x.from = fmin(x.from, value_at(entry->results[i], 0.002) * 0.98);
			x.to = fmax(x.to, upper_end(entry->results[i]) * 1.02);
		}
	if (!(x.to > x.from))
		x.to = x.from + 1;
	for (size_t i = 0; i < entry->results_count; i++)
		if (has_histogram(entry->results[i])) {
			fill_bins(entry->results[i], &x, &bins);
			y.to = fmax(y.to, bins.most * 100);
		}
	begin(&(struct curves){ entry, "distribution", "A histogram of the windows' values, a line "
				"for each subject: percent of its windows over the value.",
				has_histogram }, out, is_alone);
	draw_axis_y(out, &y);
	draw_axis_x(out, &x, entry->unit);
	svg_text(out, 0, BOTTOM + 31, SVG_START, "% of windows");
	for (size_t i = 0; i < entry->results_count; i++)
		if (has_histogram(entry->results[i]))
			draw_steps(entry->results[i], &x, &y, out);
	svg_end(out);
}

/* -- Percentiles ------------------------------------------------------------------------------- */

static void draw_quantiles(const struct coil_bench_result *result, const struct scale *x,
			   const struct scale *y, FILE *out)
{
	char colour[CHART_COLOUR_BYTES];

	svg_path_begin(out, chart_colour(result, 's', colour));
	for (int i = 0; i <= WIDTH; i += 3) {
		double nth = pow(x->to / x->from, (double)i / WIDTH);

		svg_path_to(out, i == 0, scale_place(x, nth),
			    scale_place(y, value_at(result, 1 - 1 / nth)));
	}
	svg_path_end(out);
}

void draw_percentiles(const struct coil_bench_entry *entry, FILE *out, bool is_alone)
{
	static const char *const names[] = { "0", "90", "99", "99.9", "99.99", "99.999" };
	struct scale x = { .from = 1, .to = 100, .at = LEFT, .length = WIDTH,
			   .is_logarithmic = true };
	struct scale y = { .at = BOTTOM, .length = -HEIGHT };
	const char *unit = "";

	for (size_t i = 0; i < entry->results_count; i++)
		if (has_histogram(entry->results[i])) {
			const struct coil_bench_result *result = entry->results[i];

			unit = result->histogram_unit;
			/* Beyond one in as many as there are, nothing is known. */
			while (x.to < 100000 && x.to * 10 <= (double)result->histogram->total)
				x.to *= 10;
		}
	for (size_t i = 0; i < entry->results_count; i++)
		if (has_histogram(entry->results[i]))
			y.to = fmax(y.to, value_at(entry->results[i], 1 - 1 / x.to));
	begin(&(struct curves){ entry, "latency by percentile", "A line for each subject: the "
				"latency that a percentage of its units did not exceed; the axis "
				"is stretched towards the slowest.", has_histogram },
	      out, is_alone);
	draw_axis_y(out, &y);
	for (int i = 0; i < 6 && pow(10, i) <= x.to * 1.001; i++)
		draw_tick_x(out, scale_place(&x, pow(10, i)), names[i]);
	svg_text(out, LEFT + WIDTH, BOTTOM + 31, SVG_END, "percentile");
	svg_text(out, 0, BOTTOM + 31, SVG_START, unit);
	for (size_t i = 0; i < entry->results_count; i++)
		if (has_histogram(entry->results[i]))
			draw_quantiles(entry->results[i], &x, &y, out);
	svg_end(out);
}

/* -- Over time --------------------------------------------------------------------------------- */

static bool has_seconds(const struct coil_bench_result *result)
{
	return result->seconds_count > 1;
}

static void draw_line(const struct coil_bench_result *result, const struct scale *x,
		      const struct scale *y, bool is_latency, FILE *out)
{
	bool is_first = true;
	char colour[CHART_COLOUR_BYTES];

	svg_path_begin(out, chart_colour(result, 's', colour));
	for (size_t i = 0; i < result->seconds_count; i++) {
		const struct second *second = &result->seconds[i];
		double value = is_latency ? second->p99 : second->rate;

		if (isnan(value))
			continue;
		svg_path_to(out, is_first, scale_place(x, second->at_s), scale_place(y, value));
		is_first = false;
	}
	svg_path_end(out);
}

void draw_seconds(const struct coil_bench_entry *entry, FILE *out, bool is_latency, bool is_alone)
{
	struct scale x = { .at = LEFT, .length = WIDTH };
	struct scale y = { .at = BOTTOM, .length = -HEIGHT };
	const char *unit = "";

	for (size_t i = 0; i < entry->results_count; i++) {
		const struct coil_bench_result *result = entry->results[i];

		if (is_latency && result->seconds_count)
			unit = result->histogram_unit;
		for (size_t j = 0; j < result->seconds_count; j++) {
			const struct second *second = &result->seconds[j];

			x.to = fmax(x.to, second->at_s);
			y.to = fmax(y.to, is_latency ? second->p99 : second->rate);
		}
	}
	x.to = x.to > 0 ? x.to : 1;
	y.to = y.to > 0 ? y.to : 1;
	begin(&(struct curves){ entry, is_latency ? "p99 over time" : "rate over time", is_latency
				? "A line for each subject: the 99th percentile of each second's "
				  "latencies."
				: "A line for each subject: units in each second.", has_seconds },
	      out, is_alone);
	draw_axis_y(out, &y);
	draw_axis_x(out, &x, "s");
	svg_text(out, 0, BOTTOM + 31, SVG_START, is_latency ? unit : "per second");
	for (size_t i = 0; i < entry->results_count; i++)
		if (has_seconds(entry->results[i]))
			draw_line(entry->results[i], &x, &y, is_latency, out);
	svg_end(out);
}
