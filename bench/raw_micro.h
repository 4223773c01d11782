/* SPDX-License-Identifier: MIT */
/*
 * raw_micro - the floors inside: small pieces of work as raw as they can be.
 *
 * One is opened once, run for any number of units, and closed. The signature
 * of raw_micro_run() and raw_micro_prepare() is that of struct measure_case,
 * with the struct raw_micro as its argument and raw_micro_step() as its step.
 */
#ifndef COIL_BENCH_RAW_MICRO_H
#define COIL_BENCH_RAW_MICRO_H

#include <stdint.h>

enum raw_micro_kind {
	RAW_NOP_BATCH,		/* unit: a NOP; parameter: NOPs a batch */
	RAW_CHAIN,		/* unit: a NOP; parameter: links a chain, one chain an enter */
	RAW_CANCEL_RECV,	/* unit: a recv armed and cancelled; parameter: at a time */
	RAW_FILE_READ,		/* unit: 4 KiB; parameter: depth */
	RAW_FILE_READ_FIXED,	/* the same, registered file and buffers */
	RAW_FILE_PREAD,		/* unit: 4 KiB; no parameter */
	RAW_SWITCH,		/* unit: one jump between stacks; x86-64 only */
	RAW_TIMER_ARM,		/* unit: a timer; parameter: how many there are */
	RAW_TIMER_CANCEL,
	RAW_TIMER_FIRE,
	RAW_KINDS,
};

/*
 * Timers of a window, always as many: more are more memory, and not as warm, so that windows
 * of another length would have another result. Those that are armed were just touched and fit into
 * the cache of a core, which neighbours cannot take away.
 */
#define RAW_TIMER_ARM_MOST 2000
#define RAW_TIMER_CANCEL_MOST 14000
#define RAW_TIMER_FIRE_MOST 1500

struct raw_micro;

/**
 * raw_micro_open - prepare a floor
 * @kind:      which
 * @parameter: as said above; 0 takes 1, 8, 32, 1, 1, -, -, 100,000
 * @ret_micro: yours until raw_micro_close()
 *
 * Return: 0; -ENOSYS on another architecture (RAW_SWITCH); -EINVAL; or what
 * the preparation's system calls said.
 */
int raw_micro_open(enum raw_micro_kind kind, unsigned int parameter,
		   struct raw_micro **ret_micro);
void raw_micro_close(struct raw_micro *micro);

/**
 * raw_micro_step - units must be a multiple of it
 */
uint64_t raw_micro_step(const struct raw_micro *micro);

/**
 * raw_micro_most - units of a run are at most so many; 0: any number
 */
uint64_t raw_micro_most(const struct raw_micro *micro);

/**
 * raw_micro_prepare - not timed, before each run (the timers want it)
 *
 * Takes @units timers out for the arms, or arms all for the others.
 * For the timers @units must not exceed their number.
 */
void raw_micro_prepare(void *micro, uint64_t units);

/**
 * raw_micro_run - run @units; a failure inside aborts
 */
void raw_micro_run(void *micro, uint64_t units);

#endif
