/* SPDX-License-Identifier: MIT */
/*
 * A stream is a table of operations and what all kinds of streams share: one reader, writers that
 * take turns, and a close that ends the others' waits. The kinds (socket_stream.c; later TLS,
 * in-memory pairs) embed the struct and never see two readers or two writers.
 */
#ifndef COIL_NET_STREAM_H
#define COIL_NET_STREAM_H

#include "base/list.h"
#include "coil/stream.h"
#include "loop/loop.h"

struct stream_ops {
	/* At least one byte, or 0 at the end. @len > 0. */
	int (*read)(struct coil_stream *stream, void *buf, size_t len);
	/* All, unless cancelled or interrupted: then the count, or what a wait returned. */
	int (*write)(struct coil_stream *stream, const void *buf, size_t len);
	int (*shutdown)(struct coil_stream *stream);
	/* Makes a read and a write that wait return soon; the stream is being closed. */
	void (*interrupt)(struct coil_stream *stream);
	/* Nobody is inside. Frees the stream. */
	void (*close)(struct coil_stream *stream);
	int (*fd)(const struct coil_stream *stream);
};

enum stream_flag {
	STREAM_READING = 1 << 0,
	STREAM_WRITING = 1 << 1 /* somebody writes, or was given the turn */
};

#define STREAM_CHECK_WORD 0x57e4a3d1u
#define STREAM_CHECK_FREED 0xdeadc0deu

struct coil_stream {
	const struct stream_ops *ops;
	struct coil_loop *loop;
	struct coil_list writers;	/* struct stream_turn: who waits to write */
	struct coil_future *closer;	/* somebody closes: resolved when the others have left */
	uint32_t flags;
	uint32_t check_word;
};

void stream_init(struct coil_stream *stream, const struct stream_ops *ops, struct coil_loop *loop);

#endif
