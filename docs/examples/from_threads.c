/* SPDX-License-Identifier: MIT */
/* Four depositors and one who waits for the sum; and a call that blocks. */
#include <coil.h>
#include <stdio.h>
#include <time.h>

struct account {
	struct coil_mutex lock;
	struct coil_cond changed;
	int balance;
};

static int deposit(void *arg)
{
	struct account *account = arg;
	int rc = 0;

	for (int i = 0; i < 10 && rc == 0; i++) {
		rc = coil_sleep(1 * COIL_MSEC);
		if (rc == 0)
			rc = coil_mutex_lock(&account->lock);
		if (rc < 0)
			break;
		account->balance += 25; /* no wait in here: the lock is for the condition */
		coil_cond_notify(&account->changed, 1);
		coil_mutex_unlock(&account->lock);
	}
	return rc;
}

static int is_rich(void *arg)
{
	struct account *account = arg;

	return account->balance >= 1000;
}

static int wait_until_rich(void *arg)
{
	struct account *account = arg;
	int rc = coil_mutex_lock(&account->lock);

	if (rc < 0)
		return rc;
	rc = coil_cond_wait_for(&account->changed, is_rich, account);
	coil_mutex_unlock(&account->lock);
	return rc;
}

static int blocks(void *arg)
{
	(void)arg;
	/* stands for a library's call that blocks */
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return 42;
}

static int program(void *arg)
{
	struct account account = { .balance = 0 };
	struct coil_task *depositors[4];
	int rc;

	(void)arg;
	coil_mutex_init(&account.lock);
	coil_cond_init(&account.changed, &account.lock);
	for (int i = 0; i < 4; i++)
		depositors[i] = coil_spawn(deposit, &account);
	rc = coil_timeout(10 * COIL_SEC, wait_until_rich, &account);
	printf("balance: %d\n", account.balance);
	for (int i = 0; i < 4; i++)
		coil_join(depositors[i]);
	coil_cond_deinit(&account.changed);
	coil_mutex_deinit(&account.lock);
	printf("answer: %d\n", coil_offload(blocks, NULL));
	return rc < 0 ? rc : 0;
}

int main(void)
{
	return coil_run(program, NULL) != 0;
}
