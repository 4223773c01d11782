/* SPDX-License-Identifier: MIT */
/* What was lent. See leases.h. */
#include "loop/leases.h"

#include "base/report.h"

static struct lease_copy *take_spare(struct coil_loop *loop)
{
	struct coil_list *link = list_pop_front(&loop->lease_spares);

	loop->lease_spares_count -= link != NULL;
	return link ? list_entry(link, struct lease_copy, link) : NULL;
}

struct lease_copy *lease_copy_new(struct coil_loop *loop, const struct lease_taker *taker)
{
	struct lease_copy *copy = take_spare(loop);

	if (!copy)
		copy = loop->alloc->alloc(loop->alloc->context, sizeof *copy);
	if (!copy)
		return NULL;
	list_init(&copy->link);
	copy->taker = *taker;
	copy->bytes = 0;
	list_push_back(&loop->lease_copies, &copy->link);
	return copy;
}

void lease_copy_free(struct coil_loop *loop, struct lease_copy *copy)
{
	list_remove(&copy->link);
	if (loop->lease_spares_count < LEASE_SPARES) {
		loop->lease_spares_count++;
		list_push_front(&loop->lease_spares, &copy->link);
		return;
	}
	alloc_free(loop->alloc, copy, sizeof *copy);
}

static void tell(size_t bytes, const struct lease_taker *taker)
{
	const char *place = taker->place;

	report_about(REPORT_ABOUT(COIL_REPORT_OTHER, .task = taker->task, .place = place),
		     "a lease of %zu bytes was never released: task %llu%s%s%s took it", bytes,
		     (unsigned long long)taker->task, place ? " (spawned at " : "",
		     place ? place : "", place ? ")" : "");
}

static void audit_group(const struct buffers *buffers)
{
	for (uint32_t id = 0; id < buffers->made; id++)
		if (buffers->notes[id].is_lent)
			tell(buffers->notes[id].bytes, &buffers->takers[id]);
}

void leases_audit(const struct coil_loop *loop)
{
	struct coil_list *link;

	if (loop->buffers)
		audit_group(loop->buffers);
	list_for_each(link, &loop->lease_copies) {
		const struct lease_copy *copy = list_entry(link, struct lease_copy, link);

		tell(copy->bytes, &copy->taker);
	}
}

void leases_close(struct coil_loop *loop)
{
	struct lease_copy *spare;

	while (!list_is_empty(&loop->lease_copies))
		lease_copy_free(loop, list_entry(loop->lease_copies.next, struct lease_copy, link));
	while ((spare = take_spare(loop)) != NULL)
		alloc_free(loop->alloc, spare, sizeof *spare);
}
