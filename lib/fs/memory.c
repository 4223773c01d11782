/* SPDX-License-Identifier: MIT */
/* Memory that a ring has pinned, for fixed reads and writes. See coil/file.h. */
#include "coil/file.h"

#include "loop/loop.h"
#include "loop/registered.h"

int coil_memory_register(const struct iovec *memory, unsigned count)
{
	return registered_set(loop_required(__func__), memory, count);
}

int coil_memory_unregister(void)
{
	return registered_clear(loop_required(__func__));
}
