/* SPDX-License-Identifier: MIT */
/* Where reports go. */
#include "see/reports.h"
#include "task/rig.h"

#include "base/report.h"

static int fails(void *arg)
{
	(void)arg;
	return -EIO;
}

static int leaves_a_failure(void *arg)
{
	(void)arg;
	EXPECT(coil_spawn(fails, NULL) != NULL);
	return 0;
}

TEST(report, goes_to_the_function_that_was_set_before_the_run)
{
	reports_begin();
	EXPECT_EQ(rig_run(leaves_a_failure, NULL), 0);
	EXPECT_EQ(reports_count(COIL_REPORT_FAILURE), 1);
	EXPECT(reports_have(COIL_REPORT_FAILURE, "failed with EIO, and nobody looked at it"));
	EXPECT_EQ(reports_last(COIL_REPORT_FAILURE).error, -EIO);
	EXPECT_EQ(reports_last(COIL_REPORT_FAILURE).task, 2);
	EXPECT_EQ(reports_last(COIL_REPORT_FAILURE).fd, -1);
	EXPECT_EQ(reports_last(COIL_REPORT_FAILURE).size, sizeof(struct coil_report));
	reports_end();
}

TEST_SIGNAL(report, goes_to_standard_error_without_a_function, SIGTERM,
	    "coil: task 2 \"task\" (spawned at")
{
	reports_begin();
	reports_end();
	rig_run(leaves_a_failure, NULL);
	raise(SIGTERM);
}

static int refuses(void *arg, const struct coil_report *report)
{
	(void)arg;
	(void)report;
	return -ENOSPC;
}

TEST_SIGNAL(report, b12_4_a_reporter_that_fails_is_reported_itself, SIGTERM,
	    "coil: the reporter failed with -28 on this report:\ncoil: something")
{
	coil_on_report(refuses, NULL);
	report("something");
	raise(SIGTERM);
}

static int reports_itself(void *arg, const struct coil_report *about)
{
	(void)about;
	++*(int *)arg;
	report("from within");
	return 0;
}

TEST_SIGNAL(report, what_a_reporter_reports_goes_to_standard_error, SIGTERM, "coil: from within")
{
	int calls = 0;

	coil_on_report(reports_itself, &calls);
	report("something");
	if (calls == 1)
		raise(SIGTERM);
}

static uint64_t reported_by;

static int notes_the_task(void *arg, const struct coil_report *report)
{
	(void)arg;
	(void)report;
	reported_by = coil_task_id(coil_self());
	return 0;
}

static int drops_a_promise(void *arg)
{
	struct coil_promise promise;

	(void)arg;
	EXPECT_EQ(coil_set_debug(COIL_DEBUG_UNSEEN), 0);
	coil_promise_init(&promise);
	coil_promise_resolve(&promise, -EIO);
	coil_promise_deinit(&promise);
	EXPECT_EQ(coil_set_debug(0), 0);
	return 0;
}

TEST(report, b12_4_a_reporter_runs_in_the_task_that_it_is_about)
{
	coil_on_report(notes_the_task, NULL);
	EXPECT_EQ(rig_run(drops_a_promise, NULL), 0);
	EXPECT_EQ(reported_by, 1);
	coil_on_report(NULL, NULL);
}

TEST(report, a_long_one_is_cut)
{
	char words[2 * REPORT_BYTES_MAX];

	memset(words, 'x', sizeof words - 1);
	words[sizeof words - 1] = '\0';
	reports_begin();
	report("%s", words);
	EXPECT_EQ(reports_count(COIL_REPORT_OTHER), 1);
	reports_end();
}
