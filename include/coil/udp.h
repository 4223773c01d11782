/* SPDX-License-Identifier: MIT */
/*
 * Datagrams: sockets that send and receive whole messages. UDP; unix datagram sockets; unix
 * seqpacket connections. A datagram is sent or received whole, so that any number of tasks may send
 * and receive on one socket at the same time.
 *
 * A socket belongs to the loop of the thread that made it and is closed exactly once. That may
 * happen while other tasks wait on it: every such wait ends with -EPIPE, and those tasks do not use
 * the socket any more.
 */
#ifndef COIL_UDP_H
#define COIL_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "coil/address.h"
#include "coil/fds.h"
#include "coil/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_udp;

/* Bits of coil_udp_options.flags. */
enum coil_udp_flags {
	COIL_UDP_REUSE_PORT = 1 << 0,    /* several sockets share the port (SO_REUSEPORT) */
	COIL_UDP_REUSE_ADDRESS = 1 << 1, /* SO_REUSEADDR: as for multicast */
	COIL_UDP_BROADCAST = 1 << 2,     /* may send to broadcast addresses */
	COIL_UDP_V6_ONLY = 1 << 3,       /* an IPv6 socket neither sends to IPv4 nor hears it */
	COIL_UDP_GRO = 1 << 4            /* datagrams of one sender may come joined: see segment */
};

/* How to open. Zero is the default of each field. */
struct coil_udp_options {
	size_t size;        /* sizeof(struct coil_udp_options) */
	unsigned flags;     /* enum coil_udp_flags; of unix sockets 0 */
	int send_buffer;    /* bytes, SO_SNDBUF; the kernel doubles it and has a bound */
	int receive_buffer; /* bytes, SO_RCVBUF; likewise */
};

/* Bits of coil_udp_message.flags. */
enum coil_udp_message_flags {
	COIL_UDP_TRUNCATED = 1 << 0 /* received: it did not fit, the rest of it is lost */
};

/* One message of the calls that tell more. To send: the first four, segment where it says so. */
struct coil_udp_message {
	void *buf;                    /* the bytes; or room for them */
	size_t len;                   /* bytes of @buf */
	struct coil_address *address; /* where to, NULL: the peer; filled with whom from, or NULL */
	struct coil_fds *fds;         /* unix: descriptors that go along, or come; or NULL */
	int32_t result;               /* out: bytes, or a negative errno */
	uint32_t segment;             /* received with COIL_UDP_GRO: @buf holds datagrams of so
					 many bytes each, the last may be shorter; 0: one */
	uint32_t whole;               /* received: bytes that were sent, also if truncated */
	uint32_t flags;               /* received: enum coil_udp_message_flags */
};

/* Totals since the socket was opened. */
struct coil_udp_stats {
	size_t size;             /* set by the caller: sizeof(struct coil_udp_stats) */
	uint64_t sent;           /* datagrams; those of coil_udp_send_segments one by one */
	uint64_t sent_bytes;     /* in them */
	uint64_t send_errors;    /* messages that failed, cancels included */
	uint64_t received;       /* messages; joined ones count once */
	uint64_t received_bytes; /* in them, as far as they fitted */
	uint64_t truncated;      /* of them: did not fit */
	uint64_t batches;        /* submissions of several messages */
	uint64_t dropped;        /* by the kernel, for lack of room; 0 where it does not tell */
};

/* More messages than that are not moved by one call. */
#define COIL_UDP_MANY_MAX 1024

/* Bytes of a datagram that one receive for many brings at the most: see coil_udp_set_receive. */
#define COIL_UDP_SHOT_BYTES 4000

/**
 * coil_udp_open - open a UDP socket and bind it
 * @ret_udp: the socket; untouched on failure
 * @host:    numeric address or name of this machine; NULL: all addresses, IPv6 and IPv4
 * @port:    0..65535; 0 takes a free one, see coil_udp_local_address
 * @options: NULL for the defaults
 *
 * A socket of all addresses sends to IPv4 addresses, too, and tells them as such. A numeric address
 * does not suspend; a name is resolved on another thread, and the first of its addresses that works
 * is taken. Cancel: a resolver that is under way is left behind.
 * Return: 0; -EADDRINUSE; -EADDRNOTAVAIL; -EACCES; -EINVAL if the port, or an option, is out of
 * bounds; -ENOENT if there is no such name; -EAGAIN if that cannot be told now; -EMFILE, ... as
 * socket(2), bind(2); -ENOMEM; the reason of a cancelled scope.
 * Since 0.1. See udp(7).
 */
int coil_udp_open(struct coil_udp **ret_udp, const char *host, int port,
		  const struct coil_udp_options *options);

/**
 * coil_unixgram_open - open a unix datagram socket
 * @ret_udp: the socket, for the calls of coil_udp_*; untouched on failure
 * @path:    to bind it to, as coil_address_unix; NULL: unnamed, nobody can answer
 * @options: NULL for the defaults; its flags must be 0
 *
 * A socket file that is there already is -EADDRINUSE: it is not known whether somebody lives behind
 * it. The file is removed by coil_udp_close. Does not suspend.
 * Return: 0; -EADDRINUSE; -ENAMETOOLONG; -EINVAL if @path is empty or an option is out of bounds;
 * -ENOENT, -EACCES, ... as bind(2); -EMFILE, ... as socket(2); -ENOMEM.
 * Since 0.1. See unix(7).
 */
int coil_unixgram_open(struct coil_udp **ret_udp, const char *path,
		       const struct coil_udp_options *options);

/**
 * coil_seqpacket_listen - listen for unix seqpacket connections
 * @ret_udp: for coil_seqpacket_accept; untouched on failure
 * @path:    as coil_unixgram_open, but not NULL
 * @options: NULL for the defaults; its flags must be 0
 *
 * Does not suspend. The backlog is 4096, bounded by net.core.somaxconn.
 * Return: as coil_unixgram_open.
 * Since 0.1. See unix(7).
 */
int coil_seqpacket_listen(struct coil_udp **ret_udp, const char *path,
			  const struct coil_udp_options *options);

/**
 * coil_seqpacket_accept - take the next seqpacket connection
 * @udp:     from coil_seqpacket_listen; several tasks may accept at once
 * @ret_udp: the connection, for the calls of coil_udp_*; untouched on failure
 *
 * Suspends until there is one. Cancel: at once; a connection that came first is the result.
 * Return: 0; -EPIPE if another task closed the listening socket meanwhile; -EMFILE, -ENFILE,
 * -ENOBUFS, -ENOMEM: the connection stays in the backlog; -EINVAL if @udp does not listen; the
 * reason of a cancelled scope.
 * Since 0.1. Kernel 5.5. See accept(2).
 */
int coil_seqpacket_accept(struct coil_udp *udp, struct coil_udp **ret_udp);

/**
 * coil_seqpacket_connect - connect to a unix seqpacket socket
 * @ret_udp: the connection, for the calls of coil_udp_*; untouched on failure
 * @path:    as coil_address_unix
 * @options: NULL for the defaults; its flags must be 0
 *
 * Messages arrive whole and in order. Suspends. Cancel: at once; a connection that came first is
 * the result.
 * Return: 0; -ENOENT; -ECONNREFUSED if nobody listens there; -EPROTOTYPE if it is of another type;
 * -EACCES; -ENAMETOOLONG; -EINVAL if @path is empty or an option is out of bounds; -ENOMEM; the
 * reason of a cancelled scope; ... as connect(2).
 * Since 0.1. Kernel 5.5. See unix(7).
 */
int coil_seqpacket_connect(struct coil_udp **ret_udp, const char *path,
			   const struct coil_udp_options *options);

/**
 * coil_udp_from_fd - make a socket of these calls of a descriptor
 * @ret_udp: the socket; untouched on failure
 * @fd:      of type SOCK_DGRAM or SOCK_SEQPACKET; the socket's from now on; on failure the caller's
 *
 * Of a direct descriptor (coil/direct.h) a normal one is kept in its place. Does not suspend.
 * Return: 0; -EBADF; -ENOTSOCK; -EPROTOTYPE if it is of another type; -EMFILE or -ENFILE if the
 * normal one cannot be had; -ENOMEM.
 * Since 0.1.
 */
int coil_udp_from_fd(struct coil_udp **ret_udp, int fd);

/**
 * coil_udp_connect - choose the one peer of a datagram socket
 * @udp:  open
 * @peer: from now on the default to send to, and the only one that is heard; NULL: none again
 *
 * What came before from others stays in the queue. An ICMP error of the peer's machine is told by a
 * later call, as -ECONNREFUSED. Suspends for at most a turn. Cancel: never; it does not wait.
 * Return: 0; -EPIPE if another task closed the socket meanwhile; -EAFNOSUPPORT if @peer is of
 * another family; -ENETUNREACH, -EACCES, ... as connect(2); the reason of a scope that was
 * cancelled before.
 * Since 0.1. Kernel 5.5. See connect(2), udp(7).
 */
int coil_udp_connect(struct coil_udp *udp, const struct coil_address *peer);

/**
 * coil_udp_send - send a datagram to the peer
 * @udp: connected
 * @buf: @len bytes; the kernel's until return
 * @len: bytes; 0 sends an empty datagram
 *
 * Suspends while the socket's buffer is full. Cancel: at once; a datagram that was sent before is
 * the result. Allocates nothing.
 * Return: @len; -EMSGSIZE if it is too long for one; -EDESTADDRREQ, or of unix sockets -ENOTCONN,
 * without a peer; -ECONNREFUSED if nobody was there for an earlier one; -EPIPE if another task
 * closed the socket meanwhile, or the peer of a connection has; -ENOBUFS, -EPERM, ... as send(2);
 * the reason of a cancelled scope.
 * Since 0.1. Kernel 5.3. See send(2).
 */
int coil_udp_send(struct coil_udp *udp, const void *buf, size_t len);

/**
 * coil_udp_send_to - send a datagram
 * @udp: open
 * @buf: as coil_udp_send
 * @len: as coil_udp_send
 * @to:  where to; NULL: the peer
 *
 * As coil_udp_send.
 * Return: as coil_udp_send; -EAFNOSUPPORT if @to is of another family; -ENETUNREACH; -EACCES for
 * a broadcast address without COIL_UDP_BROADCAST; of unix sockets -ENOENT, -ECONNREFUSED,
 * -EPROTOTYPE; -EISCONN of seqpacket connections.
 * Since 0.1. Kernel 5.3. See sendto(2).
 */
int coil_udp_send_to(struct coil_udp *udp, const void *buf, size_t len,
		     const struct coil_address *to);

/**
 * coil_udp_recv - receive a datagram
 * @udp: open
 * @buf: room for @len bytes; the kernel's until return
 * @len: bytes
 *
 * Suspends until one came. Cancel: at once; a datagram that came first is the result, and the next
 * wait meets the cancellation. Allocates nothing.
 * Return: its bytes, 0 for an empty one; 0 at the end of a seqpacket connection, too; -EMSGSIZE if
 * it did not fit: @buf holds its beginning, the rest is lost; -ECONNREFUSED if nobody was there for
 * an earlier one that was sent; -EPIPE if another task closed the socket meanwhile; -ECONNRESET,
 * ... as recv(2); the reason of a cancelled scope.
 * Since 0.1. Kernel 5.3. See recv(2).
 */
int coil_udp_recv(struct coil_udp *udp, void *buf, size_t len);

/**
 * coil_udp_recv_from - receive a datagram, and who sent it
 * @udp:      open
 * @buf:      as coil_udp_recv
 * @len:      as coil_udp_recv
 * @ret_from: the sender, also of one that did not fit; of an unnamed unix socket its bytes are 0
 *
 * As coil_udp_recv.
 * Return: as coil_udp_recv.
 * Since 0.1. Kernel 5.3. See recvfrom(2).
 */
int coil_udp_recv_from(struct coil_udp *udp, void *buf, size_t len,
		       struct coil_address *ret_from);

/**
 * coil_udp_send_message - send a message with all that belongs to it
 * @udp:     open
 * @message: buf, len, address and fds are read, result is set
 *
 * As coil_udp_send. Descriptors stay the caller's, too, and may be closed after the call.
 * Return: as coil_udp_send_to; -EOPNOTSUPP for descriptors on a socket that is not unix; -EINVAL
 * for more than COIL_FDS_MAX; -EBADF; -ETOOMANYREFS.
 * Since 0.1. Kernel 5.3. See sendmsg(2).
 */
int coil_udp_send_message(struct coil_udp *udp, struct coil_udp_message *message);

/**
 * coil_udp_recv_message - receive a message with all that belongs to it
 * @udp:     open
 * @message: buf, len, address and fds say what to fill; the rest is set
 *
 * As coil_udp_recv, but a message that did not fit is no error: its flags and whole say so.
 * Descriptors are as in coil_stream_recv_fds.
 * Return: bytes in buf; else as coil_udp_recv, without -EMSGSIZE; -EINVAL for room for more than
 * COIL_FDS_MAX descriptors.
 * Since 0.1. Kernel 5.3. See recvmsg(2).
 */
int coil_udp_recv_message(struct coil_udp *udp, struct coil_udp_message *message);

/**
 * coil_udp_send_many - send several datagrams in one submission
 * @udp:      open
 * @messages: @n of them: buf, len and address are read, result of each is set
 * @n:        count; more than COIL_UDP_MANY_MAX are cut to that; 0 returns 0 at once
 *
 * Suspends until all are sent, or have failed. They are tried in order; where the socket's buffer
 * is full, later ones may overtake earlier ones. Cancel: at once; what was sent counts. Allocates
 * nothing once as many have been sent before.
 * Return: how many were sent, if any; else the first one's error, as coil_udp_send_to; -EPIPE;
 * -EINVAL if one has fds; -ENOMEM; the reason of a cancelled scope.
 * Since 0.1. Kernel 5.3. See sendmmsg(2).
 */
int coil_udp_send_many(struct coil_udp *udp, struct coil_udp_message *messages, size_t n);

/**
 * coil_udp_recv_many - receive what is there, at least one datagram
 * @udp:      open
 * @messages: @n of them: buf, len and address say what to fill; those that were filled come first,
 *            which may change their order: a buffer goes with its message
 * @n:        count; more than COIL_UDP_MANY_MAX are cut to that; 0 returns 0 at once
 *
 * Suspends until one came, and takes what else is there in one submission. A message that did not
 * fit is no error: its flags say so. Cancel: at once; what came first is the result. Allocates
 * nothing once as many have been asked for before.
 * Return: how many came, > 0; else as coil_udp_recv, without -EMSGSIZE; -EINVAL if one has fds;
 * -ENOMEM.
 * Since 0.1. Kernel 5.3. See recvmmsg(2).
 */
int coil_udp_recv_many(struct coil_udp *udp, struct coil_udp_message *messages, size_t n);

/**
 * coil_udp_send_segments - send a buffer cut into datagrams of equal size
 * @udp:     of UDP, open
 * @message: buf, len, address: as coil_udp_send_message; segment: bytes of each datagram, > 0; the
 *           last one may be shorter; fds must be NULL
 *
 * The kernel, or the network card, cuts (UDP_SEGMENT): one pass through the stack for up to 64
 * datagrams. Where it cannot (the device lacks checksums, or a datagram would have to be
 * fragmented) they are sent one by one, in batches. Suspends as coil_udp_send_many.
 * Return: bytes that were sent without a gap from the beginning, if any; else as coil_udp_send_to;
 * -EINVAL if segment is 0, or there are fds; -EMSGSIZE if segment is more than a datagram holds, or
 * len more than 2 GiB less a page; -EOPNOTSUPP if it is no UDP socket; -ENOMEM.
 * Since 0.1. Kernel 5.3. See udp(7).
 */
int coil_udp_send_segments(struct coil_udp *udp, struct coil_udp_message *message);

/**
 * coil_udp_set_receive - choose how a socket receives
 * @udp:     open
 * @receive: an enum coil_receive; COIL_RECEIVE_AUTO if nothing was chosen
 *
 * What is received is the same. Of COIL_RECEIVE_AUTO a UDP socket goes over to a multishot receive
 * after several calls, and back for good at the first one that has room for more than
 * COIL_UDP_SHOT_BYTES. COIL_RECEIVE_MULTISHOT does so at the first call, and in each call that has
 * no more room.
 *
 * A multishot receive takes datagrams while nobody asks, a few dozen at the most before it is
 * stopped, and has room for COIL_UDP_SHOT_BYTES of each: one that is longer and comes before the
 * first call with more room is cut, and told as such. Who is going to receive by other means than
 * these calls, or hands the descriptor to another process, chooses COIL_RECEIVE_ONESHOT before;
 * what came by then is still told by the calls. Only that suspends, for as long as the kernel takes
 * to cancel; a cancel does not end it.
 * Return: 0; -EINVAL; -EOPNOTSUPP if it is no UDP socket, or this kernel has no multishot receive;
 * -EPIPE if another task closed the socket meanwhile.
 * Since 0.1. Kernel 6.0. See io_uring_prep_recvmsg_multishot(3).
 */
int coil_udp_set_receive(struct coil_udp *udp, int receive);

/**
 * coil_udp_close - close a socket and free it
 * @udp: open; NULL does nothing; stale after the call
 *
 * What was sent before still goes out. The file of a unix socket is removed. Works in a cancelled
 * scope. Other tasks' waits on the socket end with -EPIPE: datagrams and descriptors that came at
 * that moment are dropped. Suspends only if there are such tasks, until they have left, and while
 * the kernel ends a multishot receive: the port is free after the call.
 * Since 0.1. See close(2).
 */
void coil_udp_close(struct coil_udp *udp);

/**
 * coil_udp_fd - the descriptor below
 * @udp: open
 *
 * For options; closing it is the socket's business. Does not suspend.
 * Return: the descriptor, the socket's.
 * Since 0.1.
 */
int coil_udp_fd(const struct coil_udp *udp);

/**
 * coil_udp_local - this end's address, as text
 * @udp:   open
 * @text:  as coil_address_text
 * @bytes: as coil_address_text
 *
 * Does not suspend. Return: 0; -ENOSPC.
 * Since 0.1. See getsockname(2).
 */
int coil_udp_local(const struct coil_udp *udp, char *text, size_t bytes);

/**
 * coil_udp_peer - the peer's address, as text
 * @udp:   open
 * @text:  as coil_address_text
 * @bytes: as coil_address_text
 *
 * Does not suspend. Return: 0; -ENOTCONN without a peer; -ENOSPC.
 * Since 0.1. See getpeername(2).
 */
int coil_udp_peer(const struct coil_udp *udp, char *text, size_t bytes);

/**
 * coil_udp_local_address - this end's address
 * @udp:         open
 * @ret_address: the address; untouched on failure
 *
 * Does not suspend. Return: the port, 0 of a unix socket; ... as getsockname(2).
 * Since 0.1. See getsockname(2).
 */
int coil_udp_local_address(const struct coil_udp *udp, struct coil_address *ret_address);

/**
 * coil_udp_peer_credentials - who made the other end of a unix connection
 * @udp:             a seqpacket connection, or one of a socketpair
 * @ret_credentials: as coil_stream_peer_credentials
 *
 * Does not suspend. Return: as coil_stream_peer_credentials.
 * Since 0.1. See unix(7), SO_PEERCRED.
 */
int coil_udp_peer_credentials(const struct coil_udp *udp,
			      struct coil_credentials *ret_credentials);

/**
 * coil_udp_stats - read the counters of a socket
 * @udp:       open
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_udp_stats(const struct coil_udp *udp, struct coil_udp_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
