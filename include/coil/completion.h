/* SPDX-License-Identifier: MIT */
#ifndef COIL_COMPLETION_H
#define COIL_COMPLETION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One of the two shapes of function pointer inside the library: kernel to engine. The address of a
 * completion is the user_data of an SQE; @complete counts and moves list nodes, and never runs
 * anybody's code.
 */
struct coil_completion {
	void (*complete)(struct coil_completion *completion, int32_t result, uint32_t cqe_flags);
};

#ifdef __cplusplus
}
#endif

#endif
