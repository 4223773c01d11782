/* SPDX-License-Identifier: MIT */
/*
 * Where a coroutine begins: the body and its argument lie on the new stack, rbp is 0. No frame is
 * above this one: unwinders that follow CFI meet an undefined return address, those that follow
 * rbp meet 0. The switch is not aware of shadow stacks, so this object claims IBT alone.
 */
	.text
	.p2align 4
	.globl	coro_entry
	.hidden	coro_entry
	.type	coro_entry, @function
coro_entry:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	popq	%rax
	popq	%rdi
	leaq	1f(%rip), %rcx		/* as called; but a call that never returns would put the */
	pushq	%rcx			/* processor's predictions of later returns out of step */
	jmp	*%rax
1:	ud2				/* the body returned: it must leave by a final switch */
	.cfi_endproc
	.size	coro_entry, . - coro_entry

	.section .note.GNU-stack, "", @progbits

	.section .note.gnu.property, "a", @note
	.p2align 3
	.long	4			/* length of the name */
	.long	16			/* length of the description */
	.long	5			/* NT_GNU_PROPERTY_TYPE_0 */
	.asciz	"GNU"
	.long	0xc0000002		/* GNU_PROPERTY_X86_FEATURE_1_AND */
	.long	4
	.long	1			/* IBT */
	.long	0
