/* SPDX-License-Identifier: MIT */
/* Numbers go through three workers to one who adds them up, or gives up after a while. */
#include <coil.h>
#include <errno.h>
#include <stdio.h>

struct pipeline {
	struct coil_channel numbers;
	struct coil_channel squares;
	struct coil_wait_group workers;
};

static int square(void *arg)
{
	struct pipeline *p = arg;
	int rc = 0;
	int n;

	while (rc == 0 && coil_channel_receive(&p->numbers, &n) == 0) {
		n *= n;
		rc = coil_channel_send(&p->squares, &n);
	}
	coil_wait_group_done(&p->workers);
	return rc;
}

static int count(void *arg)
{
	struct pipeline *p = arg;
	int rc = 0;

	for (int n = 1; n <= 100 && rc == 0; n++)
		rc = coil_channel_send(&p->numbers, &n);
	coil_channel_close(&p->numbers);
	return rc;
}

static int finish(void *arg)
{
	struct pipeline *p = arg;
	int rc = coil_wait_group_wait(&p->workers);

	coil_channel_close(&p->squares);
	return rc;
}

static int add_up(struct pipeline *p)
{
	int64_t late = coil_now() + 10 * COIL_SEC;
	int sum = 0;
	int n;

	for (;;) {
		struct coil_case cases[] = {
			coil_case_receive(&p->squares, &n),
			coil_case_deadline(late),
		};
		int which = coil_select(cases, 2, 0);

		if (which < 0)
			return which;
		if (which == 1)
			return -ETIME;
		if (cases[0].result == -EPIPE)
			return sum;
		sum += n;
	}
}

static int run_pipeline(struct pipeline *p)
{
	struct coil_group group;
	int sum;
	int rc;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	coil_wait_group_add(&p->workers, 3);
	for (int i = 0; i < 3; i++) {
		if (coil_go(&group, square, p) < 0) {
			coil_wait_group_done(&p->workers);
			coil_group_cancel(&group);
		}
	}
	if (coil_go(&group, count, p) < 0 || coil_go(&group, finish, p) < 0)
		coil_group_cancel(&group); /* the select returns -ECANCELED */
	sum = add_up(p);
	coil_group_cancel(&group); /* after a failure somebody may still wait to send */
	rc = coil_group_close(&group);
	if (sum < 0 || rc < 0)
		return sum < 0 ? sum : rc;
	printf("sum: %d\n", sum);
	return 0;
}

static int program(void *arg)
{
	struct pipeline p = { 0 };
	int rc = coil_channel_init(&p.numbers, sizeof(int), 0);

	(void)arg;
	if (rc == 0)
		rc = coil_channel_init(&p.squares, sizeof(int), 0);
	coil_wait_group_init(&p.workers);
	if (rc == 0)
		rc = run_pipeline(&p);
	coil_wait_group_deinit(&p.workers);
	coil_channel_deinit(&p.squares);
	coil_channel_deinit(&p.numbers);
	return rc;
}

int main(void)
{
	return coil_run(program, NULL) != 0;
}
