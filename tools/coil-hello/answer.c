/* SPDX-License-Identifier: MIT */
/*
 * answer - the bytes of answers, collected until they are written at once.
 *
 * Small bodies are copied behind their heads, so that many answers are one piece; large ones are
 * sent from where they lie. The head of 200, which has the time in it, is made once a second.
 */
#include "hello.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define HEAD_BYTES_MAX 320
#define COPY_BYTES_MAX 1024
#define DATE_BYTES 32

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{200, "OK"},
	{400, "Bad Request"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{417, "Expectation Failed"},
	{431, "Request Header Fields Too Large"},
	{501, "Not Implemented"},
	{505, "HTTP Version Not Supported"},
};

static const char *reason_of(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

/* All of a head but its last lines. */
static size_t format_head(char *head, int status, time_t now, size_t body_bytes)
{
	char date[DATE_BYTES];
	struct tm parts;
	int n;

	/* No locale is set: these are the English names. */
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
	n = snprintf(head, HEAD_BYTES_MAX,
		     "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: text/plain\r\n"
		     "Content-Length: %zu\r\n%s",
		     status, reason_of(status), date, body_bytes,
		     status == 405 ? "Allow: GET, HEAD\r\n" : "");
	return (size_t)n;
}

bool hello_out_has_room(const struct hello_out *out)
{
	/* An answer's head, its body, and a Continue behind it. */
	return out->used + 2 * HEAD_BYTES_MAX + COPY_BYTES_MAX <= HELLO_OUT_BYTES &&
	       out->count + 3 <= HELLO_PIECES;
}

/* Written from where it lies. */
static void add_piece(struct hello_out *out, const char *bytes, size_t count)
{
	struct iovec *last = &out->pieces[out->count];

	if (out->count && (char *)last[-1].iov_base + last[-1].iov_len == bytes) {
		last[-1].iov_len += count;
		return;
	}
	last->iov_base = (char *)(uintptr_t)bytes;
	last->iov_len = count;
	out->count++;
}

static void add_copy(struct hello_out *out, const char *bytes, size_t count)
{
	char *to = out->bytes + out->used;

	memcpy(to, bytes, count);
	out->used += count;
	add_piece(out, to, count);
}

static void add_body(struct hello_out *out, const char *body, size_t count)
{
	hello.counts.bytes += count;
	if (count <= COPY_BYTES_MAX)
		add_copy(out, body, count);
	else
		add_piece(out, body, count);
}

static void add_last_lines(struct hello_out *out, enum hello_connection connection)
{
	static const char close[] = "Connection: close\r\n\r\n";
	static const char keep[] = "Connection: keep-alive\r\n\r\n";

	if (connection == HELLO_KEEP)
		add_copy(out, "\r\n", 2);
	else if (connection == HELLO_CLOSE)
		add_copy(out, close, sizeof close - 1);
	else
		add_copy(out, keep, sizeof keep - 1);
}

static void add_hello_head(struct hello_out *out)
{
	static char head[HEAD_BYTES_MAX];
	static size_t bytes;
	static time_t made;
	time_t now = time(NULL);

	if (!bytes || now != made) {
		bytes = format_head(head, 200, now, hello.options.body_bytes);
		made = now;
	}
	add_copy(out, head, bytes);
}

void hello_out_add(struct hello_out *out, const struct hello_answer *answer)
{
	char head[HEAD_BYTES_MAX], text[64];
	const char *body = hello.body;
	size_t bytes = hello.options.body_bytes;

	hello.counts.requests++;
	if (answer->status == 200) {
		add_hello_head(out);
	} else {
		bytes = (size_t)snprintf(text, sizeof text, "%d %s\n", answer->status,
					 reason_of(answer->status));
		body = text;
		add_copy(out, head, format_head(head, answer->status, time(NULL), bytes));
	}
	add_last_lines(out, answer->connection);
	if (!answer->is_bare)
		add_body(out, body, bytes);
}

void hello_out_add_continue(struct hello_out *out)
{
	static const char words[] = "HTTP/1.1 100 Continue\r\n\r\n";

	add_copy(out, words, sizeof words - 1);
}

void hello_out_init(struct hello_out *out)
{
	out->used = 0;
	out->count = 0;
}
