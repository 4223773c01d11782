/* SPDX-License-Identifier: MIT */
/*
 * Each call of table.h: as a suspending call, as an operation, in a cancelled scope; natively, and
 * with everything masked off that has a fallback. The results are the same.
 */
#include "support/test.h"

#include "ops/table.h"
#include "ops/world.h"

#include <coil.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WITHOUT                                                                                    \
	"op:socket,op:bind,op:listen,op:shutdown,op:epoll_ctl,op:epoll_wait,op:ftruncate,"         \
	"op:uring_cmd,op:waitid,op:pipe"

static const struct open_how beneath = {
	.flags = O_RDONLY | O_CLOEXEC,
	.resolve = RESOLVE_BENEATH,
};
static int made[2] = {-1, -1};

#define ROW_FUNCTIONS(name, call, op, expected)                                                    \
	static int call_##name(struct world *w)                                                    \
	{                                                                                          \
		(void)w;                                                                           \
		return call;                                                                       \
	}                                                                                          \
	static struct coil_op op_##name(struct world *w)                                           \
	{                                                                                          \
		(void)w;                                                                           \
		return op;                                                                         \
	}

ROWS_FILE(ROW_FUNCTIONS)
ROWS_PATH(ROW_FUNCTIONS)
ROWS_SOCKET(ROW_FUNCTIONS)
ROWS_WAIT(ROW_FUNCTIONS)
ROWS_FUTEX(ROW_FUNCTIONS)

struct row {
	const char *name;
	int (*call)(struct world *w);
	struct coil_op (*op)(struct world *w);
	int expected;
};

#define ROW_ENTRY(name, call, op, expected) {#name, call_##name, op_##name, expected},

static const struct row file_rows[] = {ROWS_FILE(ROW_ENTRY)};
static const struct row path_rows[] = {ROWS_PATH(ROW_ENTRY)};
static const struct row socket_rows[] = {ROWS_SOCKET(ROW_ENTRY)};
static const struct row wait_rows[] = {ROWS_WAIT(ROW_ENTRY)};
static const struct row futex_rows[] = {ROWS_FUTEX(ROW_ENTRY)};

/* What the entries below work on: the row, and what it must return. */
static const struct row *current;
static int wanted;
/* The descriptors that it works on are direct ones. */
static bool are_direct;

static void expect_result(int result)
{
	if (result >= 0 && wanted == AN_FD)
		coil_close(result);
	else if (result != wanted)
		test_fail_values(__FILE__, __LINE__, current->name, result, wanted);
	for (int i = 0; i < 2; i++) {
		if (made[i] >= 0)
			coil_close(made[i]);
		made[i] = -1;
	}
}

static int run_call(void *world)
{
	if (are_direct)
		world_go_direct(world);
	expect_result(current->call(world));
	if (are_direct)
		world_come_back(world);
	return 0;
}

static int run_op(void *world)
{
	struct coil_op op;
	int rc;

	if (are_direct)
		world_go_direct(world);
	op = current->op(world);
	rc = coil_gather_ops(&op, 1, 0);
	EXPECT_EQ(rc, wanted < 0 ? wanted : 0);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_COMPLETED);
	expect_result(coil_future_result(&op.future));
	if (are_direct)
		world_come_back(world);
	return 0;
}

static uint64_t count_operations(void)
{
	struct coil_stats stats = {.size = sizeof stats};

	coil_stats(&stats);
	return stats.sqes + stats.fallbacks;
}

static bool releases(const struct row *row)
{
	return strncmp(row->name, "close", 5) == 0;
}

static int run_cancelled_call(void *world)
{
	struct coil_scope scope;
	uint64_t before;

	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EHOSTDOWN, "a test");
	before = count_operations();
	EXPECT_EQ(current->call(world), releases(current) ? wanted : -EHOSTDOWN);
	EXPECT(releases(current) || count_operations() == before);
	coil_scope_close(&scope);
	return 0;
}

static int run_cancelled_op(void *world)
{
	struct coil_op op = current->op(world);
	struct coil_scope scope;
	uint64_t before;

	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EHOSTDOWN, "a test");
	before = count_operations();
	EXPECT_EQ(coil_op_await(&op), -EHOSTDOWN);
	EXPECT_EQ(coil_gather_ops(&op, 1, 0), -EHOSTDOWN);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_CANCELLED);
	EXPECT_EQ(count_operations(), before);
	coil_scope_close(&scope);
	return 0;
}

static void run_rows(const struct row *rows, size_t count, const char *mask, int instead)
{
	for (size_t i = 0; i < count; i++) {
		current = &rows[i];
		wanted = instead ? instead : current->expected;
		EXPECT_EQ(world_run(mask, false, run_call), 0);
		EXPECT_EQ(world_run(mask, false, run_op), 0);
		EXPECT_EQ(world_run(mask, false, run_cancelled_call), 0);
		EXPECT_EQ(world_run(mask, false, run_cancelled_op), 0);
	}
}

#define RUN(rows, mask, instead) run_rows(rows, sizeof(rows) / sizeof(rows)[0], mask, instead)

TEST(ops_table, files)
{
	RUN(file_rows, "", 0);
}

TEST(ops_table, paths)
{
	RUN(path_rows, "", 0);
}

TEST(ops_table, sockets)
{
	RUN(socket_rows, "", 0);
}

TEST(ops_table, waits)
{
	RUN(wait_rows, "", 0);
}

TEST(ops_table, futexes)
{
	RUN(futex_rows, "", 0);
}

TEST(ops_table, files_by_fallback)
{
	RUN(file_rows, WITHOUT, 0);
}

TEST(ops_table, paths_by_fallback)
{
	RUN(path_rows, WITHOUT, 0);
}

TEST(ops_table, sockets_by_fallback)
{
	RUN(socket_rows, WITHOUT, 0);
}

TEST(ops_table, waits_by_fallback)
{
	RUN(wait_rows, WITHOUT, 0);
}

TEST(ops_table, files_as_on_the_oldest_kernel)
{
	RUN(file_rows, "all", 0);
}

TEST(ops_table, sockets_as_on_the_oldest_kernel)
{
	RUN(socket_rows, "all", 0);
}

TEST(ops_table, waits_as_on_the_oldest_kernel)
{
	RUN(wait_rows, "all", 0);
}

static void run_direct(const struct row *rows, size_t count, const char *mask)
{
	are_direct = true;
	for (size_t i = 0; i < count; i++) {
		current = &rows[i];
		wanted = current->expected;
		EXPECT_EQ(world_run(mask, false, run_call), 0);
		EXPECT_EQ(world_run(mask, false, run_op), 0);
	}
	are_direct = false;
}

#define RUN_DIRECT(rows, mask) run_direct(rows, sizeof(rows) / sizeof(rows)[0], mask)

TEST(ops_table, files_on_direct_descriptors)
{
	NEED_DIRECT();
	RUN_DIRECT(file_rows, NULL);
	RUN_DIRECT(file_rows, WITHOUT);
}

TEST(ops_table, paths_on_direct_descriptors)
{
	NEED_DIRECT();
	RUN_DIRECT(path_rows, NULL);
}

TEST(ops_table, sockets_on_direct_descriptors)
{
	NEED_DIRECT();
	RUN_DIRECT(socket_rows, NULL);
	RUN_DIRECT(socket_rows, WITHOUT);
}

TEST(ops_table, waits_on_direct_descriptors)
{
	NEED_DIRECT();
	RUN_DIRECT(wait_rows, NULL);
	RUN_DIRECT(wait_rows, WITHOUT);
}

TEST(ops_table, futexes_have_no_fallback)
{
	RUN(futex_rows, "6.6", -ENOSYS);
}
