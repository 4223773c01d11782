/* SPDX-License-Identifier: MIT */
/* A bounded parallel map: a group of workers that take numbers from a counter. */
#include "coil/map.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/sized.h"
#include "coil/local.h"
#include "task/await.h"
#include "task/group.h"
#include "task/scope.h"

struct map {
	struct coil_group group;
	struct coil_map_options options;
	int (*fn)(size_t index, void *arg);
	void *arg;
	size_t n;
	size_t next; /* the first item that nobody has taken */
	int failures;
	size_t first_place; /* of the failure that comes first in the order of the items */
	int first_failure;
	bool has_cancelled; /* some item ended cancelled, or was not begun */
};

static void note_result(struct map *map, size_t index, int result)
{
	if (map->options.results)
		map->options.results[index] = result;
	if (result >= 0)
		return;
	map->failures++;
	if (result_is_cancel(result)) {
		map->has_cancelled = true;
	} else if (!map->first_failure || index < map->first_place) {
		map->first_place = index;
		map->first_failure = result;
	}
	if (map->options.flags & COIL_FAIL_FAST)
		coil_group_cancel(&map->group);
}

struct item {
	struct map *map;
	size_t index;
};

static int item_run(void *arg)
{
	const struct item *item = arg;

	return item->map->fn(item->index, item->map->arg);
}

/* The next item finds the worker as the first one did. */
static void check_left_clean(const struct coil_task *self)
{
	check_use_of("coil_map", self->scope == &self->own,
		     "an item of coil_map left a scope or group of its own open");
	check_use_of("coil_map", self->started == 0,
		     "an item of coil_map left %u operations or timers of its own in flight",
		     self->started);
	while (self->own.requests > 0)
		coil_uncancel();
}

static int worker(void *arg)
{
	struct map *map = arg;
	struct coil_task *self = task_required("coil_map");

	while (map->next < map->n && !self->scope->effective) {
		struct item item = { map, map->next++ };

		note_result(map, item.index, coil_locals_run(item_run, &item));
		check_left_clean(self);
		task_pay(self);
	}
	return 0;
}

/* As many as can be had: one suffices. */
static int start_workers(struct map *map)
{
	size_t limit = map->options.limit ? map->options.limit : map->n;
	struct coil_task_options options = {
		.size = sizeof options, .name = map->options.name, .group = &map->group
	};
	size_t count = 0;
	int rc = 0;

	while (rc == 0 && count < limit && count < map->n) {
		rc = (coil_go_with)(&options, worker, map);
		count += rc == 0;
	}
	return count > 0 ? 0 : rc;
}

static int map_result(const struct map *map, struct coil_task *task)
{
	if (map->has_cancelled && task->scope->effective)
		return scope_reason_met(task);
	if (map->options.flags & COIL_KEEP_GOING)
		return map->failures;
	if (!map->first_failure && map->has_cancelled)
		return -ECANCELED;
	return map->first_failure;
}

static int map_run(struct map *map, struct coil_task *task)
{
	int rc = 0;

	if (unlikely(task->scope->effective)) {
		task_yield(task_scheduler(task), task);
	} else {
		coil_group_open(&map->group, COIL_GROUP_SUPERVISE);
		rc = start_workers(map);
		coil_group_close(&map->group);
	}
	if (rc < 0)
		return rc;
	map->options.flags &= ~COIL_FAIL_FAST; /* there is nobody left to cancel */
	while (map->next < map->n)
		note_result(map, map->next++, -ECANCELED);
	return map_result(map, task);
}

static int read_options(const struct coil_map_options *given, struct coil_map_options *options)
{
	int rc = sized_read(options, given, sizeof *options);

	if (rc < 0)
		return rc;
	return options->flags == 0 || options->flags == COIL_FAIL_FAST ||
			       options->flags == COIL_KEEP_GOING
		       ? 0
		       : -EINVAL;
}

static int map_with(struct coil_task *task, struct map *map, const struct coil_map_options *options)
{
	int rc = read_options(options, &map->options);

	if (rc < 0)
		return rc;
	if (map->n > INT_MAX)
		return -EINVAL;
	return map->n == 0 ? 0 : map_run(map, task);
}

int coil_map_with(const struct coil_map_options *options, size_t n,
		  int (*fn)(size_t index, void *arg), void *arg)
{
	struct map map = { .fn = fn, .arg = arg, .n = n };

	return map_with(task_required(__func__), &map, options);
}

int coil_map(size_t n, unsigned limit, int (*fn)(size_t index, void *arg), void *arg)
{
	struct coil_map_options options = { .size = sizeof options, .limit = limit };
	struct map map = { .fn = fn, .arg = arg, .n = n };

	return map_with(task_required(__func__), &map, &options);
}
