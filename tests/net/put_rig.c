/* SPDX-License-Identifier: MIT */
#include "net/put_rig.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool can_be_silent(void)
{
	return !loop_current->observer &&
	       (loop_current->driver->opcodes >> IORING_OP_SEND & 1) != 0;
}

uint64_t silent_sends(void)
{
	return loop_current->silents.begun;
}

void lend(struct rig_pair *pair, const char *text, struct coil_lease *ret_lease)
{
	int len = (int)strlen(text);

	EXPECT_EQ(coil_stream_write(pair->a, text, (size_t)len), len);
	EXPECT_EQ(coil_stream_read_lease(pair->b, ret_lease), len);
}

void expect_text(struct coil_stream *stream, const char *text)
{
	char got[64];

	EXPECT_EQ(coil_stream_read_exactly(stream, got, strlen(text)), (int)strlen(text));
	EXPECT_MEM_EQ(got, text, strlen(text));
}

void lend_large(struct rig_pair *pair, struct coil_lease *ret_lease)
{
	static char bytes[LARGE];

	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = (char)(i * 11);
	socket_stream_of(pair->b)->is_large = true;
	EXPECT_EQ(coil_stream_write(pair->a, bytes, LARGE), (int)LARGE);
	EXPECT_EQ(coil_stream_read_lease(pair->b, ret_lease), (int)LARGE);
}

void expect_large(struct coil_stream *stream, char *bytes, size_t count)
{
	size_t wrong = 0;

	memset(bytes, 0, count);
	EXPECT_EQ(rig_read_all(stream, bytes, count), 0);
	for (size_t i = 0; i < count; i++)
		wrong += bytes[i] != (char)(i * 11);
	EXPECT_EQ(wrong, 0);
}

void shrink(struct coil_stream *stream, int option)
{
	int bytes = 4096;

	EXPECT_EQ(coil_setsockopt(coil_stream_fd(stream), SOL_SOCKET, option, &bytes,
				  sizeof bytes), 0);
}
