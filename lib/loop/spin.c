/* SPDX-License-Identifier: MIT */
/*
 * The spin. Adaptive: the budget of the next spin doubles after one that found something and halves
 * after one that did not; once it is below a microsecond the loop sleeps at once and tries again
 * only now and then. An idle machine is thus left alone, and on a crowded one, where the peer needs
 * this very CPU to make progress, the spin switches itself off.
 */
#include "loop/spin.h"

#include "base/clock.h"
#include "loop/backlog.h"
#include "loop/inbox.h"

#define SPIN_FIRST_NS 10000
#define SPIN_LEAST_NS 1000
#define SPIN_RETRY_AFTER 64

void spin_init(struct spin *spin, const struct coil_options *options)
{
	spin->mode = options->spin;
	spin->limit_ns = options->spin_ns;
	spin->budget_ns = SPIN_FIRST_NS < spin->limit_ns ? SPIN_FIRST_NS : spin->limit_ns;
	spin->skipped = 0;
}

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* A look that costs no system call where the kernel raises a flag (TASKRUN_FLAG); elsewhere it
 * posts CQEs by itself. */
static bool something_is_there(struct coil_loop *loop)
{
	unsigned flags = __atomic_load_n(loop->ring.memory.sq_flags, __ATOMIC_RELAXED);

	return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) || ring_ready(&loop->ring) ||
	       !inbox_is_empty(&loop->inbox);
}

static bool look_for(struct coil_loop *loop, int64_t duration_ns)
{
	int64_t end = clock_add(loop_read_clock(loop), duration_ns);

	do {
		for (int i = 0; i < 32; i++) {
			if (something_is_there(loop))
				return true;
			relax();
		}
	} while (loop_read_clock(loop) < end);
	return false;
}

static int64_t adaptive_budget(struct spin *spin)
{
	if (spin->budget_ns >= SPIN_LEAST_NS)
		return spin->budget_ns;
	if (++spin->skipped < SPIN_RETRY_AFTER)
		return 0;
	spin->skipped = 0;
	return SPIN_LEAST_NS;
}

static void adapt(struct spin *spin, bool found)
{
	if (!found)
		spin->budget_ns /= 2;
	else if (spin->budget_ns < SPIN_LEAST_NS)
		spin->budget_ns = SPIN_FIRST_NS < spin->limit_ns ? SPIN_FIRST_NS : spin->limit_ns;
	else if (spin->budget_ns < spin->limit_ns)
		spin->budget_ns =
			2 * spin->budget_ns < spin->limit_ns ? 2 * spin->budget_ns : spin->limit_ns;
}

/* What is pushed must be on its way before anything can come back. */
static void submit_first(struct coil_loop *loop)
{
	if (ring_pending(&loop->ring) > 0)
		loop_enter(loop, false, 0);
}

bool spin_finds_something(struct coil_loop *loop, int64_t limit_ns)
{
	struct spin *spin = &loop->spin;
	int64_t budget_ns = spin->limit_ns;
	bool found;

	if (likely(spin->mode == COIL_SPIN_OFF))
		return false;
	if (spin->mode == COIL_SPIN_ADAPTIVE)
		budget_ns = adaptive_budget(spin);
	if (budget_ns <= 0)
		return false;
	submit_first(loop);
	found = look_for(loop, budget_ns < limit_ns ? budget_ns : limit_ns);
	if (spin->mode == COIL_SPIN_ADAPTIVE)
		adapt(spin, found);
	loop->spins_won += found;
	loop->spins_lost += !found;
	return found;
}
