/* SPDX-License-Identifier: MIT */
/*
 * What the three examples of life inside another loop do in their tasks: a timer, bytes from a
 * socket, and a result from another thread, all while the host's own timer ticks.
 */
#ifndef COIL_DOCS_EXAMPLES_EMBED_H
#define COIL_DOCS_EXAMPLES_EMBED_H

#include <coil.h>

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct guest {
	struct coil_promise answer; /* resolved by a thread */
	pthread_t thread;
	int sockets[2];
	unsigned host_ticks;	    /* counted by the host */
	int done;		    /* tasks that ended well */
};

static inline int guest_sleeps(void *arg)
{
	struct guest *guest = (struct guest *)arg;

	for (int i = 0; i < 3; i++) {
		int rc = coil_sleep(20 * COIL_MSEC);

		if (rc < 0)
			return rc;
		printf("coil: timer %d, the host has ticked %s\n", i + 1,
		       guest->host_ticks ? "meanwhile" : "not yet");
	}
	guest->done++;
	return 0;
}

static inline int guest_writes(void *arg)
{
	struct guest *guest = (struct guest *)arg;
	int rc = coil_sleep(30 * COIL_MSEC);

	if (rc == 0)
		rc = coil_send(guest->sockets[1], "hello", 5, 0);
	guest->done += rc == 5;
	return rc < 0 ? rc : 0;
}

static inline int guest_reads(void *arg)
{
	struct guest *guest = (struct guest *)arg;
	char bytes[8];
	int n = coil_recv(guest->sockets[0], bytes, sizeof bytes, 0);

	if (n > 0)
		printf("coil: I/O, %d bytes: %.*s\n", n, n, bytes);
	guest->done += n == 5;
	return n < 0 ? n : 0;
}

static inline void *guest_thread(void *arg)
{
	struct guest *guest = (struct guest *)arg;

	usleep(40000); /* tidy: allow */
	coil_promise_resolve_from_thread(&guest->answer, 42);
	return NULL;
}

static inline int guest_awaits(void *arg)
{
	struct guest *guest = (struct guest *)arg;
	int rc = coil_await(&guest->answer.future);

	printf("coil: a thread says %d\n", rc);
	guest->done += rc == 42;
	return rc < 0 ? rc : 0;
}

/* Opens the loop and spawns the tasks; they run in coil_loop_step. 0 or a negative errno. */
static inline int guest_open(struct guest *guest, struct coil_loop **ret_loop)
{
	int (*const entries[])(void *arg) = { guest_sleeps, guest_writes, guest_reads,
					      guest_awaits };
	int rc = coil_loop_open(ret_loop, NULL);

	if (rc < 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, guest->sockets) < 0)
		return -1;
	coil_promise_init(&guest->answer);
	if (pthread_create(&guest->thread, NULL, guest_thread, guest) != 0)
		return -1;
	for (int i = 0; i < 4; i++)
		if (!coil_spawn(entries[i], guest))
			return -1;
	return 0;
}

/* After the last task. 0 if all of them ended well, and the host had its turns, too. */
static inline int guest_close(struct guest *guest, struct coil_loop *loop)
{
	pthread_join(guest->thread, NULL);
	coil_promise_deinit(&guest->answer);
	close(guest->sockets[0]);
	close(guest->sockets[1]);
	printf("host: %s\n", guest->host_ticks >= 3 ? "ticked all the while" : "was starved");
	return coil_loop_close(loop) < 0 || guest->host_ticks < 3 || guest->done != 4;
}

#endif
