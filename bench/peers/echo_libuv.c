/* SPDX-License-Identifier: MIT */
/*
 * echo_libuv - libuv as its guide teaches, with the one trick that its users know: uv_try_write
 * first, which needs no request and no copy; only what it leaves over is queued. So all
 * connections share one read buffer.
 */
#include "peer.h"

#include <uv.h>

struct rest {
	uv_write_t request;
	char bytes[];
};

static struct peer peer;
static char buffer[PEER_READ_BYTES];

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
	(void)handle;
	(void)suggested;
	*ret_buffer = uv_buf_init(buffer, sizeof(buffer));
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void end(uv_stream_t *stream)
{
	if (!uv_is_closing((uv_handle_t *)stream))
		uv_close((uv_handle_t *)stream, free_handle);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *ret_buffer);

static void on_written(uv_write_t *request, int status)
{
	uv_stream_t *stream = request->handle;

	free(request);
	if (status < 0)
		end(stream);
	else
		uv_read_start(stream, give_buffer, on_read);
}

/* Nothing is read until it is written: a client that does not read cannot fill the memory. */
static void write_rest(uv_stream_t *stream, const char *bytes, size_t count)
{
	struct rest *rest = malloc(sizeof(*rest) + count);
	uv_buf_t piece;

	if (!rest) {
		end(stream);
		return;
	}
	memcpy(rest->bytes, bytes, count);
	piece = uv_buf_init(rest->bytes, (unsigned int)count);
	uv_read_stop(stream);
	if (uv_write(&rest->request, stream, &piece, 1, on_written) < 0) {
		free(rest);
		end(stream);
	}
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *got)
{
	uv_buf_t piece;
	int written;

	if (n == 0)
		return;
	if (n < 0) {
		end(stream);
		return;
	}
	peer.requests++;
	peer.bytes += (uint64_t)n;
	piece = uv_buf_init(got->base, (unsigned int)n);
	written = uv_try_write(stream, &piece, 1);
	if (written < 0 && written != UV_EAGAIN)
		end(stream);
	else if (written < n)
		write_rest(stream, got->base + (written < 0 ? 0 : written),
			   (size_t)(n - (written < 0 ? 0 : written)));
}

static void on_connection(uv_stream_t *listener, int status)
{
	union {
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} *client;

	if (status < 0)
		return;
	client = malloc(sizeof(*client));
	if (!client)
		return;
	if (peer.unix_path)
		uv_pipe_init(listener->loop, &client->pipe, 0);
	else
		uv_tcp_init(listener->loop, &client->tcp);
	if (uv_accept(listener, (uv_stream_t *)client) < 0) {
		end((uv_stream_t *)client);
		return;
	}
	if (!peer.unix_path)
		uv_tcp_nodelay(&client->tcp, 1);
	peer.connections++;
	uv_read_start((uv_stream_t *)client, give_buffer, on_read);
}

static void on_signal(uv_signal_t *watcher, int number)
{
	(void)number;
	uv_stop(watcher->loop);
}

static int listen_tcp(uv_loop_t *loop, uv_tcp_t *listener)
{
	struct sockaddr_in address;
	int bytes = sizeof(address);
	int rc;

	uv_ip4_addr("127.0.0.1", peer.port, &address);
	uv_tcp_init(loop, listener);
	rc = uv_tcp_bind(listener, (const struct sockaddr *)&address, 0);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)listener, PEER_BACKLOG, on_connection);
	if (rc == 0)
		rc = uv_tcp_getsockname(listener, (struct sockaddr *)&address, &bytes);
	if (rc == 0)
		peer_say_where(&peer, ntohs(address.sin_port));
	return rc;
}

static int listen_unix(uv_loop_t *loop, uv_pipe_t *listener)
{
	int rc;

	uv_pipe_init(loop, listener, 0);
	rc = uv_pipe_bind(listener, peer.unix_path);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)listener, PEER_BACKLOG, on_connection);
	if (rc == 0)
		peer_say_where(&peer, 0);
	return rc;
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	uv_signal_t on_int, on_term;
	uv_tcp_t tcp;
	uv_pipe_t pipe;
	int rc;

	peer = peer_parse(argc, argv);
	uv_signal_init(loop, &on_int);
	uv_signal_init(loop, &on_term);
	uv_signal_start(&on_int, on_signal, SIGINT);
	uv_signal_start(&on_term, on_signal, SIGTERM);
	rc = peer.unix_path ? listen_unix(loop, &pipe) : listen_tcp(loop, &tcp);
	if (rc < 0) {
		fprintf(stderr, "listen: %s\n", uv_strerror(rc));
		return 1;
	}
	uv_run(loop, UV_RUN_DEFAULT);
	peer_finish(&peer);
	return 0;
}
