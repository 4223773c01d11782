/* SPDX-License-Identifier: MIT */
/*
 * raw_udp - datagrams on raw liburing: received by one recvmsg for all, or by one each. No Coil in
 * here. The other end is plain send(2) and recv(2) of the same thread, always alike.
 */
#ifndef COIL_BENCH_RAW_UDP_H
#define COIL_BENCH_RAW_UDP_H

#include <stdbool.h>
#include <stdint.h>

#define RAW_UDP_BATCH 32u
#define RAW_UDP_MESSAGE 64u

struct raw_udp;

/* @is_shot: one recvmsg for all. 0 or a negative errno. */
int raw_udp_open(bool is_shot, struct raw_udp **ret_udp);
void raw_udp_close(struct raw_udp *udp);

/* Units are datagrams, received in batches; or one by one, and answered. A failure aborts. */
void raw_udp_receive(void *udp, uint64_t units);
void raw_udp_echo(void *udp, uint64_t units);

/* Two UDP sockets of the loopback; [1] is connected to [0]. 0 or a negative errno. */
int raw_udp_pair(int fds[2]);

/* Puts so many datagrams into the socket. */
void raw_udp_put(int fd, unsigned int count);

#endif
