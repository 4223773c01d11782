/* SPDX-License-Identifier: MIT */
/* Words for errors. */
#include "coil/error.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "task/error.h"

static _Thread_local char last_error[320];

void error_explain(const char *words, ...)
{
	va_list ap;

	va_start(ap, words);
	vsnprintf(last_error, sizeof last_error, words, ap);
	va_end(ap);
}

int error_sized(int rc, const char *name)
{
	if (rc == -EINVAL)
		error_explain("%s: size is not set: it has to be sizeof(struct %s)", name, name);
	else if (rc == -E2BIG)
		error_explain("%s: of newer headers than this library, and a field that it does "
			      "not know is set", name);
	return rc;
}

void error_explain_stacks(const struct scheduler *s)
{
	struct stack_counters counters;
	const char *refusal = loop_refusal();

	if (refusal[0]) {
		error_explain("%s", refusal);
		return;
	}
	stack_pool_count(&s->stacks, &counters);
	error_explain(
		"no memory for another stack: %zu are in use, %zu bytes of address space mapped",
		counters.in_use, counters.mapped_bytes);
}

const char *coil_last_error(void)
{
	return last_error;
}

/* The least int has no counterpart, and is no errno either. */
static int positive(int rc)
{
	return rc == INT_MIN ? INT_MAX : -rc;
}

const char *coil_strerror(int rc)
{
	const char *words = rc < 0 ? strerrordesc_np(positive(rc)) : "success";

	return words ? words : "unknown error";
}

const char *coil_err_name(int rc)
{
	const char *name = rc < 0 ? strerrorname_np(positive(rc)) : "0";

	return name ? name : "E?";
}
