/* SPDX-License-Identifier: MIT */
/* Walking stacks. See backtrace.h. */
#include "coro/backtrace.h"

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>
#include <unwind.h>

struct walk {
	void **frames;
	size_t count;
	size_t max;
	uintptr_t low;
	uintptr_t high;
	uintptr_t from; /* 0: from wherever the bounds begin */
	bool has_begun;
};

static void walk_begin(struct walk *walk, struct backtrace_bounds bounds, void **frames, size_t max)
{
	*walk = (struct walk){
		.frames = frames,
		.max = max,
		.low = (uintptr_t)bounds.low,
		.high = bounds.high ? (uintptr_t)bounds.high : UINTPTR_MAX,
	};
}

/* Frames below the ones that are asked for are passed over; a step out of bounds is the end. */
static _Unwind_Reason_Code walk_frame(struct _Unwind_Context *context, void *arg)
{
	struct walk *walk = arg;
	uintptr_t pc = _Unwind_GetIP(context);
	uintptr_t sp = _Unwind_GetCFA(context);
	bool is_inside = sp >= walk->low && sp <= walk->high;

	if (pc == 0)
		return _URC_END_OF_STACK;
	if (!walk->has_begun) {
		if (!is_inside || (walk->from && walk->from != pc))
			return _URC_NO_REASON;
		walk->has_begun = true;
	}
	if (!is_inside || walk->count == walk->max)
		return _URC_END_OF_STACK;
	walk->frames[walk->count++] = (void *)pc;
	return _URC_NO_REASON;
}

static void unwind(void *walk)
{
	_Unwind_Backtrace(walk_frame, walk);
}

size_t backtrace_running(const void *from, struct backtrace_bounds bounds, void **frames,
			 size_t max)
{
	struct walk walk;

	walk_begin(&walk, bounds, frames, max);
	walk.from = (uintptr_t)from;
	unwind(&walk);
	return walk.count;
}

/* Where this CPU's ucontext keeps what a backtrace begins with; zeroes if it is not known. */
static void read_context(const ucontext_t *context, uintptr_t *ret_pc, uintptr_t *ret_sp,
			 uintptr_t *ret_frame)
{
#if defined __x86_64__
	*ret_pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
	*ret_sp = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
	*ret_frame = (uintptr_t)context->uc_mcontext.gregs[REG_RBP];
#elif defined __aarch64__
	*ret_pc = (uintptr_t)context->uc_mcontext.pc;
	*ret_sp = (uintptr_t)context->uc_mcontext.sp;
	*ret_frame = (uintptr_t)context->uc_mcontext.regs[29];
#else
	(void)context;
	*ret_pc = *ret_sp = *ret_frame = 0;
#endif
}

void backtrace_interrupted(const void *context, void **ret_pc, void **ret_sp)
{
	uintptr_t pc, sp, frame;

	read_context(context, &pc, &sp, &frame);
	*ret_pc = (void *)pc;
	*ret_sp = (void *)sp;
}

/* The switch loads the stack pointer first, and keeps @to in the register of its argument. */
bool backtrace_is_arriving(const void *context, const struct coro *to)
{
#if defined CORO_USES_UCONTEXT
	(void)context;
	(void)to;
	return false; /* swapcontext(3) can be walked at each of its instructions */
#elif defined __x86_64__
	const greg_t *registers = ((const ucontext_t *)context)->uc_mcontext.gregs;

	return registers[REG_RSI] == (greg_t)(uintptr_t)&to->registers &&
	       registers[REG_RSP] == (greg_t)(uintptr_t)to->registers.rsp;
#else
	const mcontext_t *registers = &((const ucontext_t *)context)->uc_mcontext;

	return registers->regs[1] == (uintptr_t)&to->registers &&
	       registers->sp == (uintptr_t)to->registers.sp;
#endif
}

#ifdef CORO_USES_UCONTEXT

/* Up by frame pointers: each points to the next one, the address to return to lies above it. */
static void climb(struct walk *walk, uintptr_t pc, uintptr_t frame)
{
	uintptr_t below = walk->low;

	while (pc && walk->count < walk->max) {
		walk->frames[walk->count++] = (void *)pc;
		if (frame < below || frame % sizeof(uintptr_t) ||
		    frame > walk->high - 2 * sizeof(uintptr_t))
			return;
		below = frame + 2 * sizeof(uintptr_t);
		pc = ((const uintptr_t *)frame)[1];
		frame = ((const uintptr_t *)frame)[0];
	}
}

size_t backtrace_parked(const struct coro *coro, struct backtrace_bounds bounds, void **frames,
			size_t max)
{
	struct walk walk;
	uintptr_t pc, sp, frame;

	walk_begin(&walk, bounds, frames, max);
	read_context(coro->registers.context, &pc, &sp, &frame);
	climb(&walk, pc, frame);
	return walk.count;
}

#else

void coro_call_under(const struct coro_registers *registers, void (*function)(void *arg),
		     void *arg);

size_t backtrace_parked(const struct coro *coro, struct backtrace_bounds bounds, void **frames,
			size_t max)
{
	struct walk walk;

	walk_begin(&walk, bounds, frames, max);
	coro_call_under(&coro->registers, unwind, &walk);
	return walk.count;
}

#endif
