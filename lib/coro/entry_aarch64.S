/* SPDX-License-Identifier: MIT */
/*
 * Where a coroutine begins: the body and its argument lie on the new stack, x29 is 0. No frame is
 * above this one: unwinders that follow CFI meet an undefined return address, those that follow
 * x29 meet 0.
 */
	.text
	.p2align 4
	.globl	coro_entry
	.hidden	coro_entry
	.type	coro_entry, %function
coro_entry:
	.cfi_startproc
	.cfi_undefined x30
	hint	#34			/* bti c */
	ldp	x9, x0, [sp], #16
	mov	x30, xzr
	blr	x9
	brk	#1			/* the body returned: it must leave by a final switch */
	.cfi_endproc
	.size	coro_entry, . - coro_entry

	.section .note.GNU-stack, "", %progbits

	.section .note.gnu.property, "a", %note
	.p2align 3
	.long	4			/* length of the name */
	.long	16			/* length of the description */
	.long	5			/* NT_GNU_PROPERTY_TYPE_0 */
	.asciz	"GNU"
	.long	0xc0000000		/* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
	.long	4
	.long	1			/* BTI */
	.long	0
