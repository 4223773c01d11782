/* SPDX-License-Identifier: MIT */
/*
 * Where reports go. The function and its argument are read under a lock, and called without it; a
 * report that arises while a reporter runs on the same thread goes to standard error.
 */
#include "base/report.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct reporter {
	int (*fn)(void *arg, const struct coil_report *report);
	void *arg;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct reporter chosen;
static _Thread_local bool is_reporting;

static struct reporter read_chosen(void)
{
	struct reporter reporter;

	pthread_mutex_lock(&lock);
	reporter = chosen;
	pthread_mutex_unlock(&lock);
	return reporter;
}

void coil_on_report(int (*fn)(void *arg, const struct coil_report *report), void *arg)
{
	pthread_mutex_lock(&lock);
	chosen = (struct reporter){ fn, arg };
	pthread_mutex_unlock(&lock);
}

/* One call, so that lines of several threads do not mix. */
static void write_words(const char *words)
{
	const struct iovec parts[] = {
		{ (void *)(uintptr_t)"coil: ", 6 },
		{ (void *)(uintptr_t)words, strlen(words) },
		{ (void *)(uintptr_t)"\n", 1 },
	};
	ssize_t written = writev(STDERR_FILENO, parts, 3);

	(void)written; /* nobody is left to tell */
}

void report_deliver(const struct coil_report *report)
{
	struct reporter reporter = read_chosen();
	int rc;

	if (!reporter.fn || is_reporting) {
		write_words(report->words);
		return;
	}
	is_reporting = true;
	rc = reporter.fn(reporter.arg, report);
	is_reporting = false;
	if (rc < 0) {
		char text[80];

		snprintf(text, sizeof text, "the reporter failed with %d on this report:", rc);
		write_words(text);
		write_words(report->words);
	}
}

__attribute__((format(printf, 2, 0)))
static void report_list(const struct coil_report *about, const char *words, va_list ap)
{
	struct coil_report report = *about;
	char text[REPORT_BYTES_MAX];

	vsnprintf(text, sizeof text, words, ap);
	report.size = sizeof report;
	report.words = text;
	report_deliver(&report);
}

void report_about(const struct coil_report *about, const char *words, ...)
{
	va_list ap;

	va_start(ap, words);
	report_list(about, words, ap);
	va_end(ap);
}

void report(const char *words, ...)
{
	va_list ap;

	va_start(ap, words);
	report_list(REPORT_ABOUT(COIL_REPORT_OTHER), words, ap);
	va_end(ap);
}
