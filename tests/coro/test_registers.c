/* SPDX-License-Identifier: MIT */
/*
 * What a switch must keep: callee-saved registers, floating point in flight, control words,
 * aligned frames.
 */
#include "support/test.h"

#include <fenv.h>
#include <stdio.h>

#include "coro/coro.h"

#define STACK_BYTES (256u << 10)

static _Alignas(4096) char stacks[2][STACK_BYTES];
static struct coro home;
static struct coro sides[2];

/*
 * Loads every callee-saved register with a number of its own, calls @call(@arg), and returns how
 * many have changed. By hand, since a compiler would save and restore them itself.
 */
int registers_changed(void (*call)(void *arg), void *arg, long seed);

#if defined __x86_64__
__asm__(".text\n"
	".globl registers_changed\n"
	".type registers_changed, @function\n"
	"registers_changed:\n"
	"	pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
	"	pushq %rdx\n"
	"	leaq 1(%rdx), %rbp; leaq 2(%rdx), %rbx; leaq 3(%rdx), %r12\n"
	"	leaq 4(%rdx), %r13; leaq 5(%rdx), %r14; leaq 6(%rdx), %r15\n"
	"	movq %rdi, %rax; movq %rsi, %rdi; call *%rax\n"
	"	popq %rdx\n"
	"	subq %rdx, %rbp; subq %rdx, %rbx; subq %rdx, %r12\n"
	"	subq %rdx, %r13; subq %rdx, %r14; subq %rdx, %r15\n"
	"	xorl %eax, %eax\n"
	"	cmpq $1, %rbp; je 1f; incl %eax; 1: cmpq $2, %rbx; je 1f; incl %eax\n"
	"1:	cmpq $3, %r12; je 1f; incl %eax; 1: cmpq $4, %r13; je 1f; incl %eax\n"
	"1:	cmpq $5, %r14; je 1f; incl %eax; 1: cmpq $6, %r15; je 1f; incl %eax\n"
	"1:	popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp\n"
	"	ret\n"
	".size registers_changed, . - registers_changed\n");
#define HAS_REGISTERS_CHANGED 1
#elif defined __aarch64__
#define FILL(n) "	add x" #n ", x2, #" #n "; fmov d8, x2\n"
#define TEST_X(n) "	sub x" #n ", x" #n ", x2; cmp x" #n ", #" #n "; cinc w0, w0, ne\n"
#define FILL_D(n) "	add x9, x2, #" #n "; fmov d" #n ", x9\n"
#define TEST_D(n) "	fmov x9, d" #n "; sub x9, x9, x2; cmp x9, #" #n "; cinc w0, w0, ne\n"
__asm__(".text\n"
	".globl registers_changed\n"
	".type registers_changed, %function\n"
	"registers_changed:\n"
	"	sub sp, sp, #176\n"
	"	stp x29, x30, [sp]; stp x19, x20, [sp, #16]; stp x21, x22, [sp, #32]\n"
	"	stp x23, x24, [sp, #48]; stp x25, x26, [sp, #64]; stp x27, x28, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]; stp d10, d11, [sp, #112]; stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]; str x2, [sp, #160]\n"
	FILL(19) FILL(20) FILL(21) FILL(22) FILL(23) FILL(24) FILL(25) FILL(26) FILL(27) FILL(28)
	FILL_D(8) FILL_D(9) FILL_D(10) FILL_D(11) FILL_D(12) FILL_D(13) FILL_D(14) FILL_D(15)
	"	mov x9, x0; mov x0, x1; blr x9\n"
	"	ldr x2, [sp, #160]; mov w0, #0\n"
	TEST_X(19) TEST_X(20) TEST_X(21) TEST_X(22) TEST_X(23)
	TEST_X(24) TEST_X(25) TEST_X(26) TEST_X(27) TEST_X(28)
	TEST_D(8) TEST_D(9) TEST_D(10) TEST_D(11) TEST_D(12) TEST_D(13) TEST_D(14) TEST_D(15)
	"	ldp x29, x30, [sp]; ldp x19, x20, [sp, #16]; ldp x21, x22, [sp, #32]\n"
	"	ldp x23, x24, [sp, #48]; ldp x25, x26, [sp, #64]; ldp x27, x28, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]; ldp d10, d11, [sp, #112]; ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]; add sp, sp, #176\n"
	"	ret\n"
	".size registers_changed, . - registers_changed\n");
#define HAS_REGISTERS_CHANGED 1
#else
#define HAS_REGISTERS_CHANGED 0
int registers_changed(void (*call)(void *arg), void *arg, long seed)
{
	(void)seed;
	call(arg);
	return 0;
}
#endif

static void side_init(unsigned side, void (*body)(void *arg), void *arg)
{
	hooks_stack_register(stacks[side], stacks[side] + STACK_BYTES);
	coro_init(&sides[side], stacks[side], stacks[side] + STACK_BYTES, body, arg);
}

/* Not inlined: between the caller's assembly and the switch stands an ordinary function. */
static __attribute__((noinline)) void switch_out(void *arg)
{
	coro_switch(arg, &home);
}

static __attribute__((noinline)) void switch_in(void *arg)
{
	coro_switch(&home, arg);
}

static void keep_registers(void *arg)
{
	struct coro *self = arg;
	long seed = (long)(self - sides) * 7000;

	for (long round = 0; round < 100; round++)
		EXPECT_EQ(registers_changed(switch_out, self, seed + round), 0);
	coro_switch_final(self, &home);
}

TEST(registers, callee_saved_ones_survive)
{
	if (!HAS_REGISTERS_CHANGED)
		SKIP("no assembly for this CPU");
	coro_init_thread(&home);
	side_init(0, keep_registers, &sides[0]);
	side_init(1, keep_registers, &sides[1]);
	for (long round = 0; round <= 100; round++) {
		EXPECT_EQ(registers_changed(switch_in, &sides[0], 90000 + round), 0);
		EXPECT_EQ(registers_changed(switch_in, &sides[1], 50000 + round), 0);
	}
	coro_deinit(&sides[0]);
	coro_deinit(&sides[1]);
}

/*
 * Eight sums in flight, one of them in the widest type; they stay in registers where the compiler
 * can.
 */
static double sum_up(struct coro *self, double start)
{
	double a = start, b = start * 2, c = start * 3, d = start * 4, e = 1, f = 2, g = 3;
	long double h = (long double)start;

	for (int i = 1; i < 1000; i++) {
		a += 1.0 / i;
		b -= a / (i + 1);
		c += b * 0.25;
		d -= c * 0.125;
		if (self)
			coro_switch(self, &home);
		e += d * 1e-3;
		f += e - a;
		g -= f * 1e-3;
		h += (long double)g / 3;
	}
	return a + b + c + d + e + f + g + (double)h;
}

static double sums[2];

static void sum_body(void *arg)
{
	struct coro *self = arg;
	long side = self - sides;

	sums[side] = sum_up(self, (double)side + 0.5);
	coro_switch_final(self, &home);
}

TEST(registers, floating_point_in_flight_survives)
{
	double expected[2] = { sum_up(NULL, 0.5), sum_up(NULL, 1.5) };

	coro_init_thread(&home);
	side_init(0, sum_body, &sides[0]);
	side_init(1, sum_body, &sides[1]);
	for (int i = 1; i <= 1000; i++) {
		coro_switch(&home, &sides[0]);
		coro_switch(&home, &sides[1]);
	}
	EXPECT(sums[0] == expected[0]);
	EXPECT(sums[1] == expected[1]);
	coro_deinit(&sides[0]);
	coro_deinit(&sides[1]);
}

static double third(void)
{
	volatile double one = 1, three = 3;

	return one / three;
}

static int modes_at_start[2];

static void set_rounding(void *arg)
{
	struct coro *self = arg;
	long side = self - sides;
	double mine;

	modes_at_start[side] = fegetround();
	fesetround(side ? FE_UPWARD : FE_DOWNWARD);
	mine = third();
	for (int i = 0; i < 10; i++) {
		coro_switch(self, &home);
		EXPECT_EQ(fegetround(), side ? FE_UPWARD : FE_DOWNWARD);
		EXPECT(third() == mine);
	}
	coro_switch_final(self, &home);
}

TEST(registers, rounding_mode_is_per_coroutine)
{
	double nearest = third();

	coro_init_thread(&home);
	side_init(0, set_rounding, &sides[0]);
	fesetround(FE_TOWARDZERO);
	side_init(1, set_rounding, &sides[1]);
	fesetround(FE_TONEAREST);
	for (int i = 0; i <= 10; i++) {
		coro_switch(&home, &sides[i & 1]);
		EXPECT_EQ(fegetround(), FE_TONEAREST);
		EXPECT(third() == nearest);
		coro_switch(&home, &sides[~i & 1]);
		EXPECT_EQ(fegetround(), FE_TONEAREST);
		EXPECT(third() == nearest);
	}
#ifndef CORO_USES_UCONTEXT
	EXPECT_EQ(modes_at_start[0], FE_TONEAREST);
	EXPECT_EQ(modes_at_start[1], FE_TOWARDZERO);
#endif
	coro_deinit(&sides[0]);
	coro_deinit(&sides[1]);
}

#ifdef __x86_64__

#define FLUSH_TO_ZERO 0x8000u

static unsigned mxcsr_exchange(unsigned set)
{
	unsigned word, changed;

	__asm__ volatile("stmxcsr %0" : "=m"(word));
	changed = word | set;
	__asm__ volatile("ldmxcsr %0" : : "m"(changed));
	return word;
}

static void flush_to_zero(void *arg)
{
	mxcsr_exchange(FLUSH_TO_ZERO);
	coro_switch(arg, &home);
	EXPECT_EQ(mxcsr_exchange(0) & FLUSH_TO_ZERO, FLUSH_TO_ZERO);
	coro_switch_final(arg, &home);
}

/* Changed by MXCSR alone: the x87 word does not tell of it. */
TEST(registers, flush_to_zero_is_per_coroutine)
{
	if (hooks_on_valgrind())
		SKIP("valgrind does not keep this bit");
	coro_init_thread(&home);
	side_init(0, flush_to_zero, &sides[0]);
	coro_switch(&home, &sides[0]);
	EXPECT_EQ(mxcsr_exchange(0) & FLUSH_TO_ZERO, 0);
	coro_switch(&home, &sides[0]);
	EXPECT_EQ(mxcsr_exchange(0) & FLUSH_TO_ZERO, 0);
	coro_deinit(&sides[0]);
}

#endif

static char printed[64];

static void print_numbers(void *arg)
{
	_Alignas(16) volatile char aligned[16] = { 0 };

	EXPECT_EQ((uintptr_t)aligned % 16, 0);
	snprintf(printed, sizeof(printed), "%.3f %.2Lf", third(), (long double)third());
	coro_switch_final(arg, &home);
}

TEST(registers, frames_are_aligned_whatever_the_top)
{
	coro_init_thread(&home);
	for (size_t offset = 0; offset < 32; offset++) {
		hooks_stack_register(stacks[0], stacks[0] + STACK_BYTES);
		coro_init(&sides[0], stacks[0], stacks[0] + STACK_BYTES - offset, print_numbers,
			  &sides[0]);
		printed[0] = '\0';
		coro_switch(&home, &sides[0]);
		EXPECT_STR_EQ(printed, "0.333 0.33");
		coro_deinit(&sides[0]);
	}
}
