/* SPDX-License-Identifier: MIT */
/* Readers' and writers' locks. */
#include "task/rig.h"

static struct coil_rwlock rwlock;

static void begin(void)
{
	rig_forget();
	coil_rwlock_init(&rwlock);
}

static struct coil_rwlock_stats stats(void)
{
	struct coil_rwlock_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_rwlock_stats(&rwlock, &stats), 0);
	return stats;
}

/* A letter in upper case writes, one in lower case reads; each keeps the lock for two turns. */
static int uses(void *letter)
{
	char what = (char)(intptr_t)letter;
	bool writes = what >= 'A' && what <= 'Z';
	int rc = writes ? coil_rwlock_write_lock(&rwlock) : coil_rwlock_read_lock(&rwlock);

	if (rc < 0)
		return rc;
	rig_note(what);
	rig_turns(2);
	rig_note('.');
	if (writes)
		coil_rwlock_write_unlock(&rwlock);
	else
		coil_rwlock_read_unlock(&rwlock);
	return 0;
}

static void run_all(const char *letters)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (; *letters; letters++)
		EXPECT_EQ(coil_go(&group, uses, WORD(*letters)), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
}

IN_TASK(rwlock, readers_read_together_and_a_writer_writes_alone)
{
	begin();
	run_all("abcWd");
	EXPECT_STR_EQ(rig_order, "abc...W.d.");
	EXPECT(!coil_rwlock_is_locked(&rwlock));
	coil_rwlock_deinit(&rwlock);
}

IN_TASK(rwlock, one_queue_for_both_and_neither_starves)
{
	begin();
	run_all("aWbcXYd");
	/* b and c came after W and wait for it, though a reads still. */
	EXPECT_STR_EQ(rig_order, "a.W.bc..X.Y.d.");
	EXPECT_EQ(stats().waits, 6);
	EXPECT_EQ(stats().locks, 1);
	coil_rwlock_deinit(&rwlock);
}

IN_TASK(rwlock, a_reader_does_not_pass_a_writer_that_waits)
{
	struct coil_task *writer;

	begin();
	EXPECT_EQ(coil_rwlock_read_lock(&rwlock), 0);
	EXPECT_EQ(coil_rwlock_try_read_lock(&rwlock), 0);
	coil_rwlock_read_unlock(&rwlock);
	EXPECT_EQ(coil_rwlock_try_write_lock(&rwlock), -EAGAIN);
	writer = coil_spawn(uses, WORD('W'));
	coil_yield();
	EXPECT_EQ(coil_rwlock_try_read_lock(&rwlock), -EAGAIN);
	EXPECT_EQ(stats().readers, 1);
	EXPECT_EQ(stats().writer, 0);
	EXPECT_EQ(stats().waiters, 1);
	coil_rwlock_read_unlock(&rwlock);
	EXPECT_EQ(stats().writer, coil_task_id(writer)); /* handed over */
	EXPECT_EQ(coil_rwlock_try_write_lock(&rwlock), -EAGAIN);
	EXPECT_EQ(coil_join(writer), 0);
	EXPECT_EQ(coil_rwlock_try_write_lock(&rwlock), 0);
	EXPECT(coil_rwlock_is_locked(&rwlock));
	coil_rwlock_write_unlock(&rwlock);
	coil_rwlock_deinit(&rwlock);
}

IN_TASK(rwlock, readers_behind_a_cancelled_writer_go_ahead)
{
	struct coil_task *writer, *reader;

	begin();
	EXPECT_EQ(coil_rwlock_read_lock(&rwlock), 0);
	writer = coil_spawn(uses, WORD('W'));
	reader = coil_spawn(uses, WORD('r'));
	coil_yield();
	EXPECT_EQ(stats().waiters, 2);
	coil_cancel(writer);
	EXPECT_EQ(stats().waiters, 0);
	EXPECT_EQ(stats().readers, 2);
	EXPECT_EQ(coil_join(writer), -ECANCELED);
	EXPECT_EQ(coil_join(reader), 0);
	EXPECT_STR_EQ(rig_order, "r.");
	coil_rwlock_read_unlock(&rwlock);
	coil_rwlock_deinit(&rwlock);
}

static int keeps_what_it_got(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_rwlock_write_lock(&rwlock), 0);
	EXPECT_EQ(coil_sleep(COIL_SEC), -ECANCELED);
	coil_rwlock_write_unlock(&rwlock);
	return 0;
}

IN_TASK(rwlock, a_cancelled_writer_that_was_handed_it_passes_it_on)
{
	struct coil_task *writer, *reader;

	begin();
	coil_rwlock_write_lock(&rwlock);
	writer = coil_spawn(keeps_what_it_got, NULL);
	reader = coil_spawn(uses, WORD('r'));
	coil_yield();
	coil_rwlock_write_unlock(&rwlock);
	coil_cancel(writer);
	EXPECT_EQ(coil_join(writer), 0);
	EXPECT_EQ(coil_join(reader), 0);
	coil_rwlock_deinit(&rwlock);
}

IN_TASK(rwlock, a_downgrade_lets_the_readers_at_the_head_in)
{
	struct coil_task *first, *writer, *last;

	begin();
	coil_rwlock_write_lock(&rwlock);
	first = coil_spawn(uses, WORD('a'));
	writer = coil_spawn(uses, WORD('W'));
	last = coil_spawn(uses, WORD('z'));
	coil_yield();
	coil_rwlock_downgrade(&rwlock);
	EXPECT_EQ(stats().readers, 2);
	EXPECT_EQ(stats().waiters, 2);
	EXPECT_EQ(coil_join(first), 0);
	coil_rwlock_read_unlock(&rwlock);
	EXPECT_EQ(coil_join(writer), 0);
	EXPECT_EQ(coil_join(last), 0);
	EXPECT_STR_EQ(rig_order, "a.W.z.");
	coil_rwlock_deinit(&rwlock);
	coil_rwlock_deinit(NULL);
}

IN_TASK(rwlock, cancelled_before_and_timed_out)
{
	struct coil_task *writer;
	struct coil_scope scope;

	begin();
	writer = coil_spawn(keeps_what_it_got, NULL);
	coil_yield();
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_rwlock_read_lock(&rwlock), -EIO);
	EXPECT_EQ(coil_rwlock_write_lock(&rwlock), -EIO);
	coil_scope_close(&scope);
	EXPECT_EQ(coil_timeout(COIL_MSEC, uses, WORD('r')), -ETIME);
	EXPECT_EQ(coil_timeout(COIL_MSEC, uses, WORD('W')), -ETIME);
	EXPECT_EQ(stats().waiters, 0);
	coil_cancel(writer);
	EXPECT_EQ(coil_join(writer), 0);
	EXPECT_EQ(coil_timeout(COIL_SEC, uses, WORD('W')), 0);
	/* Free, it is not taken in a cancelled scope either, but by the try forms. */
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_rwlock_read_lock(&rwlock), -EIO);
	EXPECT_EQ(coil_rwlock_write_lock(&rwlock), -EIO);
	EXPECT_EQ(coil_rwlock_try_write_lock(&rwlock), 0);
	coil_rwlock_write_unlock(&rwlock);
	EXPECT_EQ(coil_scope_close(&scope), -EIO);
	coil_rwlock_deinit(&rwlock);
}
