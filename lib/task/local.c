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

/* Where the caller's values are, and whose they are. */
struct locals {
	struct local_table **own;
	const struct local_table *inherited; /* to be read alone; or NULL */
	const struct coil_alloc *alloc;
	uint64_t *swaps;
	uint64_t owner;
};

/* What the calling thread works on. Initial-exec, as the loop: one read. */
static _Thread_local struct local_worker *worker_current
	__attribute__((tls_model("initial-exec")));

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

static void table_drop(const struct coil_alloc *alloc, struct local_table *table)
{
	if (!table || --table->refs > 0)
		return;
	for (uint32_t i = 0; i < table->count; i++)
		cell_drop(alloc, table->cells[i]);
	alloc_free(alloc, table, table_bytes(table->count));
}

void locals_drop(struct scheduler *s, struct local_table *table)
{
	table_drop(s->loop.alloc, table);
}

/* A destructor may set values of its own. */
static void end(struct local_table **own, const struct coil_alloc *alloc)
{
	while (*own) {
		struct local_table *table = *own;

		*own = NULL;
		table_drop(alloc, table);
	}
}

void locals_end(struct scheduler *s, struct coil_task *task)
{
	end(&task->locals, s->loop.alloc);
}

struct local_worker *locals_enter(struct local_worker *worker)
{
	struct local_worker *outer = worker_current;

	worker_current = worker;
	return outer;
}

void locals_leave(struct local_worker *worker, struct local_worker *outer)
{
	end(&worker->own, &alloc_libc);
	worker_current = outer;
}

static struct locals locals_of_task(struct coil_task *task)
{
	struct scheduler *s = task_scheduler(task);

	return (struct locals){ &task->locals, NULL, s->loop.alloc, &s->local_swaps, task->id };
}

/* The calling task's, or the calling worker's. */
static struct locals locals_required(const char *function)
{
	struct local_worker *worker = worker_current;

	if (likely(loop_current || !worker))
		return locals_of_task(task_required(function));
	return (struct locals){ &worker->own, worker->inherited, &alloc_libc, &worker->swaps,
				(uintptr_t)worker };
}

/* The place of @key's cell in @table, or where it would go. */
static uint32_t place_of(const struct local_table *table, const struct coil_local *key)
{
	uint32_t i = 0;

	while (table && i < table->count && table->cells[i]->key != key)
		i++;
	return i;
}

static struct cell *cell_of(const struct local_table *table, const struct coil_local *key)
{
	uint32_t i = place_of(table, key);

	return table && i < table->count ? table->cells[i] : NULL;
}

/* The caller's table, its own, with @count places, of which the last one may be empty. NULL if
 * there is no memory for it; nothing has changed then. */
static struct local_table *table_own(const struct locals *locals, uint32_t count)
{
	const struct coil_alloc *alloc = locals->alloc;
	struct local_table *old = *locals->own;
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
	table_drop(alloc, old);
	*locals->own = table;
	return table;
}

/* Puts @cell, whose reference passes over, in @key's place. 0 or -ENOMEM. */
static int put(const struct locals *locals, const struct coil_local *key, struct cell *cell)
{
	uint32_t count = *locals->own ? (*locals->own)->count : 0;
	uint32_t i = place_of(*locals->own, key);
	struct local_table *table = table_own(locals, i < count ? count : count + 1);
	struct cell *old;

	if (!table)
		return -ENOMEM;
	old = table->cells[i];
	table->cells[i] = cell;
	cell_drop(locals->alloc, old);
	return 0;
}

/* Takes @key's place away: the last cell goes there. 0 or -ENOMEM. */
static int take_away(const struct locals *locals, const struct coil_local *key)
{
	const struct coil_alloc *alloc = locals->alloc;
	struct local_table *old = *locals->own;
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
	*locals->own = table;
	table_drop(alloc, old);
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
	const struct locals locals = locals_required(__func__);
	const struct cell *cell = cell_of(*locals.own, key);

	if (!cell && locals.inherited)
		cell = cell_of(locals.inherited, key);
	return cell ? cell->value : key->fallback;
}

static int set(const struct locals *locals, struct cell *cell)
{
	int rc = put(locals, cell->key, cell);

	if (rc < 0) {
		/* The value stays the caller's. */
		struct cell *previous = cell->previous;

		alloc_free(locals->alloc, cell, sizeof *cell);
		cell_drop(locals->alloc, previous);
	}
	return rc;
}

int coil_local_set(const struct coil_local *key, void *value)
{
	const struct locals locals = locals_required(__func__);
	struct cell *old = cell_of(*locals.own, key);
	struct cell *cell;

	if (old && old->refs == 1 && (*locals.own)->refs == 1) {
		void *dropped = old->value;

		old->value = value;
		if (key->destroy)
			key->destroy(dropped);
		return 0;
	}
	cell = cell_new(locals.alloc, key, value);
	if (!cell)
		return -ENOMEM;
	if (old) {
		cell->previous = cell_share(old->previous);
		cell->number = old->number;
	}
	return set(&locals, cell);
}

int coil_local_swap(const struct coil_local *key, void *value, struct coil_local_token *ret_token)
{
	const struct locals locals = locals_required(__func__);
	struct cell *cell = cell_new(locals.alloc, key, value);
	int rc;

	if (!cell)
		return -ENOMEM;
	cell->previous = cell_share(cell_of(*locals.own, key));
	cell->number = ++*locals.swaps;
	rc = set(&locals, cell);
	if (rc == 0)
		*ret_token = (struct coil_local_token){ key, *locals.swaps, locals.owner };
	return rc;
}

int coil_local_reset(const struct coil_local_token *token)
{
	const struct locals locals = locals_required(__func__);
	struct cell *cell = cell_of(*locals.own, token->key);
	struct cell *previous;
	int rc;

	check_use(token->task_id == locals.owner, "this token is another task's");
	while (cell && cell->number != token->number)
		cell = cell->previous;
	check_use(cell != NULL, "this token was used already, or the one around it was");
	if (!cell->previous)
		return take_away(&locals, token->key);
	previous = cell_share(cell->previous);
	rc = put(&locals, token->key, previous);
	if (rc < 0)
		cell_drop(locals.alloc, previous);
	return rc;
}

int coil_locals_run(int (*entry)(void *arg), void *arg)
{
	const struct locals locals = locals_required(__func__);
	struct local_table *outside = locals_share(*locals.own);
	int rc = entry(arg);

	end(locals.own, locals.alloc);
	*locals.own = outside;
	return rc;
}
