/* SPDX-License-Identifier: MIT */
/* The table of offers, the mask, and that a ring works whatever is masked. */
#include "ring/rig.h"

#include "ring/offer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct offer_mask parse(const char *names)
{
	struct offer_mask mask = {0};
	const char *word = NULL;
	unsigned length = 0;

	EXPECT_EQ(offer_mask_parse(names, &mask, &word, &length), 0);
	EXPECT(word == NULL);
	return mask;
}

static bool hides(struct offer_mask mask, unsigned opcode)
{
	return (mask.opcodes >> opcode & 1) != 0;
}

TEST(mask, each_feature_has_its_name)
{
	const struct offer_feature *feature;
	unsigned all = 0;

	for (unsigned i = 0; (feature = offer_feature(i)) != NULL; i++) {
		EXPECT_EQ(parse(feature->name).features, feature->feature);
		EXPECT_EQ(parse(feature->name).opcodes, 0);
		EXPECT_EQ(all & feature->feature, 0);
		EXPECT_GE(feature->since, OFFER_VERSION(5, 1));
		all |= feature->feature;
	}
	EXPECT_EQ(all, 0x7fff);
	EXPECT_EQ(parse("all").features, all);
}

TEST(mask, each_operation_has_its_name)
{
	char word[64];

	for (unsigned opcode = 0; opcode <= 62; opcode++) {
		ASSERT(driver_opcode_name(opcode) != NULL);
		snprintf(word, sizeof word, "op:%s", driver_opcode_name(opcode));
		EXPECT_EQ(parse(word).opcodes, UINT64_C(1) << opcode);
		EXPECT_EQ(parse(word).features, 0);
		EXPECT_LT(driver_opcode_since(opcode), OFFER_VERSION(6, 20));
	}
	EXPECT(driver_opcode_name(63) == NULL);
	EXPECT(driver_opcode_name(1000) == NULL);
	EXPECT_EQ(driver_opcode_since(63), OFFER_UNKNOWN);
	EXPECT(!offer_opcode_is_required(1000));
}

TEST(mask, a_version_hides_what_is_newer_and_only_that)
{
	EXPECT(hides(parse("6.1"), IORING_OP_FUTEX_WAIT));
	EXPECT(!hides(parse("6.1"), IORING_OP_SENDMSG_ZC));
	EXPECT_EQ(parse("6.1").features,
		  DRIVER_NO_SQARRAY | DRIVER_NO_IOWAIT | DRIVER_GUARD_INSTALL | DRIVER_MIN_WAIT |
			  DRIVER_MULTISHOT_ACCEPT | DRIVER_DIRECT);
	EXPECT(hides(parse("6.6"), IORING_OP_WAITID));
	EXPECT_EQ(parse("6.6").features, DRIVER_NO_IOWAIT | DRIVER_GUARD_INSTALL | DRIVER_MIN_WAIT |
						 DRIVER_MULTISHOT_ACCEPT | DRIVER_DIRECT);
	EXPECT(!hides(parse("6.8"), IORING_OP_FIXED_FD_INSTALL));
	EXPECT(hides(parse("6.8"), IORING_OP_FTRUNCATE));
	EXPECT(!hides(parse("6.12"), IORING_OP_LISTEN));
	EXPECT(hides(parse("6.12"), 62));
	EXPECT(hides(parse("6.18"), 63));
	EXPECT(!hides(parse("6.18"), 62));
	EXPECT_EQ(parse("all").opcodes, parse("6.1").opcodes);
}

TEST(mask, names_add_up_and_empty_ones_are_nothing)
{
	struct offer_mask mask = parse(",no_iowait,,op:bind,6.12,");

	EXPECT(hides(mask, IORING_OP_BIND));
	EXPECT(!hides(mask, IORING_OP_LISTEN));
	EXPECT_EQ(mask.features, DRIVER_NO_IOWAIT | DRIVER_GUARD_INSTALL);
	EXPECT_EQ(parse("").opcodes, 0);
}

TEST(mask, what_is_no_name_is_pointed_at)
{
	static const char *const wrong[] = {
		"nonsense", "6",     "6.",      "6.x",  "5.15", "6.0", "6.1234", "6.999",
		"999.1",    "op:",   "op:nope", "NO_SQARRAY",   " all", "op:bind ", ".6",
		"a_name_that_is_longer_than_any_that_this_table_could_ever_have",
	};
	struct offer_mask mask = {.features = 77};
	const char *word;
	unsigned length;
	char names[128];

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		snprintf(names, sizeof names, "6.6,%s,all", wrong[i]);
		EXPECT_EQ(offer_mask_parse(names, &mask, &word, &length), -EINVAL);
		EXPECT_EQ(length, strlen(wrong[i]));
		EXPECT(strncmp(word, wrong[i], length) == 0);
	}
	EXPECT_EQ(mask.features, 77);
}

TEST(mask, an_unknown_name_is_refused_in_words)
{
	struct rig rig;

	EXPECT_EQ(rig_try_open(&rig, 8, 16, "no_iowait,op:frobnicate"), -EINVAL);
	EXPECT(strstr(driver_refusal(), "COIL_KERNEL_MASK") != NULL);
	EXPECT(strstr(driver_refusal(), "\"op:frobnicate\"") != NULL);
	ASSERT_EQ(rig_try_open(&rig, 8, 16, ""), 0);
	EXPECT_STR_EQ(driver_refusal(), "");
	rig_close(&rig);
}

TEST(mask, comes_from_the_environment_unless_given)
{
	struct rig rig;

	setenv("COIL_KERNEL_MASK", "op:ftruncate,taskrun_flag", 1);
	ASSERT_EQ(rig_try_open(&rig, 8, 16, NULL), 0);
	EXPECT_EQ(rig.driver->opcodes >> IORING_OP_FTRUNCATE & 1, 0);
	EXPECT_EQ(rig.driver->features & DRIVER_TASKRUN_FLAG, 0);
	rig_close(&rig);
	ASSERT_EQ(rig_try_open(&rig, 8, 16, "no_sqarray"), 0);
	EXPECT_EQ(rig.driver->features & DRIVER_NO_SQARRAY, 0);
	rig_close(&rig);
	setenv("COIL_KERNEL_MASK", "rubbish", 1);
	EXPECT_EQ(rig_try_open(&rig, 8, 16, NULL), -EINVAL);
}

TEST(mask, an_operation_that_is_needed_cannot_be_missed)
{
	struct rig rig;

	EXPECT_EQ(rig_try_open(&rig, 8, 16, "op:accept"), -EOPNOTSUPP);
	EXPECT(strstr(driver_refusal(), "lacks the io_uring operation accept") != NULL);
}

TEST(mask, everything_masked_leaves_a_ring_with_nothing_but_the_base)
{
	struct rig rig;

	ASSERT_EQ(rig_try_open(&rig, 8, 16, "all"), 0);
	EXPECT_EQ(rig.driver->features, 0);
	EXPECT_EQ(rig.driver->opcodes & parse("all").opcodes, 0);
	rig_close(&rig);
}

static void *wake(void *arg)
{
	struct driver *driver = arg;

	driver->ops->wake(driver);
	return NULL;
}

/*
 * What each turn of a loop does: NOPs more than fit, a wake by another thread, a wait with an end.
 */
static void exercise(struct rig *rig)
{
	struct tally tally = tally_new();
	struct tally woken = tally_new();
	uint64_t wakes = 0;
	int64_t before;
	pthread_t thread;

	for (int i = 0; i < 100; i++) {
		if (!ring_room(&rig->ring))
			EXPECT_EQ(ring_enter(&rig->ring, false, 0), 0);
		push_nop(&rig->ring, &tally);
	}
	drain(&rig->ring);
	EXPECT_EQ(tally.count, 100);
	push_read(&rig->ring, &woken, rig->driver->wake_fd, &wakes, sizeof wakes);
	EXPECT_EQ(ring_enter(&rig->ring, false, 0), 0);
	ASSERT_EQ(pthread_create(&thread, NULL, wake, rig->driver), 0);
	await_tally(&rig->ring, &woken);
	pthread_join(thread, NULL);
	EXPECT_EQ(wakes, 1);
	before = clock_now();
	EXPECT_EQ(ring_enter(&rig->ring, true, 2000000), 0);
	EXPECT_GE(clock_now() - before, 2000000);
}

static void works_under(const char *names)
{
	struct offer_mask mask = parse(names);
	struct rig rig;

	if (rig_try_open(&rig, 8, 16, names) != 0) {
		FAIL(driver_refusal());
		return;
	}
	EXPECT_EQ(rig.driver->features & mask.features, 0);
	EXPECT_EQ(rig.driver->opcodes & mask.opcodes, 0);
	exercise(&rig);
	rig_close(&rig);
}

TEST(mask, a_ring_works_without_any_one_feature)
{
	const struct offer_feature *feature;

	for (unsigned i = 0; (feature = offer_feature(i)) != NULL; i++)
		works_under(feature->name);
}

TEST(mask, a_ring_works_as_on_each_kernel)
{
	static const char *const kernels[] = {"", "6.18", "6.12", "6.8", "6.6", "6.1", "all"};

	for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
		works_under(kernels[i]);
}

TEST(mask, a_ring_works_on_every_rung_of_the_ladder)
{
	works_under("no_sqarray,defer_taskrun");
	works_under("no_sqarray,single_issuer");
	works_under("defer_taskrun,coop_taskrun");
	works_under("single_issuer,coop_taskrun,submit_all");
	works_under("no_sqarray,registered_ring,no_iowait");
}
