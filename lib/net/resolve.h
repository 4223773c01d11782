/* SPDX-License-Identifier: MIT */
/* Names become addresses, on another thread. */
#ifndef COIL_NET_RESOLVE_H
#define COIL_NET_RESOLVE_H

#include "coil/resolve.h"
#include "net/address.h"

struct coil_loop;

#define RESOLVE_ADDRESSES_MAX COIL_RESOLVE_MAX

/* What was asked, and the answer. */
struct resolve_request;

/*
 * Suspends. @service may be NULL. Returns the count of addresses, > 0, which resolve_addresses
 * has until resolve_free; -ENOENT, -EAGAIN, -ENOMEM, -EIO, or what a wait returns; @ret_request
 * is set only for a count.
 */
int resolve(struct coil_loop *loop, const char *host, const char *service,
	    struct resolve_request **ret_request);

/* The same, with a look into @cache first, which may be NULL. */
int resolve_by(struct coil_resolve_cache *cache, const char *host, const char *service,
	       struct resolve_request **ret_request);
struct address *resolve_addresses(struct resolve_request *request);
void resolve_free(struct resolve_request *request);

#endif
