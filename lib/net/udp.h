/* SPDX-License-Identifier: MIT */
/* What the files of datagram sockets share. */
#ifndef COIL_NET_UDP_H
#define COIL_NET_UDP_H

#include "base/list.h"
#include "coil/udp.h"
#include "loop/op.h"
#include "loop/receiver.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define UDP_CHECK_WORD 0x0da7a63au
#define UDP_CHECK_FREED 0xdeadc0deu

enum udp_gso { UDP_GSO_UNKNOWN, UDP_GSO_WORKS, UDP_GSO_LACKS };

struct coil_udp {
	struct coil_loop *loop;
	struct coil_list users;		/* struct udp_user: tasks inside */
	struct coil_future *closer;	/* somebody closes: resolved when the users have left */
	int fd;
	int family;
	int type;
	uint32_t check_word;
	enum udp_gso gso;
	bool is_drained;		/* the last batch took all that was there */
	bool has_turn;			/* a task looks at what the multishot receive brings */
	uint8_t receive;		/* enum coil_receive */
	int8_t streak;			/* calls in a row that it would have served */
	unsigned oneshots;		/* receives that calls have begun by themselves */
	struct receiver *receiver;	/* of the multishot one, once there was one */
	struct coil_list turns;		/* struct udp_turn: who waits to look */
	void *spare;			/* memory of the largest batch so far, if nobody uses it */
	size_t spare_bytes;
	char *path;			/* of the file to remove; NULL: none */
	size_t path_bytes;
	struct coil_udp_stats stats;
};

/* A task inside; in its frame. */
struct udp_user {
	struct coil_list link;
	struct coil_op *ops;
	size_t n;
};

/* In the frame of who waits for its turn to look at what the multishot receive brings. */
struct udp_turn {
	struct coil_list link;
	struct coil_future future;
};

/* Room for one integer of ancillary data: the size of segments. */
struct udp_control {
	_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(int))];
};

/* What the kernel works on for one message, beside its operation. */
struct udp_slot {
	struct msghdr header;
	struct iovec part;
	struct sockaddr_in6 mapped;	/* an IPv4 address, for an IPv6 socket */
	struct udp_control control;
};

#define udp_check_use(udp)                                                                         \
	do {                                                                                       \
		check_use((udp)->check_word == UDP_CHECK_WORD,                                     \
			  "this is no open socket: was it closed before?");                        \
		check_use((udp)->loop == loop_current,                                             \
			  "this socket belongs to the loop of another thread");                    \
	} while (0)

/* Takes @fd and a copy of @path, unless it fails. NULL: no memory. */
struct coil_udp *udp_new(struct coil_loop *loop, int fd, const char *path);
void udp_free(struct coil_udp *udp);

/* 0 or -EINVAL. */
int udp_read_options(const struct coil_udp_options *given, struct coil_udp_options *options);
int udp_set_buffers(const struct driver_calls *calls, int fd,
		    const struct coil_udp_options *options);

/*
 * Each wait: enter, await, leave. Enter is 0 or -EPIPE. Leave returns @rc, unless the socket is
 * being closed: then the caller has left it and must not touch it any more.
 */
int udp_enter(struct coil_udp *udp, struct udp_user *user);
int udp_leave(struct coil_udp *udp, struct udp_user *user, int rc);
int udp_await(struct coil_udp *udp, struct udp_user *user, struct coil_op *ops, size_t n);

/* Fill a slot's header. What they point to stays until the operation is done. */
int udp_slot_send(const struct coil_udp *udp, struct udp_slot *slot,
		  const struct coil_udp_message *message);
void udp_slot_recv(struct udp_slot *slot, const struct coil_udp_message *message);

/* Sets what @message tells of a receive that returned @result, and counts it. */
void udp_note_received(struct coil_udp *udp, struct udp_slot *slot,
		       struct coil_udp_message *message, int result);
void udp_note_sent(struct coil_udp *udp, int result);

/*
 * By one receive for many (udp_shot.c). Is a call with room for @len bytes to begin there? Then
 * udp_recv_shot, between enter and leave: how many came; 0: the call receives by itself, as
 * where it was not to begin there, and has been counted in udp->oneshots; or a negative errno.
 */
bool udp_goes_by_shot(const struct coil_udp *udp, size_t len);
int udp_recv_shot(struct coil_udp *udp, struct coil_udp_message *messages, size_t n);

/* A call with room for @len bytes has received by itself. */
void udp_note_oneshot(struct coil_udp *udp, size_t len);

/* Ends the multishot receive and frees it; nobody receives. Waits for the kernel. */
void udp_end_shot(struct coil_udp *udp);

#endif
