/* SPDX-License-Identifier: MIT */
/* What the tests of leases that are put share. */
#ifndef COIL_TESTS_NET_PUT_RIG_H
#define COIL_TESTS_NET_PUT_RIG_H

#include "net/receive_rig.h"

#include "loop/silent.h"

/* A lease of it is in memory of its own, and put by a call. */
#define LARGE 20000u

/* Not where debug mode looks on, or this kernel has no send. */
bool can_be_silent(void);
uint64_t silent_sends(void);

/* A lease of just this at the second stream of the pair. */
void lend(struct rig_pair *pair, const char *text, struct coil_lease *ret_lease);
void expect_text(struct coil_stream *stream, const char *text);

/* The same of LARGE bytes of a pattern; and @count bytes of that come. */
void lend_large(struct rig_pair *pair, struct coil_lease *ret_lease);
void expect_large(struct coil_stream *stream, char *bytes, size_t count);

/* A buffer of the socket's, as small as it gets. */
void shrink(struct coil_stream *stream, int option);

#endif
