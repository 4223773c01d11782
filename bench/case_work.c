/* SPDX-License-Identifier: MIT */
/*
 * Helper threads and signals: a loop that sleeps is woken by another thread, which slept as well.
 * The floors sleep in system calls by hand: an eventfd each way; sigwaitinfo.
 */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#ifdef BENCH_HAS_UV
#include <uv.h>
#endif

#define OUR_SIGNAL SIGUSR1
#define FLOOR_SIGNAL SIGUSR2

/* -- A thread that is asked, and answers ------------------------------------------------------- */

struct helper {
	pthread_t thread;
	int asked;
	int answered;
	int signum; /* 0: it answers by the eventfd */
	bool is_over;
	struct coil_signal_watch *watch;
	sigset_t before;
};

static void *helper_main(void *arg)
{
	struct helper *helper = arg;
	eventfd_t count;

	while (eventfd_read(helper->asked, &count) == 0 && !helper->is_over) {
		if (helper->signum)
			kill(getpid(), helper->signum);
		else
			eventfd_write(helper->answered, 1);
	}
	return NULL;
}

static void helper_ask(struct helper *helper)
{
	bench_must(eventfd_write(helper->asked, 1) == 0, "an eventfd failed");
}

/* It has no signals: ours are for the loop's thread. */
static struct helper *helper_new(void)
{
	struct helper *helper = calloc(1, sizeof(*helper));
	sigset_t all, before;
	int rc;

	bench_must(helper, "out of memory");
	helper->asked = eventfd(0, EFD_CLOEXEC);
	helper->answered = eventfd(0, EFD_CLOEXEC);
	bench_must(helper->asked >= 0 && helper->answered >= 0, "an eventfd failed");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&helper->thread, NULL, helper_main, helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	bench_must(rc == 0, "a thread could not be started");
	return helper;
}

static void helper_free(struct helper *helper)
{
	helper->is_over = true;
	helper_ask(helper);
	pthread_join(helper->thread, NULL);
	close(helper->asked);
	close(helper->answered);
	free(helper);
}

/* -- Offload ----------------------------------------------------------------------------------- */

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void run_offload(void *arg, uint64_t units)
{
	(void)arg;
	while (units--)
		bench_must(coil_offload(nothing, NULL) == 0, "an offload failed");
}

static void run_eventfds(void *arg, uint64_t units)
{
	struct helper *helper = arg;
	eventfd_t count;

	while (units--) {
		helper_ask(helper);
		bench_must(eventfd_read(helper->answered, &count) == 0, "an eventfd failed");
	}
}

#ifdef BENCH_HAS_UV
static void uv_nothing(uv_work_t *work)
{
	(void)work;
}

static void run_uv(void *arg, uint64_t units)
{
	uv_loop_t *loop = arg;
	uv_work_t work;

	while (units--)
		bench_must(uv_queue_work(loop, &work, uv_nothing, NULL) == 0 &&
			   uv_run(loop, UV_RUN_DEFAULT) == 0, "libuv failed");
}

static void add_uv(struct bench *bench)
{
	bench->peer = (struct measure_case){ .run = run_uv, .arg = uv_default_loop() };
	bench->peer_name = "libuv";
}
#else
static void add_uv(struct bench *bench)
{
	(void)bench;
}
#endif

static int open_offload(struct bench *bench)
{
	struct helper *helper = helper_new();

	bench->state = helper;
	bench->floor = (struct measure_case){ .run = run_eventfds, .arg = helper };
	bench->coil = (struct measure_case){ .run = run_offload };
	add_uv(bench);
	return 0;
}

static void close_offload(struct bench *bench)
{
	helper_free(bench->state);
}

/* -- Signals ----------------------------------------------------------------------------------- */

static sigset_t set_of(int signum)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signum);
	return set;
}

static void run_watch(void *arg, uint64_t units)
{
	struct helper *helper = arg;

	helper->signum = OUR_SIGNAL;
	while (units--) {
		helper_ask(helper);
		bench_must(coil_signal_next(helper->watch, NULL) == OUR_SIGNAL, "a wait failed");
	}
}

static void run_sigwaitinfo(void *arg, uint64_t units)
{
	struct helper *helper = arg;
	const sigset_t set = set_of(FLOOR_SIGNAL);

	helper->signum = FLOOR_SIGNAL;
	while (units--) {
		helper_ask(helper);
		while (sigwaitinfo(&set, NULL) != FLOOR_SIGNAL)
			bench_must(errno == EINTR, "sigwaitinfo failed");
	}
}

/* The floor's is blocked for as long as the case is open. */
static int open_signal(struct bench *bench)
{
	const sigset_t floors = set_of(FLOOR_SIGNAL), ours = set_of(OUR_SIGNAL);
	struct helper *helper = helper_new();

	bench->state = helper;
	pthread_sigmask(SIG_BLOCK, &floors, &helper->before);
	bench->floor = (struct measure_case){ .run = run_sigwaitinfo, .arg = helper };
	bench->coil = (struct measure_case){ .run = run_watch, .arg = helper };
	return coil_signal_open(&helper->watch, &ours);
}

static void close_signal(struct bench *bench)
{
	struct helper *helper = bench->state;
	sigset_t before = helper->before;

	coil_signal_close(helper->watch);
	helper_free(helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

const struct bench_case bench_cases_work[] = {
	{ .name = "offload",
	  .what = "function that does nothing, on a helper thread; two eventfds",
	  .open = open_offload, .close = close_offload },
	{ .name = "signal",
	  .what = "ask another thread for a signal, and wait for it; sigwaitinfo",
	  .open = open_signal, .close = close_signal },
	{ .name = NULL },
};
