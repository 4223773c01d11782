/* SPDX-License-Identifier: MIT */
/*
 * raw_switch - the bare switch between two stacks, done as Boost.Context does.
 *
 * Saves what the System V ABI wants kept (rbx, rbp, r12-r15) and both
 * floating-point control words, and leaves by a jump to the popped address.
 * No queue, no task: two stacks that throw the ball to each other.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "raw_micro_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__x86_64__)

#define STACK_BYTES	65536

struct raw_switch {
	void *partner;		/* stack pointer of the other side */
	char *stack;
};

/* Goes to the stack @to; returns the one that came back to us. */
void *raw_switch_jump(void *to) __attribute__((visibility("hidden")));

__asm__(".text\n"
	".p2align 4\n"
	".globl raw_switch_jump\n"
	".hidden raw_switch_jump\n"
	".type raw_switch_jump, @function\n"
	"raw_switch_jump:\n"
	"	leaq	-0x38(%rsp), %rsp\n"
	"	stmxcsr	(%rsp)\n"
	"	fnstcw	0x4(%rsp)\n"
	"	movq	%r12, 0x8(%rsp)\n"
	"	movq	%r13, 0x10(%rsp)\n"
	"	movq	%r14, 0x18(%rsp)\n"
	"	movq	%r15, 0x20(%rsp)\n"
	"	movq	%rbx, 0x28(%rsp)\n"
	"	movq	%rbp, 0x30(%rsp)\n"
	"	movq	%rsp, %rax\n"
	"	movq	%rdi, %rsp\n"
	"	movq	0x38(%rsp), %r8\n"
	"	ldmxcsr	(%rsp)\n"
	"	fldcw	0x4(%rsp)\n"
	"	movq	0x8(%rsp), %r12\n"
	"	movq	0x10(%rsp), %r13\n"
	"	movq	0x18(%rsp), %r14\n"
	"	movq	0x20(%rsp), %r15\n"
	"	movq	0x28(%rsp), %rbx\n"
	"	movq	0x30(%rsp), %rbp\n"
	"	leaq	0x40(%rsp), %rsp\n"
	"	movq	%rax, %rdi\n"
	"	jmp	*%r8\n"
	".size raw_switch_jump, .-raw_switch_jump\n");

static void partner_main(void *from)
{
	for (;;)
		from = raw_switch_jump(from);
}

int raw_switch_open(struct raw_switch **ret_switch)
{
	struct raw_switch *pair = malloc(sizeof(*pair));
	uint64_t *frame;

	if (!pair)
		return -ENOMEM;
	pair->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pair->stack == MAP_FAILED) {
		free(pair);
		return -ENOMEM;
	}

	/* The jump pops 0x40 bytes; a function starts 8 off a multiple of 16. */
	frame = (uint64_t *)(void *)(pair->stack + STACK_BYTES - 0x40 - 0x48);
	__asm__("stmxcsr %0\n\tfnstcw %1"
		: "=m"(((uint32_t *)frame)[0]), "=m"(((uint32_t *)frame)[1]));
	frame[7] = (uint64_t)(uintptr_t)partner_main;
	pair->partner = frame;
	*ret_switch = pair;
	return 0;
}

void raw_switch_close(struct raw_switch *pair)
{
	munmap(pair->stack, STACK_BYTES);
	free(pair);
}

/* There and back are two units. */
void raw_switch_run(struct raw_switch *pair, uint64_t units)
{
	void *partner = pair->partner;

	for (; units >= 2; units -= 2)
		partner = raw_switch_jump(partner);
	pair->partner = partner;
}

#else

int raw_switch_open(struct raw_switch **ret_switch)
{
	(void)ret_switch;
	return -ENOSYS;
}

void raw_switch_close(struct raw_switch *pair)
{
	(void)pair;
}

void raw_switch_run(struct raw_switch *pair, uint64_t units)
{
	(void)pair;
	(void)units;
}

#endif
