/* SPDX-License-Identifier: MIT */
/*
 * The seam. Below it is a kernel: the real one (kernel.c) or a simulated one; above it the engine,
 * the same byte for byte. It stands at the io_uring ABI: SQEs and CQEs are exchanged through the
 * two rings' memory, and the calls of struct driver_ops are made once a turn or more rarely. No
 * other room makes a system call: what the library needs of plain calls (socket set-up, fallbacks
 * of operations) is the table struct driver_calls.
 */
#ifndef COIL_RING_DRIVER_H
#define COIL_RING_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct driver;
struct epoll_event;
struct io_uring_cqe;
struct io_uring_sqe;
struct sigaction;

#define DRIVER_FOREVER INT64_MAX
/* How long enter waits for more than one CQE, before one is enough. */
#define DRIVER_PATIENCE_USEC 20u

/* What the engine uses where it is there. Each can be masked off by its name; see offer.c. */
enum driver_feature {
	DRIVER_NO_SQARRAY = 1u << 0,        /* 6.6: SQEs are taken in ring order, no index array */
	DRIVER_DEFER_TASKRUN = 1u << 1,     /* 6.1: completions are posted at enter alone */
	DRIVER_COOP_TASKRUN = 1u << 2,      /* 5.19: no interrupts of this thread for completions */
	DRIVER_TASKRUN_FLAG = 1u << 3,      /* 5.19: the SQ flags say when to enter */
	DRIVER_SINGLE_ISSUER = 1u << 4,     /* 6.0 */
	DRIVER_SUBMIT_ALL = 1u << 5,        /* 5.18: a bad SQE does not stop the batch */
	DRIVER_REGISTERED_RING = 1u << 6,   /* 5.18: enter through the task's table, not the fd */
	DRIVER_NO_IOWAIT = 1u << 7,         /* 6.15: a waiting ring is not counted as disk wait */
	DRIVER_GUARD_INSTALL = 1u << 8,     /* 6.13: guard pages without mappings of their own */
	DRIVER_IOWQ_LIMITS = 1u << 9,       /* 5.15: the bounds of the kernel's worker pools */
	DRIVER_MIN_WAIT = 1u << 10,         /* 6.12: to wait for several CQEs, but not for long */
	DRIVER_DIRECT = 1u << 11,           /* 6.8: files in a table of the ring's own */
	DRIVER_MULTISHOT_ACCEPT = 1u << 12, /* 6.9: all connections by one accept */
	DRIVER_BUFFER_RINGS = 1u << 13,     /* 5.19: a receive chooses its buffer late */
	DRIVER_RECV_MULTISHOT = 1u << 14,   /* 6.0: one receive for many messages */
};

/*
 * The memory of both rings, as the kernel's ABI lays it out. Heads and tails are shared: acquire
 * and release.
 */
struct driver_rings {
	struct io_uring_sqe *sqes;
	unsigned *sq_head;
	unsigned *sq_tail;
	unsigned *sq_flags;
	unsigned sq_entries;
	struct io_uring_cqe *cqes;
	unsigned *cq_head;
	unsigned *cq_tail;
	unsigned *cq_overflow;
	unsigned cq_entries;
};

/* Plain system calls: the kernel's own arguments; each returns >= 0 or a negative errno. */
struct driver_calls {
	int (*socket)(int domain, int type, int protocol);
	int (*bind)(int fd, const struct sockaddr *address, socklen_t bytes);
	int (*listen)(int fd, int backlog);
	int (*getsockname)(int fd, struct sockaddr *address, socklen_t *bytes);
	int (*getpeername)(int fd, struct sockaddr *address, socklen_t *bytes);
	int (*setsockopt)(int fd, int level, int option, const void *value, socklen_t bytes);
	int (*getsockopt)(int fd, int level, int option, void *value, socklen_t *bytes);
	int (*recv)(int fd, void *buf, size_t len, int flags);	/* never without MSG_DONTWAIT */
	/*
	 * sendfile(2) of a regular file that waits neither for the socket nor, as far as can be
	 * seen beforehand, for a disk. From *@offset, which goes on with it, or with NULL from the
	 * file's position. > 0 bytes, fewer than @len as it comes; -EAGAIN: no room; -ENODATA: what
	 * is next is not in memory, or the file ends here or soon; -EOPNOTSUPP, -EINVAL: of this
	 * file never. Where it fails nothing has been read. May leave a SIGPIPE pending. With @len
	 * 0, and whatever socket: 0 if @file is one.
	 */
	int (*sendfile)(int socket, int file, int64_t *offset, size_t len);
	int (*shutdown)(int fd, int how);
	int (*close)(int fd);
	int (*unlink)(const char *path);
	int (*chmod)(const char *path, mode_t mode);
	int (*pipe2)(int fds[2], int flags);
	int (*ftruncate)(int fd, off_t length);
	int (*waitid)(int type, id_t id, void *info, int options);
	int (*pidfd_open)(pid_t pid, unsigned flags);
	int (*epoll_ctl)(int epoll_fd, int operation, int fd, struct epoll_event *event);
	int (*epoll_wait)(int epoll_fd, struct epoll_event *events, int events_max, int timeout_ms);
	int (*sigaction)(int signum, const struct sigaction *action, struct sigaction *old);
	int (*raise)(int signum);
	int (*set_signal_mask)(int how, const sigset_t *set, sigset_t *old);	/* of this thread */
	int (*sigpending)(sigset_t *set);
	int (*sigtake)(const sigset_t *set);	/* a pending signal of @set, or -EAGAIN */
	int (*fcntl)(int fd, int command, int argument);
	int (*cpu_count)(void);	/* that this thread may run on, at least 1 */
	/*
	 * Blocks while *@word is @value, for @timeout_ns at most (DRIVER_FOREVER). 0: woken,
	 * perhaps in vain; -EAGAIN: it is something else; -ETIMEDOUT; -EINTR; -EOPNOTSUPP, whatever
	 * is passed: nobody can block here, what runs elsewhere runs on the loop's own thread.
	 */
	int (*wait_word)(const uint32_t *word, uint32_t value, int64_t timeout_ns);
	/* Wakes up to @count of who blocks on @word, which need not exist any more. */
	void (*wake_word)(const uint32_t *word, int count);
	/*
	 * getaddrinfo's own error codes are mapped: -ENOENT (no such name), -EAGAIN, -ENOMEM, -EIO.
	 * Blocks.
	 */
	int (*resolve)(const char *host, const char *service, int flags,
		       struct sockaddr_storage *ret_addresses, socklen_t *ret_bytes,
		       int addresses_max);
};

struct driver_ops {
	/*
	 * Submits @to_submit SQEs, runs the kernel's pending work for this ring and, with @wait >
	 * 0, sleeps until that many CQEs are there or @timeout_ns (relative; DRIVER_FOREVER) has
	 * passed; after DRIVER_PATIENCE_USEC, or where there is no DRIVER_MIN_WAIT, one is enough.
	 * Returns the number of SQEs that were consumed, or -EINTR, -ETIME, -EAGAIN,
	 * -EBUSY, -EBADR, ... as io_uring_enter(2).
	 */
	int (*enter)(struct driver *driver, unsigned to_submit, unsigned wait, int64_t timeout_ns);
	/*
	 * send(2), of a normal descriptor, that does not wait: @flags has MSG_DONTWAIT. No errno,
	 * no cancellation point.
	 */
	int (*send)(int fd, const void *buf, size_t len, int flags);
	/* sendmsg(2), likewise; without control data. */
	int (*sendmsg)(int fd, const struct msghdr *message, int flags);
	int64_t (*now)(struct driver *driver);
	int (*random)(struct driver *driver, void *bytes, size_t count);
	/* From any thread, and from a signal handler: makes wake_fd readable. */
	void (*wake)(struct driver *driver);
	/*
	 * Before a post to the loop, by who posts: stops a thread that may not. NULL: all may.
	 */
	void (*check_poster)(struct driver *driver);
	/* Runs @body(@arg) on another thread, detached. 0 or a negative errno. */
	int (*run_elsewhere)(struct driver *driver, void (*body)(void *arg), void *arg);
	/*
	 * Memory for stacks: zeroed, not reserved, no huge pages; guard makes a range inaccessible.
	 */
	void *(*map)(struct driver *driver, size_t bytes);
	void (*unmap)(struct driver *driver, void *memory, size_t bytes);
	int (*guard)(struct driver *driver, void *memory, size_t bytes);
	int (*discard)(struct driver *driver, void *memory, size_t bytes);
	/* As mincore(2): a byte for each page, the low bit says "in memory". */
	int (*resident)(struct driver *driver, void *memory, size_t bytes,
			unsigned char *ret_pages);
	/* Memory for the fixed reads and writes; @count 0: none any more. 0 or a negative errno. */
	int (*register_memory)(struct driver *driver, const struct iovec *memory, unsigned count);
	/*
	 * The ring's own table of files, with DRIVER_DIRECT: @slots empty ones, or as many as may
	 * be had, once. Returns how many, or a negative errno. And: puts the file behind @fd into a
	 * slot, in place of what is there; -1 takes out what is there. 0 or a negative errno.
	 */
	int (*table_open)(struct driver *driver, unsigned slots);
	int (*table_set)(struct driver *driver, unsigned slot, int fd);
	/*
	 * A group of buffers that the kernel takes from a ring in memory: @entries (a power of two,
	 * at most 32768) of struct io_uring_buf, at a page's begin. 0 or a negative errno. The
	 * memory is the kernel's until it is unregistered, or the driver closed.
	 */
	int (*register_buffers)(struct driver *driver, void *ring, unsigned entries,
				unsigned group);
	void (*unregister_buffers)(struct driver *driver, unsigned group);
	/*
	 * Nothing may be owed, or the memory that the kernel may still write is leaked on purpose:
	 * @abandon.
	 */
	void (*close)(struct driver *driver, bool abandon);
	/*
	 * A descriptor that becomes readable when completions can be had, made at the first call
	 * (-EOPNOTSUPP: there is none); what makes it unreadable again, before they are had; and a
	 * wake as above of who polls it.
	 */
	int (*poll_fd)(struct driver *driver);
	void (*poll_clear)(struct driver *driver);
	void (*poll_wake)(struct driver *driver);
	const struct driver_calls *calls;
};

struct driver {
	const struct driver_ops *ops;
	struct driver_rings rings;
	int wake_fd;		/* an eventfd; the engine keeps a read on it */
	int ring_fd;		/* readable when completions can be had; -1: there is none */
	unsigned features;	/* enum driver_feature, after the mask */
	uint64_t opcodes;	/* bit n: opcode n is supported, after the mask */
	bool is_simulated;	/* a closed world: it knows itself when nothing can ever happen */
	int enter_fd;		/* the real kernel's alone: how enter calls it, ring/enter.h */
	unsigned enter_flags;
};

struct driver_options {
	unsigned sq_entries;		/* 1..32768, rounded up to a power of two */
	unsigned cq_entries;		/* at least sq_entries */
	unsigned workers_bounded;	/* io-wq threads for files; 0: the kernel's bound */
	unsigned workers_unbounded;	/* io-wq threads for the rest */
	const char *mask;		/* names to treat as absent; NULL: from the environment */
};

/*
 * Opens the real kernel. 0, or a negative errno; then refusal() says in one sentence what refused
 * and what to do. The driver stays at its address until ops->close.
 */
int driver_kernel_open(struct driver **ret_driver, const struct driver_options *options);

/*
 * What refused the last driver_kernel_open, map or guard on this thread, as a sentence; "" if
 * nothing did since the last open. -EINVAL from the open: the mask has a name that does not exist;
 * -EOPNOTSUPP: the kernel is too old.
 */
const char *driver_refusal(void);

#endif
