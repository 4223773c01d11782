/* SPDX-License-Identifier: MIT */
/*
 * The simulated network: one machine with its loopback, UDP, TCP and unix sockets, all in memory.
 *
 * What one socket sends stands in the receiving one: first in `coming` (accepted from the sender,
 * not there yet: it counts against the sender's buffer), then in `queue` (arrived: it counts
 * against the receiver's). So a sender can be released while its bytes still travel.
 *
 * Invariant: a->other == b exactly when b->other == a, except for datagrams, which know each other
 * by address alone unless they are a pair. Nothing is delivered out of order within a stream.
 */
#ifndef COIL_SIM_NET_H
#define COIL_SIM_NET_H

#include "sim/sim.h"

#include <netdb.h>
#include <netinet/in.h>

#define SIM_UDP_BYTES_MAX 65507
#define SIM_RIGHTS_MAX 253
#define SIM_UNIX_NAME_MAX 108

/* An address in one form for all families; IPv4 is kept as ::ffff:a.b.c.d. */
struct sim_address {
	uint16_t family;	/* AF_UNSPEC: none */
	uint16_t port;		/* in the machine's byte order */
	uint16_t name_bytes;	/* of a unix name, with the zero of an abstract one */
	unsigned char ip[16];
	char name[SIM_UNIX_NAME_MAX];
};

/* Files on their way in a message. */
struct sim_rights {
	unsigned count;
	struct sim_file *files[SIM_RIGHTS_MAX];	/* held */
};

enum sim_packet_kind { SIM_PACKET_BYTES, SIM_PACKET_END, SIM_PACKET_RESET };

struct sim_packet {
	struct coil_list node;
	enum sim_packet_kind kind;
	int64_t due;			/* when it arrives */
	size_t bytes;			/* in data[] */
	size_t taken;			/* of them: read already */
	struct sim_rights *rights;	/* or NULL */
	struct sim_address from;	/* of a record */
	unsigned char data[];
};

enum sim_socket_state {
	SIM_SOCKET_OPEN,
	SIM_SOCKET_LISTENING,
	SIM_SOCKET_CONNECTING,	/* TCP: a connect is on its way, also after its request is gone */
	SIM_SOCKET_CONNECTED,
	SIM_SOCKET_BROKEN	/* reset: nothing comes or goes any more */
};

/* Integer options, whose values a socket keeps; the table is in socket_options.c. */
#define SIM_OPTIONS_MAX 40

struct sim_socket {
	struct sim_file file;
	struct sim_net *net;
	struct coil_list node;		/* in net->sockets */
	struct coil_list name_node;	/* where its name or port is looked up */
	uint64_t name_key;
	struct coil_list blocked_node;	/* unix: it waits for room in a queue or a backlog */
	int domain;
	int type;
	int protocol;
	enum sim_socket_state state;
	struct sim_address local;
	struct sim_address remote;
	struct sim_socket *other;	/* connected to; NULL also when that one is gone */
	uint64_t peer;			/* unix datagrams: the id of whom it sends to, */
	uint64_t peer_key;		/* and its name_key */
	bool shut_read;			/* by the caller, or by the peer's end */
	bool shut_write;
	bool got_end;			/* the peer's end has arrived */
	bool ended_first;		/* TCP: its own end went out before that */
	bool is_untold;			/* connected, but no connect has returned that yet */
	bool owns_name;			/* a unix name was given to it, not inherited */
	uint64_t inode;			/* of its path; 0: it has none */
	int error;			/* what SO_ERROR tells, positive */

	struct coil_list coming;	/* struct sim_packet, in the order of their due times */
	struct coil_list queue;		/* struct sim_packet */
	size_t coming_bytes;		/* with what each packet costs */
	size_t queue_bytes;
	uint32_t queue_count;
	struct sim_event arrival;

	struct coil_list backlog;	/* of a listener: sockets to accept */
	uint32_t backlog_count;
	uint32_t backlog_max;
	struct sim_socket *listener;	/* whose backlog it is in */
	struct coil_list backlog_node;

	struct sim_event handshake;	/* the next SYN */
	unsigned handshakes;

	int options[SIM_OPTIONS_MAX];
	bool sets_send_limit;
	bool sets_receive_limit;
	struct linger linger;
};

#define SIM_NAME_BUCKETS 256u

struct sim_net {
	struct sim *sim;
	struct coil_list sockets;	/* all of them, in the order in which they were made */
	struct coil_list named[SIM_NAME_BUCKETS]; /* who has a name or port of its own, by it */
	struct coil_list accepted[SIM_NAME_BUCKETS]; /* who has its listener's port */
	struct coil_list blocked;	/* who waits for room, first come, first told */
	struct coil_list hosts;		/* names that a test registered */
	struct coil_list resting;	/* ports in TIME_WAIT, oldest first: net_names.c */
	struct coil_list late;		/* datagrams on their way: datagram.c */
	struct coil_list doomed;	/* packets whose files are to be dropped: net_rights.c */
	bool is_dropping;
	uint16_t next_port;
	uint32_t next_name;		/* for unix sockets that are bound without a name */
};

/* One send or receive: the caller's memory, and what is told about it. */
struct sim_message {
	struct sim_io io;
	size_t done;			/* bytes moved before, by this request */
	int flags;			/* MSG_* */
	struct sim_address address;	/* to send to, or where a record came from */
	void *control;
	size_t control_bytes;		/* given; after a receive: filled */
	struct sim_rights *rights;	/* to send; after a receive: to install */
	int flags_out;			/* MSG_TRUNC, MSG_CTRUNC, MSG_EOR */
};

/* -- Addresses (net_address.c) ----------------------------------------------------------------- */

/* For a socket of @domain. 0, -EINVAL or -EAFNOSUPPORT. */
int sim_address_read(struct sim_address *address, int domain, const struct sockaddr *given,
		     socklen_t bytes);

/* Writes at most *@bytes of it and sets *@bytes to its whole size, as getsockname(2). */
void sim_address_write(const struct sim_address *address, int domain, void *out, socklen_t *bytes);
bool sim_address_equal(const struct sim_address *a, const struct sim_address *b);
bool sim_address_is_any(const struct sim_address *address);
bool sim_address_is_v4(const struct sim_address *address);

/* Is it an address of this machine, that a socket may be bound to or reach? */
bool sim_address_is_local(const struct sim_address *address);
struct sim_address sim_address_any(int domain);

/* What a socket that is bound to none takes as its own on the way to @target. */
void sim_address_route(struct sim_address *local, const struct sim_address *target);

/* -- Names and ports (net_names.c) ------------------------------------------------------------- */

int sim_net_name_bind(struct sim_socket *socket, const struct sim_address *address);
int sim_net_port_bind(struct sim_socket *socket, const struct sim_address *address);

/* A TCP socket that ended first leaves its port in TIME_WAIT: nobody binds it for a minute. */
void sim_net_port_rest(struct sim_socket *socket);
void sim_net_ports_free(struct sim_net *net);
int sim_net_autobind(struct sim_socket *socket); /* 0 at once where it has an address */

/* May @socket listen where it is bound? 0 or -EADDRINUSE. */
int sim_net_port_listen(struct sim_socket *socket);

/* A listener or a bound datagram socket for @target; NULL: none. @from: who asks. */
struct sim_socket *sim_net_find(struct sim_socket *from, const struct sim_address *target);

/* The unix socket of a name: 0, -ENOENT, -ECONNREFUSED or -EPROTOTYPE. */
int sim_net_name_find(struct sim_socket *from, const struct sim_address *target,
		      struct sim_socket **ret_socket);

/* The one with that id whose name_key is @key; NULL: it is gone. */
struct sim_socket *sim_net_find_id(struct sim_net *net, uint64_t key, uint64_t id);

/* An accepted socket has its listener's port: it keeps others from it, and answers to nobody. */
void sim_net_port_inherit(struct sim_socket *socket);

/* @socket waits until there is room in some queue or backlog. */
void sim_net_block(struct sim_socket *socket);

/* There is room in some queue or backlog: those who wait for that try again. */
void sim_net_unblock(struct sim_net *net);

/* -- Packets (net_wire.c) ---------------------------------------------------------------------- */

struct sim_packet *sim_packet_new(struct sim *sim, enum sim_packet_kind kind, size_t bytes);
void sim_packet_free(struct sim_net *net, struct sim_packet *packet);

void sim_wire_init(struct sim_socket *socket);

/* What it costs of a buffer's limit. */
size_t sim_packet_cost(const struct sim_socket *socket, const struct sim_packet *packet);

/* Gives @packet its way to @to; it arrives at @due, and not before those sent earlier. */
void sim_wire_send(struct sim_socket *to, struct sim_packet *packet, int64_t due);

/* @packet has been read to its end: takes it out of @socket's queue and frees it. */
void sim_wire_take(struct sim_socket *socket, struct sim_packet *packet);

/* The receiver has room again: moves on what waited for it, and tells the sender. */
void sim_wire_pump(struct sim_socket *socket);
void sim_wire_purge(struct sim_socket *socket);		/* everything, also what is on its way */
void sim_wire_break(struct sim_socket *socket, int error); /* as by an RST that arrives */
size_t sim_wire_send_limit(const struct sim_socket *socket);
size_t sim_wire_receive_limit(const struct sim_socket *socket);

/* What @socket has sent and its peer's program has not got, against its own limit. */
size_t sim_wire_owed(const struct sim_socket *socket);

/* -- Files in messages (net_rights.c) ---------------------------------------------------------- */

int sim_rights_read(struct sim_net *net, const void *control, size_t bytes,
		    struct sim_rights **ret_rights);
struct sim_rights *sim_rights_copy(struct sim_net *net, const struct sim_rights *rights);
void sim_rights_free(struct sim_net *net, struct sim_rights *rights);

/* Installs message->rights, or what fits, and fills the caller's control memory. */
void sim_rights_install(struct sim_net *net, struct sim_message *message);

/* -- Streams and records between two (stream.c, stream_connect.c) ------------------------------ */

/* Each: bytes, or a negative errno; -EAGAIN: not now. */
int64_t sim_stream_send(struct sim_socket *socket, struct sim_message *message);
int64_t sim_stream_receive(struct sim_socket *socket, struct sim_message *message);
int sim_stream_shutdown(struct sim_socket *socket, bool reading, bool writing);
void sim_stream_release(struct sim_socket *socket);
unsigned sim_stream_poll(struct sim_socket *socket);
bool sim_stream_writable(const struct sim_socket *socket);

/* @is_first: the request's first attempt. 0, a negative errno, or -EAGAIN. */
int sim_stream_connect(struct sim_socket *socket, const struct sim_address *target, bool is_first);
int sim_stream_listen(struct sim_socket *socket, int backlog);

/* The descriptor of the oldest connection, -EAGAIN where there is none. */
int sim_stream_accept(struct sim_socket *socket, int flags, struct sim_address *ret_remote);
void sim_stream_abandon(struct sim_socket *socket);	/* a listener's backlog, at its end */

/* A closed TCP socket: reset, or both ends have been exchanged. */
bool sim_stream_is_over(const struct sim_socket *socket);
void sim_stream_init(struct sim_socket *socket);
void sim_stream_join(struct sim_socket *a, struct sim_socket *b);
int sim_stream_disconnect(struct sim_socket *socket);

/* -- Datagrams (datagram.c) -------------------------------------------------------------------- */

int64_t sim_datagram_send(struct sim_socket *socket, struct sim_message *message);
int64_t sim_datagram_receive(struct sim_socket *socket, struct sim_message *message);
int sim_datagram_connect(struct sim_socket *socket, const struct sim_address *target);
int sim_datagram_disconnect(struct sim_socket *socket);
unsigned sim_datagram_poll(struct sim_socket *socket);
void sim_datagram_forget_all(struct sim_net *net);

/* -- Sockets (socket.c, socket_options.c) ------------------------------------------------------ */

/* The socket behind @fd: 0, -EBADF or -ENOTSOCK. */
int sim_socket_of(struct sim *sim, int fd, struct sim_socket **ret_socket);
struct sim_socket *sim_socket_of_file(struct sim_file *file);	/* NULL: it is none */

/* A socket like @model, or of the given kind; nobody holds it yet. */
struct sim_socket *sim_socket_new(struct sim_net *net, int domain, int type, int protocol);
bool sim_socket_is_stream(const struct sim_socket *socket);	/* TCP, unix stream, seqpacket */
bool sim_socket_is_tcp(const struct sim_socket *socket);
int sim_socket_take_error(struct sim_socket *socket);		/* negative; 0: none */
int64_t sim_socket_send(struct sim_socket *socket, struct sim_message *message);
int64_t sim_socket_receive(struct sim_socket *socket, struct sim_message *message);
int sim_socket_connect(struct sim_socket *socket, const struct sim_address *target, bool is_first);
int sim_socket_bind(struct sim_socket *socket, const struct sockaddr *address, socklen_t bytes);
int sim_socket_listen(struct sim_socket *socket, int backlog);
int sim_socket_shutdown(struct sim_socket *socket, int how);

enum sim_option { SIM_OPTION_REUSE_ADDRESS, SIM_OPTION_REUSE_PORT, SIM_OPTION_SEND_BYTES,
		  SIM_OPTION_RECEIVE_BYTES, SIM_OPTION_ONLY_V6, SIM_OPTION_BROADCAST };
void sim_socket_options_init(struct sim_socket *socket);
int sim_socket_option(const struct sim_socket *socket, enum sim_option option);
int sim_socket_set_option(struct sim_socket *socket, int name[2], const void *value,
			  socklen_t bytes);
int sim_socket_get_option(struct sim_socket *socket, int name[2], void *value, socklen_t *bytes);

/* -- For calls.c: as the members of struct driver_calls ---------------------------------------- */

int sim_net_socket(struct sim *sim, int domain, int type, int protocol);
int sim_net_bind(struct sim *sim, int fd, const struct sockaddr *address, socklen_t bytes);
int sim_net_listen(struct sim *sim, int fd, int backlog);
int sim_net_getsockname(struct sim *sim, int fd, struct sockaddr *address, socklen_t *bytes);
int sim_net_getpeername(struct sim *sim, int fd, struct sockaddr *address, socklen_t *bytes);
int sim_net_shutdown(struct sim *sim, int fd, int how);

struct sim_transfer_call {
	int fd;
	int flags;		/* with MSG_DONTWAIT */
};

int sim_net_recv(struct sim *sim, const struct sim_transfer_call *call, void *buf, size_t len);
int sim_net_send(struct sim *sim, const struct sim_transfer_call *call, const void *buf,
		 size_t len);
int sim_net_sendmsg(struct sim *sim, const struct sim_transfer_call *call,
		    const struct msghdr *header);

/* The kernel's own arguments, in a struct where there are five of them. */
struct sim_option_call {
	int fd;
	int level;
	int option;
	socklen_t bytes;	/* of the value; getsockopt: given, then filled */
};

int sim_net_setsockopt(struct sim *sim, const struct sim_option_call *call, const void *value);
int sim_net_getsockopt(struct sim *sim, struct sim_option_call *call, void *value);

struct sim_resolve_call {
	const char *host;
	const char *service;
	int flags;
	int addresses_max;
};

/* Numbers, "localhost" and what sim_net_add_name told; the count, or -ENOENT. */
int sim_net_resolve(struct sim *sim, const struct sim_resolve_call *call,
		    struct sockaddr_storage *ret_addresses, socklen_t *ret_bytes);

/* -- For tests and the public header ----------------------------------------------------------- */

int sim_net_pair(struct sim *sim, int type, int fds[2]);
int sim_net_add_name(struct sim *sim, const char *host, const struct sockaddr *address,
		     socklen_t bytes);

#endif
