/* SPDX-License-Identifier: MIT */
/* Keys: what names a task in a keyed group, or a call in a single flight. */
#ifndef COIL_KEY_H
#define COIL_KEY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Bytes or a number; made by the functions below, passed by value. Who keeps a key copies its
 * bytes. A number equals no bytes.
 */
struct coil_key {
	const void *bytes; /* NULL: a number */
	size_t size;
	uint64_t number;
};

/**
 * coil_key_text - a key of text
 * @text: ends with a zero byte; must stay until the function that the key is passed to has returned
 *
 * May be called anywhere. Does not suspend.
 * Return: the key.
 * Since 0.1.
 */
struct coil_key coil_key_text(const char *text);

/**
 * coil_key_bytes - a key of bytes
 * @bytes: @size of them; as coil_key_text
 * @size:  bytes, may be 0
 *
 * May be called anywhere. Does not suspend. Equal to the key of a text of the same bytes.
 * Return: the key.
 * Since 0.1.
 */
struct coil_key coil_key_bytes(const void *bytes, size_t size);

/**
 * coil_key_number - a key that is a number
 * @number: any
 *
 * May be called anywhere. Does not suspend.
 * Return: the key.
 * Since 0.1.
 */
struct coil_key coil_key_number(uint64_t number);

/* A place in a table of keys. Private. */
struct coil_key_node {
	struct coil_key_node *next;
	uint64_t hash;
	struct coil_key key;
};

/* What is found by its key. Private. */
struct coil_key_table {
	struct coil_key_node **buckets;
	uint32_t bucket_count; /* 0 or a power of two */
	uint32_t count;
	uint64_t seed;
};

#ifdef __cplusplus
}
#endif

#endif
