/* SPDX-License-Identifier: MIT */
/* Text without stdio. See text.h. */
#include "see/text.h"

#include <string.h>

#include "coil/error.h"
#include "ring/calls.h"

#define LEVELS_MAX 64u
#define QUOTED_MAX 200u
#define SECOND INT64_C(1000000000)

void text_begin(struct text *text, char *bytes, size_t size, int fd)
{
	*text = (struct text){ .bytes = bytes, .size = size, .fd = fd };
}

static void write_out(struct text *text)
{
	size_t done = 0;

	while (done < text->used && !text->error) {
		int n = call_write(text->fd, text->bytes + done, text->used - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && n != -EINTR)
			text->error = n;
	}
	text->used = 0;
}

static void add_bytes(struct text *text, const char *bytes, size_t count)
{
	while (count > 0) {
		size_t room = text->size - 1 - text->used;
		size_t part = count < room ? count : room;

		memcpy(text->bytes + text->used, bytes, part);
		text->used += part;
		bytes += part;
		count -= part;
		if (count > 0 && text->fd < 0)
			return;
		if (count > 0)
			write_out(text);
	}
}

int text_end(struct text *text)
{
	if (text->fd >= 0)
		write_out(text);
	text->bytes[text->used] = '\0';
	return text->error;
}

void text_add(struct text *text, const char *words)
{
	add_bytes(text, words, strlen(words));
}

static void add_digits(struct text *text, uint64_t number, unsigned base, unsigned least)
{
	char digits[24];
	size_t at = sizeof digits;

	do {
		digits[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number || sizeof digits - at < least);
	add_bytes(text, digits + at, sizeof digits - at);
}

void text_number(struct text *text, uint64_t number)
{
	add_digits(text, number, 10, 1);
}

void text_signed(struct text *text, int64_t number)
{
	if (number < 0)
		text_add(text, "-");
	text_number(text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void text_hex(struct text *text, uint64_t number)
{
	text_add(text, "0x");
	add_digits(text, number, 16, 1);
}

void text_seconds(struct text *text, int64_t duration)
{
	if (duration < 0)
		text_add(text, "-");
	if (duration < 0)
		duration = duration == INT64_MIN ? INT64_MAX : -duration;
	text_number(text, (uint64_t)(duration / SECOND));
	text_add(text, ".");
	add_digits(text, (uint64_t)(duration % SECOND) / 1000, 10, 6);
	text_add(text, " s");
}

void text_quoted(struct text *text, const char *words)
{
	text_add(text, "\"");
	for (size_t i = 0; words[i] && i < QUOTED_MAX; i++) {
		unsigned char c = (unsigned char)words[i];

		if (c >= ' ' && c < 127 && c != '"' && c != '\\') {
			add_bytes(text, &words[i], 1);
			continue;
		}
		text_add(text, "\\x");
		add_digits(text, c, 16, 2);
	}
	text_add(text, "\"");
}

void text_error(struct text *text, int error)
{
	const char *name = coil_err_name(error);

	if (error < 0 && strcmp(name, "E?") != 0)
		text_add(text, name);
	else
		text_signed(text, error);
}

void text_line(struct text *text, unsigned level)
{
	text_add(text, "\n");
	for (unsigned i = 0; i < level && i < LEVELS_MAX; i++)
		text_add(text, "  ");
}
