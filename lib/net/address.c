/* SPDX-License-Identifier: MIT */
/* Addresses, from text and to text. See address.h. */
#include "net/address.h"

#include "loop/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static struct sockaddr_in *inet_of(struct sockaddr_storage *storage)
{
	return (struct sockaddr_in *)(void *)storage;
}

static struct sockaddr_in6 *inet6_of(struct sockaddr_storage *storage)
{
	return (struct sockaddr_in6 *)(void *)storage;
}

static void address_init(struct address *address, int family)
{
	memset(address, 0, sizeof *address);
	address->storage.ss_family = (sa_family_t)family;
	address->bytes = family == AF_INET ? sizeof(struct sockaddr_in)
					   : sizeof(struct sockaddr_in6);
}

bool address_parse(struct address *address, const char *host, int port)
{
	address_init(address, AF_INET);
	if (inet_pton(AF_INET, host, &inet_of(&address->storage)->sin_addr) != 1) {
		address_init(address, AF_INET6);
		if (inet_pton(AF_INET6, host, &inet6_of(&address->storage)->sin6_addr) != 1)
			return false;
	}
	address_set_port(&address->storage, port);
	return true;
}

void address_any(struct address *address, int family, int port)
{
	/* Both are zeroes: INADDR_ANY and in6addr_any. */
	address_init(address, family);
	address_set_port(&address->storage, port);
}

int address_parse_port(const char *service)
{
	int port = 0;

	if (!*service)
		return -EINVAL;
	for (const char *at = service; *at; at++) {
		if (*at < '0' || *at > '9')
			return -ENOENT;
		port = port * 10 + (*at - '0');
		if (port > 65535)
			return -EINVAL;
	}
	return port;
}

int address_port(const struct sockaddr_storage *storage)
{
	if (storage->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)storage)->sin_port);
	if (storage->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)storage)->sin6_port);
	return -1;
}

void address_set_port(struct sockaddr_storage *storage, int port)
{
	if (storage->ss_family == AF_INET)
		inet_of(storage)->sin_port = htons((uint16_t)port);
	else if (storage->ss_family == AF_INET6)
		inet6_of(storage)->sin6_port = htons((uint16_t)port);
}

int address_unix(struct address *address, const char *path)
{
	struct sockaddr_un *name = (struct sockaddr_un *)(void *)&address->storage;
	size_t length = strlen(path);

	if (length == 0)
		return -EINVAL;
	if (length >= sizeof name->sun_path)
		return -ENAMETOOLONG;
	memset(address, 0, sizeof *address);
	name->sun_family = AF_UNIX;
	memcpy(name->sun_path, path, length);
	if (path[0] == '@')
		name->sun_path[0] = '\0';
	/* A path ends with a zero that counts; an abstract name does not. */
	address->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length +
				     (path[0] != '@'));
	return 0;
}

static int unix_text(const struct address *address, char *text, size_t bytes)
{
	const struct sockaddr_un *name = (const void *)&address->storage;
	size_t start = offsetof(struct sockaddr_un, sun_path);
	size_t length = address->bytes > start ? address->bytes - start : 0;

	if (length == 0)
		return snprintf(text, bytes, "unnamed");
	if (name->sun_path[0])
		return snprintf(text, bytes, "%.*s", (int)length, name->sun_path);
	return snprintf(text, bytes, "@%.*s", (int)length - 1, name->sun_path + 1);
}

const char *address_path(const struct address *address)
{
	const struct sockaddr_un *name = (const void *)&address->storage;

	return name->sun_family == AF_UNIX && name->sun_path[0] ? name->sun_path : NULL;
}

int address_text(const struct address *address, char *text, size_t bytes)
{
	const struct sockaddr_storage *storage = &address->storage;
	char host[INET6_ADDRSTRLEN];
	const void *raw;
	int length;

	if (storage->ss_family == AF_UNIX) {
		length = unix_text(address, text, bytes);
	} else if (storage->ss_family == AF_INET) {
		raw = &((const struct sockaddr_in *)(const void *)storage)->sin_addr;
		inet_ntop(AF_INET, raw, host, sizeof host);
		length = snprintf(text, bytes, "%s:%d", host, address_port(storage));
	} else if (storage->ss_family == AF_INET6) {
		raw = &((const struct sockaddr_in6 *)(const void *)storage)->sin6_addr;
		inet_ntop(AF_INET6, raw, host, sizeof host);
		length = snprintf(text, bytes, "[%s]:%d", host, address_port(storage));
	} else {
		return -EOPNOTSUPP;
	}
	return length >= 0 && (size_t)length < bytes ? 0 : -ENOSPC;
}

int address_of_peer(const struct driver_calls *calls, int fd, char *text, size_t bytes)
{
	struct address address = {.bytes = sizeof address.storage};
	int rc = calls->getpeername(fd, (struct sockaddr *)(void *)&address.storage,
				    &address.bytes);

	return rc < 0 ? rc : address_text(&address, text, bytes);
}

int address_of_local(const struct driver_calls *calls, int fd, char *text, size_t bytes)
{
	struct address address = {.bytes = sizeof address.storage};
	int rc = calls->getsockname(fd, (struct sockaddr *)(void *)&address.storage,
				    &address.bytes);

	return rc < 0 ? rc : address_text(&address, text, bytes);
}

void address_interleave(struct address *addresses, int n)
{
	for (int i = 1; i < n; i++) {
		sa_family_t before = addresses[i - 1].storage.ss_family;
		struct address moved;
		int j = i;

		while (j < n && addresses[j].storage.ss_family == before)
			j++;
		if (j == n)
			return;
		/* The next one of the other family moves here, and the rest keeps its order. */
		moved = addresses[j];
		memmove(&addresses[i + 1], &addresses[i], (size_t)(j - i) * sizeof *addresses);
		addresses[i] = moved;
	}
}

/* -- The public form -----------------------------------------------------------------------------
 */

void address_publish(const struct address *address, struct coil_address *ret_address)
{
	ret_address->storage = address->storage;
	ret_address->bytes = address->bytes;
	ret_address->flags = 0;
}

void address_import(const struct coil_address *given, struct address *address)
{
	address->storage = given->storage;
	address->bytes = given->bytes;
}

int coil_address_parse(struct coil_address *ret_address, const char *host, int port)
{
	struct address address;

	if (port < 0 || port > 65535 || !address_parse(&address, host, port))
		return -EINVAL;
	address_publish(&address, ret_address);
	return 0;
}

int coil_address_unix(struct coil_address *ret_address, const char *path)
{
	struct address address;
	int rc = address_unix(&address, path);

	if (rc == 0)
		address_publish(&address, ret_address);
	return rc;
}

int coil_address_text(const struct coil_address *given, char *text, size_t bytes)
{
	struct address address;

	if (given->bytes < sizeof(sa_family_t) || given->bytes > sizeof given->storage)
		return -EOPNOTSUPP;
	address_import(given, &address);
	return address_text(&address, text, bytes);
}
