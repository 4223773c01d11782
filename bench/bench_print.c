/* SPDX-License-Identifier: MIT */
/* The table, and the same as JSON. */
#include "bench.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define JSON_VERSION 1

bool bench_goal_is_met(const struct bench_result *result)
{
	switch (result->of->goal_kind) {
	case BENCH_RATIO:
		return result->ratio == 0 || result->ratio <= result->of->goal;
	case BENCH_PLUS_NS:
		return result->coil.median_ns <= result->floor.median_ns + result->of->goal;
	case BENCH_NS:
	case BENCH_BYTES:
		return result->coil.median_ns <= result->of->goal;
	case BENCH_NO_GOAL:
		break;
	}
	return true;
}

static void describe_goal(const struct bench_case *of, char *text, size_t bytes)
{
	switch (of->goal_kind) {
	case BENCH_RATIO:
		snprintf(text, bytes, "%.2f x", of->goal);
		break;
	case BENCH_NS:
		snprintf(text, bytes, "%.0f ns", of->goal);
		break;
	case BENCH_PLUS_NS:
		snprintf(text, bytes, "+%.0f ns", of->goal);
		break;
	case BENCH_BYTES:
		snprintf(text, bytes, "%.0f B", of->goal);
		break;
	case BENCH_NO_GOAL:
		snprintf(text, bytes, "-");
		break;
	}
}

void bench_print_head(FILE *out)
{
	fprintf(out, "%-22s %9s %9s %7s %7s %9s %-5s %9s %8s %6s %6s\n", "name", "floor ns",
		"coil ns", "ratio", "paired", "goal", "", "kept", "enters", "sqes", "allocs");
}

static void print_bytes(FILE *out, const struct bench_result *result, const char *goal)
{
	fprintf(out, "%-22s %9s %7.0f B %7s %7s %9s %-5s  %.0f ns to spawn and park each\n",
		result->of->name, "-", result->coil.median_ns, "-", "-", goal,
		bench_goal_is_met(result) ? "ok" : "MISS", result->spawn_ns);
}

void bench_print_row(FILE *out, const struct bench_result *result)
{
	const struct measure_figure *coil = &result->coil;
	char goal[32], floor[32] = "-", ratio[32] = "-", paired[32] = "-", kept[32];

	describe_goal(result->of, goal, sizeof(goal));
	if (result->error) {
		fprintf(out, "%-22s not measured: %s\n", result->of->name,
			strerror(-result->error));
		return;
	}
	if (result->of->goal_kind == BENCH_BYTES) {
		print_bytes(out, result, goal);
		return;
	}
	if (result->ratio > 0) {
		snprintf(floor, sizeof(floor), "%.1f", result->floor.median_ns);
		snprintf(ratio, sizeof(ratio), "%.3f", result->ratio);
		snprintf(paired, sizeof(paired), "%.3f", result->ratio_paired);
	}
	snprintf(kept, sizeof(kept), "%u/%u", coil->windows_clean, coil->windows);
	fprintf(out, "%-22s %9s %9.1f %7s %7s %9s %-5s %9s %8.4f %6.3f %6.4f\n", result->of->name,
		floor, coil->median_ns, ratio, paired, goal,
		bench_goal_is_met(result) ? "ok" : "MISS", kept, result->enters, result->sqes,
		result->allocations);
}

/* -- JSON -------------------------------------------------------------------------------------- */

static void print_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if ((unsigned char)*text >= ' ')
			fputc(*text, out);
	}
	fputc('"', out);
}

static void print_member(FILE *out, const char *key, const char *text)
{
	fprintf(out, "\t\"%s\": ", key);
	print_string(out, text);
	fputs(",\n", out);
}

/* "model name", or what else the kernel calls it. */
static void read_processor(char *text, size_t bytes)
{
	FILE *info = fopen("/proc/cpuinfo", "re");
	char line[512];

	snprintf(text, bytes, "unknown");
	while (info && fgets(line, sizeof(line), info)) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		snprintf(text, bytes, "%s", colon + 1 + strspn(colon + 1, " "));
		text[strcspn(text, "\n")] = '\0';
		break;
	}
	if (info)
		fclose(info);
}

static void print_figure(FILE *out, const char *name, const struct measure_figure *figure)
{
	fprintf(out,
		", \"%s\": {\"median\": %.3f, \"quartile_low\": %.3f, \"quartile_high\": %.3f, "
		"\"min\": %.3f, \"windows_clean\": %u, \"windows\": %u}",
		name, figure->median_ns, figure->quartile_low_ns, figure->quartile_high_ns,
		figure->min_ns, figure->windows_clean, figure->windows);
}

static void print_result(FILE *out, const struct bench_result *result)
{
	char goal[32];

	fputs("\t\t{\"name\": ", out);
	print_string(out, result->of->name);
	if (result->error) {
		fprintf(out, ", \"error\": %d}", result->error);
		return;
	}
	describe_goal(result->of, goal, sizeof(goal));
	fprintf(out, ", \"unit\": \"%s\", \"goal\": \"%s\", \"is_met\": %s",
		result->of->goal_kind == BENCH_BYTES ? "B" : "ns", goal,
		bench_goal_is_met(result) ? "true" : "false");
	print_figure(out, "coil", &result->coil);
	if (result->ratio > 0) {
		print_figure(out, "floor", &result->floor);
		fprintf(out, ", \"ratio\": %.4f, \"ratio_paired\": %.4f", result->ratio,
			result->ratio_paired);
	}
	if (result->spawn_ns > 0)
		fprintf(out, ", \"spawn_ns\": %.1f", result->spawn_ns);
	fprintf(out, ", \"enters\": %.5f, \"sqes\": %.5f, \"switches\": %.5f, "
		"\"allocations\": %.5f}", result->enters, result->sqes, result->switches,
		result->allocations);
}

void bench_print_json(FILE *out, const struct bench_result *results, size_t count)
{
	char processor[256];
	struct utsname kernel;

	read_processor(processor, sizeof(processor));
	uname(&kernel);
	fprintf(out, "{\n\t\"version\": %d,\n", JSON_VERSION);
	print_member(out, "coil", COIL_VERSION);
	print_member(out, "processor", processor);
	fprintf(out, "\t\"processors\": %ld,\n", sysconf(_SC_NPROCESSORS_ONLN));
	print_member(out, "machine", kernel.machine);
	print_member(out, "kernel", kernel.release);
	print_member(out, "compiler", __VERSION__);
	fputs("\t\"results\": [\n", out);
	for (size_t i = 0; i < count; i++) {
		print_result(out, &results[i]);
		fputs(i + 1 < count ? ",\n" : "\n", out);
	}
	fputs("\t]\n}\n", out);
}
