/* SPDX-License-Identifier: MIT */
#include "see/reports.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEPT 64

struct kept {
	struct coil_report report;
	char words[4096];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept kept[KEPT];
static int count;

static int keep(void *arg, const struct coil_report *report)
{
	pthread_mutex_lock(&lock);
	if (count < KEPT) {
		kept[count].report = *report;
		snprintf(kept[count].words, sizeof kept[count].words, "%s", report->words);
		count++;
	}
	pthread_mutex_unlock(&lock);
	return arg == NULL ? 0 : -1;
}

void reports_begin(void)
{
	count = 0;
	coil_on_report(keep, NULL);
}

void reports_end(void)
{
	coil_on_report(NULL, NULL);
	count = 0;
}

int reports_count(int kind)
{
	int found = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < count; i++)
		found += kind < 0 || kept[i].report.kind == kind;
	pthread_mutex_unlock(&lock);
	return found;
}

bool reports_have(int kind, const char *needle)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < count; i++)
		found = found || (kept[i].report.kind == kind && strstr(kept[i].words, needle));
	for (int i = 0; i < count && !found; i++)
		fprintf(stderr, "report %d: %s\n", kept[i].report.kind, kept[i].words);
	pthread_mutex_unlock(&lock);
	return found;
}

struct coil_report reports_last(int kind)
{
	struct coil_report last = { .size = 0 };

	pthread_mutex_lock(&lock);
	for (int i = 0; i < count; i++)
		if (kept[i].report.kind == kind)
			last = kept[i].report;
	pthread_mutex_unlock(&lock);
	return last;
}

bool reports_await(int kind)
{
	struct timespec pause = { 0, 1000000 };

	for (int i = 0; i < 5000; i++) {
		if (reports_count(kind) > 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}
