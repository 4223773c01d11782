/* SPDX-License-Identifier: MIT */
/* Addresses, as users write them and as they are shown. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool copy_part(char *to, size_t room, const char *from, size_t bytes)
{
	if (bytes == 0 || bytes >= room)
		return false;
	memcpy(to, from, bytes);
	to[bytes] = '\0';
	return true;
}

bool load_target_is_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && port > 0 && port <= 65535;
}

/* HOST:PORT or [V6]:PORT; without a port the default, if there is one. */
static const char *parse_authority(const char *text, size_t bytes, const char *port_default,
				   struct load_target *target)
{
	const char *end = text + bytes;
	const char *host = text, *host_end, *colon;

	if (bytes && text[0] == '[') {
		host = text + 1;
		host_end = memchr(text, ']', bytes);
		if (!host_end)
			return "a [ without its ]";
		colon = host_end + 1;
		if (colon < end && *colon != ':')
			return "after the ] comes :PORT";
	} else {
		colon = memchr(text, ':', bytes);
		if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
			return "an IPv6 address goes into brackets: [::1]:80";
		if (!colon)
			colon = end;
		host_end = colon;
	}
	if (!copy_part(target->host, sizeof(target->host), host, (size_t)(host_end - host)))
		return "the host is missing, or too long";
	if (colon >= end && !port_default)
		return "the port is missing: HOST:PORT";
	if (colon >= end)
		snprintf(target->service, sizeof(target->service), "%s", port_default);
	else if (!copy_part(target->service, sizeof(target->service), colon + 1,
			    (size_t)(end - colon - 1)) || !load_target_is_port(target->service))
		return "the port must be a number from 1 to 65535";
	return NULL;
}

static const char *parse_http(const char *text, struct load_target *target)
{
	size_t bytes = strcspn(text, "/?#");
	const char *slash = text[bytes] == '/' ? "" : "/";
	const char *rest = text + bytes;
	size_t rest_bytes = strcspn(rest, "#");

	for (const char *at = text; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return "spaces and control characters must be written as %20 and so on";
	if (rest_bytes + 2 > sizeof(target->resource))
		return "the resource is too long";
	target->protocol = LOAD_HTTP;
	snprintf(target->resource, sizeof(target->resource), "%s%.*s", slash, (int)rest_bytes,
		 rest);
	return parse_authority(text, bytes, "80", target);
}

static const char *parse_unix(const char *path, struct load_target *target)
{
	if (!copy_part(target->unix_path, sizeof(target->unix_path), path, strlen(path)))
		return "a unix socket's path has 1 to 107 bytes";
	return NULL;
}

const char *load_target_parse(const char *text, struct load_target *ret_target)
{
	struct load_target target = { .protocol = LOAD_ECHO };
	const char *words;

	if (has_prefix(text, "http://"))
		words = parse_http(text + 7, &target);
	else if (has_prefix(text, "https://"))
		words = "https is not spoken here; only http";
	else if (has_prefix(text, "unix:"))
		words = parse_unix(text + 5, &target);
	else if (text[0] == '/' || text[0] == '@')
		words = parse_unix(text, &target);
	else if (has_prefix(text, "tcp://"))
		words = parse_authority(text + 6, strlen(text + 6), NULL, &target);
	else if (strstr(text, "://"))
		words = "it begins with tcp://, unix: or http://";
	else
		words = parse_authority(text, strlen(text), NULL, &target);
	if (!words)
		*ret_target = target;
	return words;
}

void load_target_describe(const struct load_target *target, char *text, size_t bytes)
{
	bool is_v6 = strchr(target->host, ':') != NULL;
	const char *scheme = target->protocol == LOAD_HTTP ? "http://" : "tcp://";

	if (target->unix_path[0] && target->protocol == LOAD_HTTP)
		snprintf(text, bytes, "http over unix:%s, %s", target->unix_path, target->resource);
	else if (target->unix_path[0])
		snprintf(text, bytes, "unix:%s", target->unix_path);
	else
		snprintf(text, bytes, "%s%s%s%s:%s%s", scheme, is_v6 ? "[" : "", target->host,
			 is_v6 ? "]" : "", target->service, target->resource);
}
