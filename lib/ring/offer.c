/* SPDX-License-Identifier: MIT */
/* The table of what kernels offer, and the mask that takes parts of it away. */
#include "ring/offer.h"

#include "base/check.h"
#include "ring/driver.h"

#include <liburing/io_uring.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct offer_feature features[] = {
	{DRIVER_NO_SQARRAY, OFFER_VERSION(6, 6), "no_sqarray",
	 "SQEs are taken in ring order, 4 bytes each saved",
	 "an index array, filled once at set-up"},
	{DRIVER_DEFER_TASKRUN, OFFER_VERSION(6, 1), "defer_taskrun",
	 "completions are posted when the loop asks, not in between", "coop_taskrun"},
	{DRIVER_COOP_TASKRUN, OFFER_VERSION(5, 19), "coop_taskrun",
	 "no interrupts for completions", "the kernel interrupts the loop's thread"},
	{DRIVER_TASKRUN_FLAG, OFFER_VERSION(5, 19), "taskrun_flag",
	 "a flag in memory says when to enter", "each turn enters the kernel"},
	{DRIVER_SINGLE_ISSUER, OFFER_VERSION(6, 0), "single_issuer",
	 "the kernel knows that one thread submits", "no defer_taskrun either"},
	{DRIVER_SUBMIT_ALL, OFFER_VERSION(5, 18), "submit_all",
	 "a bad SQE does not stop its batch", "the rest goes with the next turn"},
	{DRIVER_REGISTERED_RING, OFFER_VERSION(5, 18), "registered_ring",
	 "entering needs no look-up of the fd", "entering by the fd"},
	{DRIVER_NO_IOWAIT, OFFER_VERSION(6, 15), "no_iowait",
	 "an idle loop is not counted as disk wait", "tools may show 100% iowait; harmless"},
	{DRIVER_GUARD_INSTALL, OFFER_VERSION(6, 13), "guard_install",
	 "guard pages without mappings of their own",
	 "mprotect; stacks bounded by vm.max_map_count"},
	{DRIVER_IOWQ_LIMITS, OFFER_VERSION(5, 15), "iowq_limits",
	 "bounds of the kernel's worker threads", "the kernel's own bounds"},
	{DRIVER_MIN_WAIT, OFFER_VERSION(6, 12), "min_wait",
	 "one enter for a chain, not one for each step", "each completion ends the wait"},
	{DRIVER_MULTISHOT_ACCEPT, OFFER_VERSION(6, 9), "multishot_accept",
	 "one accept for all connections", "an accept for each connection"},
	{DRIVER_DIRECT, OFFER_VERSION(6, 8), "direct",
	 "direct descriptors: files without a look-up in the process's table",
	 "normal descriptors"},
	{DRIVER_BUFFER_RINGS, OFFER_VERSION(5, 19), "buffer_rings",
	 "who waits for data holds no buffer", "a buffer waits with each receive"},
	{DRIVER_RECV_MULTISHOT, OFFER_VERSION(6, 0), "recv_multishot",
	 "one receive for many small messages", "a receive for each message"},
};

static const struct offer_setup_bit required_bits[] = {
	{IORING_FEAT_NODROP, OFFER_VERSION(5, 5), "NODROP"},
	{IORING_FEAT_SUBMIT_STABLE, OFFER_VERSION(5, 5), "SUBMIT_STABLE"},
	{IORING_FEAT_RW_CUR_POS, OFFER_VERSION(5, 6), "RW_CUR_POS"},
	{IORING_FEAT_FAST_POLL, OFFER_VERSION(5, 7), "FAST_POLL"},
	{IORING_FEAT_EXT_ARG, OFFER_VERSION(5, 11), "EXT_ARG"},
	{IORING_FEAT_NATIVE_WORKERS, OFFER_VERSION(5, 12), "NATIVE_WORKERS"},
	{IORING_FEAT_CQE_SKIP, OFFER_VERSION(5, 17), "CQE_SKIP"},
	{IORING_FEAT_LINKED_FILE, OFFER_VERSION(5, 17), "LINKED_FILE"},
};

static const struct {
	const char *name;
	unsigned since;
} operations[] = {
	[IORING_OP_NOP] = {"nop", OFFER_VERSION(5, 1)},
	[IORING_OP_READV] = {"readv", OFFER_VERSION(5, 1)},
	[IORING_OP_WRITEV] = {"writev", OFFER_VERSION(5, 1)},
	[IORING_OP_FSYNC] = {"fsync", OFFER_VERSION(5, 1)},
	[IORING_OP_READ_FIXED] = {"read_fixed", OFFER_VERSION(5, 1)},
	[IORING_OP_WRITE_FIXED] = {"write_fixed", OFFER_VERSION(5, 1)},
	[IORING_OP_POLL_ADD] = {"poll_add", OFFER_VERSION(5, 1)},
	[IORING_OP_POLL_REMOVE] = {"poll_remove", OFFER_VERSION(5, 1)},
	[IORING_OP_SYNC_FILE_RANGE] = {"sync_file_range", OFFER_VERSION(5, 2)},
	[IORING_OP_SENDMSG] = {"sendmsg", OFFER_VERSION(5, 3)},
	[IORING_OP_RECVMSG] = {"recvmsg", OFFER_VERSION(5, 3)},
	[IORING_OP_TIMEOUT] = {"timeout", OFFER_VERSION(5, 4)},
	[IORING_OP_TIMEOUT_REMOVE] = {"timeout_remove", OFFER_VERSION(5, 5)},
	[IORING_OP_ACCEPT] = {"accept", OFFER_VERSION(5, 5)},
	[IORING_OP_ASYNC_CANCEL] = {"async_cancel", OFFER_VERSION(5, 5)},
	[IORING_OP_LINK_TIMEOUT] = {"link_timeout", OFFER_VERSION(5, 5)},
	[IORING_OP_CONNECT] = {"connect", OFFER_VERSION(5, 5)},
	[IORING_OP_FALLOCATE] = {"fallocate", OFFER_VERSION(5, 6)},
	[IORING_OP_OPENAT] = {"openat", OFFER_VERSION(5, 6)},
	[IORING_OP_CLOSE] = {"close", OFFER_VERSION(5, 6)},
	[IORING_OP_FILES_UPDATE] = {"files_update", OFFER_VERSION(5, 6)},
	[IORING_OP_STATX] = {"statx", OFFER_VERSION(5, 6)},
	[IORING_OP_READ] = {"read", OFFER_VERSION(5, 6)},
	[IORING_OP_WRITE] = {"write", OFFER_VERSION(5, 6)},
	[IORING_OP_FADVISE] = {"fadvise", OFFER_VERSION(5, 6)},
	[IORING_OP_MADVISE] = {"madvise", OFFER_VERSION(5, 6)},
	[IORING_OP_SEND] = {"send", OFFER_VERSION(5, 6)},
	[IORING_OP_RECV] = {"recv", OFFER_VERSION(5, 6)},
	[IORING_OP_OPENAT2] = {"openat2", OFFER_VERSION(5, 6)},
	[IORING_OP_EPOLL_CTL] = {"epoll_ctl", OFFER_VERSION(5, 6)},
	[IORING_OP_SPLICE] = {"splice", OFFER_VERSION(5, 7)},
	[IORING_OP_PROVIDE_BUFFERS] = {"provide_buffers", OFFER_VERSION(5, 7)},
	[IORING_OP_REMOVE_BUFFERS] = {"remove_buffers", OFFER_VERSION(5, 7)},
	[IORING_OP_TEE] = {"tee", OFFER_VERSION(5, 8)},
	[IORING_OP_SHUTDOWN] = {"shutdown", OFFER_VERSION(5, 11)},
	[IORING_OP_RENAMEAT] = {"renameat", OFFER_VERSION(5, 11)},
	[IORING_OP_UNLINKAT] = {"unlinkat", OFFER_VERSION(5, 11)},
	[IORING_OP_MKDIRAT] = {"mkdirat", OFFER_VERSION(5, 15)},
	[IORING_OP_SYMLINKAT] = {"symlinkat", OFFER_VERSION(5, 15)},
	[IORING_OP_LINKAT] = {"linkat", OFFER_VERSION(5, 15)},
	[IORING_OP_MSG_RING] = {"msg_ring", OFFER_VERSION(5, 18)},
	[IORING_OP_FSETXATTR] = {"fsetxattr", OFFER_VERSION(5, 19)},
	[IORING_OP_SETXATTR] = {"setxattr", OFFER_VERSION(5, 19)},
	[IORING_OP_FGETXATTR] = {"fgetxattr", OFFER_VERSION(5, 19)},
	[IORING_OP_GETXATTR] = {"getxattr", OFFER_VERSION(5, 19)},
	[IORING_OP_SOCKET] = {"socket", OFFER_VERSION(5, 19)},
	[IORING_OP_URING_CMD] = {"uring_cmd", OFFER_VERSION(5, 19)},
	[IORING_OP_SEND_ZC] = {"send_zc", OFFER_VERSION(6, 0)},
	[IORING_OP_SENDMSG_ZC] = {"sendmsg_zc", OFFER_VERSION(6, 1)},
	[IORING_OP_READ_MULTISHOT] = {"read_multishot", OFFER_VERSION(6, 7)},
	[IORING_OP_WAITID] = {"waitid", OFFER_VERSION(6, 7)},
	[IORING_OP_FUTEX_WAIT] = {"futex_wait", OFFER_VERSION(6, 7)},
	[IORING_OP_FUTEX_WAKE] = {"futex_wake", OFFER_VERSION(6, 7)},
	[IORING_OP_FUTEX_WAITV] = {"futex_waitv", OFFER_VERSION(6, 7)},
	[IORING_OP_FIXED_FD_INSTALL] = {"fixed_fd_install", OFFER_VERSION(6, 8)},
	[IORING_OP_FTRUNCATE] = {"ftruncate", OFFER_VERSION(6, 9)},
	[IORING_OP_BIND] = {"bind", OFFER_VERSION(6, 11)},
	[IORING_OP_LISTEN] = {"listen", OFFER_VERSION(6, 11)},
	/* Newer than the headers of liburing 2.9. */
	[58] = {"recv_zc", OFFER_VERSION(6, 15)},
	[59] = {"epoll_wait", OFFER_VERSION(6, 15)},
	[60] = {"readv_fixed", OFFER_VERSION(6, 15)},
	[61] = {"writev_fixed", OFFER_VERSION(6, 15)},
	[62] = {"pipe", OFFER_VERSION(6, 16)},
};

#define FEATURES (sizeof features / sizeof features[0])
#define REQUIRED_BITS (sizeof required_bits / sizeof required_bits[0])
#define OPERATIONS (sizeof operations / sizeof operations[0])
#define WORD_MAX 32

_Static_assert(OPERATIONS <= OFFER_OPCODES_MAX, "opcodes are bits of a uint64_t");

#define BIT(opcode) (UINT64_C(1) << (opcode))

static const uint64_t required_opcodes =
	BIT(IORING_OP_NOP) | BIT(IORING_OP_POLL_ADD) | BIT(IORING_OP_SENDMSG) |
	BIT(IORING_OP_RECVMSG) | BIT(IORING_OP_ACCEPT) | BIT(IORING_OP_ASYNC_CANCEL) |
	BIT(IORING_OP_CONNECT) | BIT(IORING_OP_OPENAT) | BIT(IORING_OP_CLOSE) |
	BIT(IORING_OP_STATX) | BIT(IORING_OP_READ) | BIT(IORING_OP_WRITE) | BIT(IORING_OP_SEND) |
	BIT(IORING_OP_RECV);

const struct offer_feature *offer_feature(unsigned index)
{
	return index < FEATURES ? &features[index] : NULL;
}

const struct offer_setup_bit *offer_required_bit(unsigned index)
{
	return index < REQUIRED_BITS ? &required_bits[index] : NULL;
}

const char *driver_opcode_name(unsigned opcode)
{
	return opcode < OPERATIONS ? operations[opcode].name : NULL;
}

unsigned driver_opcode_since(unsigned opcode)
{
	return opcode < OPERATIONS ? operations[opcode].since : OFFER_UNKNOWN;
}

bool offer_opcode_is_required(unsigned opcode)
{
	return opcode < OFFER_OPCODES_MAX && (required_opcodes & BIT(opcode)) != 0;
}

static void mask_newer_opcodes(struct offer_mask *mask, unsigned version)
{
	for (unsigned opcode = 0; opcode < OFFER_OPCODES_MAX; opcode++)
		if (driver_opcode_since(opcode) > version)
			mask->opcodes |= BIT(opcode);
}

static void mask_newer_features(struct offer_mask *mask, unsigned version)
{
	for (unsigned i = 0; i < FEATURES; i++)
		if (features[i].since > version)
			mask->features |= features[i].feature;
}

static void mask_all(struct offer_mask *mask)
{
	mask_newer_features(mask, 0);
	mask_newer_opcodes(mask, OFFER_FLOOR);
}

/* Digits at @text, at most three, as a number; where they end. NULL if there are none. */
static const char *parse_number(const char *text, unsigned *ret_number)
{
	unsigned number = 0;
	unsigned digits = 0;

	for (; text[digits] >= '0' && text[digits] <= '9' && digits < 3; digits++)
		number = number * 10 + (unsigned)(text[digits] - '0');
	*ret_number = number;
	return digits ? text + digits : NULL;
}

/* "6.12" as OFFER_VERSION; 0 if the word is no version, or one below the floor. */
static unsigned parse_version(const char *word)
{
	unsigned major;
	unsigned minor;
	const char *rest = parse_number(word, &major);

	if (!rest || *rest != '.' || major > 0x7f)
		return 0;
	rest = parse_number(rest + 1, &minor);
	if (!rest || *rest || minor > 0xff || OFFER_VERSION(major, minor) < OFFER_FLOOR)
		return 0;
	return OFFER_VERSION(major, minor);
}

static bool mask_operation(struct offer_mask *mask, const char *name)
{
	for (unsigned opcode = 0; opcode < OPERATIONS; opcode++) {
		if (strcmp(name, operations[opcode].name) == 0) {
			mask->opcodes |= BIT(opcode);
			return true;
		}
	}
	return false;
}

static bool mask_feature(struct offer_mask *mask, const char *name)
{
	for (unsigned i = 0; i < FEATURES; i++) {
		if (strcmp(name, features[i].name) == 0) {
			mask->features |= features[i].feature;
			return true;
		}
	}
	return false;
}

static bool mask_word(struct offer_mask *mask, const char *word)
{
	unsigned version = parse_version(word);

	if (version) {
		mask_newer_features(mask, version);
		mask_newer_opcodes(mask, version);
		return true;
	}
	if (strcmp(word, "all") == 0) {
		mask_all(mask);
		return true;
	}
	if (strncmp(word, "op:", 3) == 0)
		return mask_operation(mask, word + 3);
	return mask_feature(mask, word);
}

int offer_mask_parse(const char *names, struct offer_mask *ret_mask, const char **ret_word,
		     unsigned *ret_length)
{
	struct offer_mask mask = {0};

	check(names != NULL);
	check(ret_mask != NULL);
	while (*names) {
		char word[WORD_MAX] = "";
		size_t length = strcspn(names, ",");

		if (length < sizeof word)
			memcpy(word, names, length);
		if (length > 0 && !mask_word(&mask, word)) {
			*ret_word = names;
			*ret_length = (unsigned)length;
			return -EINVAL;
		}
		names += length + (names[length] == ',');
	}
	*ret_mask = mask;
	return 0;
}
