/* SPDX-License-Identifier: MIT */
/* hello_libevent - evhttp, which is part of libevent, as its samples have it. */
#include "peer.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct peer peer;

static void on_request(struct evhttp_request *request, void *arg)
{
	struct evbuffer *body = evhttp_request_get_output_buffer(request);

	(void)arg;
	peer.requests++;
	peer.bytes += sizeof(PEER_HELLO) - 1;
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
	evbuffer_add_reference(body, PEER_HELLO, sizeof(PEER_HELLO) - 1, NULL, NULL);
	evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

/* The only hook that a connection has. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	(void)base;
	(void)arg;
	peer.connections++;
	return NULL;
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
	return evconnlistener_new_bind(base, NULL, NULL, flags, PEER_BACKLOG, where, bytes);
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = base ? evhttp_new(base) : NULL;
	struct evconnlistener *listener;
	struct sockaddr_in address = { 0 };
	socklen_t bytes = sizeof(address);

	peer = peer_parse(argc, argv);
	listener = http ? open_listener(base) : NULL;
	if (!listener || !evhttp_bind_listener(http, listener)) {
		fprintf(stderr, "cannot listen\n");
		return 1;
	}
	if (!peer.unix_path)
		getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &bytes);
	evhttp_set_timeout(http, PEER_IDLE_SECONDS);
	evhttp_set_bevcb(http, on_connection, NULL);
	evhttp_set_gencb(http, on_request, NULL);
	evsignal_add(evsignal_new(base, SIGINT, on_signal, base), NULL);
	evsignal_add(evsignal_new(base, SIGTERM, on_signal, base), NULL);
	peer_say_where(&peer, ntohs(address.sin_port));
	event_base_dispatch(base);
	peer_finish(&peer);
	return 0;
}
