/* SPDX-License-Identifier: MIT */
/* A load's result: for people, for programs, and in sentences where something went wrong. */
#include "load.h"

#include <coil.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define JSON_VERSION 1

static const char *const error_names[LOAD_ERRORS] = {
	[LOAD_REFUSED] = "refused", [LOAD_RESET] = "reset", [LOAD_CLOSED] = "closed",
	[LOAD_TIMEOUT] = "timeout", [LOAD_MALFORMED] = "malformed", [LOAD_OTHER] = "other",
};

static double seconds_of(const struct load_result *result)
{
	return (double)result->measured_ns / 1e9;
}

static double rate_of(const struct load_result *result)
{
	return result->measured_ns > 0 ? (double)result->requests / seconds_of(result) : 0;
}

static double micros(const struct coil_bench_histogram *times, double fraction)
{
	return (double)coil_bench_histogram_quantile(times, fraction) / 1e3;
}

/* -- Text -------------------------------------------------------------------------------------- */

static void print_times(FILE *out, const struct coil_bench_histogram *times)
{
	static const struct {
		const char *name;
		double fraction;
	} rows[] = {
		{ "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p99.9", 0.999 },
		{ "p99.99", 0.9999 },
	};

	for (size_t i = 0; times->total && i < sizeof(rows) / sizeof(rows[0]); i++)
		fprintf(out, "%-11s %.1f us\n", rows[i].name, micros(times, rows[i].fraction));
	if (times->total)
		fprintf(out, "%-11s %.1f us\n", "max", (double)times->max / 1e3);
}

static void print_open_loop(FILE *out, const struct load_result *result)
{
	fprintf(out, "planned     %" PRIu64 ", unanswered in the end %" PRIu64 "\n",
		result->planned, result->unanswered);
	fprintf(out, "service p99 %.1f us, p50 %.1f us (from the sending)\n",
		micros(&result->service, 0.99), micros(&result->service, 0.5));
}

static void print_statuses(FILE *out, const struct load_result *result)
{
	fputs("status     ", out);
	for (unsigned int i = 0; i < LOAD_STATUSES && result->statuses[i].count; i++) {
		if (result->statuses[i].code > 0)
			fprintf(out, " %d:", result->statuses[i].code);
		else
			fputs(" others:", out);
		fprintf(out, " %" PRIu64, result->statuses[i].count);
	}
	fputc('\n', out);
}

void load_print_text(FILE *out, const struct load_options *options,
		     const struct load_result *result)
{
	char target[4096];

	load_target_describe(&options->target, target, sizeof(target));
	fprintf(out, "%s: %u connections", target, options->connections);
	if (options->target.protocol == LOAD_ECHO)
		fprintf(out, ", %u bytes", options->size);
	if (options->pipeline > 1)
		fprintf(out, ", %u under way on each", options->pipeline);
	fprintf(out, ", %.2f s%s\n", seconds_of(result),
		result->is_interrupted ? " (interrupted)" : "");
	if (options->rate > 0)
		fprintf(out, "open loop: %.0f requests/s planned, times count from the plan\n",
			options->rate);
	else
		fputs("closed loop: a slow server is asked less, times count from the sending\n",
		      out);
	fprintf(out, "requests    %" PRIu64 "\n", result->requests);
	fprintf(out, "requests/s  %.0f\n", rate_of(result));
	if (options->is_churn)
		fputs("            (a connection each; times include its connect)\n", out);
	print_times(out, &result->latency);
	if (options->rate > 0)
		print_open_loop(out, result);
	if (options->target.protocol == LOAD_HTTP && result->statuses[0].count)
		print_statuses(out, result);
	fprintf(out, "errors      %" PRIu64 "\n", load_errors(result));
	if (options->server_pid && result->requests)
		fprintf(out, "server CPU  %.2f us a request\n",
			(double)result->server_cpu_ns / 1e3 / (double)result->requests);
}

/* -- JSON -------------------------------------------------------------------------------------- */

static void print_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", (unsigned int)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void print_json_times(FILE *out, const struct coil_bench_histogram *times)
{
	if (!times->total) {
		fputs("\"p50_us\": null, \"p90_us\": null, \"p99_us\": null, \"p999_us\": null, "
		      "\"p9999_us\": null, \"max_us\": null", out);
		return;
	}
	fprintf(out, "\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
		"\"p9999_us\": %.1f, \"max_us\": %.1f", micros(times, 0.5), micros(times, 0.9),
		micros(times, 0.99), micros(times, 0.999), micros(times, 0.9999),
		(double)times->max / 1e3);
}

static void print_json_errors(FILE *out, const struct load_result *result)
{
	fprintf(out, ", \"errors\": %" PRIu64 ", \"errors_by_kind\": {", load_errors(result));
	for (unsigned int i = 0; i < LOAD_ERRORS; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i ? ", " : "", error_names[i],
			result->errors[i]);
	fputs("}", out);
}

static void print_json_statuses(FILE *out, const struct load_result *result)
{
	fputs(", \"statuses\": {", out);
	for (unsigned int i = 0; i < LOAD_STATUSES && result->statuses[i].count; i++) {
		fputs(i ? ", " : "", out);
		if (result->statuses[i].code > 0)
			fprintf(out, "\"%d\"", result->statuses[i].code);
		else
			fputs("\"others\"", out);
		fprintf(out, ": %" PRIu64, result->statuses[i].count);
	}
	fputs("}", out);
}

static void print_json_series(FILE *out, const struct load_result *result)
{
	fputs(", \"seconds_series\": [", out);
	for (unsigned int i = 0; i < result->seconds_count; i++) {
		const struct load_second *second = &result->seconds[i];

		fprintf(out, "%s{\"requests\": %" PRIu64 ", \"errors\": %" PRIu64
			", \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}", i ? ", " : "",
			second->requests, second->errors, (double)second->p50_ns / 1e3,
			(double)second->p99_ns / 1e3, (double)second->max_ns / 1e3);
	}
	fputs("]", out);
}

void load_print_json(FILE *out, const struct load_options *options,
		     const struct load_result *result)
{
	char target[4096];

	load_target_describe(&options->target, target, sizeof(target));
	fprintf(out, "{\"version\": %d, \"target\": ", JSON_VERSION);
	print_string(out, target);
	fprintf(out, ", \"loop\": \"%s\", \"connections\": %u, \"size\": %u, \"pipeline\": %u",
		options->rate > 0 ? "open" : "closed", options->connections, options->size,
		options->pipeline);
	fprintf(out, ", \"is_connection_each\": %s, \"is_interrupted\": %s",
		options->is_churn ? "true" : "false", result->is_interrupted ? "true" : "false");
	fprintf(out, ", \"seconds\": %.3f, \"requests\": %" PRIu64 ", \"requests_per_s\": %.0f, "
		"\"bytes_received\": %" PRIu64 ", ", seconds_of(result), result->requests,
		rate_of(result), result->bytes);
	print_json_times(out, &result->latency);
	if (options->rate > 0) {
		fprintf(out, ", \"rate\": %.3f, \"planned\": %" PRIu64 ", \"unanswered\": %" PRIu64
			", \"service\": {", options->rate, result->planned, result->unanswered);
		print_json_times(out, &result->service);
		fputs("}", out);
	}
	print_json_errors(out, result);
	if (options->target.protocol == LOAD_HTTP)
		print_json_statuses(out, result);
	print_json_series(out, result);
	fprintf(out, ", \"server_cpu_us\": %.1f}\n", (double)result->server_cpu_ns / 1e3);
}

/* -- Sentences --------------------------------------------------------------------------------- */

static void say_error(FILE *out, enum load_error kind, uint64_t count, const char *target)
{
	static const char *const sentences[LOAD_ERRORS] = {
		[LOAD_REFUSED] = "connects were refused: nobody listens there (any more)",
		[LOAD_RESET] = "requests were lost, because the server reset their connections",
		[LOAD_CLOSED] = "requests were not answered before the server closed",
		[LOAD_TIMEOUT] = "requests had no answer within --timeout",
		[LOAD_MALFORMED] = "answers were not what was expected",
		[LOAD_OTHER] = "requests failed",
	};

	fprintf(out, "%s: %s: %" PRIu64 " %s\n", program_invocation_short_name, target, count,
		sentences[kind]);
}

static const char *start_words(const struct load_target *target, int error)
{
	switch (-error) {
	case ENOENT:
		if (!target->unix_path[0])
			return "there is no such name";
		return "nobody listens there";
	case ECONNREFUSED:
		return "nobody listens there";
	case ETIME:
	case ETIMEDOUT:
		return "the connections were not made in time";
	case EMFILE:
		return "too few descriptors: see ulimit -n";
	case EAGAIN:
		return "the name cannot be resolved now";
	default:
		return "cannot connect";
	}
}

void load_print_errors(FILE *out, const struct load_options *options,
		       const struct load_result *result)
{
	char target[4096];
	int error = result->first_error ? result->first_error : result->error;

	load_target_describe(&options->target, target, sizeof(target));
	if (result->words[0]) {
		fprintf(out, "%s: %s\n", program_invocation_short_name, result->words);
		return;
	}
	if (result->error && !result->requests) {
		if (result->is_interrupted)
			fprintf(out, "%s: interrupted before anything was measured\n",
				program_invocation_short_name);
		else
			fprintf(out, "%s: %s: %s: %s\n", program_invocation_short_name, target,
				start_words(&options->target, error), coil_strerror(error));
		return;
	}
	for (unsigned int i = 0; i < LOAD_ERRORS; i++)
		if (result->errors[i])
			say_error(out, i, result->errors[i], target);
	if (result->first_error)
		fprintf(out, "%s: the first error was: %s\n", program_invocation_short_name,
			coil_strerror(result->first_error));
	if (!result->requests)
		fprintf(out, "%s: %s: not one request was answered\n",
			program_invocation_short_name, target);
}
