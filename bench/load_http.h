/* SPDX-License-Identifier: MIT */
/*
 * load_http - a strict reader of HTTP/1.1 responses, fed with whatever pieces arrive.
 *
 * Where it differs from what servers send, it is the server that is looked at: line ends are CRLF,
 * a Content-Length beside a Transfer-Encoding, two different ones, folded headers, control
 * characters and unknown codings are refused. The body is counted, not kept. No allocation.
 */
#ifndef COIL_BENCH_LOAD_HTTP_H
#define COIL_BENCH_LOAD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_HTTP_LINE_MAX 8192
#define LOAD_HTTP_HEAD_MAX 65536

enum load_http_state {
	LOAD_HTTP_STATUS_LINE,
	LOAD_HTTP_HEADERS,
	LOAD_HTTP_BODY,			/* body_left bytes */
	LOAD_HTTP_UNTIL_END,		/* of the connection */
	LOAD_HTTP_CHUNK_SIZE,
	LOAD_HTTP_CHUNK,
	LOAD_HTTP_CHUNK_END,
	LOAD_HTTP_TRAILERS,
	LOAD_HTTP_DONE,
};

struct load_http {
	enum load_http_state state;
	int status;
	bool is_close;			/* no request may follow on this connection */
	bool has_length;
	bool has_chunks;
	bool has_keep_alive;
	int minor;			/* HTTP/1.minor */
	uint64_t body_left;
	uint64_t body_bytes;
	size_t head_bytes;
	size_t line_bytes;
	char line[LOAD_HTTP_LINE_MAX];
};

void load_http_init(struct load_http *http);

/**
 * load_http_feed - read on
 * @http:  begun by load_http_init(); its state is LOAD_HTTP_DONE when the response is whole
 * @bytes: what has come
 * @count: bytes
 *
 * Stops behind the response: the rest belongs to the next one. Interim responses (1xx) are passed
 * over.
 * Return: bytes consumed; -EBADMSG if this is no HTTP/1.x response; -EMSGSIZE if a line or the
 * head is too long; -EPROTO if it is something that was not asked for (101, another coding).
 */
ssize_t load_http_feed(struct load_http *http, const char *bytes, size_t count);

/**
 * load_http_end - the connection has ended
 *
 * Return: 0 if that is how the body ends; -EPIPE if the response is not whole.
 */
int load_http_end(struct load_http *http);

#endif
