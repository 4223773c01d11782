/* SPDX-License-Identifier: MIT */
/* charts - pictures of results. */
#ifndef COIL_BENCH_LIB_CHARTS_H
#define COIL_BENCH_LIB_CHARTS_H

#include "model.h"
#include "svg.h"

enum chart_kind {
	CHART_RATIOS,	   /* of all cases to their floors; the only one without an entry */
	CHART_BARS,	   /* the subjects of a case */
	CHART_DISTRIBUTION, /* of the windows' values */
	CHART_PERCENTILES, /* of latencies */
	CHART_RATE,	   /* over the seconds */
	CHART_LATENCY,	   /* over the seconds */
	CHART_KINDS,
};

extern const char *const chart_names[CHART_KINDS];

bool chart_has_data(enum chart_kind kind, const struct coil_bench *bench,
		    const struct coil_bench_entry *entry);
void chart_draw(enum chart_kind kind, const struct coil_bench *bench,
		const struct coil_bench_entry *entry, FILE *out, bool is_alone);

/* For the chart's files: the classes of a subject's fill ('f') or stroke ('s'). */
#define CHART_COLOUR_BYTES 24
const char *chart_colour(const struct coil_bench_result *result, char of,
			 char text[CHART_COLOUR_BYTES]);
/* How wide a letter is, about. */
#define CHART_LETTER 6.6
void draw_distribution(const struct coil_bench_entry *entry, FILE *out, bool is_alone);
void draw_percentiles(const struct coil_bench_entry *entry, FILE *out, bool is_alone);
void draw_seconds(const struct coil_bench_entry *entry, FILE *out, bool is_latency, bool is_alone);

#endif
