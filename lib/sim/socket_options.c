/* SPDX-License-Identifier: MIT */
/*
 * Socket options: a table of integers that a socket keeps, and the few that mean something here.
 * One that is not in the table does not exist (-ENOPROTOOPT), as in the kernel.
 */
#include "sim/net.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <string.h>

#define FOR_TCP (1u << 0)
#define FOR_UDP (1u << 1)
#define FOR_UNIX (1u << 2)
#define FOR_INET (FOR_TCP | FOR_UDP)
#define FOR_ALL (FOR_INET | FOR_UNIX)
#define ONLY_V6 (1u << 3)
#define ONLY_V4 (1u << 4)
#define IS_BOOL (1u << 5)	/* any value but 0 is 1 */
#define TO_READ (1u << 6)	/* setting it is -ENOPROTOOPT */

#define SEND_BYTES_LEAST 4608
#define RECEIVE_BYTES_LEAST 2304
#define BUFFER_BYTES_MOST 212992	/* net.core.wmem_max, rmem_max */

struct option {
	int level;
	int name;
	int first;	/* its value in a new socket */
	int least;
	int most;
	unsigned traits;
};

/* The order of the first ones is enum sim_option. */
static const struct option options[] = {
	{SOL_SOCKET, SO_REUSEADDR, 0, INT_MIN, INT_MAX, FOR_ALL | IS_BOOL},
	{SOL_SOCKET, SO_REUSEPORT, 0, INT_MIN, INT_MAX, FOR_INET | IS_BOOL},
	{SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES_MOST, INT_MIN, INT_MAX, FOR_ALL},
	{SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES_MOST, INT_MIN, INT_MAX, FOR_ALL},
	{IPPROTO_IPV6, IPV6_V6ONLY, 0, INT_MIN, INT_MAX, FOR_INET | IS_BOOL | ONLY_V6},
	{SOL_SOCKET, SO_BROADCAST, 0, INT_MIN, INT_MAX, FOR_ALL | IS_BOOL},
	{SOL_SOCKET, SO_KEEPALIVE, 0, INT_MIN, INT_MAX, FOR_ALL | IS_BOOL},
	{SOL_SOCKET, SO_OOBINLINE, 0, INT_MIN, INT_MAX, FOR_ALL | IS_BOOL},
	{SOL_SOCKET, SO_DONTROUTE, 0, INT_MIN, INT_MAX, FOR_ALL | IS_BOOL},
	{SOL_SOCKET, SO_TIMESTAMP, 0, INT_MIN, INT_MAX, FOR_ALL | IS_BOOL},
	{SOL_SOCKET, SO_PASSCRED, 0, INT_MIN, INT_MAX, FOR_UNIX | IS_BOOL},
	{SOL_SOCKET, SO_PRIORITY, 0, 0, 6, FOR_ALL},
	{SOL_SOCKET, SO_RCVLOWAT, 1, 0, INT_MAX, FOR_ALL},
	{SOL_SOCKET, SO_ZEROCOPY, 0, 0, 1, FOR_INET},
	{SOL_SOCKET, SO_BUSY_POLL, 0, 0, INT_MAX, FOR_ALL},
	{SOL_SOCKET, SO_SNDLOWAT, 1, INT_MIN, INT_MAX, FOR_ALL | TO_READ},
	{IPPROTO_TCP, TCP_NODELAY, 0, INT_MIN, INT_MAX, FOR_TCP | IS_BOOL},
	{IPPROTO_TCP, TCP_CORK, 0, INT_MIN, INT_MAX, FOR_TCP | IS_BOOL},
	{IPPROTO_TCP, TCP_QUICKACK, 1, INT_MIN, INT_MAX, FOR_TCP | IS_BOOL},
	{IPPROTO_TCP, TCP_KEEPIDLE, 7200, 1, 32767, FOR_TCP},
	{IPPROTO_TCP, TCP_KEEPINTVL, 75, 1, 32767, FOR_TCP},
	{IPPROTO_TCP, TCP_KEEPCNT, 9, 1, 127, FOR_TCP},
	{IPPROTO_TCP, TCP_SYNCNT, 6, 1, 127, FOR_TCP},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 0, INT_MAX, FOR_TCP},
	{IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, INT_MIN, INT_MAX, FOR_TCP},
	{IPPROTO_TCP, TCP_FASTOPEN, 0, 0, INT_MAX, FOR_TCP},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0, INT_MIN, INT_MAX, FOR_TCP},
	{IPPROTO_IP, IP_TOS, 0, 0, 255, FOR_INET},
	{IPPROTO_IP, IP_TTL, 64, 1, 255, FOR_INET},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, -1, 255, FOR_INET | ONLY_V6},
	{IPPROTO_IPV6, IPV6_TCLASS, 0, -1, 255, FOR_INET | ONLY_V6},
};

#define OPTIONS (sizeof options / sizeof options[0])

_Static_assert(OPTIONS <= SIM_OPTIONS_MAX, "each has its place in a socket");

static bool applies(const struct sim_socket *socket, const struct option *option)
{
	unsigned kind = socket->domain == AF_UNIX      ? FOR_UNIX
			: socket->type == SOCK_STREAM ? FOR_TCP
						      : FOR_UDP;

	if ((option->traits & ONLY_V6) && socket->domain != AF_INET6)
		return false;
	return option->traits & kind;
}

static int find(const struct sim_socket *socket, const int name[2])
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].level == name[0] && options[i].name == name[1] &&
		    applies(socket, &options[i]))
			return (int)i;
	if (name[0] == SOL_SOCKET || socket->domain != AF_UNIX)
		return -ENOPROTOOPT;
	return -EOPNOTSUPP;
}

void sim_socket_options_init(struct sim_socket *socket)
{
	for (size_t i = 0; i < OPTIONS; i++)
		socket->options[i] = options[i].first;
	if (sim_socket_is_tcp(socket)) {
		socket->options[SIM_OPTION_SEND_BYTES] = 16384;
		socket->options[SIM_OPTION_RECEIVE_BYTES] = 131072;
	}
}

int sim_socket_option(const struct sim_socket *socket, enum sim_option option)
{
	return socket->options[option];
}

/* Twice what was asked for, within bounds: socket(7). */
static int buffer_bytes(int value, int least)
{
	if (value < 0 || value > BUFFER_BYTES_MOST)
		value = BUFFER_BYTES_MOST;
	return value * 2 > least ? value * 2 : least;
}

static int set_linger(struct sim_socket *socket, const void *value, socklen_t bytes)
{
	if (bytes < sizeof socket->linger)
		return -EINVAL;
	memcpy(&socket->linger, value, sizeof socket->linger);
	return 0;
}

static int set_int(struct sim_socket *socket, int at, int value)
{
	const struct option *option = &options[at];

	if (option->traits & TO_READ)
		return -ENOPROTOOPT;
	if (value < option->least || value > option->most)
		return -EINVAL;
	if (option->traits & IS_BOOL)
		value = value != 0;
	if (at == SIM_OPTION_SEND_BYTES) {
		value = buffer_bytes(value, SEND_BYTES_LEAST);
		socket->sets_send_limit = true;
	}
	if (at == SIM_OPTION_RECEIVE_BYTES) {
		value = buffer_bytes(value, RECEIVE_BYTES_LEAST);
		socket->sets_receive_limit = true;
	}
	if (at == SIM_OPTION_ONLY_V6 && socket->local.port)
		return -EINVAL;
	socket->options[at] = value;
	sim_file_changed(&socket->file);
	return 0;
}

static bool is_time(const int name[2])
{
	return name[0] == SOL_SOCKET && (name[1] == SO_RCVTIMEO || name[1] == SO_SNDTIMEO);
}

int sim_socket_set_option(struct sim_socket *socket, int name[2], const void *value,
			  socklen_t bytes)
{
	int word;
	int at;

	if (name[0] == SOL_SOCKET && name[1] == SO_LINGER)
		return set_linger(socket, value, bytes);
	/* A timeout bounds calls that block; there are none on a ring. */
	if (is_time(name))
		return bytes < sizeof(struct timeval) ? -EINVAL : 0;
	at = find(socket, name);
	if (at < 0)
		return at;
	if (bytes < sizeof word)
		return -EINVAL;
	if (!value)
		return -EFAULT;
	memcpy(&word, value, sizeof word);
	return set_int(socket, at, word);
}

/* What is no integer of the table but can be read as one. */
static int read_state(struct sim_socket *socket, int name, int *ret_word)
{
	switch (name) {
	case SO_ERROR:
		*ret_word = -sim_socket_take_error(socket);
		return 0;
	case SO_TYPE:
		*ret_word = socket->type;
		return 0;
	case SO_DOMAIN:
		*ret_word = socket->domain;
		return 0;
	case SO_PROTOCOL:
		*ret_word = socket->protocol;
		return 0;
	case SO_ACCEPTCONN:
		*ret_word = socket->state == SIM_SOCKET_LISTENING;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static void tell(const void *from, socklen_t whole, void *value, socklen_t *bytes)
{
	if (*bytes > whole)
		*bytes = whole;
	memcpy(value, from, *bytes);
}

int sim_socket_get_option(struct sim_socket *socket, int name[2], void *value, socklen_t *bytes)
{
	static const struct timeval never;
	int word;
	int rc;

	if ((int)*bytes < 0)
		return -EINVAL;
	if (name[0] == SOL_SOCKET && name[1] == SO_LINGER) {
		tell(&socket->linger, sizeof socket->linger, value, bytes);
		return 0;
	}
	if (is_time(name)) {
		tell(&never, sizeof never, value, bytes);
		return 0;
	}
	if (name[0] == SOL_SOCKET && read_state(socket, name[1], &word) == 0) {
		tell(&word, sizeof word, value, bytes);
		return 0;
	}
	rc = find(socket, name);
	if (rc < 0)
		return rc;
	tell(&socket->options[rc], sizeof word, value, bytes);
	return 0;
}
