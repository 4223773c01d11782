/* SPDX-License-Identifier: MIT */
/*
 * A touch of a guard page stops the process; this file sees to it that it says why. The handler
 * runs on an alternate stack, writes one line, restores the handlers that were there before and
 * returns: the fault repeats, and what happens then (a core file, a host's own handler) is what
 * happened without us. Other faults that nobody handles get a line too: in a program of many tasks
 * the first question is which one it was.
 *
 * Handlers are the process's, so this file has the library's only process-wide state: under a
 * mutex, except what the handler reads, which is written before it is installed. sigaction,
 * sigaltstack and the write of the line are the room's only system calls of its own; they cannot
 * go through a vtable, which may be what is broken.
 *
 * If somebody has put a handler over ours by the time of the last unwatch, ours stays below it
 * for ever and passes everything on; the next watch finds it in place.
 */
#include "coro/overflow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "coro/stack.h"

#define ALTERNATE_STACK_BYTES ((size_t)16 << 10) /* besides what the kernel's frame takes */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned watchers;
static bool is_installed;

static const int signals[] = { SIGSEGV, SIGBUS };
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))
static struct sigaction before[SIGNALS];

/* Initial-exec: the handler may not be what first allocates it. */
static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
	struct stack_pool *pool;
	overflow_describe *describe;
	overflow_describe_running *describe_running;
	void *alternate; /* NULL if the thread's own is used */
	size_t alternate_bytes;
} watch;

struct line {
	char text[512];
	size_t bytes;
};

static void add(struct line *line, const char *text)
{
	size_t bytes = strnlen(text, sizeof(line->text) - line->bytes);

	memcpy(line->text + line->bytes, text, bytes);
	line->bytes += bytes;
}

static void add_number(struct line *line, size_t number)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	add(line, digits + at);
}

static void report_overflow(struct stack *stack)
{
	struct line line = { .bytes = 0 };
	char whose[256] = "";
	ssize_t ignored;

	add(&line, "coil: stack overflow in ");
	if (watch.describe && watch.describe(stack, whose, sizeof(whose))) {
		add(&line, whose);
	} else {
		add(&line, "a stack of ");
		add_number(&line, stack_slot_bytes(stack));
		add(&line, " bytes");
	}
	add(&line, "; give it more with stack_bytes of coil_task_options, or of coil_options\n");
	ignored = write(STDERR_FILENO, line.text, line.bytes);
	(void)ignored;
}

static void add_hex(struct line *line, uintptr_t number)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[number % 16];
		number /= 16;
	} while (number);
	add(line, "0x");
	add(line, digits + at);
}

static void report_fault(int signal_number, uintptr_t address)
{
	struct line line = { .bytes = 0 };
	char whose[256] = "";
	ssize_t ignored;

	if (!watch.describe_running || !watch.describe_running(whose, sizeof(whose)))
		return;
	add(&line, signal_number == SIGSEGV ? "coil: SIGSEGV in " : "coil: SIGBUS in ");
	add(&line, whose);
	add(&line, ": a fault at address ");
	add_hex(&line, address);
	add(&line, address < watch.pool->page_bytes ? ", a null pointer\n" : "\n");
	ignored = write(STDERR_FILENO, line.text, line.bytes);
	(void)ignored;
}

static const struct sigaction *handler_before(int signal_number)
{
	return &before[signal_number == signals[0] ? 0 : 1];
}

static bool is_handled(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) || action->sa_handler != SIG_DFL;
}

/* As if we were not there. A default or an ignored fault ends the process when it repeats. */
static void pass_on(int signal_number, siginfo_t *info, void *context)
{
	const struct sigaction *old = handler_before(signal_number);

	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(signal_number, info, context);
		return;
	}
	if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
		old->sa_handler(signal_number);
		return;
	}
	/* Sent by somebody rather than raised by a fault: nothing repeats by itself. */
	if (info->si_code <= 0) {
		if (old->sa_handler == SIG_IGN)
			return;
		sigaction(signal_number, old, NULL);
		raise(signal_number);
		return;
	}
	sigaction(signal_number, old, NULL);
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
	struct stack *stack;

	if (info->si_code > 0 && watch.pool
	    && stack_pool_guard_hit(watch.pool, info->si_addr, &stack)) {
		report_overflow(stack);
		sigaction(signal_number, handler_before(signal_number), NULL);
		return;
	}
	if (info->si_code > 0 && watch.pool && !is_handled(handler_before(signal_number)))
		report_fault(signal_number, (uintptr_t)info->si_addr);
	pass_on(signal_number, info, context);
}

static bool is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_fault;
}

static void install(void)
{
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	if (is_installed)
		return;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], NULL, &before[i]);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &action, NULL);
	is_installed = true;
}

static void uninstall(void)
{
	struct sigaction now[SIGNALS];

	for (size_t i = 0; i < SIGNALS; i++) {
		sigaction(signals[i], NULL, &now[i]);
		if (!is_ours(&now[i]))
			return;
	}
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
	is_installed = false;
}

static int give_alternate_stack(const struct coil_alloc *alloc)
{
	stack_t own;
	long frame_bytes = sysconf(_SC_MINSIGSTKSZ);
	size_t bytes = ALTERNATE_STACK_BYTES + (frame_bytes > 0 ? (size_t)frame_bytes : 0);

	if (sigaltstack(NULL, &own) == 0 && !(own.ss_flags & SS_DISABLE))
		return 0;
	watch.alternate = alloc->alloc(alloc->context, bytes);
	if (!watch.alternate)
		return -ENOMEM;
	watch.alternate_bytes = bytes;
	own = (stack_t){ .ss_sp = watch.alternate, .ss_size = bytes };
	check(sigaltstack(&own, NULL) == 0);
	return 0;
}

/* Somebody may have set another one since: then that stays. */
static void take_alternate_stack(const struct coil_alloc *alloc)
{
	stack_t own;

	if (!watch.alternate)
		return;
	if (sigaltstack(NULL, &own) == 0 && own.ss_sp == watch.alternate) {
		own = (stack_t){ .ss_flags = SS_DISABLE };
		check(sigaltstack(&own, NULL) == 0);
	}
	alloc_free(alloc, watch.alternate, watch.alternate_bytes);
	watch.alternate = NULL;
}

int overflow_watch(struct stack_pool *pool, overflow_describe *describe,
		   overflow_describe_running *describe_running)
{
	int r;

	if (watch.pool)
		return -EBUSY;
	r = give_alternate_stack(pool->alloc);
	if (r < 0)
		return r;
	watch.describe = describe;
	watch.describe_running = describe_running;
	watch.pool = pool;
	pthread_mutex_lock(&lock);
	if (watchers++ == 0)
		install();
	pthread_mutex_unlock(&lock);
	return 0;
}

void overflow_unwatch(void)
{
	const struct stack_pool *pool = watch.pool;

	if (!pool)
		return;
	pthread_mutex_lock(&lock);
	if (--watchers == 0)
		uninstall();
	pthread_mutex_unlock(&lock);
	watch.pool = NULL;
	take_alternate_stack(pool->alloc);
}
