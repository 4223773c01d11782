/* SPDX-License-Identifier: MIT */
/* Symbol tables. See names.h. A file may be anything: each step inside of it is checked. */
#include "see/names.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "ring/calls.h"

#define MODULES_MAX 2u
#define FUNCTIONS_MAX ((size_t)1 << 20)

struct function {
	uint64_t begin;
	uint32_t bytes;
	uint32_t name; /* offset among the strings */
};

/* A file in memory, for the rest of the process. */
struct module {
	uintptr_t bias; /* what its addresses are moved by */
	uintptr_t end;	/* of its code, so moved */
	const char *map;
	size_t map_bytes;
	const char *strings;
	size_t strings_bytes;
	struct function *functions; /* sorted */
	size_t count;
};

static struct module modules[MODULES_MAX];
static _Atomic unsigned modules_count;

/* -- Reading a file ------------------------------------------------------------------------------
 */

/* A range of the file; NULL if it has none. */
static const void *range(const struct module *module, uint64_t offset, uint64_t bytes)
{
	if (offset > module->map_bytes || bytes > module->map_bytes - offset || offset % 8 != 0)
		return NULL;
	return module->map + offset;
}

static const ElfW(Shdr) *sections_of(const struct module *module, unsigned *ret_count)
{
	const ElfW(Ehdr) *head = range(module, 0, sizeof *head);

	if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
	    head->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    head->e_shentsize != sizeof(ElfW(Shdr)))
		return NULL;
	*ret_count = head->e_shnum;
	return range(module, head->e_shoff, (uint64_t)head->e_shnum * sizeof(ElfW(Shdr)));
}

/* The strings are no table of words: any offset will do, and the file's end ends them. */
static bool take_strings(struct module *module, const ElfW(Shdr) *strings)
{
	if (strings->sh_offset > module->map_bytes ||
	    strings->sh_size > module->map_bytes - strings->sh_offset || strings->sh_size == 0)
		return false;
	module->strings = module->map + strings->sh_offset;
	module->strings_bytes = strings->sh_size;
	return module->strings[module->strings_bytes - 1] == '\0';
}

static int compare(const void *a, const void *b)
{
	const struct function *left = a;
	const struct function *right = b;

	return (left->begin > right->begin) - (left->begin < right->begin);
}

static void take_functions(struct module *module, const ElfW(Sym) *symbols, size_t count)
{
	if (count > FUNCTIONS_MAX)
		return;
	module->functions = alloc_libc.alloc(NULL, count * sizeof *module->functions);
	for (size_t i = 0; i < count && module->functions; i++) {
		const ElfW(Sym) *symbol = &symbols[i];

		if ((symbol->st_info & 15) != STT_FUNC || symbol->st_shndx == SHN_UNDEF ||
		    symbol->st_name >= module->strings_bytes)
			continue;
		module->functions[module->count++] = (struct function){
			symbol->st_value, (uint32_t)symbol->st_size, symbol->st_name
		};
	}
	if (module->count > 0)
		qsort(module->functions, module->count, sizeof *module->functions, compare);
}

static void read_symbols(struct module *module)
{
	unsigned count = 0;
	const ElfW(Shdr) *sections = sections_of(module, &count);

	for (unsigned i = 0; sections && i < count; i++) {
		const ElfW(Shdr) *table = &sections[i];
		const void *symbols;

		if (table->sh_type != SHT_SYMTAB || table->sh_entsize != sizeof(ElfW(Sym)) ||
		    table->sh_link >= count || !take_strings(module, &sections[table->sh_link]))
			continue;
		symbols = range(module, table->sh_offset, table->sh_size);
		if (symbols)
			take_functions(module, symbols, table->sh_size / sizeof(ElfW(Sym)));
		return;
	}
}

/* -- Which files ---------------------------------------------------------------------------------
 */

static uintptr_t end_of(const struct dl_phdr_info *info)
{
	uintptr_t end = 0;

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && (part->p_flags & PF_X) &&
		    part->p_vaddr + part->p_memsz > end)
			end = part->p_vaddr + part->p_memsz;
	}
	return info->dlpi_addr + end;
}

static void add_module(const char *path, const struct dl_phdr_info *info)
{
	unsigned count = atomic_load(&modules_count);
	struct module *module = &modules[count];

	if (count == MODULES_MAX)
		return;
	module->bias = info->dlpi_addr;
	module->end = end_of(info);
	module->map = call_map_file(path, &module->map_bytes);
	if (!module->map)
		return;
	read_symbols(module);
	atomic_store(&modules_count, count + 1);
}

/* The first one is the program itself, the only one without a name. */
static int visit(struct dl_phdr_info *info, size_t bytes, void *own_path)
{
	(void)bytes;
	if (info->dlpi_name[0] == '\0' && atomic_load(&modules_count) == 0)
		add_module("/proc/self/exe", info);
	else if (own_path && strcmp(info->dlpi_name, own_path) == 0)
		add_module(own_path, info);
	return 0;
}

static void load(void)
{
	Dl_info own;

	if (!dladdr((void *)(uintptr_t)names_load, &own))
		own.dli_fname = NULL;
	dl_iterate_phdr(visit, (void *)(uintptr_t)own.dli_fname);
}

void names_load(void)
{
	static pthread_once_t loaded = PTHREAD_ONCE_INIT;

	pthread_once(&loaded, load);
}

/* -- Finding -------------------------------------------------------------------------------------
 */

static const char *find_in(const struct module *module, uint64_t at, size_t *ret_offset)
{
	size_t low = 0;
	size_t high = module->count;
	const struct function *function;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (module->functions[middle].begin <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	function = &module->functions[low - 1];
	/* Assembly without a size reaches to the next function. */
	if (function->bytes && at - function->begin > function->bytes)
		return NULL;
	*ret_offset = (size_t)(at - function->begin);
	return module->strings + function->name;
}

const char *names_find(const void *address, size_t *ret_offset)
{
	unsigned count = atomic_load(&modules_count);

	for (unsigned i = 0; i < count; i++) {
		const struct module *module = &modules[i];
		uintptr_t at = (uintptr_t)address;

		if (at >= module->bias && at < module->end)
			return find_in(module, at - module->bias, ret_offset);
	}
	return NULL;
}
