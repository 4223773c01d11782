/* SPDX-License-Identifier: MIT */
/*
 * Coil inside libuv: its descriptor is polled by a uv_poll_t, and each wake of it is one step.
 * While there is more to do at once an idle handle keeps libuv from sleeping.
 */
#include "embed.h"

#include <uv.h>

static struct guest guest;
static struct coil_loop *loop;
static uv_poll_t poll_handle;
static uv_idle_t idle_handle;
static uv_timer_t tick_handle;

static void idle(uv_idle_t *handle);

static void step(void)
{
	int more = coil_loop_step(loop, COIL_STEP_EMBED);

	if (more > 0)
		uv_idle_start(&idle_handle, idle);
	else
		uv_idle_stop(&idle_handle);
	if (more < 0 || coil_loop_alive(loop) == 0)
		uv_stop(uv_default_loop());
}

static void idle(uv_idle_t *handle)
{
	(void)handle;
	step();
}

static void readable(uv_poll_t *handle, int status, int events)
{
	(void)handle;
	(void)status;
	(void)events;
	step();
}

static void tick(uv_timer_t *handle)
{
	(void)handle;
	guest.host_ticks++;
}

static void close_all(void)
{
	uv_close((uv_handle_t *)&poll_handle, NULL);
	uv_close((uv_handle_t *)&idle_handle, NULL);
	uv_close((uv_handle_t *)&tick_handle, NULL);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	uv_loop_close(uv_default_loop());
}

int main(void)
{
	uv_loop_t *host = uv_default_loop();

	if (guest_open(&guest, &loop) < 0)
		return 1;
	uv_idle_init(host, &idle_handle);
	uv_poll_init(host, &poll_handle, coil_loop_fd(loop));
	uv_poll_start(&poll_handle, UV_READABLE, readable);
	uv_timer_init(host, &tick_handle);
	uv_timer_start(&tick_handle, tick, 10, 10);
	step(); /* what was spawned begins, and the first deadline is set */
	uv_run(host, UV_RUN_DEFAULT);
	close_all();
	return guest_close(&guest, loop);
}
