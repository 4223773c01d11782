/* SPDX-License-Identifier: MIT */
/* Structs that callers size. See sized.h. */
#include "base/sized.h"

#include <errno.h>

static int check_tail(const void *given, size_t bytes)
{
	const unsigned char *at = given;

	for (size_t size = sized_bytes(given); bytes < size; bytes++)
		if (at[bytes])
			return -E2BIG;
	return 0;
}

int sized_check_other(const void *given, size_t bytes)
{
	return sized_bytes(given) < bytes ? -EINVAL : check_tail(given, bytes);
}

int sized_read_other(void *read, const void *given, size_t bytes)
{
	size_t size = given ? sized_bytes(given) : 0;

	memset(read, 0, bytes);
	if (size >= sizeof size)
		memcpy(read, given, size < bytes ? size : bytes);
	memcpy(read, &bytes, sizeof bytes);
	if (!given)
		return 0;
	return size < sizeof size ? -EINVAL : check_tail(given, bytes);
}

int sized_write(void *ret_given, const void *made, size_t bytes)
{
	size_t size = sized_bytes(ret_given);

	if (size < sizeof size)
		return -EINVAL;
	if (size < bytes)
		bytes = size;
	memcpy((char *)ret_given + sizeof size, (const char *)made + sizeof size,
	       bytes - sizeof size);
	return 0;
}
