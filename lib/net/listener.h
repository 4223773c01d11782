/* SPDX-License-Identifier: MIT */
/* Listeners. */
#ifndef COIL_NET_LISTENER_H
#define COIL_NET_LISTENER_H

struct coil_listener;
struct socket_stream;

/* One of the listener's streams was closed: its descriptor is free for who lacks one. */
void listener_forget(struct coil_listener *listener, struct socket_stream *socket);

#endif
