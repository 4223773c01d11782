/* SPDX-License-Identifier: MIT */
/*
 * The switch on aarch64; switch_x86_64.h tells why it looks like this. By hand go pc and sp, x29
 * (the frame pointer) and x19 (clang's base pointer in realigned frames). FPCR belongs to the
 * coroutine: it is stored at each switch and loaded where the other's differs; FPSR's flags are
 * not kept, as over any call.
 */
#ifndef COIL_CORO_SWITCH_AARCH64_H
#define COIL_CORO_SWITCH_AARCH64_H

#include <stddef.h>
#include <stdint.h>

struct coro_registers {
	void *pc;
	void *sp;
	void *x29;
	void *x19;
	uint64_t fpcr;
};

_Static_assert(offsetof(struct coro_registers, pc) == 0, "known to the assembly");
_Static_assert(offsetof(struct coro_registers, sp) == 8, "known to the assembly");
_Static_assert(offsetof(struct coro_registers, x29) == 16, "known to the assembly");
_Static_assert(offsetof(struct coro_registers, x19) == 24, "known to the assembly");
_Static_assert(offsetof(struct coro_registers, fpcr) == 32, "known to the assembly");

#define CORO_SP(registers) ((registers)->sp)

/* entry_aarch64.S: takes the body and its argument from the new stack. */
void coro_entry(void);

/* The new coroutine's first frame, and its creator's control word. */
static inline void coro_registers_init(struct coro_registers *registers, void *stack_low,
				       void *stack_top, void (*body)(void *arg), void *arg)
{
	uintptr_t *top = (uintptr_t *)((uintptr_t)stack_top & ~(uintptr_t)15) - 2;

	(void)stack_low;
	top[0] = (uintptr_t)body;
	top[1] = (uintptr_t)arg;
	registers->pc = (void *)(uintptr_t)coro_entry;
	registers->sp = top;
	registers->x29 = NULL;
	registers->x19 = NULL;
	__asm__ volatile("mrs %0, fpcr" : "=r"(registers->fpcr));
}

#ifdef __ARM_FEATURE_SVE
#define CORO_CLOBBER_SVE                                                                           \
	, "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",  \
		"p14", "p15"
#else
#define CORO_CLOBBER_SVE
#endif

#define CORO_CLOBBER                                                                               \
	"x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",  \
		"x16", "x17", "x18", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",       \
		"x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10",   \
		"v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21",       \
		"v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc",        \
		"memory" CORO_CLOBBER_SVE

/*
 * Leaves on the stack of x1's coroutine, the stack pointer first (backtrace_is_arriving); x11 is
 * the control word in force. The jump goes through
 * x16: a BTI landing pad of either kind accepts that.
 */
#define CORO_RESUME                                                                                \
	"ldr x12, [x1, #32]\n\t"                                                                   \
	"cmp x11, x12\n\t"                                                                         \
	"b.ne 3f\n"                                                                                \
	"2:\n\t"                                                                                   \
	"ldp x16, x10, [x1]\n\t"                                                                   \
	"mov sp, x10\n\t"                                                                          \
	"ldp x29, x19, [x1, #16]\n\t"                                                              \
	"br x16\n"                                                                                 \
	"3:\n\t"                                                                                   \
	"msr fpcr, x12\n\t"                                                                        \
	"b 2b\n"

static inline __attribute__((always_inline)) void coro_registers_switch(struct coro_registers *from,
									struct coro_registers *to)
{
	register struct coro_registers *x0 __asm__("x0") = from;
	register struct coro_registers *x1 __asm__("x1") = to;

	__asm__ volatile("adr x9, 1f\n\t"
			 "mov x10, sp\n\t"
			 "mrs x11, fpcr\n\t"
			 "stp x9, x10, [x0]\n\t"
			 "stp x29, x19, [x0, #16]\n\t"
			 "str x11, [x0, #32]\n\t"
			 CORO_RESUME
			 "1:\n\t"
			 "hint #36" /* bti j */
			 : "+r"(x0), "+r"(x1)
			 :
			 : CORO_CLOBBER);
}

static inline __attribute__((always_inline)) _Noreturn void
coro_registers_switch_final(struct coro_registers *from, struct coro_registers *to)
{
	register struct coro_registers *x1 __asm__("x1") = to;

	(void)from;
	__asm__ volatile("mrs x11, fpcr\n\t"
			 CORO_RESUME
			 : "+r"(x1)
			 :
			 : "x0", CORO_CLOBBER);
	__builtin_unreachable();
}

#undef CORO_RESUME
#undef CORO_CLOBBER
#undef CORO_CLOBBER_SVE

#endif
