/* SPDX-License-Identifier: MIT */
/* Two workers share a queue; what takes longer than a second is given up. */
#include <coil.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct job {
	const char *name;
	int64_t duration;
	int found;
};

static int fetch(void *arg)
{
	struct job *job = arg;
	int rc = coil_sleep(job->duration);

	return rc < 0 ? rc : (int)strlen(job->name);
}

static int worker(void *arg)
{
	struct coil_queue *jobs = arg;
	struct job *job;
	int rc;

	while ((rc = coil_queue_get(jobs, &job)) == 0) {
		job->found = coil_timeout(1 * COIL_SEC, fetch, job);
		coil_queue_task_done(jobs);
	}
	return rc; /* -ECANCELED: no failure of a task that was cancelled */
}

static int work(struct coil_queue *queue, struct job *jobs, size_t n)
{
	struct coil_group group;
	int failure;
	int rc = 0;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < 2 && rc == 0; i++)
		rc = coil_go(&group, worker, queue);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct job *job = &jobs[i];

		rc = coil_queue_put(queue, &job); /* copies the pointer */
	}
	if (rc == 0)
		rc = coil_queue_join(queue);
	coil_group_cancel(&group); /* the workers wait for jobs: they end now */
	failure = coil_group_close(&group);
	return rc < 0 ? rc : failure;
}

static int program(void *arg)
{
	struct job jobs[] = {
		{ "short", 1 * COIL_MSEC, 0 },
		{ "endless", 60 * COIL_MIN, 0 },
		{ "shorter", 0, 0 },
		{ "longer", 5 * COIL_MSEC, 0 },
	};
	struct coil_queue queue;
	int rc = coil_queue_init(&queue, sizeof(struct job *), 2);

	(void)arg;
	if (rc < 0)
		return rc;
	rc = work(&queue, jobs, 4);
	coil_queue_deinit(&queue);
	for (int i = 0; i < 4 && rc == 0; i++)
		if (jobs[i].found == -ETIME)
			printf("%s: too late\n", jobs[i].name);
		else
			printf("%s: %d\n", jobs[i].name, jobs[i].found);
	return rc;
}

int main(void)
{
	return coil_run(program, NULL) != 0;
}
