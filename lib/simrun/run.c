/* SPDX-License-Identifier: MIT */
/* coil_sim_run and its kind. See simrun.h. */
#include "simrun/simrun.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "sim/disk.h"
#include "task/error.h"
#include "task/run.h"

/* -- One loop ------------------------------------------------------------------------------------
 */

static struct simrun_loop *loop_new(struct simrun *run)
{
	struct simrun_loop *loop = alloc_zeroed(&alloc_libc, sizeof *loop);

	check(loop != NULL);
	check_use(run->loop_count < SIMRUN_LOOPS_MAX, "a simulation has at most %d loops",
		  SIMRUN_LOOPS_MAX);
	loop->run = run;
	run->loops[run->loop_count++] = loop;
	return loop;
}

static int read_mask(struct simrun_loop *loop)
{
	unsigned length;
	const char *word;

	if (!loop->options.kernel_mask)
		return 0;
	if (offer_mask_parse(loop->options.kernel_mask, &loop->mask, &word, &length) == 0)
		return 0;
	error_explain("kernel_mask: there is no '%.*s'", (int)length, word);
	return -EINVAL;
}

static int read_run_options(struct simrun_loop *loop, const struct coil_options *given)
{
	int rc = run_read_options(given, &loop->options);

	if (rc == 0)
		rc = read_mask(loop);
	if (rc < 0)
		return rc;
	simrun_memory_init(&loop->memory, loop->options.alloc, &loop->run->allocations);
	loop->options.alloc = &loop->memory.alloc;
	if (loop->run->options.off & COIL_SIM_NO_REPORTS)
		loop->options.off |= COIL_NO_REPORTS;
	return 0;
}

/* Before the ring of the next loop is opened. */
static int check_shortage(struct simrun *run)
{
	if (!simrun_runs_short(&run->rings))
		return 0;
	error_explain("io_uring_setup: ENOMEM: the simulation lets this one fail");
	return -ENOMEM;
}

/* On the thread of the loop, which has the baton. */
static void loop_run(struct simrun_loop *loop)
{
	struct simrun *run = loop->run;

	simrun_current = loop;
	sim_enter_world(run->sim);
	loop->ring = sim_ring_open(run->sim, loop->options.sq_entries, loop->options.cq_entries);
	loop->ring->driver.features &= ~loop->mask.features;
	loop->ring->driver.opcodes &= ~loop->mask.opcodes;
	loop->result = run_on_driver(&loop->ring->driver, &loop->options, loop->entry, loop->arg);
	loop->ring = NULL;
	loop->scheduler = NULL;
	/* Blocks are left where the engine gave up, which it has said; its result tells. */
	simrun_memory_take_back(&loop->memory);
}

/* -- The world -----------------------------------------------------------------------------------
 */

static int opcode_of(const char *name)
{
	for (unsigned opcode = 0; name && opcode < SIM_OPCODES; opcode++)
		if (strcmp(sim_opcode_name(opcode), name) == 0)
			return (int)opcode;
	return -1;
}

static int open_world(struct simrun *run, const uint32_t *limits, struct sim_path *path)
{
	const struct coil_sim_options *options = &run->options;
	struct sim_options sim_options = {
		.seed = run->seed,
		.limits = limits,
		.path = path,
		.disk_bytes = options->disk_bytes,
		.descriptors_max = options->descriptors_max,
		.fault_opcode = opcode_of(options->fault_operation),
		.fault_errno = options->fault_errno,
		.fault_at = options->fault_at - 1,
		.fault_goes_on = options->off & COIL_SIM_FAIL_ONWARDS,
		.hooks = simrun_hooks(run),
	};

	if (options->fault_operation && sim_options.fault_opcode < 0) {
		error_explain("coil_sim_options: fault_operation: there is no '%s'",
			      options->fault_operation);
		return -EINVAL;
	}
	if (sim_options.fault_opcode < 0)
		sim_options.fault_errno = 0;
	run->sim = sim_new(&sim_options);
	sim_disk_set_limit(run->sim, options->disk_bytes);
	return 0;
}

static void name_left(void *context, const char *text)
{
	simrun_say(context, "%s", text);
}

static void check_end(struct simrun *run)
{
	if (run->failure || (run->options.off & COIL_SIM_NO_LEAKS))
		return;
	if (sim_name_descriptors(run->sim, name_left, run) > 0)
		simrun_fail(run, -EMFILE, "descriptors were left open");
}

static void fill_result(struct simrun *run)
{
	struct coil_sim_result *result = run->options.result;
	struct coil_sim_result all = {
		.size = sizeof all,
		.seed = run->seed,
		.hash = run->hash,
		.turns = run->sim->enters,
		.operations = run->operations,
		.virtual_ns = run->sim->now - SIM_CLOCK_FIRST,
		.allocations = run->allocations.count,
		.mappings = run->mappings.count,
		.rings = run->rings.count,
		.faults = run->sim->faults_seen,
		.failure = run->failure,
	};

	if (!result)
		return;
	choice_describe(&run->sim->choice, all.troubles, sizeof all.troubles);
	(void)sized_write(result, &all, sizeof all);
}

/* The first loop's result; another one's, if that is the one that failed. */
static int combine_results(const struct simrun *run)
{
	int result = run->loops[0]->result;

	for (unsigned i = 1; i < run->loop_count && result >= 0; i++)
		if (run->loops[i]->result < 0)
			result = run->loops[i]->result;
	return run->failure ? run->failure : result;
}

static void join_loops(struct simrun *run)
{
	for (unsigned i = 1; i < run->loop_count; i++)
		pthread_join(run->loops[i]->thread, NULL);
}

static void free_loops(struct simrun *run)
{
	while (run->loop_count > 0)
		alloc_free(&alloc_libc, run->loops[--run->loop_count], sizeof *run->loops[0]);
}

static int simulate(struct simrun *run, struct simrun_loop *main_loop)
{
	struct sim *sim = run->sim;
	uint64_t left;
	int result;

	main_loop->member = sim_baton_join(sim);
	main_loop->result = check_shortage(run);
	if (main_loop->result == 0)
		loop_run(main_loop);
	sim_baton_wait_for_others(sim, main_loop->member);
	join_loops(run);
	sim_baton_leave(sim, main_loop->member);
	check_end(run);
	fill_result(run);
	result = combine_results(run);
	simrun_current = NULL;
	left = sim_end(sim);
	check(left == 0);
	return result;
}

static int run_once(struct simrun *run, const struct coil_sim_options *given,
		    struct sim_path *path, struct simrun_loop *loop)
{
	uint32_t limits[SIM_TROUBLE_COUNT];
	int rc = simrun_read_options(run, given, limits);

	if (rc == 0)
		rc = read_run_options(loop, run->options.run);
	if (rc == 0)
		rc = open_world(run, limits, path);
	return rc < 0 ? rc : simulate(run, loop);
}

static int run_path(const struct coil_sim_options *options, struct sim_path *path,
		    uint64_t schedule, struct simrun_loop *model)
{
	struct simrun *run = alloc_zeroed(&alloc_libc, sizeof *run);
	struct simrun_loop *loop;
	int rc;

	check(run != NULL);
	check_use_of("coil_sim_run", loop_current == NULL && !simrun_current,
		     "this thread runs a loop already: simulations do not nest");
	run->hash = UINT64_C(0xcbf29ce484222325);
	run->schedule = schedule;
	loop = loop_new(run);
	loop->entry = model->entry;
	loop->arg = model->arg;
	rc = run_once(run, options, path, loop);
	free_loops(run);
	alloc_free(&alloc_libc, run, sizeof *run);
	return rc;
}

int coil_sim_run(const struct coil_sim_options *options, int (*entry)(void *arg), void *arg)
{
	struct simrun_loop model = {.entry = entry, .arg = arg};

	return run_path(options, NULL, 0, &model);
}

int coil_sim_explore(const struct coil_sim_options *options, unsigned depth_max,
		     int (*entry)(void *arg), void *arg, uint64_t *ret_schedules)
{
	struct simrun_loop model = {.entry = entry, .arg = arg};
	struct sim_path path = {.depth_max = depth_max, .troubles_max = 2};
	size_t bytes = depth_max * sizeof *path.digits;
	uint64_t schedules = 0;
	int rc;

	if (depth_max == 0 || depth_max > 65536)
		return -EINVAL;
	if (options && options->size >= sizeof *options && options->troubles_max)
		path.troubles_max = options->troubles_max;
	path.digits = alloc_zeroed(&alloc_libc, bytes);
	path.bases = alloc_zeroed(&alloc_libc, bytes);
	check(path.digits && path.bases);
	do {
		rc = run_path(options, &path, ++schedules, &model);
	} while (rc == 0 && sim_path_next(&path));
	if (ret_schedules)
		*ret_schedules = schedules;
	alloc_free(&alloc_libc, path.digits, bytes);
	alloc_free(&alloc_libc, path.bases, bytes);
	return rc == 0 && path.beyond > 0 ? -E2BIG : rc;
}

/* -- Further loops -------------------------------------------------------------------------------
 */

static void *loop_main(void *arg)
{
	struct simrun_loop *loop = arg;

	sim_baton_begin(loop->run->sim, loop->member);
	loop_run(loop);
	sim_baton_leave(loop->run->sim, loop->member);
	simrun_current = NULL;
	sim_enter_world(NULL);
	return NULL;
}

int coil_sim_loop(const struct coil_options *options, int (*entry)(void *arg), void *arg)
{
	struct simrun_loop *self = simrun_current;
	struct simrun_loop *loop;
	int rc;

	check_use(self != NULL, "called outside of a simulation");
	loop = loop_new(self->run);
	loop->entry = entry;
	loop->arg = arg;
	rc = read_run_options(loop, options);
	if (rc == 0)
		rc = check_shortage(self->run);
	if (rc == 0) {
		loop->options.off |= COIL_NO_SIGNALS;
		loop->member = sim_baton_join(self->run->sim);
		rc = -pthread_create(&loop->thread, NULL, loop_main, loop);
		if (rc < 0)
			sim_baton_forget(self->run->sim, loop->member);
	}
	if (rc < 0) {
		self->run->loop_count--;
		alloc_free(&alloc_libc, loop, sizeof *loop);
	}
	return rc;
}
