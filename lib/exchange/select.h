/* SPDX-License-Identifier: MIT */
/*
 * What stands behind a kind of case. Select knows nobody's queue: it asks whether a case is ready,
 * has it done, or stands in its line.
 */
#ifndef COIL_EXCHANGE_SELECT_H
#define COIL_EXCHANGE_SELECT_H

#include "coil/select.h"
#include "exchange/handover.h"

struct coil_case_ops {
	/* Would take() do anything but wait? Also checks that the object is this loop's. */
	bool (*is_ready)(const struct coil_case *c);
	/* Of a ready case: does it. What is returned is the case's result. */
	int (*take)(const struct coil_case *c);
	/* The line to stand in; handover->target and object are set from the case. */
	struct coil_list *(*line)(const struct coil_case *c);
};

#endif
