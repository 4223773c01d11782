/* SPDX-License-Identifier: MIT */
/*
 * raw_echo_epoll - the best echo server that epoll allows.
 *
 * Edge-triggered, which spares the kernel a second look at what it has told; one
 * read and one write for each event, straight away. Reading until EAGAIN would be
 * a third system call a request: a read that was cut short has taken all, but for
 * an end that was there already, and that the event tells. All connections share
 * one buffer, which therefore stays in the cache; only what a short write leaves
 * over is copied aside, and such a connection waits for EPOLLOUT and reads nothing
 * meanwhile.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "raw_echo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX	512
#define TO_READ		((uint32_t)(EPOLLIN | EPOLLRDHUP | EPOLLET))
#define ENDING		((uint32_t)(EPOLLRDHUP | EPOLLHUP | EPOLLERR))
#define ACCEPT_PAUSE_MS	50

/* What a short write has left over; bytes NULL: nothing. */
struct rest {
	char *bytes;
	size_t length;
	size_t sent;
};

struct server {
	int epoll_fd;
	int listen_fd;
	int stop_fd;
	bool is_stopping;
	bool accept_paused;
	char *buffer;
	size_t size_bytes;
	struct rest *rests;
	unsigned int connections_max;
	struct raw_echo_stats stats;
};

static int watch(struct server *server, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	server->stats.enters++;
	return epoll_ctl(server->epoll_fd, op, fd, &event) < 0 ? -errno : 0;
}

static void connection_close(struct server *server, int fd)
{
	free(server->rests[fd].bytes);
	server->rests[fd] = (struct rest){ 0 };
	close(fd);
	server->stats.enters++;
}

/* Out of descriptors: look away from the listener for a while. */
static void accept_pause(struct server *server)
{
	server->accept_paused = true;
	watch(server, EPOLL_CTL_MOD, server->listen_fd, 0);
}

static void accept_resume(struct server *server)
{
	server->accept_paused = false;
	watch(server, EPOLL_CTL_MOD, server->listen_fd, EPOLLIN);
}

static void accept_all(struct server *server)
{
	for (;;) {
		int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		server->stats.enters++;
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				accept_pause(server);
			if (errno == ECONNABORTED || errno == EINTR)
				continue;
			return;
		}
		server->stats.connections++;
		if ((unsigned int)fd >= server->connections_max ||
		    watch(server, EPOLL_CTL_ADD, fd, TO_READ) < 0)
			close(fd);
	}
}

static void rest_keep(struct server *server, int fd, const char *bytes, size_t length)
{
	struct rest *rest = &server->rests[fd];

	rest->bytes = malloc(length);
	if (!rest->bytes) {
		connection_close(server, fd);
		return;
	}
	memcpy(rest->bytes, bytes, length);
	rest->length = length;
	rest->sent = 0;
	watch(server, EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void rest_send(struct server *server, int fd)
{
	struct rest *rest = &server->rests[fd];
	ssize_t sent = send(fd, rest->bytes + rest->sent, rest->length - rest->sent,
			    MSG_NOSIGNAL);

	server->stats.enters++;
	if (sent < 0) {
		if (errno != EAGAIN && errno != EINTR)
			connection_close(server, fd);
		return;
	}
	rest->sent += (size_t)sent;
	if (rest->sent < rest->length)
		return;

	free(rest->bytes);
	*rest = (struct rest){ 0 };
	watch(server, EPOLL_CTL_MOD, fd, TO_READ);
}

/* One read; true if there may be more. */
static bool echo(struct server *server, int fd, bool is_ending)
{
	ssize_t got, sent;

	got = recv(fd, server->buffer, server->size_bytes, 0);
	server->stats.enters++;
	if (got <= 0) {
		if (got < 0 && errno == EINTR)
			return true;
		if (got == 0 || errno != EAGAIN)
			connection_close(server, fd);
		return false;
	}
	server->stats.requests++;
	server->stats.bytes += (uint64_t)got;

	sent = send(fd, server->buffer, (size_t)got, MSG_NOSIGNAL);
	server->stats.enters++;
	if (sent == got)
		return is_ending || (size_t)got == server->size_bytes;
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		connection_close(server, fd);
		return false;
	}
	if (sent < 0)
		sent = 0;
	rest_keep(server, fd, server->buffer + sent, (size_t)(got - sent));
	return false;
}

static void serve_turn(struct server *server)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(server->epoll_fd, events, EVENTS_MAX,
			       server->accept_paused ? ACCEPT_PAUSE_MS : -1);

	server->stats.enters++;
	if (server->accept_paused)
		accept_resume(server);
	for (int i = 0; i < count; i++) {
		int fd = events[i].data.fd;

		if (fd == server->listen_fd)
			accept_all(server);
		else if (fd == server->stop_fd)
			server->is_stopping = true;
		else if (server->rests[fd].bytes)
			rest_send(server, fd);
		else
			while (echo(server, fd, events[i].events & ENDING))
				;
	}
}

static int server_open(struct server *server, const struct raw_echo_options *options)
{
	server->connections_max = raw_echo_connections_max();
	server->size_bytes = options->size_bytes;
	server->buffer = malloc(options->size_bytes);
	server->rests = calloc(server->connections_max, sizeof(*server->rests));
	if (!server->buffer || !server->rests)
		return -ENOMEM;

	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll_fd < 0)
		return -errno;
	server->stop_fd = raw_echo_stop_fd();
	if (server->stop_fd < 0)
		return server->stop_fd;
	server->listen_fd = raw_echo_listen(options);
	if (server->listen_fd < 0)
		return server->listen_fd;
	if (watch(server, EPOLL_CTL_ADD, server->stop_fd, EPOLLIN) < 0)
		return -EIO;
	return watch(server, EPOLL_CTL_ADD, server->listen_fd, EPOLLIN);
}

int main(int argc, char **argv)
{
	struct raw_echo_options options;
	struct server server = { 0 };
	int rc;

	raw_echo_parse(RAW_ECHO_EPOLL, argc, argv, &options);
	rc = server_open(&server, &options);
	if (rc < 0) {
		fprintf(stderr, "raw_echo_epoll: %s\n", strerror(-rc));
		return EXIT_FAILURE;
	}

	while (!server.is_stopping)
		serve_turn(&server);

	raw_echo_finish(&options, "syscalls", &server.stats);
	free(server.buffer);
	free(server.rests);
	return EXIT_SUCCESS;
}
