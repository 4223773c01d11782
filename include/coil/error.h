/* SPDX-License-Identifier: MIT */
/* Words for errors. */
#ifndef COIL_ERROR_H
#define COIL_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * coil_strerror - an error in words
 * @rc: a negative errno, or any result
 *
 * Return: a constant string; "success" for rc >= 0. Allocates nothing.
 * Since 0.1.
 */
const char *coil_strerror(int rc);

/**
 * coil_err_name - the name of an error
 * @rc: a negative errno, or any result
 *
 * Return: a constant string like "ECANCELED"; "0" for rc >= 0, "E?" for an unknown number.
 * Allocates nothing.
 * Since 0.1.
 */
const char *coil_err_name(int rc);

/**
 * coil_last_error - what refused the last call that says so
 *
 * One sentence on what stood in the way (a kernel without io_uring, a sysctl, a limit) and what to
 * do. Set by the functions whose page names it, for the calling thread.
 * Return: a string that stays until the next such call on this thread; "" if there was none.
 * Since 0.1.
 */
const char *coil_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
