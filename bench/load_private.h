/* SPDX-License-Identifier: MIT */
/* load_private - what the connections and the run of a load know of each other. */
#ifndef COIL_BENCH_LOAD_PRIVATE_H
#define COIL_BENCH_LOAD_PRIVATE_H

#include <coil.h>

#include "load.h"
#include "load_http.h"
#include "load_schedule.h"

struct load_request {
	int64_t planned_ns;		/* closed loop: as sent_ns */
	int64_t sent_ns;
};

struct load_connection {
	struct load *load;
	unsigned int index;
	bool has_connected;		/* at least once */
	bool is_writer_done;		/* nothing more is planned */
	bool is_writer_waiting;		/* for room, by the promise */
	struct coil_stream *stream;
	struct coil_scope *scope;	/* of the session; NULL between sessions */
	struct coil_group *group;	/* of a session with two tasks */
	struct coil_promise room;
	struct load_request *requests;	/* a ring of --pipeline */
	unsigned int head;
	unsigned int in_flight;
	uint64_t next;			/* open loop: its own number of the next request */
	uint64_t answered;		/* ever */
	size_t got;			/* LOAD_ECHO: bytes of the answer that is being read */
	struct load_http *http;
	char *buffer;
};

struct load {
	const struct load_options *options;
	struct load_result *result;
	struct load_connection *connections;
	struct load_schedule schedule;
	int64_t measure_from_ns;	/* 0: not yet */
	int64_t measure_until_ns;
	bool is_started;		/* all have connected: broken ones connect again */
	bool is_counting;		/* warmed up, and not over */
	bool is_over;
	unsigned int connected;
	unsigned int clients;		/* still there */
	uint64_t lost;			/* of the planned ones, by errors */
	char *message;			/* copies of what is sent, in a row */
	size_t message_bytes;		/* of one */
	unsigned int copies;
	size_t answer_bytes;
	size_t buffer_bytes;
	struct coil_bench_histogram interval;	/* since the last full second */
	struct load_second before;	/* totals at the last full second */
	struct coil_promise all_connected;
	struct coil_promise go;		/* all have connected, the schedule is known */
	struct coil_promise all_gone;
};

/* A client's task: connects, talks, connects again. */
int load_connection_main(void *connection);

/* The planned time of a connection's request. */
int64_t load_connection_planned(const struct load_connection *connection, uint64_t number);

#endif
