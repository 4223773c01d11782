/* SPDX-License-Identifier: MIT */
/* Connecting to the first of several addresses that works. */
#ifndef COIL_NET_CONNECT_H
#define COIL_NET_CONNECT_H

#include "coil/net.h"
#include "net/address.h"

struct coil_loop;

/*
 * A connected socket, or a negative errno. @n is at most RESOLVE_ADDRESSES_MAX; @options has its
 * delay set. Suspends.
 */
int connect_any(struct coil_loop *loop, const struct address *addresses, int n,
		const struct coil_connect_options *options);

#endif
