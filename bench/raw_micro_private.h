/* SPDX-License-Identifier: MIT */
/* raw_micro_private - what raw_micro.c knows of the floors' own files. */
#ifndef COIL_BENCH_RAW_MICRO_PRIVATE_H
#define COIL_BENCH_RAW_MICRO_PRIVATE_H

#include "raw_micro.h"

struct raw_switch;
struct raw_timers;

int raw_switch_open(struct raw_switch **ret_switch);
void raw_switch_close(struct raw_switch *pair);
void raw_switch_run(struct raw_switch *pair, uint64_t units);

int raw_timers_open(unsigned int count, struct raw_timers **ret_timers);
void raw_timers_close(struct raw_timers *timers);
void raw_timers_make_room(struct raw_timers *timers, uint64_t units);
void raw_timers_make_full(struct raw_timers *timers);
void raw_timers_arm(struct raw_timers *timers, uint64_t units);
void raw_timers_cancel(struct raw_timers *timers, uint64_t units);
void raw_timers_fire(struct raw_timers *timers, uint64_t units);

#endif
