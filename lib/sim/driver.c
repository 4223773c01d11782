/* SPDX-License-Identifier: MIT */
/*
 * A simulated struct driver: ring memory, stacks, wakes. Stacks are real memory, with real guards:
 * code runs on them. All else is of the world.
 */
#include "sim/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "ring/memory.h"
#include "ring/refusal.h"
#include "sim/baton.h"
#include "sim/buffers.h"
#include "sim/file.h"
#include "sim/net.h"
#include "sim/pipe.h"
#include "sim/request.h"
#include "sim/table.h"

/* Who looks at the clock in a loop of its own gets on, too. */
#define LOOK_NS 20

#define FEATURES                                                                                   \
	(DRIVER_NO_SQARRAY | DRIVER_DEFER_TASKRUN | DRIVER_TASKRUN_FLAG | DRIVER_SINGLE_ISSUER |   \
	 DRIVER_SUBMIT_ALL | DRIVER_REGISTERED_RING | DRIVER_NO_IOWAIT | DRIVER_GUARD_INSTALL |    \
	 DRIVER_IOWQ_LIMITS | DRIVER_MIN_WAIT | DRIVER_DIRECT | DRIVER_MULTISHOT_ACCEPT |          \
	 DRIVER_BUFFER_RINGS | DRIVER_RECV_MULTISHOT)

/* -- The clock, randomness, wakes ----------------------------------------------------------------
 */

static int64_t ring_now(struct driver *driver)
{
	struct sim *sim = sim_ring_of(driver)->sim;
	int64_t next = sim_next_event(sim);

	/* No event is passed: those fire in enter. */
	if (sim->now + LOOK_NS < next)
		sim->now += LOOK_NS;
	return sim->now;
}

static int ring_random(struct driver *driver, void *bytes, size_t count)
{
	struct choice *choice = &sim_ring_of(driver)->sim->choice;
	unsigned char *place = bytes;

	for (size_t i = 0; i < count; i++)
		place[i] = (unsigned char)(choice_noise(choice) >> 56);
	return 0;
}

static void ring_wake(struct driver *driver)
{
	struct sim_ring *ring = sim_ring_of(driver);

	sim_eventfd_add(ring->wake_file, 1);
	sim_settle(ring->sim);
}

/*
 * When a thread of the program's own posts is not the seed's to choose: the run would not repeat,
 * and the world, which one thread at a time touches, would be torn. Nobody would wait for it,
 * either.
 */
static void ring_check_poster(struct driver *driver)
{
	const struct sim *sim = sim_ring_of(driver)->sim;

	if (sim_is_inside(sim))
		return;
	check_misused("coil_sim_run",
		      "a thread that is no part of the simulation posts to its loop: when it does "
		      "is not the seed's to choose; use coil_sim_loop, coil_offload or a pool "
		      "[seed %llu]",
		      (unsigned long long)sim->options.seed);
}

static int ring_poll_fd(struct driver *driver)
{
	(void)driver;
	return -EOPNOTSUPP;
}

static void ring_poll_clear(struct driver *driver)
{
	(void)driver;
}

/* -- Stacks --------------------------------------------------------------------------------------
 */

struct mapping {
	struct coil_list node;
	void *memory;
	size_t bytes;
};

static void *ring_map(struct driver *driver, size_t bytes)
{
	struct sim_ring *ring = sim_ring_of(driver);
	const struct sim_hooks *hooks = &ring->sim->options.hooks;
	struct mapping *mapping;
	void *memory;

	if (hooks->map_fails && hooks->map_fails(hooks->context)) {
		refusal_note_words(-ENOMEM, "mmap: ENOMEM: the simulation lets this one fail");
		return NULL;
	}
	memory = memory_map(bytes);
	if (!memory)
		return NULL;
	mapping = sim_alloc(ring->sim, sizeof *mapping);
	mapping->memory = memory;
	mapping->bytes = bytes;
	list_init(&mapping->node);
	list_push_back(&ring->maps, &mapping->node);
	return memory;
}

static void forget_mapping(struct sim_ring *ring, struct mapping *mapping)
{
	list_remove(&mapping->node);
	memory_unmap(mapping->memory, mapping->bytes);
	sim_free(ring->sim, mapping, sizeof *mapping);
}

static void ring_unmap(struct driver *driver, void *memory, size_t bytes)
{
	struct sim_ring *ring = sim_ring_of(driver);
	struct coil_list *node = ring->maps.next;

	while (node != &ring->maps && container_of(node, struct mapping, node)->memory != memory)
		node = node->next;
	check(node != &ring->maps);
	check(container_of(node, struct mapping, node)->bytes == bytes);
	forget_mapping(ring, container_of(node, struct mapping, node));
}

static int ring_guard(struct driver *driver, void *memory, size_t bytes)
{
	struct memory_guards guards = {.can_install = true};

	(void)driver;
	return memory_guard(&guards, memory, bytes);
}

static int ring_discard(struct driver *driver, void *memory, size_t bytes)
{
	(void)driver;
	return memory_discard(memory, bytes);
}

static int ring_resident(struct driver *driver, void *memory, size_t bytes,
			 unsigned char *ret_pages)
{
	(void)driver;
	return memory_resident(memory, bytes, ret_pages);
}

/* -- Registered memory ---------------------------------------------------------------------------
 */

#define MEMORY_COUNT_MAX 16384u
#define MEMORY_BYTES_MAX ((size_t)1 << 30)

static int unregister_memory(struct sim_ring *ring)
{
	if (ring->memory_count == 0)
		return -ENXIO;
	sim_free(ring->sim, ring->memory, ring->memory_count * sizeof *ring->memory);
	ring->memory_count = 0;
	return 0;
}

static int ring_register_memory(struct driver *driver, const struct iovec *memory, unsigned count)
{
	struct sim_ring *ring = sim_ring_of(driver);

	if (count == 0)
		return unregister_memory(ring);
	if (ring->memory_count > 0)
		return -EBUSY;
	if (count > MEMORY_COUNT_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < count; i++)
		if (!memory[i].iov_base != !memory[i].iov_len ||
		    memory[i].iov_len > MEMORY_BYTES_MAX)
			return -EFAULT;
	ring->memory = sim_alloc(ring->sim, count * sizeof *memory);
	memcpy(ring->memory, memory, count * sizeof *memory);
	ring->memory_count = count;
	return 0;
}

/* -- Open and close ------------------------------------------------------------------------------
 */

static size_t sqes_bytes(const struct sim_ring *ring)
{
	return ring->driver.rings.sq_entries * sizeof(struct io_uring_sqe);
}

static size_t cqes_bytes(const struct sim_ring *ring)
{
	return ring->driver.rings.cq_entries * sizeof(struct io_uring_cqe);
}

static void drop_records(struct sim_ring *ring, struct coil_list *records)
{
	struct coil_list *node;

	while ((node = list_pop_front(records))) {
		struct sim_record *record = container_of(node, struct sim_record, node);

		if (record->request)
			sim_request_release(record->request);
		sim_free(ring->sim, record, sizeof *record);
	}
}

/* An engine that gives up leaves requests behind: the kernel ends them when the task exits. */
static void end_requests(struct sim_ring *ring)
{
	struct coil_list *node;

	/* Their buffers may be gone: nobody looks at them. */
	list_for_each(node, &ring->all)
		container_of(node, struct sim_request, all)->traits |= REQUEST_IN_ATTEMPT;
	do {
		drop_records(ring, &ring->done);
		ring->done_count = 0;
		node = ring->all.next;
		if (node != &ring->all)
			sim_request_finish(container_of(node, struct sim_request, all), -ECANCELED);
	} while (node != &ring->all);
	drop_records(ring, &ring->overflown);
}

static void ring_close(struct driver *driver, bool abandon)
{
	struct sim_ring *ring = sim_ring_of(driver);
	struct sim *sim = ring->sim;
	struct sim_member *holder = sim_baton_holder(sim);

	check(abandon || list_is_empty(&ring->all));
	end_requests(ring);
	sim_table_close(ring);
	sim_buffers_forget(ring);
	while (!list_is_empty(&ring->maps))
		forget_mapping(ring, container_of(ring->maps.next, struct mapping, node));
	if (holder && holder->ring == ring)
		holder->ring = NULL;
	unregister_memory(ring);
	sim_fd_close(sim, driver->wake_fd);
	sim_fd_close(sim, driver->ring_fd);
	list_remove(&ring->node);
	sim_free(sim, driver->rings.sqes, sqes_bytes(ring));
	sim_free(sim, driver->rings.cqes, cqes_bytes(ring));
	sim_free(sim, ring, sizeof *ring);
}

static int ring_send(int fd, const void *buf, size_t len, int flags)
{
	struct sim *sim = sim_current();
	const struct sim_transfer_call call = {fd, flags};
	int rc = sim_net_send(sim, &call, buf, len);

	sim_trace(sim, "send at once: %d of %zu", rc, len);
	sim_settle(sim);
	return rc;
}

static int ring_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct sim *sim = sim_current();
	const struct sim_transfer_call call = {fd, flags};
	int rc = sim_net_sendmsg(sim, &call, message);

	sim_trace(sim, "sendmsg at once: %d", rc);
	sim_settle(sim);
	return rc;
}

static const struct driver_ops ring_ops = {
	.enter = sim_ring_enter,
	.send = ring_send,
	.sendmsg = ring_sendmsg,
	.now = ring_now,
	.random = ring_random,
	.wake = ring_wake,
	.check_poster = ring_check_poster,
	.run_elsewhere = sim_run_elsewhere,
	.map = ring_map,
	.unmap = ring_unmap,
	.guard = ring_guard,
	.discard = ring_discard,
	.resident = ring_resident,
	.register_memory = ring_register_memory,
	.table_open = sim_table_open,
	.table_set = sim_table_set,
	.register_buffers = sim_buffers_register,
	.unregister_buffers = sim_buffers_unregister,
	.close = ring_close,
	.poll_fd = ring_poll_fd,
	.poll_clear = ring_poll_clear,
	.poll_wake = ring_wake,
	.calls = &sim_calls,
};

/* The descriptor of a ring: for MSG_RING, which finds the ring behind it. */
struct ring_file {
	struct sim_file file;
	struct sim_ring *ring;
};

static void ring_file_closed(struct sim_file *file)
{
	container_of(file, struct ring_file, file)->ring = NULL;
}

static unsigned ring_file_poll(struct sim_file *file)
{
	const struct sim_ring *ring = container_of(file, struct ring_file, file)->ring;

	return ring && sim_ring_is_awake(ring) ? 1u : 0u; /* POLLIN */
}

static void ring_file_release(struct sim_file *file)
{
	sim_free(file->sim, container_of(file, struct ring_file, file), sizeof(struct ring_file));
}

static const struct sim_file_ops ring_file_ops = {
	.name = "ring",
	.poll = ring_file_poll,
	.release = ring_file_release,
	.closed = ring_file_closed,
};

struct sim_ring *sim_ring_at(struct sim_file *file)
{
	if (!file || file->ops != &ring_file_ops)
		return NULL;
	return container_of(file, struct ring_file, file)->ring;
}

static int install_ring_file(struct sim_ring *ring)
{
	struct ring_file *self = sim_alloc(ring->sim, sizeof *self);

	self->ring = ring;
	sim_file_init(ring->sim, &self->file, &ring_file_ops, O_RDWR);
	ring->self = &self->file;
	return sim_fd_install(ring->sim, ring->self);
}

static uint64_t opcodes_there(void)
{
	uint64_t opcodes = 0;

	for (unsigned opcode = 0; opcode < SIM_OPCODES; opcode++)
		if (sim_operation(opcode))
			opcodes |= UINT64_C(1) << opcode;
	return opcodes;
}

static unsigned power_of_two(unsigned n)
{
	unsigned power = 1;

	while (power < n)
		power *= 2;
	return power;
}

static void init_lists(struct sim_ring *ring)
{
	list_init(&ring->node);
	list_init(&ring->all);
	list_init(&ring->runnable);
	list_init(&ring->deferred);
	list_init(&ring->done);
	list_init(&ring->overflown);
	list_init(&ring->counting);
	list_init(&ring->maps);
	list_init(&ring->buffers);
}

struct sim_ring *sim_ring_open(struct sim *sim, unsigned sq_entries, unsigned cq_entries)
{
	struct sim_ring *ring = sim_alloc(sim, sizeof *ring);
	struct driver_rings *rings = &ring->driver.rings;

	ring->sim = sim;
	ring->index = (unsigned)sim->rings_opened++;
	init_lists(ring);
	ring->driver.ops = &ring_ops;
	ring->driver.features = FEATURES;
	ring->driver.opcodes = opcodes_there();
	ring->driver.is_simulated = true;
	rings->sq_entries = power_of_two(sq_entries);
	rings->cq_entries = power_of_two(cq_entries > sq_entries ? cq_entries : sq_entries);
	rings->sqes = sim_alloc(sim, sqes_bytes(ring));
	rings->cqes = sim_alloc(sim, cqes_bytes(ring));
	rings->sq_head = &ring->sq_head;
	rings->sq_tail = &ring->sq_tail;
	rings->sq_flags = &ring->sq_flags;
	rings->cq_head = &ring->cq_head;
	rings->cq_tail = &ring->cq_tail;
	rings->cq_overflow = &ring->cq_overflow;
	ring->driver.wake_fd = sim_eventfd(sim, 0, 0);
	ring->wake_file = sim_fd_file(sim, ring->driver.wake_fd);
	ring->driver.ring_fd = install_ring_file(ring);
	check(ring->driver.wake_fd >= 0 && ring->driver.ring_fd >= 0);
	list_push_back(&sim->rings, &ring->node);
	if (sim_baton_holder(sim))
		sim_baton_holder(sim)->ring = ring;
	return ring;
}
