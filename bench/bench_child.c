/* SPDX-License-Identifier: MIT */
/* Work in a process of its own, and what /proc says of a process. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

int bench_child_run(int (*work)(void *arg), void *arg, size_t bytes)
{
	int rc = -EPIPE, ends[2];
	struct iovec parts[2] = { { &rc, sizeof(rc) }, { arg, bytes } };
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		rc = work(arg);
		_exit(writev(ends[1], parts, 2) != (ssize_t)(sizeof(rc) + bytes));
	}
	close(ends[1]);
	if (child < 0 || readv(ends[0], parts, 2) != (ssize_t)(sizeof(rc) + bytes))
		rc = -EPIPE;
	close(ends[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return rc;
}

double bench_status_number(long pid, const char *key)
{
	char path[64], line[256];
	double number = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, key, strlen(key)) == 0)
			number = strtod(line + strlen(key), NULL);
	if (status)
		fclose(status);
	return number;
}

double bench_resident(long pid)
{
	return (bench_status_number(pid, "VmRSS:") + bench_status_number(pid, "VmPTE:")) * 1024;
}
