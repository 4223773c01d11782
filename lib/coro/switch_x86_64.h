/* SPDX-License-Identifier: MIT */
/*
 * The switch on x86-64: inline assembly with a clobber list. The compiler saves what lives across
 * it, and nothing else; no call and no return surround it, so the processor's return stack stays
 * balanced. By hand go rip and rsp, rbp (it may be the frame pointer) and rbx (clang's base
 * pointer in realigned frames: listed as a clobber, it would be destroyed without a word).
 * Nothing is pushed: the frame's red zone may be in use.
 *
 * MXCSR and the x87 control word belong to the coroutine. Both are stored at each switch. MXCSR
 * is always loaded: to compare what was just stored costs more than that (the load waits for
 * stmxcsr). The x87 word is loaded where the other's differs. Measured:
 * docs/decisions/0001-inline-context-switch.md.
 */
#ifndef COIL_CORO_SWITCH_X86_64_H
#define COIL_CORO_SWITCH_X86_64_H

#include <stddef.h>
#include <stdint.h>

struct coro_registers {
	void *rip;
	void *rsp;
	void *rbp;
	void *rbx;
	uint32_t mxcsr;
	uint16_t x87_control;
};

_Static_assert(offsetof(struct coro_registers, rip) == 0, "known to the assembly");
_Static_assert(offsetof(struct coro_registers, rsp) == 8, "known to the assembly");
_Static_assert(offsetof(struct coro_registers, rbp) == 16, "known to the assembly");
_Static_assert(offsetof(struct coro_registers, rbx) == 24, "known to the assembly");
_Static_assert(offsetof(struct coro_registers, mxcsr) == 32, "known to the assembly");
_Static_assert(offsetof(struct coro_registers, x87_control) == 36, "known to the assembly");

#define CORO_SP(registers) ((registers)->rsp)

/* entry_x86_64.S: takes the body and its argument from the new stack. */
void coro_entry(void);

/* The new coroutine's first frame, and its creator's control words. */
static inline void coro_registers_init(struct coro_registers *registers, void *stack_low,
				       void *stack_top, void (*body)(void *arg), void *arg)
{
	uintptr_t *top = (uintptr_t *)((uintptr_t)stack_top & ~(uintptr_t)15) - 2;

	(void)stack_low;
	top[0] = (uintptr_t)body;
	top[1] = (uintptr_t)arg;
	registers->rip = (void *)(uintptr_t)coro_entry;
	registers->rsp = top;
	registers->rbp = NULL;
	registers->rbx = NULL;
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1"
			 : "=m"(registers->mxcsr), "=m"(registers->x87_control));
}

#ifdef __AVX512F__
#define CORO_CLOBBER_AVX512                                                                        \
	, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",         \
		"xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2",   \
		"k3", "k4", "k5", "k6", "k7"
#else
#define CORO_CLOBBER_AVX512
#endif

#define CORO_CLOBBER                                                                               \
	"rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", \
		"xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",  \
		"xmm12", "xmm13", "xmm14", "xmm15", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5",      \
		"mm6", "mm7", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", \
		"cc", "memory" CORO_CLOBBER_AVX512

/* Leaves on the stack of rsi's coroutine, the stack pointer first (backtrace_is_arriving). */
#define CORO_RESUME                                                                                \
	"ldmxcsr 32(%%rsi)\n\t"                                                                    \
	"movq 8(%%rsi), %%rsp\n\t"                                                                 \
	"movq 16(%%rsi), %%rbp\n\t"                                                                \
	"movq 24(%%rsi), %%rbx\n\t"                                                                \
	"jmpq *(%%rsi)\n"

static inline __attribute__((always_inline)) void coro_registers_switch(struct coro_registers *from,
									struct coro_registers *to)
{
	__asm__ volatile("stmxcsr 32(%%rdi)\n\t"
			 "fnstcw 36(%%rdi)\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "movq %%rax, (%%rdi)\n\t"
			 "movq %%rsp, 8(%%rdi)\n\t"
			 "movq %%rbp, 16(%%rdi)\n\t"
			 "movq %%rbx, 24(%%rdi)\n\t"
			 "movzwl 36(%%rdi), %%ecx\n\t"
			 "cmpw 36(%%rsi), %%cx\n\t"
			 "jne 3f\n"
			 "2:\n\t"
			 CORO_RESUME
			 "3:\n\t"
			 "fldcw 36(%%rsi)\n\t"
			 "jmp 2b\n"
			 "1:\n\t"
			 "endbr64"
			 : "+D"(from), "+S"(to)
			 :
			 : CORO_CLOBBER);
}

/* Nobody comes back: nothing is stored but what has to be compared. */
static inline __attribute__((always_inline)) _Noreturn void
coro_registers_switch_final(struct coro_registers *from, struct coro_registers *to)
{
	__asm__ volatile("fnstcw 36(%%rdi)\n\t"
			 "movzwl 36(%%rdi), %%ecx\n\t"
			 "cmpw 36(%%rsi), %%cx\n\t"
			 "je 1f\n\t"
			 "fldcw 36(%%rsi)\n\t"
			 "1:\n\t"
			 CORO_RESUME
			 : "+D"(from), "+S"(to)
			 :
			 : CORO_CLOBBER);
	__builtin_unreachable();
}

#undef CORO_RESUME
#undef CORO_CLOBBER
#undef CORO_CLOBBER_AVX512

#endif
