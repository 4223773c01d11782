/* SPDX-License-Identifier: MIT */
/* Server and clients over the simulated TCP; both count. */
#include "counts.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define MESSAGE 64
#define CLIENTS 32

struct net {
	struct coil_listener *listener;
	char service[8];
	unsigned times;
	unsigned connections; /* that the server accepts */
	int (*answer)(void *arg);
};

static int echo_main(void *arg)
{
	struct coil_stream *stream = arg;
	char bytes[MESSAGE];
	int n;

	while ((n = coil_stream_read(stream, bytes, sizeof(bytes))) > 0)
		must(coil_stream_write(stream, bytes, (size_t)n) == n, "a write failed");
	must(n == 0, "a read failed");
	coil_stream_close(stream);
	return 0;
}

/* The same by leases. */
static int put_main(void *arg)
{
	struct coil_stream *stream = arg;
	struct coil_lease lease;
	int n;

	while ((n = coil_stream_read_lease(stream, &lease)) > 0) {
		must(coil_stream_put_lease(stream, &lease) == 0, "a put failed");
		must(coil_stream_drain(stream) == 0, "a drain failed");
	}
	must(n == 0, "a read failed");
	coil_stream_close(stream);
	return 0;
}

static int server_main(void *arg)
{
	struct net *net = arg;
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (unsigned left = net->connections; left; left--) {
		struct coil_stream *stream;

		must(coil_accept(net->listener, &stream) == 0, "an accept failed");
		must(coil_go(&group, net->answer, stream) == 0, "no task");
	}
	return coil_group_close(&group);
}

static struct coil_stream *connect_to(const struct net *net)
{
	struct coil_stream *stream;

	must(coil_connect_tcp(&stream, "127.0.0.1", net->service, NULL) == 0, "a connect failed");
	return stream;
}

static void converse(struct coil_stream *stream, unsigned times)
{
	char bytes[MESSAGE] = "question";

	bytes[MESSAGE - 1] = '\n';
	while (times--) {
		must(coil_stream_write(stream, bytes, MESSAGE) == MESSAGE, "a write failed");
		for (unsigned have = 0; have < MESSAGE;) {
			int n = coil_stream_read(stream, bytes, MESSAGE - have);

			must(n > 0, "a read failed");
			have += (unsigned)n;
		}
	}
}

static int client_main(void *arg)
{
	struct net *net = arg;
	struct coil_stream *stream = connect_to(net);

	converse(stream, net->times);
	coil_stream_close(stream);
	return 0;
}

static void with_server(struct net *net, int (*client)(void *arg), unsigned clients)
{
	struct coil_group group;

	must(coil_listen_tcp(&net->listener, "127.0.0.1", 0, NULL) == 0, "a listen failed");
	snprintf(net->service, sizeof(net->service), "%d", coil_listener_port(net->listener));
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	must(coil_go(&group, server_main, net) == 0, "no task");
	while (clients--)
		must(coil_go(&group, client, net) == 0, "no task");
	must(coil_group_close(&group) == 0, "a task failed");
	coil_listener_close(net->listener);
}

static void run_echo(unsigned times)
{
	struct net net = { .times = times, .connections = 1, .answer = echo_main };

	with_server(&net, client_main, 1);
}

/* An iteration is an echo on each of the connections. */
static void run_echo_many(unsigned times)
{
	struct net net = { .times = times, .connections = CLIENTS, .answer = echo_main };

	with_server(&net, client_main, CLIENTS);
}

static void run_put_many(unsigned times)
{
	struct net net = { .times = times, .connections = CLIENTS, .answer = put_main };

	with_server(&net, client_main, CLIENTS);
}

static int churn_main(void *arg)
{
	const struct net *net = arg;

	for (unsigned left = net->times; left; left--) {
		struct coil_stream *stream = connect_to(net);

		converse(stream, 1);
		coil_stream_close(stream);
	}
	return 0;
}

static void run_churn(unsigned times)
{
	struct net net = { .times = times, .connections = times, .answer = echo_main };

	with_server(&net, churn_main, 1);
}

/* -- Parked connections ------------------------------------------------------------------------ */

static int echo_burst(struct coil_stream *stream, void *arg)
{
	char bytes[MESSAGE];
	int n = coil_stream_read(stream, bytes, sizeof(bytes));

	(void)arg;
	return n > 0 ? coil_stream_write(stream, bytes, (size_t)n) : n;
}

/* With the buffers of a stream. */
static int echo_line(struct coil_stream *stream, void *arg)
{
	char line[MESSAGE + 1];
	int n = coil_stream_read_line(stream, line, sizeof(line));

	(void)arg;
	return n > 0 ? coil_stream_put(stream, line, (size_t)n) : n;
}

struct parking {
	struct coil_listener *listener;
	int (*handler)(struct coil_stream *stream, void *arg);
};

static int parking_main(void *arg)
{
	const struct parking *parking = arg;

	return coil_serve(parking->listener, parking->handler, NULL);
}

/* An iteration is an echo on each of the connections. */
static void park(int (*handler)(struct coil_stream *stream, void *arg), unsigned times)
{
	struct net net = { .times = times };
	struct parking parking = { .handler = handler };
	struct coil_group group;
	struct coil_task *server;

	must(coil_listen_tcp(&parking.listener, "127.0.0.1", 0, NULL) == 0, "a listen failed");
	snprintf(net.service, sizeof(net.service), "%d", coil_listener_port(parking.listener));
	server = coil_spawn(parking_main, &parking);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (unsigned i = 0; i < CLIENTS; i++)
		must(coil_go(&group, client_main, &net) == 0, "no task");
	must(coil_group_close(&group) == 0, "a task failed");
	must(coil_serve_drain(parking.listener) == 0, "it does not serve");
	must(coil_join(server) == 0, "the server failed");
	coil_listener_close(parking.listener);
}

static void run_parked_echo(unsigned times)
{
	park(echo_burst, times);
}

static void run_parked_line(unsigned times)
{
	park(echo_line, times);
}

/* -- Sockets ----------------------------------------------------------------------------------- */

struct receiver {
	int fd;
	char bytes[MESSAGE];
};

static int recv_main(void *arg)
{
	struct receiver *receiver = arg;

	return coil_recv(receiver->fd, receiver->bytes, MESSAGE, 0);
}

static void run_recv_timeout(unsigned times)
{
	struct receiver receiver;
	int pair[2];

	must(coil_sim_socketpair(SOCK_STREAM, pair) == 0, "no sockets");
	receiver.fd = pair[0];
	while (times--)
		must(coil_timeout(COIL_MSEC, recv_main, &receiver) == -ETIME,
		     "nothing was received");
	coil_close(pair[0]);
	coil_close(pair[1]);
}

const struct scenario scenarios_net[] = {
	{ "echo_1", run_echo },
	{ "echo_32", run_echo_many },
	{ "put_echo_32", run_put_many },
	{ "parked_echo_32", run_parked_echo },
	{ "parked_line_32", run_parked_line },
	{ "accept_churn", run_churn },
	{ "recv_timeout", run_recv_timeout },
	{ NULL, NULL },
};
