/* SPDX-License-Identifier: MIT */
/* The reader of responses: good ones in all pieces, bad ones, and noise. */
#include "../../bench/load_http.h"
#include "support/test.h"

#include <errno.h>
#include <stdio.h>

struct row {
	const char *text;
	int status;
	uint64_t body_bytes;
	bool is_close;
};

static const struct row good[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, 5, false },
	{ "HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", 200, 0, false },
	{ "HTTP/1.1 200 \r\nContent-Length: 3\t \r\nContent-Length: 3\r\n\r\nabc", 200, 3, false },
	{ "HTTP/1.1 404 Not Found\r\nConnection: Close\r\nContent-Length: 1\r\n\r\n"
	  "x", 404, 1, true },
	{ "HTTP/1.1 200 OK\r\nConnection: a, close\r\nContent-Length: 1\r\n\r\nx", 200, 1, true },
	{ "HTTP/1.1 200 OK\r\nConnection: closed\r\nContent-Length: 1\r\n\r\nx", 200, 1, false },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, 1, true },
	{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n"
	  "x", 200, 1, false },
	{ "HTTP/1.1 204 No Content\r\n\r\n", 204, 0, false },
	{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, 0, false },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
	  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 200, 2, false },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, 0, false },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n00A;n=\"v\"\r\n"
	  "0123456789\r\n000\r\nTrailer: 1\r\n\r\n", 200, 13, false },
};

static const struct {
	const char *text;
	int error;
} bad[] = {
	{ "\r\nHTTP/1.1 200 OK\r\n", -EBADMSG },
	{ "SSH-2.0-OpenSSH", -EBADMSG },
	{ "HTTP/2 200", -EBADMSG },
	{ "HTTP/1.1 2x0 OK\r\n", -EBADMSG },
	{ "HTTP/1.1 099 OK\r\n", -EBADMSG },
	{ "HTTP/1.1 2000 OK\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\n", -EBADMSG },
	{ "HTTP/1.1 200 O\rK\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nNo colon\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\n: empty\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nA : space\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nA: b\x01\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nContent-Length: \r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
	  -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", -EPROTO },
	{ "HTTP/1.1 101 Switching Protocols\r\n\r\n", -EPROTO },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 2\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", -EBADMSG },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", -EBADMSG },
};

/* Feeds in pieces of a size; what was consumed, or the error. */
static ssize_t feed(struct load_http *http, const char *text, size_t bytes, size_t piece)
{
	size_t done = 0;

	load_http_init(http);
	while (done < bytes && http->state != LOAD_HTTP_DONE) {
		size_t part = bytes - done < piece ? bytes - done : piece;
		ssize_t n = load_http_feed(http, text + done, part);

		if (n <= 0)
			return n;
		EXPECT_LE(n, part);
		done += (size_t)n;
	}
	return (ssize_t)done;
}

TEST(load_http, reads_good_responses_in_any_pieces)
{
	static struct load_http http;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t bytes = strlen(good[i].text);

		for (size_t piece = 1; piece <= bytes; piece++) {
			EXPECT_EQ(feed(&http, good[i].text, bytes, piece), bytes);
			EXPECT_EQ(http.state, LOAD_HTTP_DONE);
			EXPECT_EQ(http.status, good[i].status);
			EXPECT_EQ(http.body_bytes, good[i].body_bytes);
			EXPECT_EQ(http.is_close, good[i].is_close);
		}
	}
}

TEST(load_http, is_not_done_before_the_last_byte)
{
	static struct load_http http;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t bytes = 0; bytes < strlen(good[i].text); bytes++) {
			EXPECT_EQ(feed(&http, good[i].text, bytes, 7), bytes);
			EXPECT_NE(http.state, LOAD_HTTP_DONE);
			EXPECT_EQ(load_http_end(&http), -EPIPE);
		}
	}
}

TEST(load_http, leaves_the_next_response_alone)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 500";
	static struct load_http http;

	EXPECT_EQ(feed(&http, text, sizeof(text) - 1, 1000), sizeof(text) - 1 - 12);
	EXPECT_EQ(http.state, LOAD_HTTP_DONE);
}

TEST(load_http, refuses_bad_responses_in_any_pieces)
{
	static struct load_http http;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t bytes = strlen(bad[i].text);

		for (size_t piece = 1; piece <= bytes; piece++) {
			ssize_t rc = feed(&http, bad[i].text, bytes, piece);

			if (rc >= 0 && http.state == LOAD_HTTP_CHUNK_END)
				rc = load_http_feed(&http, "\r\n", 2);
			if (rc != bad[i].error)
				test_fail_values(__FILE__, __LINE__, bad[i].text, rc, bad[i].error);
		}
	}
}

TEST(load_http, ends_a_body_with_the_connection_where_it_has_no_length)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n\r\nuntil the end";
	static struct load_http http;

	EXPECT_EQ(feed(&http, text, sizeof(text) - 1, 4), sizeof(text) - 1);
	EXPECT_EQ(http.state, LOAD_HTTP_UNTIL_END);
	EXPECT(http.is_close);
	EXPECT_EQ(load_http_end(&http), 0);
	EXPECT_EQ(http.body_bytes, 13);
}

TEST(load_http, bounds_lines_heads_and_trailers)
{
	static struct load_http http;
	static char text[1 << 17];
	size_t bytes = 0;

	memset(text, 'a', sizeof(text));
	memcpy(text, "HTTP/1.1 200 ", 13);
	EXPECT_EQ(feed(&http, text, sizeof(text), 100), -EMSGSIZE);
	bytes = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n");
	while (bytes < sizeof(text) - 10)
		bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "A: b\r\n");
	EXPECT_EQ(feed(&http, text, bytes, 100), -EMSGSIZE);
	bytes = (size_t)snprintf(text, sizeof(text),
				 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
	while (bytes < sizeof(text) - 10)
		bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "A: b\r\n");
	EXPECT_EQ(feed(&http, text, bytes, 100), -EMSGSIZE);
}

TEST(load_http, survives_noise)
{
	static const char noise[] = "\r\n :09;f";
	static struct load_http http;
	uint32_t seed = 2026;
	char text[256];

	for (unsigned int round = 0; round < 200000; round++) {
		const struct row *row = &good[round % (sizeof(good) / sizeof(good[0]))];
		size_t bytes = strlen(row->text);
		ssize_t rc;

		memcpy(text, row->text, bytes);
		for (unsigned int i = 0; i <= round % 3; i++) {
			seed = seed * 1664525 + 1013904223;
			text[(seed >> 8) % bytes] = round % 2 ? (char)(seed >> 24) :
							noise[seed >> 28 & 7];
		}
		rc = feed(&http, text, bytes, 1 + round % 60);
		EXPECT(rc >= 0 || rc == -EBADMSG || rc == -EPROTO || rc == -EMSGSIZE);
		EXPECT_LT(http.line_bytes, LOAD_HTTP_LINE_MAX);
	}
}
