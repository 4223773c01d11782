/* SPDX-License-Identifier: MIT */
/* Messages on streams: frames behind their length, and lines of text. */
#include "coil/codec.h"

#include "net/stream.h"

#include <errno.h>
#include <string.h>

static bool is_prefix(int prefix)
{
	return prefix == 1 || prefix == 2 || prefix == 4;
}

static uint32_t decode(const unsigned char *data, int prefix)
{
	uint32_t length = 0;

	for (int i = 0; i < prefix; i++)
		length = length << 8 | data[i];
	return length;
}

static void encode(unsigned char *data, int prefix, size_t length)
{
	for (int i = prefix; i-- > 0; length >>= 8)
		data[i] = (unsigned char)length;
}

/* What the end found: nothing, or half a frame. */
static int ended(const struct stream_in *in)
{
	return in->count ? -EBADMSG : -ENODATA;
}

/* The header is put back in front of what came of the body: the frame is whole in the buffer, or
 * as far as it came. */
static int take_body(struct coil_stream *stream, void *buf, size_t len, int prefix)
{
	struct stream_in *in = stream->in;
	unsigned char header[4];
	int rc;

	memcpy(header, in->data + in->start, (size_t)prefix);
	stream_skip(in, (size_t)prefix);
	rc = stream_take_all(stream, buf, len);
	if (rc >= 0 && (size_t)rc == len)
		return rc;
	if (rc > 0 && stream_give_back(stream, buf, (size_t)rc) < 0)
		in->lost = -ENOMEM;
	if (!stream->closer && stream_give_back(stream, header, (size_t)prefix) < 0)
		in->lost = -ENOMEM;
	return rc < 0 ? rc : -EBADMSG;
}

static int take_frame(struct coil_stream *stream, void *buf, size_t len, int prefix)
{
	struct stream_in *in = stream->in;
	uint32_t length;
	int rc = stream_fill_to(stream, (size_t)prefix);

	if (rc < 0)
		return rc;
	if (rc < prefix)
		return ended(in);
	length = decode((const unsigned char *)in->data + in->start, prefix);
	if (length > len || length > COIL_STREAM_BYTES_MAX)
		return -EMSGSIZE;
	return take_body(stream, buf, length, prefix);
}

int coil_frame_read(struct coil_stream *stream, void *buf, size_t len, int prefix)
{
	int rc;

	stream_check_reader(stream);
	if (!is_prefix(prefix))
		return -EINVAL;
	rc = stream_begin_read(stream);
	if (rc < 0)
		return rc;
	return stream_end_read(stream, take_frame(stream, buf, len, prefix));
}

int coil_frame_write(struct coil_stream *stream, const void *buf, size_t len, int prefix)
{
	unsigned char header[4];
	int rc;

	if (!is_prefix(prefix))
		return -EINVAL;
	if (len >= UINT64_C(1) << (8 * prefix) || len > COIL_STREAM_BYTES_MAX - sizeof header)
		return -EMSGSIZE;
	rc = coil_stream_drain(stream);
	if (rc < 0)
		return rc;
	encode(header, prefix, len);
	return stream_put(stream, (const struct iovec[]){
		{.iov_base = header, .iov_len = (size_t)prefix},
		{.iov_base = (void *)(uintptr_t)buf, .iov_len = len},
	}, 2);
}

int coil_line_read(struct coil_stream *stream, char *line, size_t bytes)
{
	int rc = coil_stream_read_line(stream, line, bytes);

	if (rc <= 0)
		return rc < 0 ? rc : -ENODATA;
	if (line[rc - 1] == '\n')
		rc--;
	if (rc > 0 && line[rc - 1] == '\r')
		rc--;
	line[rc] = 0;
	return rc;
}

int coil_line_write(struct coil_stream *stream, const char *text, const char *end)
{
	const struct iovec iov[] = {
		{.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)},
		{.iov_base = (void *)(uintptr_t)end, .iov_len = strlen(end)},
	};
	int rc;

	if (memchr(text, '\n', iov[0].iov_len) || memchr(text, '\r', iov[0].iov_len))
		return -EINVAL;
	rc = coil_stream_drain(stream);
	return rc < 0 ? rc : stream_put(stream, iov, 2);
}
