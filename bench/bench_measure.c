/* SPDX-License-Identifier: MIT */
/* A row of the tables as a case of coil/bench.h: opens its floor, then its own side. */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>

void bench_must(bool is_true, const char *what)
{
	if (__builtin_expect(is_true, 1))
		return;
	fprintf(stderr, "coil-bench: %s\n", what);
	abort();
}

static int open_floor(struct bench *bench)
{
	const struct bench_case *of = bench->of;
	int rc;

	if (!of->has_raw)
		return 0;
	rc = raw_micro_open(of->raw, of->parameter, &bench->raw);
	/* A switch has a floor on some architectures only. */
	if (rc == -ENOSYS)
		return 0;
	if (rc < 0)
		return rc;
	bench->floor = (struct measure_case){
		.run = raw_micro_run, .prepare = raw_micro_prepare, .arg = bench->raw,
		.step = raw_micro_step(bench->raw), .most = raw_micro_most(bench->raw),
	};
	return 0;
}

bool bench_floor_switches(struct bench *bench, void (*run)(void *raw, uint64_t units))
{
	if (raw_micro_open(RAW_SWITCH, 0, &bench->raw) < 0)
		return false;
	bench->floor = (struct measure_case){ .run = run, .arg = bench->raw };
	return true;
}

void bench_two_switches(void *raw, uint64_t units)
{
	raw_micro_run(raw, 2 * units);
}

static struct coil_bench_subject subject_of(const char *name, const struct measure_case *from)
{
	return (struct coil_bench_subject){ .name = name, .run = from->run, .arg = from->arg,
					    .prepare = from->prepare, .step = from->step,
					    .most = from->most };
}

static int open_row(struct coil_bench_case *self)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	bool is_feature;
	unsigned count = 0;
	int rc;

	bench_must(bench, "out of memory");
	bench->of = self->state;
	is_feature = bench->of->is_feature;
	self->state = bench;
	rc = open_floor(bench);
	if (rc == 0)
		rc = bench->of->open(bench);
	if (rc < 0)
		return rc;
	if (bench->floor.run)
		self->subjects[count++] = subject_of(is_feature ? "without" : "floor",
						     &bench->floor);
	self->subjects[count++] = subject_of(is_feature ? "with" : "coil", &bench->coil);
	if (bench->peer.run)
		self->subjects[count] = subject_of(bench->peer_name, &bench->peer);
	return 0;
}

/* Also after an open that failed: the row's own part of it stays then, and the process ends. */
static void close_row(struct coil_bench_case *self)
{
	struct bench *bench = self->state;

	if (self->subjects[0].run && bench->of->close)
		bench->of->close(bench);
	raw_micro_close(bench->raw);
	free(bench);
}

static int measure_row(struct coil_bench_case *self, struct coil_bench_entry *entry)
{
	const struct bench_case *row = self->state;

	return row->whole(row, entry);
}

/* The library only borrows the row, and a case's state is not const. */
static void *state_of(const struct bench_case *row)
{
	return (void *)(uintptr_t)row;
}

struct coil_bench_case bench_case_of(const struct bench_case *row)
{
	static const int kinds[] = {
		[BENCH_NO_GOAL] = COIL_BENCH_NO_GOAL, [BENCH_RATIO] = COIL_BENCH_RATIO,
		[BENCH_NS] = COIL_BENCH_VALUE, [BENCH_PLUS_NS] = COIL_BENCH_PLUS,
		[BENCH_BYTES] = COIL_BENCH_VALUE,
	};

	return (struct coil_bench_case){
		.name = row->name, .what = row->what,
		.unit = row->goal_kind == BENCH_BYTES ? "B" : "ns",
		.flags = (row->whole ? 0 : COIL_BENCH_ASYNC) |
			 (row->is_long ? COIL_BENCH_LONG : 0) |
			 (row->goal_kind == BENCH_BYTES ? COIL_BENCH_EXACT : 0),
		.goal_kind = kinds[row->goal_kind], .goal = row->goal,
		.open = row->whole ? NULL : open_row, .close = row->whole ? NULL : close_row,
		.whole = row->whole ? measure_row : NULL, .state = state_of(row),
	};
}
