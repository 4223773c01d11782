/* SPDX-License-Identifier: MIT */
/* A server echoes what a client says, once; after ten seconds the program gives up. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static uv_tcp_t listener;
static uv_tcp_t client;
static uv_timer_t late;
static char answer[5];
static size_t answered;

static void give_up(const char *what, int rc)
{
	fprintf(stderr, "%s: %s\n", what, uv_strerror(rc));
	exit(1);
}

static void on_late(uv_timer_t *timer)
{
	(void)timer;
	give_up("echo", UV_ETIMEDOUT);
}

static void provide(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	(void)handle;
	buf->base = malloc(hint);
	buf->len = buf->base ? hint : 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void on_echoed(uv_write_t *write, int rc)
{
	free(write->data);
	free(write);
	if (rc < 0 && rc != UV_ECANCELED)
		give_up("write", rc);
}

static void on_said(uv_stream_t *peer, ssize_t n, const uv_buf_t *buf)
{
	uv_write_t *write;
	uv_buf_t out;

	if (n <= 0) {
		free(buf->base);
		if (n < 0) /* the end, or an error */
			uv_close((uv_handle_t *)peer, on_closed);
		return;
	}
	write = malloc(sizeof *write);
	if (!write)
		give_up("write", UV_ENOMEM);
	write->data = buf->base; /* lives until it is written */
	out = uv_buf_init(buf->base, (unsigned)n);
	if (uv_write(write, peer, &out, 1, on_echoed) < 0)
		give_up("write", UV_EPIPE);
}

static void on_connection(uv_stream_t *server, int rc)
{
	uv_tcp_t *peer = malloc(sizeof *peer);

	if (rc < 0 || !peer || uv_tcp_init(server->loop, peer) < 0)
		give_up("connection", rc < 0 ? rc : UV_ENOMEM);
	if (uv_accept(server, (uv_stream_t *)peer) < 0)
		uv_close((uv_handle_t *)peer, on_closed);
	else
		uv_read_start((uv_stream_t *)peer, provide, on_said);
}

static void on_answer(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n < 0)
		give_up("read", (int)n);
	if ((size_t)n > sizeof answer - answered)
		give_up("read", UV_EPROTO);
	memcpy(answer + answered, buf->base, (size_t)n);
	answered += (size_t)n;
	free(buf->base);
	if (answered < sizeof answer)
		return;
	printf("echo: %.5s\n", answer);
	uv_close((uv_handle_t *)stream, NULL);
	uv_close((uv_handle_t *)&listener, NULL);
	uv_close((uv_handle_t *)&late, NULL);
}

static void on_connected(uv_connect_t *connect, int rc)
{
	char text[] = "hello";
	uv_buf_t hello = uv_buf_init(text, 5);

	if (rc < 0)
		give_up("connect", rc);
	if (uv_try_write(connect->handle, &hello, 1) != 5)
		give_up("write", UV_EAGAIN);
	uv_read_start(connect->handle, provide, on_answer);
}

int main(void)
{
	static uv_connect_t connect;
	uv_loop_t *loop = uv_default_loop();
	struct sockaddr_in address;
	int bytes = sizeof address;

	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(loop, &listener);
	uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
	if (uv_listen((uv_stream_t *)&listener, 16, on_connection) < 0 ||
	    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &bytes) < 0)
		return 1;
	uv_timer_init(loop, &late);
	uv_timer_start(&late, on_late, 10000, 0);
	uv_tcp_init(loop, &client);
	uv_tcp_connect(&connect, &client, (struct sockaddr *)&address, on_connected);
	return uv_run(loop, UV_RUN_DEFAULT);
}
