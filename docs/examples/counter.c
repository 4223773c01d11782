/* SPDX-License-Identifier: MIT */
/*
 * A counter for many: "add 5" on a line of its own adds five and is answered with the sum. One task
 * a connection. counter_test.c runs it on the simulated kernel; see ../simulation.md.
 */
#include <coil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long sum;

/* Bytes that have come and are not answered yet: a read ends where it likes. */
struct session {
	size_t count;
	char bytes[128];
};

/* The next line that is whole, copied, without its end. */
static bool take_line(struct session *s, char *line)
{
#ifdef PLANTED_BUG
	char *end = s->count > 0 ? s->bytes + s->count - 1 : NULL; /* what was read is a line */
#else
	char *end = memchr(s->bytes, '\n', s->count);
#endif

	if (!end)
		return false;
	memcpy(line, s->bytes, (size_t)(end - s->bytes));
	line[end - s->bytes] = '\0';
	s->count -= (size_t)(end + 1 - s->bytes);
	memmove(s->bytes, end + 1, s->count);
	return true;
}

static int answer(struct coil_stream *stream, const char *line)
{
	char text[32];

	if (strncmp(line, "add ", 4) != 0)
		return coil_stream_write(stream, "what?\n", 6);
	sum += strtol(line + 4, NULL, 10);
	return coil_stream_write(stream, text, (size_t)snprintf(text, sizeof text, "%ld\n", sum));
}

static int serve_one(void *arg)
{
	struct coil_stream *stream = arg;
	struct session s = {0};
	char line[sizeof s.bytes];
	int n = 1;

	while (n > 0 && s.count < sizeof s.bytes) {
		n = coil_stream_read(stream, s.bytes + s.count, sizeof s.bytes - s.count);
		s.count += n > 0 ? (size_t)n : 0;
		while (n > 0 && take_line(&s, line))
			n = answer(stream, line);
	}
	coil_stream_close(stream);
	return n;
}

int counter_serve(void *listener);
int counter_serve(void *listener)
{
	struct coil_stream *stream;
	struct coil_group group;
	int rc;

	sum = 0;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	while ((rc = coil_accept(listener, &stream)) >= 0)
		if (coil_go(&group, serve_one, stream) < 0)
			coil_stream_close(stream);
	coil_listener_close(listener);
	return coil_group_close(&group);
}
