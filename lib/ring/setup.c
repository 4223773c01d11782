/* SPDX-License-Identifier: MIT */
/*
 * The ladder: first everything, then, each time that the kernel says EINVAL, without what is
 * newest. Any other error is final: without memory, fds or permission fewer flags would not help,
 * and would hide the cause.
 *
 * liburing's io_uring_queue_init_params would try NO_SQARRAY by itself; io_uring_setup and
 * io_uring_queue_mmap, of which it consists, leave that to us.
 */
#include "ring/setup.h"

#include "base/check.h"
#include "ring/hooks.h"
#include "ring/offer.h"
#include "ring/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MASK_VARIABLE "COIL_KERNEL_MASK"
#define SETUP_FEATURES                                                                             \
	(DRIVER_NO_SQARRAY | DRIVER_DEFER_TASKRUN | DRIVER_COOP_TASKRUN | DRIVER_TASKRUN_FLAG |    \
	 DRIVER_SINGLE_ISSUER | DRIVER_SUBMIT_ALL)

static const struct {
	unsigned feature;
	unsigned flag;
} setup_flags[] = {
	{DRIVER_NO_SQARRAY, IORING_SETUP_NO_SQARRAY},
	{DRIVER_DEFER_TASKRUN, IORING_SETUP_DEFER_TASKRUN},
	{DRIVER_COOP_TASKRUN, IORING_SETUP_COOP_TASKRUN},
	{DRIVER_TASKRUN_FLAG, IORING_SETUP_TASKRUN_FLAG},
	{DRIVER_SINGLE_ISSUER, IORING_SETUP_SINGLE_ISSUER},
	{DRIVER_SUBMIT_ALL, IORING_SETUP_SUBMIT_ALL},
};

/* What each rung of the ladder goes without. */
static const unsigned ladder[] = {
	0,
	DRIVER_NO_SQARRAY,						/* Kernel < 6.6 */
	DRIVER_NO_SQARRAY | DRIVER_DEFER_TASKRUN,			/* Kernel < 6.1 */
	DRIVER_NO_SQARRAY | DRIVER_DEFER_TASKRUN | DRIVER_SINGLE_ISSUER, /* Kernel < 6.0 */
	SETUP_FEATURES,							/* Kernel < 5.19 */
};

#define RUNGS (sizeof ladder / sizeof ladder[0])

/* Drops what makes no sense, or is refused, without another one. */
static unsigned consistent(unsigned features)
{
	if (!(features & DRIVER_SINGLE_ISSUER))
		features &= ~(unsigned)DRIVER_DEFER_TASKRUN;
	if (features & DRIVER_DEFER_TASKRUN)
		features &= ~(unsigned)DRIVER_COOP_TASKRUN;
	if (!(features & (DRIVER_DEFER_TASKRUN | DRIVER_COOP_TASKRUN)))
		features &= ~(unsigned)DRIVER_TASKRUN_FLAG;
	return features;
}

static unsigned flags_of(unsigned features)
{
	unsigned flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;

	for (size_t i = 0; i < sizeof setup_flags / sizeof setup_flags[0]; i++)
		if (features & setup_flags[i].feature)
			flags |= setup_flags[i].flag;
	return flags;
}

static unsigned power_of_two(unsigned entries)
{
	unsigned power = 1;

	while (power < entries)
		power *= 2;
	return power;
}

uint64_t setup_ring_bytes(unsigned sq_entries, unsigned cq_entries)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t sq = power_of_two(sq_entries);
	uint64_t cq = power_of_two(cq_entries);
	uint64_t sqes = sq * sizeof(struct io_uring_sqe);
	/*
	 * Heads, tails and masks take four cache lines before the CQEs, the index array 4 bytes an
	 * SQE after.
	 */
	uint64_t rings = 256 + cq * sizeof(struct io_uring_cqe) + sq * sizeof(uint32_t);

	return (sqes + page - 1) / page * page + (rings + page - 1) / page * page;
}

/* SQEs are written in ring order, so that the array, where there is one, never changes. */
static void fill_index_array(struct io_uring *uring)
{
	check(uring->sq.array != NULL);
	for (unsigned i = 0; i < *uring->sq.kring_entries; i++)
		uring->sq.array[i] = i;
}

/* For ThreadSanitizer alone. */
static char all_rings;

/* One attempt with exactly these features. 0 or a negative errno. */
static int try_setup(struct io_uring *uring, unsigned features, unsigned sq_entries,
		     unsigned cq_entries)
{
	struct io_uring_params params = {.flags = flags_of(features), .cq_entries = cq_entries};
	int fd = io_uring_setup(sq_entries, &params);
	int rc;

	if (fd < 0)
		return fd;
	rc = io_uring_queue_mmap(fd, &params, uring);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	hooks_mapped_ring(&all_rings);
	uring->ring_fd = fd;
	uring->enter_ring_fd = fd;
	uring->flags = params.flags;
	uring->features = params.features;
	if (!(features & DRIVER_NO_SQARRAY))
		fill_index_array(uring);
	return 0;
}

static int climb_down(struct setup_ring *ring, unsigned allowed, unsigned sq_entries,
		      unsigned cq_entries)
{
	int rc = -EINVAL;
	unsigned tried = UINT32_MAX;

	for (size_t rung = 0; rung < RUNGS && rc == -EINVAL; rung++) {
		unsigned features = consistent(allowed & ~ladder[rung]);

		if (features == tried)
			continue;
		tried = features;
		rc = try_setup(&ring->uring, features, sq_entries, cq_entries);
		ring->features = features;
	}
	return rc;
}

static int set_up(struct setup_ring *ring, const struct driver_options *options, unsigned allowed)
{
	struct refusal_facts facts = {.step = REFUSAL_SETUP};
	unsigned smallest = power_of_two(options->sq_entries);
	unsigned cq_entries = options->cq_entries;
	int rc = climb_down(ring, allowed, options->sq_entries, cq_entries);

	if (rc == -ENOMEM && cq_entries > smallest) {
		cq_entries = smallest;
		rc = climb_down(ring, allowed, options->sq_entries, cq_entries);
	}
	if (rc == 0)
		return 0;
	facts.ring_bytes = setup_ring_bytes(options->sq_entries, cq_entries);
	return refusal_note(rc, &facts);
}

static int lacks(const char *what, const char *name)
{
	char missing[64];
	struct refusal_facts facts = {.step = REFUSAL_KERNEL, .missing = missing};

	snprintf(missing, sizeof missing, "%s %s", what, name);
	return refusal_note(-EOPNOTSUPP, &facts);
}

static int require_bits(const struct io_uring *uring)
{
	const struct offer_setup_bit *required;

	for (unsigned i = 0; (required = offer_required_bit(i)) != NULL; i++)
		if (!(uring->features & required->bit))
			return lacks("the io_uring feature", required->name);
	return 0;
}

static int require_opcodes(uint64_t opcodes)
{
	for (unsigned opcode = 0; opcode < OFFER_OPCODES_MAX; opcode++)
		if (offer_opcode_is_required(opcode) && !(opcodes >> opcode & 1))
			return lacks("the io_uring operation", driver_opcode_name(opcode));
	return 0;
}

static int probe_opcodes(struct io_uring *uring, uint64_t *ret_opcodes)
{
	struct refusal_facts facts = {.step = REFUSAL_REGISTER};
	union {
		struct io_uring_probe head;
		unsigned char room[sizeof(struct io_uring_probe) +
				   OFFER_OPCODES_MAX * sizeof(struct io_uring_probe_op)];
	} probe;
	uint64_t opcodes = 0;
	int rc;

	memset(&probe, 0, sizeof probe); /* the kernel asks for that */
	rc = io_uring_register_probe(uring, &probe.head, OFFER_OPCODES_MAX);
	if (rc < 0)
		return refusal_note(rc, &facts);
	for (unsigned opcode = 0; opcode < OFFER_OPCODES_MAX; opcode++)
		if (io_uring_opcode_supported(&probe.head, (int)opcode))
			opcodes |= UINT64_C(1) << opcode;
	*ret_opcodes = opcodes;
	return 0;
}

static int examine(struct setup_ring *ring, uint64_t absent)
{
	int rc = require_bits(&ring->uring);

	if (rc == 0)
		rc = probe_opcodes(&ring->uring, &ring->opcodes);
	if (rc < 0)
		return rc;
	ring->opcodes &= ~absent;
	return require_opcodes(ring->opcodes);
}

/*
 * No group has that number, which only a kernel that knows of groups can say. Multishot receives
 * have no bit of their own; they came with zero-copy sends.
 */
static unsigned receive_features(struct setup_ring *ring, unsigned allowed)
{
	unsigned features = 0;

	if (!(allowed & DRIVER_BUFFER_RINGS) ||
	    io_uring_unregister_buf_ring(&ring->uring, UINT16_MAX) != -ENOENT)
		return 0;
	features |= DRIVER_BUFFER_RINGS;
	if ((allowed & DRIVER_RECV_MULTISHOT) && (ring->opcodes >> IORING_OP_SEND_ZC & 1))
		features |= DRIVER_RECV_MULTISHOT;
	return features;
}

/* What only an open ring can tell: whether these two registrations are taken. */
static unsigned register_extras(struct setup_ring *ring, const struct driver_options *options,
				unsigned allowed)
{
	struct io_uring *uring = &ring->uring;
	unsigned workers[2] = {options->workers_bounded, options->workers_unbounded};
	unsigned features = 0;

	/* The task's table has 16 places; the 17th ring of a thread enters by its fd. */
	if ((allowed & DRIVER_REGISTERED_RING) && io_uring_register_ring_fd(uring) == 1)
		features |= DRIVER_REGISTERED_RING;
	if ((allowed & DRIVER_IOWQ_LIMITS) &&
	    io_uring_register_iowq_max_workers(uring, workers) == 0)
		features |= DRIVER_IOWQ_LIMITS;
	if ((allowed & DRIVER_NO_IOWAIT) && (uring->features & OFFER_FEAT_NO_IOWAIT))
		features |= DRIVER_NO_IOWAIT;
	if ((allowed & DRIVER_MIN_WAIT) && (uring->features & IORING_FEAT_MIN_TIMEOUT))
		features |= DRIVER_MIN_WAIT;
	/* 5.19; until 6.8 it told of descriptors that were none when the CQ was full. */
	if ((allowed & DRIVER_MULTISHOT_ACCEPT) && (ring->opcodes >> IORING_OP_FTRUNCATE & 1))
		features |= DRIVER_MULTISHOT_ACCEPT;
	/* A file that could not be had by other calls would be no full one. */
	if ((allowed & DRIVER_DIRECT) && (ring->opcodes >> IORING_OP_FIXED_FD_INSTALL & 1))
		features |= DRIVER_DIRECT;
	return features;
}

static int read_mask(const char *names, struct offer_mask *ret_mask)
{
	const char *word;
	unsigned length;

	if (!names)
		names = secure_getenv(MASK_VARIABLE);
	if (!names || offer_mask_parse(names, ret_mask, &word, &length) == 0)
		return 0;
	return refusal_note_words(-EINVAL, MASK_VARIABLE ": there is no \"%.*s\"; a name is a "
				  "feature that coil-doctor lists, op:NAME, a kernel version from "
				  "6.1 on, or all",
				  (int)(length < 40 ? length : 40), word);
}

int setup_ring_open(struct setup_ring *ret_ring, const struct driver_options *options)
{
	struct setup_ring ring = {0};
	struct offer_mask absent = {0};
	unsigned allowed;
	int rc = read_mask(options->mask, &absent);

	check(options->sq_entries >= 1 && options->sq_entries <= 32768);
	check(options->cq_entries >= options->sq_entries);
	if (rc < 0)
		return rc;
	allowed = ~absent.features;
	rc = set_up(&ring, options, allowed & SETUP_FEATURES);
	if (rc < 0)
		return rc;
	/*
	 * A child of fork that touches these rings would ruin the parent's; so it gets none of this
	 * memory.
	 */
	rc = hooks_know_dontfork() ? io_uring_ring_dontfork(&ring.uring) : 0;
	if (rc < 0)
		refusal_note_words(rc, "madvise(MADV_DONTFORK) of the ring: %s",
				   strerrorname_np(-rc));
	else
		rc = examine(&ring, absent.opcodes);
	if (rc < 0) {
		setup_ring_close(&ring);
		return rc;
	}
	ring.absent = absent.features;
	ring.features |= register_extras(&ring, options, allowed) |
			 receive_features(&ring, allowed);
	*ret_ring = ring;
	return 0;
}

void setup_ring_close(struct setup_ring *ring)
{
	check(ring->uring.ring_fd >= 0);
	hooks_unmapping_ring(&all_rings);
	io_uring_queue_exit(&ring->uring);
	ring->uring.ring_fd = -1;
}
