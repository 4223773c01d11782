/* SPDX-License-Identifier: MIT */
/* See load_http.h. Lines are gathered whole, then read; bodies are counted in one step a piece. */
#include "load_http.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define CHUNK_DIGITS_MAX 15

void load_http_init(struct load_http *http)
{
	/* The line is written before it is read. */
	memset(http, 0, offsetof(struct load_http, line));
}

/* -- Lines ------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Text and tabs, as a header's value or a reason. */
static bool is_clean(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

/* "HTTP/1.1 200 OK" */
static int read_status_line(struct load_http *http)
{
	const char *line = http->line;

	if (http->line_bytes < 12 || memcmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) ||
	    line[8] != ' ' || !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) ||
	    (line[12] && line[12] != ' ') || !is_clean(line))
		return -EBADMSG;
	http->minor = line[7] - '0';
	http->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	if (http->status < 100)
		return -EBADMSG;
	http->state = LOAD_HTTP_HEADERS;
	return 0;
}

static int read_length(struct load_http *http, const char *value)
{
	uint64_t length = 0;

	if (!*value)
		return -EBADMSG;
	for (; *value; value++) {
		if (!is_digit(*value) || length > (UINT64_MAX >> 1) / 10 - 1)
			return -EBADMSG;
		length = length * 10 + (uint64_t)(*value - '0');
	}
	if (http->has_length && http->body_left != length)
		return -EBADMSG;
	http->has_length = true;
	http->body_left = length;
	return 0;
}

/* Does a list of words, separated by commas, have this one? */
static bool has_word(const char *list, const char *word)
{
	size_t bytes = strlen(word);

	while (*list) {
		list += strspn(list, " \t,");
		if (strncasecmp(list, word, bytes) == 0 && strcspn(list + bytes, " \t,") == 0)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

static int read_header(struct load_http *http)
{
	char *name = http->line;
	char *colon = strchr(name, ':');
	char *value, *end;

	if (!colon || colon == name || !is_clean(name))
		return -EBADMSG;
	for (const char *at = name; at < colon; at++)
		if (!is_token(*at))
			return -EBADMSG;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	end = name + http->line_bytes;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	if (http->state == LOAD_HTTP_TRAILERS)
		return 0;
	if (strcasecmp(name, "Content-Length") == 0)
		return read_length(http, value);
	if (strcasecmp(name, "Connection") == 0) {
		http->is_close |= has_word(value, "close");
		http->has_keep_alive |= has_word(value, "keep-alive");
	}
	if (strcasecmp(name, "Transfer-Encoding") != 0)
		return 0;
	if (strcasecmp(value, "chunked") != 0)
		return -EPROTO;
	if (http->has_chunks)
		return -EBADMSG;
	http->has_chunks = true;
	return 0;
}

/* The head is whole: what follows? */
static int choose_body(struct load_http *http)
{
	if (http->has_length && http->has_chunks)
		return -EBADMSG;
	if (http->minor == 0 && (http->has_chunks || !http->has_keep_alive))
		http->is_close = true;
	if (http->status == 101)
		return -EPROTO;
	if (http->status < 200) {
		size_t head_bytes = http->head_bytes;

		load_http_init(http);
		http->head_bytes = head_bytes;
		return 0;
	}
	if (http->status == 204 || http->status == 304) {
		http->state = LOAD_HTTP_DONE;
	} else if (http->has_chunks) {
		http->state = LOAD_HTTP_CHUNK_SIZE;
	} else if (http->has_length) {
		http->state = http->body_left ? LOAD_HTTP_BODY : LOAD_HTTP_DONE;
	} else {
		http->state = LOAD_HTTP_UNTIL_END;
		http->is_close = true;
	}
	return 0;
}

/* "1a3" or "1a3;extension" */
static int read_chunk_size(struct load_http *http)
{
	const char *at = http->line;
	uint64_t size = 0;

	for (; *at; at++) {
		char c = (char)(*at | 0x20);

		if (is_digit(*at))
			size = size * 16 + (uint64_t)(*at - '0');
		else if (c >= 'a' && c <= 'f')
			size = size * 16 + (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	if (at == http->line || at - http->line > CHUNK_DIGITS_MAX || !is_clean(at))
		return -EBADMSG;
	at += strspn(at, " \t");
	if (*at && *at != ';')
		return -EBADMSG;
	/* The sizes of the chunks have no bound of their own together with the trailers. */
	http->head_bytes = 0;
	http->body_left = size;
	http->state = size ? LOAD_HTTP_CHUNK : LOAD_HTTP_TRAILERS;
	return 0;
}

static int read_line(struct load_http *http)
{
	bool is_empty = http->line_bytes == 0;

	switch (http->state) {
	case LOAD_HTTP_STATUS_LINE:
		return read_status_line(http);
	case LOAD_HTTP_HEADERS:
		return is_empty ? choose_body(http) : read_header(http);
	case LOAD_HTTP_CHUNK_SIZE:
		return read_chunk_size(http);
	case LOAD_HTTP_CHUNK_END:
		http->state = LOAD_HTTP_CHUNK_SIZE;
		return is_empty ? 0 : -EBADMSG;
	case LOAD_HTTP_TRAILERS:
		if (!is_empty)
			return read_header(http);
		http->state = LOAD_HTTP_DONE;
		return 0;
	case LOAD_HTTP_BODY:
	case LOAD_HTTP_UNTIL_END:
	case LOAD_HTTP_CHUNK:
	case LOAD_HTTP_DONE:
		break;
	}
	return -EBADMSG;
}

/* Adds to the line; reads it when it is whole. Bytes consumed, or a negative errno. */
static ssize_t feed_line(struct load_http *http, const char *bytes, size_t count)
{
	const char *newline = memchr(bytes, '\n', count);
	size_t part = newline ? (size_t)(newline - bytes) + 1 : count;
	int rc;

	if (http->line_bytes + part > LOAD_HTTP_LINE_MAX - 1 ||
	    http->head_bytes + part > LOAD_HTTP_HEAD_MAX)
		return -EMSGSIZE;
	memcpy(http->line + http->line_bytes, bytes, part);
	http->line_bytes += part;
	http->head_bytes += part;
	/* What is no HTTP at all is refused without waiting for the end of its line. */
	if (http->state == LOAD_HTTP_STATUS_LINE &&
	    memcmp(http->line, "HTTP/1.", http->line_bytes < 7 ? http->line_bytes : 7) != 0)
		return -EBADMSG;
	if (!newline)
		return (ssize_t)part;
	if (http->line_bytes < 2 || http->line[http->line_bytes - 2] != '\r')
		return -EBADMSG;
	http->line_bytes -= 2;
	http->line[http->line_bytes] = '\0';
	if (strlen(http->line) != http->line_bytes)
		return -EBADMSG;
	rc = read_line(http);
	http->line_bytes = 0;
	return rc < 0 ? rc : (ssize_t)part;
}

/* -- Bodies ------------------------------------------------------------------------------------ */

static size_t feed_body(struct load_http *http, size_t count)
{
	size_t part = count < http->body_left ? count : (size_t)http->body_left;

	http->body_bytes += part;
	http->body_left -= part;
	if (http->body_left == 0)
		http->state = http->state == LOAD_HTTP_CHUNK ? LOAD_HTTP_CHUNK_END : LOAD_HTTP_DONE;
	return part;
}

ssize_t load_http_feed(struct load_http *http, const char *bytes, size_t count)
{
	size_t done = 0;

	while (done < count && http->state != LOAD_HTTP_DONE) {
		ssize_t part;

		if (http->state == LOAD_HTTP_BODY || http->state == LOAD_HTTP_CHUNK) {
			part = (ssize_t)feed_body(http, count - done);
		} else if (http->state == LOAD_HTTP_UNTIL_END) {
			part = (ssize_t)(count - done);
			http->body_bytes += count - done;
		} else {
			part = feed_line(http, bytes + done, count - done);
		}
		if (part < 0)
			return part;
		done += (size_t)part;
	}
	return (ssize_t)done;
}

int load_http_end(struct load_http *http)
{
	if (http->state == LOAD_HTTP_UNTIL_END)
		http->state = LOAD_HTTP_DONE;
	return http->state == LOAD_HTTP_DONE ? 0 : -EPIPE;
}
