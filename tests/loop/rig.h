/* SPDX-License-Identifier: MIT */
/*
 * A loop without tasks, on the driver in memory or on the real kernel. One a process; each test has
 * a process of its own.
 */
#ifndef COIL_TESTS_LOOP_RIG_H
#define COIL_TESTS_LOOP_RIG_H

#include "loop/inbox.h"
#include "loop/loop.h"
#include "loop/op.h"
#include "loop/prep.h"
#include "loop/prep_files.h"
#include "loop/timers.h"

#include "support/fake_driver.h"
#include "support/test.h"

#define MS INT64_C(1000000)
#define RIG_FD 7 /* no real one: the fake driver does not look */
#define RIG_LOG_MAX 16384

/* A hook that writes down its number. */
struct note {
	struct coil_hook hook;
	int id;
};

extern struct fake_driver fake;
extern struct coil_loop rig_loop;
extern int rig_log[RIG_LOG_MAX];
extern unsigned rig_logged;

/* What rig_open and rig_open_kernel give to the loop; a test may change it before. */
extern struct coil_options rig_options;

/* On the fake driver, after a first turn in which the inbox was armed; all counts begin at 0. */
void rig_open(unsigned sq_entries, unsigned cq_entries);
void rig_open_kernel(void);

/* Drains and closes either. */
void rig_close(void);

/* One turn that does not wait, one that may. Both must succeed. */
void rig_turn(void);
void rig_wait(void);

/* Turns until @future is resolved; fails after five seconds. */
void rig_await(struct coil_future *future);

struct note note_new(int id);

/* The log as digits, 123 for 1, 2, 3; forgets it. */
long rig_digits(void);

/* Stages a read that nobody answers, and starts it. */
void rig_start_read(struct coil_op *op);
void rig_start_nop(struct coil_op *op);

/* The kernel answers the operation, or its cancel. */
void rig_answer(struct coil_op *op, int32_t res, uint32_t flags);
void rig_answer_cancel(struct coil_op *op, int32_t res);

/* How many open requests of the fake driver are cancels? */
unsigned rig_open_cancels(void);

#endif
