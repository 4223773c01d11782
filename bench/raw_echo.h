/* SPDX-License-Identifier: MIT */
/*
 * raw_echo - what the two raw echo servers share: options, the listener, the
 * end by signal, and the line of figures at the end.
 */
#ifndef COIL_BENCH_RAW_ECHO_H
#define COIL_BENCH_RAW_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum raw_echo_kind { RAW_ECHO_URING, RAW_ECHO_EPOLL };
enum raw_echo_mode { RAW_ECHO_ONESHOT, RAW_ECHO_MULTISHOT };
enum raw_echo_send { RAW_ECHO_SEND_PLAIN, RAW_ECHO_SEND_SKIP };

struct raw_echo_options {
	const char *host;
	const char *port;
	const char *unix_path;
	size_t size_bytes;
	/* The ones below matter to the io_uring server only. */
	enum raw_echo_mode mode;
	enum raw_echo_send send;
	unsigned int buffers;
	unsigned int entries;
	bool direct;
	unsigned int spin_us;	/* looks for so long before each sleep */
};

struct raw_echo_stats {
	uint64_t requests;
	uint64_t bytes;
	uint64_t connections;
	uint64_t enters;	/* epoll: system calls */
	uint64_t sqes;		/* these two modulo 2^32 */
	uint64_t cqes;
};

/**
 * raw_echo_parse - options from the command line; exits on --help and errors
 */
void raw_echo_parse(enum raw_echo_kind kind, int argc, char **argv,
		    struct raw_echo_options *ret_options);

/**
 * raw_echo_listen - open the listener and say on stdout where it is
 *
 * The socket does not block, and its connections inherit TCP_NODELAY.
 * Return: the descriptor, or a negative errno (already reported on stderr).
 */
int raw_echo_listen(const struct raw_echo_options *options);

/**
 * raw_echo_stop_fd - an eventfd that becomes readable at SIGINT or SIGTERM
 *
 * Return: the descriptor, or a negative errno.
 */
int raw_echo_stop_fd(void);

/**
 * raw_echo_finish - print the figures, unlink the unix socket
 */
void raw_echo_finish(const struct raw_echo_options *options, const char *enters_word,
		     const struct raw_echo_stats *stats);

/**
 * raw_echo_connections_max - one more than the highest descriptor possible
 */
unsigned int raw_echo_connections_max(void);

#endif
