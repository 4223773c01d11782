/* SPDX-License-Identifier: MIT */
/*
 * The simulated kernel: a second driver behind ring/driver.h. It takes SQEs out of the ring's
 * memory, interprets them in a small world of its own (files, sockets, processes, one virtual
 * clock) and posts CQEs. Everything that could go one way or another is drawn from one seeded
 * source, so that a run is a function of its seed.
 *
 *   enter()  takes SQEs -> struct sim_request -> attempt() -> a result, or SIM_WAIT
 *            waiting requests are attempted again when what they wait for has changed
 *            finished requests are posted as CQEs, in an order and in numbers that the seed chooses
 *            nothing left to do: the clock jumps to the next event
 *
 * Invariant: an attempt never waits and never advances the clock. All that happens later is a
 * struct sim_event. Nothing here reads a real clock, real randomness, an address's value or
 * anything else that two runs do not share.
 *
 * Must not know: futures, tasks, who waits and why.
 */
#ifndef COIL_SIM_SIM_H
#define COIL_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/check.h"
#include "base/heap.h"
#include "base/list.h"
#include "ring/driver.h"

#include <liburing/io_uring.h>

/* One more than the largest opcode that the simulator knows of: liburing 2.9's headers end before
 * EPOLL_WAIT (59) and PIPE (62). */
#define SIM_OPCODES 64

struct sim;
struct sim_file;
struct sim_request;
struct sim_ring;

/* -- Choice (choice.c) --------------------------------------------------------------------------
 */

/*
 * What may go wrong or otherwise, each with a probability of its own that the seed draws first
 * (swarm testing: many runs have most of them at zero). X(name, what it means).
 */
#define SIM_TROUBLES(X)                                                                            \
	X(DELAY, "an operation that could finish at once takes a while")                           \
	X(HOLD_BACK, "a finished operation is not posted in this enter")                           \
	X(REORDER, "finished operations are posted out of order")                                  \
	X(CANCEL_LOSES, "a cancel finds its target running (EALREADY) or gone (ENOENT)")           \
	X(ENTER_EINTR, "enter returns EINTR")                                                      \
	X(ENTER_EBUSY, "enter returns EBUSY or EAGAIN before it takes anything")                   \
	X(ENTER_PARTIAL, "enter takes some of the SQEs only")                                      \
	X(OVERFLOW, "the CQ is treated as full")                                                   \
	X(MULTISHOT_ENDS, "a multishot operation ends without a reason")                           \
	X(LATE_NOTIFY, "a zero-copy notification is late")                                         \
	X(SHORT_READ, "a read or recv returns less than is there")                                 \
	X(SHORT_WRITE, "a write or send takes less than it could")                                 \
	X(SEGMENT, "a stream arrives in pieces")                                                   \
	X(RESET, "a connection is reset by its peer")                                              \
	X(REFUSE, "a connection is refused")                                                       \
	X(DATAGRAM_LOST, "a datagram is lost")                                                     \
	X(DATAGRAM_TWICE, "a datagram comes twice")                                                \
	X(DATAGRAM_LATE, "a datagram is overtaken by later ones")                                  \
	X(NO_SPACE, "the file system is full for a moment")                                        \
	X(FAULT, "an operation fails with an errno that its manual page names")                    \
	X(SHUFFLE, "the order of the ready queue is shuffled")                                     \
	X(EARLY_WAKE, "enter returns with nothing, as after a spurious wake")

enum sim_trouble {
#define SIM_TROUBLE_NAME(name, meaning) SIM_##name,
	SIM_TROUBLES(SIM_TROUBLE_NAME)
#undef SIM_TROUBLE_NAME
	SIM_TROUBLE_COUNT
};

/* One of @count equally likely ways: 0 .. @count - 1. Not drawn where @count is 1. */
uint32_t sim_pick(struct sim *sim, uint32_t count);

/* Does it happen this time? Not drawn where its probability is zero. */
bool sim_happens(struct sim *sim, enum sim_trouble trouble);

/* How long something of the world takes, in nanoseconds: 1 .. @bound_ns, short ones more often. */
int64_t sim_delay(struct sim *sim, int64_t bound_ns);

/* -- Time (world.c) ---------------------------------------------------------------------------
 */

struct sim_event {
	struct coil_heap_node node;
	void (*fire)(struct sim *sim, struct sim_event *event);
};

int64_t sim_now(const struct sim *sim);

static inline bool sim_event_is_set(const struct sim_event *event)
{
	return event->node.place != HEAP_NOWHERE;
}

/* Before the first use of an event that is not a request's own. */
void sim_event_init(struct sim_event *event,
		    void (*fire)(struct sim *sim, struct sim_event *event));

/* @event, which is not set, fires when the virtual clock has come to @when. */
void sim_event_set(struct sim *sim, struct sim_event *event, int64_t when);
void sim_event_clear(struct sim *sim, struct sim_event *event); /* if it is set */

/* -- Memory of the simulator's own (world.c): never fails, zeroed, counted --------------------
 */

void *sim_alloc(struct sim *sim, size_t bytes);
void sim_free(struct sim *sim, void *memory, size_t bytes);

/* -- Files: whatever a descriptor stands for (file.c) -----------------------------------------
 */

/* One read or write: where the bytes come from or go to, and where in the file. */
struct sim_io {
	const struct iovec *iov;
	size_t iov_count;
	size_t bytes;	  /* to move at the most: already cut for short I/O */
	int64_t offset;	  /* -1: at the file's position */
	unsigned flags;	  /* RWF_* */
};

struct sim_file_ops {
	const char *name; /* "pipe", "tcp socket": for traces and reports */
	/*
	 * Each tries once: bytes moved, or a negative errno; -EAGAIN: not now, ask again after
	 * sim_file_changed(). NULL: -EINVAL.
	 */
	int64_t (*read)(struct sim_file *file, const struct sim_io *io);
	int64_t (*write)(struct sim_file *file, const struct sim_io *io);
	/* What could be done now: POLLIN | POLLOUT | POLLHUP | POLLRDHUP | POLLERR | POLLPRI.
	 * NULL: always POLLIN | POLLOUT. */
	unsigned (*poll)(struct sim_file *file);
	/* The last descriptor and the last request that used it are gone. Frees @file. */
	void (*release)(struct sim_file *file);
	/* The last descriptor is gone; requests may hold it still (a TCP close says goodbye here).
	 * May be NULL. */
	void (*closed)(struct sim_file *file);
};

/* The first member of what the rooms of the world make of it. */
struct sim_file {
	const struct sim_file_ops *ops;
	struct sim *sim;
	struct coil_list waiters;	/* requests that wait for a change of it */
	struct coil_list watchers;	/* epoll items on it: epoll.c */
	struct coil_list changed;	/* in the world's changed files */
	uint64_t id;			/* counted up: for traces */
	unsigned descriptors;
	unsigned holders;		/* descriptors + requests + links of the world */
	int flags;			/* O_NONBLOCK, O_APPEND, O_ACCMODE, ... */
};

void sim_file_init(struct sim *sim, struct sim_file *file, const struct sim_file_ops *ops,
		   int flags);
void sim_file_hold(struct sim_file *file);
void sim_file_drop(struct sim_file *file); /* may release it */

/* Its state has changed: requests that wait for it are attempted again, soon. */
void sim_file_changed(struct sim_file *file);

/* The lowest free virtual descriptor, or -EMFILE; it holds @file. */
int sim_fd_install(struct sim *sim, struct sim_file *file);
struct sim_file *sim_fd_file(struct sim *sim, int fd); /* NULL: EBADF */
int sim_fd_close(struct sim *sim, int fd);

/* Scatter and gather between @io's memory and the simulator's. Bytes copied. */
size_t sim_io_fill(const struct sim_io *io, size_t done, const void *bytes, size_t count);
size_t sim_io_drain(const struct sim_io *io, size_t done, void *bytes, size_t count);

/* -- Requests: SQEs that the kernel has taken (request.c) -------------------------------------
 */

#define SIM_WAIT INT32_MIN /* an attempt's answer: not now */

struct sim_request {
	struct coil_list node;		/* in its file's waiters, its ring's running or done ones */
	struct sim_ring *ring;
	struct sim *sim;
	struct io_uring_sqe sqe;
	struct sim_file *file;		/* of sqe.fd, held; NULL where there is none */
	/* Whose change it waits for after SIM_WAIT, where that is not @file (splice): set by the
	 * attempt, held by request->own. NULL: @file. */
	struct sim_file *waits_for;
	struct sim_event event;		/* for whatever it waits for in time */
	struct sim_request *link;	/* the next one of its chain */
	struct sim_request *timeout;	/* the LINK_TIMEOUT that is armed for it */
	struct coil_list all;		/* in its ring's requests, by order of submission */
	uint64_t id;			/* counted up: the order of submission */
	uint32_t state;			/* request.c's */
	int32_t result;
	uint32_t cqe_flags;
	uint32_t done;			/* bytes so far, of a MSG_WAITALL or a large send: what a
					   cancelled or failed one returns, if there are any */
	bool is_settled;		/* its result is posted and only a notification is to come:
					   no cancel finds it (-ENOENT) */
	uint32_t traits;		/* request.c's */
	uint64_t guard;			/* checksum of its buffers: guard.c */
	uint64_t watched;		/* of who watches the world: simrun's */
	const struct iovec *iov;	/* the array of a vectored one, copied when it was taken;
					   request.c frees it */
	size_t iov_count;
	void *own;			/* the operation's: freed by its drop() */
};

/* What is known of an opcode. Tables: operations_*.c. */
struct sim_operation {
	const char *name; /* as in liburing: "recv" */
	/*
	 * Called once when the SQE is taken: copies what the kernel copies at submission. 0 or a
	 * negative errno, which is the result and breaks the chain before it begins. May be NULL.
	 * drop() frees what it made, also after an error.
	 */
	int32_t (*prepare)(struct sim_request *request);
	/*
	 * Tries once: a result, or SIM_WAIT. Then it is attempted again when request->file has
	 * changed (sim_file_changed), or when somebody calls sim_request_retry. NULL: the
	 * simulator has no twin of it, which is refused by name.
	 */
	int32_t (*attempt)(struct sim_request *request);
	/*
	 * When it ends in whatever way: frees request->own, takes it out of lists of the world. May
	 * be NULL.
	 */
	void (*drop)(struct sim_request *request);
	unsigned traits;
};

enum sim_trait {
	SIM_TAKES_FD = 1 << 0,	/* sqe.fd names a file: -EBADF where it does not */
	SIM_BLOCKS = 1 << 1,	/* runs in a worker: takes time, and a cancel may be too late */
	SIM_FILLS = 1 << 2,	/* writes the caller's buffer: it must be untouched meanwhile */
	SIM_SENDS = 1 << 3,	/* reads the caller's buffer: the same */
	SIM_NOTIFIES = 1 << 4,	/* zero-copy: a result that comes otherwise than from attempt() (a
				   cancel, an injected fault) is posted with IORING_CQE_F_MORE, then
				   0 with IORING_CQE_F_NOTIF. attempt() posts its own two */
	SIM_FORGIVES = 1 << 5	/* a failure does not break its chain: Linux (6.18) never marks
				   it */
};

/* Attempts it again, soon. */
void sim_request_retry(struct sim_request *request);

/* Ends it with @result: it will be posted. For those that wait by other means than attempts. */
void sim_request_finish(struct sim_request *request, int32_t result);

/*
 * Posts a CQE with IORING_CQE_F_MORE and goes on (multishot, zero-copy): true. False: it did not go
 * on, the CQE was its last one (the seed ended a multishot, or the CQ is full); the attempt then
 * returns SIM_WAIT at once and does not touch the request any more.
 */
bool sim_request_post_more(struct sim_request *request, int32_t result, uint32_t cqe_flags);

/* Registered by each part of the world in its table: index is the opcode. */
extern const struct sim_operation sim_operations_core[SIM_OPCODES];	/* operations.c */
extern const struct sim_operation sim_operations_files[SIM_OPCODES];	/* files_ops.c */
extern const struct sim_operation sim_operations_net[SIM_OPCODES];	/* net_ops.c */

/* -- Parts of the world, each with its own state ----------------------------------------------
 */

struct sim_disk;  /* disk.h: directories, files, what is durable */
struct sim_net;	  /* net.h: addresses, listeners, datagrams on their way */
struct sim_procs; /* procs.h: children, signals, futexes */

struct sim_disk *sim_disk_new(struct sim *sim);
void sim_disk_free(struct sim_disk *disk);
struct sim_net *sim_net_new(struct sim *sim);
void sim_net_free(struct sim_net *net);
struct sim_procs *sim_procs_new(struct sim *sim);
void sim_procs_free(struct sim_procs *procs);

struct sim_disk *sim_disk(const struct sim *sim);
struct sim_net *sim_net(const struct sim *sim);
struct sim_procs *sim_procs(const struct sim *sim);

/* The simulated counterparts of struct driver_calls, by part; calls.c collects them. They act on
 * the world of the calling thread's ring: sim_current(). */
struct sim *sim_current(void);

#endif
