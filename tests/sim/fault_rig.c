/* SPDX-License-Identifier: MIT */
#include "sim/fault_rig.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char bytes[16];
static struct iovec iov = {bytes, sizeof bytes};
static struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
static struct statx file_state;
static struct sockaddr address = {.sa_family = AF_INET};
static struct epoll_event event;
static uint32_t word;
static struct futex_waitv waitv;
static uint64_t open_how[3];

static void point(struct io_uring_sqe *sqe, const void *addr, unsigned len)
{
	sqe->addr = (uintptr_t)addr;
	sqe->len = len;
}

static void prepare_bytes(struct io_uring_sqe *sqe, unsigned opcode)
{
	switch (opcode) {
	case IORING_OP_READV:
	case IORING_OP_WRITEV:
		point(sqe, &iov, 1);
		break;
	case IORING_OP_SENDMSG:
	case IORING_OP_RECVMSG:
	case IORING_OP_SENDMSG_ZC:
		point(sqe, &message, 1);
		break;
	case IORING_OP_READ:
	case IORING_OP_WRITE:
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
	case IORING_OP_RECV:
		point(sqe, bytes, sizeof bytes);
		break;
	}
}

static void prepare_path(struct io_uring_sqe *sqe, unsigned opcode)
{
	switch (opcode) {
	case IORING_OP_STATX:
		io_uring_prep_statx(sqe, AT_FDCWD, "/tmp", 0, STATX_SIZE, &file_state);
		break;
	case IORING_OP_OPENAT2:
		point(sqe, "/tmp", sizeof open_how);
		sqe->addr2 = (uintptr_t)open_how;
		break;
	case IORING_OP_RENAMEAT:
		io_uring_prep_renameat(sqe, AT_FDCWD, "/tmp/old", AT_FDCWD, "/tmp/new", 0);
		break;
	case IORING_OP_LINKAT:
		io_uring_prep_linkat(sqe, AT_FDCWD, "/tmp/old", AT_FDCWD, "/tmp/new", 0);
		break;
	case IORING_OP_SYMLINKAT:
		io_uring_prep_symlinkat(sqe, "/tmp/old", AT_FDCWD, "/tmp/new");
		break;
	case IORING_OP_OPENAT:
	case IORING_OP_UNLINKAT:
	case IORING_OP_MKDIRAT:
		sqe->fd = AT_FDCWD;
		point(sqe, "/tmp/new", 0);
		break;
	case IORING_OP_GETXATTR:
	case IORING_OP_SETXATTR:
		io_uring_prep_getxattr(sqe, "user.name", bytes, "/tmp", sizeof bytes);
		break;
	case IORING_OP_FGETXATTR:
	case IORING_OP_FSETXATTR:
		io_uring_prep_fgetxattr(sqe, sqe->fd, "user.name", bytes, sizeof bytes);
		break;
	}
}

static void prepare_rest(struct io_uring_sqe *sqe, unsigned opcode)
{
	switch (opcode) {
	case IORING_OP_BIND:
	case IORING_OP_CONNECT:
		point(sqe, &address, 0);
		sqe->addr2 = sizeof address; /* off of a connect: the same word */
		break;
	case IORING_OP_SOCKET:
		io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0);
		break;
	case IORING_OP_EPOLL_CTL:
		point(sqe, &event, 1);
		break;
	case IORING_OP_FUTEX_WAIT:
		io_uring_prep_futex_wait(sqe, &word, 0, UINT32_MAX, 2, 0);
		break;
	case IORING_OP_FUTEX_WAITV:
		waitv = (struct futex_waitv){.uaddr = (uintptr_t)&word, .flags = 2};
		io_uring_prep_futex_waitv(sqe, &waitv, 1, 0);
		break;
	case 62: /* IORING_OP_PIPE */
		point(sqe, bytes, 0);
		break;
	}
}

void fault_prepare(struct io_uring_sqe *sqe, unsigned opcode, int fd)
{
	sqe->fd = fd;
	prepare_bytes(sqe, opcode);
	prepare_path(sqe, opcode);
	prepare_rest(sqe, opcode);
	sqe->opcode = (uint8_t)opcode;
	sqe->user_data = 0;
}
