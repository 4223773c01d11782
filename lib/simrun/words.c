/* SPDX-License-Identifier: MIT */
/* What a run says: what failed, with which seed, who waited for what. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "simrun/simrun.h"
#include "task/deadlock.h"

void simrun_say(struct simrun *run, const char *words, ...)
{
	char text[640];
	va_list args;

	if (run->options.off & COIL_SIM_NO_REPORTS)
		return;
	va_start(args, words);
	vsnprintf(text, sizeof text, words, args);
	va_end(args);
	report("sim: %s", text);
}

/* -- Who waits for what --------------------------------------------------------------------------
 */

static void say_line(void *context, const char *line)
{
	simrun_say(context, "  %s", line);
}

static void name_waiting(struct simrun *run)
{
	for (unsigned i = 0; i < run->loop_count; i++)
		if (run->loops[i]->scheduler)
			deadlock_tell(run->loops[i]->scheduler, say_line, run);
}

/* -- What failed --------------------------------------------------------------------------------
 */

static void say_how_to_replay(struct simrun *run)
{
	if (run->schedule)
		simrun_say(run, "this was schedule %llu of an exploration, which is the same each "
				"time", (unsigned long long)run->schedule);
	else
		simrun_say(run, "replay with COIL_SIM_SEED=%llu %s", (unsigned long long)run->seed,
			   program_invocation_name);
}

void simrun_fail(struct simrun *run, int failure, const char *words)
{
	char troubles[320];

	if (run->failure)
		return;
	run->failure = failure;
	choice_describe(&run->sim->choice, troubles, sizeof troubles);
	simrun_say(run, "seed %llu, turn %llu: %s", (unsigned long long)run->seed,
		   (unsigned long long)run->sim->enters, words);
	name_waiting(run);
	simrun_say(run, "troubles: %s", troubles);
	say_how_to_replay(run);
}

/* -- The seed in what stops the program ----------------------------------------------------------
 */

static _Thread_local void (*describe_before)(char *text, size_t bytes);

static void describe(char *text, size_t bytes)
{
	const struct simrun *run = simrun_current->run;
	size_t length;

	text[0] = '\0';
	describe_before(text, bytes);
	length = strlen(text);
	snprintf(text + length, bytes - length, "%s[replay with COIL_SIM_SEED=%llu]",
		 length ? " " : "", (unsigned long long)run->seed);
}

void simrun_mark_checks(struct simrun_loop *loop)
{
	(void)loop;
	if (!check_describe_caller || check_describe_caller == describe)
		return;
	describe_before = check_describe_caller;
	check_describe_caller = describe;
}
