/* SPDX-License-Identifier: MIT */
/*
 * The dump of a loop: plain text, one line a fact, written as it is found. No heap, no stdio, no
 * recursion: it may run in a signal handler, on a small stack, with any number of tasks. It
 * believes no pointer that it can check; where the handler has interrupted a change of the lists it
 * says so and goes no further.
 */
#ifndef COIL_SEE_DUMP_H
#define COIL_SEE_DUMP_H

#include "see/debug.h"
#include "see/text.h"

struct dump {
	struct text *text;
	struct scheduler *scheduler;
	int64_t now;
	const void *context;	/* of the signal handler, or NULL */
};

/* 0, or what write(2) said. */
int dump_now(struct scheduler *s, int fd);

/* In a handler on the loop's thread; @context is its third argument. */
int dump_interrupted(struct scheduler *s, int fd, const void *context);

/* A task, and all that is in its frames, @level levels in. */
void dump_task(struct dump *dump, struct coil_task *task, unsigned level);

/* "name: " on a line of its own. */
void dump_fact(struct dump *dump, unsigned level, const char *name);

void dump_frames(struct dump *dump, void *const *frames, size_t count, unsigned level);

/* One line: "recv on fd 5, peer 127.0.0.1:80". */
void dump_wait(struct dump *dump, struct coil_future *future);

#endif
