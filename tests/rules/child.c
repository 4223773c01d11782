/* SPDX-License-Identifier: MIT */
#include "rules/child.h"

int child_awaits(void *promise)
{
	return coil_await(&((struct coil_promise *)promise)->future);
}

int child_awaits_any(void *future)
{
	return coil_await(future);
}
