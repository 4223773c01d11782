/* SPDX-License-Identifier: MIT */
/* Words and numbers into a caller's buffer, as far as there is room, where stdio must not be used:
 * in signal handlers and on small stacks. */
#ifndef COIL_BASE_WORDS_H
#define COIL_BASE_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct words {
	char *at;
	size_t left;
};

/* @bytes is at least 1; the text ends with a zero byte at any time. */
static inline void words_begin(struct words *words, char *text, size_t bytes)
{
	*words = (struct words){ text, bytes };
	*text = '\0';
}

static inline void words_add(struct words *words, const char *more)
{
	for (; *more && words->left > 1; more++, words->left--)
		*words->at++ = *more;
	*words->at = '\0';
}

static inline void words_number(struct words *words, uint64_t number)
{
	char digits[21];
	char *digit = &digits[20];

	*digit = '\0';
	do
		*--digit = (char)('0' + number % 10);
	while (number /= 10);
	words_add(words, digit);
}

/* "3 of 7 items". */
static inline void words_part(struct words *words, uint64_t part, uint64_t whole, const char *of)
{
	words_number(words, part);
	words_add(words, " of ");
	words_number(words, whole);
	words_add(words, of);
}

#endif
