/* SPDX-License-Identifier: MIT */
/* The driver in memory. See fake_driver.h. */
#include "support/fake_driver.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "support/test.h"

static struct fake_driver *fake_of(struct driver *driver)
{
	return container_of(driver, struct fake_driver, driver);
}

/* -- CQEs ------------------------------------------------------------------------------------ */

static bool cq_is_full(const struct fake_driver *fake)
{
	return fake->cq_tail - fake->cq_head == fake->driver.rings.cq_entries;
}

static void queue(struct fake_driver *fake, struct fake_cqe cqe, unsigned flag)
{
	ASSERT_LT(fake->waiting_count, FAKE_WAITING_MAX);
	fake->waiting[fake->waiting_count++] = cqe;
	fake->sq_flags |= flag;
}

static void write_cqe(struct fake_driver *fake, struct fake_cqe cqe)
{
	unsigned index = fake->cq_tail & (fake->driver.rings.cq_entries - 1);
	struct io_uring_cqe *slot = &fake->driver.rings.cqes[index];

	slot->user_data = cqe.user_data;
	slot->res = cqe.res;
	slot->flags = cqe.flags;
	fake->cq_tail++;
}

static void post(struct fake_driver *fake, struct fake_cqe cqe)
{
	if (cq_is_full(fake) || fake->sq_flags & IORING_SQ_CQ_OVERFLOW)
		queue(fake, cqe, IORING_SQ_CQ_OVERFLOW);
	else
		write_cqe(fake, cqe);
}

/* Posts what waited for an enter, as far as it fits. */
static void run_work(struct fake_driver *fake)
{
	unsigned done = 0;

	while (done < fake->waiting_count && !cq_is_full(fake))
		write_cqe(fake, fake->waiting[done++]);
	fake->waiting_count -= done;
	memmove(fake->waiting, fake->waiting + done,
		fake->waiting_count * sizeof fake->waiting[0]);
	fake->sq_flags &= ~(unsigned)(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
	if (fake->waiting_count)
		fake->sq_flags |= IORING_SQ_CQ_OVERFLOW;
}

static struct fake_request *find(struct fake_driver *fake, uint64_t user_data)
{
	for (unsigned i = fake->requests_count; i-- > 0;)
		if (!fake->requests[i].is_done && fake->requests[i].sqe.user_data == user_data)
			return &fake->requests[i];
	return NULL;
}

struct fake_request *fake_find(struct fake_driver *fake, const struct coil_completion *completion)
{
	return find(fake, (uintptr_t)completion);
}

static struct fake_cqe answer(struct fake_driver *fake, struct coil_completion *completion,
			      int32_t res, uint32_t flags)
{
	struct fake_request *request = fake_find(fake, completion);

	ASSERT(request != NULL);
	request->is_done = !(flags & IORING_CQE_F_MORE);
	return (struct fake_cqe){ (uintptr_t)completion, res, flags };
}

void fake_complete(struct fake_driver *fake, struct coil_completion *completion, int32_t res,
		   uint32_t flags)
{
	post(fake, answer(fake, completion, res, flags));
}

void fake_defer(struct fake_driver *fake, struct coil_completion *completion, int32_t res,
		uint32_t flags)
{
	queue(fake, answer(fake, completion, res, flags), IORING_SQ_TASKRUN);
}

/* -- SQEs ------------------------------------------------------------------------------------ */

static void finish(struct fake_driver *fake, struct fake_request *request, int32_t res)
{
	request->is_done = true;
	post(fake, (struct fake_cqe){ request->sqe.user_data, res, 0 });
}

static void cancel(struct fake_driver *fake, struct fake_request *request)
{
	struct fake_request *target = find(fake, request->sqe.addr);

	if (target)
		finish(fake, target, -ECANCELED);
	finish(fake, request, target ? 0 : -ENOENT);
}

static bool is_update(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_TIMEOUT_REMOVE &&
	       (sqe->timeout_flags & IORING_TIMEOUT_UPDATE);
}

static bool reads_wake_fd(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_READ && sqe->fd == FAKE_WAKE_FD;
}

static void deliver_wakes(struct fake_driver *fake)
{
	if (!fake->wakes_unread)
		return;
	for (unsigned i = 0; i < fake->requests_count; i++) {
		struct fake_request *request = &fake->requests[i];

		if (request->is_done || !reads_wake_fd(&request->sqe))
			continue;
		*(uint64_t *)(uintptr_t)request->sqe.addr = fake->wakes_unread;
		fake->wakes_unread = 0;
		finish(fake, request, 8);
		return;
	}
}

static void begin(struct fake_driver *fake, const struct io_uring_sqe *sqe)
{
	struct fake_request *request;

	ASSERT_LT(fake->requests_count, FAKE_REQUESTS_MAX);
	request = &fake->requests[fake->requests_count++];
	*request = (struct fake_request){ .sqe = *sqe };
	if (sqe->opcode == IORING_OP_NOP && !fake->holds_nops)
		finish(fake, request, 0);
	else if (is_update(sqe))
		finish(fake, request, find(fake, sqe->addr) ? 0 : -ENOENT);
	else if ((sqe->opcode == IORING_OP_ASYNC_CANCEL ||
		  sqe->opcode == IORING_OP_TIMEOUT_REMOVE) &&
		 !fake->holds_cancels)
		cancel(fake, request);
	else if (reads_wake_fd(sqe))
		deliver_wakes(fake);
}

static unsigned consume(struct fake_driver *fake, unsigned to_submit, unsigned consume_max)
{
	unsigned count = to_submit < consume_max ? to_submit : consume_max;

	EXPECT_LE(to_submit, fake->sq_tail - fake->sq_head);
	for (unsigned i = 0; i < count; i++) {
		unsigned index = fake->sq_head & (fake->driver.rings.sq_entries - 1);

		begin(fake, &fake->sqes[index]);
		/* The slot is ours: who still looks at it sees rubbish. */
		memset(&fake->sqes[index], 0xaa, sizeof fake->sqes[index]);
		fake->sq_head++;
	}
	return count;
}

/* -- The driver's calls ---------------------------------------------------------------------- */

static int sleep_for(struct fake_driver *fake, int64_t timeout_ns, unsigned taken)
{
	if (fake->on_sleep)
		fake->on_sleep(fake);
	run_work(fake);
	if (fake->cq_tail != fake->cq_head)
		return (int)taken;
	if (timeout_ns == DRIVER_FOREVER) {
		FAIL("the fake driver: this enter would sleep for ever");
		return -EINTR;
	}
	fake->now += timeout_ns;
	return taken ? (int)taken : -ETIME;
}

static int fake_enter(struct driver *driver, unsigned to_submit, unsigned wait, int64_t timeout_ns)
{
	struct fake_driver *fake = fake_of(driver);
	struct fake_answer scripted = { 0, FAKE_ALL };
	unsigned taken;

	if (fake->answers_used < fake->answers_count)
		scripted = fake->answers[fake->answers_used++];
	fake->enters++;
	fake->waits += wait > 0;
	fake->timeout_ns = wait ? timeout_ns : 0;
	fake->submitted = to_submit;
	if (scripted.rc >= 0)
		run_work(fake);
	taken = consume(fake, to_submit, scripted.consume);
	if (fake->on_enter)
		fake->on_enter(fake);
	if (scripted.rc < 0)
		return scripted.rc;
	if (wait && timeout_ns > 0 && fake->cq_tail == fake->cq_head)
		return sleep_for(fake, timeout_ns, taken);
	return (int)taken;
}

static int64_t fake_now(struct driver *driver)
{
	struct fake_driver *fake = fake_of(driver);

	fake->clock_reads++;
	fake->now += fake->tick_ns;
	if (fake->on_clock)
		fake->on_clock(fake);
	return fake->now;
}

static void fake_wake(struct driver *driver)
{
	struct fake_driver *fake = fake_of(driver);

	fake->wakes++;
	fake->wakes_unread++;
	deliver_wakes(fake);
}

static void fake_poll_wake(struct driver *driver)
{
	fake_of(driver)->poll_wakes++;
}

static void fake_close(struct driver *driver, bool abandon)
{
	struct fake_driver *fake = fake_of(driver);

	fake->closes++;
	fake->abandoned = abandon;
}

static void lay_out(struct fake_driver *fake, unsigned sq_entries, unsigned cq_entries)
{
	fake->driver.rings = (struct driver_rings){
		.sqes = fake->sqes,
		.sq_head = &fake->sq_head,
		.sq_tail = &fake->sq_tail,
		.sq_flags = &fake->sq_flags,
		.sq_entries = sq_entries,
		.cqes = (struct io_uring_cqe *)(void *)fake->cqes,
		.cq_head = &fake->cq_head,
		.cq_tail = &fake->cq_tail,
		.cq_overflow = &fake->cq_overflow,
		.cq_entries = cq_entries,
	};
}

void fake_init(struct fake_driver *fake, unsigned sq_entries, unsigned cq_entries, unsigned start)
{
	ASSERT(sq_entries <= FAKE_ENTRIES_MAX && cq_entries <= FAKE_ENTRIES_MAX);
	memset(fake, 0, sizeof *fake);
	fake->ops = (struct driver_ops){
		.enter = fake_enter,
		.now = fake_now,
		.wake = fake_wake,
		.poll_wake = fake_poll_wake,
		.close = fake_close,
		.calls = &fake->calls,
	};
	fake->driver = (struct driver){
		.ops = &fake->ops,
		.wake_fd = FAKE_WAKE_FD,
		.ring_fd = -1,
		.features = DRIVER_TASKRUN_FLAG,
		.opcodes = UINT64_MAX,
	};
	fake->sq_head = fake->sq_tail = fake->cq_head = fake->cq_tail = start;
	lay_out(fake, sq_entries, cq_entries);
	fake->now = 1000000;
}

void fake_script(struct fake_driver *fake, int rc, unsigned consume_max)
{
	if (fake->answers_used == fake->answers_count)
		fake->answers_used = fake->answers_count = 0;
	ASSERT_LT(fake->answers_count, FAKE_ANSWERS_MAX);
	fake->answers[fake->answers_count++] = (struct fake_answer){ rc, consume_max };
}

const struct io_uring_sqe *fake_taken(const struct fake_driver *fake, unsigned index)
{
	ASSERT_LT(index, fake->requests_count);
	return &fake->requests[fake->requests_count - 1 - index].sqe;
}

unsigned fake_open_requests(const struct fake_driver *fake)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fake->requests_count; i++)
		count += !fake->requests[i].is_done;
	return count;
}
