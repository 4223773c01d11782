/* SPDX-License-Identifier: MIT */
/*
 * The real kernel behind the seam. A struct kernel belongs to the thread that opened it: that one
 * alone enters and closes; wake() is for every thread and for signal handlers.
 */
#include "ring/driver.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "ring/calls.h"
#include "ring/enter.h"
#include "ring/hooks.h"
#include "ring/memory.h"
#include "ring/offer.h"
#include "ring/refusal.h"
#include "ring/setup.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HELPER_STACK_BYTES (1024 * 1024)

struct kernel {
	struct driver driver;
	struct setup_ring ring;
	struct memory_guards guards;
	struct driver_ops polling; /* where enter must not block */
	int poll_fd;		/* 0: not asked for yet */
};

static struct kernel *kernel_of(struct driver *driver)
{
	return container_of(driver, struct kernel, driver);
}

static bool has_completions(const struct driver_rings *rings)
{
	return __atomic_load_n(rings->cq_tail, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(rings->cq_head, __ATOMIC_RELAXED);
}

/*
 * An eventfd that the kernel signals: a poll of the ring's own descriptor is not woken by what is
 * deferred to this thread (seen with timeouts on 6.18), it only finds it when it looks.
 */
static int kernel_poll_fd(struct driver *driver)
{
	struct kernel *kernel = kernel_of(driver);
	int rc;

	if (kernel->poll_fd > 0)
		return kernel->poll_fd;
	rc = call_result(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)); /* what was before counts, too */
	if (rc < 0)
		return rc;
	kernel->poll_fd = rc;
	rc = io_uring_register_eventfd(&kernel->ring.uring, kernel->poll_fd);
	if (rc == 0)
		return kernel->poll_fd;
	close(kernel->poll_fd);
	kernel->poll_fd = 0;
	return rc;
}

/*
 * Registered anew: a completion that comes out of a write to some eventfd is told by way of RCU,
 * and after the first one of a registration no more (6.18: nothing clears that it is on its way).
 * About 0.6 us; who lives inside another loop pays a poll for every sleep anyway.
 */
static void kernel_poll_clear(struct driver *driver)
{
	struct kernel *kernel = kernel_of(driver);
	uint64_t count;

	if (kernel->poll_fd <= 0)
		return;
	io_uring_unregister_eventfd(&kernel->ring.uring);
	(void)call_result(read(kernel->poll_fd, &count, sizeof count));
	check(io_uring_register_eventfd(&kernel->ring.uring, kernel->poll_fd) == 0);
}

int driver_kernel_enter(struct driver *driver, unsigned to_submit, unsigned wait,
			int64_t timeout_ns)
{
	check(to_submit <= driver->rings.sq_entries);
	check(wait <= driver->rings.cq_entries);
	return enter_kernel(driver, to_submit, wait, timeout_ns);
}

/* The same for valgrind, which does not know that enter blocks: the sleep is a poll. */
static int kernel_enter_and_poll(struct driver *driver, unsigned to_submit, unsigned wait,
				 int64_t timeout_ns)
{
	struct pollfd poll_fd = {.events = POLLIN};
	struct timespec ts = {timeout_ns / CLOCK_SECOND, timeout_ns % CLOCK_SECOND};
	int submitted;
	int rc;

	if (wait == 0 || timeout_ns <= 0)
		return driver_kernel_enter(driver, to_submit, 0, 0);
	poll_fd.fd = kernel_poll_fd(driver);
	check(poll_fd.fd >= 0);
	kernel_poll_clear(driver); /* what was before is looked at now */
	submitted = driver_kernel_enter(driver, to_submit, 0, 0);
	if (submitted < 0 || has_completions(&driver->rings))
		return submitted;
	rc = call_result(ppoll(&poll_fd, 1, timeout_ns == DRIVER_FOREVER ? NULL : &ts, NULL));
	if (rc > 0)
		rc = driver_kernel_enter(driver, 0, 0, 0);
	else if (rc == 0)
		rc = -ETIME;
	return submitted ? submitted : rc;
}

int driver_kernel_send(int fd, const void *buf, size_t len, int flags)
{
	check(flags & MSG_DONTWAIT);
	return enter_send(fd, buf, len, flags);
}

static int kernel_sendmsg(int fd, const struct msghdr *message, int flags)
{
	check(flags & MSG_DONTWAIT);
	return enter_sendmsg(fd, message, flags);
}

static int64_t kernel_now(struct driver *driver)
{
	(void)driver;
	return clock_now();
}

static int kernel_random(struct driver *driver, void *bytes, size_t count)
{
	char *place = bytes;

	(void)driver;
	while (count > 0) {
		int n = call_result(getrandom(place, count, 0));

		if (n < 0 && n != -EINTR)
			return n;
		place += n > 0 ? n : 0;
		count -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/*
 * Cannot fail: an eventfd blocks at 2^64 - 2 wakes unread; so the errno of whom a handler
 * interrupts stays as it is. Not write(2) of libc: that is a cancellation point, and
 * ThreadSanitizer would see a use of the fd that may end after the loop, already woken, has closed
 * it.
 */
static void signal_eventfd(struct driver *driver, int fd)
{
	const uint64_t one = 1;
	long n;

	check(fd >= 0);
	hooks_waking(driver);
	n = syscall(SYS_write, fd, &one, sizeof one);
	check(n == sizeof one);
}

static void kernel_wake(struct driver *driver)
{
	signal_eventfd(driver, driver->wake_fd);
}

/* Past the ring: what is told by way of RCU takes tens of milliseconds. */
static void kernel_poll_wake(struct driver *driver)
{
	struct kernel *kernel = kernel_of(driver);

	signal_eventfd(driver, kernel->poll_fd > 0 ? kernel->poll_fd : driver->wake_fd);
}

struct helper {
	void (*body)(void *arg);
	void *arg;
};

static void *helper_main(void *arg)
{
	struct helper helper = *(struct helper *)arg;

	alloc_free(&alloc_libc, arg, sizeof helper);
	pthread_setname_np(pthread_self(), "coil-work");
	helper.body(helper.arg);
	return NULL;
}

/*
 * Signals are the program's business: a helper takes none. They are blocked around its birth, as it
 * inherits.
 */
static int start_helper(struct helper *helper)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all;
	sigset_t old;
	int error = pthread_attr_init(&attributes);

	if (error)
		return -error;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, HELPER_STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, &attributes, helper_main, helper);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return -error;
}

static int kernel_run_elsewhere(struct driver *driver, void (*body)(void *arg), void *arg)
{
	struct helper *helper = alloc_zeroed(&alloc_libc, sizeof *helper);
	int rc;

	(void)driver;
	check(body != NULL);
	if (!helper)
		return -ENOMEM;
	*helper = (struct helper){.body = body, .arg = arg};
	rc = start_helper(helper);
	if (rc < 0)
		alloc_free(&alloc_libc, helper, sizeof *helper);
	return rc;
}

static void *kernel_map(struct driver *driver, size_t bytes)
{
	(void)driver;
	return memory_map(bytes);
}

static void kernel_unmap(struct driver *driver, void *memory, size_t bytes)
{
	(void)driver;
	memory_unmap(memory, bytes);
}

static int kernel_guard(struct driver *driver, void *memory, size_t bytes)
{
	return memory_guard(&kernel_of(driver)->guards, memory, bytes);
}

static int kernel_register_memory(struct driver *driver, const struct iovec *memory,
				  unsigned count)
{
	struct io_uring *uring = &kernel_of(driver)->ring.uring;

	return count ? io_uring_register_buffers(uring, memory, count) :
		       io_uring_unregister_buffers(uring);
}

static int kernel_resident(struct driver *driver, void *memory, size_t bytes,
			   unsigned char *ret_pages)
{
	(void)driver;
	return memory_resident(memory, bytes, ret_pages);
}

static int kernel_discard(struct driver *driver, void *memory, size_t bytes)
{
	(void)driver;
	return memory_discard(memory, bytes);
}

/* The kernel takes no larger table than the process may have files. */
static int kernel_table_open(struct driver *driver, unsigned slots)
{
	struct io_uring *uring = &kernel_of(driver)->ring.uring;
	struct io_uring_rsrc_register request = {.flags = IORING_RSRC_REGISTER_SPARSE};
	struct rlimit limit;
	int rc;

	check(slots > 0);
	if (!(driver->features & DRIVER_DIRECT))
		return -EOPNOTSUPP;
	rc = call_result(getrlimit(RLIMIT_NOFILE, &limit));
	if (rc < 0)
		return rc;
	request.nr = slots < limit.rlim_cur ? slots : (unsigned)limit.rlim_cur;
	if (request.nr == 0)
		return -EMFILE;
	rc = io_uring_register((unsigned)uring->ring_fd, IORING_REGISTER_FILES2, &request,
			       sizeof request);
	return rc < 0 ? rc : (int)request.nr;
}

static int kernel_table_set(struct driver *driver, unsigned slot, int fd)
{
	int rc = io_uring_register_files_update(&kernel_of(driver)->ring.uring, slot, &fd, 1);

	return rc < 0 ? rc : 0;
}

/*
 * Abandoned, the ring stays open and mapped until the process ends, as does the eventfd that it may
 * be reading: the kernel still owes, and closing would not stop what runs in a worker. Only the
 * place in the task's table of 16 is given back.
 */
static void kernel_close(struct driver *driver, bool abandon)
{
	struct kernel *kernel = kernel_of(driver);

	check(driver->wake_fd >= 0);
	if (abandon) {
		if (driver->features & DRIVER_REGISTERED_RING)
			io_uring_unregister_ring_fd(&kernel->ring.uring);
	} else {
		setup_ring_close(&kernel->ring);
		close(driver->wake_fd);
		if (kernel->poll_fd > 0)
			close(kernel->poll_fd);
	}
	driver->wake_fd = -1;
	alloc_free(&alloc_libc, kernel, sizeof *kernel);
}

static int kernel_register_buffers(struct driver *driver, void *ring, unsigned entries,
				   unsigned group)
{
	struct io_uring_buf_reg registration = {
		.ring_addr = (uintptr_t)ring,
		.ring_entries = entries,
		.bgid = (uint16_t)group,
	};

	if (!(driver->features & DRIVER_BUFFER_RINGS))
		return -EOPNOTSUPP;
	return io_uring_register_buf_ring(&kernel_of(driver)->ring.uring, &registration, 0);
}

static void kernel_unregister_buffers(struct driver *driver, unsigned group)
{
	int rc = io_uring_unregister_buf_ring(&kernel_of(driver)->ring.uring, (int)group);

	check(rc == 0);
}

static const struct driver_ops kernel_ops = {
	.enter = driver_kernel_enter,
	.send = driver_kernel_send,
	.sendmsg = kernel_sendmsg,
	.now = kernel_now,
	.random = kernel_random,
	.wake = kernel_wake,
	.run_elsewhere = kernel_run_elsewhere,
	.map = kernel_map,
	.unmap = kernel_unmap,
	.guard = kernel_guard,
	.discard = kernel_discard,
	.resident = kernel_resident,
	.register_memory = kernel_register_memory,
	.table_open = kernel_table_open,
	.table_set = kernel_table_set,
	.poll_fd = kernel_poll_fd,
	.poll_clear = kernel_poll_clear,
	.poll_wake = kernel_poll_wake,
	.register_buffers = kernel_register_buffers,
	.unregister_buffers = kernel_unregister_buffers,
	.close = kernel_close,
	.calls = &calls_kernel,
};

static struct driver_rings rings_of(const struct io_uring *uring)
{
	return (struct driver_rings){
		.sqes = uring->sq.sqes,
		.sq_head = uring->sq.khead,
		.sq_tail = uring->sq.ktail,
		.sq_flags = uring->sq.kflags,
		.sq_entries = uring->sq.ring_entries,
		.cqes = uring->cq.cqes,
		.cq_head = uring->cq.khead,
		.cq_tail = uring->cq.ktail,
		.cq_overflow = uring->cq.koverflow,
		.cq_entries = uring->cq.ring_entries,
	};
}

static unsigned enter_flags_of(unsigned features)
{
	unsigned flags = IORING_ENTER_GETEVENTS;

	if (features & DRIVER_REGISTERED_RING)
		flags |= IORING_ENTER_REGISTERED_RING;
	if (features & DRIVER_NO_IOWAIT)
		flags |= OFFER_ENTER_NO_IOWAIT;
	return flags;
}

/* Gives an open ring its face. */
static void dress(struct kernel *kernel, int wake_fd)
{
	unsigned features = kernel->ring.features;

	kernel->guards.can_install =
		!(kernel->ring.absent & DRIVER_GUARD_INSTALL) && memory_can_install_guards(wake_fd);
	if (kernel->guards.can_install)
		features |= DRIVER_GUARD_INSTALL;
	kernel->polling = kernel_ops;
	kernel->polling.enter = kernel_enter_and_poll;
	kernel->driver = (struct driver){
		.ops = hooks_enter_must_not_block() ? &kernel->polling : &kernel_ops,
		.rings = rings_of(&kernel->ring.uring),
		.wake_fd = wake_fd,
		.ring_fd = kernel->ring.uring.ring_fd,
		.features = features,
		.opcodes = kernel->ring.opcodes,
		.enter_fd = kernel->ring.uring.enter_ring_fd,
		.enter_flags = enter_flags_of(features),
	};
	check(kernel->driver.rings.sq_entries > 0);
	check(kernel->driver.rings.cq_entries >= kernel->driver.rings.sq_entries);
}

/* Not EFD_NONBLOCK: on such an fd io_uring's read would fail with EAGAIN where it should wait. */
static int open_wake_fd(void)
{
	struct refusal_facts facts = {.step = REFUSAL_WAKE};
	int fd = call_result(eventfd(0, EFD_CLOEXEC));

	return fd < 0 ? refusal_note(fd, &facts) : fd;
}

static int open_parts(struct kernel *kernel, const struct driver_options *options)
{
	int wake_fd;
	int rc = setup_ring_open(&kernel->ring, options);

	if (rc < 0)
		return rc;
	wake_fd = open_wake_fd();
	if (wake_fd < 0) {
		setup_ring_close(&kernel->ring);
		return wake_fd;
	}
	dress(kernel, wake_fd);
	return 0;
}

int driver_kernel_open(struct driver **ret_driver, const struct driver_options *options)
{
	struct kernel *kernel = alloc_zeroed(&alloc_libc, sizeof *kernel);
	int rc;

	check(ret_driver != NULL);
	check(options != NULL);
	refusal_clear();
	if (!kernel)
		return refusal_note_words(-ENOMEM, "malloc: ENOMEM: no memory for a ring's state");
	rc = open_parts(kernel, options);
	if (rc < 0) {
		alloc_free(&alloc_libc, kernel, sizeof *kernel);
		return rc;
	}
	*ret_driver = &kernel->driver;
	return 0;
}
