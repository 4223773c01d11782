/* SPDX-License-Identifier: MIT */
/*
 * request - what llhttp finds in the bytes, and the answer to it.
 *
 * A request is answered when its last byte is there, so that a pipeline stays in step; one that
 * cannot be answered in order is refused at once, and then the connection is over. Knows nothing of
 * streams and waiting; keeps nothing of a request but what the answer depends on.
 */
#include "hello.h"

#include <string.h>
#include <strings.h>

enum path {
	PATH_NONE,
	PATH_AUTHORITY,			/* of http://host:port/ */
	PATH_ROOT,
	PATH_QUERY,			/* of the root */
	PATH_OTHER
};

enum field { FIELD_OTHER, FIELD_EXPECT };

_Static_assert(sizeof(struct hello_request) <= 192, "it lies on the stack of a handler");

static struct hello_request *request_of(llhttp_t *http)
{
	return http->data;
}

static enum hello_connection connection_of(struct hello_request *request)
{
	if (hello.is_stopping || !llhttp_should_keep_alive(&request->http) ||
	    request->http.method == HTTP_CONNECT)
		return HELLO_CLOSE;
	return request->http.http_minor == 0 ? HELLO_KEEP_OLD : HELLO_KEEP;
}

/* What follows may be anything: nothing more is read. */
static int refuse(struct hello_request *request, int status)
{
	const struct hello_answer answer = {
		.status = status, .connection = HELLO_CLOSE, .is_bare = request->is_bare,
	};

	request->is_over = true;
	request->wants_continue = false;
	hello_out_add(request->out, &answer);
	return -1;
}

static int count_head(struct hello_request *request, size_t count, int status)
{
	if (count > hello.options.head_max - request->head_bytes)
		return refuse(request, status);
	request->head_bytes += (uint32_t)count;
	return 0;
}

/* Of a word that may come in pieces. */
static void add_word(struct hello_request *request, const char *at, size_t count)
{
	size_t room = sizeof request->word - request->word_bytes;

	memcpy(request->word + request->word_bytes, at, count < room ? count : room);
	request->word_bytes = (uint8_t)(request->word_bytes + (count < room ? count : room));
}

static bool is_word(const struct hello_request *request, const char *word)
{
	size_t bytes = strlen(word);

	return request->word_bytes == bytes && strncasecmp(request->word, word, bytes) == 0;
}

/* -- llhttp's callbacks ------------------------------------------------------------------------ */

static int on_message_begin(llhttp_t *http)
{
	struct hello_request *request = request_of(http);

	request->number++;
	request->stage = HELLO_HEAD;
	request->has_begun = true;
	request->is_bare = false;
	request->wants_continue = false;
	request->head_bytes = 0;
	request->blank_bytes = 0;
	request->body_bytes = 0;
	request->path = PATH_NONE;
	request->slashes = 0;
	request->hosts = 0;
	request->word_bytes = 0;
	return 0;
}

/* Only the root is here: "/", "/?query", and both with "http://host" before. */
static void follow_path(struct hello_request *request, char c)
{
	switch (request->path) {
	case PATH_NONE:
		request->path = c == '/' ? PATH_ROOT : PATH_AUTHORITY;
		break;
	case PATH_AUTHORITY:
		request->slashes = (uint8_t)(request->slashes + (c == '/'));
		if (request->slashes == 3)
			request->path = PATH_ROOT;
		break;
	case PATH_ROOT:
		request->path = c == '?' || c == '#' ? PATH_QUERY : PATH_OTHER;
		break;
	default:
		break;
	}
}

static int on_url(llhttp_t *http, const char *at, size_t count)
{
	struct hello_request *request = request_of(http);

	request->is_bare = http->method == HTTP_HEAD;
	for (size_t i = 0; i < count && request->path < PATH_QUERY; i++)
		follow_path(request, at[i]);
	return count_head(request, count, 414);
}

static int on_header_field(llhttp_t *http, const char *at, size_t count)
{
	struct hello_request *request = request_of(http);

	add_word(request, at, count);
	return count_head(request, count, 431);
}

/* Trailers are counted, and mean nothing. */
static int on_header_field_complete(llhttp_t *http)
{
	struct hello_request *request = request_of(http);

	request->field = FIELD_OTHER;
	if (request->stage == HELLO_HEAD && is_word(request, "expect"))
		request->field = FIELD_EXPECT;
	if (request->stage == HELLO_HEAD && is_word(request, "host") && request->hosts < 2)
		request->hosts++;
	request->word_bytes = 0;
	/* ": " and the end of the line. */
	return count_head(request, 4, 431);
}

static int on_header_value(llhttp_t *http, const char *at, size_t count)
{
	struct hello_request *request = request_of(http);

	if (request->field != FIELD_OTHER)
		add_word(request, at, count);
	return count_head(request, count, 431);
}

static int on_header_value_complete(llhttp_t *http)
{
	struct hello_request *request = request_of(http);
	bool is_expected = request->field == FIELD_EXPECT && http->http_minor > 0;

	if (is_expected && is_word(request, "100-continue"))
		request->wants_continue = true;
	else if (is_expected)
		return refuse(request, 417);
	request->word_bytes = 0;
	return 0;
}

static int status_of(const struct hello_request *request)
{
	bool is_root = request->path == PATH_ROOT || request->path == PATH_QUERY ||
		       (request->path == PATH_AUTHORITY && request->slashes == 2);

	if (request->http.method == HTTP_GET || request->http.method == HTTP_HEAD)
		return is_root ? 200 : 404;
	return is_root || request->path == PATH_AUTHORITY ? 405 : 404;
}

/* A wish for another protocol is not heard; a coding that 1.0 does not know is a trap. */
static int on_headers_complete(llhttp_t *http)
{
	struct hello_request *request = request_of(http);
	bool has_body = (http->flags & F_CHUNKED) || http->content_length > 0;
	bool is_old = http->http_minor == 0;

	if (http->http_major != 1)
		return refuse(request, 505);
	if (request->hosts > 1 || (request->hosts == 0 && !is_old) ||
	    (is_old && (http->flags & F_TRANSFER_ENCODING)))
		return refuse(request, 400);
	if ((http->flags & F_CONTENT_LENGTH) && http->content_length > hello.options.body_max)
		return refuse(request, 413);
	request->wants_continue = request->wants_continue && has_body;
	/* The client waits: it need not send what will not be looked at. */
	if (request->wants_continue && status_of(request) != 200)
		return refuse(request, status_of(request));
	http->upgrade = 0;
	request->stage = HELLO_BODY;
	return 0;
}

static int on_body(llhttp_t *http, const char *at, size_t count)
{
	struct hello_request *request = request_of(http);

	(void)at;
	request->wants_continue = false;
	request->body_bytes += count;
	return request->body_bytes > hello.options.body_max ? refuse(request, 413) : 0;
}

/* Chunks of one byte under extensions without end are many more bytes than the body has. */
static int on_chunk_extension(llhttp_t *http, const char *at, size_t count)
{
	(void)at;
	return count_head(request_of(http), count, 413);
}

static int on_message_complete(llhttp_t *http)
{
	struct hello_request *request = request_of(http);
	const struct hello_answer answer = {
		.status = status_of(request),
		.connection = connection_of(request),
		.is_bare = request->is_bare,
	};

	hello_out_add(request->out, &answer);
	request->stage = HELLO_IDLE;
	request->wants_continue = false;
	request->is_over = answer.connection == HELLO_CLOSE;
	return request->is_over || !hello_out_has_room(request->out) ? HPE_PAUSED : 0;
}

/* -- Feeding ----------------------------------------------------------------------------------- */

void hello_request_init(struct hello_request *request)
{
	static const llhttp_settings_t settings = {
		.on_message_begin = on_message_begin,
		.on_url = on_url,
		.on_header_field = on_header_field,
		.on_header_field_complete = on_header_field_complete,
		.on_header_value = on_header_value,
		.on_header_value_complete = on_header_value_complete,
		.on_headers_complete = on_headers_complete,
		.on_body = on_body,
		.on_chunk_extension_name = on_chunk_extension,
		.on_chunk_extension_value = on_chunk_extension,
		.on_message_complete = on_message_complete,
	};

	*request = (struct hello_request){.stage = HELLO_IDLE};
	llhttp_init(&request->http, HTTP_REQUEST, &settings);
	request->http.data = request;
}

/* What is no HTTP, and what is HTTP that we do not know: another version, another method. */
static int error_status(const llhttp_t *http, llhttp_errno_t error)
{
	const char *at = llhttp_get_error_pos(http);
	bool is_ours = http->http_major == 1 && http->http_minor <= 1;

	if (error == HPE_PAUSED_H2_UPGRADE ||
	    (error == HPE_INVALID_VERSION && at && *at == '\r' && !is_ours))
		return 505;
	if (error == HPE_INVALID_METHOD && at && ((*at >= 'A' && *at <= 'Z') || *at == ' '))
		return 501;
	return 400;
}

size_t hello_request_feed(struct hello_request *request, struct hello_out *out, const char *bytes,
			  size_t count)
{
	llhttp_t *http = &request->http;
	uint8_t before = request->stage;
	llhttp_errno_t rc;

	request->out = out;
	request->has_begun = false;
	rc = llhttp_execute(http, bytes, count);
	if (rc == HPE_PAUSED) {
		count = (size_t)(llhttp_get_error_pos(http) - bytes);
		llhttp_resume(http);
	} else if (rc != HPE_OK && !request->is_over) {
		refuse(request, error_status(http, rc));
	} else if (rc == HPE_OK && before != HELLO_BODY && request->stage == before &&
		   !request->has_begun) {
		/* Callbacks are not told of blanks. */
		request->blank_bytes += (uint32_t)count;
		if (request->blank_bytes > hello.options.head_max)
			refuse(request, 431);
	}
	if (request->wants_continue) {
		hello_out_add_continue(out);
		request->wants_continue = false;
	}
	return count;
}

bool hello_request_is_new(const struct hello_request *request)
{
	return request->stage == HELLO_IDLE && request->blank_bytes == 0;
}

void hello_request_expire(struct hello_request *request, struct hello_out *out)
{
	request->out = out;
	refuse(request, 408);
}
