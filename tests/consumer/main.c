/* SPDX-License-Identifier: MIT */
/*
 * A program outside of the tree: it has the installed headers and library, and nothing
 * else of ours.
 */
#include <coil.h>

static int answer(void *arg)
{
	*(int *)arg = 42;
	return 0;
}

int main(void)
{
	int value = 0;

	return coil_run(answer, &value) < 0 || value != 42;
}
