/* SPDX-License-Identifier: MIT */
/*
 * coil-load - load for an echo server, in a closed loop: each connection sends a message, reads it
 * back whole, compares it, and sends the next one. Times are measured for each message.
 */
#include "histogram.h"
#include "tool.h"

#include <coil.h>

#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef COIL_VERSION
#define COIL_VERSION "0.1.0"
#endif

#define SIZE_MAX_BYTES 65536
#define CONNECT_NS (10 * COIL_SEC)
#define RAMP 100

const char *argp_program_version = "coil-load " COIL_VERSION;

struct load {
	const char *host;
	const char *service;
	const char *unix_path;
	long connections;
	long size;
	int64_t measure_ns;
	int64_t warmup_ns;
	bool json;
	bool is_measuring;
	bool is_over;
	long connected;
	long clients;		/* still there */
	struct coil_promise all_connected;
	struct coil_promise all_gone;
	char *message;		/* size bytes, sent by all */
	uint64_t requests;
	uint64_t errors;
	int first_error;
	int64_t measured_ns;
	long server_pid;	/* 0: its CPU time is not asked for */
	int64_t server_cpu_ns;
	struct histogram times;
};

/* One client in one process. */
static struct load load = {
	.host = "127.0.0.1",
	.connections = 1,
	.size = 64,
	.measure_ns = 5 * COIL_SEC,
	.warmup_ns = COIL_SEC / 2,
};

static void count_error(int error)
{
	if (load.is_over)
		return;
	load.errors++;
	if (load.first_error == 0)
		load.first_error = error;
	/* Nobody waits for what will not come. */
	if (!coil_future_done(&load.all_connected.future))
		coil_promise_resolve(&load.all_connected, error);
}

static int open_connection(struct coil_stream **ret_stream)
{
	if (load.unix_path)
		return coil_connect_unix(ret_stream, load.unix_path, NULL);
	return coil_connect_tcp(ret_stream, load.host, load.service, NULL);
}

/* One message there and back. 0, or a negative errno. */
static int exchange(struct coil_stream *stream, char *buffer)
{
	size_t size = (size_t)load.size;
	size_t got = 0;
	int n = coil_stream_write(stream, load.message, size);

	if (n < (int)size)
		return n < 0 ? n : -ECANCELED;
	while (got < size) {
		n = coil_stream_read(stream, buffer + got, size - got);
		if (n <= 0)
			return n < 0 ? n : -EPIPE;
		got += (size_t)n;
	}
	return memcmp(buffer, load.message, size) == 0 ? 0 : -EBADMSG;
}

static int talk(struct coil_stream *stream, char *buffer)
{
	int64_t before = coil_now();
	int64_t now;
	int rc;

	while ((rc = exchange(stream, buffer)) == 0) {
		now = coil_now();
		if (load.is_measuring) {
			load.requests++;
			histogram_add(&load.times, (uint64_t)(now - before));
		}
		before = now;
	}
	return rc;
}

static int client(void *arg)
{
	char *buffer = malloc((size_t)load.size);
	struct coil_stream *stream;
	int rc = buffer ? open_connection(&stream) : -ENOMEM;

	(void)arg;
	if (rc == 0) {
		if (++load.connected == load.connections)
			coil_promise_resolve(&load.all_connected, 0);
		rc = talk(stream, buffer);
		coil_stream_close(stream);
	}
	if (rc < 0)
		count_error(rc);
	free(buffer);
	if (--load.clients == 0)
		coil_promise_resolve(&load.all_gone, 0);
	return 0;
}

static int await_connections(void *arg)
{
	(void)arg;
	return coil_await(&load.all_connected.future);
}

/* What a thread of the server has had of the CPUs: the first number of its schedstat. */
static int64_t thread_cpu_ns(const char *thread)
{
	char path[300];
	char text[100] = "";
	FILE *file;

	snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", load.server_pid, thread);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof text, file))
		text[0] = '\0';
	fclose(file);
	return strtol(text, NULL, 10);
}

static int64_t server_cpu_ns(void)
{
	struct dirent *entry;
	int64_t sum = 0;
	char path[64];
	DIR *dir;

	if (load.server_pid == 0)
		return 0;
	snprintf(path, sizeof path, "/proc/%ld/task", load.server_pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			sum += thread_cpu_ns(entry->d_name);
	if (dir)
		closedir(dir);
	return sum;
}

/* Sleeps, unless there is nobody left to wait for. 0, 1 if nobody is, or a negative errno. */
static int wait_for_clients(int64_t duration_ns)
{
	struct coil_future *gone = &load.all_gone.future;

	return coil_wait(&gone, 1, COIL_ALL, coil_now() + duration_ns);
}

/* Through the phases: connect, warm up, measure. */
static int direct(void)
{
	int rc = coil_timeout(CONNECT_NS, await_connections, NULL);
	int64_t start;

	if (rc == 0)
		rc = wait_for_clients(load.warmup_ns);
	load.server_cpu_ns = -server_cpu_ns();
	start = coil_now();
	load.is_measuring = true;
	if (rc == 0)
		rc = wait_for_clients(load.measure_ns);
	load.is_measuring = false;
	load.is_over = true;
	load.measured_ns = coil_now() - start;
	load.server_cpu_ns += server_cpu_ns();
	return rc;
}

static int run(void *arg)
{
	struct coil_group group;
	int rc = 0;

	(void)arg;
	coil_promise_init(&load.all_connected);
	coil_promise_init(&load.all_gone);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	load.clients = load.connections;
	for (long i = 0; i < load.connections && rc == 0; i++) {
		rc = coil_go(&group, client, NULL);
		/* Not more at a time than a backlog holds, or TCP begins to wait for seconds. */
		while (rc == 0 && i - load.connected > RAMP && !load.errors)
			rc = coil_sleep(COIL_MSEC / 10);
	}
	if (rc == 0)
		rc = direct();
	load.is_over = true;
	coil_group_cancel(&group);
	coil_group_close(&group);
	coil_promise_deinit(&load.all_connected);
	coil_promise_deinit(&load.all_gone);
	/* Interrupted: what was measured counts. */
	return rc > 0 || (rc == -ECANCELED && load.requests) ? 0 : rc;
}

static double micros(double fraction)
{
	return (double)histogram_quantile(&load.times, fraction) / 1e3;
}

static void print_result(void)
{
	double seconds = (double)load.measured_ns / 1e9;
	double rate = seconds > 0 ? (double)load.requests / seconds : 0;
	double max = (double)load.times.max / 1e3;

	if (load.json) {
		printf("{\"version\":1,\"connections\":%ld,\"size\":%ld,\"seconds\":%.3f,"
		       "\"requests\":%" PRIu64 ",\"requests_per_s\":%.0f,\"p50_us\":%.1f,"
		       "\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"errors\":%" PRIu64
		       ",\"server_cpu_us\":%.1f}\n",
		       load.connections, load.size, seconds, load.requests, rate, micros(0.5),
		       micros(0.99), micros(0.999), max, load.errors,
		       (double)load.server_cpu_ns / 1e3);
		return;
	}
	printf("%ld connections, %ld bytes, %.2f s\n", load.connections, load.size, seconds);
	printf("requests    %" PRIu64 "\n", load.requests);
	printf("requests/s  %.0f\n", rate);
	printf("p50         %.1f us\n", micros(0.5));
	printf("p99         %.1f us\n", micros(0.99));
	printf("p99.9       %.1f us\n", micros(0.999));
	printf("max         %.1f us\n", max);
	printf("errors      %" PRIu64 "\n", load.errors);
	if (load.server_pid && load.requests)
		printf("server CPU  %.2f us a request\n",
		       (double)load.server_cpu_ns / 1e3 / (double)load.requests);
}

enum { KEY_UNIX = 0x100, KEY_WARMUP, KEY_JSON, KEY_SERVER_PID };

static const struct argp_option options[] = {
	{"host", 'h', "HOST", 0, "where the server is (127.0.0.1)", 0},
	{"port", 'p', "PORT", 0, "its port, or the name of a service", 0},
	{"unix", KEY_UNIX, "PATH", 0, "its unix socket instead", 0},
	{"connections", 'c', "N", 0, "connections at once (1)", 0},
	{"size", 's', "BYTES", 0, "of a message, at most 64k (64)", 0},
	{"seconds", 't', "TIME", 0, "how long to measure: 5, 0.5s, 500ms (5)", 0},
	{"warmup", KEY_WARMUP, "TIME", 0, "before that (0.5)", 0},
	{"server-pid", KEY_SERVER_PID, "PID", 0, "tell the CPU time of this process, too", 0},
	{"json", KEY_JSON, NULL, 0, "print one JSON object", 0},
	{0},
};

static void check_target(struct argp_state *state)
{
	if (!load.service && !load.unix_path)
		argp_error(state, "--port or --unix is needed");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'h':
		load.host = arg;
		return 0;
	case 'p':
		load.service = arg;
		return 0;
	case KEY_UNIX:
		load.unix_path = arg;
		return 0;
	case 'c':
		load.connections = tool_count(state, arg, 1, 1 << 20);
		return 0;
	case 's':
		load.size = tool_count(state, arg, 1, SIZE_MAX_BYTES);
		return 0;
	case 't':
		load.measure_ns = tool_duration(state, arg);
		return 0;
	case KEY_WARMUP:
		load.warmup_ns = tool_duration(state, arg);
		return 0;
	case KEY_SERVER_PID:
		load.server_pid = tool_count(state, arg, 1, 1L << 30);
		return 0;
	case KEY_JSON:
		load.json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return EINVAL;
	case ARGP_KEY_END:
		check_target(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.doc = "Loads an echo server and measures it.\v"
	       "SIGINT ends the measurement early, and what was measured is printed.\n\n"
	       "Exit status: 0 done without errors, 1 something failed, 2 wrong usage.",
};

static char *new_message(size_t size)
{
	char *message = malloc(size);

	for (size_t i = 0; message && i < size; i++)
		message[i] = (char)(i * 131 + (i >> 8));
	return message;
}

int main(int argc, char **argv)
{
	struct coil_options run_options = {.size = sizeof run_options, .name = "load"};
	int rc;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	tool_raise_files();
	load.message = new_message((size_t)load.size);
	if (!load.message)
		return 1;
	rc = coil_run_with(&run_options, run, NULL);
	if (rc == 0)
		print_result();
	free(load.message);
	if (rc < 0 || load.errors) {
		fprintf(stderr, "coil-load: %s\n",
			coil_strerror(load.first_error ? load.first_error : rc));
		return 1;
	}
	return load.requests == 0;
}
