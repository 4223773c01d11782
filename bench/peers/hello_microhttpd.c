/* SPDX-License-Identifier: MIT */
/* hello_microhttpd - libmicrohttpd with epoll in a thread of its own, one answer for all. */
#include "peer.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONNECTIONS_MAX 16384

/* Counted by the daemon's thread, read when that has ended. */
static struct peer peer;
static struct MHD_Response *response;

/* Called once for the head, once for each piece of a body, and once when all is there. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_bytes, void **context)
{
	static int seen;

	(void)arg;
	(void)url;
	(void)method;
	(void)version;
	(void)upload;
	if (!*context || *upload_bytes) {
		*context = &seen;
		*upload_bytes = 0;
		return MHD_YES;
	}
	peer.requests++;
	peer.bytes += sizeof(PEER_HELLO) - 1;
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	(void)arg;
	(void)connection;
	(void)context;
	peer.connections += code == MHD_CONNECTION_NOTIFY_STARTED;
}

static int open_listener(void)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)peer.port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	const struct sockaddr *where = (const struct sockaddr *)&address;
	socklen_t bytes = sizeof(address);
	int fd = socket(peer.unix_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (peer.unix_path) {
		snprintf(local.sun_path, sizeof(local.sun_path), "%s", peer.unix_path);
		where = (const struct sockaddr *)&local;
		bytes = sizeof(local);
	} else {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	}
	if (bind(fd, where, bytes) < 0 || listen(fd, PEER_BACKLOG) < 0)
		return -1;
	return fd;
}

static struct MHD_Daemon *start(int fd)
{
	response = MHD_create_response_from_buffer(sizeof(PEER_HELLO) - 1, (void *)PEER_HELLO,
						   MHD_RESPMEM_PERSISTENT);
	if (!response || MHD_add_response_header(response, "Content-Type", "text/plain") != MHD_YES)
		return NULL;
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL,
				MHD_OPTION_LISTEN_SOCKET, fd,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)PEER_IDLE_SECONDS,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL,
				MHD_OPTION_END);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { 0 };
	socklen_t bytes = sizeof(address);
	struct MHD_Daemon *daemon;
	sigset_t ends;
	int fd, number;

	peer = peer_parse(argc, argv);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	fd = open_listener();
	if (!peer.unix_path)
		getsockname(fd, (struct sockaddr *)&address, &bytes);
	daemon = fd < 0 ? NULL : start(fd);
	if (!daemon) {
		fprintf(stderr, "cannot listen\n");
		return 1;
	}
	peer_say_where(&peer, ntohs(address.sin_port));
	sigwait(&ends, &number);
	MHD_stop_daemon(daemon);
	MHD_destroy_response(response);
	peer_finish(&peer);
	return 0;
}
