/* SPDX-License-Identifier: MIT */
/* Many things at once: a gather of operations, a chain, a gather of tasks, a race. */
#include <coil.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One submission, one wake. */
static int read_three(int a, int b, int s)
{
	char buf_a[64];
	char buf_b[64];
	char buf_s[64];
	struct coil_op reads[] = {
		coil_op_read(a, buf_a, sizeof buf_a, 0),
		coil_op_read(b, buf_b, sizeof buf_b, 0),
		coil_op_recv(s, buf_s, sizeof buf_s, 0),
	};
	int rc = coil_gather_ops(reads, 3, 0); /* reads[i].future has each result */

	for (int i = 0; i < 3; i++)
		printf("read %d: %d bytes\n", i, coil_future_result(&reads[i].future));
	return rc;
}

/* Linked SQEs: each starts when the one before has succeeded. */
static int ask(int fd, int peer)
{
	char question[] = "ping";
	char answer[8];
	struct coil_op steps[] = {
		coil_op_send(fd, question, 4, MSG_WAITALL),
		coil_op_recv(peer, answer, 4, MSG_WAITALL),
	};
	int rc = coil_chain(steps, 2, 0);

	if (rc == 0)
		printf("chain: %.4s\n", answer);
	return rc;
}

static int square(void *arg)
{
	int n = *(int *)arg;

	coil_sleep((100 - n) * COIL_USEC);
	return n * n;
}

static int sum_of_squares(void)
{
	struct coil_task *t[100];
	int numbers[100];
	int sum = 0;
	int failures;

	for (int i = 0; i < 100; i++) {
		numbers[i] = i;
		t[i] = coil_spawn(square, &numbers[i]);
	}
	failures = coil_gather_tasks(t, 100, COIL_KEEP_GOING);
	for (int i = 0; i < 100; i++)
		sum += coil_join(t[i]);
	printf("sum of squares: %d, %d failures\n", sum, failures);
	return sum == 328350 ? 0 : -1;
}

/* The first wins; the others are cancelled and waited for. */
static int whichever_comes_first(int silent_fd)
{
	char buf[8];
	int n = 7;
	struct coil_op op = coil_op_recv(silent_fd, buf, sizeof buf, 0);
	struct coil_task *task = coil_spawn(square, &n);
	struct coil_promise promise;
	struct coil_timer timer;
	int first;

	coil_op_start(&op);
	coil_promise_init(&promise);
	coil_timer_start(&timer, coil_now() + 10 * COIL_SEC);
	{
		struct coil_future *any[] = { &op.future, coil_task_future(task), &timer.future,
					      &promise.future };

		first = coil_race(any, 4);
	}
	printf("first: %d\n", first);
	coil_join(task);
	coil_promise_deinit(&promise);
	return first == 1 ? 0 : -1;
}

static int together(void *arg)
{
	int pair[2];
	int file = coil_openat(AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
	int rc;

	(void)arg;
	if (file < 0)
		return file;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	coil_send(pair[0], "hello", 5, 0);
	rc = read_three(file, file, pair[1]);
	if (rc == 0)
		rc = ask(pair[0], pair[1]);
	if (rc == 0)
		rc = sum_of_squares();
	if (rc == 0)
		rc = whichever_comes_first(pair[1]);
	coil_close(file);
	coil_close(pair[0]);
	coil_close(pair[1]);
	return rc;
}

int main(void)
{
	return coil_run(together, NULL) != 0;
}
