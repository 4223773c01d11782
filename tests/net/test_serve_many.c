/* SPDX-License-Identifier: MIT */
/* coil_serve with very many connections that wait: what they cost, and whom they hinder. */
#define TEST_TIMEOUT_S 120
#include "net/serve_rig.h"

#include "loop/buffers.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct many {
	struct server server;
	int n;
	int *fds;
};

static int connect_raw(int port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons((uint16_t)port),
					    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = coil_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? fd : coil_connect(fd, (const void *)&address, sizeof address);

	EXPECT_EQ(rc, 0);
	return fd;
}

static void work_much(int fd)
{
	char byte = 'x';

	for (int k = 0; k < 20; k++) {
		EXPECT_EQ(coil_send(fd, &byte, 1, 0), 1);
		EXPECT_EQ(coil_recv(fd, &byte, 1, 0), 1);
	}
}

/* Connections beyond the first: bytes of the loop's allocator for each that is parked. */
static int park_many(void *arg)
{
	struct many *many = arg;
	uint64_t before, bytes;

	server_init(&many->server, serve_echo);
	if (!server_start(&many->server))
		return 0;
	many->fds[0] = connect_raw(coil_listener_port(many->server.listener));
	work_much(many->fds[0]); /* the loop's buffers and its table of descriptors */
	EXPECT_SOON(server_stats(&many->server).parked == 1);
	before = serve_held_bytes();
	for (int i = 1; i < many->n; i++)
		many->fds[i] = connect_raw(coil_listener_port(many->server.listener));
	/* Half of them have worked before, so much that they have a receive for many bursts. */
	for (int i = 0; i < many->n; i += 2)
		work_much(many->fds[i]);
	EXPECT_SOON(server_stats(&many->server).parked == (uint64_t)many->n);
	bytes = (serve_held_bytes() - before) / (uint64_t)(many->n - 1);
	EXPECT_GT(bytes, 0);
	EXPECT_LE(bytes, 256);
	for (int i = 0; i < many->n; i++)
		coil_close(many->fds[i]);
	EXPECT_SOON(server_stats(&many->server).open == 0);
	/* Another handler may have been started: what the loop knows of its stack. */
	EXPECT_LE(serve_held_bytes(), before + 1024);
	server_stop(&many->server);
	return 0;
}

TEST(serve_many, parked_ones_cost_256_bytes_each)
{
	struct coil_sim_options options = {.size = sizeof options, .seed = 1,
					   .descriptors_max = 1u << 20};
	struct many many = {.n = 2000};

	serve_need_calm();
	many.fds = calloc((size_t)many.n, sizeof *many.fds);
	ASSERT(many.fds != NULL);
	ASSERT_EQ(coil_sim_run(&options, park_many, &many), 0);
	free(many.fds);
}

/* Enough to be given a receive for many bursts. */
static bool work(int fd)
{
	char byte = 'x';

	for (int k = 0; k < 10; k++)
		if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
			return false;
	return true;
}

/* The two ends in two processes: one may have too few descriptors for both. */
static _Noreturn void idle_child(int in, int n)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int port;

	if (read(in, &port, sizeof port) != sizeof port)
		_exit(1);
	address.sin_port = htons((uint16_t)port);
	for (int i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, (const void *)&address, sizeof address) < 0 || !work(fd))
			_exit(2);
	}
	/* Until the other end goes. */
	_exit(read(in, &port, 1) == 0 ? 0 : 3);
}

struct crowd {
	int n;
	int out;
};

#define BUSY 50
#define ROUNDS 40

static int keep_busy(void *arg)
{
	struct coil_stream *stream = server_connect(arg);

	for (int i = 0; stream && i < ROUNDS; i++)
		EXPECT_EQ(client_round(stream, 64), 0);
	coil_stream_close(stream);
	return 0;
}

static uint64_t buffers_bytes(void)
{
	const struct buffers *buffers = loop_current->buffers;

	return buffers ? (uint64_t)buffers->made * BUFFERS_STRIDE : 0;
}

static int among_idle_ones(void *arg)
{
	struct crowd *crowd = arg;
	struct server server;
	struct coil_group group;
	struct coil_serve_stats stats;
	struct coil_stream *first;
	uint64_t before;
	int port;

	server_init(&server, serve_echo);
	server.options.idle_ns = COIL_MIN;
	server.options.first_byte_ns = COIL_MIN;
	server.options.drain_ns = COIL_MIN;
	if (!server_start(&server))
		return 0;
	port = coil_listener_port(server.listener);
	first = server_connect(&server);
	EXPECT_EQ(client_round(first, 1), 0);
	serve_settle();
	before = serve_held_bytes() - buffers_bytes();
	EXPECT_EQ(write(crowd->out, &port, sizeof port), sizeof port);
	for (int i = 0; i < 600 && (server_stats(&server).parked <= (uint64_t)crowd->n ||
				    server_stats(&server).bursts < 10 * (uint64_t)crowd->n + 1);
	     i++)
		coil_sleep(100 * COIL_MSEC);
	EXPECT_EQ(server_stats(&server).parked, crowd->n + 1);
	EXPECT_LE(serve_held_bytes() - buffers_bytes() - before, (uint64_t)crowd->n * 256);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < BUSY; i++)
		EXPECT_EQ(coil_go(&group, keep_busy, &server), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	stats = server_stats(&server);
	EXPECT_EQ(stats.bursts, BUSY * ROUNDS + 10 * crowd->n + 1);
	EXPECT_LE(stats.running_peak, BUSY);
	/* The loop's buffers are no connection's; a burst may have asked for more of them. */
	EXPECT_LE(serve_held_bytes() - buffers_bytes() - before,
		  (uint64_t)crowd->n * 256 + (1u << 16));
	coil_stream_close(first);
	server_stop(&server);
	return 0;
}

static void raise_descriptors(rlim_t needed)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < needed)
		SKIP("too few descriptors");
}

TEST(serve_many, ten_thousand_idle_and_fifty_busy)
{
	struct crowd crowd = {.n = 10000};
	int ends[2], status = -1;
	pid_t child;

	if (rig_is_simulated())
		SKIP("two processes");
	raise_descriptors(10400);
	ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	ASSERT_GE(child, 0);
	if (child == 0) {
		close(ends[1]);
		idle_child(ends[0], crowd.n);
	}
	close(ends[0]);
	crowd.out = ends[1];
	EXPECT_EQ(rig_run(among_idle_ones, &crowd), 0);
	close(ends[1]);
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
}
