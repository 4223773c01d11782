/* SPDX-License-Identifier: MIT */
/* Receives: cancelled ones, and ones with a deadline that does not pass. */
#include "bench.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECVS 32
#define MESSAGE 64

/* -- Cancelled --------------------------------------------------------------------------------- */

struct recvs {
	struct coil_op ops[RECVS];
	int pairs[RECVS][2];
	char bytes[RECVS][MESSAGE];
};

/* As the floor: armed without an attempt, in one enter; then all cancels, in another. */
static void run_cancels(void *arg, uint64_t units)
{
	struct recvs *recvs = arg;

	for (; units >= RECVS; units -= RECVS) {
		for (unsigned int i = 0; i < RECVS; i++) {
			struct io_uring_sqe sqe = { 0 };

			io_uring_prep_recv(&sqe, recvs->pairs[i][0], recvs->bytes[i], MESSAGE, 0);
			sqe.ioprio |= IORING_RECVSEND_POLL_FIRST;
			recvs->ops[i] = coil_op_raw(&sqe);
			coil_op_start(&recvs->ops[i]);
		}
		coil_yield();
		for (unsigned int i = 0; i < RECVS; i++)
			coil_op_cancel(&recvs->ops[i]);
		for (unsigned int i = 0; i < RECVS; i++)
			bench_must(coil_await(&recvs->ops[i].future) == -ECANCELED,
				   "a cancel missed");
	}
}

static void close_cancels(struct bench *bench)
{
	struct recvs *recvs = bench->state;

	for (unsigned int i = 0; i < 2 * RECVS; i++)
		if (recvs->pairs[i / 2][i % 2] >= 0)
			close(recvs->pairs[i / 2][i % 2]);
	free(recvs);
}

static int open_cancels(struct bench *bench)
{
	struct recvs *recvs = aligned_alloc(64, sizeof(*recvs));

	if (!recvs)
		return -ENOMEM;
	bench->state = recvs;
	for (unsigned int i = 0; i < RECVS; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, recvs->pairs[i]) < 0)
			return -errno;
	bench->coil = (struct measure_case){ .run = run_cancels, .arg = recvs, .step = RECVS };
	return 0;
}

/* -- With a deadline --------------------------------------------------------------------------- */

struct echo {
	struct coil_task *task;
	int pair[2];
	char bytes[MESSAGE];
};

static int echo_main(void *arg)
{
	struct echo *echo = arg;
	char bytes[MESSAGE];
	int n;

	while ((n = coil_recv(echo->pair[1], bytes, sizeof(bytes), 0)) > 0)
		bench_must(coil_send(echo->pair[1], bytes, (size_t)n, 0) == n, "short send");
	return n;
}

static int recv_answer(void *arg)
{
	struct echo *echo = arg;

	return coil_recv(echo->pair[0], echo->bytes, MESSAGE, 0);
}

static void send_question(struct echo *echo)
{
	bench_must(coil_send(echo->pair[0], echo->bytes, MESSAGE, 0) == MESSAGE, "short send");
}

static void run_plain(void *arg, uint64_t units)
{
	while (units--) {
		send_question(arg);
		bench_must(recv_answer(arg) == MESSAGE, "short recv");
	}
}

static void run_deadline(void *arg, uint64_t units)
{
	while (units--) {
		send_question(arg);
		bench_must(coil_timeout(10 * COIL_SEC, recv_answer, arg) == MESSAGE, "short recv");
	}
}

static int open_deadline(struct bench *bench)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	if (!echo)
		return -ENOMEM;
	bench->state = echo;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, echo->pair) < 0)
		return -errno;
	echo->task = coil_spawn(echo_main, echo);
	bench->floor = (struct measure_case){ .run = run_plain, .arg = echo, .step = 1 };
	bench->coil = (struct measure_case){ .run = run_deadline, .arg = echo, .step = 1 };
	return echo->task ? 0 : -ENOMEM;
}

static void close_deadline(struct bench *bench)
{
	struct echo *echo = bench->state;

	close(echo->pair[0]);
	coil_join(echo->task);
	close(echo->pair[1]);
	free(echo);
}

const struct bench_case bench_cases_net[] = {
	{ .name = "cancel_recv_32", .what = "recv armed and cancelled, 32 at a time; raw the same",
	  .goal_kind = BENCH_RATIO, .goal = 1.05, .has_raw = true, .raw = RAW_CANCEL_RECV,
	  .parameter = RECVS, .open = open_cancels, .close = close_cancels },
	{ .name = "recv_deadline",
	  .what = "round trip on a socketpair, recv in coil_timeout; Coil's plain recv",
	  .goal_kind = BENCH_PLUS_NS, .goal = 40, .open = open_deadline,
	  .close = close_deadline },
	{ .name = NULL },
};
