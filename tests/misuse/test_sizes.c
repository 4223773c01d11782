/* SPDX-License-Identifier: MIT */
/* Options of callers who were built against other headers: older, newer, or who forgot the size. */
#include "task/rig.h"

#include <sys/uio.h>

#define ROOM 1024

/* What begins with a size; behind the struct there is room for a newer one's fields. */
static union {
	size_t size;
	unsigned char bytes[ROOM];
} given;

struct call {
	const char *name;
	size_t bytes;		/* of the struct, as this library has it */
	int (*run)(void);	/* fills what there has to be, and calls */
	int result;		/* with all else zero */
};

static int listens(void)
{
	struct coil_listener *listener;
	int rc = coil_listen_tcp(&listener, "127.0.0.1", 0, (void *)given.bytes);

	if (rc == 0)
		coil_listener_close(listener);
	return rc;
}

static int connects(void)
{
	struct coil_stream *stream;

	return coil_connect_unix(&stream, "@nobody-is-there", (void *)given.bytes);
}

static int opens_udp(void)
{
	struct coil_udp *udp;
	int rc = coil_udp_open(&udp, "127.0.0.1", 0, (void *)given.bytes);

	if (rc == 0)
		coil_udp_close(udp);
	return rc;
}

static int resolves(void)
{
	struct coil_address address;

	return coil_resolve(&address, 1, "127.0.0.1", (void *)given.bytes);
}

static int opens_cache(void)
{
	struct coil_resolve_cache *cache;
	int rc = coil_resolve_cache_open(&cache, (void *)given.bytes);

	if (rc == 0)
		coil_resolve_cache_close(cache);
	return rc;
}

static int opens_conn_pool(void)
{
	struct coil_conn_pool *pool;
	int rc = coil_conn_pool_open(&pool, (void *)given.bytes);

	if (rc == 0)
		coil_conn_pool_close(pool);
	return rc;
}

static int opens_conn_pool_to_connect(void)
{
	struct coil_conn_pool_options options = {.size = sizeof options,
						 .connect = (void *)given.bytes};
	struct coil_conn_pool *pool;
	int rc = coil_conn_pool_open(&pool, &options);

	if (rc == 0)
		coil_conn_pool_close(pool);
	return rc;
}

static int handles(struct coil_stream *stream, void *arg)
{
	(void)stream;
	(void)arg;
	return 0;
}

static int serves_at(void *listener)
{
	return coil_serve(listener, handles, (void *)given.bytes);
}

static int serves(void)
{
	struct coil_listener *listener;
	int rc;

	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	rc = coil_timeout(COIL_MSEC, serves_at, listener);
	coil_listener_close(listener);
	return rc;
}

static int reads_until(void)
{
	struct iovec comma = {",", 1};
	struct coil_until *until = (void *)given.bytes;
	struct coil_stream *a, *b;
	char buf[8];
	int rc;

	EXPECT_EQ(coil_stream_pair(&a, &b, 64), 0);
	EXPECT_EQ(coil_stream_write(a, "x,", 2), 2);
	until->separators = &comma;
	until->count = 1;
	rc = coil_stream_read_until_any(b, buf, sizeof buf, until);
	coil_stream_close(a);
	coil_stream_close(b);
	return rc;
}

static int opens_pool(void)
{
	struct coil_pool *pool;
	int rc = coil_pool_open(&pool, (void *)given.bytes);

	if (rc == 0)
		coil_pool_close(pool);
	return rc;
}

static int offloads(void)
{
	return coil_offload_with((void *)given.bytes, rig_return, (void *)7);
}

static int spawns(void)
{
	struct coil_task *task = coil_spawn_with((void *)given.bytes, rig_return, (void *)7);

	if (task)
		return coil_join(task);
	return strstr(coil_last_error(), "newer headers") ? -E2BIG : -EINVAL;
}

static int goes(void)
{
	struct coil_group group;
	int rc;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	((struct coil_task_options *)(void *)given.bytes)->group = &group;
	rc = coil_go_with((void *)given.bytes, rig_return, NULL);
	coil_group_close(&group);
	return rc;
}

static int is_mapped(size_t index, void *arg)
{
	(void)arg;
	return (int)index;
}

static int maps(void)
{
	return coil_map_with((void *)given.bytes, 3, is_mapped, NULL);
}

static int flies(void *arg, void **ret_value)
{
	*ret_value = arg;
	return 7;
}

static int shares(void)
{
	struct coil_flight_call *call = (void *)given.bytes;
	struct coil_flights flights;
	int rc;

	coil_flights_open(&flights, NULL);
	call->entry = flies;
	rc = coil_flight_do(&flights, coil_key_number(1), call);
	coil_flights_close(&flights);
	call->shares = 0;
	return rc;
}

static int queues(void)
{
	struct coil_queue queue;
	int rc = coil_queue_init_with(&queue, (void *)given.bytes);

	coil_queue_deinit(&queue);
	return rc;
}

static int queues_for_all(void)
{
	struct coil_shared_queue queue;
	int rc;

	((struct coil_queue_options *)(void *)given.bytes)->capacity = 1;
	rc = coil_shared_queue_init(&queue, (void *)given.bytes);
	coil_shared_queue_deinit(&queue);
	return rc;
}

static int runs(void)
{
	((struct coil_options *)(void *)given.bytes)->stack_bytes = 256u << 10;
	return coil_run_with((void *)given.bytes, rig_return, (void *)7);
}

static int simulates(void)
{
	return coil_sim_run((void *)given.bytes, rig_return, (void *)7);
}

static const struct call in_a_task[] = {
	{"listen", sizeof(struct coil_listen_options), listens, 0},
	{"connect", sizeof(struct coil_connect_options), connects, -ECONNREFUSED},
	{"udp", sizeof(struct coil_udp_options), opens_udp, 0},
	{"resolve", sizeof(struct coil_resolve_options), resolves, 1},
	{"cache", sizeof(struct coil_resolve_cache_options), opens_cache, 0},
	{"conn_pool", sizeof(struct coil_conn_pool_options), opens_conn_pool, 0},
	{"its connect", sizeof(struct coil_connect_options), opens_conn_pool_to_connect, 0},
	{"serve", sizeof(struct coil_serve_options), serves, -ETIME},
	{"until", sizeof(struct coil_until), reads_until, 2},
	{"pool", sizeof(struct coil_pool_options), opens_pool, 0},
	{"offload", sizeof(struct coil_offload_options), offloads, 7},
	{"spawn", sizeof(struct coil_task_options), spawns, 7},
	{"go", sizeof(struct coil_task_options), goes, 0},
	{"map", sizeof(struct coil_map_options), maps, 0},
	{"flight", sizeof(struct coil_flight_call), shares, 7},
	{"queue", sizeof(struct coil_queue_options), queues, 0},
	{"shared queue", sizeof(struct coil_queue_options), queues_for_all, 0},
};

static const struct call on_a_thread[] = {
	{"run", sizeof(struct coil_options), runs, 7},
	{"sim", sizeof(struct coil_sim_options), simulates, 7},
};

static void expect_call(const struct call *call, size_t size, int last, int result)
{
	int rc;

	memset(given.bytes, 0, sizeof given.bytes);
	given.size = size;
	if (size > call->bytes)
		given.bytes[size - 1] = (unsigned char)last;
	rc = call->run();
	if (rc != result)
		test_fail_values(__FILE__, __LINE__, call->name, rc, result);
}

static void expect_calls(const struct call *calls, size_t count)
{
	for (const struct call *call = calls; call < calls + count; call++) {
		expect_call(call, call->bytes, 0, call->result);
		expect_call(call, call->bytes + 8, 0, call->result);
		expect_call(call, ROOM, 0, call->result);
		expect_call(call, call->bytes + 1, 1, -E2BIG);
		expect_call(call, ROOM, 1, -E2BIG);
		expect_call(call, 0, 0, -EINVAL);
		expect_call(call, sizeof(size_t) - 1, 0, -EINVAL);
	}
}

IN_REAL_TASK(sizes, newer_options_are_taken_where_what_is_new_is_zero)
{
	expect_calls(in_a_task, sizeof in_a_task / sizeof *in_a_task);
}

TEST(sizes, newer_options_of_a_run_are_taken_where_what_is_new_is_zero)
{
	expect_calls(on_a_thread, sizeof on_a_thread / sizeof *on_a_thread);
}

/* What an older caller has no room for is not written, what a newer one has is left as it is. */
IN_REAL_TASK(sizes, stats_are_written_as_far_as_both_know_them)
{
	struct coil_stats *stats = (void *)given.bytes;

	memset(given.bytes, 0xee, sizeof given.bytes);
	given.size = sizeof *stats + 8;
	EXPECT_EQ(coil_stats(stats), 0);
	EXPECT_EQ(given.size, sizeof *stats + 8);
	EXPECT_EQ(given.bytes[sizeof *stats], 0xee);
	memset(given.bytes, 0xee, sizeof given.bytes);
	given.size = 2 * sizeof(size_t);
	EXPECT_EQ(coil_stats(stats), 0);
	EXPECT_EQ(given.bytes[2 * sizeof(size_t)], 0xee);
	given.size = 0;
	EXPECT_EQ(coil_stats(stats), -EINVAL);
}
