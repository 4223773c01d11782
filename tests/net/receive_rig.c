/* SPDX-License-Identifier: MIT */
#include "net/receive_rig.h"

#include <errno.h>
#include <string.h>

bool has_multishot(void)
{
	return loop_current->driver->features & DRIVER_RECV_MULTISHOT;
}

bool is_multishot(struct coil_stream *stream)
{
	return socket_stream_of(stream)->is_multishot;
}

bool is_armed(struct coil_stream *stream)
{
	const struct receiver *receiver = socket_stream_of(stream)->receiver;

	return receiver && receiver_is_armed(receiver);
}

void choose(struct coil_stream *stream, int receive)
{
	int rc = coil_stream_set_receive(stream, receive);

	EXPECT_EQ(rc, has_multishot() || receive != COIL_RECEIVE_MULTISHOT ? 0 : -EOPNOTSUPP);
}

void ping(struct rig_pair *pair, int round)
{
	char sent[64], got[64];

	memset(sent, round, sizeof sent);
	EXPECT_EQ(coil_stream_write(pair->a, sent, sizeof sent), (int)sizeof sent);
	EXPECT_EQ(rig_read_all(pair->b, got, sizeof got), 0);
	EXPECT_MEM_EQ(got, sent, sizeof sent);
	EXPECT_EQ(coil_stream_write(pair->b, got, sizeof got), (int)sizeof got);
	EXPECT_EQ(rig_read_all(pair->a, got, sizeof got), 0);
	EXPECT_MEM_EQ(got, sent, sizeof sent);
}

static unsigned char pattern(size_t at)
{
	return (unsigned char)(at * 7 + at / 251);
}

int send_pattern(void *arg)
{
	struct flow *flow = arg;
	unsigned char piece[700];
	size_t sent = 0;

	for (unsigned i = 0; sent < flow->total; i++) {
		size_t len = 1 + i * 37 % sizeof piece;

		if (len > flow->total - sent)
			len = flow->total - sent;
		for (size_t k = 0; k < len; k++)
			piece[k] = pattern(sent + k);
		EXPECT_EQ(coil_stream_write(flow->from, piece, len), (int)len);
		sent += len;
		if (i % 5 == 0)
			coil_yield();
	}
	return coil_stream_shutdown(flow->from);
}

void expect_pattern(const unsigned char *bytes, size_t at, size_t len)
{
	size_t wrong = 0;

	for (size_t i = 0; i < len; i++)
		wrong += bytes[i] != pattern(at + i);
	EXPECT_EQ(wrong, 0);
}
