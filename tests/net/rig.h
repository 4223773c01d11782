/* SPDX-License-Identifier: MIT */
/* What the tests of net share. Inside tasks: EXPECT alone. */
#ifndef COIL_TESTS_NET_RIG_H
#define COIL_TESTS_NET_RIG_H

#include "support/test.h"

#include <coil.h>

#include <stdio.h>

struct rig_pair {
	struct coil_stream *a;
	struct coil_stream *b;
};

/* Two streams that are connected: over TCP, or a socketpair. */
bool rig_tcp_pair(struct rig_pair *pair);
bool rig_unix_pair(struct rig_pair *pair);
void rig_close(struct rig_pair *pair);

/* A path for a unix socket that does not exist, in memory of the rig. */
const char *rig_path(const char *name);

/* For tests that look "localhost" up: a bare machine, without /etc/hosts, does not know it. */
void rig_need_localhost(void);

/* As many bytes, all of them: 0, or what went wrong. */
int rig_read_all(struct coil_stream *stream, void *buf, size_t len);

const char *rig_port(const struct coil_listener *listener);

#define RUN(entry) ASSERT_EQ(coil_run(entry, NULL), 0)

#endif
