/* SPDX-License-Identifier: MIT */
/*
 * The end of a server: what its last line and /proc say of all that it did. The line is that of
 * raw_echo.h: "stats" and pairs of a word and a number.
 */
#include "net.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define LINE_BYTES 512
#define LINE_MS 2000

/* Of all threads that it has now. */
static double switches_of(pid_t pid)
{
	char folder[64];
	struct dirent *thread;
	double sum = 0;
	DIR *threads;
	long tid;

	snprintf(folder, sizeof(folder), "/proc/%d/task", (int)pid);
	threads = opendir(folder);
	while (threads && (thread = readdir(threads))) {
		if (thread->d_name[0] == '.')
			continue;
		tid = strtol(thread->d_name, NULL, 10);
		sum += bench_status_number(tid, "voluntary_ctxt_switches:") +
		       bench_status_number(tid, "nonvoluntary_ctxt_switches:");
	}
	if (threads)
		closedir(threads);
	return sum;
}

/* What comes until the end of its output, or until nothing comes. */
static void read_rest(int fd, char *text, size_t bytes)
{
	size_t got = 0;

	while (got + 1 < bytes) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t n = 0;

		if (poll(&ready, 1, LINE_MS) > 0)
			n = read(fd, text + got, bytes - got - 1);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	text[got] = '\0';
}

static double number_after(const char *line, const char *word)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), " %s ", word);
	at = strstr(line, key);
	return at ? strtod(at + strlen(key), NULL) : (double)NAN;
}

bool net_server_has_died(const struct net_server *server, char *words, size_t bytes)
{
	siginfo_t info = { 0 };

	/* It stays to be waited for. */
	if (waitid(P_PID, (id_t)server->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid == 0)
		return false;
	if (info.si_code == CLD_EXITED)
		snprintf(words, bytes, "the server ended with %d", info.si_status);
	else
		snprintf(words, bytes, "the server ended by signal %d (%s)", info.si_status,
			 strsignal(info.si_status));
	return true;
}

void net_server_finish(const struct net_cell *cell, struct net_subject *subject)
{
	struct net_server *server = &subject->server;
	struct net_life *life = &subject->life;
	double counts[COUNTER_KINDS];
	char line[LINE_BYTES];
	int out;

	if (server->pid <= 0)
		return;
	life->rss_bytes = bench_status_number(server->pid, "VmRSS:") * 1024;
	if (life->rss_bytes == 0)
		life->rss_bytes = (double)NAN;
	counters_read(&server->counters, counts);
	life->cycles = counts[COUNTER_CYCLES];
	life->instructions = counts[COUNTER_INSTRUCTIONS];
	life->page_faults = counts[COUNTER_PAGE_FAULTS];
	life->switches = counts[COUNTER_CONTEXT_SWITCHES];
	if (isnan(life->switches))
		life->switches = switches_of(server->pid);
	out = fcntl(server->out, F_DUPFD_CLOEXEC, 0);
	net_server_stop(server);
	read_rest(out, line, sizeof(line));
	close(out);
	/* Messages that arrived in pieces count as one. */
	life->requests = number_after(line, "bytes") / cell->size;
	life->enters = number_after(line, "enters");
	life->syscalls = number_after(line, "syscalls");
	life->sqes = number_after(line, "sqes");
	life->cqes = number_after(line, "cqes");
	life->allocations = number_after(line, "allocations");
	/* A peer does not count them; the kernel may. */
	if (!(life->syscalls > 0))
		life->syscalls = counts[COUNTER_SYSCALLS];
}
