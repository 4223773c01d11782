/* SPDX-License-Identifier: MIT */
/*
 * json - writes JSON to a stream: commas, indent and escapes by themselves.
 *
 * A key is NULL in arrays and at the top. What is not UTF-8 becomes U+FFFD, what is no number null.
 */
#ifndef COIL_BENCH_LIB_JSON_H
#define COIL_BENCH_LIB_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 16

struct json {
	FILE *out;
	int depth;
	bool has_member[JSON_DEPTH_MAX];
	bool is_flat; /* no line ends from here on */
	char closes[JSON_DEPTH_MAX];
};

void json_init(struct json *json, FILE *out);
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
/* Until its end all is on one line. */
void json_flat_array(struct json *json, const char *key);
/* Of the innermost object or array. */
void json_end(struct json *json);
void json_string(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, double value);
void json_count(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);

#endif
