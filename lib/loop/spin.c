/* SPDX-License-Identifier: MIT */
/*
 * The spin. Adaptive: it looks for as long as it may, but only where the last sleep was so short
 * that looking would most likely have found what ended it; and not so often where it is in vain
 * nevertheless: each miss doubles the number of sleeps before the next try, each find halves it. So
 * an idle machine is left alone but for one look after the last request; and on a crowded one,
 * where the peer needs this very CPU to make progress, the spin switches itself off.
 */
#include "loop/spin.h"

#include "base/clock.h"
#include "loop/backlog.h"
#include "loop/inbox.h"

/* A sleep lasts longer than what it waits for: it takes its time to wake up. */
#define SPIN_SLEEP_SHARE 2
#define SPIN_PAUSE_MAX 4095u

void spin_init(struct spin *spin, const struct coil_options *options)
{
	spin->mode = options->spin;
	spin->limit_ns = options->spin_ns;
	spin->slept_at = 0;
	spin->is_near = false;
	spin->pause = 0;
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

static bool is_worth_a_try(struct spin *spin)
{
	if (!spin->is_near || spin->skipped++ < spin->pause)
		return false;
	spin->skipped = 0;
	return true;
}

static void adapt(struct spin *spin, bool found)
{
	if (found)
		spin->pause /= 2;
	else if (spin->pause < SPIN_PAUSE_MAX)
		spin->pause = 2 * spin->pause + 1;
}

void spin_note_sleep(struct coil_loop *loop)
{
	struct spin *spin = &loop->spin;

	spin->is_near = loop_read_clock(loop) - spin->slept_at <= SPIN_SLEEP_SHARE * spin->limit_ns;
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
	bool is_adaptive = spin->mode == COIL_SPIN_ADAPTIVE;
	bool found = false;

	if (likely(spin->mode == COIL_SPIN_OFF) || spin->limit_ns <= 0)
		return false;
	if (!is_adaptive || is_worth_a_try(spin)) {
		submit_first(loop);
		found = look_for(loop, spin->limit_ns < limit_ns ? spin->limit_ns : limit_ns);
		loop->spins_won += found;
		loop->spins_lost += !found;
		if (is_adaptive)
			adapt(spin, found);
	}
	if (is_adaptive && !found)
		spin->slept_at = loop_read_clock(loop);
	return found;
}
