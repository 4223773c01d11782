/* SPDX-License-Identifier: MIT */
/* Deadlines, cancellation, cleanup. */
#include <coil.h>
#include <errno.h>
#include <stdio.h>

/* A conversation that never ends by itself, and says goodbye properly when it is cut short. */
static int talk(void *arg)
{
	const char *name = arg;
	struct coil_scope cleanup;
	int rc = coil_sleep(COIL_FOREVER / 2);

	/* Every wait fails in a cancelled scope; cleanup that must wait opens a shield. */
	coil_shield_open(&cleanup, 2 * COIL_SEC);
	coil_sleep(1 * COIL_MSEC);
	coil_scope_close(&cleanup);
	printf("%s: goodbye (%s)\n", name, coil_strerror(rc));
	return rc;
}

static int with_a_scope(void)
{
	struct coil_scope s;
	int rc;

	coil_scope_open(&s);
	coil_scope_deadline(&s, coil_now() + 20 * COIL_MSEC);
	rc = talk("scope");
	if (coil_scope_close(&s) == -ETIME) /* 0, or the scope's own reason */
		printf("the scope's deadline passed\n");
	return rc == -ETIME ? 0 : -1;
}

static int with_a_task(void)
{
	struct coil_task *task = coil_spawn(talk, "task");

	coil_yield();
	coil_cancel(task); /* a request; join says how it ended */
	return coil_join(task) == -ECANCELED ? 0 : -1;
}

static int with_a_group(void)
{
	struct coil_group g;

	coil_group_open(&g, COIL_GROUP_FAIL_FAST);
	coil_go(&g, talk, "child 1");
	coil_go(&g, talk, "child 2");
	coil_sleep(1 * COIL_MSEC);
	coil_group_cancel(&g);
	return coil_group_close(&g); /* nothing outlives it */
}

static int deadlines(void *arg)
{
	(void)arg;
	if (coil_timeout(20 * COIL_MSEC, talk, "timeout") != -ETIME)
		return -1;
	if (with_a_scope() < 0 || with_a_task() < 0)
		return -1;
	return with_a_group();
}

int main(void)
{
	return coil_run(deadlines, NULL) != 0;
}
