/* SPDX-License-Identifier: MIT */
/* A server echoes what a client says, once; after ten seconds the program gives up. */
#include <coil.h>
#include <stdio.h>

static int echo(void *arg)
{
	struct coil_stream *peer = arg;
	char buf[4096];
	int n;

	while ((n = coil_stream_read(peer, buf, sizeof buf)) > 0)
		if ((n = coil_stream_write(peer, buf, (size_t)n)) < 0)
			break;
	coil_stream_close(peer);
	return n;
}

static int serve(void *arg)
{
	struct coil_listener *listener = arg;
	struct coil_stream *peer;
	struct coil_group peers;
	int rc;

	coil_group_open(&peers, COIL_GROUP_SUPERVISE);
	while ((rc = coil_accept(listener, &peer)) == 0)
		if (coil_go(&peers, echo, peer) < 0)
			coil_stream_close(peer);
	coil_group_close(&peers);
	return rc;
}

static int ask(int port)
{
	struct coil_stream *server;
	char service[8];
	char answer[5];
	int got = 0;
	int rc;

	snprintf(service, sizeof service, "%d", port);
	rc = coil_connect_tcp(&server, "127.0.0.1", service, NULL);
	if (rc < 0)
		return rc;
	rc = coil_stream_write(server, "hello", 5);
	while (rc > 0 && got < 5) {
		rc = coil_stream_read(server, answer + got, sizeof answer - (size_t)got);
		got += rc > 0 ? rc : 0;
	}
	coil_stream_close(server);
	if (got == 5)
		printf("echo: %.5s\n", answer);
	return got == 5 ? 0 : -1;
}

static int program(void *arg)
{
	struct coil_listener *listener;
	struct coil_group group;
	int rc = coil_listen_tcp(&listener, "127.0.0.1", 0, NULL);

	(void)arg;
	if (rc < 0)
		return rc;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	rc = coil_go(&group, serve, listener);
	if (rc == 0)
		rc = ask(coil_listener_port(listener));
	coil_group_cancel(&group); /* the server and its connections */
	coil_group_close(&group);
	coil_listener_close(listener);
	return rc;
}

static int in_time(void *arg)
{
	return coil_timeout(10 * COIL_SEC, program, arg);
}

int main(void)
{
	return coil_run(in_time, NULL) != 0;
}
