/* SPDX-License-Identifier: MIT */
/*
 * Writing text where stdio must not be used: in signal handlers, on small stacks, in a program
 * whose heap may be broken. The buffer is the caller's; a text with a descriptor is written there
 * whenever the buffer is full, one without keeps what fits.
 */
#ifndef COIL_SEE_TEXT_H
#define COIL_SEE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *bytes;
	size_t size;
	size_t used;
	int fd;	   /* -1: memory alone */
	int error; /* the first one of write(2), negative */
};

void text_begin(struct text *text, char *bytes, size_t size, int fd);

/* What is left is written. Memory alone: a zero byte is put at its end. 0, or what went wrong. */
int text_end(struct text *text);

void text_add(struct text *text, const char *words);
void text_number(struct text *text, uint64_t number);
void text_signed(struct text *text, int64_t number);
void text_hex(struct text *text, uint64_t number); /* with 0x */

/* "1.234567 s" of nanoseconds. */
void text_seconds(struct text *text, int64_t duration);

/* In quotes; what is no printable ASCII, and the quote, as \xNN; at most 200 bytes. */
void text_quoted(struct text *text, const char *words);

/* "ECANCELED", or the number. */
void text_error(struct text *text, int error);

/* A new line, so many levels in. */
void text_line(struct text *text, unsigned level);

#endif
