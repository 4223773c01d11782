/* SPDX-License-Identifier: MIT */
/* Memory that a ring has pinned for fixed reads and writes. See coil/file.h. */
#include "coil/file.h"

#include "loop/loop.h"

#include <errno.h>

int coil_memory_register(const struct iovec *memory, unsigned count)
{
	struct coil_loop *loop = loop_required(__func__);

	if (count == 0)
		return -EINVAL;
	return loop->driver->ops->register_memory(loop->driver, memory, count);
}

int coil_memory_unregister(void)
{
	struct coil_loop *loop = loop_required(__func__);

	return loop->driver->ops->register_memory(loop->driver, NULL, 0);
}
