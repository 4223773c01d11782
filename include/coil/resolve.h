/* SPDX-License-Identifier: MIT */
/* Names become addresses. */
#ifndef COIL_RESOLVE_H
#define COIL_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "coil/address.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One name has no more addresses than that here; further ones are left out. */
#define COIL_RESOLVE_MAX 16

struct coil_resolve_cache;

/* How to resolve. Zero is the default of each field. */
struct coil_resolve_options {
	size_t size;                      /* sizeof(struct coil_resolve_options) */
	const char *service;              /* port number, or a name as in services(5); default: 0 */
	int family;                       /* AF_INET or AF_INET6 alone; default: both */
	struct coil_resolve_cache *cache; /* to look in first; default: none */
};

/* How a cache forgets. Zero is the default of each field. */
struct coil_resolve_cache_options {
	size_t size;          /* sizeof(struct coil_resolve_cache_options) */
	unsigned entries_max; /* the one that was used longest ago goes; default 256 */
	int64_t age_ns;       /* an answer is used for so long, whatever its TTL; default 30 s */
};

/**
 * coil_resolve - the addresses of a name
 * @ret_addresses: room for @max; those that were found, in getaddrinfo's order
 * @max:           at least 1; COIL_RESOLVE_MAX is always enough, more are left out
 * @host:          name or numeric address
 * @options:       NULL for the defaults
 *
 * Asks getaddrinfo(3) on one of at most eight threads kept for names, and suspends; a numeric
 * address and service, or an answer in the cache, does not suspend. Cancel: at once; a query that
 * is under way is left behind, with its memory, and its answer is lost.
 * Return: how many, > 0; -ENOENT if there is no such name, or it has no address of the family;
 * -EAGAIN if that cannot be told now; -EINVAL if a port or an option is out of bounds; -EIO;
 * -ENOMEM; the reason of a cancelled scope.
 * Since 0.1. See getaddrinfo(3).
 */
int coil_resolve(struct coil_address *ret_addresses, size_t max, const char *host,
		 const struct coil_resolve_options *options);

/**
 * coil_resolve_cache_open - make a cache of answers
 * @ret_cache: the cache, of the calling thread's loop; untouched on failure
 * @options:   NULL for the defaults
 *
 * For coil_resolve, and for connecting (coil_connect_options). Failures are not kept. Does not
 * suspend.
 * Return: 0; -EINVAL if an option is out of bounds; -ENOMEM.
 * Since 0.1.
 */
int coil_resolve_cache_open(struct coil_resolve_cache **ret_cache,
			    const struct coil_resolve_cache_options *options);

/**
 * coil_resolve_cache_clear - forget all answers
 * @cache: open
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_resolve_cache_clear(struct coil_resolve_cache *cache);

/**
 * coil_resolve_cache_close - free a cache
 * @cache: open, and in no call; a call under way is misuse and stops the program; NULL does nothing
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_resolve_cache_close(struct coil_resolve_cache *cache);

#ifdef __cplusplus
}
#endif

#endif
