/* SPDX-License-Identifier: MIT */
/*
 * From one thread to another and back. The other thread sleeps on an eventfd in both; it answers by
 * resolving a promise, or, as the floor, by a second eventfd that we sleep on. Both are two
 * wake-ups of a sleeping thread.
 */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct partner {
	pthread_t thread;
	int asked;
	int answered;			/* the floor's */
	struct coil_promise *promise;	/* NULL: answer by the eventfd */
	bool is_over;
	struct coil_promise answer;
};

/* What the asker wrote before it asked is seen behind the read. */
static void *partner_main(void *arg)
{
	struct partner *partner = arg;
	eventfd_t count;

	while (eventfd_read(partner->asked, &count) == 0 && !partner->is_over) {
		if (partner->promise)
			coil_promise_resolve_from_thread(partner->promise, 0);
		else
			eventfd_write(partner->answered, 1);
	}
	return NULL;
}

static void run_raw(void *arg, uint64_t units)
{
	struct partner *partner = arg;
	eventfd_t count;

	partner->promise = NULL;
	while (units--)
		bench_must(eventfd_write(partner->asked, 1) == 0 &&
			   eventfd_read(partner->answered, &count) == 0, "an eventfd failed");
}

static void run_promise(void *arg, uint64_t units)
{
	struct partner *partner = arg;

	partner->promise = &partner->answer;
	while (units--) {
		coil_promise_init(&partner->answer);
		bench_must(eventfd_write(partner->asked, 1) == 0 &&
			   coil_await(&partner->answer.future) == 0, "a wake failed");
		coil_promise_deinit(&partner->answer);
	}
}

static void close_partner(struct bench *bench)
{
	struct partner *partner = bench->state;

	partner->is_over = true;
	eventfd_write(partner->asked, 1);
	pthread_join(partner->thread, NULL);
	close(partner->asked);
	close(partner->answered);
	free(partner);
}

static int open_partner(struct bench *bench)
{
	struct partner *partner = calloc(1, sizeof(*partner));
	int rc = ENOMEM;

	if (!partner)
		return -ENOMEM;
	partner->asked = eventfd(0, EFD_CLOEXEC);
	partner->answered = eventfd(0, EFD_CLOEXEC);
	if (partner->asked >= 0 && partner->answered >= 0)
		rc = pthread_create(&partner->thread, NULL, partner_main, partner);
	if (rc != 0) {
		close(partner->asked);
		close(partner->answered);
		free(partner);
		return -rc;
	}
	bench->state = partner;
	bench->floor = (struct measure_case){ .run = run_raw, .arg = partner, .step = 1 };
	bench->coil = (struct measure_case){ .run = run_promise, .arg = partner, .step = 1 };
	return 0;
}

const struct bench_case bench_cases_thread[] = {
	{ .name = "thread_wake",
	  .what = "ask another thread on this core, be woken by its promise; two eventfds",
	  .open = open_partner, .close = close_partner },
	{ .name = NULL },
};
