/* SPDX-License-Identifier: MIT */
/* Two datagram sockets on the loopback that are connected to each other. Inside tasks. */
#ifndef COIL_TESTS_SUPPORT_UDP_PAIR_H
#define COIL_TESTS_SUPPORT_UDP_PAIR_H

#include "support/test.h"

#include <coil/udp.h>

static inline void udp_pair_open(struct coil_udp *pair[2], unsigned flags)
{
	struct coil_udp_options options = {.size = sizeof options, .flags = flags,
					   .receive_buffer = 200000};
	struct coil_address to;

	for (int i = 0; i < 2; i++)
		EXPECT_EQ(coil_udp_open(&pair[i], "127.0.0.1", 0, &options), 0);
	for (int i = 0; i < 2; i++) {
		EXPECT_GT(coil_udp_local_address(pair[!i], &to), 0);
		EXPECT_EQ(coil_udp_connect(pair[i], &to), 0);
	}
}

static inline void udp_pair_close(struct coil_udp *pair[2])
{
	coil_udp_close(pair[0]);
	coil_udp_close(pair[1]);
}

#endif
