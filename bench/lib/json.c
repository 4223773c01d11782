/* SPDX-License-Identifier: MIT */
/* See json.h. */
#include "json.h"

#include <math.h>
#include <string.h>

#include "must.h"

static void put_indent(struct json *json)
{
	if (json->is_flat || json->depth == 0)
		return;
	fputc('\n', json->out);
	for (int i = 0; i < json->depth; i++)
		fputc('\t', json->out);
}

/* How many bytes of well-formed UTF-8 begin here; 0: none. No surrogates, no overlong forms. */
static size_t utf8_length(const unsigned char *at)
{
	size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 :
			at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

static void put_text(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', out);
	while (*at) {
		size_t length = utf8_length(at);

		if (length == 0)
			fputs("\\ufffd", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < ' ')
			fprintf(out, "\\u%04x", *at);
		else
			fwrite(at, 1, length, out);
		at += length ? length : 1;
	}
	fputc('"', out);
}

/* The comma after the one before, the place, the key. */
static void put_key(struct json *json, const char *key)
{
	if (json->depth) {
		if (json->has_member[json->depth - 1])
			fputs(json->is_flat ? ", " : ",", json->out);
		json->has_member[json->depth - 1] = true;
	}
	put_indent(json);
	if (key) {
		put_text(json->out, key);
		fputs(": ", json->out);
	}
}

static void begin(struct json *json, const char *key, char opens, char closes)
{
	put_key(json, key);
	fputc(opens, json->out);
	check(json->depth < JSON_DEPTH_MAX);
	json->has_member[json->depth] = false;
	json->closes[json->depth++] = closes;
}

void json_init(struct json *json, FILE *out)
{
	*json = (struct json){ .out = out };
}

void json_object(struct json *json, const char *key)
{
	begin(json, key, '{', '}');
}

void json_array(struct json *json, const char *key)
{
	begin(json, key, '[', ']');
}

void json_flat_array(struct json *json, const char *key)
{
	check(!json->is_flat);
	begin(json, key, '[', '!');
	json->is_flat = true;
}

void json_end(struct json *json)
{
	char closes;

	check(json->depth > 0);
	closes = json->closes[--json->depth];
	if (closes == '!') {
		json->is_flat = false;
		fputc(']', json->out);
		return;
	}
	if (json->has_member[json->depth]) {
		if (json->depth)
			put_indent(json);
		else
			fputc('\n', json->out);
	}
	fputc(closes, json->out);
	if (json->depth == 0)
		fputc('\n', json->out);
}

void json_string(struct json *json, const char *key, const char *text)
{
	put_key(json, key);
	put_text(json->out, text);
}

void json_number(struct json *json, const char *key, double value)
{
	char text[64];

	put_key(json, key);
	if (!isfinite(value)) {
		fputs("null", json->out);
		return;
	}
	snprintf(text, sizeof(text), "%.10g", value);
	/* The program may have set a locale. */
	for (char *at = text; *at; at++)
		if (*at == ',')
			*at = '.';
	fputs(text, json->out);
}

void json_count(struct json *json, const char *key, uint64_t value)
{
	put_key(json, key);
	fprintf(json->out, "%llu", (unsigned long long)value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	put_key(json, key);
	fputs(value ? "true" : "false", json->out);
}
