/* SPDX-License-Identifier: MIT */
/*
 * net - servers side by side under the same load: Coil's echo server, the raw ones, and the peers;
 * and the HTTP servers, in http.c's cells, where the best peer stands for the floor.
 *
 * A cell is one load (connections x bytes, over TCP or unix); its subjects are the servers, each a
 * process of its own. In a round each is loaded once, A B C then C B A; server and load share one
 * core, and the figure is the server's CPU time for a request (see goals: two virtual CPUs would
 * measure wake-ups). The floor is the best raw server of the cell.
 */
#ifndef COIL_BENCH_NET_H
#define COIL_BENCH_NET_H

#include <sys/types.h>

#include <coil/bench.h>

#include "load.h"

#define NET_SUBJECTS_MAX 16
#define NET_ROUNDS_MAX 64
#define NET_ARGS_MAX 12

enum net_kind { NET_COIL, NET_RAW, NET_PEER };

enum net_work {
	NET_ECHO,
	NET_PIPELINED,			/* several requests under way on each connection */
	NET_CONNECTS,			/* a connection for each request */
	NET_IDLE,			/* memory of a connection that has echoed once */
};

struct net_cell {
	char name[48];			/* echo_tcp_50x64 */
	char what[96];
	enum net_work work;
	bool is_unix;
	bool is_http;			/* GET / of the hello servers; size is their answer's */
	unsigned int connections;
	unsigned int size;
	unsigned int idle;		/* connections beside these, which do nothing */
};

struct net_options {
	unsigned int rounds;
	int64_t measure_ns;		/* each load, in each round */
	int64_t warmup_ns;
	int core;			/* for both; -1: anywhere */
	bool has_peers;
};

/* A running server. */
struct net_server {
	pid_t pid;			/* 0: none */
	int out;			/* its standard output */
	struct load_target target;
	char unix_path[108];
};

struct net_round {
	double value;			/* CPU us a request, or bytes a connection; NAN: none */
	double requests_per_s;
	double p50_us;
	double p99_us;
};

/* What the server did from its start to its end, as far as it is known: NAN where not. */
struct net_life {
	double requests;
	double enters;
	double syscalls;
	double sqes;
	double cqes;
	double allocations;
	double switches;		/* of contexts */
	double rss_bytes;		/* in the end */
};

struct net_subject {
	const char *name;
	enum net_kind kind;
	size_t program;			/* net_server.c's */
	char words[256];		/* why there are no figures; "": there are */
	struct net_round rounds[NET_ROUNDS_MAX];
	unsigned int rounds_count;
	uint64_t errors;
	struct coil_bench_histogram latency;	/* of all rounds, ns */
	struct load_second *series;	/* of all rounds, one after the other */
	double *series_s;		/* how long each took */
	unsigned int series_count;
	struct net_life life;
	struct net_server server;
};

struct net_result {
	const struct net_cell *cell;
	char words[256];		/* why the cell was left out; "": it was not */
	struct net_subject subjects[NET_SUBJECTS_MAX];
	unsigned int subjects_count;
	const struct net_subject *floor;	/* the best raw one, or peer; NULL: none */
};

/* All cells; their number. */
unsigned int net_cells(const struct net_cell **ret_cells);

/*
 * Measures a cell; SIGINT ends it, and what is known stays. 0, or a negative errno. The result is
 * to be let go of by net_free.
 */
int net_measure(const struct net_cell *cell, const struct net_options *options,
		struct net_result *ret_result);
void net_free(struct net_result *result);
/* What Coil's ratio to the floor may be; 0: there is no goal. */
double net_goal(const struct net_cell *cell);
bool net_is_interrupted(void);
void net_watch_interrupt(void);

/* The subjects of a cell, servers not started; absent ones say so. */
void net_subjects(const struct net_cell *cell, bool has_peers, struct net_result *result);

/* Starts one for a cell, on a core. 0, or a negative errno and words. */
int net_server_start(const struct net_cell *cell, struct net_subject *subject, int core);
void net_server_stop(struct net_server *server);
/* Whether it has ended by itself; then words say how. */
bool net_server_has_died(const struct net_server *server, char *words, size_t bytes);
/* The same, and asks what it did. */
void net_server_finish(const struct net_cell *cell, struct net_subject *subject);

/* To a core, as a batch job; so that neither runs because the other one woke it. */
void net_pin(int core);

double net_median(const struct net_subject *subject, double (*of)(const struct net_round *round));
double net_round_value(const struct net_round *round);

void net_print_text(FILE *out, const struct net_result *result);
/* Adds a cell to results. 0 or a negative errno. */
int net_collect(const struct net_result *result, struct coil_bench *bench);

/* Name all cells, as `coil-bench run` takes them. */
void net_list(FILE *out);
void http_list(FILE *out);

/* The cells of the HTTP servers; their number. */
unsigned int http_cells(const struct net_cell **ret_cells);

/* `coil-bench net` and `run http`: 0 measured, 1 something could not be, 2 wrong usage. */
int net_main(int argc, char **argv);
int http_main(int argc, char **argv);

#endif
