/* SPDX-License-Identifier: MIT */
/*
 * void coro_call_under(const struct coro_registers *x0, void (*x1)(void *), void *x2):
 * calls x1(x2) in a frame whose caller, as unwinders see it, is the coroutine that has parked with
 * these registers. backtrace_x86_64.S tells more.
 */
	.text
	.p2align 4
	.globl	coro_call_under
	.hidden	coro_call_under
	.type	coro_call_under, %function
coro_call_under:
	.cfi_startproc
	.cfi_signal_frame
	hint	#34			/* bti c */
	stp	x29, x30, [sp, #-32]!
	.cfi_def_cfa_offset 32
	.cfi_offset x29, -32
	.cfi_offset x30, -24
	str	x19, [sp, #16]
	.cfi_offset x19, -16
	mov	x29, sp
	mov	x19, x0
	mov	x0, x2
	.cfi_remember_state
	.cfi_escape 0x0f, 0x03, 0x83, 0x08, 0x06	/* CFA: what lies at x19 + 8 */
	.cfi_escape 0x10, 0x1e, 0x02, 0x83, 0x00	/* pc: at x19 */
	.cfi_escape 0x10, 0x1d, 0x02, 0x83, 0x10	/* x29: at x19 + 16 */
	.cfi_escape 0x10, 0x13, 0x02, 0x83, 0x18	/* x19: at x19 + 24 */
	blr	x1
	.cfi_restore_state
	ldr	x19, [sp, #16]
	ldp	x29, x30, [sp], #32
	.cfi_restore x19
	.cfi_restore x29
	.cfi_restore x30
	.cfi_def_cfa_offset 0
	ret
	.cfi_endproc
	.size	coro_call_under, . - coro_call_under

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
