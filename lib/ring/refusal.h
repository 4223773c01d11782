/* SPDX-License-Identifier: MIT */
/*
 * Says in one sentence what refused, and what to do about it. The sentence is a pure function of
 * the error and the facts, so that each of its forms can be tested on a machine where nothing is
 * refused.
 */
#ifndef COIL_RING_REFUSAL_H
#define COIL_RING_REFUSAL_H

#include "ring/facts.h"

#include <stddef.h>
#include <stdint.h>

#define REFUSAL_BYTES 512

enum refusal_step {
	REFUSAL_SETUP,		/* io_uring_setup(2) and what belongs to it */
	REFUSAL_REGISTER,	/* io_uring_register(2): what it is asked about a new ring */
	REFUSAL_KERNEL,		/* the ring is there, but lacks something */
	REFUSAL_WAKE,		/* the eventfd */
	REFUSAL_MAP,		/* memory for stacks */
	REFUSAL_GUARD,		/* guard pages by mprotect */
};

struct refusal_facts {
	enum refusal_step step;
	struct facts machine;
	uint64_t ring_bytes;	/* SETUP: the ring's memory; MAP: the bytes asked for */
	const char *missing;	/* KERNEL: "the operation accept"; else NULL */
};

/* @error: a negative errno. */
void refusal_compose(char *text, size_t bytes, int error, const struct refusal_facts *facts);

/*
 * Keeps the sentence for driver_refusal() and returns @error. The machine's facts are gathered
 * here.
 */
int refusal_note(int error, struct refusal_facts *facts);

/* Keeps a sentence that needs no facts. */
int refusal_note_words(int error, const char *words, ...) __attribute__((format(printf, 2, 3)));

void refusal_clear(void);

#endif
