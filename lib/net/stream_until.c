/* SPDX-License-Identifier: MIT */
/*
 * Reading until a separator. The match that ends first wins, so that the result does not depend on
 * how the bytes were cut into reads.
 */
#include "net/stream.h"

#include <errno.h>
#include <string.h>

#include "base/sized.h"

/* Where a match lies, behind what is taken next. */
struct match {
	size_t start;
	size_t end;
	size_t which;
};

/* What is looked for. */
struct search {
	const struct iovec *separators;
	size_t count;
	size_t longest;
	size_t limit;	/* a match begins here at the latest */
	size_t looked;	/* no match begins before this */
};

static const struct iovec newline = {.iov_base = "\n", .iov_len = 1};

/* The match in these bytes that ends first. */
static bool scan(const struct search *search, const char *data, size_t count, struct match *match)
{
	bool found = false;

	for (size_t i = 0; i < search->count; i++) {
		const struct iovec *separator = &search->separators[i];
		const char *place = memmem(data + search->looked, count - search->looked,
					   separator->iov_base, separator->iov_len);
		size_t end = place ? (size_t)(place - data) + separator->iov_len : 0;

		if (!place || (found && end >= match->end))
			continue;
		*match = (struct match){(size_t)(place - data), end, i};
		found = true;
	}
	return found;
}

/*
 * A window that doubles: a separator that is not there must not cost a look at the whole buffer for
 * each short match of another.
 */
static bool find(struct search *search, const struct stream_in *in, struct match *match)
{
	size_t window = 128 + search->longest;

	while (search->looked < in->count) {
		size_t count = in->count - search->looked;

		if (count > window)
			count = window;
		count += search->looked;
		if (scan(search, in->data + in->start, count, match))
			return true;
		if (count + 1 > search->looked + search->longest)
			search->looked = count + 1 - search->longest;
		if (count == in->count)
			break;
		window *= 2;
	}
	return false;
}

/* 1: a match; 0: the end came; -EMSGSIZE: none begins within the limit. */
static int await_match(struct coil_stream *stream, struct search *search, struct match *match)
{
	size_t before;
	int rc;

	for (;;) {
		if (find(search, stream->in, match)) {
			search->looked = match->start;
			return match->start > search->limit ? -EMSGSIZE : 1;
		}
		if (search->looked > search->limit)
			return -EMSGSIZE;
		before = stream->in->count;
		rc = stream_fill_to(stream, before + 1);
		if (rc < 0)
			return rc;
		if (stream->in->count == before)
			return 0;
	}
}

static int take_match(struct coil_stream *stream, struct coil_until *until, void *buf, size_t len)
{
	struct search search = {
		.separators = until->separators,
		.count = until->count,
		.limit = stream->in->limit,
	};
	struct match match;
	int rc;

	for (size_t i = 0; i < search.count; i++) {
		size_t bytes = search.separators[i].iov_len;

		if (bytes == 0 || bytes > search.limit)
			return -EINVAL;
		if (search.longest < bytes)
			search.longest = bytes;
	}
	if (until->limit && until->limit < search.limit)
		search.limit = until->limit;
	if (len < search.limit)
		search.limit = len;
	rc = await_match(stream, &search, &match);
	until->looked = search.looked;
	if (rc <= 0)
		return rc < 0 ? rc : -ENODATA;
	if (match.end > len)
		return -EMSGSIZE;
	until->which = match.which;
	return stream_take_all(stream, buf, match.end);
}

int coil_stream_read_until_any(struct coil_stream *stream, void *buf, size_t len,
			       struct coil_until *until)
{
	int rc;

	stream_check_reader(stream);
	rc = sized_check(until, sizeof *until);
	if (rc < 0)
		return rc;
	if (until->count == 0)
		return -EINVAL;
	rc = stream_begin_read(stream);
	if (rc < 0)
		return rc;
	return stream_end_read(stream, take_match(stream, until, buf, len));
}

int coil_stream_read_until(struct coil_stream *stream, void *buf, size_t len,
			   const char *separator)
{
	struct iovec bytes = {.iov_base = (void *)(uintptr_t)separator,
			      .iov_len = strlen(separator)};
	struct coil_until until = {.size = sizeof until, .separators = &bytes, .count = 1};

	return coil_stream_read_until_any(stream, buf, len, &until);
}

/* -- Lines ---------------------------------------------------------------------------------------
 */

/* What is left of a line that was too long: 1 when it is gone, 0 at the end. */
static int pass_rest(struct coil_stream *stream)
{
	struct stream_in *in = stream->in;
	int rc = 1;

	while (in->skips_line && rc > 0) {
		const char *data = in->data + in->start;
		const char *place = in->count ? memchr(data, '\n', in->count) : NULL;

		stream_skip(in, place ? (size_t)(place - data) + 1 : in->count);
		if (place)
			break;
		in->skips_line = true;
		rc = stream_fill_to(stream, 1);
	}
	return rc;
}

static int drop_line(struct stream_in *in)
{
	stream_skip(in, in->count);
	in->skips_line = true;
	return -EMSGSIZE;
}

static int take_line(struct coil_stream *stream, char *line, size_t bytes)
{
	struct stream_in *in = stream->in;
	struct search search = {.separators = &newline, .count = 1, .longest = 1};
	struct match match = {0};
	int rc = pass_rest(stream);

	if (rc <= 0)
		return rc;
	search.limit = in->limit < bytes - 2 ? in->limit : bytes - 2;
	rc = await_match(stream, &search, &match);
	if (rc == -EMSGSIZE && search.looked < in->count) {
		stream_skip(in, search.looked + 1);
		return rc;
	}
	if (rc == -EMSGSIZE)
		return drop_line(in);
	if (rc == 0)
		match.end = in->count;
	if (rc >= 0) {
		rc = stream_take_all(stream, line, match.end);
		line[rc] = 0;
	}
	return rc;
}

int coil_stream_read_line(struct coil_stream *stream, char *line, size_t bytes)
{
	int rc;

	stream_check_reader(stream);
	if (bytes < 2 || bytes > COIL_STREAM_BYTES_MAX)
		return -EINVAL;
	rc = stream_begin_read(stream);
	if (rc < 0)
		return rc;
	return stream_end_read(stream, take_line(stream, line, bytes));
}
