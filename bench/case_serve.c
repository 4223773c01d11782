/* SPDX-License-Identifier: MIT */
/*
 * What a parked connection of coil_serve costs: memory of the loop's allocator, and resident memory
 * beside it. The server and its clients are processes of their own: memory that nobody has touched
 * before, and descriptors enough for 10,000 ends.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tools/tool.h"

#define WAIT_NS (20 * COIL_SEC)

struct parked {
	unsigned int n;
	int to_clients;
	struct coil_listener *listener;
	double bytes;			/* for each */
};

static _Noreturn void clients_main(unsigned int n, int in)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int port;

	if (read(in, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	address.sin_port = htons((uint16_t)port);
	for (unsigned int i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		char byte = 0;

		if (fd < 0 || connect(fd, (const void *)&address, sizeof(address)) < 0 ||
		    write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			_exit(1);
	}
	/* Until the server goes. */
	_exit(read(in, &port, 1) != 0);
}

static int echo(struct coil_stream *stream, void *arg)
{
	char bytes[64];
	int n = coil_stream_read(stream, bytes, sizeof(bytes));

	(void)arg;
	return n <= 0 ? n : coil_stream_write(stream, bytes, (size_t)n);
}

static int serve(void *arg)
{
	return coil_serve(arg, echo, NULL);
}

static uint64_t parked_count(const struct parked *parked)
{
	struct coil_serve_stats stats = { .size = sizeof(stats) };

	coil_serve_stats(parked->listener, &stats);
	return stats.parked;
}

static int await_count(const struct parked *parked, uint64_t count)
{
	int64_t deadline = coil_now() + WAIT_NS;

	while (parked_count(parked) < count)
		if (coil_now() > deadline || coil_sleep(10 * COIL_MSEC) < 0)
			return -ETIMEDOUT;
	return 0;
}

static double held(void)
{
	struct coil_stats stats = { .size = sizeof(stats) };

	coil_stats(&stats);
	return (double)stats.allocated_bytes;
}

/* What the server makes once, its buffers among that, is not the connections': one comes before. */
static int measure_conns(struct parked *parked)
{
	struct coil_stream *first;
	char port[8];
	int number = coil_listener_port(parked->listener);
	double before;
	int rc;

	snprintf(port, sizeof(port), "%d", number);
	rc = coil_connect_tcp(&first, "127.0.0.1", port, NULL);
	if (rc < 0)
		return rc;
	rc = await_count(parked, 1);
	before = held();
	if (rc == 0 && write(parked->to_clients, &number, sizeof(number)) != sizeof(number))
		rc = -errno;
	if (rc == 0)
		rc = await_count(parked, parked->n + 1);
	parked->bytes = (held() - before) / parked->n;
	coil_stream_close(first);
	return rc;
}

static int server_main(void *arg)
{
	struct parked *parked = arg;
	struct coil_task *server;
	int rc = coil_listen_tcp(&parked->listener, "127.0.0.1", 0, NULL);

	if (rc < 0)
		return rc;
	server = coil_spawn(serve, parked->listener);
	rc = server ? measure_conns(parked) : -ENOMEM;
	if (server)
		coil_cancel(server);
	coil_join(server);
	coil_listener_close(parked->listener);
	return rc;
}

static int child_main(void *arg)
{
	const struct coil_options options = { .size = sizeof(options), .off = COIL_NO_SIGNALS };
	struct parked *parked = arg;
	int rc, ends[2];
	pid_t clients;

	tool_raise_files();
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	clients = fork();
	if (clients == 0) {
		close(ends[1]);
		clients_main(parked->n, ends[0]);
	}
	close(ends[0]);
	parked->to_clients = ends[1];
	rc = clients < 0 ? -EAGAIN : coil_run_with(&options, server_main, parked);
	close(ends[1]);
	waitpid(clients, NULL, 0);
	return rc;
}

static int measure_parked(const struct bench_case *bench_case, struct coil_bench_entry *entry)
{
	struct coil_bench_result *result;
	int rc = coil_bench_result_add(entry, "coil", &result);

	for (unsigned int i = 0; i < 3 && rc == 0 && !coil_bench_is_stopped(); i++) {
		struct parked parked = { .n = bench_case->parameter };

		rc = bench_child_run(child_main, &parked, sizeof(parked));
		if (rc == 0)
			rc = coil_bench_sample(result, parked.bytes);
	}
	return rc;
}

const struct bench_case bench_cases_serve[] = {
	{ .name = "parked_conns_1k", .what = "own bytes of a connection of coil_serve, of 1,000",
	  .goal_kind = BENCH_BYTES, .goal = 256, .parameter = 1000, .whole = measure_parked },
	{ .name = "parked_conns_10k", .what = "own bytes of a connection of coil_serve, of 10,000",
	  .goal_kind = BENCH_BYTES, .goal = 256, .parameter = 10000, .is_long = true,
	  .whole = measure_parked },
	{ .name = NULL },
};
