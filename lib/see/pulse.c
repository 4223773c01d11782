/* SPDX-License-Identifier: MIT */
/* The thread that watches pulses, and the handler that takes samples. See pulse.h. */
#include "see/pulse.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "coro/backtrace.h"
#include "loop/inbox.h"
#include "ring/calls.h"
#include "see/names.h"
#include "see/symbol.h"

#define MSEC INT64_C(1000000)
#define THRESHOLD_DEFAULT (100 * MSEC)
#define MINUTE (60 * CLOCK_SECOND)

/* All pulses of the process, and the thread that watches them while there are some. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct coil_list pulses;
	bool is_running;
	bool is_ready;
	bool is_installed;
	struct sigaction before;
} watch = { .lock = PTHREAD_MUTEX_INITIALIZER };

static _Atomic int64_t threshold = THRESHOLD_DEFAULT;
static _Atomic int sample_signal = SIGURG;

static _Thread_local struct pulse *own_pulse __attribute__((tls_model("initial-exec")));

int64_t pulse_threshold(void)
{
	return atomic_load_explicit(&threshold, memory_order_relaxed);
}

static bool may_tell(struct pulse *pulse, int64_t now)
{
	int64_t *oldest = &pulse->told[pulse->told_next % REPORTS_A_MINUTE];

	if (*oldest != 0 && now - *oldest < MINUTE)
		return false;
	*oldest = now;
	pulse->told_next++;
	return true;
}

bool pulse_may_tell(struct pulse *pulse, int64_t now)
{
	bool may;

	pthread_mutex_lock(&watch.lock);
	may = may_tell(pulse, now);
	pthread_mutex_unlock(&watch.lock);
	return may;
}

/* -- The handler, on the loop's thread -----------------------------------------------------------
 */

static void copy_words(char *to, size_t size, const char *from)
{
	size_t i = 0;

	for (; from && from[i] && i + 1 < size; i++)
		to[i] = from[i];
	to[i] = '\0';
}

/* The stack of who runs. In the middle of a switch it is nobody's, and is not walked. */
static void take_frames(struct pulse *pulse, const struct coil_task *task, const void *context)
{
	struct sample *sample = &pulse->sample;
	struct backtrace_bounds bounds = { NULL, NULL };
	void *pc, *sp;

	backtrace_interrupted(context, &pc, &sp);
	if (task)
		bounds = (struct backtrace_bounds){ stack_low(task->stack),
						     stack_top(task->stack) };
	sample->count = 0;
	if (backtrace_is_arriving(context, task ? &task->coro : &pulse->scheduler->main))
		return;
	if (!task || (sp >= bounds.low && sp < bounds.high))
		sample->count =
			backtrace_running(pc, bounds, sample->frames, SAMPLE_FRAMES_MAX);
}

static void take_sample(struct pulse *pulse, const void *context)
{
	const struct coil_task *task = pulse->scheduler->current;
	struct sample *sample = &pulse->sample;

	sample->task = task ? task->id : 0;
	copy_words(sample->name, sizeof sample->name, task ? coil_task_name(task) : "");
	copy_words(sample->place, sizeof sample->place, task ? task->place : "");
	take_frames(pulse, task, context);
	atomic_store_explicit(&pulse->sample_state, SAMPLE_TAKEN, memory_order_release);
}

/* Not ours: as if we were not there. What it did by default, for SIGURG, is nothing. */
static void pass_on(int signum, siginfo_t *info, void *context)
{
	const struct sigaction *before = &watch.before;

	if (before->sa_flags & SA_SIGINFO)
		before->sa_sigaction(signum, info, context);
	else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
		before->sa_handler(signum);
}

static void handle(int signum, siginfo_t *info, void *context)
{
	struct pulse *pulse = own_pulse;
	int kept = call_keep_errno();

	if (pulse && atomic_load(&pulse->sample_state) == SAMPLE_ASKED)
		take_sample(pulse, context);
	else
		pass_on(signum, info, context);
	call_restore_errno(kept);
}

static void install(void)
{
	struct sigaction action = {
		.sa_sigaction = handle,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART,
	};

	if (watch.is_installed)
		return;
	sigemptyset(&action.sa_mask);
	watch.is_installed = calls_kernel.sigaction(sample_signal, NULL, &watch.before) == 0 &&
			     calls_kernel.sigaction(sample_signal, &action, NULL) == 0;
}

/* If somebody has put a handler over ours, ours stays below it and passes everything on. */
static void uninstall(void)
{
	struct sigaction now;

	if (!watch.is_installed || calls_kernel.sigaction(sample_signal, NULL, &now) < 0 ||
	    !(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != handle)
		return;
	calls_kernel.sigaction(sample_signal, &watch.before, NULL);
	watch.is_installed = false;
}

/* -- Telling -------------------------------------------------------------------------------------
 */

struct finding {
	struct sample sample;
	int64_t duration;
	bool has_sample;
};

static void add_who(struct text *text, const struct sample *sample)
{
	if (sample->task == 0) {
		text_add(text, "a hook, outside of any task,");
		return;
	}
	text_add(text, "task ");
	text_number(text, sample->task);
	text_add(text, " ");
	text_quoted(text, sample->name);
	if (sample->place[0]) {
		text_add(text, " (spawned at ");
		text_add(text, sample->place);
		text_add(text, ")");
	}
}

static void tell(const struct finding *finding)
{
	const struct sample *sample = &finding->sample;
	char bytes[3072];
	struct text text;
	struct coil_report report = {
		.size = sizeof report,
		.kind = COIL_REPORT_SLOW,
		.fd = -1,
		.task = sample->task,
		.task_name = sample->task ? sample->name : NULL,
		.place = sample->place[0] ? sample->place : NULL,
		.duration = finding->duration,
		.frames = sample->frames,
		.frame_count = sample->count,
		.words = bytes,
	};

	text_begin(&text, bytes, sizeof bytes, -1);
	if (finding->has_sample)
		add_who(&text, sample);
	else
		text_add(&text, "a task or a hook, which does not answer our signal,");
	text_add(&text, " holds the loop for ");
	text_seconds(&text, finding->duration);
	text_add(&text, " already");
	for (size_t i = 0; i < sample->count; i++) {
		text_line(&text, 1);
		text_add(&text, "at ");
		symbol_add(&text, sample->frames[i]);
	}
	text_end(&text);
	report_deliver(&report);
}

/* -- The watching thread -------------------------------------------------------------------------
 */

/* Who asked for a spin before the sleep is not held up by it. */
static int64_t patience(const struct pulse *pulse)
{
	const struct spin *spin = &pulse->scheduler->loop.spin;

	return pulse_threshold() + (spin->mode == COIL_SPIN_OFF ? 0 : spin->limit_ns);
}

static bool is_held_up(struct pulse *pulse, int64_t now)
{
	uint64_t beat = atomic_load_explicit(&pulse->beat, memory_order_relaxed);
	bool is_awake = atomic_load_explicit(&pulse->is_turning, memory_order_relaxed) &&
			atomic_load(&pulse->scheduler->loop.inbox.parked) == INBOX_AWAKE;

	if (is_awake && beat == pulse->seen_beat)
		return now - pulse->since >= patience(pulse);
	pulse->seen_beat = beat;
	pulse->since = now;
	pulse->is_asked = false;
	pulse->is_told = false;
	return false;
}

static void ask(struct pulse *pulse)
{
	pulse->is_asked = true;
	atomic_store(&pulse->sample_state, SAMPLE_ASKED);
	call_signal_thread(pulse->thread, sample_signal);
}

/* Copied out, so that it can be told without the lock. */
static bool look_at(struct pulse *pulse, int64_t now, struct finding *ret_finding)
{
	uint32_t state;

	if (!is_held_up(pulse, now) || pulse->is_told)
		return false;
	if (!pulse->is_asked) {
		ask(pulse);
		return false;
	}
	state = atomic_load_explicit(&pulse->sample_state, memory_order_acquire);
	if (state != SAMPLE_TAKEN && now - pulse->since < 3 * pulse_threshold())
		return false;
	pulse->is_told = true;
	if (!may_tell(pulse, now))
		return false;
	ret_finding->duration = now - pulse->since;
	ret_finding->has_sample = state == SAMPLE_TAKEN;
	ret_finding->sample = (struct sample){ .task = 0 };
	if (ret_finding->has_sample)
		ret_finding->sample = pulse->sample;
	return true;
}

/* Four looks a threshold; soon again where a sample is on its way. */
static void pause_between_looks(bool is_asking)
{
	int64_t pause = is_asking ? MSEC : pulse_threshold() / 4;
	int64_t end = clock_now() + (pause < 50 * MSEC ? pause : 50 * MSEC);
	struct timespec ts = { end / CLOCK_SECOND, end % CLOCK_SECOND };

	pthread_cond_timedwait(&watch.changed, &watch.lock, &ts);
}

/* True if some finding was made; others wait for the next round. */
static bool look_at_all(struct finding *ret_finding, bool *ret_is_asking)
{
	struct coil_list *link;
	int64_t now = clock_now();

	*ret_is_asking = false;
	list_for_each(link, &watch.pulses) {
		struct pulse *pulse = list_entry(link, struct pulse, link);

		if (look_at(pulse, now, ret_finding))
			return true;
		*ret_is_asking = *ret_is_asking || (pulse->is_asked && !pulse->is_told);
	}
	return false;
}

static void watch_main(void *arg)
{
	struct finding finding;
	bool is_asking;

	(void)arg;
	pthread_mutex_lock(&watch.lock);
	while (!list_is_empty(&watch.pulses)) {
		if (look_at_all(&finding, &is_asking)) {
			pthread_mutex_unlock(&watch.lock);
			tell(&finding);
			pthread_mutex_lock(&watch.lock);
			continue;
		}
		pause_between_looks(is_asking);
	}
	watch.is_running = false;
	pthread_mutex_unlock(&watch.lock);
}

/* -- Coming and going ----------------------------------------------------------------------------
 */

/* A child of a fork has neither the thread nor the loops. */
static void forget_in_child(void)
{
	pthread_mutex_init(&watch.lock, NULL);
	list_init(&watch.pulses);
	watch.is_running = false;
	watch.is_ready = false;
	own_pulse = NULL;
}

static void make_ready(void)
{
	static bool watches_forks;
	pthread_condattr_t monotonic;

	if (watch.is_ready)
		return;
	list_init(&watch.pulses);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&watch.changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	watch.is_ready = true;
	if (!watches_forks)
		pthread_atfork(NULL, NULL, forget_in_child);
	watches_forks = true;
}

static int join_watch(struct pulse *pulse, struct driver *driver)
{
	int rc = 0;

	make_ready();
	list_push_back(&watch.pulses, &pulse->link);
	if (!watch.is_running)
		rc = driver->ops->run_elsewhere(driver, watch_main, NULL);
	if (rc < 0) {
		list_remove(&pulse->link);
		return rc;
	}
	watch.is_running = true;
	install();
	return 0;
}

int pulse_watch(struct pulse *pulse, struct scheduler *s)
{
	void *first_time[2];
	int rc;

	memset(pulse, 0, sizeof *pulse);
	list_init(&pulse->link);
	pulse->scheduler = s;
	pulse->thread = call_thread_id();
	pulse->since = clock_now();
	/* Whatever the unwinder does once is done outside of the handler. */
	names_load();
	backtrace_running(NULL, (struct backtrace_bounds){ NULL, NULL }, first_time, 2);
	own_pulse = pulse;
	pthread_mutex_lock(&watch.lock);
	rc = join_watch(pulse, s->loop.driver);
	pthread_mutex_unlock(&watch.lock);
	if (rc < 0)
		own_pulse = NULL;
	return rc;
}

void pulse_unwatch(struct pulse *pulse)
{
	if (!own_pulse)
		return;
	pthread_mutex_lock(&watch.lock);
	list_remove(&pulse->link);
	if (list_is_empty(&watch.pulses)) {
		uninstall();
		pthread_cond_signal(&watch.changed);
	}
	pthread_mutex_unlock(&watch.lock);
	own_pulse = NULL;
}

int coil_set_slow(int64_t new_threshold, int signum)
{
	int rc = 0;

	if (new_threshold < MSEC || new_threshold > 60 * MINUTE || signum < 0 || signum > 64 ||
	    signum == SIGKILL || signum == SIGSTOP)
		return -EINVAL;
	pthread_mutex_lock(&watch.lock);
	if (signum && signum != sample_signal && watch.is_installed)
		rc = -EBUSY;
	else if (signum)
		sample_signal = signum;
	if (rc == 0)
		atomic_store(&threshold, new_threshold);
	pthread_mutex_unlock(&watch.lock);
	return rc;
}
