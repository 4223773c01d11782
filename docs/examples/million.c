/* SPDX-License-Identifier: MIT */
/* A million tasks sleep and wake in one process. An argument is another number of them. */
#include <coil.h>
#include <stdio.h>
#include <stdlib.h>

static int sleeper(void *arg)
{
	long *awake = arg;
	int rc = coil_sleep(2 * COIL_SEC);

	++*awake;
	return rc;
}

static int million(void *arg)
{
	long n = *(long *)arg;
	struct coil_group g;
	long awake = 0;
	long started = 0;
	int rc;

	coil_group_open(&g, COIL_GROUP_FAIL_FAST);
	while (started < n && coil_go(&g, sleeper, &awake) == 0)
		started++;
	rc = coil_group_close(&g);
	printf("%ld tasks slept, %ld woke\n", started, awake);
	if (started < n)
		fprintf(stderr, "million: %s\n", coil_last_error());
	return rc == 0 && awake == n ? 0 : -1;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1000000;

	return coil_run(million, &n) != 0;
}
