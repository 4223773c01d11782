/* SPDX-License-Identifier: MIT */
/* Addresses in words. */
#ifndef COIL_SEE_SYMBOL_H
#define COIL_SEE_SYMBOL_H

#include "see/text.h"

/*
 * "0x5581 reader+0x1c (server+0x121c)": the function, where it is known, and the file with the
 * offset that addr2line(1) takes.
 */
void symbol_add(struct text *text, const void *address);

#endif
