/* SPDX-License-Identifier: MIT */
#include "sim/disk_rig.h"

#include <coil/file.h>
#include <coil/path.h>
#include <coil/run.h>
#include <coil/sim.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/loop.h"
#include "sim/sim.h"

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat;
	(void)type;
	(void)walk;
	return remove(path);
}

void disk_remove_all(const char *dir)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct run {
	disk_body *body;
	struct place at;
};

static int real_main(void *arg)
{
	struct run *run = arg;

	run->body(&run->at);
	return 0;
}

/* tmpfs, which the simulated disk takes after, where there is one. */
void disk_on_real(disk_body *body)
{
	char shm[] = "/dev/shm/coil-disk-XXXXXX", tmp[] = "/tmp/coil-disk-XXXXXX";
	struct run run = { .body = body };

	umask(022);
	run.at.dir = mkdtemp(shm);
	if (!run.at.dir)
		run.at.dir = mkdtemp(tmp);
	ASSERT(run.at.dir != NULL);
	run.at.dirfd = open(run.at.dir, O_DIRECTORY | O_CLOEXEC);
	EXPECT_EQ(coil_run(real_main, &run), 0);
	close(run.at.dirfd);
	disk_remove_all(run.at.dir);
}

static int simulated_main(void *arg)
{
	struct run *run = arg;

	EXPECT_EQ(coil_mkdirat(AT_FDCWD, "/tmp/place", 0755), 0);
	run->at.dir = "/tmp/place";
	run->at.dirfd = coil_openat(AT_FDCWD, run->at.dir, O_DIRECTORY | O_CLOEXEC, 0);
	EXPECT_GE(run->at.dirfd, 0);
	run->body(&run->at);
	EXPECT_EQ(coil_close(run->at.dirfd), 0);
	return 0;
}

void disk_on_simulated(disk_body *body)
{
	struct coil_sim_options options = { .size = sizeof options, .seed = 1 };
	struct run run = { .body = body, .at.is_simulated = true };

	EXPECT_EQ(coil_sim_run(&options, simulated_main, &run), 0);
}

bool disk_has_operation(unsigned opcode)
{
	return loop_current->driver->opcodes >> opcode & 1;
}

struct sim *disk_world(void)
{
	return sim_current();
}
