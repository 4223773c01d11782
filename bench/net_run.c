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
#include <unistd.h>

#include <coil.h>

#include "../tools/tool.h"

#define PIPELINE 16
#define CELLS_MAX 40
#define IDLE_WAIT_NS (300 * COIL_MSEC)
#define IDLE_MAX_NS (20 * COIL_SEC)

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

/* -- Cells ------------------------------------------------------------------------------------- */

static const char *size_text(unsigned int size)
{
	return size == 64 ? "64" : size == 4096 ? "4k" : "64k";
}

static void add_echoes(struct net_cell *cells, unsigned int *count, bool is_unix)
{
	static const unsigned int connections[] = { 1, 50, 1000, 10000 };
	static const unsigned int sizes[] = { 64, 4096, 65536 };

	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 3; j++) {
			struct net_cell *cell = &cells[(*count)++];

			*cell = (struct net_cell){ .work = NET_ECHO, .is_unix = is_unix,
						   .connections = connections[i],
						   .size = sizes[j] };
			snprintf(cell->name, sizeof(cell->name), "echo_%s_%ux%s",
				 is_unix ? "unix" : "tcp", connections[i], size_text(sizes[j]));
			snprintf(cell->what, sizeof(cell->what),
				 "server CPU for an echo of %u bytes, %u connection%s; best raw",
				 sizes[j], connections[i], connections[i] == 1 ? "" : "s");
		}
	}
}

static void add_others(struct net_cell *cells, unsigned int *count, bool is_unix)
{
	static const struct net_cell others[] = {
		{ .work = NET_PIPELINED, .connections = 50, .size = 64, .name = "pipelined",
		  .what = "server CPU for an echo, 16 under way on each of 50 connections" },
		{ .work = NET_CONNECTS, .connections = 50, .size = 64, .name = "connects",
		  .what = "server CPU for a connection with one echo, 50 at a time" },
		{ .work = NET_ECHO, .connections = 50, .size = 64, .idle = 1000,
		  .name = "beside_1k", .what = "server CPU for an echo of 64 bytes, 50 "
					       "connections beside 1,000 idle ones" },
		{ .work = NET_ECHO, .connections = 50, .size = 64, .idle = 10000,
		  .name = "beside_10k", .what = "server CPU for an echo of 64 bytes, 50 "
						"connections beside 10,000 idle ones" },
		{ .work = NET_IDLE, .connections = 1000, .size = 64, .name = "idle_memory",
		  .what = "server memory of an idle connection of 1,000, page tables included" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct net_cell *cell = &cells[(*count)++];

		*cell = others[i];
		cell->is_unix = is_unix;
		snprintf(cell->name, sizeof(cell->name), "%.20s_%s", others[i].name,
			 is_unix ? "unix" : "tcp");
	}
}

unsigned int net_cells(const struct net_cell **ret_cells)
{
	static struct net_cell cells[CELLS_MAX];
	static unsigned int count;

	if (count == 0) {
		add_echoes(cells, &count, false);
		add_others(cells, &count, false);
		add_echoes(cells, &count, true);
		add_others(cells, &count, true);
	}
	*ret_cells = cells;
	return count;
}

double net_goal(const struct net_cell *cell)
{
	if (cell->work != NET_ECHO || cell->is_http)
		return 0;
	return cell->size < 65536 ? 1.03 : 1.05;
}

/* -- Memory ------------------------------------------------------------------------------------ */

/* Kibibytes of a line of /proc/PID/status; 0: it has none. */
static long status_kib(pid_t pid, const char *key)
{
	char path[64], line[256];
	FILE *status;
	long kib = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtol(line + strlen(key), NULL, 10);
	if (status)
		fclose(status);
	return kib;
}

static double memory_of(pid_t pid)
{
	return (double)(status_kib(pid, "VmRSS:") + status_kib(pid, "VmPTE:")) * 1024;
}

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

	before = memory_of(idle->server->pid);
	if (rc >= 0)
		rc = fill(idle, 1, count + 1);
	idle->bytes = (memory_of(idle->server->pid) - before) / count;
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

/* -- A round ----------------------------------------------------------------------------------- */

/* What the child that loads gives to its parent. */
struct answer {
	struct load_result load;
	double idle_bytes;
};

/* About what all connections' turns take: 10 us each, and a nanosecond for 2 bytes. */
static int64_t sweep_time(const struct net_cell *cell)
{
	return (int64_t)cell->connections * (10000 + cell->size / 2);
}

/* A first echo: the server has accepted it, and made all that it needs. */
static int connect_idle(const struct sockaddr *address, socklen_t bytes)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte = 0;

	if (fd < 0 || connect(fd, address, bytes) < 0 || write(fd, &byte, 1) < 0)
		return -errno;
	return read(fd, &byte, 1) == 1 ? 0 : -EPIPE;
}

/* Sockets that are connected and left alone; they go with this process. */
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

static int load_child(const struct net_cell *cell, const struct net_options *options,
		      const struct net_server *server, struct answer *answer)
{
	const struct coil_options plain = { .size = sizeof(plain), .off = COIL_NO_REPORTS };
	struct load_options load = {
		.target = server->target, .connections = cell->connections, .size = cell->size,
		.pipeline = cell->work == NET_PIPELINED ? PIPELINE : 1,
		.is_churn = cell->work == NET_CONNECTS, .measure_ns = options->measure_ns,
		.warmup_ns = options->warmup_ns, .server_pid = server->pid,
	};
	struct idle idle = { .cell = cell, .server = server };
	int64_t sweep_ns = sweep_time(cell);

	net_pin(options->core);
	tool_raise_files();
	answer->load.error = open_idle(&server->target, cell->idle);
	if (answer->load.error)
		return answer->load.error;
	if (load.measure_ns < 3 * sweep_ns)
		load.measure_ns = 3 * sweep_ns;
	if (load.warmup_ns < sweep_ns)
		load.warmup_ns = sweep_ns;
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

static void take_round(const struct net_cell *cell, struct net_subject *subject,
		       const struct answer *answer)
{
	struct net_round *round = &subject->rounds[subject->rounds_count++];
	const struct load_result *load = &answer->load;

	*round = (struct net_round){ .value = (double)NAN };
	if (cell->work == NET_IDLE && load->error == 0) {
		round->value = answer->idle_bytes;
		return;
	}
	subject->errors += load_errors(load);
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
	round->value = (double)load->server_cpu_ns / 1e3 / (double)load->requests;
	round->requests_per_s = (double)load->requests * 1e9 / (double)load->measured_ns;
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
		_exit(load_child(cell, options, &subject->server, answer) < 0);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (child < 0 || WIFSIGNALED(status)) {
		snprintf(subject->words, sizeof(subject->words), "the load's process died");
		return;
	}
	if (!answer->load.is_interrupted && !is_interrupted)
		take_round(cell, subject, answer);
}

static void start_servers(const struct net_cell *cell, int core, struct net_result *result)
{
	for (unsigned int i = 0; i < result->subjects_count; i++) {
		struct net_subject *subject = &result->subjects[i];

		if (!subject->words[0] && !is_interrupted)
			net_server_start(cell, subject, core);
	}
}

static void choose_floor(struct net_result *result)
{
	enum net_kind kind = result->cell->is_http ? NET_PEER : NET_RAW;

	for (unsigned int i = 0; i < result->subjects_count; i++) {
		const struct net_subject *subject = &result->subjects[i];

		if (subject->kind != kind || isnan(net_median(subject, net_round_value)))
			continue;
		if (!result->floor || net_median(subject, net_round_value) <
				      net_median(result->floor, net_round_value))
			result->floor = subject;
	}
}

static void run_rounds(const struct net_options *options, struct net_result *result,
		       struct answer *answer)
{
	unsigned int count = result->subjects_count;

	for (unsigned int round = 0; round < options->rounds; round++) {
		for (unsigned int i = 0; i < count && !is_interrupted; i++) {
			unsigned int at = round % 2 ? count - 1 - i : i;
			struct net_subject *subject = &result->subjects[at];

			/* Memory that was freed is used again, and would not show. */
			if (round && result->cell->work == NET_IDLE && !subject->words[0]) {
				net_server_stop(&subject->server);
				net_server_start(result->cell, subject, options->core);
			}
			if (!subject->words[0])
				run_round(result->cell, options, subject, answer);
		}
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

	if (answer == MAP_FAILED)
		return -ENOMEM;
	memset(ret_result, 0, sizeof(*ret_result));
	ret_result->cell = cell;
	net_subjects(cell, options->has_peers, ret_result);
	start_servers(cell, options->core, ret_result);
	run_rounds(options, ret_result, answer);
	for (unsigned int i = 0; i < ret_result->subjects_count; i++)
		net_server_finish(cell, &ret_result->subjects[i]);
	munmap(answer, sizeof(*answer));
	choose_floor(ret_result);
	return 0;
}
