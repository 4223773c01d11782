/* SPDX-License-Identifier: MIT */
/*
 * Names of functions that the dynamic symbols lack: static ones, and all of a program that was
 * linked without -rdynamic. They are read from the symbol tables of the program's file and of the
 * library's own, where these were not stripped.
 */
#ifndef COIL_SEE_NAMES_H
#define COIL_SEE_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* Once in a process, outside of signal handlers; what was not loaded has no names. */
void names_load(void);

/* The function at @address, and how far into it that is; NULL if it is not known. May be called in
 * a signal handler. */
const char *names_find(const void *address, size_t *ret_offset);

#endif
