/* SPDX-License-Identifier: MIT */
/*
 * echo_libevent - libevent's bufferevents; what was read is moved to the output without a copy, as
 * its book teaches.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HELD_BYTES_MAX (1 << 20)

static struct peer peer;

static void on_read(struct bufferevent *stream, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(stream);
	struct evbuffer *output = bufferevent_get_output(stream);

	(void)arg;
	peer.requests++;
	peer.bytes += evbuffer_get_length(input);
	evbuffer_add_buffer(output, input);
	if (evbuffer_get_length(output) > HELD_BYTES_MAX)
		bufferevent_disable(stream, EV_READ);
}

/* All is written. */
static void on_write(struct bufferevent *stream, void *arg)
{
	(void)arg;
	if (!(bufferevent_get_enabled(stream) & EV_READ))
		bufferevent_enable(stream, EV_READ);
}

static void on_event(struct bufferevent *stream, short events, void *arg)
{
	(void)arg;
	if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		bufferevent_free(stream);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
			  struct sockaddr *address, int address_bytes, void *arg)
{
	struct event_base *base = evconnlistener_get_base(listener);
	struct bufferevent *stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	int one = 1;

	(void)address;
	(void)address_bytes;
	(void)arg;
	if (!stream) {
		evutil_closesocket(fd);
		return;
	}
	if (!peer.unix_path)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	peer.connections++;
	bufferevent_set_max_single_read(stream, PEER_READ_BYTES);
	bufferevent_set_max_single_write(stream, PEER_READ_BYTES);
	bufferevent_setcb(stream, on_read, on_write, on_event, NULL);
	bufferevent_enable(stream, EV_READ | EV_WRITE);
}

static void on_signal(evutil_socket_t number, short events, void *base)
{
	(void)number;
	(void)events;
	event_base_loopbreak(base);
}

static struct evconnlistener *open_listener(struct event_base *base)
{
	const unsigned int flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE;
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)peer.port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	const struct sockaddr *where = (const struct sockaddr *)&address;
	int bytes = sizeof(address);

	if (peer.unix_path) {
		snprintf(local.sun_path, sizeof(local.sun_path), "%s", peer.unix_path);
		where = (const struct sockaddr *)&local;
		bytes = sizeof(local);
	}
	return evconnlistener_new_bind(base, on_connection, NULL, flags, PEER_BACKLOG, where,
				       bytes);
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct evconnlistener *listener;
	struct sockaddr_in address = { 0 };
	socklen_t bytes = sizeof(address);

	peer = peer_parse(argc, argv);
	listener = base ? open_listener(base) : NULL;
	if (!listener) {
		fprintf(stderr, "cannot listen\n");
		return 1;
	}
	if (!peer.unix_path)
		getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &bytes);
	evsignal_add(evsignal_new(base, SIGINT, on_signal, base), NULL);
	evsignal_add(evsignal_new(base, SIGTERM, on_signal, base), NULL);
	peer_say_where(&peer, ntohs(address.sin_port));
	event_base_dispatch(base);
	peer_finish(&peer);
	return 0;
}
