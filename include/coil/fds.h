/* SPDX-License-Identifier: MIT */
/* Descriptors and credentials that travel over unix sockets. */
#ifndef COIL_FDS_H
#define COIL_FDS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coil_stream;

/* The most descriptors that one message carries. */
#define COIL_FDS_MAX 253

/* Bits of coil_fds.flags. */
enum coil_fds_flags {
	COIL_FDS_TRUNCATED = 1 << 0 /* more came than there was room for: all were closed */
};

/* Descriptors that go along with bytes. */
struct coil_fds {
	int *fds;       /* to send; or room for those that come */
	unsigned room;  /* in @fds, to receive: at most COIL_FDS_MAX */
	unsigned count; /* in @fds: to send; set by a receive */
	unsigned flags; /* set by a receive: enum coil_fds_flags */
};

/* Who is behind a socket, as it was when the connection was made. */
struct coil_credentials {
	int32_t pid; /* in this process's pid namespace; 0: not to be seen from here */
	uint32_t uid;
	uint32_t gid;
};

/**
 * coil_stream_send_fds - write bytes, and send descriptors along with them
 * @stream: on a unix socket, open
 * @buf:    as coil_stream_write
 * @len:    as coil_stream_write, but at least 1: descriptors travel with a byte
 * @fds:    count of them, at most COIL_FDS_MAX; they stay the caller's, who may close them after
 *
 * As coil_stream_write: takes its turn among the writers. The descriptors go with the first byte.
 * Cancel: as coil_stream_write; where the result is negative no descriptor was sent.
 * Return: as coil_stream_write; -EINVAL if @len is 0, or there are too many; -EBADF;
 * -EOPNOTSUPP if the stream is no unix socket; -ETOOMANYREFS if too many are on their way already.
 * Since 0.1. Kernel 5.19. See unix(7), SCM_RIGHTS.
 */
int coil_stream_send_fds(struct coil_stream *stream, const void *buf, size_t len,
			 const struct coil_fds *fds);

/**
 * coil_stream_recv_fds - read what is there, with the descriptors that came along
 * @stream: on a unix socket, open
 * @buf:    as coil_stream_read
 * @len:    as coil_stream_read
 * @fds:    fds and room say where to; count and flags are set, to 0 on failure
 *
 * As coil_stream_read. The descriptors are the caller's, and close-on-exec. Bytes of one message
 * with descriptors are never mixed with those of the next one. If more descriptors came than there
 * is room for, all of them are closed and COIL_FDS_TRUNCATED is set. Descriptors whose bytes are
 * taken by coil_stream_read are closed by the kernel.
 * Return: as coil_stream_read; -EINVAL if there is room for more than COIL_FDS_MAX; -EOPNOTSUPP if
 * the stream is no unix socket.
 * Since 0.1. Kernel 5.3. See unix(7), SCM_RIGHTS.
 */
int coil_stream_recv_fds(struct coil_stream *stream, void *buf, size_t len, struct coil_fds *fds);

/**
 * coil_stream_peer_credentials - who is at the other end of a unix connection
 * @stream:          on a unix socket, open
 * @ret_credentials: as it was when the other end connected, or began to listen; untouched on
 *                   failure
 *
 * Does not suspend. Return: 0; -EOPNOTSUPP if the stream is no unix socket; -ENOPROTOOPT on a
 * simulated kernel.
 * Since 0.1. See unix(7), SO_PEERCRED.
 */
int coil_stream_peer_credentials(const struct coil_stream *stream,
				 struct coil_credentials *ret_credentials);

#ifdef __cplusplus
}
#endif

#endif
