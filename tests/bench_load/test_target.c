/* SPDX-License-Identifier: MIT */
/* Addresses. */
#include "../../bench/load.h"
#include "support/test.h"

struct row {
	const char *text;
	const char *host;
	const char *service;
	const char *unix_path;
	const char *resource;
};

static const struct row good[] = {
	{ "localhost:80", "localhost", "80", "", "" },
	{ "tcp://10.0.0.1:65535", "10.0.0.1", "65535", "", "" },
	{ "[::1]:7000", "::1", "7000", "", "" },
	{ "unix:/run/x", "", "", "/run/x", "" },
	{ "/run/x", "", "", "/run/x", "" },
	{ "unix:@name", "", "", "@name", "" },
	{ "http://a", "a", "80", "", "/" },
	{ "http://a:81", "a", "81", "", "/" },
	{ "http://[::1]:81/x/y?z=1#frag", "::1", "81", "", "/x/y?z=1" },
	{ "http://a?q", "a", "80", "", "/?q" },
	{ "http://a/b:c", "a", "80", "", "/b:c" },
};

static const char *const bad[] = {
	"", ":", ":80", "localhost", "localhost:", "localhost:0", "localhost:65536",
	"localhost:80x", "localhost:+80", "::1:80", "[::1]", "[::1]80", "[::1", "[]:80", "unix:",
	"ftp://a:1", "https://a", "http://", "http:///x", "http://a b", "http://a/\r\nX: y",
	"http://a:/", "tcp://a",
};

TEST(load_target, understands_what_users_write)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct load_target target;
		const char *words = load_target_parse(good[i].text, &target);

		if (words) {
			test_fail(__FILE__, __LINE__, good[i].text);
			continue;
		}
		EXPECT_STR_EQ(target.host, good[i].host);
		EXPECT_STR_EQ(target.service, good[i].service);
		EXPECT_STR_EQ(target.unix_path, good[i].unix_path);
		EXPECT_STR_EQ(target.resource, good[i].resource);
	}
}

TEST(load_target, refuses_the_rest_with_words)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct load_target target = { .host = "untouched" };
		const char *words = load_target_parse(bad[i], &target);

		if (!words || !words[0])
			test_fail(__FILE__, __LINE__, bad[i]);
		EXPECT_STR_EQ(target.host, "untouched");
	}
}

TEST(load_target, is_bounded)
{
	char text[4096];
	struct load_target target;

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	EXPECT(load_target_parse(text, &target));
	memcpy(text, "unix:", 5);
	EXPECT(load_target_parse(text, &target));
	memcpy(text, "http://a/", 9);
	EXPECT(load_target_parse(text, &target));
	text[2000] = '\0';
	EXPECT(!load_target_parse(text, &target));
	EXPECT_EQ(strlen(target.resource), 2000 - 8);
}

TEST(load_target, is_described_as_it_was_written)
{
	static const char *const same[] = { "tcp://[::1]:80", "unix:/x", "http://a:80/b?c" };

	for (size_t i = 0; i < 3; i++) {
		struct load_target target;
		char text[256];

		EXPECT(!load_target_parse(same[i], &target));
		load_target_describe(&target, text, sizeof(text));
		EXPECT_STR_EQ(text, same[i]);
	}
}
