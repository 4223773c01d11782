/* SPDX-License-Identifier: MIT */
/* The servers: which there are, where their programs lie, starting and stopping them. */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../tools/tool.h"

#define START_MS 10000
#define STOP_MS 10000
#define PYTHON "/usr/bin/python3"
#define ARGS_MAX 16

enum program_only { FOR_ALL, FOR_BESIDE, FOR_SPIN };

struct program {
	const char *name;
	enum net_kind kind;
	enum program_only only;		/* the cells that it is for */
	bool is_http;
	const char *file;		/* looked for beside coil-bench */
	const char *package;		/* where it comes from, if it is absent */
	const char *before;		/* an interpreter */
	const char *args[8];
};

static const struct program programs[] = {
	{ .name = "coil", .kind = NET_COIL, .file = "coil-echo" },
	{ .name = "coil parked", .kind = NET_COIL, .file = "coil-echo", .args = { "--serve" } },
	{ .name = "coil alone", .kind = NET_BASE, .only = FOR_BESIDE, .file = "coil-echo" },
	{ .name = "coil at once", .kind = NET_BASE, .only = FOR_SPIN, .file = "coil-echo" },
	{ .name = "raw uring one-shot", .kind = NET_RAW, .file = "raw_echo_uring",
	  .args = { "--mode", "oneshot" } },
	{ .name = "raw uring multishot", .kind = NET_RAW, .file = "raw_echo_uring",
	  .args = { "--mode", "multishot" } },
	{ .name = "raw uring spin", .kind = NET_RAW, .only = FOR_SPIN, .file = "raw_echo_uring",
	  .args = { "--mode", "multishot", "--direct", "--spin", "50" } },
	{ .name = "raw epoll", .kind = NET_RAW, .file = "raw_echo_epoll" },
	{ .name = "libuv", .kind = NET_PEER, .file = "echo_libuv", .package = "libuv1-dev" },
	{ .name = "libevent", .kind = NET_PEER, .file = "echo_libevent",
	  .package = "libevent-dev" },
	{ .name = "asio epoll", .kind = NET_PEER, .file = "echo_asio_epoll",
	  .package = "libasio-dev" },
	{ .name = "asio io_uring", .kind = NET_PEER, .file = "echo_asio_uring",
	  .package = "libasio-dev" },
	{ .name = "go", .kind = NET_PEER, .file = "echo_go", .package = "golang-go" },
	{ .name = "tokio", .kind = NET_PEER, .file = "echo_tokio",
	  .package = "cargo and librust-tokio-dev" },
	{ .name = "asyncio", .kind = NET_PEER, .file = "echo_asyncio.py", .before = PYTHON,
	  .package = "python3" },
	{ .name = "uvloop", .kind = NET_PEER, .file = "echo_asyncio.py", .before = PYTHON,
	  .args = { "--loop", "uvloop" }, .package = "python3-uvloop" },
	{ .name = "coil", .kind = NET_COIL, .is_http = true, .file = "coil-hello" },
	{ .name = "nginx", .kind = NET_PEER, .is_http = true, .file = "hello_nginx.py",
	  .before = PYTHON, .package = "nginx-light" },
	{ .name = "evhttp", .kind = NET_PEER, .is_http = true, .file = "hello_libevent",
	  .package = "libevent-dev" },
	{ .name = "libmicrohttpd", .kind = NET_PEER, .is_http = true, .file = "hello_microhttpd",
	  .package = "libmicrohttpd-dev" },
	{ .name = "go net/http", .kind = NET_PEER, .is_http = true, .file = "hello_go",
	  .package = "golang-go" },
};
#define PROGRAMS (sizeof(programs) / sizeof(programs[0]))

/* -- Programs ---------------------------------------------------------------------------------- */

/* In the build's folders, or where all are installed. */
static bool find_program(const char *file, char *path, size_t bytes)
{
	static const char *const folders[] = { "", "../tools/", "peers/", "../libexec/coil/" };
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *folder;

	if (length <= 0)
		return false;
	self[length] = '\0';
	folder = dirname(self);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		int n = snprintf(path, bytes, "%s/%s%s", folder, folders[i], file);

		if (n > 0 && (size_t)n < bytes && access(path, R_OK) == 0)
			return true;
	}
	return false;
}

static void check_subject(const struct program *program, struct net_subject *subject)
{
	char path[4200];

	if (program->before && access(program->before, X_OK) != 0)
		snprintf(subject->words, sizeof(subject->words), "absent: no %s", program->before);
	else if (!find_program(program->file, path, sizeof(path)) && program->package)
		snprintf(subject->words, sizeof(subject->words),
			 "absent: was not built; needs %s (tools/setup --peers)", program->package);
	else if (!find_program(program->file, path, sizeof(path)))
		snprintf(subject->words, sizeof(subject->words), "absent: %s was not built",
			 program->file);
}

static bool is_for(const struct program *program, const struct net_cell *cell)
{
	if (program->is_http != cell->is_http)
		return false;
	if (program->only == FOR_BESIDE)
		return cell->idle > 0;
	return program->only == FOR_ALL || cell->work == NET_SPIN;
}

void net_subjects(const struct net_cell *cell, bool has_peers, struct net_result *result)
{
	for (size_t i = 0; i < PROGRAMS; i++) {
		struct net_subject *subject;

		if (!is_for(&programs[i], cell) || (programs[i].kind == NET_PEER && !has_peers))
			continue;
		subject = &result->subjects[result->subjects_count++];
		subject->name = programs[i].name;
		subject->kind = programs[i].kind;
		subject->program = i;
		subject->stretch = 1;
		check_subject(&programs[i], subject);
	}
}

static const struct program *program_of(const struct net_subject *subject)
{
	return &programs[subject->program];
}

/* -- Start ------------------------------------------------------------------------------------- */

void net_pin(int core)
{
	const struct sched_param none = { 0 };
	cpu_set_t set;

	if (core < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setscheduler(0, SCHED_BATCH, &none);
}

/* The multishot server's buffers: few and hot, or enough for a thousand connections. */
static void add_args(const struct program *program, const struct net_cell *cell,
		     const struct net_server *server, const char **ret_args)
{
	size_t count = 0;

	while (ret_args[count])
		count++;
	for (size_t i = 0; program->args[i]; i++)
		ret_args[count++] = program->args[i];
	if (count > 2 && strcmp(program->name, "raw uring multishot") == 0) {
		ret_args[count++] = "--buffers";
		ret_args[count++] = cell->connections <= 64 ? "64" : "256";
		if (cell->connections <= 64)
			ret_args[count++] = "--direct";
	}
	if (cell->work == NET_SPIN && program->kind == NET_COIL) {
		ret_args[count++] = "--spin";
		ret_args[count++] = "adaptive";
	}
	if (cell->is_unix) {
		ret_args[count++] = "--unix";
		ret_args[count++] = server->unix_path;
	}
	ret_args[count] = NULL;
}

struct start {
	int out[2];			/* its standard output */
	int go[2];
	int core;
};

/* Waits for its parent's word: it is counted from its exec on. */
static _Noreturn void exec_server(const struct net_cell *cell, const struct net_subject *subject,
				  const struct start *start)
{
	const struct program *program = program_of(subject);
	const char *args[ARGS_MAX] = { NULL };
	char path[4200];
	size_t count = 0;
	char word;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Ctrl-C is for the measuring, which then stops the servers. */
	setpgid(0, 0);
	net_pin(start->core);
	tool_raise_files();
	if (!find_program(program->file, path, sizeof(path)) ||
	    dup3(start->out[1], STDOUT_FILENO, 0) < 0)
		_exit(127);
	close(start->go[1]);
	if (read(start->go[0], &word, 1) != 1)
		_exit(127);
	if (program->before)
		args[count++] = program->before;
	args[count++] = path;
	add_args(program, cell, &subject->server, args);
	execv(args[0], (char *const *)(uintptr_t)args);
	_exit(127);
}

/* The first line of its output. */
static bool read_line(int fd, char *line, size_t bytes)
{
	size_t got = 0;

	while (got + 1 < bytes) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (poll(&ready, 1, START_MS) <= 0 || read(fd, line + got, 1) != 1)
			return false;
		if (line[got] == '\n')
			break;
		got++;
	}
	line[got] = '\0';
	return true;
}

/* It runs once its counters do. -1 and errno if there is no room for it. */
static int fork_server(const struct net_cell *cell, struct net_subject *subject,
		       struct start *start)
{
	struct net_server *server = &subject->server;

	if (pipe2(start->out, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(start->go, O_CLOEXEC) < 0) {
		close(start->out[0]);
		close(start->out[1]);
		return -1;
	}
	server->pid = fork();
	if (server->pid == 0)
		exec_server(cell, subject, start);
	close(start->out[1]);
	close(start->go[0]);
	server->out = start->out[0];
	if (server->pid > 0) {
		counters_follow(&server->counters, server->pid);
		(void)!write(start->go[1], "", 1);
	} else {
		close(server->out);
	}
	close(start->go[1]);
	return server->pid < 0 ? -1 : 0;
}

int net_server_start(const struct net_cell *cell, struct net_subject *subject, int core)
{
	static const char prefix[] = "listening on ";
	struct net_server *server = &subject->server;
	struct start start = { .core = core };
	char line[512];

	if (cell->is_unix)
		snprintf(server->unix_path, sizeof(server->unix_path), "/tmp/coil-bench-%d-%zu",
			 (int)getpid(), subject->program);
	if (fork_server(cell, subject, &start) < 0) {
		snprintf(subject->words, sizeof(subject->words), "no process for the server: %s",
			 strerror(errno));
		return -EAGAIN;
	}
	if (!read_line(server->out, line, sizeof(line)) ||
	    strncmp(line, prefix, sizeof(prefix) - 1) != 0 ||
	    load_target_parse(line + sizeof(prefix) - 1, &server->target)) {
		snprintf(subject->words, sizeof(subject->words),
			 "the server did not say where it listens");
		net_server_stop(server);
		return -EPROTO;
	}
	if (cell->is_http) {
		server->target.protocol = LOAD_HTTP;
		snprintf(server->target.resource, sizeof(server->target.resource), "/");
	}
	return 0;
}

void net_server_stop(struct net_server *server)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	if (server->pid <= 0)
		return;
	kill(server->pid, SIGTERM);
	for (int i = 0; i < STOP_MS && waitpid(server->pid, NULL, WNOHANG) == 0; i++) {
		if (i == STOP_MS - 1) {
			kill(server->pid, SIGKILL);
			waitpid(server->pid, NULL, 0);
			break;
		}
		nanosleep(&pause, NULL);
	}
	close(server->out);
	counters_close(&server->counters);
	if (server->unix_path[0])
		unlink(server->unix_path);
	server->pid = 0;
}
