/* SPDX-License-Identifier: MIT */
/* Reading the options of a simulation: profiles, troubles by name, the seed of the environment. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/sized.h"
#include "simrun/simrun.h"
#include "task/error.h"

#define TURNS_MAX UINT64_C(10000000)
#define TIME_MAX_NS (INT64_C(10) * 366 * 86400 * 1000000000)
#define DESCRIPTORS_MAX 1024u
#define DISK_BYTES (UINT64_C(256) << 20)

/* In percent: the most that a seed may draw. */
static const struct {
	unsigned char odd;
	unsigned char wild;
} profiles[SIM_TROUBLE_COUNT] = {
	[SIM_DELAY] = {50, 50},
	[SIM_HOLD_BACK] = {50, 50},
	[SIM_REORDER] = {100, 100},
	[SIM_CANCEL_LOSES] = {50, 50},
	[SIM_ENTER_EINTR] = {25, 25},
	[SIM_ENTER_EBUSY] = {25, 25},
	[SIM_ENTER_PARTIAL] = {50, 50},
	[SIM_OVERFLOW] = {25, 25},
	[SIM_MULTISHOT_ENDS] = {50, 50},
	[SIM_LATE_NOTIFY] = {50, 50},
	[SIM_SHORT_READ] = {50, 50},
	[SIM_SHORT_WRITE] = {50, 50},
	[SIM_SEGMENT] = {50, 50},
	[SIM_RESET] = {0, 6},
	[SIM_REFUSE] = {0, 12},
	[SIM_DATAGRAM_LOST] = {0, 25},
	[SIM_DATAGRAM_TWICE] = {0, 25},
	[SIM_DATAGRAM_LATE] = {0, 50},
	[SIM_NO_SPACE] = {0, 12},
	[SIM_FAULT] = {0, 12},
	[SIM_SHUFFLE] = {100, 100},
	[SIM_EARLY_WAKE] = {25, 25},
};

static uint32_t parts(unsigned percent)
{
	return percent * CHOICE_ALWAYS / 100;
}

static void apply_profile(int profile, uint32_t *limits)
{
	for (int i = 0; i < SIM_TROUBLE_COUNT; i++) {
		limits[i] = 0;
		if (profile == COIL_SIM_ODD)
			limits[i] = parts(profiles[i].odd);
		if (profile == COIL_SIM_WILD)
			limits[i] = parts(profiles[i].wild);
	}
}

/* One word, NAME=percent. False: it is none. */
static bool apply_word(const char *word, size_t length, uint32_t *limits)
{
	const char *equals = memchr(word, '=', length);
	bool is_all;
	bool found = false;
	char *end;
	long percent;

	if (!equals || !isdigit((unsigned char)equals[1]))
		return false;
	percent = strtol(equals + 1, &end, 10);
	if (end != word + length || percent > 100)
		return false;
	length = (size_t)(equals - word);
	is_all = length == 3 && strncasecmp(word, "ALL", 3) == 0;
	for (int i = 0; i < SIM_TROUBLE_COUNT; i++) {
		const char *name = sim_trouble_name((enum sim_trouble)i);

		if (!is_all && (strlen(name) != length || strncasecmp(name, word, length) != 0))
			continue;
		limits[i] = parts((unsigned)percent);
		found = true;
	}
	return found;
}

static int apply_troubles(const char *text, uint32_t *limits)
{
	while (*text) {
		size_t length = strcspn(text, ", ");

		if (length > 0 && !apply_word(text, length, limits)) {
			error_explain("coil_sim_options: troubles: '%.*s' is not NAME=percent",
				      (int)length, text);
			return -EINVAL;
		}
		text += length + (text[length] != '\0');
	}
	return 0;
}

static void read_shortages(struct simrun *run)
{
	const struct coil_sim_options *options = &run->options;
	bool onwards = options->off & COIL_SIM_FAIL_ONWARDS;

	run->allocations = (struct simrun_shortage){0, options->fail_alloc_at, onwards};
	run->mappings = (struct simrun_shortage){0, options->fail_map_at, onwards};
	run->rings = (struct simrun_shortage){0, options->fail_open_at, onwards};
}

static uint64_t read_seed(uint64_t given)
{
	const char *text = given ? NULL : getenv("COIL_SIM_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : given;

	return seed ? seed : 1;
}

static int refuse(const char *field, long long value)
{
	error_explain("coil_sim_options: %s is %lld", field, value);
	return -EINVAL;
}

static int check_options(const struct coil_sim_options *options)
{
	if (options->profile < COIL_SIM_CALM || options->profile > COIL_SIM_WILD)
		return refuse("profile", options->profile);
	if (options->descriptors_max < 8 || options->descriptors_max > 1 << 20)
		return refuse("descriptors_max", options->descriptors_max);
	if (options->time_max_ns < 0)
		return refuse("time_max_ns", options->time_max_ns);
	if (options->fault_errno < 0)
		return refuse("fault_errno", options->fault_errno);
	return 0;
}

int simrun_read_options(struct simrun *run, const struct coil_sim_options *given,
			uint32_t *ret_limits)
{
	struct coil_sim_options *options = &run->options;
	int rc = error_sized(sized_read(options, given, sizeof *options), "coil_sim_options");

	if (rc < 0)
		return rc;
	if (!options->descriptors_max)
		options->descriptors_max = DESCRIPTORS_MAX;
	if (!options->disk_bytes)
		options->disk_bytes = DISK_BYTES;
	if (!options->turns_max)
		options->turns_max = TURNS_MAX;
	if (!options->time_max_ns)
		options->time_max_ns = TIME_MAX_NS;
	if (!options->fault_at)
		options->fault_at = 1;
	run->seed = read_seed(options->seed);
	read_shortages(run);
	rc = check_options(options);
	if (rc < 0)
		return rc;
	apply_profile(options->profile, ret_limits);
	return options->troubles ? apply_troubles(options->troubles, ret_limits) : 0;
}
