/* SPDX-License-Identifier: MIT */
/*
 * The network of the simulated machine, its calls by descriptor, and its names of hosts.
 *
 * Invariant: net->sockets has every socket that is not released; when the network ends there is
 * none, except those that only messages in each other's queues hold.
 */
#include "sim/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define PORT_FIRST 32768
#define HOST_BYTES 256

/* A name that a test has registered. */
struct host {
	struct coil_list node;
	char name[HOST_BYTES];
	struct sockaddr_storage address;
	socklen_t bytes;
};

struct sim_net *sim_net_new(struct sim *sim)
{
	struct sim_net *net = sim_alloc(sim, sizeof *net);

	net->sim = sim;
	net->next_port = PORT_FIRST;
	list_init(&net->sockets);
	list_init(&net->blocked);
	for (unsigned i = 0; i < SIM_NAME_BUCKETS; i++) {
		list_init(&net->named[i]);
		list_init(&net->accepted[i]);
	}
	list_init(&net->hosts);
	list_init(&net->late);
	list_init(&net->resting);
	list_init(&net->doomed);
	return net;
}

/* Sockets may hold each other by messages that nobody will read: none is left after two rounds. */
static void purge_sockets(struct sim_net *net)
{
	struct coil_list *node;
	size_t rounds = 0;

	list_for_each(node, &net->sockets)
		rounds += 2;
	for (; rounds > 0 && !list_is_empty(&net->sockets); rounds--) {
		struct sim_socket *socket =
			list_entry(list_pop_front(&net->sockets), struct sim_socket, node);

		list_push_back(&net->sockets, &socket->node);
		sim_file_hold(&socket->file);
		sim_wire_purge(socket);
		sim_file_drop(&socket->file);
	}
	check(list_is_empty(&net->sockets));
}

void sim_net_free(struct sim_net *net)
{
	struct sim *sim = net->sim;
	struct coil_list *node;

	sim_datagram_forget_all(net);
	purge_sockets(net);
	sim_net_ports_free(net);
	while ((node = list_pop_front(&net->hosts)))
		sim_free(sim, list_entry(node, struct host, node), sizeof(struct host));
	sim_free(sim, net, sizeof *net);
}

/* -- Calls ------------------------------------------------------------------------------------- */

int sim_net_bind(struct sim *sim, int fd, const struct sockaddr *address, socklen_t bytes)
{
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, fd, &socket);

	return rc < 0 ? rc : sim_socket_bind(socket, address, bytes);
}

int sim_net_listen(struct sim *sim, int fd, int backlog)
{
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, fd, &socket);

	return rc < 0 ? rc : sim_socket_listen(socket, backlog);
}

int sim_net_shutdown(struct sim *sim, int fd, int how)
{
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, fd, &socket);

	return rc < 0 ? rc : sim_socket_shutdown(socket, how);
}

static struct sim_message message_of(const struct sim_transfer_call *call, const struct iovec *one)
{
	return (struct sim_message){
		.io = {.iov = one, .iov_count = 1, .bytes = one->iov_len, .offset = -1},
		.flags = call->flags,
	};
}

/* Descriptors that come along are closed: there is no memory for them. */
int sim_net_recv(struct sim *sim, const struct sim_transfer_call *call, void *buf, size_t len)
{
	const struct iovec one = {buf, len};
	struct sim_message message = message_of(call, &one);
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, call->fd, &socket);

	check(call->flags & MSG_DONTWAIT);
	if (rc == 0)
		rc = (int)sim_socket_receive(socket, &message);
	if (message.rights)
		sim_rights_free(socket->net, message.rights);
	return rc;
}

int sim_net_send(struct sim *sim, const struct sim_transfer_call *call, const void *buf, size_t len)
{
	const struct iovec one = {(void *)(uintptr_t)buf, len};
	struct sim_message message = message_of(call, &one);
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, call->fd, &socket);

	check(call->flags & MSG_DONTWAIT);
	return rc < 0 ? rc : (int)sim_socket_send(socket, &message);
}

int sim_net_sendmsg(struct sim *sim, const struct sim_transfer_call *call,
		    const struct msghdr *header)
{
	struct sim_message message = {
		.io = {.iov = header->msg_iov, .iov_count = header->msg_iovlen, .offset = -1},
		.flags = call->flags,
	};
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, call->fd, &socket);

	check(call->flags & MSG_DONTWAIT);
	for (size_t i = 0; i < header->msg_iovlen; i++)
		message.io.bytes += header->msg_iov[i].iov_len;
	return rc < 0 ? rc : (int)sim_socket_send(socket, &message);
}

int sim_net_getsockname(struct sim *sim, int fd, struct sockaddr *address, socklen_t *bytes)
{
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, fd, &socket);

	if (rc < 0)
		return rc;
	sim_address_write(&socket->local, socket->domain, address, bytes);
	return 0;
}

int sim_net_getpeername(struct sim *sim, int fd, struct sockaddr *address, socklen_t *bytes)
{
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, fd, &socket);

	if (rc < 0)
		return rc;
	if (socket->state != SIM_SOCKET_CONNECTED || sim_stream_is_over(socket))
		return -ENOTCONN;
	sim_address_write(&socket->remote, socket->domain, address, bytes);
	return 0;
}

int sim_net_setsockopt(struct sim *sim, const struct sim_option_call *call, const void *value)
{
	int name[2] = {call->level, call->option};
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, call->fd, &socket);

	return rc < 0 ? rc : sim_socket_set_option(socket, name, value, call->bytes);
}

int sim_net_getsockopt(struct sim *sim, struct sim_option_call *call, void *value)
{
	int name[2] = {call->level, call->option};
	struct sim_socket *socket;
	int rc = sim_socket_of(sim, call->fd, &socket);

	return rc < 0 ? rc : sim_socket_get_option(socket, name, value, &call->bytes);
}

/* -- Hosts ------------------------------------------------------------------------------------- */

int sim_net_add_name(struct sim *sim, const char *name, const struct sockaddr *address,
		     socklen_t bytes)
{
	size_t length = strlen(name);
	struct host *host;

	if (length >= HOST_BYTES || bytes > sizeof host->address)
		return -EINVAL;
	if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	host = sim_alloc(sim, sizeof *host);
	list_init(&host->node);
	memcpy(host->name, name, length);
	memcpy(&host->address, address, bytes);
	host->bytes = bytes;
	list_push_back(&sim_net(sim)->hosts, &host->node);
	return 0;
}

/* The answers, while they are gathered. */
struct answers {
	struct sockaddr_storage *addresses;
	socklen_t *bytes;
	int count;
	int count_max;
	uint16_t port;	/* as it goes over the wire */
};

static void add_v4(struct answers *answers, struct in_addr ip)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = answers->port, .sin_addr = ip};

	if (answers->count == answers->count_max)
		return;
	memset(&answers->addresses[answers->count], 0, sizeof *answers->addresses);
	memcpy(&answers->addresses[answers->count], &in, sizeof in);
	answers->bytes[answers->count++] = sizeof in;
}

static void add_v6(struct answers *answers, struct in6_addr ip)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6, .sin6_port = answers->port, .sin6_addr = ip};

	if (answers->count == answers->count_max)
		return;
	memset(&answers->addresses[answers->count], 0, sizeof *answers->addresses);
	memcpy(&answers->addresses[answers->count], &in6, sizeof in6);
	answers->bytes[answers->count++] = sizeof in6;
}

static void add_known(struct sim *sim, const char *name, struct answers *answers)
{
	const struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
	const struct in6_addr loopback6 = IN6ADDR_LOOPBACK_INIT;
	struct coil_list *node;

	if (strcmp(name, "localhost") == 0) {
		add_v6(answers, loopback6);
		add_v4(answers, loopback);
	}
	list_for_each(node, &sim_net(sim)->hosts) {
		const struct host *host = list_entry(node, struct host, node);
		const void *address = &host->address;

		if (strcmp(host->name, name) != 0)
			continue;
		if (host->address.ss_family == AF_INET)
			add_v4(answers, ((const struct sockaddr_in *)address)->sin_addr);
		else
			add_v6(answers, ((const struct sockaddr_in6 *)address)->sin6_addr);
	}
}

/* Nobody in particular: to listen everywhere, or to connect to this machine. */
static void add_nobody(bool is_passive, struct answers *answers)
{
	const struct in_addr any = {.s_addr = htonl(is_passive ? INADDR_ANY : INADDR_LOOPBACK)};
	const struct in6_addr any6 = IN6ADDR_ANY_INIT;
	const struct in6_addr loopback6 = IN6ADDR_LOOPBACK_INIT;

	if (is_passive) {
		add_v4(answers, any);
		add_v6(answers, any6);
		return;
	}
	add_v6(answers, loopback6);
	add_v4(answers, any);
}

/* Services have numbers: there is no list of names. */
static int read_port(const char *service, uint16_t *ret_port)
{
	unsigned long port = 0;
	char *end;

	if (service && *service) {
		port = strtoul(service, &end, 10);
		if (*end || port > UINT16_MAX)
			return -ENOENT;
	}
	*ret_port = htons((uint16_t)port);
	return 0;
}

int sim_net_resolve(struct sim *sim, const struct sim_resolve_call *call,
		    struct sockaddr_storage *ret_addresses, socklen_t *ret_bytes)
{
	struct answers answers = {
		.addresses = ret_addresses, .bytes = ret_bytes, .count_max = call->addresses_max};
	struct in6_addr ip6;
	struct in_addr ip;
	int rc = read_port(call->service, &answers.port);

	if (rc < 0)
		return rc;
	if (!call->host)
		add_nobody(call->flags & AI_PASSIVE, &answers);
	else if (inet_pton(AF_INET, call->host, &ip) == 1)
		add_v4(&answers, ip);
	else if (inet_pton(AF_INET6, call->host, &ip6) == 1)
		add_v6(&answers, ip6);
	else if (!(call->flags & AI_NUMERICHOST))
		add_known(sim, call->host, &answers);
	return answers.count ? answers.count : -ENOENT;
}
