/* SPDX-License-Identifier: MIT */
/*
 * Pipes and eventfds of the simulated machine, and what splice(2) and tee(2) do between a pipe and
 * another file.
 */
#ifndef COIL_SIM_PIPE_H
#define COIL_SIM_PIPE_H

#include "sim/sim.h"

#define SIM_PIPE_BYTES 65536	/* what a pipe holds */
#define SIM_PIPE_ATOMIC 4096	/* PIPE_BUF: a write up to this size goes in whole */

/* As pipe2(2). */
int sim_pipe(struct sim *sim, int fds[2], int flags);

/*
 * Bytes in a pipe and room for more, as at most two pieces of its memory each; bytes of all pieces.
 */
struct sim_pipe;

struct sim_pipe *sim_pipe_read_end(struct sim_file *file);	/* NULL: it is none */
struct sim_pipe *sim_pipe_write_end(struct sim_file *file);
size_t sim_pipe_filled(struct sim_pipe *pipe, struct iovec iov[2]);
size_t sim_pipe_free(struct sim_pipe *pipe, struct iovec iov[2]);
void sim_pipe_take(struct sim_pipe *pipe, size_t bytes);
void sim_pipe_add(struct sim_pipe *pipe, size_t bytes);
bool sim_pipe_has_writer(const struct sim_pipe *pipe);
bool sim_pipe_has_reader(const struct sim_pipe *pipe);

/* As eventfd(2), and a write to one from the outside, for the engine's wake: eventfd.c. */
int sim_eventfd(struct sim *sim, uint64_t count, int flags);
int sim_eventfd_add(struct sim_file *file, uint64_t count);

/* One splice or tee; offsets of -1: at the file's position. */
struct sim_splice {
	struct sim_file *from;
	struct sim_file *to;
	int64_t from_offset;
	int64_t to_offset;
	size_t bytes;
	unsigned flags;			/* SPLICE_F_* */
	struct sim_file *waits_for;	/* after -EAGAIN: whose change makes it possible */
};

/* Bytes moved; 0: at the end; a negative errno; -EAGAIN: not now. */
int64_t sim_splice(struct sim_splice *splice);
int64_t sim_tee(struct sim_splice *splice);

#endif
