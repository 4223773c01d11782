/* SPDX-License-Identifier: MIT */
/* Files against arrays, and what a loss of power leaves. */
#include "scenario.h"

#include <fcntl.h>
#include <stdio.h>

#define FILE_BYTES 4000
#define STEPS 30

/* A file and what must be in it. */
struct shelf {
	unsigned char bytes[FILE_BYTES];
	int64_t size;
	int fd;
};

static int change(struct shelf *shelf)
{
	unsigned char piece[500];
	int64_t offset = coil_sim_pick(FILE_BYTES - (unsigned)sizeof piece);
	size_t n = 1 + coil_sim_pick(sizeof piece);
	int rc;

	fill_bytes(piece, n, coil_sim_pick(1000));
	rc = coil_pwrite(shelf->fd, piece, n, offset);
	if (rc < 0)
		return rc;
	HOLDS(rc > 0 && rc <= (int)n);
	memcpy(shelf->bytes + offset, piece, (size_t)rc);
	if (offset + rc > shelf->size)
		shelf->size = offset + rc;
	return 0;
}

static int look(struct shelf *shelf)
{
	unsigned char piece[500];
	int64_t offset = coil_sim_pick(FILE_BYTES);
	size_t n = 1 + coil_sim_pick(sizeof piece);
	int rc = coil_pread(shelf->fd, piece, n, offset);

	if (rc < 0)
		return rc;
	HOLDS(rc <= (int)n);
	HOLDS(rc == 0 || offset + rc <= shelf->size);
	HOLDS(rc > 0 || offset >= shelf->size);
	HOLDS(memcmp(piece, shelf->bytes + offset, (size_t)rc) == 0);
	return 0;
}

static int resize(struct shelf *shelf)
{
	int64_t size = coil_sim_pick(FILE_BYTES);
	int rc = coil_ftruncate(shelf->fd, size);

	if (rc < 0)
		return rc;
	if (size < shelf->size)
		memset(shelf->bytes + size, 0, (size_t)(shelf->size - size));
	shelf->size = size;
	return 0;
}

/* A name of its own: others may be at it at the same time. */
static int open_file(char *name, size_t bytes)
{
	snprintf(name, bytes, "/tmp/file-%u", (unsigned)coil_task_id(coil_self()));
	return coil_openat(AT_FDCWD, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

int scenario_file(void *arg)
{
	struct shelf *shelf = calloc(1, sizeof *shelf);
	char name[32];
	int rc = 0;

	(void)arg;
	if (!shelf)
		return 0;
	shelf->fd = open_file(name, sizeof name);
	for (int step = 0; step < STEPS && rc == 0 && shelf->fd >= 0; step++)
		switch (coil_sim_pick(8)) {
		case 0:
			rc = resize(shelf);
			break;
		case 1:
			coil_fsync(shelf->fd);
			break;
		case 2:
		case 3:
		case 4:
			rc = look(shelf);
			break;
		default:
			rc = change(shelf);
			break;
		}
	if (shelf->fd >= 0)
		coil_close(shelf->fd);
	free(shelf);
	return 0;
}

/* -- power ---------------------------------------------------------------------------------------
 */

static int sync_names(void)
{
	int fd = coil_openat(AT_FDCWD, "/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int rc = fd < 0 ? fd : coil_fsync(fd);

	if (fd >= 0)
		coil_close(fd);
	return rc;
}

/* How many bytes of the file are safe: those before the last fsync that succeeded. */
static int64_t write_safely(int fd)
{
	unsigned char piece[300];
	int64_t done = 0;
	int64_t safe = 0;

	for (unsigned i = coil_sim_pick(10); i > 0; i--) {
		size_t n = 1 + coil_sim_pick(sizeof piece);
		int rc;

		fill_bytes(piece, n, (uint64_t)done);
		rc = coil_pwrite(fd, piece, n, done);
		if (rc < 0)
			break;
		done += rc;
		if (pick_one_in(2) && coil_fsync(fd) == 0)
			safe = done;
	}
	return safe;
}

static void read_back(const char *name, int64_t safe)
{
	unsigned char piece[300];
	int64_t at = 0;
	int fd = coil_openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
	int rc = 1;

	HOLDS(fd != -ENOENT);
	while (fd >= 0 && at < safe && rc > 0) {
		rc = coil_pread(fd, piece, sizeof piece, at);
		HOLDS(rc != 0);
		for (int i = 0; i < rc && at + i < safe; i++)
			HOLDS(piece[i] == byte_at((uint64_t)(at + i)));
		at += rc > 0 ? rc : 0;
	}
	if (fd >= 0)
		coil_close(fd);
}

/* Losses of power, by whoever: the difference of two looks alone says anything. */
static unsigned losses;

int scenario_power(void *arg)
{
	char name[32];
	unsigned before = losses;
	int64_t safe = 0;
	int fd = open_file(name, sizeof name);
	bool has_name;

	(void)arg;
	if (fd < 0)
		return 0;
	safe = write_safely(fd);
	has_name = sync_names() == 0 && losses == before;
	coil_sim_power_loss();
	losses++;
	coil_close(fd);
	if (has_name)
		read_back(name, safe);
	return 0;
}
