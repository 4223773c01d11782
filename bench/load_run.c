/* SPDX-License-Identifier: MIT */
/*
 * A load from its start to its result: all connect, the load grows and warms up, is measured, and
 * what is under way is waited for. One task watches: seconds, requests without an answer.
 */
#include "load_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../tools/tool.h"

#ifndef COIL_VERSION
#define COIL_VERSION "0.1.0"
#endif

#define CONNECT_NS (10 * COIL_SEC)
#define DRAIN_NS COIL_SEC
#define WATCH_NS (100 * COIL_MSEC)
#define RAMP 100		/* connects under way: not more than a backlog holds */
#define FILES_SPARE 32
#define COPIES_BYTES_MAX (256 << 10)
#define BUFFER_BYTES_MAX 65536
#define HTTP_BUFFER_BYTES 16384

/* -- The server's CPU time --------------------------------------------------------------------- */

int64_t load_server_cpu(long pid)
{
	struct timespec cpu;
	clockid_t clock;

	if (pid == 0 || clock_getcpuclockid((pid_t)pid, &clock) != 0 ||
	    clock_gettime(clock, &cpu) < 0)
		return 0;
	return (int64_t)cpu.tv_sec * COIL_SEC + cpu.tv_nsec;
}

/* -- Each second ------------------------------------------------------------------------------- */

uint64_t load_errors(const struct load_result *result)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < LOAD_ERRORS; i++)
		sum += result->errors[i];
	return sum;
}

static void show_progress(const struct load *load, const struct load_second *second)
{
	static int is_terminal = -1;
	unsigned int count = load->result->seconds_count;

	if (is_terminal < 0)
		is_terminal = isatty(STDERR_FILENO);
	fprintf(stderr, "%s%4u s  %9llu requests/s  p50 %9.1f us  p99 %9.1f us  errors %llu%s",
		is_terminal ? "\r" : "", count, (unsigned long long)second->requests,
		(double)second->p50_ns / 1e3, (double)second->p99_ns / 1e3,
		(unsigned long long)second->errors, is_terminal ? "\033[K" : "\n");
	fflush(stderr);
}

/* Adds the interval to the whole, and a row to the series. */
static void end_second(struct load *load)
{
	struct load_result *result = load->result;
	struct coil_bench_histogram *interval = &load->interval;
	struct load_second second = {
		.requests = result->requests - load->before.requests,
		.errors = load_errors(result) - load->before.errors,
		.p50_ns = coil_bench_histogram_quantile(interval, 0.5),
		.p99_ns = coil_bench_histogram_quantile(interval, 0.99),
		.max_ns = interval->max,
	};

	coil_bench_histogram_merge(&result->latency, interval);
	memset(interval, 0, sizeof(*interval));
	load->before.requests = result->requests;
	load->before.errors = load_errors(result);
	if (result->seconds_count < LOAD_SECONDS_MAX)
		result->seconds[result->seconds_count++] = second;
	if (load->options->has_progress)
		show_progress(load, &second);
}

/* Ends the sessions whose oldest request has waited for too long. */
static void end_stalled(struct load *load, int64_t now)
{
	int64_t limit = now - load->options->timeout_ns;

	for (unsigned int i = 0; i < load->options->connections; i++) {
		struct load_connection *connection = &load->connections[i];

		if (connection->scope && connection->in_flight &&
		    connection->requests[connection->head].sent_ns < limit)
			coil_scope_cancel(connection->scope, -ETIMEDOUT, "no answer in time");
	}
}

static int watch(void *arg)
{
	struct load *load = arg;
	int64_t second = COIL_SEC;
	int rc;

	while ((rc = coil_sleep(WATCH_NS)) == 0) {
		int64_t now = coil_now();

		end_stalled(load, now);
		while (load->measure_from_ns && load->measure_from_ns + second <= now &&
		       load->measure_from_ns + second < load->measure_until_ns) {
			end_second(load);
			second += COIL_SEC;
		}
	}
	return rc;
}

/* -- Phases ------------------------------------------------------------------------------------ */

static int await_connections(void *arg)
{
	struct load *load = arg;

	return coil_await(&load->all_connected.future);
}

/* Sleeps, unless there is nobody left to wait for. 0, 1 if nobody is, or a negative errno. */
static int wait_for_clients(struct load *load, int64_t until_ns)
{
	struct coil_future *gone = &load->all_gone.future;

	return coil_wait(&gone, 1, COIL_ALL, until_ns);
}

static void forget_warmup(struct load *load)
{
	struct load_result *result = load->result;

	memset(&load->interval, 0, sizeof(load->interval));
	load->before.errors = load_errors(result);
	load->is_counting = true;
	result->server_cpu_ns = -load_server_cpu(load->options->server_pid);
}

static void end_counting(struct load *load)
{
	load->is_counting = false;
	load->result->server_cpu_ns += load_server_cpu(load->options->server_pid);
}

static void begin_schedule(struct load *load, int64_t now)
{
	const struct load_options *options = load->options;

	load->schedule = (struct load_schedule){
		.start_ns = now + COIL_MSEC, .rate = options->rate,
		.ramp_s = (double)options->ramp_ns / 1e9,
	};
	load->measure_from_ns = now + COIL_MSEC + options->ramp_ns + options->warmup_ns;
	load->measure_until_ns = load->measure_from_ns + options->measure_ns;
}

/* What is still open in the end has waited at least for so long. */
static void count_unanswered(struct load *load, int64_t now)
{
	struct load_result *result = load->result;

	for (unsigned int i = 0; i < load->options->connections; i++) {
		struct load_connection *connection = &load->connections[i];
		uint64_t number = connection->next - connection->in_flight;

		for (;; number++) {
			int64_t planned = load_connection_planned(connection, number);

			if (planned >= load->measure_until_ns)
				break;
			if (planned < load->measure_from_ns)
				continue;
			coil_bench_histogram_add(&load->interval, (uint64_t)(now - planned), 1);
			result->unanswered++;
		}
	}
	result->planned = result->requests + load->lost + result->unanswered;
}

/* Interrupted: the plan ends now. */
static void end_plan(struct load *load, int rc)
{
	int64_t now = coil_now();

	if (rc != 0 && now < load->measure_until_ns)
		load->measure_until_ns = now;
}

static int measure_open_loop(struct load *load)
{
	int rc = wait_for_clients(load, load->measure_from_ns);

	if (rc != 0)
		return rc;
	forget_warmup(load);
	rc = wait_for_clients(load, load->measure_until_ns);
	end_counting(load);
	end_plan(load, rc);
	load->result->measured_ns = load->measure_until_ns - load->measure_from_ns;
	if (rc == 0)
		rc = wait_for_clients(load, load->measure_until_ns + DRAIN_NS);
	load->is_over = true;
	if (load->measure_until_ns > load->measure_from_ns)
		count_unanswered(load, coil_now());
	return rc;
}

static int measure_closed_loop(struct load *load)
{
	int rc = wait_for_clients(load, coil_now() + load->options->warmup_ns);

	if (rc != 0)
		return rc;
	forget_warmup(load);
	load->measure_from_ns = coil_now();
	load->measure_until_ns = load->measure_from_ns + load->options->measure_ns;
	rc = wait_for_clients(load, load->measure_until_ns);
	load->is_over = true;
	load->result->measured_ns = coil_now() - load->measure_from_ns;
	end_counting(load);
	return rc;
}

/* Through the phases, the watcher beside them. */
static int direct(struct load *load)
{
	struct coil_group group;
	int rc = coil_timeout(CONNECT_NS, await_connections, load);

	if (rc < 0)
		return rc;
	load->is_started = true;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	rc = coil_go(&group, watch, load);
	if (load->options->rate > 0)
		begin_schedule(load, coil_now());
	coil_promise_resolve(&load->go, 0);
	if (rc == 0)
		rc = load->options->rate > 0 ? measure_open_loop(load) : measure_closed_loop(load);
	coil_group_cancel(&group);
	coil_group_close(&group);
	if (load->interval.total)
		end_second(load);
	return rc;
}

/* -- Connections ------------------------------------------------------------------------------- */

/* At once, or spread over the ramp. */
static int64_t start_time(const struct load *load, int64_t began, unsigned int i)
{
	if (load->options->rate > 0)
		return began;
	return began + load->options->ramp_ns / load->options->connections * i;
}

static int start_connections(struct load *load, struct coil_group *group)
{
	int64_t began = coil_now();
	int rc = 0;

	load->clients = load->options->connections;
	for (unsigned int i = 0; i < load->options->connections && rc == 0; i++) {
		rc = coil_go(group, load_connection_main, &load->connections[i]);
		/* More would wait for seconds until TCP tries them again. */
		while (rc == 0 && i - load->connected > RAMP && i > load->connected &&
		       !load->result->first_error)
			rc = coil_sleep(COIL_MSEC / 10);
		if (rc == 0 && start_time(load, began, i + 1) > coil_now())
			rc = coil_sleep_until(start_time(load, began, i + 1));
	}
	return rc;
}

static int run(void *arg)
{
	struct load *load = arg;
	struct coil_group group;
	int rc;

	coil_promise_init(&load->all_connected);
	coil_promise_init(&load->all_gone);
	coil_promise_init(&load->go);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	rc = start_connections(load, &group);
	if (rc == 0)
		rc = direct(load);
	load->is_over = true;
	coil_group_cancel(&group);
	coil_group_close(&group);
	coil_promise_deinit(&load->all_connected);
	coil_promise_deinit(&load->all_gone);
	coil_promise_deinit(&load->go);
	load->result->is_interrupted = rc == -ECANCELED;
	/* Interrupted: what was measured counts. */
	return rc > 0 || (rc == -ECANCELED && load->result->requests) ? 0 : rc;
}

/* -- Memory ------------------------------------------------------------------------------------ */

static size_t write_get(const struct load_options *options, char *text, size_t bytes)
{
	const struct load_target *target = &options->target;
	bool is_v6 = strchr(target->host, ':') != NULL;
	int length = snprintf(text, bytes,
			      "GET %s HTTP/1.1\r\nHost: %s%s%s%s%s\r\nUser-Agent: coil-load/"
			      COIL_VERSION "\r\nAccept: */*\r\n%s\r\n",
			      target->resource, is_v6 ? "[" : "",
			      target->host[0] ? target->host : "localhost", is_v6 ? "]" : "",
			      target->service[0] && strcmp(target->service, "80") != 0 ? ":" : "",
			      strcmp(target->service, "80") != 0 ? target->service : "",
			      options->is_churn ? "Connection: close\r\n" : "");

	return (size_t)length;
}

static int make_message(struct load *load)
{
	const struct load_options *options = load->options;
	char get[4096];
	size_t bytes = options->size;

	if (options->target.protocol == LOAD_HTTP)
		bytes = write_get(options, get, sizeof(get));
	load->message_bytes = bytes;
	load->copies = COPIES_BYTES_MAX / bytes < options->pipeline ?
			       (unsigned int)(COPIES_BYTES_MAX / bytes) : options->pipeline;
	if (load->copies == 0)
		load->copies = 1;
	load->message = malloc(bytes * load->copies);
	if (!load->message)
		return -ENOMEM;
	for (size_t i = 0; i < bytes; i++)
		load->message[i] = (char)(i * 131 + (i >> 8));
	if (options->target.protocol == LOAD_HTTP)
		memcpy(load->message, get, bytes);
	for (unsigned int copy = 1; copy < load->copies; copy++)
		memcpy(load->message + copy * bytes, load->message, bytes);
	load->answer_bytes = options->answer ? options->answer : options->size;
	load->buffer_bytes = load->answer_bytes < BUFFER_BYTES_MAX ? load->answer_bytes
								   : BUFFER_BYTES_MAX;
	if (options->pipeline > 1 || options->target.protocol == LOAD_HTTP)
		load->buffer_bytes = HTTP_BUFFER_BYTES;
	return 0;
}

static int make_connection(struct load *load, unsigned int i)
{
	struct load_connection *connection = &load->connections[i];

	connection->load = load;
	connection->index = i;
	connection->buffer = malloc(load->buffer_bytes);
	connection->requests = calloc(load->options->pipeline, sizeof(*connection->requests));
	if (load->options->target.protocol == LOAD_HTTP)
		connection->http = malloc(sizeof(*connection->http));
	if (load->options->target.protocol == LOAD_HTTP && !connection->http)
		return -ENOMEM;
	return connection->buffer && connection->requests ? 0 : -ENOMEM;
}

static int load_open(struct load *load)
{
	int rc = make_message(load);

	if (rc < 0)
		return rc;
	load->connections = calloc(load->options->connections, sizeof(*load->connections));
	if (!load->connections)
		return -ENOMEM;
	for (unsigned int i = 0; i < load->options->connections && rc == 0; i++)
		rc = make_connection(load, i);
	return rc;
}

static void load_close(struct load *load)
{
	for (unsigned int i = 0; load->connections && i < load->options->connections; i++) {
		free(load->connections[i].buffer);
		free(load->connections[i].requests);
		free(load->connections[i].http);
	}
	free(load->connections);
	free(load->message);
	free(load);
}

static struct load_options with_defaults(const struct load_options *options)
{
	struct load_options full = *options;

	full.connections = full.connections ? full.connections : 1;
	full.size = full.size ? full.size : 64;
	full.pipeline = full.pipeline ? full.pipeline : 1;
	full.measure_ns = full.measure_ns ? full.measure_ns : 5 * COIL_SEC;
	full.timeout_ns = full.timeout_ns ? full.timeout_ns : 10 * COIL_SEC;
	return full;
}

/* Said before a thousand connects fail. */
static int check_files(const struct load_options *options, struct load_result *result)
{
	struct rlimit limit = { 0 };

	tool_raise_files();
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= (rlim_t)options->connections + FILES_SPARE)
		return 0;
	snprintf(result->words, sizeof(result->words),
		 "%u connections need as many descriptors, and the limit is %llu: see ulimit -n",
		 options->connections, (unsigned long long)limit.rlim_cur);
	return -EMFILE;
}

int load_run(const struct load_options *options, struct load_result *ret_result)
{
	const struct coil_options run_options = { .size = sizeof(run_options), .name = "load" };
	struct load_options full = with_defaults(options);
	struct load *load = calloc(1, sizeof(*load));

	memset(ret_result, 0, sizeof(*ret_result));
	ret_result->error = load ? check_files(&full, ret_result) : -ENOMEM;
	if (ret_result->error == 0) {
		load->options = &full;
		load->result = ret_result;
		ret_result->error = load_open(load);
		if (ret_result->error == 0)
			ret_result->error = coil_run_with(&run_options, run, load);
		load_close(load);
	} else {
		free(load);
	}
	return ret_result->error;
}
