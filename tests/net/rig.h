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
bool rig_sim_pair(struct rig_pair *pair); /* a socketpair of the simulation */
void rig_close(struct rig_pair *pair);

/* A path for a unix socket that does not exist, in memory of the rig. */
const char *rig_path(const char *name);

/* For tests that look "localhost" up: a bare machine, without /etc/hosts, does not know it. */
void rig_need_localhost(void);

/* As many bytes, all of them: 0, or what went wrong. */
int rig_read_all(struct coil_stream *stream, void *buf, size_t len);

const char *rig_port(const struct coil_listener *listener);

/* COIL_TEST_SIM=1: on the simulated kernel, calm. */
bool rig_is_simulated(void);
int rig_run(int (*entry)(void *arg), void *arg);

#define RUN(entry) ASSERT_EQ(rig_run(entry, NULL), 0)

/* A task that takes one connection of a listener and closes it. */
int rig_accept_one(void *listener);
struct coil_listener_stats rig_counters(const struct coil_listener *listener);

/* Direct descriptors that are open; and a test that needs some is skipped where none can be. */
unsigned rig_count_direct(void);
void rig_need_direct(void);

/* Under the first @seeds seeds, with short reads and odd orders; not in debug mode, whose own hooks
 * the simulation's audit does not know. */
void rig_run_odd(unsigned seeds, int (*entry)(void *arg));

/* What has descriptors or an outside of its own. */
#define RUN_REAL(entry)                                                                            \
	do {                                                                                       \
		if (rig_is_simulated())                                                            \
			SKIP("the kernel's own");                                                  \
		RUN(entry);                                                                        \
	} while (0)

/* A test whose body is the main task, with a socketpair. */
#define IN_PAIR(name)                                                                              \
	static void name##_steps(struct rig_pair *pair);                                           \
	static int name##_entry(void *arg)                                                         \
	{                                                                                          \
		struct rig_pair pair;                                                              \
                                                                                                   \
		(void)arg;                                                                         \
		if (rig_unix_pair(&pair)) {                                                        \
			name##_steps(&pair);                                                       \
			rig_close(&pair);                                                          \
		}                                                                                  \
		return 0;                                                                          \
	}                                                                                          \
	TEST(stream, name)                                                                         \
	{                                                                                          \
		RUN(name##_entry);                                                                 \
	}                                                                                          \
	static void name##_steps(struct rig_pair *pair)

#endif
