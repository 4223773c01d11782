/* SPDX-License-Identifier: MIT */
/* Telling valgrind what the kernel does to user memory. See watch.h. */
#include "loop/watch.h"

#include <liburing/io_uring.h>
#include <linux/stat.h>
#include <sys/socket.h>
#include <sys/uio.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_GET_VBITS(address, bits, bytes) ((void)(address), (void)(bits), 0)
#define VALGRIND_MAKE_MEM_DEFINED(address, bytes) ((void)(address), (void)(bytes))
#define VALGRIND_CHECK_MEM_IS_DEFINED(address, bytes) ((void)(address), (void)(bytes))
#endif

bool watch_is_on;

/* Its tool for memory alone answers; the others, which count, see what is there without them. */
void watch_init(void)
{
	unsigned char byte = 0, bits;

	watch_is_on = VALGRIND_GET_VBITS(&byte, &bits, 1) == 1;
}

static void *pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static void written(void *address, size_t bytes)
{
	if (address && bytes)
		VALGRIND_MAKE_MEM_DEFINED(address, bytes);
}

static void written_vector(const struct iovec *vector, size_t count, size_t bytes)
{
	for (size_t i = 0; i < count && bytes > 0; i++) {
		size_t part = vector[i].iov_len < bytes ? vector[i].iov_len : bytes;

		written(vector[i].iov_base, part);
		bytes -= part;
	}
}

static void written_message(struct msghdr *message, size_t bytes)
{
	written(message, sizeof *message);
	written_vector(message->msg_iov, message->msg_iovlen, bytes);
	written(message->msg_name, message->msg_namelen);
	written(message->msg_control, message->msg_controllen);
}

static void written_accept(const struct io_uring_sqe *sqe)
{
	socklen_t *length = pointer(sqe->addr2);

	if (!length)
		return;
	written(length, sizeof *length);
	written(pointer(sqe->addr), *length);
}

void watch_written_slow(const struct io_uring_sqe *sqe, int32_t result)
{
	if (result < 0)
		return;
	switch (sqe->opcode) {
	case IORING_OP_READ:
	case IORING_OP_READ_FIXED:
	case IORING_OP_RECV:
		written(pointer(sqe->addr), (size_t)result);
		break;
	case IORING_OP_READV:
		written_vector(pointer(sqe->addr), sqe->len, (size_t)result);
		break;
	case IORING_OP_RECVMSG:
		written_message(pointer(sqe->addr), (size_t)result);
		break;
	case IORING_OP_ACCEPT:
		written_accept(sqe);
		break;
	case IORING_OP_STATX:
		written(pointer(sqe->off), sizeof(struct statx));
		break;
	case IORING_OP_GETXATTR:
	case IORING_OP_FGETXATTR:
		written(pointer(sqe->off), (size_t)result);
		break;
	case IORING_OP_WAITID:
		written(pointer(sqe->off), 128); /* siginfo_t */
		break;
	case 62: /* IORING_OP_PIPE, newer than the headers */
		written(pointer(sqe->addr), 2 * sizeof(int));
		break;
	default:
		break;
	}
}

void watch_filled_slow(void *address, size_t bytes)
{
	written(address, bytes);
}

void watch_given_slow(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_WRITE:
	case IORING_OP_WRITE_FIXED:
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
		(void)VALGRIND_CHECK_MEM_IS_DEFINED(pointer(sqe->addr), sqe->len);
		break;
	default:
		break;
	}
}
