/* SPDX-License-Identifier: MIT */
/* Four depositors and one who waits for the sum; and a call that blocks. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static int balance;

static void sleep_a_little(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void *deposit(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++) {
		sleep_a_little();
		pthread_mutex_lock(&lock);
		balance += 25;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static int wait_for(int sum)
{
	struct timespec late;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &late);
	late.tv_sec += 10;
	pthread_mutex_lock(&lock);
	while (balance < sum && rc == 0)
		rc = pthread_cond_timedwait(&changed, &lock, &late);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int blocks(void)
{
	sleep_a_little(); /* stands for a library's call that blocks */
	return 42;
}

int main(void)
{
	pthread_condattr_t monotonic;
	pthread_t depositors[4];
	int rc;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &monotonic);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&depositors[i], NULL, deposit, NULL) != 0)
			return 1;
	rc = wait_for(1000);
	printf("balance: %d\n", balance);
	for (int i = 0; i < 4; i++)
		pthread_join(depositors[i], NULL);
	printf("answer: %d\n", blocks());
	return rc != 0;
}
