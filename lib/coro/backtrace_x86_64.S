/* SPDX-License-Identifier: MIT */
/*
 * void coro_call_under(const struct coro_registers *rdi, void (*rsi)(void *), void *rdx):
 * calls rsi(rdx) in a frame whose caller, as unwinders see it, is the coroutine that has parked
 * with these registers. No stack is switched: the rules below say where the caller's registers
 * are, and that it was stopped in the middle of its instructions, as by a signal.
 */
	.text
	.p2align 4
	.globl	coro_call_under
	.hidden	coro_call_under
	.type	coro_call_under, @function
coro_call_under:
	.cfi_startproc
	.cfi_signal_frame
	endbr64
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset rbx, -16
	movq	%rdi, %rbx
	movq	%rdx, %rdi
	.cfi_remember_state
	.cfi_escape 0x0f, 0x03, 0x73, 0x08, 0x06	/* CFA: what lies at rbx + 8 */
	.cfi_escape 0x10, 0x10, 0x02, 0x73, 0x00	/* rip: at rbx */
	.cfi_escape 0x10, 0x06, 0x02, 0x73, 0x10	/* rbp: at rbx + 16 */
	.cfi_escape 0x10, 0x03, 0x02, 0x73, 0x18	/* rbx: at rbx + 24 */
	call	*%rsi
	.cfi_restore_state
	popq	%rbx
	.cfi_def_cfa_offset 8
	.cfi_restore rbx
	ret
	.cfi_endproc
	.size	coro_call_under, . - coro_call_under

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
