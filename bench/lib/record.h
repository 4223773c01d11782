/* SPDX-License-Identifier: MIT */
/* record - what a result is worth nothing without: machine, kernel, limits, versions. */
#ifndef COIL_BENCH_LIB_RECORD_H
#define COIL_BENCH_LIB_RECORD_H

#include "model.h"

/* Looks at the machine and writes into the model's record. 0, -ENOMEM. */
int record_machine(struct coil_bench *bench);

/* Processor time so far, of the whole machine: the share of noise is a difference of two. */
struct machine_time {
	double busy, stolen, all; /* seconds; all 0: not known */
	double own;		  /* of this process and its children that were waited for */
	double at;		  /* monotonic */
};

void machine_time_read(struct machine_time *ret_time);
/* Fills noise->stolen and noise->others. */
void machine_time_compare(const struct machine_time *before, struct noise *noise);

#endif
