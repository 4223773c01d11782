/* SPDX-License-Identifier: MIT */
/*
 * read, write and their kind: the generic part. What a file does with the bytes is its own; how
 * many it is asked for, and whether "not now" means to wait, is decided here.
 */
#include "sim/rw.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "sim/procs.h"
#include "sim/request.h"
#include "sim/ring.h"

#define RW_BYTES_MAX 0x7ffff000u	/* Linux moves no more in one go: read(2) */
#define IOV_COUNT_MAX 1024

/* The array of iovecs is the kernel's own from now on. */
int32_t sim_rw_prepare_vector(struct sim_request *request)
{
	size_t count = request->sqe.len;
	struct iovec *iov;
	size_t bytes = 0;

	if (count > IOV_COUNT_MAX)
		return -EINVAL;
	if (count == 0)
		return 0;
	iov = sim_alloc(request->sim, count * sizeof *iov);
	memcpy(iov, (const void *)(uintptr_t)request->sqe.addr, count * sizeof *iov);
	request->iov = iov;
	request->iov_count = count;
	for (size_t i = 0; i < count; i++)
		if (__builtin_add_overflow(bytes, iov[i].iov_len, &bytes) || bytes > SSIZE_MAX)
			return -EINVAL;
	return 0;
}

static bool is_allowed(const struct sim_file *file, bool writes)
{
	int mode = file->flags & O_ACCMODE;

	return writes ? mode != O_RDONLY : mode != O_WRONLY;
}

static size_t cut(struct sim *sim, size_t bytes, enum sim_trouble trouble)
{
	if (bytes < 2 || !sim_happens(sim, trouble))
		return bytes;
	return 1 + sim_pick(sim, (uint32_t)bytes - 1);
}

static int32_t transfer(struct sim_request *request, bool writes)
{
	struct sim_file *file = request->file;
	struct iovec one = {(void *)(uintptr_t)request->sqe.addr, request->sqe.len};
	bool is_vector = request->sqe.opcode == IORING_OP_READV ||
			 request->sqe.opcode == IORING_OP_WRITEV;
	struct sim_io io = {
		.iov = is_vector ? request->iov : &one,
		.iov_count = is_vector ? request->iov_count : 1,
		.offset = (int64_t)request->sqe.off,
		.flags = (unsigned)request->sqe.rw_flags,
	};
	int64_t n;

	if (!is_allowed(file, writes))
		return -EBADF;
	if (!(writes ? file->ops->write : file->ops->read))
		return -EINVAL;
	for (size_t i = 0; i < io.iov_count; i++)
		io.bytes += io.iov[i].iov_len;
	io.bytes = io.bytes < RW_BYTES_MAX ? io.bytes : RW_BYTES_MAX;
	io.bytes = cut(request->sim, io.bytes, writes ? SIM_SHORT_WRITE : SIM_SHORT_READ);
	n = writes ? file->ops->write(file, &io) : file->ops->read(file, &io);
	/* As of write(2), though it is a request: the thread that submitted it gets the signal. */
	if (n == -EPIPE && writes)
		sim_raise(SIGPIPE);
	if (n == -EAGAIN && !(io.flags & RWF_NOWAIT))
		return SIM_WAIT;
	return (int32_t)n;
}

int32_t sim_rw_read(struct sim_request *request)
{
	return transfer(request, false);
}

int32_t sim_rw_write(struct sim_request *request)
{
	return transfer(request, true);
}

bool sim_rw_is_registered(const struct sim_request *request)
{
	const struct sim_ring *ring = request->ring;
	unsigned index = request->sqe.buf_index;
	uintptr_t offset;

	if (index >= ring->memory_count)
		return false;
	offset = (uintptr_t)request->sqe.addr - (uintptr_t)ring->memory[index].iov_base;
	return offset <= ring->memory[index].iov_len &&
	       request->sqe.len <= ring->memory[index].iov_len - offset;
}

int32_t sim_rw_read_fixed(struct sim_request *request)
{
	return sim_rw_is_registered(request) ? transfer(request, false) : -EFAULT;
}

int32_t sim_rw_write_fixed(struct sim_request *request)
{
	return sim_rw_is_registered(request) ? transfer(request, true) : -EFAULT;
}
