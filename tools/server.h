/* SPDX-License-Identifier: MIT */
/* What coil-echo and coil-hello share: listening where they are told, and the last line. */
#ifndef COIL_TOOLS_SERVER_H
#define COIL_TOOLS_SERVER_H

#include "tool.h"

#include <coil.h>
#include <inttypes.h>

struct server_place {
	const char *unix_path; /* NULL: TCP */
	const char *host;
	int port; /* 0: a free one */
};

/* 0, and the first line of output says where; or a negative errno, said on standard error. */
static inline int server_listen(struct coil_listener **ret_listener, const char *name,
				const struct server_place *place)
{
	const char *path = place->unix_path;
	int rc = path ? coil_listen_unix(ret_listener, path, NULL)
		      : coil_listen_tcp(ret_listener, place->host, place->port, NULL);

	if (rc < 0) {
		fprintf(stderr, "%s: cannot listen on %s: %s\n", name, path ? path : place->host,
			tool_listen_words(rc, path != NULL, coil_strerror(rc)));
		return rc;
	}
	if (path)
		printf("listening on %s\n", path);
	else
		printf(strchr(place->host, ':') ? "listening on [%s]:%d\n"
						: "listening on %s:%d\n",
		       place->host, coil_listener_port(*ret_listener));
	fflush(stdout);
	return 0;
}

static inline int64_t server_microseconds(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

struct server_counts {
	uint64_t requests;
	uint64_t bytes;
	uint64_t connections;
};

/* The last line, inside the loop. */
static inline void server_print_stats(const struct server_counts *counts)
{
	struct coil_stats stats = {.size = sizeof stats};
	struct rusage usage;

	coil_stats(&stats);
	getrusage(RUSAGE_SELF, &usage);
	/* What a request costs of system calls, as the others say it. */
	printf("stats requests %" PRIu64 " bytes %" PRIu64 " connections %" PRIu64
	       " enters %" PRIu64 " cpu_us %" PRId64 " sqes %" PRIu64
	       " cqes %" PRIu64 " allocations %" PRIu64 "\n",
	       counts->requests, counts->bytes, counts->connections,
	       stats.enters + stats.at_once,
	       server_microseconds(usage.ru_utime) + server_microseconds(usage.ru_stime),
	       stats.sqes, stats.cqes, stats.allocations);
	fflush(stdout);
}

#endif
