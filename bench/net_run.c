/* SPDX-License-Identifier: MIT */
/* A cell: all servers are started, loaded in turns, and stopped. */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <coil.h>

#include "../tools/tool.h"
#include "bench.h"
#include "lib/measure.h"

#define PIPELINE 16
#define IDLE_WAIT_NS (300 * COIL_MSEC)
#define IDLE_MAX_NS (20 * COIL_SEC)
#define SETTLE_NS (50 * COIL_MSEC)
#define IDLE_CPU_NS (200 * COIL_MSEC)
#define SWEEPS 2			/* of all connections, in a load */
#define ROUNDS_ANYWAY 2
#define STRETCH_MAX 8

static volatile sig_atomic_t is_interrupted;

static void note_interrupt(int number)
{
	(void)number;
	is_interrupted = 1;
}

void net_watch_interrupt(void)
{
	struct sigaction action = { .sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND };

	/* A second one kills. */
	sigaction(SIGINT, &action, NULL);
}

bool net_is_interrupted(void)
{
	return is_interrupted;
}

/* -- Memory ------------------------------------------------------------------------------------ */

static int connect_to(const struct load_target *target, struct coil_stream **ret_stream)
{
	if (target->unix_path[0])
		return coil_connect_unix(ret_stream, target->unix_path, NULL);
	return coil_connect_tcp(ret_stream, target->host, target->service, NULL);
}

struct idle {
	const struct net_cell *cell;
	const struct net_server *server;
	struct coil_stream **streams;	/* one more than the cell's connections */
	double bytes;
};

/* A first echo, so that the server has made all that a connection needs. */
static int echo_once(struct coil_stream *stream, unsigned int size)
{
	char bytes[4096] = { 0 };
	int n = coil_stream_write(stream, bytes, size);
	size_t got = 0;

	while (n > 0 && got < size) {
		n = coil_stream_read(stream, bytes, size - got);
		got += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		return n;
	return got == size ? 0 : -EPIPE;
}

static int fill(const struct idle *idle, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		int rc = connect_to(&idle->server->target, &idle->streams[i]);

		if (rc == 0)
			rc = echo_once(idle->streams[i], idle->cell->size);
		if (rc < 0)
			return rc;
	}
	return coil_sleep(IDLE_WAIT_NS);
}

static int fill_all(void *arg)
{
	struct idle *idle = arg;
	unsigned int count = idle->cell->connections;
	double before;
	/* What it makes once is not the connections'. */
	int rc = fill(idle, 0, 1);

	before = bench_resident(idle->server->pid);
	if (rc >= 0)
		rc = fill(idle, 1, count + 1);
	idle->bytes = (bench_resident(idle->server->pid) - before) / count;
	return rc;
}

static int measure_idle(void *arg)
{
	struct idle *idle = arg;
	unsigned int count = idle->cell->connections + 1;
	int rc;

	idle->streams = calloc(count, sizeof(*idle->streams));
	if (!idle->streams)
		return -ENOMEM;
	rc = coil_timeout(IDLE_MAX_NS, fill_all, idle);
	for (unsigned int i = 0; i < count; i++)
		coil_stream_close(idle->streams[i]);
	free(idle->streams);
	return rc;
}

static int64_t now_ns(void)
{
	return (int64_t)measure_now_ns();
}

/* Of a server that has just been busy. */
static void measure_idle_cpu(struct net_subject *subject)
{
	const struct timespec settle = { .tv_nsec = SETTLE_NS }, idle = { .tv_nsec = IDLE_CPU_NS };
	int64_t cpu_ns, began;

	subject->life.idle_cpu = UNKNOWN;
	if (subject->server.pid <= 0 || subject->words[0] || is_interrupted)
		return;
	nanosleep(&settle, NULL);
	began = now_ns();
	cpu_ns = load_server_cpu(subject->server.pid);
	nanosleep(&idle, NULL);
	cpu_ns = load_server_cpu(subject->server.pid) - cpu_ns;
	subject->life.idle_cpu = (double)cpu_ns / (double)(now_ns() - began);
}

/* -- A round ----------------------------------------------------------------------------------- */

/* What the child that loads gives to its parent. */
struct answer {
	struct load_result load;
	double idle_bytes;
};

/* A first echo: the server has accepted it, and made all that it needs. */
static int connect_idle(const struct sockaddr *address, socklen_t bytes)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte = 0;

	if (fd < 0 || connect(fd, address, bytes) < 0 || write(fd, &byte, 1) < 0)
		return -errno;
	return read(fd, &byte, 1) == 1 ? 0 : -EPIPE;
}

/* Sockets that are connected and left alone; they end with this process. */
static int open_idle(const struct load_target *target, unsigned int count)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	const struct sockaddr *address = (const struct sockaddr *)(const void *)&path;
	socklen_t bytes = sizeof(path);
	int rc = 0;

	if (count == 0)
		return 0;
	memcpy(path.sun_path, target->unix_path, sizeof(path.sun_path));
	if (!target->unix_path[0]) {
		if (getaddrinfo(target->host, target->service, &numeric, &found))
			return -EADDRNOTAVAIL;
		address = found->ai_addr;
		bytes = found->ai_addrlen;
	}
	for (unsigned int i = 0; i < count && rc == 0; i++)
		rc = connect_idle(address, bytes);
	if (found)
		freeaddrinfo(found);
	return rc;
}

static unsigned int idle_of(const struct net_cell *cell, const struct net_subject *subject)
{
	return subject->kind == NET_BASE ? 0 : cell->idle;
}

static int load_child(const struct net_cell *cell, const struct net_options *options,
		      const struct net_subject *subject, struct answer *answer)
{
	const struct net_server *server = &subject->server;
	const struct coil_options plain = { .size = sizeof(plain), .off = COIL_NO_REPORTS };
	struct load_options load = {
		.target = server->target, .connections = cell->connections, .size = cell->size,
		.pipeline = cell->work == NET_PIPELINED ? PIPELINE : 1,
		.is_churn = cell->work == NET_CONNECTS, .measure_ns = options->measure_ns,
		.warmup_ns = net_warmup_time(cell, options), .server_pid = server->pid,
	};
	struct idle idle = { .cell = cell, .server = server };
	int64_t sweep_ns = net_sweep_time(cell);

	net_pin(cell->work == NET_SPIN ? options->load_core : options->core);
	tool_raise_files();
	answer->load.error = open_idle(&server->target, idle_of(cell, subject));
	if (answer->load.error)
		return answer->load.error;
	if (load.measure_ns < SWEEPS * sweep_ns)
		load.measure_ns = SWEEPS * sweep_ns;
	load.measure_ns *= subject->stretch;
	if (cell->work != NET_IDLE)
		return load_run(&load, &answer->load);
	answer->load.error = coil_run_with(&plain, measure_idle, &idle);
	answer->idle_bytes = idle.bytes;
	return answer->load.error;
}

/* The load's seconds; what is left in the end is a shorter one. */
static void take_series(struct net_subject *subject, const struct load_result *load)
{
	size_t count = subject->series_count + load->seconds_count;
	struct load_second *series = realloc(subject->series, count * sizeof(*series));
	double *series_s;

	if (series)
		subject->series = series;
	series_s = realloc(subject->series_s, count * sizeof(*series_s));
	if (series_s)
		subject->series_s = series_s;
	if (!series || !series_s)
		return;
	for (unsigned int i = 0; i < load->seconds_count; i++) {
		subject->series[subject->series_count] = load->seconds[i];
		subject->series_s[subject->series_count++] =
			fmax(fmin((double)load->measured_ns / 1e9 - i, 1), 0.001);
	}
}

static void take_round(const struct net_cell *cell, const struct net_options *options,
		       struct net_subject *subject, const struct answer *answer)
{
	struct net_round *round = &subject->rounds[subject->rounds_count++];
	const struct load_result *load = &answer->load;

	*round = (struct net_round){ .value = (double)NAN };
	if (cell->work == NET_IDLE && load->error == 0) {
		round->value = answer->idle_bytes;
		return;
	}
	subject->errors += load_errors(load);
	/* Those that were answered were the quick ones. With one round there is no other. */
	if (options->rounds > 1 && !load->error && load->requests < cell->connections &&
	    subject->stretch < STRETCH_MAX && load_errors(load) == 0) {
		subject->stretch *= 2;
		return;
	}
	if (load->error || !load->requests) {
		if (net_server_has_died(&subject->server, subject->words, sizeof(subject->words)))
			return;
		if (load->words[0])
			snprintf(subject->words, sizeof(subject->words), "%s", load->words);
		else
			snprintf(subject->words, sizeof(subject->words), "the load failed: %s",
				 load->first_error ? coil_strerror(load->first_error) :
				 load->error ? coil_strerror(load->error) : "no answers");
		return;
	}
	round->requests_per_s = (double)load->requests * 1e9 / (double)load->measured_ns;
	round->value = (double)load->server_cpu_ns / 1e3 / (double)load->requests;
	if (cell->work == NET_SPIN)
		round->value = round->requests_per_s;
	round->p50_us = (double)coil_bench_histogram_quantile(&load->latency, 0.5) / 1e3;
	round->p99_us = (double)coil_bench_histogram_quantile(&load->latency, 0.99) / 1e3;
	coil_bench_histogram_merge(&subject->latency, &load->latency);
	take_series(subject, load);
}

/* In a process of its own: its memory and its descriptors are gone with it. */
static void run_round(const struct net_cell *cell, const struct net_options *options,
		      struct net_subject *subject, struct answer *answer)
{
	int status = 0;
	pid_t child;

	memset(answer, 0, sizeof(*answer));
	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(load_child(cell, options, subject, answer) < 0);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (child < 0 || WIFSIGNALED(status)) {
		snprintf(subject->words, sizeof(subject->words), "the load's process died");
		return;
	}
	if (!answer->load.is_interrupted && !is_interrupted)
		take_round(cell, options, subject, answer);
}

static void start_servers(const struct net_cell *cell, int core, struct net_result *result)
{
	for (unsigned int i = 0; i < result->subjects_count; i++) {
		struct net_subject *subject = &result->subjects[i];

		if (!subject->words[0] && !is_interrupted)
			net_server_start(cell, subject, core);
	}
}

/* Less of it is better, except of requests a second. */
static bool is_better(const struct net_result *result, const struct net_subject *subject,
		      const struct net_subject *than)
{
	double value = net_median(subject, net_round_value);
	double other = net_median(than, net_round_value);

	return result->cell->work == NET_SPIN ? value > other : value < other;
}

static void choose_floor(struct net_result *result)
{
	for (unsigned int i = 0; i < result->subjects_count; i++) {
		const struct net_subject *subject = &result->subjects[i];

		/* Less than a page, of memory, is 0, and nothing can be compared with it. */
		if (subject->kind != net_floor_kind(result->cell) ||
		    !(net_median(subject, net_round_value) > 0))
			continue;
		if (!result->floor || is_better(result, subject, result->floor))
			result->floor = subject;
	}
}

/* One round of all that are wanted; there, or back. */
static void run_turn(const struct net_options *options, struct net_result *result,
		     const bool *wanted, struct answer *answer)
{
	unsigned int count = result->subjects_count, round = result->rounds;

	for (unsigned int i = 0; i < count && !is_interrupted; i++) {
		unsigned int at = round % 2 ? count - 1 - i : i;
		struct net_subject *subject = &result->subjects[at];

		if (!wanted[at])
			continue;
		/* Memory that was freed is used again, and would not show. */
		if (round && result->cell->work == NET_IDLE) {
			net_server_stop(&subject->server);
			net_server_start(result->cell, subject, options->core);
		}
		if (!subject->words[0])
			run_round(result->cell, options, subject, answer);
	}
	result->rounds++;
}

/* Rounds that are run whatever they take; one more, where the first was too short for somebody. */
static unsigned int rounds_anyway(const struct net_result *result)
{
	for (unsigned int i = 0; i < result->subjects_count; i++)
		if (result->subjects[i].stretch > 1)
			return ROUNDS_ANYWAY + 1;
	return ROUNDS_ANYWAY;
}

/* Until all is known, the rounds are used up, or the next one would not fit into the budget. */
static void run_rounds(const struct net_options *options, struct net_result *result,
		       struct answer *answer)
{
	int64_t began = now_ns(), deadline = began + options->budget_ns - result->setup_ns;
	bool wanted[NET_SUBJECTS_MAX];
	unsigned int loads = 0;

	while (result->rounds < options->rounds && !is_interrupted) {
		unsigned int count = net_undecided(result, result->rounds, wanted);
		int64_t now = now_ns();

		if (count == 0)
			break;
		if (result->rounds >= rounds_anyway(result) &&
		    now + (now - began) / loads * count > deadline) {
			result->is_over_budget = true;
			break;
		}
		run_turn(options, result, wanted, answer);
		loads += count;
	}
}

void net_free(struct net_result *result)
{
	for (unsigned int i = 0; i < result->subjects_count; i++) {
		free(result->subjects[i].series);
		free(result->subjects[i].series_s);
	}
}

int net_measure(const struct net_cell *cell, const struct net_options *options,
		struct net_result *ret_result)
{
	struct answer *answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t began = now_ns();

	if (answer == MAP_FAILED)
		return -ENOMEM;
	memset(ret_result, 0, sizeof(*ret_result));
	ret_result->cell = cell;
	net_subjects(cell, options->has_peers, ret_result);
	if (cell->work == NET_SPIN && options->load_core < 0) {
		snprintf(ret_result->words, sizeof(ret_result->words),
			 "server and load need a core each, and there is one");
		ret_result->subjects_count = 0;
	}
	start_servers(cell, options->core, ret_result);
	ret_result->setup_ns = now_ns() - began;
	run_rounds(options, ret_result, answer);
	for (unsigned int i = 0; i < ret_result->subjects_count; i++) {
		struct net_subject *subject = &ret_result->subjects[i];

		if (cell->work == NET_SPIN)
			measure_idle_cpu(subject);
		net_server_finish(cell, subject);
		if (!subject->words[0] && subject->stretch > 1 &&
		    isnan(net_median(subject, net_round_value)))
			snprintf(subject->words, sizeof(subject->words), "not one round in which "
				 "all of %u connections were answered", cell->connections);
	}
	munmap(answer, sizeof(*answer));
	choose_floor(ret_result);
	return 0;
}
