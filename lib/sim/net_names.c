/* SPDX-License-Identifier: MIT */
/*
 * Who has which name: ports of TCP and UDP, paths and abstract names of unix sockets.
 *
 * Invariant: a path is a file of the disk: it stays taken until it is unlinked, whether its socket
 * lives or not; an abstract name and a port go with their socket. The order in which they were
 * bound decides wherever several would do, never an address in memory. Who has a name or a port is
 * in the bucket of its key in net->named or, with a port that it was accepted on, net->accepted.
 */
#include "sim/net.h"

#include "sim/disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PORT_FIRST 32768
#define PORT_LAST 60999
#define REST_NS (INT64_C(60) * 1000000000)

/* A port in TIME_WAIT. */
struct rest {
	struct coil_list node;		/* in net->resting */
	int64_t until;
	uint16_t port;
	bool may_share;			/* with another that has SO_REUSEADDR, too */
};

/* -- Buckets ----------------------------------------------------------------------------------- */

static struct coil_list *bucket(struct coil_list *table, uint64_t key)
{
	return &table[key % SIM_NAME_BUCKETS];
}

static void enter(struct sim_socket *socket, struct coil_list *table, uint64_t key)
{
	list_remove(&socket->name_node);
	list_push_back(bucket(table, key), &socket->name_node);
	socket->name_key = key;
}

/* FNV-1a. */
static uint64_t name_key(const struct sim_address *address)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < address->name_bytes; i++)
		key = (key ^ (unsigned char)address->name[i]) * UINT64_C(0x100000001b3);
	return key;
}

struct sim_socket *sim_net_find_id(struct sim_net *net, uint64_t key, uint64_t id)
{
	struct coil_list *node;

	list_for_each(node, bucket(net->named, key)) {
		struct sim_socket *socket = list_entry(node, struct sim_socket, name_node);

		if (socket->file.id == id)
			return socket;
	}
	return NULL;
}

void sim_net_port_inherit(struct sim_socket *socket)
{
	enter(socket, socket->net->accepted, socket->local.port);
}

/* -- Names of unix sockets --------------------------------------------------------------------- */

static struct sim_socket *find_inode(struct sim_net *net, uint64_t inode)
{
	struct coil_list *node;

	list_for_each(node, bucket(net->named, inode)) {
		struct sim_socket *socket = list_entry(node, struct sim_socket, name_node);

		if (socket->inode == inode)
			return socket;
	}
	return NULL;
}

/* Abstract names are apart by type. */
static struct sim_socket *find_abstract(struct sim_net *net, int type,
					const struct sim_address *address)
{
	struct coil_list *node;

	list_for_each(node, bucket(net->named, name_key(address))) {
		struct sim_socket *socket = list_entry(node, struct sim_socket, name_node);

		/* An accepted one has its listener's name, but does not answer to it. */
		if (socket->owns_name && socket->type == type &&
		    sim_address_equal(&socket->local, address))
			return socket;
	}
	return NULL;
}

static bool is_path(const struct sim_address *address)
{
	return address->name_bytes && address->name[0];
}

/* Five digits behind a zero, as unix(7) says. */
static void make_name(struct sim_net *net, int type, struct sim_address *address)
{
	char text[8];

	do {
		snprintf(text, sizeof text, "%05x", net->next_name++ & 0xfffffu);
		memset(address->name, 0, sizeof address->name);
		memcpy(address->name + 1, text, 5);
		address->name_bytes = 6;
	} while (find_abstract(net, type, address));
}

static void copy_path(char *path, const struct sim_address *address)
{
	memcpy(path, address->name, address->name_bytes);
	path[address->name_bytes] = '\0';
}

int sim_net_name_bind(struct sim_socket *socket, const struct sim_address *address)
{
	struct sim_net *net = socket->net;
	struct sim_address chosen = *address;
	char path[SIM_UNIX_NAME_MAX + 1];
	int rc;

	if (socket->owns_name)
		return -EINVAL;
	if (chosen.name_bytes == 0)
		make_name(net, socket->type, &chosen);
	if (is_path(&chosen)) {
		copy_path(path, &chosen);
		rc = sim_disk_bind_socket(net->sim, path, &socket->inode);
		if (rc < 0)
			return rc;
	} else if (find_abstract(net, socket->type, &chosen)) {
		return -EADDRINUSE;
	}
	socket->local = chosen;
	socket->owns_name = true;
	enter(socket, net->named, socket->inode ? socket->inode : name_key(&chosen));
	return 0;
}

int sim_net_name_find(struct sim_socket *from, const struct sim_address *target,
		      struct sim_socket **ret_socket)
{
	char path[SIM_UNIX_NAME_MAX + 1];
	struct sim_socket *found;
	uint64_t inode;
	int rc;

	if (target->name_bytes == 0)
		return -EINVAL;
	if (is_path(target)) {
		copy_path(path, target);
		rc = sim_disk_find_socket(from->net->sim, path, &inode);
		if (rc < 0)
			return rc;
		found = find_inode(from->net, inode);
	} else {
		found = find_abstract(from->net, from->type, target);
	}
	if (!found)
		return -ECONNREFUSED;
	if (found->type != from->type)
		return -EPROTOTYPE;
	*ret_socket = found;
	return 0;
}

void sim_net_block(struct sim_socket *socket)
{
	list_remove(&socket->blocked_node);
	list_push_back(&socket->net->blocked, &socket->blocked_node);
}

void sim_net_unblock(struct sim_net *net)
{
	struct coil_list *node;

	while ((node = list_pop_front(&net->blocked)))
		sim_file_changed(&list_entry(node, struct sim_socket, blocked_node)->file);
}

/* -- Ports ------------------------------------------------------------------------------------- */

/* Does a socket bound to @bound answer for @target's address, whatever the ports? */
static bool covers(const struct sim_socket *bound, const struct sim_address *target)
{
	if (memcmp(bound->local.ip, target->ip, sizeof target->ip) == 0)
		return true;
	if (!sim_address_is_any(&bound->local))
		return false;
	if (bound->domain == AF_INET)
		return sim_address_is_v4(target);
	return !sim_address_is_v4(target) ||
	       (!sim_address_is_v4(&bound->local) &&
		!sim_socket_option(bound, SIM_OPTION_ONLY_V6));
}

/* Would the two addresses get the same packets? */
static bool overlap(const struct sim_socket *a, const struct sim_socket *b,
		    const struct sim_address *of_b)
{
	struct sim_socket probe = *b;

	probe.local = *of_b;
	return covers(a, of_b) || covers(&probe, &a->local);
}

static bool has_both(const struct sim_socket *a, const struct sim_socket *b,
		     enum sim_option option)
{
	return sim_socket_option(a, option) && sim_socket_option(b, option);
}

/* May @socket have what @other has already? With SO_REUSEADDR alone not beside a listener. */
static bool may_share(const struct sim_socket *other, const struct sim_socket *socket)
{
	if (has_both(other, socket, SIM_OPTION_REUSE_PORT))
		return true;
	return has_both(other, socket, SIM_OPTION_REUSE_ADDRESS) &&
	       other->state != SIM_SOCKET_LISTENING;
}

static bool is_taken_in(struct coil_list *names, const struct sim_socket *socket,
			const struct sim_address *address)
{
	struct coil_list *node;

	list_for_each(node, names) {
		const struct sim_socket *other = list_entry(node, struct sim_socket, name_node);

		if (other == socket || other->domain == AF_UNIX || other->type != socket->type ||
		    other->local.port != address->port)
			continue;
		if (overlap(other, socket, address) && !may_share(other, socket))
			return true;
	}
	return false;
}

static bool is_taken(const struct sim_socket *socket, const struct sim_address *address)
{
	struct sim_net *net = socket->net;

	return is_taken_in(bucket(net->named, address->port), socket, address) ||
	       is_taken_in(bucket(net->accepted, address->port), socket, address);
}

/* -- TIME_WAIT --------------------------------------------------------------------------------- */

static void forget_rested(struct sim_net *net, int64_t until)
{
	while (!list_is_empty(&net->resting)) {
		struct rest *rest = list_entry(net->resting.next, struct rest, node);

		if (rest->until > until)
			return;
		list_remove(&rest->node);
		sim_free(net->sim, rest, sizeof *rest);
	}
}

void sim_net_port_rest(struct sim_socket *socket)
{
	struct sim_net *net = socket->net;
	struct rest *rest = sim_alloc(net->sim, sizeof *rest);

	forget_rested(net, sim_now(net->sim));
	rest->until = sim_now(net->sim) + REST_NS;
	rest->port = socket->local.port;
	rest->may_share = sim_socket_option(socket, SIM_OPTION_REUSE_ADDRESS);
	list_init(&rest->node);
	list_push_back(&net->resting, &rest->node);
}

void sim_net_ports_free(struct sim_net *net)
{
	forget_rested(net, INT64_MAX);
}

/* Only who asks for a certain port is refused; one that connects may come from it again. */
static bool is_resting(struct sim_socket *socket, uint16_t port)
{
	struct coil_list *node;

	forget_rested(socket->net, sim_now(socket->file.sim));
	if (!sim_socket_is_tcp(socket))
		return false;
	list_for_each(node, &socket->net->resting) {
		const struct rest *rest = list_entry(node, struct rest, node);

		if (rest->port == port &&
		    !(rest->may_share && sim_socket_option(socket, SIM_OPTION_REUSE_ADDRESS)))
			return true;
	}
	return false;
}

/* -- Choosing ---------------------------------------------------------------------------------- */

static int choose_port(struct sim_socket *socket, struct sim_address *address)
{
	struct sim_net *net = socket->net;

	for (unsigned tries = 0; tries <= PORT_LAST - PORT_FIRST; tries++) {
		address->port = net->next_port++;
		if (net->next_port > PORT_LAST)
			net->next_port = PORT_FIRST;
		if (!is_taken(socket, address))
			return 0;
	}
	return -EADDRINUSE;
}

int sim_net_port_bind(struct sim_socket *socket, const struct sim_address *address)
{
	struct sim_address chosen = *address;
	int rc;

	if (!sim_address_is_any(&chosen) && !sim_address_is_local(&chosen))
		return -EADDRNOTAVAIL;
	if (socket->domain == AF_INET6 && sim_address_is_v4(&chosen) &&
	    sim_socket_option(socket, SIM_OPTION_ONLY_V6))
		return -EINVAL;
	if (socket->state != SIM_SOCKET_OPEN || socket->local.port)
		return -EINVAL;
	if (chosen.port == 0) {
		rc = choose_port(socket, &chosen);
		if (rc < 0)
			return rc;
	} else if (is_taken(socket, &chosen) || is_resting(socket, chosen.port)) {
		return -EADDRINUSE;
	}
	socket->local = chosen;
	enter(socket, socket->net->named, chosen.port);
	return 0;
}

int sim_net_autobind(struct sim_socket *socket)
{
	struct sim_address address = socket->local;

	if (socket->domain == AF_UNIX || socket->local.port)
		return 0;
	if (choose_port(socket, &address) < 0)
		return -EAGAIN;
	socket->local = address;
	enter(socket, socket->net->named, address.port);
	return 0;
}

int sim_net_port_listen(struct sim_socket *socket)
{
	const struct sim_address address = socket->local;

	if (is_taken(socket, &address))
		return -EADDRINUSE;
	/* An accepted one that was disconnected may listen, too: it answers from now on. */
	enter(socket, socket->net->named, address.port);
	return 0;
}

/* How well @socket answers for @target, asked by @from; 0: not at all. */
static unsigned score(const struct sim_socket *socket, const struct sim_socket *from,
		      const struct sim_address *target)
{
	unsigned points = 1;

	if (socket->domain == AF_UNIX || socket->type != from->type ||
	    socket->local.port != target->port || !covers(socket, target))
		return 0;
	if (sim_socket_is_stream(socket))
		return socket->state != SIM_SOCKET_LISTENING ? 0
		       : sim_address_is_any(&socket->local) ? points
							      : points + 2;
	if (socket->state == SIM_SOCKET_CONNECTED) {
		if (!sim_address_equal(&socket->remote, &from->local))
			return 0;
		points += 4;
	}
	if (!sim_address_is_any(&socket->local))
		points += 2;
	return points;
}

/* Of equally good ones the seed takes one, as the kernel's hash does. */
struct sim_socket *sim_net_find(struct sim_socket *from, const struct sim_address *target)
{
	struct sim_socket *best = NULL;
	unsigned best_score = 0;
	uint32_t equals = 0;
	struct coil_list *node;

	list_for_each(node, bucket(from->net->named, target->port)) {
		struct sim_socket *socket = list_entry(node, struct sim_socket, name_node);
		unsigned points = score(socket, from, target);

		if (points == 0 || points < best_score)
			continue;
		equals = points > best_score ? 1 : equals + 1;
		if (sim_pick(from->file.sim, equals) == 0)
			best = socket;
		best_score = points;
	}
	return best;
}
