/* SPDX-License-Identifier: MIT */
/*
 * load - requests for a server, and what became of them.
 *
 * Closed loop: each connection keeps --pipeline requests under way and sends the next one when one
 * is answered; a slow server is asked less, so this measures throughput. Open loop: requests have
 * planned times (load_schedule.h), and a request's latency counts from its planned time, whether or
 * not it could be sent then: a stall of the server shows in all requests that it held up.
 *
 * load_run() may be called once in a process: it runs a loop of its own.
 */
#ifndef COIL_BENCH_LOAD_H
#define COIL_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <coil/bench.h>

#define LOAD_SECONDS_MAX 3600
#define LOAD_CONNECTIONS_MAX 1048576
#define LOAD_PIPELINE_MAX 1024
#define LOAD_BYTES_MAX (16 << 20)
#define LOAD_STATUSES 16

enum load_protocol { LOAD_ECHO, LOAD_HTTP };

/* Where to connect to, and what to say. */
struct load_target {
	enum load_protocol protocol;
	char host[256];
	char service[32];
	char unix_path[108];		/* not empty: instead of host and service */
	char resource[2048];		/* LOAD_HTTP: begins with a slash */
};

/* Zero is the default where 0 makes no sense. */
struct load_options {
	struct load_target target;
	unsigned int connections;	/* 1 */
	unsigned int size;		/* LOAD_ECHO: bytes of a message: 64 */
	unsigned int answer;		/* LOAD_ECHO: bytes of it, not compared; 0: an echo */
	unsigned int pipeline;		/* requests under way on a connection: 1 */
	double rate;			/* planned requests a second, of all; 0: closed loop */
	int64_t measure_ns;		/* 5 s */
	int64_t warmup_ns;		/* none */
	int64_t ramp_ns;		/* none */
	int64_t timeout_ns;		/* for an answer: 10 s */
	bool is_churn;			/* a new connection for each request */
	bool has_progress;		/* a line on stderr each second */
	long server_pid;		/* whose CPU time is told; 0: nobody's */
};

/* What can become of a request, or of a connection, but an answer. */
enum load_error {
	LOAD_REFUSED,
	LOAD_RESET,
	LOAD_CLOSED,			/* in order, but an answer was due */
	LOAD_TIMEOUT,
	LOAD_MALFORMED,			/* no HTTP, or not what was sent */
	LOAD_OTHER,
	LOAD_ERRORS,
};

struct load_second {
	uint64_t requests;
	uint64_t errors;
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t max_ns;
};

struct load_status {
	int code;
	uint64_t count;
};

struct load_result {
	int error;			/* a negative errno: nothing was measured */
	char words[256];		/* one sentence on what stood in the way, or "" */
	bool is_interrupted;
	int64_t measured_ns;
	uint64_t requests;		/* answered */
	uint64_t bytes;			/* received */
	uint64_t connects;
	uint64_t planned;		/* open loop: until the end */
	uint64_t unanswered;		/* of these, still open then: counted with their age */
	uint64_t errors[LOAD_ERRORS];
	int first_error;		/* a negative errno */
	struct load_status statuses[LOAD_STATUSES];
	int64_t server_cpu_ns;
	struct coil_bench_histogram latency;	/* from the planned time, or from the sending */
	struct coil_bench_histogram service;	/* open loop: from the sending */
	unsigned int seconds_count;
	struct load_second seconds[LOAD_SECONDS_MAX];
};

/* A number from 1 to 65535? */
bool load_target_is_port(const char *text);

/**
 * load_target_parse - an address as users write it
 * @text:       HOST:PORT, [V6]:PORT, tcp://HOST:PORT, unix:PATH, http://HOST[:PORT][/RESOURCE]
 * @ret_target: untouched on failure
 *
 * Return: NULL, or words on what is wrong with it.
 */
const char *load_target_parse(const char *text, struct load_target *ret_target);

/**
 * load_target_describe - the same the other way round
 */
void load_target_describe(const struct load_target *target, char *text, size_t bytes);

/**
 * load_run - connect, warm up, measure, report
 * @options:    what is asked for
 * @ret_result: large; filled whatever happens
 *
 * SIGINT ends the measuring; what was measured is the result.
 * Return: 0, or the result's error.
 */
int load_run(const struct load_options *options, struct load_result *ret_result);

uint64_t load_errors(const struct load_result *result);

/**
 * load_server_cpu - CPU time of all threads of a process, also those that ended, in nanoseconds; 0
 * if it is not known
 */
int64_t load_server_cpu(long pid);

void load_print_text(FILE *out, const struct load_options *options,
		     const struct load_result *result);
void load_print_json(FILE *out, const struct load_options *options,
		     const struct load_result *result);

/* Says in sentences on @out what went wrong; nothing if nothing did. */
void load_print_errors(FILE *out, const struct load_options *options,
		       const struct load_result *result);

/**
 * load_main - `coil-bench load`, and coil-load
 * @argv: argv[0] is the program's name in its messages
 *
 * Return: 0 done without errors, 1 something failed, 2 wrong usage.
 */
int load_main(int argc, char **argv);

#endif
