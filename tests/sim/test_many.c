/* SPDX-License-Identifier: MIT */
/*
 * Thousands in one world: what they cost grows with their number alone, and what they are looked up
 * by (ports, names, descriptors, the futures that they wait for) still finds the right one.
 */
#define TEST_TIMEOUT_S 120
#include "sim/rig.h"

#include "future/future.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static struct sockaddr_in port(unsigned number)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

static int listen_at(unsigned number)
{
	struct sockaddr_in at = port(number);
	int fd = coil_socket(AF_INET, SOCK_STREAM, 0);

	EXPECT_EQ(coil_bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	EXPECT_EQ(coil_listen(fd, 4096), 0);
	return fd;
}

static int connect_to(unsigned number)
{
	struct sockaddr_in at = port(number);
	int fd = coil_socket(AF_INET, SOCK_STREAM, 0);

	EXPECT_EQ(coil_connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

/* -- What they cost ------------------------------------------------------------------------------
 */

#define FEW 250
#define MANY 2000
#define MESSAGES 4

static unsigned served;

static int serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	while (coil_recv(fd, &byte, 1, 0) == 1)
		served += coil_send(fd, &byte, 1, 0) == 1;
	return coil_close(fd);
}

static int ask(void *arg)
{
	int fd = connect_to(80);
	char byte = 'a';

	(void)arg;
	for (int i = 0; i < MESSAGES; i++) {
		EXPECT_EQ(coil_send(fd, &byte, 1, 0), 1);
		EXPECT_EQ(coil_recv(fd, &byte, 1, 0), 1);
	}
	return coil_close(fd);
}

static int serve_many(void *arg)
{
	int count = (int)(intptr_t)arg;
	int fd = listen_at(80);
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < count; i++)
		coil_go(&group, ask, NULL);
	for (int i = 0; i < count; i++)
		coil_go(&group, serve, WORD(coil_accept4(fd, NULL, NULL, 0)));
	EXPECT_EQ(coil_group_close(&group), 0);
	return coil_close(fd);
}

/* Of this thread's processor, the least of several runs: others may be busy. */
static int64_t cost_of(int count)
{
	struct coil_sim_options options = rig_options(3, COIL_SIM_ODD);
	int64_t least = INT64_MAX;

	options.descriptors_max = 1u << 16;
	for (int i = 0; i < 3; i++) {
		struct timespec begin;
		struct timespec end;
		int64_t spent;

		served = 0;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
		rig_result(&options, serve_many, WORD(count));
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
		EXPECT_EQ(served, count * MESSAGES);
		spent = (end.tv_sec - begin.tv_sec) * COIL_SEC + end.tv_nsec - begin.tv_nsec;
		least = spent < least ? spent : least;
	}
	return least;
}

/* Eight times as many; 64 times as much would be the square. */
TEST(many, connections_cost_what_each_of_them_costs)
{
	EXPECT_LT(cost_of(MANY), 24 * cost_of(FEW));
}

/* -- What they are looked up by ------------------------------------------------------------------
 */

/* It stays taken when the listener is gone, and is free when the connection is, too. */
IN_SIM(many, an_accepted_connection_keeps_its_port)
{
	struct sockaddr_in at = port(80);
	int listener = listen_at(80);
	int client = connect_to(80);
	int server = coil_accept4(listener, NULL, NULL, 0);
	int other = coil_socket(AF_INET, SOCK_STREAM, 0);

	EXPECT_EQ(coil_close(listener), 0);
	EXPECT_EQ(coil_bind(other, (struct sockaddr *)&at, sizeof at), -EADDRINUSE);
	EXPECT_EQ(coil_connect(other, (struct sockaddr *)&at, sizeof at), -ECONNREFUSED);
	EXPECT_EQ(coil_close(client), 0);
	EXPECT_EQ(coil_close(server), 0);
	EXPECT_EQ(coil_close(other), 0);
	other = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(coil_bind(other, (struct sockaddr *)&at, sizeof at), 0);
	EXPECT_EQ(coil_close(other), 0);
}

/* Disconnected, it listens on the port that it was accepted on. */
IN_SIM(many, an_accepted_socket_may_listen_itself)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	int listener = listen_at(80);
	int client = connect_to(80);
	int server = coil_accept4(listener, NULL, NULL, 0);

	EXPECT_EQ(coil_close(listener), 0);
	EXPECT_EQ(coil_connect(server, &nobody, sizeof nobody), 0);
	EXPECT_EQ(coil_listen(server, 1), 0);
	EXPECT_EQ(coil_close(client), 0);
	client = connect_to(80);
	listener = coil_accept4(server, NULL, NULL, 0);
	EXPECT_GE(listener, 0);
	coil_close(listener);
	coil_close(client);
	coil_close(server);
}

/* Names beyond the number of buckets, each with one that answers to it. */
IN_SIM(many, each_name_answers_for_itself)
{
	static int fds[600];
	char text[8] = {0};

	for (int i = 0; i < 600; i++) {
		struct sockaddr_un at = {.sun_family = AF_UNIX};

		snprintf(at.sun_path + 1, 16, "n%05d", i);
		fds[i] = coil_socket(AF_UNIX, SOCK_DGRAM, 0);
		EXPECT_EQ(coil_bind(fds[i], (struct sockaddr *)&at, 9), 0);
		EXPECT_EQ(coil_bind(fds[i], (struct sockaddr *)&at, 9), -EINVAL);
	}
	for (int i = 0; i < 600; i++) {
		struct sockaddr_un at = {.sun_family = AF_UNIX};

		snprintf(at.sun_path + 1, 16, "n%05d", i);
		EXPECT_EQ(coil_connect(fds[599 - i], (struct sockaddr *)&at, 9), 0);
		EXPECT_EQ(coil_send(fds[599 - i], at.sun_path + 1, 6, 0), 6);
		EXPECT_EQ(coil_recv(fds[i], text, sizeof text, MSG_DONTWAIT), 6);
		EXPECT_STR_EQ(text, at.sun_path + 1);
	}
	for (int i = 0; i < 600; i++)
		coil_close(fds[i]);
}

IN_SIM(many, the_lowest_descriptor_is_next)
{
	int fds[8];

	for (int i = 0; i < 8; i++)
		fds[i] = coil_sim_eventfd(0, 0);
	coil_close(fds[5]);
	coil_close(fds[2]);
	EXPECT_EQ(coil_sim_eventfd(0, 0), fds[2]);
	EXPECT_EQ(coil_sim_eventfd(0, 0), fds[5]);
	for (int i = 0; i < 8; i++)
		coil_close(fds[i]);
}

/* Those who wait for one child are left alone when another ends; who waits for any is not. */
static int wait_for(void *arg)
{
	int pid = (int)(intptr_t)arg;

	return coil_waitid(pid ? P_PID : P_ALL, (uint32_t)pid, NULL, WEXITED | WNOWAIT);
}

IN_SIM(many, a_childs_end_is_told_to_who_asked)
{
	int first = coil_sim_child(2 * COIL_SEC, 0);
	int second = coil_sim_child(COIL_SEC, 0);
	int64_t begin = coil_now();
	struct coil_task *of_first = coil_spawn(wait_for, WORD(first));
	struct coil_task *of_any = coil_spawn(wait_for, NULL);

	EXPECT_EQ(coil_join(of_any), 0);
	EXPECT_LT(coil_now() - begin, 2 * COIL_SEC);
	EXPECT_EQ(coil_join(of_first), 0);
	EXPECT_GE(coil_now() - begin, 2 * COIL_SEC);
	EXPECT_EQ(coil_waitid(P_PID, (uint32_t)second, NULL, WEXITED), 0);
	EXPECT_EQ(coil_waitid(P_PID, (uint32_t)first, NULL, WEXITED), 0);
}

/* -- Who waits for one future --------------------------------------------------------------------
 */

static struct coil_promise gate;

static int wait_at_gate(void *arg)
{
	(void)arg;
	return coil_await(&gate.future);
}

/* A waiter is taken out of the ring behind the engine's back: @last of three, or one before. */
static int lose_a_waiter(void *last)
{
	struct coil_hook *hook;

	coil_promise_init(&gate);
	for (int i = 0; i < 3; i++)
		coil_spawn(wait_at_gate, NULL);
	coil_nop();
	hook = last ? gate.future.waiters : gate.future.waiters->next;
	EXPECT(future_try_remove_waiter(&gate.future, hook));
	return coil_nop();
}

TEST_SIGNAL(many, a_waiter_without_a_place_stops_the_program, SIGABRT, "places == waiting")
{
	rig_run(lose_a_waiter, NULL);
}

TEST_SIGNAL(many, a_last_waiter_without_a_place_does_so_too, SIGABRT, "places == waiting")
{
	rig_run(lose_a_waiter, &gate);
}
