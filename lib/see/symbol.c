/* SPDX-License-Identifier: MIT */
/* Addresses in words. See symbol.h. */
#include "see/symbol.h"

#include <dlfcn.h>
#include <string.h>

#include "see/names.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void symbol_add(struct text *text, const void *address)
{
	size_t offset;
	const char *name = names_find(address, &offset);
	Dl_info info;

	text_hex(text, (uintptr_t)address);
	if (!dladdr(address, &info) || !info.dli_fname)
		return;
	if (!name && info.dli_sname) {
		name = info.dli_sname;
		offset = (uintptr_t)address - (uintptr_t)info.dli_saddr;
	}
	if (name) {
		text_add(text, " ");
		text_add(text, name);
		text_add(text, "+");
		text_hex(text, offset);
	}
	text_add(text, " (");
	text_add(text, base_name(info.dli_fname));
	text_add(text, "+");
	text_hex(text, (uintptr_t)address - (uintptr_t)info.dli_fbase);
	text_add(text, ")");
}
