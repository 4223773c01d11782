/* SPDX-License-Identifier: MIT */
#include "task/rig.h"

#include <stdio.h>

#include "loop/loop.h"
#include "sim/world.h"

char rig_order[256];

struct coil_options rig_options(void)
{
	return (struct coil_options){
		.size = sizeof(struct coil_options),
		.stack_bytes = 256u << 10,
		.off = COIL_NO_SIGNALS,
	};
}

bool rig_is_simulated(void)
{
	return getenv("COIL_TEST_SIM") != NULL;
}

int rig_run_with(const struct coil_options *options, int (*entry)(void *arg), void *arg)
{
	struct coil_sim_options simulation = {
		.size = sizeof simulation, .seed = 1, .profile = COIL_SIM_CALM, .run = options
	};

	if (!rig_is_simulated())
		return coil_run_with(options, entry, arg);
	return coil_sim_run(&simulation, entry, arg);
}

int rig_run_real(int (*entry)(void *arg), void *arg)
{
	struct coil_options options = rig_options();

	return coil_run_with(&options, entry, arg);
}

int rig_run(int (*entry)(void *arg), void *arg)
{
	struct coil_options options = rig_options();

	return rig_run_with(&options, entry, arg);
}

static int run_seed(uint64_t seed, const char *troubles, int (*entry)(void *arg), void *arg)
{
	const struct coil_options options = rig_options();
	const struct coil_sim_options simulation = {
		.size = sizeof simulation,
		.seed = seed,
		.profile = seed % 2 ? COIL_SIM_ODD : COIL_SIM_WILD,
		.troubles = troubles,
		.run = &options,
	};

	return coil_sim_run(&simulation, entry, arg);
}

int rig_run_seed(uint64_t seed, int (*entry)(void *arg), void *arg)
{
	return run_seed(seed, "FAULT=0", entry, arg);
}

int rig_run_steps(int (*entry)(void *arg))
{
	const char *seeds = getenv("COIL_TEST_SEEDS");
	int rc = 0;

	if (!seeds || !rig_is_simulated())
		return rig_run(entry, NULL);
	for (uint64_t seed = 1; rc == 0 && seed <= strtoull(seeds, NULL, 10); seed++)
		rc = run_seed(seed, "FAULT=0,SHUFFLE=0", entry, NULL);
	return rc;
}

int rig_run_on(unsigned sq_entries, unsigned cq_entries, int (*entry)(void *arg), void *arg)
{
	struct coil_options options = rig_options();

	options.sq_entries = sq_entries;
	options.cq_entries = cq_entries;
	return rig_run_with(&options, entry, arg);
}

struct coil_stats rig_stats(void)
{
	struct coil_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_stats(&stats), 0);
	return stats;
}

void rig_pair(int fds[2])
{
	if (coil_sim_active())
		EXPECT_EQ(coil_sim_socketpair(SOCK_STREAM, fds), 0);
	else
		EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static int move_bytes(int fd, void *bytes, size_t count, bool writes)
{
	struct iovec iov = {bytes, count};
	struct sim_io io = {.iov = &iov, .iov_count = 1, .bytes = count, .offset = -1};
	struct sim_file *file = sim_fd_file(sim_current(), fd);
	int64_t n = -EBADF;

	if (file)
		n = writes ? file->ops->write(file, &io) : file->ops->read(file, &io);
	sim_settle(sim_current());
	return (int)n;
}

int rig_write(int fd, const void *bytes, size_t count)
{
	if (coil_sim_active())
		return move_bytes(fd, (void *)(uintptr_t)bytes, count, true);
	return (int)write(fd, bytes, count);
}

int rig_recv(int fd, void *bytes, size_t count)
{
	if (coil_sim_active())
		return move_bytes(fd, bytes, count, false);
	return (int)recv(fd, bytes, count, MSG_DONTWAIT);
}

void rig_close_fd(int fd)
{
	if (coil_sim_active())
		loop_current->driver->ops->calls->close(fd);
	else
		close(fd);
}

void rig_close(const int fds[2])
{
	rig_close_fd(fds[0]);
	rig_close_fd(fds[1]);
}

void rig_turns(int n)
{
	for (int i = 0; i < n; i++)
		coil_yield();
}

void rig_note(char what)
{
	size_t length = strlen(rig_order);

	if (length + 1 < sizeof rig_order) {
		rig_order[length] = what;
		rig_order[length + 1] = '\0';
	}
}

void rig_forget(void)
{
	rig_order[0] = '\0';
}

int rig_return(void *result)
{
	return (int)(intptr_t)result;
}

int rig_yield_and_return(void *result)
{
	int rc = coil_yield();

	return rc < 0 ? rc : (int)(intptr_t)result;
}

int rig_sleep_and_return(void *result)
{
	int rc = coil_sleep(1 * COIL_MSEC);

	return rc < 0 ? rc : (int)(intptr_t)result;
}

int rig_sleep_for_ever(void *arg)
{
	(void)arg;
	return coil_sleep(COIL_FOREVER);
}

int rig_recv_byte(void *fd)
{
	unsigned char byte = 0;
	int n = coil_recv((int)(intptr_t)fd, &byte, 1, 0);

	return n == 1 ? byte : n < 0 ? n : -EPIPE;
}

int rig_cancel_soon(void *task)
{
	int rc = coil_sleep(2 * COIL_MSEC);

	return rc < 0 ? rc : coil_cancel(task);
}

int rig_ignores_cancel(void *gate)
{
	struct coil_promise *promise = gate;
	struct coil_scope shield;

	EXPECT_EQ(coil_shield_open(&shield, COIL_FOREVER), 0);
	EXPECT_EQ(coil_await(&promise->future), 0);
	EXPECT_EQ(coil_scope_close(&shield), 0);
	return 7;
}
