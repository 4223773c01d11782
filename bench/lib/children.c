/* SPDX-License-Identifier: MIT */
/*
 * A process for each round: where memory lies, and whatever else a process finds once and for all,
 * differs from round to round, and so belongs to the interval. A case that dies takes nobody along.
 *
 * The child is the same program with the same arguments. COIL_BENCH_ROUND in its environment names
 * a file in memory, with the options, to which it writes the round, and the number of the case.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"

#define VARIABLE "COIL_BENCH_ROUND"
/* Beyond twice its time: opening may take long. */
#define SLACK_NS 120000000000u

extern char **environ;

struct order {
	struct round_options options;
	struct round round;
};

/* -- The child --------------------------------------------------------------------------------- */

static bool read_variable(int *ret_file, size_t *ret_index)
{
	const char *text = getenv(VARIABLE);
	unsigned long index;
	int file;

	if (!text || sscanf(text, "%d:%lu", &file, &index) != 2)
		return false;
	*ret_file = file;
	*ret_index = index;
	return true;
}

bool child_is_wanted(size_t *ret_index)
{
	int file;

	return read_variable(&file, ret_index);
}

void child_main(const struct coil_bench_case *bench_case)
{
	struct order *order;
	size_t index;
	int file = -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	read_variable(&file, &index);
	unsetenv(VARIABLE);
	order = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (order == MAP_FAILED)
		_exit(1);
	close(file);
	stop_by_signal(true);
	round_run(bench_case, &order->options, &order->round);
	munmap(order, sizeof(*order));
}

/* -- The parent -------------------------------------------------------------------------------- */

static int open_order(const struct round_options *options, struct order **ret_order)
{
	struct order *order;
	int file = memfd_create("coil-bench-round", 0);

	if (file < 0)
		return -errno;
	if (ftruncate(file, sizeof(*order)) < 0) {
		close(file);
		return -ENOMEM;
	}
	order = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (order == MAP_FAILED) {
		close(file);
		return -ENOMEM;
	}
	order->options = *options;
	*ret_order = order;
	return file;
}

/* The environment and the variable. The strings are shared with it, but for the last. */
static char **environment_with(char *variable)
{
	size_t count = 0;
	char **copy;

	while (environ[count])
		count++;
	copy = calloc(count + 2, sizeof(*copy));
	if (!copy)
		return NULL;
	memcpy(copy, environ, count * sizeof(*copy));
	copy[count] = variable;
	return copy;
}

static int spawn(const struct children *children, size_t index, int file, pid_t *ret_child)
{
	char variable[64];
	char **environment;
	int rc;

	snprintf(variable, sizeof(variable), VARIABLE "=%d:%zu", file, index);
	environment = environment_with(variable);
	if (!environment)
		return -ENOMEM;
	rc = posix_spawn(ret_child, "/proc/self/exe", NULL, NULL, children->argv, environment);
	free(environment);
	return -rc;
}

/* Waits for its end; hands a SIGINT on that came to this process alone. True if it was killed. */
static bool await_child(pid_t child, uint64_t time_ns)
{
	int handle = (int)syscall(SYS_pidfd_open, child, 0);
	int left_ms = (int)((2 * time_ns + SLACK_NS) / 1000000);
	struct pollfd ended = { .fd = handle, .events = POLLIN };
	int ready;

	if (handle < 0)
		return false;
	do {
		ready = poll(&ended, 1, left_ms);
		if (coil_bench_is_stopped())
			kill(child, SIGINT);
	} while (ready < 0);
	close(handle);
	if (ready == 0)
		kill(child, SIGKILL);
	return ready == 0;
}

static int reap(pid_t child, bool was_killed, const struct round *round, char *ret_words)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	/* It may have been hit before it was ready for it. */
	if (WIFSIGNALED(status) && !was_killed && coil_bench_is_stopped())
		return -EINTR;
	if (WIFSIGNALED(status))
		snprintf(ret_words, RUNNER_WORDS_BYTES,
			 was_killed ? "it did not end in time and was killed"
				    : "it ended by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (!round->is_complete)
		snprintf(ret_words, RUNNER_WORDS_BYTES, "its process ended with %d",
			 WEXITSTATUS(status));
	else
		return round->error;
	return -ECHILD;
}

static void run_child(void *arg, const struct coil_bench_case *bench_case,
		      const struct round_options *options, struct round *ret_round, char *ret_words)
{
	struct children *children = arg;
	struct order *order = NULL;
	pid_t child;
	int rc, file = open_order(options, &order);

	memset(ret_round, 0, sizeof(*ret_round));
	if (file < 0) {
		ret_round->error = file;
		return;
	}
	fflush(NULL);
	rc = spawn(children, (size_t)(bench_case - children->cases), file, &child);
	close(file);
	if (rc == 0) {
		bool was_killed = await_child(child, options->time_ns);

		rc = reap(child, was_killed, &order->round, ret_words);
		*ret_round = order->round;
	}
	ret_round->error = rc;
	munmap(order, sizeof(*order));
}

struct runner children_runner(struct children *children)
{
	return (struct runner){ .run = run_child, .arg = children };
}
