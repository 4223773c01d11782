/* SPDX-License-Identifier: MIT */
/*
 * Thousands of random calls (disk_script.c) on both kernels: each answer must be the same. And
 * again in simulations where all takes its time and its own order, which no answer may show.
 */
#include "sim/disk_rig.h"

#include <coil/file.h>
#include <coil/path.h>
#include <coil/run.h>
#include <coil/sim.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "sim/disk_script.h"

#define SCRIPTS 60
#define FIRST_SEED 1

static struct script real[SCRIPTS], simulated[SCRIPTS];

/* Each script gets a directory two below ours: what it can reach of it by ".." is its own. */
static void play_all(const struct place *at, struct script *scripts)
{
	char path[32];

	for (int i = 0; i < SCRIPTS; i++) {
		snprintf(path, sizeof path, "%d", i);
		EXPECT_EQ(coil_mkdirat(at->dirfd, path, 0755), 0);
		snprintf(path, sizeof path, "%d/in", i);
		EXPECT_EQ(coil_mkdirat(at->dirfd, path, 0755), 0);
		scripts[i].seed = FIRST_SEED + (uint64_t)i;
		scripts[i].dirfd = coil_openat(at->dirfd, path, O_PATH | O_CLOEXEC, 0);
		script_run(&scripts[i]);
		EXPECT_EQ(coil_close(scripts[i].dirfd), 0);
	}
}

static void play_really(const struct place *at)
{
	play_all(at, real);
}

static void play_simulated(const struct place *at)
{
	play_all(at, simulated);
}

/* The first difference of each script: what comes after it says nothing. */
static void compare(void)
{
	for (int i = 0; i < SCRIPTS; i++) {
		for (int step = 0; step < SCRIPT_STEPS; step++) {
			const struct script_step *left = &real[i].steps[step];
			const struct script_step *right = &simulated[i].steps[step];

			if (left->answer == right->answer && !strcmp(left->text, right->text))
				continue;
			fprintf(stderr, "script %d, step %d: \"%s\": %ld really, \"%s\": %ld\n",
				FIRST_SEED + i, step, left->text, left->answer, right->text,
				right->answer);
			FAIL("the two kernels disagree");
			break;
		}
	}
}

TEST(disk_random, both_kernels_answer_alike)
{
	disk_on_real(play_really);
	disk_on_simulated(play_simulated);
	compare();
}

static int play_oddly(void *arg)
{
	struct place at = {
		.dirfd = coil_openat(AT_FDCWD, "/tmp", O_DIRECTORY | O_CLOEXEC, 0),
		.is_simulated = true,
	};

	(void)arg;
	play_all(&at, simulated);
	return coil_close(at.dirfd);
}

TEST(disk_random, time_and_order_change_no_answer)
{
	struct coil_sim_options options = {
		.size = sizeof options,
		.profile = COIL_SIM_ODD,
		.troubles = "SHORT_READ=0,SHORT_WRITE=0",
	};

	disk_on_real(play_really);
	for (options.seed = 1; options.seed <= 5; options.seed++) {
		EXPECT_EQ(coil_sim_run(&options, play_oddly, NULL), 0);
		compare();
	}
}
