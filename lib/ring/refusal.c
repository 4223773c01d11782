/* SPDX-License-Identifier: MIT */
/*
 * The sentences. Form: what failed: the error: why, as far as the facts tell; what to do.
 * The last one of each thread is kept, because an open that failed leaves no object to ask.
 */
#include "ring/refusal.h"

#include "base/check.h"
#include "ring/driver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static _Thread_local char last_refusal[REFUSAL_BYTES];

static const struct {
	int error;
	const char *name;
} error_names[] = {
	{EPERM, "EPERM"},   {EACCES, "EACCES"}, {ENOSYS, "ENOSYS"},	  {ENOMEM, "ENOMEM"},
	{EMFILE, "EMFILE"}, {ENFILE, "ENFILE"}, {EOPNOTSUPP, "EOPNOTSUPP"}, {EINVAL, "EINVAL"},
};

static const char *error_name(int error)
{
	for (size_t i = 0; i < sizeof error_names / sizeof error_names[0]; i++)
		if (error_names[i].error == error)
			return error_names[i].name;
	return NULL;
}

static void words_for_enosys(char *text, size_t bytes, const struct refusal_facts *facts)
{
	if (facts->machine.seccomp == 2)
		snprintf(text, bytes,
			 "a seccomp filter (a container's profile) hides io_uring; allow "
			 "io_uring_setup, io_uring_enter and io_uring_register in it");
	else
		snprintf(text, bytes,
			 "kernel %s has no io_uring (built without CONFIG_IO_URING, or a sandbox "
			 "such as gVisor); run on Linux >= 6.1 that has it",
			 facts->machine.release);
}

static void words_for_eperm(char *text, size_t bytes, const struct refusal_facts *facts)
{
	if (facts->machine.uring_disabled == 2)
		snprintf(text, bytes,
			 "sysctl kernel.io_uring_disabled=2 forbids io_uring to everyone; set it "
			 "to 0, or to 1 with this user in kernel.io_uring_group");
	else if (facts->machine.uring_disabled == 1)
		snprintf(text, bytes,
			 "sysctl kernel.io_uring_disabled=1 allows io_uring only with "
			 "CAP_SYS_ADMIN or in kernel.io_uring_group; put this user's group there, "
			 "or set it to 0");
	else if (facts->machine.seccomp == 2)
		snprintf(text, bytes,
			 "a seccomp filter (a container's profile) blocks io_uring; allow "
			 "io_uring_setup, io_uring_enter and io_uring_register in it, as with "
			 "docker run --security-opt seccomp=PROFILE");
	else
		snprintf(text, bytes,
			 "neither kernel.io_uring_disabled nor a seccomp filter explains it; a "
			 "security module (SELinux, AppArmor) may forbid io_uring: see the audit "
			 "log");
}

static void words_for_enomem(char *text, size_t bytes, const struct refusal_facts *facts)
{
	uint64_t limit = facts->machine.memlock_bytes;

	if (facts->machine.address_bytes != FACTS_UNLIMITED)
		snprintf(text, bytes,
			 "no memory for a ring of %" PRIu64 " bytes: RLIMIT_AS allows this process "
			 "%" PRIu64 " bytes of address space; raise it (ulimit -v, LimitAS=)",
			 facts->ring_bytes, facts->machine.address_bytes);
	else if (facts->machine.may_lock || limit == FACTS_UNLIMITED)
		snprintf(text, bytes,
			 "no memory for a ring of %" PRIu64 " bytes, and RLIMIT_MEMLOCK is not "
			 "the cause; raise the memory limit of this machine or control group",
			 facts->ring_bytes);
	else
		snprintf(text, bytes,
			 "the ring needs %" PRIu64 " bytes of locked memory, and RLIMIT_MEMLOCK "
			 "allows %" PRIu64 " to all processes of this user together; raise it "
			 "(ulimit -l, LimitMEMLOCK=) or ask for fewer entries",
			 facts->ring_bytes, limit);
}

static void words_for_files(char *text, size_t bytes, int error, const struct refusal_facts *facts)
{
	if (error == ENFILE)
		snprintf(text, bytes,
			 "the machine's table of open files is full; raise sysctl fs.file-max");
	else if (facts->machine.files_max == FACTS_UNLIMITED)
		snprintf(text, bytes, "this process has too many open files; close some");
	else
		snprintf(text, bytes,
			 "RLIMIT_NOFILE allows %" PRIu64 " open files and all are taken (a ring "
			 "needs two); raise it (ulimit -n, LimitNOFILE=) or close some",
			 facts->machine.files_max);
}

static void words_for_old_kernel(char *text, size_t bytes, const struct refusal_facts *facts)
{
	snprintf(text, bytes, "kernel %s lacks %s; run on Linux >= 6.1", facts->machine.release,
		 facts->missing ? facts->missing : "what a ring is set up with");
}

static void words_for_setup(char *text, size_t bytes, int error, const struct refusal_facts *facts)
{
	switch (error) {
	case ENOSYS:
		words_for_enosys(text, bytes, facts);
		break;
	case EPERM:
	case EACCES:
		words_for_eperm(text, bytes, facts);
		break;
	case ENOMEM:
		words_for_enomem(text, bytes, facts);
		break;
	case EMFILE:
	case ENFILE:
		words_for_files(text, bytes, error, facts);
		break;
	case EINVAL:
		words_for_old_kernel(text, bytes, facts);
		break;
	default:
		snprintf(text, bytes, "kernel %s gives no known reason", facts->machine.release);
	}
}

static void words_for_map(char *text, size_t bytes, const struct refusal_facts *facts)
{
	if (facts->machine.overcommit == 2)
		snprintf(text, bytes,
			 "vm.overcommit_memory=2 counts each stack in full (%" PRIu64 " bytes "
			 "now); set it to 0, raise vm.overcommit_ratio, or take smaller stacks",
			 facts->ring_bytes);
	else if (facts->machine.memory_is_locked)
		snprintf(text, bytes,
			 "mlockall keeps each stack in memory in full (%" PRIu64 " bytes now), "
			 "and RLIMIT_MEMLOCK or the memory is used up; raise it, or lock without "
			 "MCL_FUTURE",
			 facts->ring_bytes);
	else
		snprintf(text, bytes,
			 "no address space for %" PRIu64 " bytes of stacks; see RLIMIT_AS (ulimit "
			 "-v) and vm.max_map_count=%" PRId64,
			 facts->ring_bytes, facts->machine.maps_max);
}

static void words_for_guard(char *text, size_t bytes, const struct refusal_facts *facts)
{
	snprintf(text, bytes,
		 "each stack's guard page takes two mappings, and vm.max_map_count=%" PRId64 " "
		 "allows no more; raise it, or run on Linux >= 6.13, where guards need none",
		 facts->machine.maps_max);
}

static const char *step_name(enum refusal_step step)
{
	switch (step) {
	case REFUSAL_SETUP:
		return "io_uring_setup";
	case REFUSAL_REGISTER:
		return "io_uring_register";
	case REFUSAL_KERNEL:
		return "io_uring";
	case REFUSAL_WAKE:
		return "eventfd";
	case REFUSAL_MAP:
		return "mmap of stacks";
	case REFUSAL_GUARD:
		return "guard page";
	}
	return "?";
}

static void words_for(char *text, size_t bytes, int error, const struct refusal_facts *facts)
{
	switch (facts->step) {
	case REFUSAL_SETUP:
	case REFUSAL_REGISTER:
	case REFUSAL_WAKE:
		words_for_setup(text, bytes, error, facts);
		break;
	case REFUSAL_KERNEL:
		words_for_old_kernel(text, bytes, facts);
		break;
	case REFUSAL_MAP:
		words_for_map(text, bytes, facts);
		break;
	case REFUSAL_GUARD:
		words_for_guard(text, bytes, facts);
		break;
	}
}

void refusal_compose(char *text, size_t bytes, int error, const struct refusal_facts *facts)
{
	const char *name = error_name(-error);
	char number[24];
	char words[REFUSAL_BYTES - 64] = "";

	check(error < 0);
	check(bytes > 0);
	snprintf(number, sizeof number, "errno %d", -error);
	words_for(words, sizeof words, -error, facts);
	snprintf(text, bytes, "%s: %s: %s", step_name(facts->step), name ? name : number, words);
}

int refusal_note(int error, struct refusal_facts *facts)
{
	facts_gather(&facts->machine);
	refusal_compose(last_refusal, sizeof last_refusal, error, facts);
	return error;
}

int refusal_note_words(int error, const char *words, ...)
{
	va_list ap;

	check(error < 0);
	va_start(ap, words);
	vsnprintf(last_refusal, sizeof last_refusal, words, ap);
	va_end(ap);
	return error;
}

void refusal_clear(void)
{
	last_refusal[0] = '\0';
}

const char *driver_refusal(void)
{
	return last_refusal;
}
