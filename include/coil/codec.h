/* SPDX-License-Identifier: MIT */
/*
 * Messages on streams. Frames: a length of 1, 2 or 4 bytes, the most significant first, and so many
 * bytes. Lines: text that ends with "\n" or "\r\n".
 *
 * Messages are never torn by a cancel: a read takes a whole one or nothing, and a write waits for
 * room first and then puts all of it (coil_stream_put). An error of the sending is told by a later
 * write, or by coil_stream_flush.
 */
#ifndef COIL_CODEC_H
#define COIL_CODEC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coil_stream;

/**
 * coil_frame_read - read a frame
 * @stream: open
 * @buf:    room for the frame, without its length; what it holds after a failure is not said
 * @len:    bytes: the longest frame that is taken
 * @prefix: bytes of the length: 1, 2 or 4
 *
 * Suspends until it is whole. Cancel: at once; nothing was taken.
 * Return: bytes of the frame, 0 for an empty one; -ENODATA at the end of the stream; -EBADMSG if
 * the end came inside of a frame; -EMSGSIZE if the frame is longer than @len: it stays, with its
 * length; -EINVAL if @prefix is wrong; what coil_stream_read_exactly returns.
 * Since 0.1.
 */
int coil_frame_read(struct coil_stream *stream, void *buf, size_t len, int prefix);

/**
 * coil_frame_write - write a frame
 * @stream: open
 * @buf:    @len bytes; copied
 * @len:    bytes
 * @prefix: bytes of the length: 1, 2 or 4
 *
 * Suspends while more than the high-water mark waits to be sent. Cancel: at once; nothing was
 * written.
 * Return: 0; -EMSGSIZE if @prefix bytes cannot say @len; -EINVAL if @prefix is wrong; what
 * coil_stream_drain and coil_stream_put return.
 * Since 0.1.
 */
int coil_frame_write(struct coil_stream *stream, const void *buf, size_t len, int prefix);

/**
 * coil_line_read - read a line, without its end
 * @stream: open
 * @line:   the line, without "\n" or "\r\n", and a zero behind it
 * @bytes:  room in @line for the line with its end and the zero, at least 2
 *
 * Suspends. Cancel: at once; nothing was taken.
 * Return: bytes of the line, 0 for an empty one; -ENODATA at the end of the stream; -EMSGSIZE if a
 * line was too long and dropped; what coil_stream_read_line returns.
 * Since 0.1.
 */
int coil_line_read(struct coil_stream *stream, char *line, size_t bytes);

/**
 * coil_line_write - write a line
 * @stream: open
 * @text:   the line; copied
 * @end:    "\n" or "\r\n"
 *
 * Suspends while more than the high-water mark waits to be sent. Cancel: at once; nothing was
 * written.
 * Return: 0; -EINVAL if there is a line end in @text; what coil_stream_drain and coil_stream_put
 * return.
 * Since 0.1.
 */
int coil_line_write(struct coil_stream *stream, const char *text, const char *end);

#ifdef __cplusplus
}
#endif

#endif
