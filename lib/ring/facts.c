/* SPDX-License-Identifier: MIT */
/*
 * Reads /proc in small pieces: this may run on a coroutine's stack, when there is no memory for
 * another one.
 */
#include "ring/facts.h"

#include "base/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CAP_IPC_LOCK_BIT 14

/* As much of the file as fits, as a string. False if there is none. */
static bool read_file(const char *path, char *text, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t filled = 0;
	ssize_t n = 0;

	check(bytes > 1);
	if (fd < 0)
		return false;
	while (filled < bytes - 1 && (n = read(fd, text + filled, bytes - 1 - filled)) > 0)
		filled += (size_t)n;
	close(fd);
	text[filled] = '\0';
	return filled > 0;
}

int64_t facts_number(const char *path)
{
	char text[32];

	return read_file(path, text, sizeof text) ? strtoll(text, NULL, 10) : -1;
}

int64_t facts_count_maps(void)
{
	char text[1024];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	int64_t lines = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, text, sizeof text)) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	close(fd);
	return n < 0 ? -1 : lines;
}

/* The number after "@name:" in the text of /proc/self/status; -1 if it is not there. */
static int64_t status_field(const char *status, const char *name, int base)
{
	const char *line = strstr(status, name);

	return line ? strtoll(line + strlen(name), NULL, base) : -1;
}

static void gather_status(struct facts *facts)
{
	char status[3072];
	int64_t capabilities;

	facts->seccomp = -1;
	if (!read_file("/proc/self/status", status, sizeof status))
		return;
	facts->seccomp = status_field(status, "\nSeccomp:", 10);
	facts->memory_is_locked = status_field(status, "\nVmLck:", 10) > 0;
	capabilities = status_field(status, "\nCapEff:", 16);
	facts->may_lock = capabilities >= 0 && (capabilities >> CAP_IPC_LOCK_BIT & 1) != 0;
}

static uint64_t soft_limit(__rlimit_resource_t resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return FACTS_UNLIMITED;
	return limit.rlim_cur;
}

void facts_gather(struct facts *facts)
{
	struct utsname names;

	*facts = (struct facts){
		.uring_disabled = facts_number("/proc/sys/kernel/io_uring_disabled"),
		.memlock_bytes = soft_limit(RLIMIT_MEMLOCK),
		.files_max = soft_limit(RLIMIT_NOFILE),
		.address_bytes = soft_limit(RLIMIT_AS),
		.maps_max = facts_number("/proc/sys/vm/max_map_count"),
		.overcommit = facts_number("/proc/sys/vm/overcommit_memory"),
	};
	if (uname(&names) == 0)
		snprintf(facts->release, sizeof facts->release, "%s", names.release);
	gather_status(facts);
}
