/* SPDX-License-Identifier: MIT */
/*
 * Faults: an operation fails with an errno of its manual page, without having done anything. The
 * table has those that a correct program may meet: not the ones that speak of its own mistakes,
 * which the world finds out by itself.
 */
#include "sim/faults.h"

#include <errno.h>

#include "sim/request.h"

#define ERRORS_MAX 10
#define OP_PIPE 62

static const unsigned char errors[SIM_OPCODES][ERRORS_MAX] = {
	[IORING_OP_READ] = {EIO, EINTR, ENOMEM, ENOBUFS},
	[IORING_OP_READV] = {EIO, EINTR, ENOMEM, ENOBUFS},
	[IORING_OP_WRITE] = {EIO, EINTR, ENOMEM, ENOSPC, EDQUOT, EFBIG, EPERM},
	[IORING_OP_WRITEV] = {EIO, EINTR, ENOMEM, ENOSPC, EDQUOT, EFBIG, EPERM},
	[IORING_OP_FSYNC] = {EIO, EINTR, ENOSPC, EDQUOT, EROFS},
	[IORING_OP_SYNC_FILE_RANGE] = {EIO, ENOMEM, ENOSPC},
	[IORING_OP_FALLOCATE] = {EIO, EINTR, ENOSPC, EFBIG, EPERM, EOPNOTSUPP},
	[IORING_OP_FTRUNCATE] = {EIO, EINTR, EFBIG, EPERM, ETXTBSY, EROFS},
	[IORING_OP_FADVISE] = {EIO, ENOMEM},
	[IORING_OP_MADVISE] = {EAGAIN, EIO, ENOMEM},
	[IORING_OP_OPENAT] = {EACCES, EINTR, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC, EROFS, EDQUOT},
	[IORING_OP_OPENAT2] = {EACCES, EAGAIN, EINTR, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC, EROFS},
	[IORING_OP_STATX] = {EACCES, EIO, ELOOP, ENOMEM},
	[IORING_OP_RENAMEAT] = {EACCES, EBUSY, EDQUOT, EIO, ENOMEM, ENOSPC, EROFS},
	[IORING_OP_UNLINKAT] = {EACCES, EBUSY, EIO, ENOMEM, EPERM, EROFS},
	[IORING_OP_MKDIRAT] = {EACCES, EDQUOT, EIO, EMLINK, ENOMEM, ENOSPC, EROFS},
	[IORING_OP_SYMLINKAT] = {EACCES, EDQUOT, EIO, ENOMEM, ENOSPC, EROFS},
	[IORING_OP_LINKAT] = {EACCES, EDQUOT, EIO, EMLINK, ENOMEM, ENOSPC, EPERM, EROFS},
	[IORING_OP_GETXATTR] = {EACCES, EIO, ENOMEM, EOPNOTSUPP},
	[IORING_OP_FGETXATTR] = {EACCES, EIO, ENOMEM, EOPNOTSUPP},
	[IORING_OP_SETXATTR] = {EACCES, EDQUOT, EIO, ENOSPC, EOPNOTSUPP},
	[IORING_OP_FSETXATTR] = {EACCES, EDQUOT, EIO, ENOSPC, EOPNOTSUPP},
	[IORING_OP_SPLICE] = {EIO, EINTR, ENOMEM},
	[IORING_OP_TEE] = {EINTR, ENOMEM},
	[IORING_OP_SOCKET] = {EACCES, EMFILE, ENFILE, ENOBUFS, ENOMEM},
	[IORING_OP_BIND] = {EACCES, EADDRINUSE, ENOMEM},
	[IORING_OP_LISTEN] = {EADDRINUSE},
	[IORING_OP_CONNECT] = {
		EACCES, EADDRNOTAVAIL, ECONNREFUSED, EINTR, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT
	},
	[IORING_OP_ACCEPT] = {
		ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO, ENETDOWN
	},
	[IORING_OP_RECV] = {ECONNRESET, EINTR, ENOMEM, ETIMEDOUT, EHOSTUNREACH},
	[IORING_OP_RECVMSG] = {ECONNRESET, EINTR, ENOMEM, ETIMEDOUT, EHOSTUNREACH},
	[IORING_OP_SEND] = {ECONNRESET, EINTR, ENOBUFS, ENOMEM, EPIPE, ETIMEDOUT, EHOSTUNREACH},
	[IORING_OP_SENDMSG] = {ECONNRESET, EINTR, ENOBUFS, ENOMEM, EPIPE, ETIMEDOUT, EHOSTUNREACH},
	[IORING_OP_SEND_ZC] = {ECONNRESET, EINTR, ENOBUFS, ENOMEM, EPIPE, ETIMEDOUT},
	[IORING_OP_SENDMSG_ZC] = {ECONNRESET, EINTR, ENOBUFS, ENOMEM, EPIPE, ETIMEDOUT},
	[IORING_OP_EPOLL_CTL] = {ENOMEM, ENOSPC},
	[IORING_OP_POLL_ADD] = {ENOMEM},
	[IORING_OP_FUTEX_WAIT] = {EINTR, ENOMEM},
	[IORING_OP_FUTEX_WAITV] = {EINTR, ENOMEM},
	[IORING_OP_WAITID] = {EINTR, ENOMEM},
	[OP_PIPE] = {EMFILE, ENFILE, ENOMEM},
};

int sim_fault_errno(unsigned opcode, unsigned index)
{
	return opcode < SIM_OPCODES && index < ERRORS_MAX ? errors[opcode][index] : 0;
}

static bool is_asked_for(struct sim_request *request)
{
	struct sim *sim = request->sim;
	uint64_t seen;

	if (!sim->options.fault_errno || request->sqe.opcode != sim->options.fault_opcode)
		return false;
	seen = sim->faults_seen++;
	return sim->options.fault_goes_on ? seen >= sim->options.fault_at
					  : seen == sim->options.fault_at;
}

int sim_fault(struct sim_request *request)
{
	unsigned opcode = request->sqe.opcode;
	uint32_t count = 0;

	/* The loop's own read of its eventfd is its wake: no kernel fails it. */
	if (request->file && request->file == request->ring->wake_file)
		return 0;
	if (is_asked_for(request))
		return -request->sim->options.fault_errno;
	while (sim_fault_errno(opcode, count))
		count++;
	if (count == 0 || !sim_happens(request->sim, SIM_FAULT))
		return 0;
	return -sim_fault_errno(opcode, sim_pick(request->sim, count));
}
