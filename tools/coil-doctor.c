/* SPDX-License-Identifier: MIT */
/*
 * coil-doctor - does Coil run here, and on what?
 *
 * Lists what this kernel offers and what Coil makes of it, the limits that matter, and the result
 * of a small test on a real ring. Exit status: 0 Coil runs here, 1 it does not, 2 wrong usage.
 */
#include "base/check.h"
#include "ring/driver.h"
#include "ring/facts.h"
#include "loop/fallback.h"
#include "ring/offer.h"
#include "ring/ring.h"

#include "tool.h"

#include <liburing.h>

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX 100
#define TURN_NS INT64_C(50000000)
#define OPCODES_SHOWN 63

#ifndef COIL_VERSION
#define COIL_VERSION "0.1.0"
#endif

const char *argp_program_version = "coil-doctor " COIL_VERSION;

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_NONE };

struct report {
	struct facts facts;
	int open_error;
	char sentence[600];	/* why Coil does not run; "" if it does */
	unsigned features;
	uint64_t opcodes;
	unsigned sq_entries;
	unsigned cq_entries;
	unsigned workers[2];	/* io-wq: bounded, unbounded; 0 unknown */
};

struct tally {
	struct coil_completion completion;
	bool is_done;
	int32_t result;
};

static void tally_complete(struct coil_completion *completion, int32_t result, uint32_t flags)
{
	struct tally *tally = container_of(completion, struct tally, completion);

	(void)flags;
	tally->is_done = true;
	tally->result = result;
}

/* Turns until nothing is owed. False if that takes seconds, or the ring fails. */
static bool settle(struct ring *ring)
{
	for (int turn = 0; ring_owed(ring) && turn < TURNS_MAX; turn++) {
		if (ring_enter(ring, true, TURN_NS) < 0)
			return false;
		ring_reap(ring);
	}
	return ring_owed(ring) == 0;
}

static const char *try_nop(struct ring *ring)
{
	struct tally nop = {.completion = {.complete = tally_complete}};
	struct io_uring_sqe sqe = {0};

	io_uring_prep_nop(&sqe);
	ring_push(ring, &sqe, &nop.completion);
	if (!settle(ring))
		return "a NOP did not come back";
	return nop.result == 0 ? NULL : "a NOP failed";
}

/* A recv that nothing will ever end, and its cancel. */
static const char *try_cancel(struct ring *ring, int fd)
{
	struct tally recv = {.completion = {.complete = tally_complete}};
	struct tally cancel = {.completion = {.complete = tally_complete}};
	struct io_uring_sqe sqe = {0};
	/* Static: should the kernel keep owing it, leaving this frame does no harm. */
	static char byte;

	io_uring_prep_recv(&sqe, fd, &byte, 1, 0);
	ring_push(ring, &sqe, &recv.completion);
	if (ring_enter(ring, false, 0) < 0)
		return "entering the ring failed";
	ring_reap(ring);
	if (recv.is_done)
		return "a recv on a silent socket did not wait";
	sqe = (struct io_uring_sqe){0};
	io_uring_prep_cancel64(&sqe, (uintptr_t)&recv.completion, 0);
	ring_push(ring, &sqe, &cancel.completion);
	if (!settle(ring))
		return "a cancelled recv did not come back";
	return recv.result == -ECANCELED ? NULL : "a recv was not cancelled";
}

/* NULL, or what went wrong. */
static const char *self_test(struct driver *driver)
{
	struct ring ring;
	int fds[2];
	const char *trouble;

	ring_init(&ring, driver);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return "no socketpair could be made";
	trouble = try_nop(&ring);
	if (!trouble)
		trouble = try_cancel(&ring, fds[0]);
	driver->ops->close(driver, ring_owed(&ring) != 0);
	close(fds[0]);
	close(fds[1]);
	return trouble;
}

/* The worker limits as they stand: asking with zeroes changes nothing. */
static void ask_workers(struct report *report, int ring_fd)
{
	unsigned workers[2] = {0, 0};

	if (io_uring_register((unsigned)ring_fd, IORING_REGISTER_IOWQ_MAX_WORKERS, workers, 2) < 0)
		return;
	report->workers[0] = workers[0];
	report->workers[1] = workers[1];
}

static void examine(struct report *report)
{
	struct driver_options options = {.sq_entries = 256, .cq_entries = 4096};
	struct driver *driver;
	const char *trouble;

	facts_gather(&report->facts);
	report->open_error = driver_kernel_open(&driver, &options);
	if (report->open_error < 0) {
		snprintf(report->sentence, sizeof report->sentence, "%s", driver_refusal());
		return;
	}
	report->features = driver->features;
	report->opcodes = driver->opcodes;
	report->sq_entries = driver->rings.sq_entries;
	report->cq_entries = driver->rings.cq_entries;
	ask_workers(report, driver->ring_fd);
	trouble = self_test(driver);
	if (trouble)
		snprintf(report->sentence, sizeof report->sentence, "self-test: %s", trouble);
}

static const char *version_text(unsigned version, char text[16])
{
	if (version == OFFER_UNKNOWN)
		snprintf(text, 16, "newer");
	else
		snprintf(text, 16, "%u.%u", version >> 8, version & 0xff);
	return text;
}

static bool has_opcode(const struct report *report, unsigned opcode)
{
	return (report->opcodes >> opcode & 1) != 0;
}

/* What becomes of a call whose operation this kernel lacks. */
static const char *without_opcode(unsigned opcode)
{
	if (offer_opcode_is_required(opcode))
		return "Coil does not run";
	return fallback_words(opcode);
}

static const char *limit_text(uint64_t limit, char text[24])
{
	if (limit == FACTS_UNLIMITED)
		snprintf(text, 24, "unlimited");
	else
		snprintf(text, 24, "%" PRIu64, limit);
	return text;
}

static const char *choice(int64_t value, const char *const *words, int count)
{
	return value >= 0 && value < count ? words[value] : "unknown";
}

static const char *const disabled_words[] = {"0, all may", "1, only CAP_SYS_ADMIN and the group",
					     "2, nobody may"};
static const char *const seccomp_words[] = {"none", "strict", "a filter"};
static const char *const overcommit_words[] = {"0, heuristic", "1, always", "2, never"};

static void print_machine(const struct report *report)
{
	const struct facts *facts = &report->facts;
	const char *mask = secure_getenv("COIL_KERNEL_MASK");
	char text[24];

	if (mask && *mask)
		printf("COIL_KERNEL_MASK takes this away: %s\n\n", mask);
	printf("machine\n");
	printf("  kernel                      %s\n", facts->release);
	printf("  kernel.io_uring_disabled    %s\n",
	       facts->uring_disabled < 0 ? "not there (all may)"
					 : choice(facts->uring_disabled, disabled_words, 3));
	printf("  seccomp                     %s\n", choice(facts->seccomp, seccomp_words, 3));
	printf("  RLIMIT_MEMLOCK              %s%s\n", limit_text(facts->memlock_bytes, text),
	       facts->may_lock ? " (not applied: CAP_IPC_LOCK)" : " bytes");
	printf("  RLIMIT_NOFILE               %s\n", limit_text(facts->files_max, text));
	printf("  vm.max_map_count            %" PRId64 "\n", facts->maps_max);
	printf("  vm.overcommit_memory        %s\n",
	       choice(facts->overcommit, overcommit_words, 3));
}

/* One of the two ways of running completions is used, and this is the better one. */
static bool is_superseded(const struct report *report, unsigned feature)
{
	return feature == DRIVER_COOP_TASKRUN && (report->features & DRIVER_DEFER_TASKRUN) != 0;
}

static const char *feature_words(const struct report *report, const struct offer_feature *feature)
{
	if (report->features & feature->feature)
		return feature->gain;
	if (is_superseded(report, feature->feature))
		return "not needed beside defer_taskrun";
	return feature->without;
}

static void print_features(const struct report *report)
{
	const struct offer_feature *feature;
	char since[16];

	printf("\nring: %u submission, %u completion entries; workers %u bounded, %u unbounded\n",
	       report->sq_entries, report->cq_entries, report->workers[0], report->workers[1]);
	printf("\nfeatures          since\n");
	for (unsigned i = 0; (feature = offer_feature(i)) != NULL; i++) {
		printf("  %-16s %-6s %-9s %s\n", feature->name,
		       version_text(feature->since, since),
		       report->features & feature->feature ? "used" : "not used",
		       feature_words(report, feature));
	}
}

static void print_opcodes(const struct report *report)
{
	char since[16];

	printf("\noperations        since   here      without it\n");
	for (unsigned opcode = 0; opcode < OPCODES_SHOWN; opcode++) {
		bool there = has_opcode(report, opcode);

		printf("  %-16s %-6s  %-8s  %s\n", driver_opcode_name(opcode),
		       version_text(driver_opcode_since(opcode), since),
		       there ? "used" : "absent", without_opcode(opcode));
	}
}

static void print_text(const struct report *report)
{
	print_machine(report);
	if (report->open_error == 0) {
		print_features(report);
		print_opcodes(report);
	}
	if (report->sentence[0])
		printf("\nCoil does not run here: %s\n", report->sentence);
	else
		printf("\nCoil runs here: a NOP and a cancelled recv came back as they should.\n");
}

static void json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if ((unsigned char)*text < 0x20)
			printf("\\u%04x", (unsigned)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

/* No limit is null. */
static void json_limit(const char *name, uint64_t limit)
{
	if (limit == FACTS_UNLIMITED)
		printf("\"%s\":null,", name);
	else
		printf("\"%s\":%" PRIu64 ",", name, limit);
}

static void json_machine(const struct facts *facts)
{
	printf("\"machine\":{\"kernel\":");
	json_string(facts->release);
	printf(",");
	json_limit("memlock_bytes", facts->memlock_bytes);
	json_limit("files_max", facts->files_max);
	printf("\"may_lock\":%s,\"uring_disabled\":%" PRId64 ",\"seccomp\":%" PRId64
	       ",\"maps_max\":%" PRId64 ",\"overcommit\":%" PRId64 "},",
	       facts->may_lock ? "true" : "false", facts->uring_disabled, facts->seccomp,
	       facts->maps_max, facts->overcommit);
}

static void json_features(const struct report *report)
{
	const struct offer_feature *feature;
	char since[16];

	printf("\"features\":[");
	for (unsigned i = 0; (feature = offer_feature(i)) != NULL; i++)
		printf("%s{\"name\":\"%s\",\"since\":\"%s\",\"used\":%s}", i ? "," : "",
		       feature->name, version_text(feature->since, since),
		       report->features & feature->feature ? "true" : "false");
	printf("],");
}

static void json_opcodes(const struct report *report)
{
	char since[16];

	printf("\"operations\":[");
	for (unsigned opcode = 0; opcode < OPCODES_SHOWN; opcode++)
		printf("%s{\"name\":\"%s\",\"since\":\"%s\",\"there\":%s,\"without\":\"%s\"}",
		       opcode ? "," : "", driver_opcode_name(opcode),
		       version_text(driver_opcode_since(opcode), since),
		       has_opcode(report, opcode) ? "true" : "false", without_opcode(opcode));
	printf("]");
}

static void print_json(const struct report *report)
{
	printf("{\"runs\":%s,\"reason\":", report->sentence[0] ? "false" : "true");
	json_string(report->sentence);
	printf(",");
	json_machine(&report->facts);
	printf("\"ring\":{\"sq_entries\":%u,\"cq_entries\":%u,\"workers_bounded\":%u,"
	       "\"workers_unbounded\":%u},",
	       report->sq_entries, report->cq_entries, report->workers[0], report->workers[1]);
	json_features(report);
	json_opcodes(report);
	printf("}\n");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	enum output *output = state->input;

	(void)arg;
	switch (key) {
	case 'j':
		*output = OUTPUT_JSON;
		return 0;
	case 'q':
		*output = OUTPUT_NONE;
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"json", 'j', NULL, 0, "print one JSON object", 0},
	{"quiet", 'q', NULL, 0, "print nothing but why it does not run, on standard error", 0},
	{0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.doc = "Tells whether Coil runs here, and what it makes of this kernel.\v"
	       "COIL_KERNEL_MASK=NAME,... treats what it names as absent: a feature, op:NAME, a "
	       "kernel version (what is newer is absent), or all.\n\n"
	       "Exit status: 0 if Coil runs here, 1 if not, 2 for wrong usage.",
};

int main(int argc, char **argv)
{
	static struct report report;
	enum output output = OUTPUT_TEXT;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &output);
	examine(&report);
	if (output == OUTPUT_TEXT)
		print_text(&report);
	else if (output == OUTPUT_JSON)
		print_json(&report);
	else if (report.sentence[0])
		fprintf(stderr, "coil-doctor: %s\n", report.sentence);
	return tool_end("coil-doctor", report.sentence[0] ? 1 : 0, 2);
}
