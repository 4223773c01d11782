/* SPDX-License-Identifier: MIT */
/* What the tests of receiving share. */
#ifndef COIL_TESTS_NET_RECEIVE_RIG_H
#define COIL_TESTS_NET_RECEIVE_RIG_H

#include "net/rig.h"

#include "loop/receiver.h"
#include "net/socket_stream.h"

#define SEEDS 60

struct flow {
	struct coil_stream *from;
	size_t total;
};

bool has_multishot(void);
bool is_multishot(struct coil_stream *stream);
bool is_armed(struct coil_stream *stream);

/* coil_stream_set_receive, which fails where this kernel has none. */
void choose(struct coil_stream *stream, int receive);

/* There and back again; what arrives is what was sent. */
void ping(struct rig_pair *pair, int round);

/* A task of a struct flow: writes of many sizes, whose bytes tell where they belong; the end. */
int send_pattern(void *arg);
void expect_pattern(const unsigned char *bytes, size_t at, size_t len);

/* A scenario: calm on the kernel that was asked for, and troubled under seeds. */
#define SCENARIO(name)                                                                             \
	static int name##_entry(void *arg);                                                        \
	TEST(receive, name)                                                                        \
	{                                                                                          \
		RUN(name##_entry);                                                                 \
	}                                                                                          \
	TEST(receive_odd, name)                                                                    \
	{                                                                                          \
		rig_run_odd(SEEDS, name##_entry);                                                  \
	}                                                                                          \
	static int name##_entry(void *arg)

#endif
