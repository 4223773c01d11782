/* SPDX-License-Identifier: MIT */
/* Each sentence, from facts alone; then real refusals, in children that give rights away. */
#include "ring/rig.h"

#include "ring/refusal.h"
#include "support/forbid.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Users without a name, one a process: what is locked is counted for each user over all processes.
 */
#define STRANGER (100000u + (unsigned)getpid())

static const struct refusal_row {
	const char *words;
	const char *advice;
	int error;
	struct refusal_facts facts;
} rows[] = {
	{"ENOSYS: kernel 6.1.0 has no io_uring", "CONFIG_IO_URING", -ENOSYS,
	 {.machine.seccomp = 0}},
	{"ENOSYS: a seccomp filter", "allow io_uring_setup", -ENOSYS, {.machine.seccomp = 2}},
	{"EPERM: sysctl kernel.io_uring_disabled=2", "io_uring_group", -EPERM,
	 {.machine.uring_disabled = 2}},
	{"EPERM: sysctl kernel.io_uring_disabled=1", "CAP_SYS_ADMIN", -EPERM,
	 {.machine.uring_disabled = 1, .machine.seccomp = 2}},
	{"EPERM: a seccomp filter", "--security-opt", -EPERM, {.machine.seccomp = 2}},
	{"EPERM: neither", "audit log", -EPERM, {.machine.seccomp = -1}},
	{"EACCES: neither", "SELinux", -EACCES, {.machine.seccomp = 0}},
	{"ENOMEM: the ring needs 102400 bytes", "RLIMIT_MEMLOCK allows 65536", -ENOMEM,
	 {.ring_bytes = 102400, .machine.memlock_bytes = 65536}},
	{"ENOMEM: no memory for a ring of 4096 bytes", "control group", -ENOMEM,
	 {.ring_bytes = 4096, .machine.memlock_bytes = 1, .machine.may_lock = true}},
	{"ENOMEM: no memory for a ring", "control group", -ENOMEM,
	 {.machine.memlock_bytes = FACTS_UNLIMITED}},
	{"ENOMEM: no memory for a ring of 9 bytes: RLIMIT_AS allows this process 8", "ulimit -v",
	 -ENOMEM, {.ring_bytes = 9, .machine.address_bytes = 8}},
	{"io_uring_register: EPERM: a seccomp filter", "io_uring_register", -EPERM,
	 {.step = REFUSAL_REGISTER, .machine.seccomp = 2}},
	{"EMFILE: RLIMIT_NOFILE allows 64", "ulimit -n", -EMFILE, {.machine.files_max = 64}},
	{"EMFILE: this process", "close some", -EMFILE, {.machine.files_max = FACTS_UNLIMITED}},
	{"ENFILE: the machine's table", "fs.file-max", -ENFILE, {.machine.files_max = 64}},
	{"EINVAL: kernel 6.1.0 lacks what a ring", "Linux >= 6.1", -EINVAL, {.ring_bytes = 0}},
	{"errno 5: kernel 6.1.0 gives no", "reason", -EIO, {.ring_bytes = 0}},
	{"eventfd: EMFILE: RLIMIT_NOFILE allows 7", "close some", -EMFILE,
	 {.step = REFUSAL_WAKE, .machine.files_max = 7}},
	{"EOPNOTSUPP: kernel 6.1.0 lacks the feature X", "Linux >= 6.1", -EOPNOTSUPP,
	 {.step = REFUSAL_KERNEL, .missing = "the feature X"}},
	{"mmap of stacks: ENOMEM: vm.overcommit_memory=2", "8192 bytes", -ENOMEM,
	 {.step = REFUSAL_MAP, .machine.overcommit = 2, .ring_bytes = 8192}},
	{"mmap of stacks: ENOMEM: mlockall", "MCL_FUTURE", -ENOMEM,
	 {.step = REFUSAL_MAP, .machine.memory_is_locked = true}},
	{"mmap of stacks: ENOMEM: no address space for 9 bytes", "vm.max_map_count=65530", -ENOMEM,
	 {.step = REFUSAL_MAP, .machine.maps_max = 65530, .ring_bytes = 9}},
	{"guard page: ENOMEM: each stack's", "vm.max_map_count=70", -ENOMEM,
	 {.step = REFUSAL_GUARD, .machine.maps_max = 70}},
};

TEST(refusal, says_what_refused_and_what_to_do)
{
	char text[REFUSAL_BYTES];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct refusal_facts facts = rows[i].facts;

		if (facts.machine.address_bytes == 0)
			facts.machine.address_bytes = FACTS_UNLIMITED;
		snprintf(facts.machine.release, sizeof facts.machine.release, "6.1.0");
		refusal_compose(text, sizeof text, rows[i].error, &facts);
		if (!strstr(text, rows[i].words) || !strstr(text, rows[i].advice))
			FAIL(text);
		EXPECT_LT(strlen(text), sizeof text - 1);
	}
}

TEST(refusal, is_cut_to_the_room_there_is)
{
	struct refusal_facts facts = {.machine.seccomp = 2};
	char text[16];

	refusal_compose(text, sizeof text, -EPERM, &facts);
	EXPECT_STR_EQ(text, "io_uring_setup:");
}

TEST(refusal, facts_of_this_machine_are_plausible)
{
	struct facts facts;

	facts_gather(&facts);
	EXPECT_GT(strlen(facts.release), 2);
	EXPECT_GE(facts.seccomp, 0);
	EXPECT_GT(facts.maps_max, 0);
	EXPECT_GE(facts.overcommit, 0);
	EXPECT_GT(facts.files_max, 3);
	EXPECT_GT(facts_count_maps(), 5);
	EXPECT_EQ(facts_number("/proc/there/is/no/such/file"), -1);
}

/* Runs @body in a child; its failed expectations count here. */
static void in_child(void (*body)(void))
{
	int status = -1;
	pid_t pid = fork();

	ASSERT(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void expect_refusal(unsigned sq_entries, int error, const char *words)
{
	struct rig rig;

	EXPECT_EQ(rig_try_open(&rig, sq_entries, 2 * sq_entries, ""), error);
	if (!strstr(driver_refusal(), words))
		FAIL(driver_refusal());
}

static void refused_by_filter_with_eperm(void)
{
	int64_t before;

	EXPECT(forbid_call(SYS_io_uring_setup, EPERM));
	before = clock_now();
	expect_refusal(8, -EPERM, "io_uring_setup: EPERM: a seccomp filter");
	EXPECT_LT(clock_now() - before, CLOCK_SECOND / 10);
}

static void refused_by_filter_with_enosys(void)
{
	EXPECT(forbid_call(SYS_io_uring_setup, ENOSYS));
	expect_refusal(8, -ENOSYS, "io_uring_setup: ENOSYS: a seccomp filter");
}

static void refused_to_ask_the_ring(void)
{
	EXPECT(forbid_call(SYS_io_uring_register, EPERM));
	expect_refusal(8, -EPERM, "io_uring_register: EPERM: a seccomp filter");
}

static void refused_to_hide_the_ring(void)
{
	EXPECT(forbid_call(SYS_madvise, EINVAL));
	expect_refusal(8, -EINVAL, "madvise(MADV_DONTFORK) of the ring: EINVAL");
}

TEST(refusal, by_a_seccomp_filter_is_recognised)
{
	in_child(refused_by_filter_with_eperm);
	in_child(refused_by_filter_with_enosys);
	in_child(refused_to_ask_the_ring);
	if (!HOOKS_ON_VALGRIND)
		in_child(refused_to_hide_the_ring);
}

static void limit_files(rlim_t files)
{
	struct rlimit limit = {.rlim_cur = files, .rlim_max = files};

	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* First no fd is left for the ring, then one: the eventfd is what fails. */
static void refused_for_want_of_files(void)
{
	int next = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	close(next);
	limit_files((rlim_t)next + 1);
	expect_refusal(8, -EMFILE, "eventfd: EMFILE: RLIMIT_NOFILE");
	limit_files((rlim_t)next);
	expect_refusal(8, -EMFILE, "io_uring_setup: EMFILE: RLIMIT_NOFILE");
}

TEST(refusal, for_want_of_files_names_the_limit)
{
	skip_on_valgrind();
	in_child(refused_for_want_of_files);
}

static void become_stranger(rlim_t memlock_bytes)
{
	struct rlimit limit = {.rlim_cur = memlock_bytes, .rlim_max = memlock_bytes};

	EXPECT_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	EXPECT_EQ(setgid(STRANGER), 0);
	EXPECT_EQ(setuid(STRANGER), 0);
}

/* Kernels 5.12 to 6.13 do not charge rings: then there is nothing to refuse. */
static void refused_for_want_of_memlock(void)
{
	struct rig rig;
	int rc;

	become_stranger(0);
	rc = rig_try_open(&rig, 256, 4096, "");
	if (rc == 0)
		return;
	EXPECT_EQ(rc, -ENOMEM);
	if (!strstr(driver_refusal(), "ENOMEM: the ring needs 24576 bytes"))
		FAIL(driver_refusal());
	EXPECT(strstr(driver_refusal(), "RLIMIT_MEMLOCK allows 0") != NULL);
}

/* 64 KiB do for 256 entries, not with a CQ of 4096 beside them. */
static void gets_a_smaller_cq(void)
{
	struct rig rig;

	become_stranger(65536);
	if (rig_try_open(&rig, 256, 4096, "") != 0) {
		FAIL(driver_refusal());
		return;
	}
	EXPECT_EQ(rig.driver->rings.sq_entries, 256);
	EXPECT(rig.driver->rings.cq_entries == 256 || rig.driver->rings.cq_entries == 4096);
	rig_close(&rig);
}

TEST(refusal, for_want_of_locked_memory_names_the_limit)
{
	if (geteuid() != 0)
		SKIP("only root can become an unprivileged user with a limit of its own");
	in_child(refused_for_want_of_memlock);
	in_child(gets_a_smaller_cq);
}
