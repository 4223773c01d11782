/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include "support/test.h"

static void *give_nothing(void *context, size_t bytes)
{
	(void)bytes;
	++*(int *)context;
	return NULL;
}

static void expect_no_free(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)memory;
	(void)bytes;
	FAIL("free was called");
}

TEST(alloc, zeroed_memory_is_zero)
{
	static const unsigned char zeroes[4096];
	unsigned char *memory = alloc_libc.alloc(NULL, sizeof zeroes);

	memset(memory, 0xff, sizeof zeroes);
	alloc_free(&alloc_libc, memory, sizeof zeroes);
	memory = alloc_zeroed(&alloc_libc, sizeof zeroes);
	EXPECT_MEM_EQ(memory, zeroes, sizeof zeroes);
	alloc_free(&alloc_libc, memory, sizeof zeroes);
}

TEST(alloc, a_failure_is_null_and_nothing_is_touched)
{
	int calls = 0;
	struct coil_alloc alloc = { .alloc = give_nothing, .context = &calls };

	EXPECT(!alloc_zeroed(&alloc, 64));
	EXPECT_EQ(calls, 1);
}

TEST(alloc, resize_keeps_what_was_there_and_begins_with_null)
{
	char *memory = alloc_resize(&alloc_libc, NULL, 0, 4);

	memcpy(memory, "coil", 4);
	memory = alloc_resize(&alloc_libc, memory, 4, 65536);
	EXPECT_MEM_EQ(memory, "coil", 4);
	alloc_free(&alloc_libc, memory, 65536);
}

TEST(alloc, null_is_not_given_to_free)
{
	struct coil_alloc alloc = { .free = expect_no_free };

	alloc_free(&alloc, NULL, 64);
}

TEST(alloc, the_interface_says_its_size)
{
	EXPECT_EQ(alloc_libc.size, sizeof(struct coil_alloc));
}
