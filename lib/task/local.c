/* SPDX-License-Identifier: MIT */
/* Task locals: tables that are copied when they are written to while shared. See local.h. */
#include "task/local.h"

#include <errno.h>
#include <string.h>

/* A value. @previous is what was there before a swap, and a swap has a number: a reset looks for
 * it. */
struct cell {
	const struct coil_local *key;
	void *value;
	struct cell *previous;
	uint64_t number; /* of the swap that made it; 0: a set on top of nothing */
	uint32_t refs;
	uint32_t reserved;
};

struct local_table {
	uint32_t refs;
	uint32_t count;
	struct cell *cells[];
};

static size_t table_bytes(uint32_t count)
{
	return sizeof(struct local_table) + count * sizeof(struct cell *);
}

/* -- Cells ---------------------------------------------------------------------------------------
 */

static struct cell *cell_share(struct cell *cell)
{
	if (cell)
		cell->refs++;
	return cell;
}

static void cell_drop(const struct coil_alloc *alloc, struct cell *cell)
{
	while (cell && --cell->refs == 0) {
		struct cell *previous = cell->previous;

		if (cell->key->destroy)
			cell->key->destroy(cell->value);
		alloc_free(alloc, cell, sizeof *cell);
		cell = previous;
	}
}

static struct cell *cell_new(const struct coil_alloc *alloc, const struct coil_local *key,
			     void *value)
{
	struct cell *cell = alloc->alloc(alloc->context, sizeof *cell);

	if (cell)
		*cell = (struct cell){ .key = key, .value = value, .refs = 1 };
	return cell;
}

/* -- Tables --------------------------------------------------------------------------------------
 */

struct local_table *locals_share(struct local_table *table)
{
	if (table)
		table->refs++;
	return table;
}

void locals_drop(struct scheduler *s, struct local_table *table)
{
	const struct coil_alloc *alloc = s->loop.alloc;

	if (!table || --table->refs > 0)
		return;
	for (uint32_t i = 0; i < table->count; i++)
		cell_drop(alloc, table->cells[i]);
	alloc_free(alloc, table, table_bytes(table->count));
}

void locals_end(struct scheduler *s, struct coil_task *task)
{
	/* A destructor may set values of its own. */
	while (task->locals) {
		struct local_table *table = task->locals;

		task->locals = NULL;
		locals_drop(s, table);
	}
}

/* The place of @key's cell in the task's table, or where it would go. */
static uint32_t place_of(const struct local_table *table, const struct coil_local *key)
{
	uint32_t i = 0;

	while (table && i < table->count && table->cells[i]->key != key)
		i++;
	return i;
}

static struct cell *cell_of(const struct coil_task *task, const struct coil_local *key)
{
	uint32_t i = place_of(task->locals, key);

	return task->locals && i < task->locals->count ? task->locals->cells[i] : NULL;
}

/* The task's table, its own, with @count places, of which the last one may be empty. NULL if there
 * is no memory for it; nothing has changed then. */
static struct local_table *table_own(struct scheduler *s, struct coil_task *task, uint32_t count)
{
	const struct coil_alloc *alloc = s->loop.alloc;
	struct local_table *old = task->locals;
	struct local_table *table;

	if (old && old->refs == 1 && old->count == count)
		return old;
	table = alloc->alloc(alloc->context, table_bytes(count));
	if (!table)
		return NULL;
	table->refs = 1;
	table->count = count;
	for (uint32_t i = 0; i < count; i++)
		table->cells[i] = old && i < old->count ? cell_share(old->cells[i]) : NULL;
	locals_drop(s, old);
	task->locals = table;
	return table;
}

/* Puts @cell, whose reference passes over, in @key's place. 0 or -ENOMEM. */
static int put(struct scheduler *s, struct coil_task *task, const struct coil_local *key,
	       struct cell *cell)
{
	uint32_t count = task->locals ? task->locals->count : 0;
	uint32_t i = place_of(task->locals, key);
	struct local_table *table = table_own(s, task, i < count ? count : count + 1);
	struct cell *old;

	if (!table)
		return -ENOMEM;
	old = table->cells[i];
	table->cells[i] = cell;
	cell_drop(s->loop.alloc, old);
	return 0;
}

/* Takes @key's place away: the last cell goes there. 0 or -ENOMEM. */
static int take_away(struct scheduler *s, struct coil_task *task, const struct coil_local *key)
{
	const struct coil_alloc *alloc = s->loop.alloc;
	struct local_table *old = task->locals;
	uint32_t left = old->count - 1;
	uint32_t i = place_of(old, key);
	struct local_table *table = NULL;

	if (left > 0) {
		table = alloc->alloc(alloc->context, table_bytes(left));
		if (!table)
			return -ENOMEM;
		table->refs = 1;
		table->count = left;
		for (uint32_t k = 0; k < left; k++)
			table->cells[k] = cell_share(old->cells[k == i ? left : k]);
	}
	task->locals = table;
	locals_drop(s, old);
	return 0;
}

/* -- The public face -----------------------------------------------------------------------------
 */

void coil_local_init(struct coil_local *key, const char *name, void (*destroy)(void *value))
{
	*key = (struct coil_local){ name, destroy, NULL };
}

void *coil_local_get(const struct coil_local *key)
{
	const struct cell *cell = cell_of(task_required(__func__), key);

	return cell ? cell->value : key->fallback;
}

static int set(struct coil_task *task, struct cell *cell)
{
	struct scheduler *s = task_scheduler(task);
	int rc = put(s, task, cell->key, cell);

	if (rc < 0) {
		/* The value stays the caller's. */
		struct cell *previous = cell->previous;

		alloc_free(s->loop.alloc, cell, sizeof *cell);
		cell_drop(s->loop.alloc, previous);
	}
	return rc;
}

int coil_local_set(const struct coil_local *key, void *value)
{
	struct coil_task *task = task_required(__func__);
	struct cell *old = cell_of(task, key);
	struct cell *cell;

	if (old && old->refs == 1 && task->locals->refs == 1) {
		void *dropped = old->value;

		old->value = value;
		if (key->destroy)
			key->destroy(dropped);
		return 0;
	}
	cell = cell_new(task_scheduler(task)->loop.alloc, key, value);
	if (!cell)
		return -ENOMEM;
	if (old) {
		cell->previous = cell_share(old->previous);
		cell->number = old->number;
	}
	return set(task, cell);
}

int coil_local_swap(const struct coil_local *key, void *value, struct coil_local_token *ret_token)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct cell *cell = cell_new(s->loop.alloc, key, value);
	int rc;

	if (!cell)
		return -ENOMEM;
	cell->previous = cell_share(cell_of(task, key));
	cell->number = ++s->local_swaps;
	rc = set(task, cell);
	if (rc == 0)
		*ret_token = (struct coil_local_token){ key, s->local_swaps, task->id };
	return rc;
}

int coil_local_reset(const struct coil_local_token *token)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct cell *cell = cell_of(task, token->key);
	struct cell *previous;
	int rc;

	check_use(token->task_id == task->id, "this token is another task's");
	while (cell && cell->number != token->number)
		cell = cell->previous;
	check_use(cell != NULL, "this token was used already, or the one around it was");
	if (!cell->previous)
		return take_away(s, task, token->key);
	previous = cell_share(cell->previous);
	rc = put(s, task, token->key, previous);
	if (rc < 0)
		cell_drop(s->loop.alloc, previous);
	return rc;
}

int coil_locals_run(int (*entry)(void *arg), void *arg)
{
	struct coil_task *task = task_required(__func__);
	struct local_table *outside = locals_share(task->locals);
	int rc = entry(arg);

	locals_end(task_scheduler(task), task);
	task->locals = outside;
	return rc;
}
