/* SPDX-License-Identifier: MIT */
/*
 * raw_echo - options, listener, signals and figures of the raw echo servers.
 * Nothing here runs while requests are served.
 */
#include "raw_echo.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_LIMIT	65536u
#define BACKLOG			4096

enum {
	KEY_MODE = 0x100,
	KEY_SEND,
	KEY_SPIN,
	KEY_BUFFERS,
	KEY_DIRECT,
	KEY_ENTRIES,
	KEY_SIZE,
	KEY_UNIX,
};

const char *argp_program_version = "coil raw echo 0.1";

static int stop_fd = -1;

static const struct argp_option options_common[] = {
	{ "host", 'h', "HOST", 0, "Address to listen on (127.0.0.1)", 0 },
	{ "port", 'p', "PORT", 0, "Port; 0 takes a free one (0)", 0 },
	{ "unix", KEY_UNIX, "PATH", 0, "Listen on a unix socket instead", 0 },
	{ "size", KEY_SIZE, "BYTES", 0, "Largest single receive (65536)", 0 },
	{ 0 },
};

static const struct argp_option options_uring[] = {
	{ "mode", KEY_MODE, "oneshot|multishot", 0,
	  "One receive at a time, or multishot with a buffer ring (oneshot)", 0 },
	{ "send", KEY_SEND, "plain|skip", 0,
	  "A CQE for each send, or only for those that fall short (skip)", 0 },
	{ "buffers", KEY_BUFFERS, "N", 0, "Buffers in the ring, 2^n (256)", 0 },
	{ "entries", KEY_ENTRIES, "N", 0, "SQ entries, 2^n (256)", 0 },
	{ "spin", KEY_SPIN, "USEC", 0, "Look for so long before each sleep (0)", 0 },
	{ "direct", KEY_DIRECT, NULL, 0, "Direct descriptors", 0 },
	{ 0 },
};

static unsigned int parse_count(struct argp_state *state, const char *text,
				unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value < 1 || value > max)
		argp_error(state, "'%s' is not a number from 1 to %lu", text, max);
	return (unsigned int)value;
}

static unsigned int parse_power(struct argp_state *state, const char *text)
{
	unsigned int value = parse_count(state, text, 32768);

	if (value & (value - 1))
		argp_error(state, "'%s' is not a power of two", text);
	return value;
}

static int parse_choice(struct argp_state *state, const char *text,
			const char *first, const char *second)
{
	if (strcmp(text, first) && strcmp(text, second))
		argp_error(state, "'%s' is neither %s nor %s", text, first, second);
	return strcmp(text, second) == 0;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct raw_echo_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		/* The child parser of the io_uring server fills the same. */
		if (state->root_argp->children && state->child_inputs)
			state->child_inputs[0] = options;
		return 0;
	case 'h':
		options->host = arg;
		return 0;
	case 'p':
		options->port = arg;
		return 0;
	case KEY_UNIX:
		options->unix_path = arg;
		return 0;
	case KEY_SIZE:
		options->size_bytes = parse_count(state, arg, 16u << 20);
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_uring(int key, char *arg, struct argp_state *state)
{
	struct raw_echo_options *options = state->input;

	switch (key) {
	case KEY_MODE:
		options->mode = parse_choice(state, arg, "oneshot", "multishot") ?
				RAW_ECHO_MULTISHOT : RAW_ECHO_ONESHOT;
		return 0;
	case KEY_SEND:
		options->send = parse_choice(state, arg, "plain", "skip") ?
				RAW_ECHO_SEND_SKIP : RAW_ECHO_SEND_PLAIN;
		return 0;
	case KEY_BUFFERS:
		options->buffers = parse_power(state, arg);
		return 0;
	case KEY_ENTRIES:
		options->entries = parse_power(state, arg);
		return 0;
	case KEY_SPIN:
		options->spin_us = parse_count(state, arg, 1000000);
		return 0;
	case KEY_DIRECT:
		options->direct = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void raw_echo_parse(enum raw_echo_kind kind, int argc, char **argv,
		    struct raw_echo_options *ret_options)
{
	static const struct argp argp_uring = { options_uring, parse_uring,
						NULL, NULL, NULL, NULL, NULL };
	static const struct argp_child children[] = {
		{ &argp_uring, 0, "io_uring:", 0 }, { 0 },
	};
	const struct argp argp = {
		.options = options_common,
		.parser = parse_common,
		.doc = "Echo server without Coil: the floor it is measured against.",
		.children = kind == RAW_ECHO_URING ? children : NULL,
	};

	*ret_options = (struct raw_echo_options){
		.host = "127.0.0.1",
		.port = "0",
		.size_bytes = 65536,
		.mode = RAW_ECHO_ONESHOT,
		.send = RAW_ECHO_SEND_SKIP,
		.buffers = 256,
		.entries = 256,
	};
	argp_parse(&argp, argc, argv, 0, NULL, ret_options);
}

static int listen_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat was;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);

	/* Only a socket that an earlier run has left behind is removed. */
	if (lstat(path, &was) == 0 && S_ISSOCK(was.st_mode))
		unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}

	printf("listening on %s\n", path);
	return fd;
}

static void print_address(int fd)
{
	struct sockaddr_storage address;
	socklen_t address_bytes = sizeof(address);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&address, &address_bytes) == 0 &&
	    getnameinfo((struct sockaddr *)&address, address_bytes, host, sizeof(host),
			port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		printf("listening on %s:%s\n", host, port);
}

static int listen_tcp(const char *host, const char *port)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *found;
	int fd, rc = 0, one = 1;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return -EADDRNOTAVAIL;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		rc = -errno;
		freeaddrinfo(found);
		return rc;
	}

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		rc = -errno;
		close(fd);
	}
	freeaddrinfo(found);
	if (rc < 0)
		return rc;

	print_address(fd);
	return fd;
}

int raw_echo_listen(const struct raw_echo_options *options)
{
	int fd = options->unix_path ? listen_unix(options->unix_path) :
				      listen_tcp(options->host, options->port);

	if (fd < 0)
		fprintf(stderr, "listen: %s\n", strerror(-fd));
	fflush(stdout);
	return fd;
}

static void on_signal(int signal_number)
{
	const uint64_t one = 1;
	ssize_t rc = write(stop_fd, &one, sizeof(one));

	(void)rc;
	(void)signal_number;
}

int raw_echo_stop_fd(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0)
		return -errno;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	return stop_fd;
}

static uint64_t microseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void raw_echo_finish(const struct raw_echo_options *options, const char *enters_word,
		     const struct raw_echo_stats *stats)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("stats requests %" PRIu64 " bytes %" PRIu64 " connections %" PRIu64
	       " %s %" PRIu64 " cpu_us %" PRIu64,
	       stats->requests, stats->bytes, stats->connections, enters_word,
	       stats->enters, microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
	if (stats->sqes)
		printf(" sqes %" PRIu64 " cqes %" PRIu64, stats->sqes, stats->cqes);
	putchar('\n');
	fflush(stdout);
	if (options->unix_path)
		unlink(options->unix_path);
}

unsigned int raw_echo_connections_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > CONNECTIONS_LIMIT)
		return CONNECTIONS_LIMIT;
	return (unsigned int)limit.rlim_cur;
}
