/* SPDX-License-Identifier: MIT */
/* `coil-bench load` and coil-load: the arguments. */
#include "load.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <coil.h>

#include "../tools/tool.h"

#define RATE_MAX 1e8

enum {
	KEY_UNIX = 0x100, KEY_WARMUP, KEY_JSON, KEY_SERVER_PID, KEY_ANSWER, KEY_PIPELINE, KEY_RATE,
	KEY_RAMP, KEY_TIMEOUT, KEY_CHURN, KEY_PROGRESS, KEY_NO_PROGRESS,
};

struct wishes {
	struct load_options options;
	const char *host;
	const char *port;
	const char *unix_path;
	const char *address;
	const char *json;
	bool is_json;
	int progress;			/* 1, 0; -1: if stderr is a terminal */
};

static const struct argp_option options[] = {
	{ "host", 'h', "HOST", 0, "Where the server is, without ADDRESS (127.0.0.1)", 0 },
	{ "port", 'p', "PORT", 0, "Its port, or the name of a service", 0 },
	{ "unix", KEY_UNIX, "PATH", 0, "Its unix socket; with http://... over it", 0 },
	{ "connections", 'c', "N", 0, "Connections at once (1)", 0 },
	{ "size", 's', "BYTES", 0, "Of a message, at most 16M (64)", 0 },
	{ "answer", KEY_ANSWER, "BYTES", 0, "Of an answer, where the server is no echo server; it "
	  "is not compared then", 0 },
	{ "pipeline", KEY_PIPELINE, "N", 0, "Requests under way on each connection (1)", 0 },
	{ "rate", 'r', "N", 0, "Open loop: so many requests a second are planned", 0 },
	{ "new-connections", KEY_CHURN, NULL, 0, "A connection for each request", 0 },
	{ "seconds", 't', "TIME", 0, "How long to measure: 5, 0.5s, 500ms (5)", 0 },
	{ "warmup", KEY_WARMUP, "TIME", 0, "Before that, at full load (0.5)", 0 },
	{ "ramp", KEY_RAMP, "TIME", 0, "Before that, while connections, or --rate, grow (0)", 0 },
	{ "timeout", KEY_TIMEOUT, "TIME", 0, "An answer that takes longer is an error (10)", 0 },
	{ "server-pid", KEY_SERVER_PID, "PID", 0, "Tell the CPU time of this process, too", 0 },
	{ "progress", KEY_PROGRESS, NULL, 0, "A line each second, also if stderr is no terminal",
	  0 },
	{ "no-progress", KEY_NO_PROGRESS, NULL, 0, "No such line", 0 },
	{ "json", KEY_JSON, "FILE", OPTION_ARG_OPTIONAL, "Print one JSON object, or write it to "
	  "FILE", 0 },
	{ 0 },
};

static const char doc[] =
	"Loads a server and measures it: an echo server, or HTTP/1.1 by GET.\v"
	"ADDRESS is HOST:PORT, [IPV6]:PORT, tcp://HOST:PORT, unix:PATH or "
	"http://HOST[:PORT]/RESOURCE.\n\n"
	"Without --rate each connection sends its next request when one is answered: that measures "
	"throughput, and hides a stall in few slow requests. With --rate requests have planned "
	"times, and latency counts from these, sent late or not.\n\n"
	"SIGINT ends the measurement early, and what was measured is printed.\n\n"
	"Exit status: 0 done without errors, 1 something failed, 2 wrong usage.";

static double parse_rate(struct argp_state *state, const char *text)
{
	char *end;
	double rate = strtod(text, &end);

	if (*end == 'k' && !end[1])
		rate *= 1000;
	else if (*end == 'M' && !end[1])
		rate *= 1e6;
	else if (*end || end == text)
		rate = 0;
	if (!(rate >= 0.001 && rate <= RATE_MAX))
		argp_error(state, "'%s' is not a rate such as 500, 20k or 1M", text);
	return rate;
}

static int64_t parse_time(struct argp_state *state, const char *text, bool may_be_zero)
{
	int64_t time = tool_duration(state, text);

	if (time > LOAD_SECONDS_MAX * COIL_SEC || (time == 0 && !may_be_zero))
		argp_error(state, "'%s': more than 0 and at most an hour", text);
	return time;
}

/* ADDRESS, or --host and --port; --unix before both. */
static void set_target(struct wishes *wishes, struct argp_state *state)
{
	struct load_target *target = &wishes->options.target;
	const char *words;

	if (!wishes->address && !wishes->port && !wishes->unix_path)
		argp_error(state, "an ADDRESS, --port or --unix is needed");
	if (wishes->address) {
		words = load_target_parse(wishes->address, target);
		if (words)
			argp_error(state, "'%s': %s", wishes->address, words);
	} else if (wishes->port) {
		if (wishes->port[0] >= '0' && wishes->port[0] <= '9' &&
		    !load_target_is_port(wishes->port))
			argp_error(state, "'%s' is not a port, 1 to 65535", wishes->port);
		snprintf(target->host, sizeof(target->host), "%s", wishes->host);
		snprintf(target->service, sizeof(target->service), "%s", wishes->port);
	}
	if (wishes->unix_path && (!wishes->unix_path[0] ||
				  strlen(wishes->unix_path) >= sizeof(target->unix_path)))
		argp_error(state, "a unix socket's path has 1 to 107 bytes");
	if (wishes->unix_path)
		snprintf(target->unix_path, sizeof(target->unix_path), "%s", wishes->unix_path);
}

static void check_wishes(struct wishes *wishes, struct argp_state *state)
{
	struct load_options *of = &wishes->options;

	set_target(wishes, state);
	if (of->is_churn && (of->pipeline > 1 || of->rate > 0))
		argp_error(state, "--new-connections goes with neither --pipeline nor --rate");
	if (of->answer && of->target.protocol == LOAD_HTTP)
		argp_error(state, "--answer is for servers that do not speak HTTP");
	/* Only where it is asked for does a page of a terminal's scrollback fill up. */
	of->has_progress = wishes->progress < 0 ? isatty(STDERR_FILENO) : wishes->progress;
}

static error_t parse_load(int key, char *arg, struct argp_state *state)
{
	struct load_options *of = &((struct wishes *)state->input)->options;

	switch (key) {
	case 'c':
		of->connections = (unsigned int)tool_count(state, arg, 1, LOAD_CONNECTIONS_MAX);
		return 0;
	case 's':
		of->size = (unsigned int)tool_count(state, arg, 1, LOAD_BYTES_MAX);
		return 0;
	case KEY_ANSWER:
		of->answer = (unsigned int)tool_count(state, arg, 1, 1L << 30);
		return 0;
	case KEY_PIPELINE:
		of->pipeline = (unsigned int)tool_count(state, arg, 1, LOAD_PIPELINE_MAX);
		return 0;
	case 'r':
		of->rate = parse_rate(state, arg);
		return 0;
	case KEY_CHURN:
		of->is_churn = true;
		return 0;
	case 't':
		of->measure_ns = parse_time(state, arg, false);
		return 0;
	case KEY_WARMUP:
		of->warmup_ns = parse_time(state, arg, true);
		return 0;
	case KEY_RAMP:
		of->ramp_ns = parse_time(state, arg, true);
		return 0;
	case KEY_TIMEOUT:
		of->timeout_ns = parse_time(state, arg, false);
		return 0;
	case KEY_SERVER_PID:
		of->server_pid = tool_count(state, arg, 1, 1L << 30);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct wishes *wishes = state->input;

	switch (key) {
	case 'h':
		wishes->host = arg;
		return 0;
	case 'p':
		wishes->port = arg;
		return 0;
	case KEY_UNIX:
		wishes->unix_path = arg;
		return 0;
	case KEY_JSON:
		wishes->is_json = true;
		wishes->json = arg;
		return 0;
	case KEY_PROGRESS:
	case KEY_NO_PROGRESS:
		wishes->progress = key == KEY_PROGRESS;
		return 0;
	case ARGP_KEY_ARG:
		if (wishes->address)
			argp_error(state, "one ADDRESS, not two");
		wishes->address = arg;
		return 0;
	case ARGP_KEY_END:
		check_wishes(wishes, state);
		return 0;
	default:
		return parse_load(key, arg, state);
	}
}

static int print_json(const struct wishes *wishes, const struct load_result *result)
{
	FILE *out = stdout;
	int failed;

	if (wishes->json && strcmp(wishes->json, "-") != 0)
		out = fopen(wishes->json, "we");
	if (!out) {
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, wishes->json,
			strerror(errno));
		return 1;
	}
	load_print_json(out, &wishes->options, result);
	failed = out == stdout ? fflush(out) : fclose(out);
	return failed ? 1 : 0;
}

int load_main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "[ADDRESS]", .doc = doc,
	};
	static struct load_result result;
	struct wishes wishes = {
		.options = {
			.connections = 1, .size = 64, .pipeline = 1, .measure_ns = 5 * COIL_SEC,
			.warmup_ns = COIL_SEC / 2, .timeout_ns = 10 * COIL_SEC,
		},
		.host = "127.0.0.1", .progress = -1,
	};
	int status = 0;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);
	load_run(&wishes.options, &result);
	if (wishes.options.has_progress && result.seconds_count && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	if (result.measured_ns > 0 && wishes.is_json)
		status = print_json(&wishes, &result);
	else if (result.measured_ns > 0)
		load_print_text(stdout, &wishes.options, &result);
	status |= tool_end("load", 0, 1);
	load_print_errors(stderr, &wishes.options, &result);
	return status || result.error || load_errors(&result) || !result.requests;
}
