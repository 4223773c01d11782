/* SPDX-License-Identifier: MIT */
/*
 * Addresses of the simulated machine. One form for all families: IPv4 is kept mapped into IPv6, so
 * that a socket of either family can be compared with one of the other.
 *
 * The machine has 127.0.0.0/8, ::1 and, for programs that want an address that is not loopback,
 * 10.0.0.1. Nothing else can be reached.
 */
#include "sim/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#define IN6_BYTES_MIN 24 /* RFC 2133: without the scope */

static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool sim_address_is_v4(const struct sim_address *address)
{
	return memcmp(address->ip, v4_prefix, sizeof v4_prefix) == 0;
}

static int read_in(struct sim_address *address, const struct sockaddr *given, socklen_t bytes)
{
	struct sockaddr_in in;

	if (bytes < sizeof in)
		return -EINVAL;
	memcpy(&in, given, sizeof in);
	if (in.sin_family != AF_INET)
		return -EAFNOSUPPORT;
	address->family = AF_INET;
	address->port = ntohs(in.sin_port);
	memcpy(address->ip, v4_prefix, sizeof v4_prefix);
	memcpy(address->ip + sizeof v4_prefix, &in.sin_addr, sizeof in.sin_addr);
	return 0;
}

static int read_in6(struct sim_address *address, const struct sockaddr *given, socklen_t bytes)
{
	struct sockaddr_in6 in6;

	if (bytes < IN6_BYTES_MIN)
		return -EINVAL;
	memset(&in6, 0, sizeof in6);
	memcpy(&in6, given, bytes < sizeof in6 ? bytes : sizeof in6);
	if (in6.sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	address->family = AF_INET6;
	address->port = ntohs(in6.sin6_port);
	memcpy(address->ip, &in6.sin6_addr, sizeof address->ip);
	return 0;
}

/* A path ends at its first zero, an abstract name with its length. */
static int read_un(struct sim_address *address, const struct sockaddr *given, socklen_t bytes)
{
	const size_t start = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un un;

	if (bytes < sizeof un.sun_family || bytes > sizeof un)
		return -EINVAL;
	memset(&un, 0, sizeof un);
	memcpy(&un, given, bytes);
	if (un.sun_family != AF_UNIX)
		return -EINVAL;
	address->family = AF_UNIX;
	address->name_bytes = (uint16_t)(bytes > start ? bytes - start : 0);
	if (address->name_bytes && un.sun_path[0])
		address->name_bytes = (uint16_t)strnlen(un.sun_path, address->name_bytes);
	memcpy(address->name, un.sun_path, address->name_bytes);
	return 0;
}

int sim_address_read(struct sim_address *address, int domain, const struct sockaddr *given,
		     socklen_t bytes)
{
	memset(address, 0, sizeof *address);
	switch (domain) {
	case AF_INET:
		return read_in(address, given, bytes);
	case AF_INET6:
		return read_in6(address, given, bytes);
	default:
		return read_un(address, given, bytes);
	}
}

static socklen_t write_in(const struct sim_address *address, struct sockaddr_storage *whole)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};

	if (sim_address_is_v4(address))
		memcpy(&in.sin_addr, address->ip + sizeof v4_prefix, sizeof in.sin_addr);
	memcpy(whole, &in, sizeof in);
	return sizeof in;
}

static socklen_t write_in6(const struct sim_address *address, struct sockaddr_storage *whole)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};

	memcpy(&in6.sin6_addr, address->ip, sizeof address->ip);
	memcpy(whole, &in6, sizeof in6);
	return sizeof in6;
}

/* A path is told with the zero behind it. */
static socklen_t write_un(const struct sim_address *address, struct sockaddr_storage *whole)
{
	const size_t start = offsetof(struct sockaddr_un, sun_path);
	const sa_family_t family = AF_UNIX;
	size_t bytes = address->name_bytes;

	memcpy(whole, &family, sizeof family);
	memcpy((char *)whole + start, address->name, bytes);
	if (bytes && address->name[0])
		bytes++;
	return (socklen_t)(start + bytes);
}

void sim_address_write(const struct sim_address *address, int domain, void *out, socklen_t *bytes)
{
	struct sockaddr_storage whole;
	socklen_t all;

	memset(&whole, 0, sizeof whole);
	if (domain == AF_INET)
		all = write_in(address, &whole);
	else if (domain == AF_INET6)
		all = write_in6(address, &whole);
	else
		all = write_un(address, &whole);
	if (out)
		memcpy(out, &whole, *bytes < all ? *bytes : all);
	*bytes = all;
}

bool sim_address_equal(const struct sim_address *a, const struct sim_address *b)
{
	if (a->family == AF_UNIX || b->family == AF_UNIX)
		return a->family == b->family && a->name_bytes == b->name_bytes &&
		       memcmp(a->name, b->name, a->name_bytes) == 0;
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool sim_address_is_any(const struct sim_address *address)
{
	static const unsigned char zero[16];

	if (sim_address_is_v4(address))
		return memcmp(address->ip + 12, zero, 4) == 0;
	return memcmp(address->ip, zero, sizeof zero) == 0;
}

bool sim_address_is_local(const struct sim_address *address)
{
	static const unsigned char loopback[16] = {[15] = 1};
	static const unsigned char own[4] = {10, 0, 0, 1};

	if (sim_address_is_v4(address))
		return address->ip[12] == 127 || memcmp(address->ip + 12, own, 4) == 0;
	return memcmp(address->ip, loopback, sizeof loopback) == 0;
}

struct sim_address sim_address_any(int domain)
{
	struct sim_address address;

	memset(&address, 0, sizeof address);
	address.family = (uint16_t)domain;
	if (domain == AF_INET)
		memcpy(address.ip, v4_prefix, sizeof v4_prefix);
	return address;
}

/* From anywhere in 127.0.0.0/8 the route says 127.0.0.1; else an address speaks to itself. */
void sim_address_route(struct sim_address *local, const struct sim_address *target)
{
	static const unsigned char loopback[4] = {127, 0, 0, 1};

	memcpy(local->ip, target->ip, sizeof local->ip);
	if (sim_address_is_v4(target) && target->ip[12] == 127)
		memcpy(local->ip + 12, loopback, sizeof loopback);
}
