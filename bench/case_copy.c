/* SPDX-License-Identifier: MIT */
/*
 * coil_copy from a file in the caches, and from a pipe, to a socket; sendfile(2) and splice(2). Who
 * receives throws all away, in the same task, after each copy: so the unit has no wake-ups in it.
 */
#include "bench.h"
#include "raw_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum copy_way { COPY_FILE_TCP, COPY_FILE_UNIX, COPY_PIPE_TCP };

struct copies {
	enum copy_way way;
	size_t bytes;
	int file;
	int pipe[2];
	struct coil_stream *out;
	struct coil_stream *in;
	char *memory;
};

static void drain(struct copies *copies)
{
	size_t left = copies->bytes;
	ssize_t n;

	while (left) {
		n = recv(coil_stream_fd(copies->in), copies->memory, left, 0);
		bench_must(n > 0, "nothing was received");
		left -= (size_t)n;
	}
}

static void fill_pipe(struct copies *copies)
{
	if (copies->way == COPY_PIPE_TCP)
		bench_must(write(copies->pipe[1], copies->memory, copies->bytes) ==
			   (ssize_t)copies->bytes, "short write");
}

static void run_plain(void *arg, uint64_t units)
{
	struct copies *copies = arg;
	int fd = coil_stream_fd(copies->out);

	while (units--) {
		off_t at = 0;
		ssize_t n;

		fill_pipe(copies);
		n = copies->way == COPY_PIPE_TCP ?
		    splice(copies->pipe[0], NULL, fd, NULL, copies->bytes, 0) :
		    sendfile(fd, copies->file, &at, copies->bytes);
		bench_must(n == (ssize_t)copies->bytes, "a short copy");
		drain(copies);
	}
}

static void run_copies(void *arg, uint64_t units)
{
	struct copies *copies = arg;

	while (units--) {
		int64_t at = 0;
		struct coil_copy_options copy = { .size = sizeof(copy), .dst = copies->out,
						  .src_fd = copies->file, .src_offset = &at,
						  .bytes_max = copies->bytes };

		fill_pipe(copies);
		if (copies->way == COPY_PIPE_TCP) {
			copy.dst = NULL;
			copy.dst_fd = coil_stream_fd(copies->out);
			copy.src_fd = copies->pipe[0];
			copy.src_offset = NULL;
		}
		bench_must(coil_copy_with(&copy) == (int64_t)copies->bytes, "a short copy");
		drain(copies);
	}
}

static int open_tcp(struct copies *copies)
{
	struct coil_listener *listener;
	char port[8];
	int rc = coil_listen_tcp(&listener, "127.0.0.1", 0, NULL);

	if (rc < 0)
		return rc;
	snprintf(port, sizeof(port), "%d", coil_listener_port(listener));
	rc = coil_connect_tcp(&copies->out, "127.0.0.1", port, NULL);
	if (rc == 0)
		rc = coil_accept(listener, &copies->in);
	coil_listener_close(listener);
	return rc;
}

static int open_unix(struct copies *copies)
{
	int fds[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	rc = coil_stream_from_fd(&copies->out, fds[0]);
	return rc < 0 ? rc : coil_stream_from_fd(&copies->in, fds[1]);
}

/* All of a unit has to fit, for nobody reads meanwhile. */
static void make_room(struct copies *copies)
{
	const int room = 1 << 20;

	setsockopt(coil_stream_fd(copies->out), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	setsockopt(coil_stream_fd(copies->in), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
}

static int open_copies(struct bench *bench, enum copy_way way)
{
	struct copies *copies = calloc(1, sizeof(*copies));
	int rc;

	if (!copies)
		return -ENOMEM;
	bench->state = copies;
	*copies = (struct copies){ .way = way, .bytes = bench->of->parameter, .file = -1,
				   .pipe = { -1, -1 }, .memory = calloc(1, bench->of->parameter) };
	bench->coil = (struct measure_case){ .run = run_copies, .arg = copies };
	bench->floor = (struct measure_case){ .run = run_plain, .arg = copies };
	if (!copies->memory)
		return -ENOMEM;
	rc = way == COPY_FILE_UNIX ? open_unix(copies) : open_tcp(copies);
	if (rc < 0)
		return rc;
	make_room(copies);
	if (way == COPY_PIPE_TCP)
		return pipe2(copies->pipe, O_CLOEXEC) < 0 ? -errno : 0;
	copies->file = raw_file_open(copies->bytes);
	return copies->file < 0 ? copies->file : 0;
}

static int open_file_tcp(struct bench *bench)
{
	return open_copies(bench, COPY_FILE_TCP);
}

static int open_file_unix(struct bench *bench)
{
	return open_copies(bench, COPY_FILE_UNIX);
}

static int open_pipe_tcp(struct bench *bench)
{
	return open_copies(bench, COPY_PIPE_TCP);
}

static void close_copies(struct bench *bench)
{
	struct copies *copies = bench->state;

	if (!copies)
		return;
	coil_stream_close(copies->out);
	coil_stream_close(copies->in);
	if (copies->file >= 0)
		close(copies->file);
	if (copies->pipe[0] >= 0) {
		close(copies->pipe[0]);
		close(copies->pipe[1]);
	}
	free(copies->memory);
	free(copies);
}

#define COPY_ROW(way, text, kib)                                                                   \
	.name = "copy_" #way "_" #kib "k", .what = text, .goal_kind = BENCH_RATIO,                 \
	.parameter = (kib) * 1024, .open = open_##way, .close = close_copies

const struct bench_case bench_cases_copy[] = {
	{ COPY_ROW(file_tcp, "64 KiB of a hot file to a TCP socket; sendfile(2)", 64),
	  .goal = 1.2 },
	{ COPY_ROW(file_tcp, "256 KiB of a hot file to a TCP socket; sendfile(2)", 256),
	  .goal = 1.1 },
	{ COPY_ROW(file_unix, "64 KiB of a hot file to a unix socket; sendfile(2)", 64),
	  .goal = 1.5 },
	{ COPY_ROW(pipe_tcp, "64 KiB of a pipe to a TCP socket; splice(2)", 64), .goal = 1.5 },
	{ .name = NULL },
};
