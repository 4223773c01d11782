/* SPDX-License-Identifier: MIT */
/*
 * A stream is a table of operations and what all kinds of streams share: one reader, writers that
 * take turns, and a close that ends the others' waits. The kinds (socket_stream.c; later TLS,
 * in-memory pairs) embed the struct and never see two readers or two writers.
 *
 * What came and was not wanted yet is in a buffer that a stream has only once somebody has called
 * for more than coil_stream_read gives; stream_read.c.
 */
#ifndef COIL_NET_STREAM_H
#define COIL_NET_STREAM_H

#include "base/list.h"
#include "coil/lease.h"
#include "coil/stream.h"
#include "loop/loop.h"
#include "loop/leases.h"

struct buffer_queue;
struct buffers;

struct stream_ops {
	/* At least one byte, or 0 at the end. @len > 0. */
	int (*read)(struct coil_stream *stream, void *buf, size_t len);
	/* As read, into a buffer that is lent. NULL, or -EOPNOTSUPP: by a copy. */
	int (*lease)(struct coil_stream *stream, struct coil_lease *lease);
	/*
	 * Sends what a lease holds without waiting, and takes it: 0. Nobody writes, nothing was put
	 * before and is unsent. -EOPNOTSUPP: by a copy; another errno: not taken. NULL: always by a
	 * copy.
	 */
	int (*put_lease)(struct coil_stream *stream, struct coil_lease *lease);
	/* Bytes that came and that the next reads get without waiting. NULL: none ever. */
	size_t (*received)(const struct coil_stream *stream);
	/* All, unless cancelled or interrupted: then the count, or what a wait returned. */
	int (*write)(struct coil_stream *stream, const void *buf, size_t len);
	/* The same, of several pieces; @total is their sum, > 0. */
	int (*writev)(struct coil_stream *stream, const struct iovec *iov, size_t count,
		      size_t total);
	/* Until the socket takes some. 0 or a negative errno. NULL: the stream is no socket's. */
	int (*wait_for_room)(struct coil_stream *stream);
	int (*shutdown)(struct coil_stream *stream);
	/* Makes a read and a write that wait return soon; the stream is being closed. */
	void (*interrupt)(struct coil_stream *stream);
	/* Nobody is inside. Frees the stream. */
	void (*close)(struct coil_stream *stream);
	int (*fd)(const struct coil_stream *stream);
};

enum stream_flag {
	STREAM_READING = 1 << 0,
	STREAM_WRITING = 1 << 1, /* somebody writes, or was given the turn */
	STREAM_ENDED = 1 << 2,	 /* a read has met the end */
	STREAM_CLOSING = 1 << 3, /* somebody closes, and flushes before that */
	STREAM_AHEAD = 1 << 4	 /* ops->read may have bytes that the kernel gave already */
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
	struct stream_in *in;		/* NULL until somebody wants a buffer */
	struct stream_out *out;		/* NULL until somebody puts */
	uint64_t silent;		/* the serial of its last silent send: loop/silent.h */
	void *user;			/* coil_serve_set_user */
	int read_error;			/* that a read has met, other than a cancel; or 0 */
	int write_error;		/* of what was put, told to all who write then; or 0 */
};

/* What came and was not taken yet. */
struct stream_in {
	char *data;
	size_t room;	  /* bytes of @data */
	size_t start;	  /* where the next byte to be taken lies */
	size_t count;
	size_t limit;	  /* of what a search may leave untaken */
	int lost;	  /* 0, or -ENOMEM: bytes could not be kept, the stream has a hole */
	bool was_filled;  /* the last read left no room: have more next time */
	bool skips_line;  /* the rest of a line that was too long goes, too */
	bool *is_gone;	  /* of who copies from the stream, to be told of its close; or NULL */
};

/* Bytes that were put, and not sent yet. */
struct stream_pending {
	char *data;
	size_t room;
	size_t start;
	size_t count;
};

/*
 * What was put. The front is being sent, by whoever has the turn, and stays where it is; puts go to
 * the back; the two change places. The task that sends what was put in one turn may outlive the
 * stream: then it frees this.
 */
struct stream_out {
	struct coil_stream *stream;	/* NULL: closed */
	struct coil_loop *loop;
	struct stream_pending front;
	struct stream_pending back;
	size_t high;
	size_t low;
	struct coil_list drainers;	/* struct stream_wait */
	struct coil_list flushers;
	bool is_above;			/* of high, and not below low since */
	bool has_task;
};

/* Has what was sent in silence gone, or come back as what was put? */
static inline bool stream_is_settled(const struct coil_stream *stream)
{
	return stream->silent <= stream->loop->silents.settled;
}

/* Nobody writes or closes, and all that was written before is sent. */
static inline bool stream_is_idle(const struct coil_stream *stream)
{
	const struct stream_out *out = stream->out;

	return !(stream->flags & (STREAM_WRITING | STREAM_CLOSING)) && !stream->write_error &&
	       stream_is_settled(stream) &&
	       likely(!out || out->front.count + out->back.count == 0);
}

/* Waits until what was sent in silence is known to have gone. */
void stream_settle(struct coil_stream *stream);

#define stream_check_use(stream)                                                                   \
	do {                                                                                       \
		check_use((stream)->check_word == STREAM_CHECK_WORD,                               \
			  "this is no open stream: was it closed before?");                        \
		check_use((stream)->loop == loop_current,                                          \
			  "this stream belongs to the loop of another thread");                    \
	} while (0)

#define stream_check_reader(stream)                                                                \
	do {                                                                                       \
		stream_check_use(stream);                                                          \
		check_use(!((stream)->flags & STREAM_READING),                                     \
			  "another task reads this stream already");                               \
	} while (0)
/*
 * A read or write of another kind than the stream's own: @step runs as its only reader, or in its
 * turn to write, and must let @interrupt end its wait. Returns what @step did, or as the public
 * calls; where a close cut in, the stream is gone.
 */
int stream_read_by(struct coil_stream *stream, int (*step)(struct coil_stream *stream, void *arg),
		   void *arg);
int stream_write_by(struct coil_stream *stream, int (*step)(struct coil_stream *stream, void *arg),
		    void *arg);

void stream_init(struct coil_stream *stream, const struct stream_ops *ops, struct coil_loop *loop);

/*
 * Somebody closes the stream: the caller has left it and must not touch it after this. What its
 * wait returned is not told, for who gets a count would go on with a stream that is gone; only its
 * own cancellation is.
 */
int stream_leave_closing(struct coil_stream *stream, int rc);

/* The reason of a cancelled scope, after a turn; or 0. What may wait begins with it. */
int stream_refuse(void);

/* A read that has met the end, or an error. */
void stream_note_end(struct coil_stream *stream, int rc);

/* Reading, by whoever holds STREAM_READING: stream_read.c. */

/* Sets STREAM_READING, with a buffer. 0 or a negative errno. */
int stream_begin_read(struct coil_stream *stream);
int stream_end_read(struct coil_stream *stream, int rc);

/* coil_stream_read of a stream with a buffer. */
int stream_read_behind(struct coil_stream *stream, void *buf, size_t len);

/* Until @len bytes are there, or the end: then fewer. On failure nothing was taken. */
int stream_take_all(struct coil_stream *stream, void *buf, size_t len);

/* Waits until @want bytes lie in the buffer: how many do, fewer at the end; or a negative errno. */
int stream_fill_to(struct coil_stream *stream, size_t want);

void stream_skip(struct stream_in *in, size_t len);

/* Puts bytes in front of what is there. 0 or -ENOMEM. */
int stream_give_back(struct coil_stream *stream, const void *buf, size_t len);

/* Makes the buffer, if there is none. 0 or -ENOMEM. */
int stream_make_in(struct coil_stream *stream);
void stream_free_in(struct coil_stream *stream);

/* Buffers that no stream has, for one that may want them; zeroed: none. */
struct stream_spare {
	struct stream_in *in;
	struct stream_out *out;
};

/* Gives them to a stream that has none; nobody uses it now. */
void stream_lend(struct coil_stream *stream, struct stream_spare *spare);

/* Takes the buffers of a stream that nobody uses now, as far as nothing is in them. */
void stream_take_back(struct coil_stream *stream, struct stream_spare *spare);
void stream_take_back_out(struct coil_stream *stream, struct stream_spare *spare);

void stream_spare_free(struct coil_loop *loop, struct stream_spare *spare);
void stream_out_free(struct stream_out *out);

/* Of a buffer that is kept: what it has been grown to beyond that is freed. */
#define STREAM_SPARE_BYTES 4096u

/* Writing, by whoever has the turn. */

/* 0: the turn is the caller's, which gives it on. A stream that is closed may be gone after. */
int stream_take_turn(struct coil_stream *stream);
int stream_give_turn(struct coil_stream *stream, int rc);

/* How many bytes were put and not sent. */
size_t stream_pending(const struct coil_stream *stream);

/* Sends what was put, and @len bytes behind it in the same send. As ops->write of the latter; with
 * @len 0: 0. */
int stream_write_behind(struct coil_stream *stream, const void *buf, size_t len);

/* coil_stream_put of several pieces: all or nothing. */
int stream_put(struct coil_stream *stream, const struct iovec *iov, size_t count);

/* Puts what a send has left over, before all that was put since; nothing of what was put before is
 * unsent. 0 or -ENOMEM. */
int stream_put_rest(struct coil_stream *stream, const void *data, size_t len);

/* What is unsent is dropped, and all who write are told from now on. */
void stream_break(struct coil_stream *stream, int error);

/* All of a lease but data and bytes; the buffer is out, and its note says how much it has. */
void lease_of_buffer(struct coil_lease *lease, struct buffers *buffers, uint16_t id);

/* The first buffer of a queue that is not empty: its bytes. */
int lease_of_queue(struct coil_lease *lease, struct buffer_queue *queue, struct buffers *buffers);

/* The same of memory that no group has, and all of it: its bytes. */
int lease_of_copy(struct coil_lease *lease, struct coil_loop *loop, struct lease_copy *copy);

/* The task that runs. */
struct lease_taker lease_taker_now(void);

/* Nobody is inside any more. */
void stream_free_out(struct coil_stream *stream);

#endif
