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

#include "lib/counters.h"
#include "lib/statistics.h"
#include "load.h"

#define NET_SUBJECTS_MAX 16
#define NET_ROUNDS_MAX 64
#define NET_ROUNDS 25			/* at most, if nobody says otherwise */
#define NET_BUDGET_NS (15 * 60 * COIL_SEC)

enum net_kind {
	NET_COIL,
	NET_BASE,			/* Coil without what the cell is about */
	NET_RAW,
	NET_PEER,
};

enum net_work {
	NET_ECHO,
	NET_PIPELINED,			/* several requests under way on each connection */
	NET_CONNECTS,			/* a connection for each request */
	NET_IDLE,			/* memory of a connection that has echoed once */
	NET_SPIN,			/* requests a second of a client on another core */
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
	unsigned int rounds;		/* at most */
	int64_t measure_ns;		/* each load, in each round */
	int64_t warmup_ns;
	int64_t budget_ns;		/* of the cell; a few rounds are run whatever it is */
	int core;			/* for both; -1: anywhere */
	int load_core;			/* of NET_SPIN: another one; -1: there is none */
	bool has_peers;
};

/* A running server. */
struct net_server {
	pid_t pid;			/* 0: none */
	int out;			/* its standard output */
	struct load_target target;
	char unix_path[108];
	struct counters counters;	/* the kernel's, of its whole life */
};

struct net_round {
	/* CPU us a request, bytes a connection or, NET_SPIN, requests a second; NAN: none */
	double value;
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
	double cycles;
	double instructions;
	double switches;		/* of contexts */
	double page_faults;
	double rss_bytes;		/* in the end */
	double idle_cpu;		/* NET_SPIN: part of a core, with nothing to do */
};

struct net_subject {
	const char *name;
	enum net_kind kind;
	size_t program;			/* net_server.c's */
	char words[256];		/* why there are no figures; "": there are */
	unsigned int stretch;		/* loads last so many times longer: it answers so late */
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
	const struct net_subject *floor;	/* what Coil is compared with; NULL: none */
	unsigned int rounds;
	int64_t setup_ns;		/* until all servers ran */
	bool is_over_budget;		/* ended before it was as exact as wanted */
};

/* Of paired rounds: NAN if there are none. */
struct net_ratio {
	double value;
	struct interval interval;
	size_t count;			/* of the rounds */
};

/* All cells; their number. */
unsigned int net_cells(const struct net_cell **ret_cells);
/* About what a load of one server takes in it. */
int64_t net_load_time(const struct net_cell *cell, const struct net_options *options);
/* About what all connections' turns take. */
int64_t net_sweep_time(const struct net_cell *cell);
/* What is not measured, before each load. */
int64_t net_warmup_time(const struct net_cell *cell, const struct net_options *options);
/* What the floor has to be. */
enum net_kind net_floor_kind(const struct net_cell *cell);

/*
 * Measures a cell; SIGINT ends it, and what is known stays. 0, or a negative errno. The result is
 * to be let go of by net_free.
 */
int net_measure(const struct net_cell *cell, const struct net_options *options,
		struct net_result *ret_result);
void net_free(struct net_result *result);
/* What Coil's ratio to the floor may be, or has to be; 0: there is no goal. */
double net_goal(const struct net_cell *cell);
/* The same of its p99. */
double net_p99_goal(const struct net_cell *cell);
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

typedef double (*net_figure)(const struct net_round *round);

double net_median(const struct net_subject *subject, net_figure of);
double net_round_value(const struct net_round *round);
double net_round_p99(const struct net_round *round);
/* Subject by base, round by round. */
struct net_ratio net_compare(const struct net_subject *subject, const struct net_subject *base,
			     net_figure of);

/*
 * Who has to be loaded in the next round: those whose comparison with Coil is not exact enough
 * yet. Fills wanted, as long as the subjects; their number.
 */
unsigned int net_undecided(const struct net_result *result, unsigned int round, bool *wanted);
/* How far from exact: half of the widest interval that matters, as a part. */
double net_uncertainty(const struct net_result *result);

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
