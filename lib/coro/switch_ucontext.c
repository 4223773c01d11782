/* SPDX-License-Identifier: MIT */
/* The switch by ucontext; nothing where the CPU has a switch of its own. */
#include "coro/coro.h"

#ifdef CORO_USES_UCONTEXT

#include <stdint.h>

#include "base/check.h"

/* Lies at the top of a new stack until the coroutine first runs. */
struct beginning {
	ucontext_t context;
	void (*body)(void *arg);
	void *arg;
};

/* makecontext passes ints: the pointer comes in two halves. */
static void begin(unsigned high, unsigned low)
{
	uintptr_t address = (uintptr_t)(((uint64_t)high << 32) | low);
	const struct beginning *beginning = (const struct beginning *)address;

	beginning->body(beginning->arg);
	check_failed(__func__, "the body does not return", __FILE__, __LINE__);
}

void coro_registers_init(struct coro_registers *registers, void *stack_low, void *stack_top,
			 void (*body)(void *arg), void *arg)
{
	uintptr_t address = ((uintptr_t)stack_top - sizeof(struct beginning)) & ~(uintptr_t)63;
	struct beginning *beginning = (struct beginning *)address;

	check(getcontext(&beginning->context) == 0);
	beginning->body = body;
	beginning->arg = arg;
	beginning->context.uc_stack.ss_sp = stack_low;
	beginning->context.uc_stack.ss_size = address - (uintptr_t)stack_low;
	beginning->context.uc_link = NULL;
	makecontext(&beginning->context, (void (*)(void))begin, 2,
		    (unsigned)((uint64_t)address >> 32), (unsigned)address);
	registers->context = &beginning->context;
}

void coro_registers_switch(struct coro_registers *from, struct coro_registers *to)
{
	ucontext_t here;

	from->context = &here;
	check(swapcontext(&here, to->context) == 0);
}

void coro_registers_switch_final(struct coro_registers *from, struct coro_registers *to)
{
	(void)from;
	setcontext(to->context);
	check_failed(__func__, "setcontext", __FILE__, __LINE__);
}

#endif
