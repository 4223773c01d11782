/* SPDX-License-Identifier: MIT */
/*
 * What this process and this machine allow, read from /proc and the limits. Read when something was
 * refused, and by coil-doctor; never on a path that works. What cannot be read is -1.
 */
#ifndef COIL_RING_FACTS_H
#define COIL_RING_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#define FACTS_UNLIMITED UINT64_MAX

struct facts {
	char release[65];		/* uname -r */
	int64_t uring_disabled;		/* kernel.io_uring_disabled: 0 all may, 1 some, 2 none */
	int64_t seccomp;		/* 0 none, 1 strict, 2 a filter */
	bool may_lock;			/* CAP_IPC_LOCK: RLIMIT_MEMLOCK does not count */
	bool memory_is_locked;		/* mlockall or mlock hold pages of this process */
	uint64_t memlock_bytes;		/* RLIMIT_MEMLOCK, soft */
	uint64_t files_max;		/* RLIMIT_NOFILE, soft */
	uint64_t address_bytes;		/* RLIMIT_AS, soft */
	int64_t maps_max;		/* vm.max_map_count */
	int64_t overcommit;		/* vm.overcommit_memory */
};

void facts_gather(struct facts *facts);

/* The number that a file consists of, as those in /proc/sys; -1 if it cannot be read. */
int64_t facts_number(const char *path);

/* Mappings of this process, or -1. */
int64_t facts_count_maps(void);

#endif
