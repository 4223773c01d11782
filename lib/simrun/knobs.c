/* SPDX-License-Identifier: MIT */
/* What a test turns in the world that it runs in. See coil/sim.h. */
#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "sim/disk.h"
#include "sim/net.h"
#include "sim/pipe.h"
#include "sim/poll.h"
#include "sim/procs.h"
#include "simrun/simrun.h"

static struct sim *world(const char *function)
{
	if (!simrun_current)
		check_misused(function, "called outside of a simulation");
	return simrun_current->run->sim;
}

int coil_sim_active(void)
{
	return simrun_current != NULL;
}

unsigned coil_sim_pick(unsigned count)
{
	struct sim *sim = world(__func__);

	check_use(count > 0, "nothing to choose from");
	return sim_pick(sim, count);
}

int coil_sim_child(int64_t after_ns, int status)
{
	struct sim *sim = world(__func__);
	struct sim_end end = {.when = clock_add(sim->now, after_ns), .status = status};

	check_use(after_ns >= 0, "a child cannot have ended before it began");
	if (after_ns == CLOCK_FOREVER)
		end.when = CLOCK_FOREVER;
	return sim_child(sim, &end);
}

int coil_sim_kill(int pid, int signum)
{
	struct sim *sim = world(__func__);

	if (signum <= 0 || signum >= SIM_SIGNALS)
		return -EINVAL;
	if (pid != 0)
		return sim_child_kill(sim, pid, signum);
	sim_signal_send(sim, signum, sim->now);
	return 0;
}

void coil_sim_power_loss(void)
{
	struct sim *sim = world(__func__);

	sim_disk_power_loss(sim);
	sim_settle(sim);
}

int coil_sim_socketpair(int type, int fds[2])
{
	return sim_net_pair(world(__func__), type, fds);
}

int coil_sim_eventfd(unsigned count, int flags)
{
	struct sim *sim = world(__func__);

	return sim_eventfd(sim, count, flags & O_NONBLOCK);
}

int coil_sim_epoll(void)
{
	return sim_epoll_create(world(__func__));
}

int coil_sim_ring_fd(void)
{
	check_use(simrun_current != NULL, "called outside of a simulation");
	return simrun_current->ring->driver.ring_fd;
}
