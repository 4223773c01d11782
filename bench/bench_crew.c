/* SPDX-License-Identifier: MIT */
/* The crew: see bench.h. Two gates take turns, so that nobody misses one that is opened again. */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>

struct member {
	struct crew *crew;
	struct coil_task *task;
	unsigned int number;
};

struct crew {
	void (*work)(void *arg, unsigned int member);
	void *arg;
	struct coil_promise gates[2];
	struct coil_promise finished;
	uint64_t rounds;
	unsigned int turn;
	unsigned int left;
	unsigned int n;
	bool is_over;
	struct member members[];
};

static int member_main(void *arg)
{
	struct member *member = arg;
	struct crew *crew = member->crew;

	for (unsigned int turn = 0;; turn++) {
		coil_await(&crew->gates[turn & 1].future);
		if (crew->is_over)
			return 0;
		for (uint64_t round = crew->rounds; round; round--)
			crew->work(crew->arg, member->number);
		if (--crew->left == 0)
			coil_promise_resolve(&crew->finished, 0);
	}
}

/* Opens this turn's gate; the next one is closed before anybody can come to it. */
static void open_gate(struct crew *crew)
{
	struct coil_promise *gate = &crew->gates[crew->turn & 1];

	crew->turn++;
	coil_promise_init(&crew->gates[crew->turn & 1]);
	coil_promise_resolve(gate, 0);
}

int crew_open(unsigned int n, void (*work)(void *arg, unsigned int member), void *arg,
	      struct crew **ret_crew)
{
	struct crew *crew = calloc(1, sizeof(*crew) + n * sizeof(crew->members[0]));

	if (!crew)
		return -ENOMEM;
	crew->work = work;
	crew->arg = arg;
	crew->n = n;
	coil_promise_init(&crew->gates[0]);
	for (unsigned int i = 0; i < n; i++) {
		crew->members[i] = (struct member){ .crew = crew, .number = i };
		crew->members[i].task = coil_spawn(member_main, &crew->members[i]);
		bench_must(crew->members[i].task, "a task could not be spawned");
	}
	coil_yield();
	*ret_crew = crew;
	return 0;
}

void crew_run(void *arg, uint64_t units)
{
	struct crew *crew = arg;

	crew->rounds = units / crew->n;
	crew->left = crew->n;
	coil_promise_init(&crew->finished);
	open_gate(crew);
	bench_must(coil_await(&crew->finished.future) == 0, "the crew did not finish");
	coil_promise_deinit(&crew->finished);
}

void crew_close(struct crew *crew)
{
	crew->is_over = true;
	open_gate(crew);
	for (unsigned int i = 0; i < crew->n; i++)
		bench_must(coil_join(crew->members[i].task) == 0, "a task failed");
	free(crew);
}
