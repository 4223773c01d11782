/* SPDX-License-Identifier: MIT */
/* COIL_DEBUG: what debug mode shall look for, in words. */
#include <stdlib.h>
#include <string.h>

#include "see/debug.h"

struct word {
	const char *name;
	unsigned flags;
};

static const struct word words[] = {
	{ "1", COIL_DEBUG_ALL },       { "all", COIL_DEBUG_ALL },
	{ "0", 0 },		       { "slow", COIL_DEBUG_SLOW },
	{ "unseen", COIL_DEBUG_UNSEEN }, { "fds", COIL_DEBUG_FDS },
	{ "cancel", COIL_DEBUG_CANCEL }, { "dump", COIL_DEBUG_DUMP },
};

#define WORDS (sizeof words / sizeof words[0])

/* "slow=250": the number behind @name and an equals sign; -1 if that is not there. */
static long number_of(const char *word, size_t length, const char *name)
{
	size_t begin = strlen(name) + 1;
	char *end;
	long number;

	if (length <= begin || strncmp(word, name, begin - 1) != 0 || word[begin - 1] != '=')
		return -1;
	number = strtol(word + begin, &end, 10);
	return end == word + length && number > 0 ? number : -1;
}

/* False: there is no such word. */
static bool read_word(const char *word, size_t length, unsigned *flags)
{
	long slow_ms = number_of(word, length, "slow");
	long signum = number_of(word, length, "signal");

	for (size_t i = 0; i < WORDS; i++)
		if (strlen(words[i].name) == length && memcmp(words[i].name, word, length) == 0) {
			*flags |= words[i].flags;
			return true;
		}
	if (slow_ms > 0) {
		*flags |= COIL_DEBUG_SLOW;
		return coil_set_slow(slow_ms <= 3600000 ? slow_ms * COIL_MSEC : -1, 0) == 0;
	}
	return signum > 0 && signum <= 64 && coil_set_slow(pulse_threshold(), (int)signum) == 0;
}

unsigned environment_read(void)
{
	const char *word = secure_getenv("COIL_DEBUG");
	unsigned flags = 0;

	while (word && *word) {
		size_t length = strcspn(word, ", ");

		if (length > 0 && !read_word(word, length, &flags))
			report("COIL_DEBUG: \"%.*s\" is none of 1, all, slow, slow=MS, unseen, "
			       "fds, cancel, dump and signal=N",
			       (int)(length < 40 ? length : 40), word);
		word += length + (word[length] != '\0');
	}
	return flags;
}
