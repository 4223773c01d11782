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

struct program {
	const char *name;
	enum net_kind kind;
	bool is_http;
	const char *file;		/* looked for beside coil-bench */
	const char *package;		/* where it comes from, if it is absent */
	const char *before;		/* an interpreter */
	const char *args[8];
};

static const struct program programs[] = {
	{ .name = "coil", .kind = NET_COIL, .file = "coil-echo" },
	{ .name = "coil parked", .kind = NET_COIL, .file = "coil-echo", .args = { "--serve" } },
	{ .name = "raw uring one-shot", .kind = NET_RAW, .file = "raw_echo_uring",
	  .args = { "--mode", "oneshot" } },
	{ .name = "raw uring multishot", .kind = NET_RAW, .file = "raw_echo_uring",
	  .args = { "--mode", "multishot" } },
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

void net_subjects(const struct net_cell *cell, bool has_peers, struct net_result *result)
{
	for (size_t i = 0; i < PROGRAMS; i++) {
		struct net_subject *subject;

		if (programs[i].is_http != cell->is_http ||
		    (programs[i].kind == NET_PEER && !has_peers))
			continue;
		subject = &result->subjects[result->subjects_count++];
		subject->name = programs[i].name;
		subject->kind = programs[i].kind;
		subject->program = i;
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
		ret_args[count++] = cell->connections <= 64 ? "64" : "1024";
		if (cell->connections <= 64)
			ret_args[count++] = "--direct";
	}
	if (cell->is_unix) {
		ret_args[count++] = "--unix";
		ret_args[count++] = server->unix_path;
	}
	ret_args[count] = NULL;
}

static _Noreturn void exec_server(const struct net_cell *cell, const struct net_subject *subject,
				  int out, int core)
{
	const struct program *program = program_of(subject);
	const char *args[NET_ARGS_MAX + 4] = { NULL };
	char path[4200];
	size_t count = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Ctrl-C is for the measuring, which then stops the servers. */
	setpgid(0, 0);
	net_pin(core);
	tool_raise_files();
	if (!find_program(program->file, path, sizeof(path)) || dup3(out, STDOUT_FILENO, 0) < 0)
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

int net_server_start(const struct net_cell *cell, struct net_subject *subject, int core)
{
	static const char prefix[] = "listening on ";
	struct net_server *server = &subject->server;
	char line[512];
	int ends[2];

	if (cell->is_unix)
		snprintf(server->unix_path, sizeof(server->unix_path), "/tmp/coil-bench-%d-%zu",
			 (int)getpid(), subject->program);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	server->pid = fork();
	if (server->pid == 0)
		exec_server(cell, subject, ends[1], core);
	close(ends[1]);
	server->out = ends[0];
	if (server->pid < 0 || !read_line(ends[0], line, sizeof(line)) ||
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
	if (server->unix_path[0])
		unlink(server->unix_path);
	server->pid = 0;
}
