/* SPDX-License-Identifier: MIT */
/* Addresses: from text and to text, without asking anybody. */
#ifndef COIL_NET_ADDRESS_H
#define COIL_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "coil/address.h"

struct driver_calls;

struct address {
	struct sockaddr_storage storage;
	socklen_t bytes;
};

static inline const struct sockaddr *address_name(const struct address *address)
{
	return (const struct sockaddr *)(const void *)&address->storage;
}

/* A numeric IPv4 or IPv6 address without a zone. False if it is something else: a name. */
bool address_parse(struct address *address, const char *host, int port);

/* All addresses of this machine: of IPv6, which is IPv4, too; or of IPv4 alone. */
void address_any(struct address *address, int family, int port);

/* 0..65535; -EINVAL if it is a number, but no port; -ENOENT if it is a name. */
int address_parse_port(const char *service);

/* -1 for what has no port. */
int address_port(const struct sockaddr_storage *storage);
void address_set_port(struct sockaddr_storage *storage, int port);

/* A unix socket's path, or "@name" in the abstract namespace. -EINVAL, -ENAMETOOLONG. */
int address_unix(struct address *address, const char *path);

/* The path of a unix socket that is a file; NULL for all others. */
const char *address_path(const struct address *address);

int address_text(const struct address *address, char *text, size_t bytes);

/* Between this form and the public one. */
void address_publish(const struct address *address, struct coil_address *ret_address);
void address_import(const struct coil_address *given, struct address *address);

int address_of_peer(const struct driver_calls *calls, int fd, char *text, size_t bytes);
int address_of_local(const struct driver_calls *calls, int fd, char *text, size_t bytes);

/* The families in turns, beginning with that of the first: RFC 8305, section 4. */
void address_interleave(struct address *addresses, int n);

#endif
