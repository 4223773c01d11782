/* SPDX-License-Identifier: MIT */
/* Structs that callers size. */
#include "base/sized.h"

#include <errno.h>

#include "support/test.h"

struct small {
	size_t size;
	int a;
	int b;
};

struct large {
	struct small small;
	int c;
	int d;
};

TEST(sized, what_is_missing_is_zero)
{
	struct small read;
	struct large given = { .small = { .a = 1, .b = 2 }, .c = 3 };

	EXPECT_EQ(sized_read(&read, NULL, sizeof read), 0);
	EXPECT(read.size == sizeof read && read.a == 0 && read.b == 0);
	given.small.size = sizeof given.small;
	EXPECT_EQ(sized_read(&read, &given, sizeof read), 0);
	EXPECT(read.size == sizeof read && read.a == 1 && read.b == 2);
	given.small.size = offsetof(struct small, b);
	EXPECT_EQ(sized_read(&read, &given, sizeof read), 0);
	EXPECT(read.size == sizeof read && read.a == 1 && read.b == 0);
	given.small.size = sizeof(size_t);
	EXPECT_EQ(sized_read(&read, &given, sizeof read), 0);
	EXPECT(read.a == 0);
	given.small.size = sizeof(size_t) - 1;
	EXPECT_EQ(sized_read(&read, &given, sizeof read), -EINVAL);
	given.small.size = 0;
	EXPECT_EQ(sized_read(&read, &given, sizeof read), -EINVAL);
	EXPECT(read.size == sizeof read && read.a == 0);
}

TEST(sized, what_is_not_known_has_to_be_zero)
{
	struct small read;
	struct large given = { .small = { .size = sizeof given, .a = 1 } };

	EXPECT_EQ(sized_read(&read, &given, sizeof read), 0);
	EXPECT(read.size == sizeof read && read.a == 1);
	EXPECT_EQ(sized_check(&given, sizeof read), 0);
	given.d = 1 << 24;
	EXPECT_EQ(sized_read(&read, &given, sizeof read), -E2BIG);
	EXPECT_EQ(sized_check(&given, sizeof read), -E2BIG);
	given.small.size = offsetof(struct large, d);
	EXPECT_EQ(sized_read(&read, &given, sizeof read), 0);
	given.small.size = sizeof read;
	EXPECT_EQ(sized_check(&given, sizeof read), 0);
	EXPECT_EQ(sized_check(&given, sizeof given), -EINVAL);
}

TEST(sized, what_is_told_ends_where_the_shorter_one_does)
{
	const struct small made = { .size = 77, .a = 1, .b = 2 };
	struct large given = { .small = { .size = sizeof given }, .c = 3 };

	EXPECT_EQ(sized_write(&given, &made, sizeof made), 0);
	EXPECT(given.small.size == sizeof given && given.small.b == 2 && given.c == 3);
	given.small.size = offsetof(struct small, b);
	given.small.a = given.small.b = 9;
	EXPECT_EQ(sized_write(&given, &made, sizeof made), 0);
	EXPECT(given.small.a == 1 && given.small.b == 9);
	given.small.size = 0;
	EXPECT_EQ(sized_write(&given, &made, sizeof made), -EINVAL);
}
