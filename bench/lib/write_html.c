/* SPDX-License-Identifier: MIT */
/* The report: one page that needs nothing else, for wide and narrow screens, light, dark, paper. */
#include "write.h"

#include <math.h>
#include <string.h>

#include "charts.h"

static const char page_style[] =
	":root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--rule:#d1d9e0;--paper:#fff}\n"
	"@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--rule:#3d444d;"
	"--paper:#0d1117}}\n"
	"@media print{:root{--ink:#000;--soft:#333;--rule:#bbb;--paper:#fff;color-scheme:light}}\n"
	"*{box-sizing:border-box}body{margin:0 auto;max-width:1240px;padding:16px;"
	"font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\n"
	"h1{font-size:1.5em;margin:.2em 0}h2{font-size:1.15em;margin:0 0 .2em;"
	"overflow-wrap:anywhere}p{margin:.2em 0 .6em}.soft{color:var(--soft)}\n"
	"section{border-top:1px solid var(--rule);padding:14px 0;break-inside:avoid}\n"
	".charts{display:grid;gap:14px 28px;"
	"grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr))}\n"
	".charts svg{width:100%;max-width:440px;height:auto}\n"
	".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88em;margin:.3em 0 .8em}\n"
	"th,td{padding:2px 10px 2px 0;text-align:right;vertical-align:top;"
	"font-variant-numeric:tabular-nums}\n"
	"td:first-child{white-space:nowrap}.record td{white-space:normal}\n"
	"th{font-weight:600;border-bottom:1px solid var(--rule)}th:first-child,td:first-child,"
	".record td,.record th{text-align:left}.record td{overflow-wrap:anywhere}\n"
	".miss{color:#c2410c;font-weight:600}\n"
	"@media (prefers-color-scheme:dark){.miss{color:#ff9248}}\n"
	"@media print{body{padding:0;font-size:11px;max-width:none}.wide{overflow:visible}"
	".charts{grid-template-columns:repeat(3,1fr)}.wide table{font-size:7px}"
	".wide th,.wide td{padding-right:4px}@page{size:landscape;margin:12mm}}\n";

static void put_text(FILE *out, const char *tag, const char *text)
{
	fprintf(out, "<%s>", tag);
	svg_escape(out, text);
	fprintf(out, "</%.*s>", (int)strcspn(tag, " "), tag);
}

static void put_value(FILE *out, double value)
{
	char text[48];

	describe_value(value, text, sizeof(text));
	put_text(out, "td", text);
}

static void put_chart(FILE *out, enum chart_kind kind, const struct coil_bench *bench,
		      const struct coil_bench_entry *entry)
{
	if (chart_has_data(kind, bench, entry))
		chart_draw(kind, bench, entry, out, false);
}

/* -- A case ------------------------------------------------------------------------------------ */

static bool has_counter(const struct coil_bench_entry *entry, const char *name)
{
	for (size_t i = 0; i < entry->results_count; i++)
		if (!isnan(counter_of(entry->results[i], name)))
			return true;
	return false;
}

/* Told by a histogram beside it: p50_us and the like. */
static bool is_told(const struct coil_bench_result *result, const char *name)
{
	return result->histogram && result->histogram->total &&
	       (strcmp(name, "p50_us") == 0 || strcmp(name, "p99_us") == 0);
}

/* Every counter that somebody has gets a column, in the order in which they come. */
static size_t counter_columns(const struct coil_bench_entry *entry, const char **ret_names,
			      size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < entry->results_count; i++)
		for (size_t j = 0; j < entry->results[i]->counters_count; j++) {
			const char *name = entry->results[i]->counters[j].name;
			size_t k = 0;

			while (k < count && strcmp(ret_names[k], name) != 0)
				k++;
			if (k == count && count < most && has_counter(entry, name) &&
			    !is_told(entry->results[i], name))
				ret_names[count++] = name;
		}
	return count;
}

static void put_percentiles(FILE *out, const struct coil_bench_result *result)
{
	static const double parts[] = { 0.5, 0.9, 0.99, 0.999, 0.9999 };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		put_value(out, result->histogram && result->histogram->total
			? (double)coil_bench_histogram_quantile(result->histogram, parts[i]) /
				  result->scale
			: UNKNOWN);
}

static void put_subject(FILE *out, const struct coil_bench_result *result,
			const char *const *columns, size_t columns_count)
{
	const struct coil_bench_result *floor = entry_floor(result->entry);
	struct summary summary = summary_of(result);
	struct interval interval;
	double ratio = UNKNOWN;

	if (floor && floor != result)
		ratio = paired_ratio(floor, result, &interval);
	fputs("<tr>", out);
	put_text(out, "td", result->name);
	if (result->error) {
		fputs("<td colspan=\"9\" class=\"soft\">", out);
		svg_escape(out, result->error);
		fputs("</td></tr>\n", out);
		return;
	}
	put_value(out, summary.median);
	put_value(out, summary.interval.low);
	put_value(out, summary.interval.high);
	put_value(out, ratio);
	fprintf(out, "<td>%zu</td><td>%u</td>", summary.rounds, outliers_sum(&summary.outliers));
	if (chart_has_data(CHART_PERCENTILES, result->entry->bench, result->entry))
		put_percentiles(out, result);
	for (size_t i = 0; i < columns_count; i++)
		put_value(out, counter_of(result, columns[i]));
	fputs("</tr>\n", out);
}

static void put_subjects(FILE *out, const struct coil_bench_entry *entry)
{
	const char *columns[16];
	size_t count = counter_columns(entry, columns, 16);
	bool has_latency = chart_has_data(CHART_PERCENTILES, entry->bench, entry);

	fprintf(out, "<div class=\"wide\"><table><thead><tr><th>subject</th><th>median ");
	svg_escape(out, entry->unit);
	fputs("</th><th>low 95&#8239;%</th><th>high</th><th>ratio</th><th>rounds</th>"
	      "<th>outliers</th>", out);
	if (has_latency)
		fputs("<th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>p99.99</th>", out);
	for (size_t i = 0; i < count; i++)
		put_text(out, "th", columns[i]);
	fputs("</tr></thead><tbody>\n", out);
	for (size_t i = 0; i < entry->results_count; i++)
		put_subject(out, entry->results[i], columns, count);
	fputs("</tbody></table></div>\n", out);
}

static void put_entry(FILE *out, const struct coil_bench_entry *entry)
{
	char goal[64];

	fputs("<section>", out);
	put_text(out, "h2", entry->name);
	put_text(out, "p class=\"soft\"", entry->what);
	describe_goal(entry, goal, sizeof(goal));
	if (entry->goal_kind != COIL_BENCH_NO_GOAL && entry_main(entry)) {
		bool is_met = entry_goal_is_met(entry);

		fprintf(out, "<p%s>Goal: ", is_met ? "" : " class=\"miss\"");
		svg_escape(out, goal);
		fprintf(out, "%s</p>\n", is_met ? ", met" : ", missed");
	}
	if (entry->error)
		put_text(out, "p class=\"miss\"", entry->error);
	if (entry->note)
		put_text(out, "p", entry->note);
	if (entry->results_count)
		put_subjects(out, entry);
	fputs("<div class=\"charts\">\n", out);
	for (int kind = CHART_BARS; kind < CHART_KINDS; kind++)
		put_chart(out, (enum chart_kind)kind, entry->bench, entry);
	fputs("</div></section>\n", out);
}

/* -- The page ---------------------------------------------------------------------------------- */

static const char *known(const struct coil_bench *bench, const char *key)
{
	const char *value = model_recorded(bench, key);

	return value ? value : "unknown";
}

static void put_head(FILE *out, const struct coil_bench *bench)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n", out);
	fputs("<title>Benchmarks: ", out);
	svg_escape(out, known(bench, "program"));
	fprintf(out, "</title>\n<style>\n%s%s</style>\n</head>\n<body>\n<header>\n", page_style,
		svg_style);
	fputs("<h1>Benchmarks: ", out);
	svg_escape(out, known(bench, "program"));
	fputs("</h1>\n<p class=\"soft\">", out);
	svg_escape(out, known(bench, "date"));
	fputs(" &middot; ", out);
	svg_escape(out, known(bench, "cpu"));
	fputs(" &middot; ", out);
	svg_escape(out, known(bench, "kernel"));
	fputs(" &middot; commit ", out);
	svg_escape(out, known(bench, "commit"));
	fputs("</p>\n", out);
	if (bench->is_interrupted)
		put_text(out, "p class=\"miss\"", "The measuring was interrupted.");
	fputs("</header>\n<main>\n", out);
}

static void put_record(FILE *out, const struct coil_bench *bench)
{
	fputs("<section><h2>Where and how</h2>\n<table class=\"record\"><tbody>\n", out);
	for (size_t i = 0; i < bench->record_count; i++) {
		fputs("<tr>", out);
		put_text(out, "th scope=\"row\"", bench->record[i].key);
		put_text(out, "td", bench->record[i].value);
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table>\n<p class=\"soft\">Each value is a median of rounds, each round in "
	      "a process of its own; a window counts if fixed work before and after it ran at the "
	      "machine's full speed. Whiskers are 95 % intervals by bootstrap over the rounds."
	      "</p></section>\n", out);
}

void write_html(const struct coil_bench *bench, FILE *out)
{
	put_head(out, bench);
	if (chart_has_data(CHART_RATIOS, bench, NULL)) {
		fputs("<section><h2>Overview</h2><div class=\"charts\">\n", out);
		chart_draw(CHART_RATIOS, bench, NULL, out, false);
		fputs("</div></section>\n", out);
	}
	for (size_t i = 0; i < bench->entries_count; i++)
		put_entry(out, bench->entries[i]);
	put_record(out, bench);
	fputs("</main>\n</body>\n</html>\n", out);
}
