/* SPDX-License-Identifier: MIT */
/*
 * The switch by ucontext: for CPUs without one of their own, and with COIL_CORO_UCONTEXT to test
 * that. Each switch saves the signal mask with a system call of libc's, so it costs some hundred
 * nanoseconds. A parked coroutine's ucontext_t lies in the frame that it switches in.
 */
#ifndef COIL_CORO_SWITCH_UCONTEXT_H
#define COIL_CORO_SWITCH_UCONTEXT_H

#include <ucontext.h>

struct coro_registers {
	ucontext_t *context;
};

void coro_registers_init(struct coro_registers *registers, void *stack_low, void *stack_top,
			 void (*body)(void *arg), void *arg);
void coro_registers_switch(struct coro_registers *from, struct coro_registers *to);
_Noreturn void coro_registers_switch_final(struct coro_registers *from, struct coro_registers *to);

#endif
