/* SPDX-License-Identifier: MIT */
/*
 * Is a loop held up? In debug mode each loop has a pulse, which beats before and after each task
 * that runs; one thread of the process watches them. A loop that turns, does not sleep and does not
 * beat for the threshold is asked by a signal for a sample: who runs, and the stack at that moment.
 * Words are made of it on the watching thread, where nothing is forbidden.
 */
#ifndef COIL_SEE_PULSE_H
#define COIL_SEE_PULSE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "task/task.h"

#define SAMPLE_FRAMES_MAX 48u
#define REPORTS_A_MINUTE 5u

enum sample_state {
	SAMPLE_NONE,
	SAMPLE_ASKED,
	SAMPLE_TAKEN
};

struct sample {
	uint64_t task; /* 0: a hook, on the loop's own stack */
	char name[48];
	char place[112];
	void *frames[SAMPLE_FRAMES_MAX];
	size_t count;
};

struct pulse {
	struct coil_list link;
	struct scheduler *scheduler;
	int thread;
	_Atomic uint64_t beat;
	_Atomic bool is_turning;
	_Atomic uint32_t sample_state;
	struct sample sample;
	/* The watching thread's. */
	uint64_t seen_beat;
	int64_t since;
	bool is_asked;
	bool is_told;
	int64_t told[REPORTS_A_MINUTE]; /* when, a ring; under the watch's lock */
	uint32_t told_next;
};

/* 0 or a negative errno. On the loop's thread. */
int pulse_watch(struct pulse *pulse, struct scheduler *s);
void pulse_unwatch(struct pulse *pulse);

static inline void pulse_beat(struct pulse *pulse)
{
	uint64_t beat = atomic_load_explicit(&pulse->beat, memory_order_relaxed);

	atomic_store_explicit(&pulse->beat, beat + 1, memory_order_relaxed);
}

static inline void pulse_turn(struct pulse *pulse, bool begins)
{
	atomic_store_explicit(&pulse->is_turning, begins, memory_order_relaxed);
}

/* May one more be told of this loop in this minute? Counts it, then. */
bool pulse_may_tell(struct pulse *pulse, int64_t now);

/* The threshold, nanoseconds. */
int64_t pulse_threshold(void);

#endif
