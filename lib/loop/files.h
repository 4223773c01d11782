/* SPDX-License-Identifier: MIT */
/*
 * Direct descriptors: files in a table of the ring's own, which the kernel finds without a look-up
 * in the process's table. Outside they are numbers from RING_DIRECT on, which no system call knows.
 * Where an SQE's word is a file, ring_place turns the number into the slot; all else is done here,
 * for as long as an operation runs, on its staged SQE:
 *
 *   opens       takes a slot; the number is the result
 *   closes      names the slot; it is free when the close is done, not before
 *   two files   splice, tee, a cancel by descriptor: the other words that the kernel has for them
 *   borrows     what only takes normal descriptors gets one for the time that it runs: paths,
 *               attributes, epoll_ctl, and whatever a system call stands for
 *
 * Invariant: a slot is taken from before a file may be in it until after none is. So no open ever
 * finds the table full in the kernel, which would close an accepted connection.
 *
 * Must not know: what is in the files.
 */
#ifndef COIL_LOOP_FILES_H
#define COIL_LOOP_FILES_H

#include "loop/loop.h"

struct coil_op;

void files_init(struct coil_loop *loop, const struct coil_options *options);
void files_deinit(struct coil_loop *loop);

/* The operations that have nothing to do here whatever their SQE says, a bit each. */
uint64_t files_opcodes_unneeded(void);

/*
 * @op begins: 0, or the negative errno that it ends with at once. A step of a chain opens normally:
 * those behind it could not know the number.
 */
int files_begin(struct coil_loop *loop, struct coil_op *op, bool is_chained);

/* It ends, with what files_begin has marked it with. Returns the result that is told. */
int32_t files_finish(struct coil_loop *loop, struct coil_op *op, int32_t result);

/* A direct descriptor for the file behind @fd; @fd stays as it is. */
int files_register(struct coil_loop *loop, int fd);

/* A normal, close-on-exec descriptor for the file behind either kind. Not inside of ring_reap. */
int files_install(struct coil_loop *loop, int fd);

/* Closes either kind, at once. */
int files_close(struct coil_loop *loop, int fd);

#endif
