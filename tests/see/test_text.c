/* SPDX-License-Identifier: MIT */
/* Text without stdio: each kind of word, and what happens at the end of the buffer. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "see/names.h"
#include "see/symbol.h"
#include "see/text.h"

static char bytes[256];
static struct text text;

static void begin(size_t size)
{
	text_begin(&text, bytes, size, -1);
}

#define EXPECT_TEXT(words)                                                                         \
	do {                                                                                       \
		EXPECT_EQ(text_end(&text), 0);                                                     \
		EXPECT_STR_EQ(bytes, words);                                                       \
	} while (0)

TEST(text, numbers)
{
	begin(sizeof bytes);
	text_number(&text, 0);
	text_add(&text, " ");
	text_number(&text, UINT64_MAX);
	text_add(&text, " ");
	text_signed(&text, INT64_MIN);
	text_add(&text, " ");
	text_hex(&text, 0xdead);
	EXPECT_TEXT("0 18446744073709551615 -9223372036854775808 0xdead");
}

TEST(text, times_have_microseconds)
{
	begin(sizeof bytes);
	text_seconds(&text, INT64_C(1000001000));
	text_add(&text, " ");
	text_seconds(&text, 999);
	text_add(&text, " ");
	text_seconds(&text, -INT64_C(2500000000));
	EXPECT_TEXT("1.000001 s 0.000000 s -2.500000 s");
}

TEST(text, errors_have_names)
{
	begin(sizeof bytes);
	text_error(&text, -ETIME);
	text_add(&text, " ");
	text_error(&text, -99999);
	text_add(&text, " ");
	text_error(&text, 7);
	EXPECT_TEXT("ETIME -99999 7");
}

TEST(text, quoted_words_cannot_forge_a_line)
{
	begin(sizeof bytes);
	text_quoted(&text, "a\n\"b\"\\\xff");
	EXPECT_TEXT("\"a\\x0a\\x22b\\x22\\x5c\\xff\"");
}

TEST(text, lines_are_indented_by_two_spaces_a_level)
{
	begin(sizeof bytes);
	text_line(&text, 2);
	text_add(&text, "x");
	EXPECT_TEXT("\n    x");
}

TEST(text, what_does_not_fit_into_memory_is_cut)
{
	begin(4);
	text_add(&text, "abcdef");
	text_add(&text, "g");
	EXPECT_TEXT("abc");
}

TEST(text, what_does_not_fit_is_written_out)
{
	char back[64] = "";
	int fds[2];

	ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
	text_begin(&text, bytes, 4, fds[1]);
	text_add(&text, "a long sentence, ");
	text_number(&text, 42);
	EXPECT_EQ(text_end(&text), 0);
	EXPECT_EQ(read(fds[0], back, sizeof back - 1), 19);
	EXPECT_STR_EQ(back, "a long sentence, 42");
	close(fds[0]);
	close(fds[1]);
}

TEST(text, the_first_error_of_write_is_kept)
{
	text_begin(&text, bytes, 4, 1 << 20);
	text_add(&text, "abcdefgh");
	EXPECT_EQ(text_end(&text), -EBADF);
}

static __attribute__((noinline)) void a_function_of_this_file(void)
{
	__asm__ volatile("nop");
}

TEST(text, addresses_have_the_names_of_static_functions)
{
	const char *code = (const char *)(uintptr_t)a_function_of_this_file;
	size_t offset = 99;

	names_load();
	EXPECT_STR_EQ(names_find(code + 1, &offset), "a_function_of_this_file");
	EXPECT_EQ(offset, 1);
	EXPECT_EQ(names_find(&text, &offset), NULL);
	EXPECT_EQ(names_find(NULL, &offset), NULL);
	EXPECT_EQ(names_find((void *)UINTPTR_MAX, &offset), NULL);
	begin(sizeof bytes);
	symbol_add(&text, code + 1);
	EXPECT_EQ(text_end(&text), 0);
	EXPECT(strstr(bytes, " a_function_of_this_file+0x1 (") != NULL);
	begin(sizeof bytes);
	symbol_add(&text, (void *)16);
	EXPECT_TEXT("0x10");
}
