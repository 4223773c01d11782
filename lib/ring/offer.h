/* SPDX-License-Identifier: MIT */
/*
 * What kernels have to offer, as one table: the name, the version it came with, and what is done
 * without it. The mask, coil-doctor and the fallbacks of operations all read it here.
 */
#ifndef COIL_RING_OFFER_H
#define COIL_RING_OFFER_H

#include <stdbool.h>
#include <stdint.h>

/* A kernel version that compares as a number: 6.12 is 0x060c. */
#define OFFER_VERSION(major, minor) ((unsigned)(major) << 8 | (unsigned)(minor))
#define OFFER_UNKNOWN 0xffffu
#define OFFER_FLOOR OFFER_VERSION(6, 1)
#define OFFER_OPCODES_MAX 64

/* Constants that the headers of liburing 2.9 lack. */
#define OFFER_FEAT_NO_IOWAIT (1u << 17)
#define OFFER_ENTER_NO_IOWAIT (1u << 7)
#define OFFER_MADV_GUARD_INSTALL 102

struct offer_feature {
	unsigned feature;	/* one bit of enum driver_feature */
	unsigned since;
	const char *name;
	const char *gain;	/* what it is good for */
	const char *without;	/* what is done where it is absent */
};

struct offer_setup_bit {
	unsigned bit;
	unsigned since;
	const char *name;
};

/* What is to be treated as absent. */
struct offer_mask {
	unsigned features;
	uint64_t opcodes;
};

/* The @index-th feature, or NULL after the last. */
const struct offer_feature *offer_feature(unsigned index);

/* The @index-th IORING_FEAT_ bit that the engine cannot live without, or NULL after the last. */
const struct offer_setup_bit *offer_required_bit(unsigned index);

/* "ftruncate" for IORING_OP_FTRUNCATE; NULL for a number that this table does not know. */
const char *driver_opcode_name(unsigned opcode);

/*
 * The version that brought @opcode, as OFFER_VERSION; OFFER_UNKNOWN, newer than any, if the table
 * does not know.
 */
unsigned driver_opcode_since(unsigned opcode);

/* Can the engine live without it? Most can be replaced by another operation or a helper thread. */
bool offer_opcode_is_required(unsigned opcode);

/*
 * Reads a mask: names separated by commas. A feature ("no_sqarray"), an operation ("op:bind"), a
 * kernel version from 6.1 on ("6.6": what came later is absent), or "all": every feature, and each
 * operation newer than 6.1. 0, or -EINVAL with the first name that is none of these in @ret_word
 * and its length in @ret_length.
 */
int offer_mask_parse(const char *names, struct offer_mask *ret_mask, const char **ret_word,
		     unsigned *ret_length);

#endif
