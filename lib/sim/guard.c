/* SPDX-License-Identifier: MIT */
/*
 * Buffers in flight: nobody but the kernel may write to them, and one that is read from may not
 * change at all. A checksum is taken when the kernel gets a buffer, and compared whenever it is
 * about to touch it or to let it go.
 */
#include "sim/request.h"

#include <string.h>

#include "ring/hooks.h"

#define GUARDED_BYTES_MAX 65536

static uint64_t add(uint64_t sum, const unsigned char *bytes, size_t count)
{
	for (; count >= 8; bytes += 8, count -= 8) {
		uint64_t word;

		memcpy(&word, bytes, sizeof word);
		sum = (sum ^ word) * UINT64_C(0x9fb21c651e98df25);
		sum ^= sum >> 29;
	}
	for (; count > 0; bytes++, count--)
		sum = (sum ^ *bytes) * UINT64_C(0x100000001b3);
	return sum;
}

static bool has_plain_buffer(const struct sim_request *request)
{
	switch (request->sqe.opcode) {
	case IORING_OP_READ:
	case IORING_OP_WRITE:
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
		return true;
	case IORING_OP_RECV:
		return !(request->sqe.flags & IOSQE_BUFFER_SELECT);
	default:
		return false;
	}
}

/* What was filled already is the caller's to look at, not to be sure of: it is left out. */
static uint64_t checksum(const struct sim_request *request)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	size_t left = GUARDED_BYTES_MAX;

	if (has_plain_buffer(request)) {
		size_t count = request->sqe.len < left ? request->sqe.len : left;

		return add(sum, (const void *)(uintptr_t)request->sqe.addr, count);
	}
	for (size_t i = 0; i < request->iov_count && left > 0; i++) {
		size_t count = request->iov[i].iov_len < left ? request->iov[i].iov_len : left;

		sum = add(sum, request->iov[i].iov_base, count);
		left -= count;
	}
	return sum;
}

static bool is_guarded(const struct sim_request *request)
{
	const struct sim_operation *op = sim_operation(request->sqe.opcode);

	/* A buffer to be filled has no value yet, of which valgrind would complain. */
	if (HOOKS_ON_VALGRIND)
		return false;
	return op && (op->traits & (SIM_FILLS | SIM_SENDS)) &&
	       (request->iov || (has_plain_buffer(request) && request->sqe.addr));
}

void sim_guard_take(struct sim_request *request)
{
	if (is_guarded(request))
		request->guard = checksum(request);
}

void sim_guard_check(struct sim_request *request)
{
	const struct sim_operation *op = sim_operation(request->sqe.opcode);

	if (request->traits & REQUEST_IS_BAD)
		return;
	if (!is_guarded(request) || request->is_settled || checksum(request) == request->guard)
		return;
	if (op->traits & SIM_SENDS)
		check_misused("sim", "a buffer was changed while a %s was reading it: buffers in "
				     "flight are the kernel's", op->name);
	check_misused("sim", "a buffer was written to while a %s was filling it: buffers in "
			     "flight are the kernel's", op->name);
}
