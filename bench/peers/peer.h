/* SPDX-License-Identifier: MIT */
/*
 * peer - what the servers in C and C++ share: --port, --unix, the line that says where they
 * listen, and the last line, which is that of bench/raw_echo.h. Nothing here runs while requests
 * are served. C11 and C++11.
 */
#ifndef COIL_BENCH_PEERS_PEER_H
#define COIL_BENCH_PEERS_PEER_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PEER_READ_BYTES 65536
#define PEER_BACKLOG 4096
/* What the HTTP servers answer, and how long they keep a connection without requests. */
#define PEER_HELLO "Hello, world!\n"
#define PEER_IDLE_SECONDS 60

struct peer {
	int port;			/* 0 takes a free one */
	const char *unix_path;		/* NULL: TCP on 127.0.0.1 */
	uint64_t requests;		/* reads that were echoed, or requests */
	uint64_t bytes;
	uint64_t connections;
};

static inline struct peer peer_parse(int argc, char **argv)
{
	struct peer peer;
	struct sigaction ignored;
	int i = 1;

	memset(&peer, 0, sizeof(peer));
	memset(&ignored, 0, sizeof(ignored));
	ignored.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &ignored, NULL);
	for (; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--port") == 0)
			peer.port = (int)strtol(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--unix") == 0)
			peer.unix_path = argv[i + 1];
		else
			break;
	}
	if (i < argc) {
		fprintf(stderr, "usage: %s [--port PORT | --unix PATH]\n", argv[0]);
		exit(2);
	}
	if (peer.unix_path)
		remove(peer.unix_path);
	return peer;
}

static inline void peer_say_where(const struct peer *peer, int port)
{
	if (peer->unix_path)
		printf("listening on %s\n", peer->unix_path);
	else
		printf("listening on 127.0.0.1:%d\n", port);
	fflush(stdout);
}

static inline void peer_finish(const struct peer *peer)
{
	struct rusage usage;
	long long cpu_us;

	getrusage(RUSAGE_SELF, &usage);
	cpu_us = (long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
		 usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
	printf("stats requests %llu bytes %llu connections %llu syscalls 0 cpu_us %lld\n",
	       (unsigned long long)peer->requests, (unsigned long long)peer->bytes,
	       (unsigned long long)peer->connections, cpu_us);
	fflush(stdout);
	if (peer->unix_path)
		remove(peer->unix_path);
}

#endif
