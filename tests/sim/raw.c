/* SPDX-License-Identifier: MIT */
#include "sim/raw.h"

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "sim/net.h"
#include "sim/pipe.h"

#define SECOND INT64_C(1000000000)

static const uint32_t calm[SIM_TROUBLE_COUNT];

void raw_open_sim(struct raw *raw, uint64_t seed, const uint32_t *limits)
{
	const struct sim_options options = {
		.seed = seed,
		.limits = limits ? limits : calm,
		.descriptors_max = 64,
		.fault_opcode = -1,
	};

	memset(raw, 0, sizeof *raw);
	raw->sim = sim_new(&options);
	sim_enter_world(raw->sim);
	raw->member = sim_baton_join(raw->sim);
	raw->driver = &sim_ring_open(raw->sim, 32, 64)->driver;
	raw->calls = raw->driver->ops->calls;
	raw->kernel = "simulated";
}

bool raw_open_kernel(struct raw *raw)
{
	/* The whole kernel, which the simulated one takes after, whatever COIL_KERNEL_MASK says. */
	const struct driver_options options = {.sq_entries = 32, .cq_entries = 64, .mask = ""};

	memset(raw, 0, sizeof *raw);
	if (driver_kernel_open(&raw->driver, &options) < 0)
		return false;
	raw->calls = raw->driver->ops->calls;
	raw->kernel = "real";
	return true;
}

void raw_close(struct raw *raw)
{
	raw->driver->ops->close(raw->driver, raw->sim != NULL);
	if (!raw->sim)
		return;
	sim_baton_leave(raw->sim, raw->member);
	EXPECT_EQ(sim_end(raw->sim), 0);
}

struct io_uring_sqe *raw_sqe(struct raw *raw, uint64_t user_data)
{
	const struct driver_rings *rings = &raw->driver->rings;
	unsigned tail = *rings->sq_tail + raw->pushed++;
	struct io_uring_sqe *sqe = &rings->sqes[tail & (rings->sq_entries - 1)];

	memset(sqe, 0, sizeof *sqe);
	sqe->user_data = user_data;
	return sqe;
}

void raw_name(struct io_uring_sqe *sqe, uint64_t user_data, unsigned flags)
{
	sqe->user_data = user_data;
	sqe->flags |= (uint8_t)flags;
}

static unsigned reap(struct raw *raw)
{
	const struct driver_rings *rings = &raw->driver->rings;
	unsigned head = *rings->cq_head;
	unsigned tail = __atomic_load_n(rings->cq_tail, __ATOMIC_ACQUIRE);
	unsigned n = 0;

	for (; head != tail; head++, n++) {
		const struct io_uring_cqe *cqe = &rings->cqes[head & (rings->cq_entries - 1)];

		if (raw->count < RAW_CQES)
			raw->cqes[raw->count++] =
				(struct raw_cqe){cqe->user_data, cqe->res, cqe->flags};
	}
	__atomic_store_n(rings->cq_head, head, __ATOMIC_RELEASE);
	return n;
}

unsigned raw_enter(struct raw *raw)
{
	const struct driver_rings *rings = &raw->driver->rings;
	int rc;

	__atomic_store_n(rings->sq_tail, *rings->sq_tail + raw->pushed, __ATOMIC_RELEASE);
	rc = raw->driver->ops->enter(raw->driver, raw->pushed, 0, 0);
	EXPECT_EQ(rc, raw->pushed);
	raw->pushed = 0;
	return reap(raw);
}

void raw_go(struct raw *raw, unsigned count)
{
	unsigned got = raw_enter(raw);

	while (got < count) {
		int rc = raw->driver->ops->enter(raw->driver, 0, 1, SECOND);

		got += reap(raw);
		if (rc == -ETIME)
			break;
	}
	EXPECT_EQ(got, count);
}

int raw_place(const struct raw *raw, uint64_t user_data)
{
	int place = -1;

	for (unsigned i = 0; i < raw->count; i++)
		if (raw->cqes[i].user_data == user_data)
			place = (int)i;
	return place;
}

int32_t raw_result(const struct raw *raw, uint64_t user_data)
{
	int place = raw_place(raw, user_data);

	return place < 0 ? RAW_NOTHING : raw->cqes[place].res;
}

uint32_t raw_flags(const struct raw *raw, uint64_t user_data)
{
	int place = raw_place(raw, user_data);

	return place < 0 ? 0 : raw->cqes[place].flags;
}

unsigned raw_cqe_count(const struct raw *raw, uint64_t user_data)
{
	unsigned count = 0;

	for (unsigned i = 0; i < raw->count; i++)
		count += raw->cqes[i].user_data == user_data;
	return count;
}

void raw_pipe(struct raw *raw, int fds[2])
{
	EXPECT_EQ(raw->calls->pipe2(fds, 02000000 /* O_CLOEXEC */), 0);
}

int raw_eventfd(struct raw *raw)
{
	return raw->sim ? sim_eventfd(raw->sim, 0, 0) : eventfd(0, EFD_CLOEXEC);
}

void raw_close_fd(struct raw *raw, int fd)
{
	EXPECT_EQ(raw->calls->close(fd), 0);
}

void raw_pair_unix(struct raw *raw, int fds[2])
{
	if (raw->sim)
		EXPECT_EQ(sim_net_pair(raw->sim, SOCK_STREAM, fds), 0);
	else
		EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

void raw_pair_tcp(struct raw *raw, int fds[2])
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	struct sockaddr *address = (struct sockaddr *)(void *)&name;
	int listener = raw->calls->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t bytes = sizeof name;

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_EQ(raw->calls->bind(listener, address, bytes), 0);
	EXPECT_EQ(raw->calls->listen(listener, 1), 0);
	EXPECT_EQ(raw->calls->getsockname(listener, address, &bytes), 0);
	fds[0] = raw->calls->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	io_uring_prep_connect(raw_sqe(raw, 90), fds[0], address, bytes);
	raw_go(raw, 1);
	io_uring_prep_accept(raw_sqe(raw, 90), listener, NULL, NULL, SOCK_CLOEXEC);
	raw_go(raw, 1);
	fds[1] = raw->cqes[raw->count - 1].res;
	EXPECT_GE(fds[1], 0);
	raw_close_fd(raw, listener);
	raw->count = 0;
}
