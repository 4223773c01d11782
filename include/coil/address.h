/* SPDX-License-Identifier: MIT */
/* Addresses of sockets: in the kernel's form, with ways from text and to text. */
#ifndef COIL_ADDRESS_H
#define COIL_ADDRESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room for any address as text, the final zero included. */
#ifndef COIL_ADDRESS_TEXT
#define COIL_ADDRESS_TEXT 128
#endif

/* Bits of coil_address.flags. */
enum coil_address_flags {
	COIL_ADDRESS_NUMERIC = 1 << 0, /* from coil_resolve: the host was an address, not a name */
	COIL_ADDRESS_CACHED = 1 << 1   /* from coil_resolve: out of a cache */
};

/* An address. Its family is storage.ss_family: AF_INET, AF_INET6 or AF_UNIX. */
struct coil_address {
	struct sockaddr_storage storage;
	uint32_t bytes; /* of storage that count; 0: no address */
	uint32_t flags; /* enum coil_address_flags */
};

/**
 * coil_address_parse - an IP address from text
 * @ret_address: the address; untouched on failure
 * @host:        numeric IPv4 or IPv6 address without a zone; names are coil_resolve's
 * @port:        0..65535
 *
 * Does not suspend; needs no loop.
 * Return: 0; -EINVAL if @host is no numeric address, or @port is out of bounds.
 * Since 0.1. See inet_pton(3).
 */
int coil_address_parse(struct coil_address *ret_address, const char *host, int port);

/**
 * coil_address_unix - the address of a unix socket
 * @ret_address: the address; untouched on failure
 * @path:        at most 107 bytes; "@name" is in the abstract namespace: no file
 *
 * Does not suspend; needs no loop.
 * Return: 0; -EINVAL if @path is empty; -ENAMETOOLONG.
 * Since 0.1. See unix(7).
 */
int coil_address_unix(struct coil_address *ret_address, const char *path);

/**
 * coil_address_text - an address as text
 * @address: from a call of this library, or filled in by hand
 * @text:    "127.0.0.1:7000", "[::1]:7000", the path of a unix socket, "@name" of an abstract one,
 *           "unnamed"
 * @bytes:   room in @text; COIL_ADDRESS_TEXT is always enough
 *
 * Does not suspend; needs no loop.
 * Return: 0; -EOPNOTSUPP for a family other than these, or no address; -ENOSPC.
 * Since 0.1.
 */
int coil_address_text(const struct coil_address *address, char *text, size_t bytes);

#ifdef __cplusplus
}
static_assert(sizeof(struct coil_address) == 136, "an address is 136 bytes");
#else
_Static_assert(sizeof(struct coil_address) == 136, "an address is 136 bytes");
#endif

#endif
