/* SPDX-License-Identifier: MIT */
/* Writes that are not copied: the memory is the network's until it is done; coil/stream.h. */
#include "net/receive_rig.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define PIECE 40000u
#define PIECES 30u

static unsigned char bytes[2 * PIECE];
static unsigned char got[2 * PIECE];

static bool has_zero_copy(struct coil_stream *stream, size_t from)
{
	uint64_t needed = UINT64_C(1) << IORING_OP_SEND_ZC | UINT64_C(1) << IORING_OP_SENDMSG_ZC;
	bool has = (loop_current->driver->opcodes & needed) == needed;

	EXPECT_EQ(coil_stream_set_zero_copy(stream, from), has ? 0 : -EOPNOTSUPP);
	return has;
}

static int read_pieces(void *stream)
{
	for (unsigned i = 0; i < PIECES; i++) {
		int rc = rig_read_all(stream, got, PIECE);

		if (rc < 0)
			return rc;
		EXPECT_EQ(got[0], i);
		EXPECT_EQ(got[PIECE - 1], i);
		EXPECT_EQ(memcmp(got, got + 1, PIECE - 1), 0);
	}
	return 0;
}

/* CQEs beyond one for each SQE: those that say that the memory is free again. */
static int64_t notices(void)
{
	struct coil_stats stats = {.size = sizeof stats};

	coil_stats(&stats);
	return (int64_t)stats.cqes - (int64_t)stats.sqes;
}

SCENARIO(large_writes_are_not_copied_and_arrive)
{
	struct rig_pair pair;
	struct coil_task *reader;
	int64_t before;
	bool has;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	has = has_zero_copy(pair.a, 10000);
	choose(pair.b, COIL_RECEIVE_ONESHOT);
	reader = coil_spawn(read_pieces, pair.b);
	coil_yield();
	before = notices();
	for (unsigned i = 0; i < PIECES; i++) {
		const struct iovec iov[] = {
			{bytes, 1}, {bytes + 1, 500}, {bytes + 501, PIECE - 501},
		};

		memset(bytes, (int)i, PIECE);
		if (i % 3 == 0)
			EXPECT_EQ(coil_stream_write(pair.a, bytes, PIECE), (int)PIECE);
		else
			EXPECT_EQ(coil_stream_writev(pair.a, iov, 3), (int)PIECE);
		/* It is ours again: nobody sees this. */
		memset(bytes, 0xee, PIECE);
	}
	EXPECT_EQ(coil_join(reader), 0);
	if (has)
		EXPECT_GE(notices() - before, (int64_t)PIECES - 1);
	rig_close(&pair);
	return 0;
}

SCENARIO(small_writes_are_copied)
{
	struct rig_pair pair;
	int64_t before;
	char byte;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	has_zero_copy(pair.a, 10000);
	choose(pair.b, COIL_RECEIVE_ONESHOT);
	before = notices();
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(coil_stream_write(pair.a, "x", 1), 1);
		EXPECT_EQ(coil_stream_read(pair.b, &byte, 1), 1);
	}
	EXPECT_LE(notices() - before, 1);
	EXPECT_EQ(coil_stream_set_zero_copy(pair.a, 0), 0);
	EXPECT_EQ(coil_stream_write(pair.a, bytes, 20000), 20000);
	EXPECT_EQ(rig_read_all(pair.b, got, 20000), 0);
	EXPECT_LE(notices() - before, 1);
	rig_close(&pair);
	return 0;
}

IN_PAIR(zero_copy_is_for_networks)
{
	struct rig_pair memory;

	EXPECT_EQ(coil_stream_set_zero_copy(pair->a, 1), -EOPNOTSUPP);
	EXPECT_EQ(coil_stream_set_zero_copy(pair->a, 0), 0);
	EXPECT_EQ(coil_stream_pair(&memory.a, &memory.b, 0), 0);
	EXPECT_EQ(coil_stream_set_zero_copy(memory.a, 1), -EOPNOTSUPP);
	rig_close(&memory);
}

/* Where a socket looks as if it could: what the kernel refuses is copied, and not tried again. */
IN_PAIR(a_refused_zero_copy_is_a_copy)
{
	const struct iovec iov[] = {{bytes, 5000}, {bytes + 5000, 15000}};
	struct socket_stream *socket = socket_stream_of(pair->a);

	memset(bytes, 7, sizeof bytes);
	if (!(loop_current->driver->opcodes >> IORING_OP_SENDMSG_ZC & 1))
		return;
	socket->zero_copy_from = 1;
	EXPECT_EQ(coil_stream_write(pair->a, bytes, 20000), 20000);
	EXPECT_EQ(socket->zero_copy_from, 0);
	EXPECT_EQ(rig_read_all(pair->b, got, 20000), 0);
	EXPECT_MEM_EQ(got, bytes, 20000);
	socket->zero_copy_from = 1;
	EXPECT_EQ(coil_stream_writev(pair->a, iov, 2), 20000);
	EXPECT_EQ(socket->zero_copy_from, 0);
	EXPECT_EQ(rig_read_all(pair->b, got, 20000), 0);
	EXPECT_MEM_EQ(got, bytes, 20000);
}

static void send_piece(struct rig_pair *pair, const unsigned char *piece, size_t len)
{
	EXPECT_EQ(coil_stream_write(pair->a, piece, len), (int)len);
	EXPECT_EQ(rig_read_all(pair->b, got, len), 0);
	EXPECT(memcmp(got, piece, len) == 0);
}

/* Whole, in part, and beyond; the last one cannot be known to have a name. */
SCENARIO(registered_memory_is_named)
{
	const struct iovec memory[] = {
		{bytes + PIECE, 30000}, {NULL, 0}, {bytes, PIECE}, {bytes + 100, 200}};
	struct rig_pair pair;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	choose(pair.b, COIL_RECEIVE_ONESHOT);
	if (has_zero_copy(pair.a, 100)) {
		EXPECT_EQ(coil_memory_register(memory, 4), 0);
		send_piece(&pair, bytes, PIECE);
		send_piece(&pair, bytes + PIECE + 10000, 20000);
		send_piece(&pair, bytes + PIECE + 10000, 20001);
		send_piece(&pair, bytes + PIECE - 500, 1000);
		send_piece(&pair, bytes + 150, 1000);
		/* Who knows of buffers that the kernel has let go of has to meet that. */
		EXPECT_EQ(loop_current->driver->ops->register_memory(loop_current->driver, NULL, 0),
			  0);
		EXPECT_EQ(coil_stream_write(pair.a, bytes, 99), 99);
		EXPECT_EQ(rig_read_all(pair.b, got, 99), 0);
		EXPECT_EQ(coil_stream_write(pair.a, bytes + PIECE, 30000), -EFAULT);
		EXPECT_EQ(coil_stream_write(pair.a, bytes, 100), -EFAULT);
		EXPECT_EQ(coil_stream_write(pair.a, bytes + 100, 200), -EFAULT);
		send_piece(&pair, bytes + PIECE, 30001);
	}
	rig_close(&pair);
	return 0;
}

/* -- Ended early --------------------------------------------------------------------------------
 */

#define MUCH (8u << 20)
static unsigned char much[MUCH];
static int written;

static int write_much(void *stream)
{
	written = coil_stream_write(stream, much, MUCH);
	return written;
}

static int read_to_the_end(void *stream)
{
	static unsigned char room[65536];
	int rc, all = 0;

	while ((rc = coil_stream_read(stream, room, sizeof room)) > 0)
		all += rc;
	return rc < 0 ? rc : all;
}

/* A task in the middle of a write whose peer does not read; NULL: there is no network. */
static struct coil_task *write_halfway(struct rig_pair *pair)
{
	struct coil_task *writer;

	if (!rig_tcp_pair(pair))
		return NULL;
	has_zero_copy(pair->a, 1);
	writer = coil_spawn(write_much, pair->a);
	coil_sleep(5 * COIL_MSEC);
	return writer;
}

/* What was sent by then is the count; the peer takes it before the writer is free. */
SCENARIO(a_cancelled_zero_copy_tells_what_was_sent)
{
	struct coil_task *writer, *reader;
	struct rig_pair pair;
	int rc;

	(void)arg;
	writer = write_halfway(&pair);
	if (!writer)
		return 0;
	coil_cancel(writer);
	reader = coil_spawn(read_to_the_end, pair.b);
	rc = coil_join(writer);
	EXPECT(rc == -ECANCELED || (rc > 0 && rc < (int)MUCH));
	EXPECT_EQ(coil_stream_shutdown(pair.a), 0);
	EXPECT_EQ(coil_join(reader), rc > 0 ? rc : 0);
	rig_close(&pair);
	return 0;
}

SCENARIO(a_zero_copy_to_a_peer_that_goes_is_an_error)
{
	struct coil_task *writer;
	struct rig_pair pair;
	int rc;

	(void)arg;
	writer = write_halfway(&pair);
	if (!writer)
		return 0;
	coil_stream_close(pair.b);
	rc = coil_join(writer);
	EXPECT(rc == -ECONNRESET || rc == -EPIPE);
	coil_stream_close(pair.a);
	return 0;
}

SCENARIO(a_close_ends_a_zero_copy_when_the_network_is_done)
{
	struct coil_task *writer, *reader;
	struct rig_pair pair;

	(void)arg;
	writer = write_halfway(&pair);
	if (!writer)
		return 0;
	reader = coil_spawn(read_to_the_end, pair.b);
	coil_stream_close(pair.a);
	EXPECT_EQ(coil_join(writer), -EPIPE);
	EXPECT_GE(coil_join(reader), 0);
	coil_stream_close(pair.b);
	return 0;
}

static int zero_copies_in_cancelled(void *stream)
{
	struct coil_scope scope;
	int rc;

	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	rc = coil_stream_write(stream, bytes, 20000);
	coil_scope_close(&scope);
	return rc;
}

SCENARIO(a_zero_copy_in_a_cancelled_scope_sends_nothing)
{
	struct rig_pair pair;
	char buf[8];

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	has_zero_copy(pair.a, 1000);
	EXPECT_EQ(zero_copies_in_cancelled(pair.a), -ECANCELED);
	EXPECT_EQ(coil_stream_write(pair.a, "first", 5), 5);
	EXPECT_EQ(rig_read_all(pair.b, buf, 5), 0);
	EXPECT_MEM_EQ(buf, "first", 5);
	rig_close(&pair);
	return 0;
}
