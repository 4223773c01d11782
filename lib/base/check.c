/* SPDX-License-Identifier: MIT */
/*
 * How the library stops: one sentence on standard error, then abort(), so that a core file results.
 * The sentence is built in a buffer on the stack and written by one call: the heap may be what is
 * broken.
 */
#include "base/check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Thread_local void (*check_describe_caller)(char *text, size_t bytes);

static void who_runs(char *text, size_t bytes)
{
	text[0] = '\0';
	if (check_describe_caller)
		check_describe_caller(text, bytes);
}

static _Noreturn void stop(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(134);
	abort();
}

void check_failed(const char *function, const char *condition, const char *file, int line)
{
	char who[160];
	char text[512];

	who_runs(who, sizeof who);
	snprintf(text, sizeof text, "coil: %s: %s%sinternal check failed: %s (%s:%d)\n", function,
		 who, who[0] ? ": " : "", condition, file, line);
	stop(text);
}

void check_misused(const char *function, const char *words, ...)
{
	char who[160];
	char what[256];
	char text[512];
	/* No caller of the library knows that one. */
	bool is_inner = strchr(function, '_') && strncmp(function, "coil_", 5) != 0;
	va_list ap;

	va_start(ap, words);
	vsnprintf(what, sizeof what, words, ap);
	va_end(ap);
	who_runs(who, sizeof who);
	snprintf(text, sizeof text, "coil: %s%s%s%s%s\n", is_inner ? "" : function,
		 is_inner ? "" : ": ", who, who[0] ? ": " : "", what);
	stop(text);
}
