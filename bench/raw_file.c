/* SPDX-License-Identifier: MIT */
/* See raw_file.h. */
#include "raw_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fill(int file, size_t bytes)
{
	char piece[4096];

	memset(piece, 'c', sizeof(piece));
	while (bytes > 0) {
		ssize_t n = write(file, piece, bytes < sizeof(piece) ? bytes : sizeof(piece));

		if (n < 0)
			return -errno;
		bytes -= (size_t)n;
	}
	return fsync(file) < 0 ? -errno : 0;
}

int raw_file_open(size_t bytes)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];
	int length = snprintf(path, sizeof(path), "%s/coil-bench-XXXXXX", folder ? folder : "/tmp");
	int file, rc;

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	file = mkostemp(path, O_CLOEXEC);
	if (file < 0)
		return -errno;
	unlink(path);
	rc = fill(file, bytes);
	if (rc < 0)
		close(file);
	return rc < 0 ? rc : file;
}
