/* SPDX-License-Identifier: MIT */
/*
 * Coil inside a loop around epoll: its descriptor is one among the program's own. After each step
 * with COIL_STEP_EMBED the descriptor becomes readable when there is something to do, be it a
 * timer, I/O or a message from a thread; so the program sleeps in its own epoll_wait.
 */
#include "embed.h"

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

static int add(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* The host's own timer: every 10 ms. */
static int open_tick(void)
{
	const struct itimerspec every = { { 0, 10000000 }, { 0, 10000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd >= 0)
		timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

int main(void)
{
	static struct guest guest;
	struct coil_loop *loop;
	int tick_fd = open_tick();
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int more = 1;

	if (tick_fd < 0 || epoll_fd < 0 || guest_open(&guest, &loop) < 0)
		return 1;
	if (add(epoll_fd, tick_fd) < 0 || add(epoll_fd, coil_loop_fd(loop)) < 0)
		return 1;
	while (coil_loop_alive(loop) > 0 && more >= 0) {
		struct epoll_event event;
		uint64_t count;

		more = coil_loop_step(loop, COIL_STEP_EMBED);
		/* More to do at once: the host gets its turn, but does not sleep. */
		if (epoll_wait(epoll_fd, &event, 1, more ? 0 : -1) == 1 &&
		    event.data.fd == tick_fd && read(tick_fd, &count, sizeof count) > 0)
			guest.host_ticks++;
	}
	close(epoll_fd);
	close(tick_fd);
	return guest_close(&guest, loop);
}
