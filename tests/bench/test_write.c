/* SPDX-License-Identifier: MIT */
/* What is written: escapes, absent values, pages. check.py reads the same as a user does. */
#include "../../bench/lib/write.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../bench/lib/json.h"
#include "models.h"
#include "support/test.h"

static char *text_of(const struct coil_bench *bench, int format)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	ASSERT(out);
	EXPECT_EQ(coil_bench_write(bench, format, out), 0);
	fclose(out);
	return text;
}

TEST(write, json_escapes_and_has_no_nan)
{
	char *text = NULL;
	struct json json;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	json_init(&json, out);
	json_flat_array(&json, NULL);
	json_string(&json, NULL, "a\"b\\c\n\x01 \xc3\xa4 \xff\xc3 \xed\xa0\x80");
	json_number(&json, NULL, UNKNOWN);
	json_number(&json, NULL, HUGE_VAL);
	json_number(&json, NULL, 0.1);
	json_count(&json, NULL, UINT64_MAX);
	json_bool(&json, NULL, true);
	json_end(&json);
	fclose(out);
	EXPECT_STR_EQ(text, "[\"a\\\"b\\\\c\\u000a\\u0001 \xc3\xa4 \\ufffd\\ufffd "
			    "\\ufffd\\ufffd\\ufffd\", null, null, 0.1, 18446744073709551615, "
			    "true]");
	free(text);
}

TEST(write, nobody_sees_a_nan)
{
	struct made made = { .value = 5, .floor = 4, .rounds = 1, .seed = 1 };
	struct coil_bench *bench = make_model(made);
	struct coil_bench_entry *empty;
	struct coil_bench_result *absent;

	made.rounds = 0;
	empty = make_case(bench, "empty", made);
	ASSERT_EQ(coil_bench_result_add(empty, "absent", &absent), 0);
	EXPECT_EQ(coil_bench_result_add(empty, "absent", &absent), -EEXIST);
	coil_bench_fail(absent, "not installed: <none> & \"nothing\"");
	coil_bench_count(absent, "enters", UNKNOWN);
	EXPECT_EQ(absent->counters_count, 0);
	for (int format = COIL_BENCH_TABLE; format <= COIL_BENCH_HGRM; format++) {
		char *text = text_of(bench, format);

		EXPECT(!strstr(text, "nan"));
		EXPECT(!strstr(text, "inf\n") && !strstr(text, "inf,"));
		free(text);
	}
	coil_bench_close(bench);
}

TEST(write, a_page_has_its_charts_and_escapes)
{
	struct made made = { .value = 5, .floor = 4, .rounds = 9, .seed = 1, .spread = 0.02 };
	struct coil_bench *bench = make_model(made);
	struct coil_bench_histogram *histogram = calloc(1, sizeof(*histogram));
	struct coil_bench_result *result = bench->entries[0]->results[1];
	char *text;

	ASSERT(histogram);
	for (uint64_t i = 0; i < 5000; i++)
		coil_bench_histogram_add(histogram, i * i, 1);
	EXPECT_EQ(coil_bench_histogram_set(result, histogram, 0, "us"), -EINVAL);
	EXPECT_EQ(coil_bench_histogram_set(result, histogram, 1000, "us"), 0);
	for (int i = 0; i < 5; i++)
		coil_bench_second(result, i, 1000 + i, (double[]){ 3, i == 2 ? UNKNOWN : 9 });
	coil_bench_note(bench->entries[0], "<script>alert(1)</script> & co");
	text = text_of(bench, COIL_BENCH_HTML);
	EXPECT(strstr(text, "Ratio to the floor"));
	EXPECT(strstr(text, "case: latency by percentile"));
	EXPECT(strstr(text, "case: rate over time"));
	EXPECT(strstr(text, "case: p99 over time"));
	EXPECT(strstr(text, "&lt;script&gt;"));
	EXPECT(!strstr(text, "<script"));
	EXPECT(!strstr(text, "http://") || strstr(text, "http://www.w3.org/2000/svg"));
	EXPECT(strstr(text, "prefers-color-scheme:dark"));
	EXPECT(strstr(text, "@media print"));
	free(text);
	free(histogram);
	coil_bench_close(bench);
}

TEST(write, a_stream_that_fails_is_noticed)
{
	struct coil_bench *bench = make_model((struct made){ .value = 1, .rounds = 3 });
	FILE *full = fopen("/dev/full", "we");

	ASSERT(full);
	EXPECT_EQ(coil_bench_write(bench, COIL_BENCH_JSON, full), -EIO);
	fclose(full);
	coil_bench_close(bench);
}
