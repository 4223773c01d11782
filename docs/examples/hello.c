/* SPDX-License-Identifier: MIT */
/* The smallest program: a task that waits, and says something. */
#include <coil.h>
#include <stdio.h>

static int hello(void *arg)
{
	(void)arg;
	coil_sleep(1 * COIL_SEC);
	puts("Hello, world!");
	return 0;
}

int main(void)
{
	return coil_run(hello, NULL) < 0;
}
