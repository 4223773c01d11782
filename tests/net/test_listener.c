/* SPDX-License-Identifier: MIT */
/* Listeners: TCP and unix; accept in every weather. */
#define TEST_TIMEOUT_S 120
#include "net/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_and_connect(const char *host, const char *target)
{
	struct coil_listener *listener;
	struct coil_stream *a, *b;
	int rc = coil_listen_tcp(&listener, host, 0, NULL);

	if (rc < 0)
		return rc;
	EXPECT_GT(coil_listener_port(listener), 0);
	EXPECT_EQ(fcntl(coil_listener_fd(listener), F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(coil_connect_tcp(&a, target, rig_port(listener), NULL), 0);
	EXPECT_EQ(coil_accept(listener, &b), 0);
	EXPECT_EQ(fcntl(coil_stream_fd(b), F_GETFD), FD_CLOEXEC);
	coil_listener_close(listener);
	/* The streams live on. */
	EXPECT_EQ(coil_stream_write(a, "x", 1), 1);
	EXPECT_EQ(rig_read_all(b, &(char){0}, 1), 0);
	coil_stream_close(a);
	coil_stream_close(b);
	return 0;
}

static int hosts(void *arg)
{
	(void)arg;
	EXPECT_EQ(listen_and_connect("127.0.0.1", "127.0.0.1"), 0);
	EXPECT_EQ(listen_and_connect(NULL, "127.0.0.1"), 0);
	return 0;
}

TEST(listener, takes_addresses_and_all)
{
	RUN_REAL(hosts);
}

static int names(void *arg)
{
	(void)arg;
	return listen_and_connect("localhost", "localhost");
}

TEST(listener, takes_names)
{
	rig_need_localhost();
	RUN_REAL(names);
}

static int refusals(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options, .backlog = -1};
	struct coil_listener *listener = NULL, *second = NULL;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", -1, NULL), -EINVAL);
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 65536, NULL), -EINVAL);
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), -EINVAL);
	options.backlog = 0;
	options.flags = 1u << 30;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), -EINVAL);
	options.size = 0;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), -EINVAL);
	EXPECT_EQ(coil_listen_tcp(&listener, "203.0.113.1", 0, NULL), -EADDRNOTAVAIL);
	EXPECT_LT(coil_listen_tcp(&listener, "no such host.invalid", 0, NULL), 0);
	EXPECT(listener == NULL);
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_listen_tcp(&second, "127.0.0.1", coil_listener_port(listener), NULL),
		  -EADDRINUSE);
	coil_listener_close(listener);
	coil_listener_close(NULL);
	return 0;
}

TEST(listener, says_what_is_wrong)
{
	RUN(refusals);
}

static int reuse_port(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options,
					      .flags = COIL_LISTEN_REUSE_PORT};
	struct coil_listener *first, *second;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&first, "127.0.0.1", 0, &options), 0);
	EXPECT_EQ(coil_listen_tcp(&second, "127.0.0.1", coil_listener_port(first), &options), 0);
	coil_listener_close(second);
	coil_listener_close(first);
	return 0;
}

TEST(listener, may_share_its_port)
{
	RUN(reuse_port);
}

/* -- Unix sockets ------------------------------------------------------------------------------ */

static int unix_round(const char *path)
{
	struct coil_listener *listener, *second;
	struct coil_stream *a, *b;
	char name[COIL_ADDRESS_TEXT];

	EXPECT_EQ(coil_listen_unix(&listener, path, NULL), 0);
	EXPECT_EQ(coil_listener_port(listener), -EOPNOTSUPP);
	/* Somebody listens: nothing is removed. */
	EXPECT_EQ(coil_listen_unix(&second, path, NULL), -EADDRINUSE);
	EXPECT_EQ(coil_connect_unix(&a, path, NULL), 0);
	EXPECT_EQ(coil_accept(listener, &b), 0);
	/* The probe of the second listener was accepted first, where there is a file. */
	if (path[0] != '@') {
		EXPECT_EQ(coil_stream_read(b, name, 1), 0);
		coil_stream_close(b);
		EXPECT_EQ(coil_accept(listener, &b), 0);
	}
	EXPECT_EQ(coil_stream_peer(a, name, sizeof name), 0);
	EXPECT_STR_EQ(name, path);
	EXPECT_EQ(coil_stream_write(a, "x", 1), 1);
	EXPECT_EQ(rig_read_all(b, name, 1), 0);
	coil_stream_close(a);
	coil_stream_close(b);
	coil_listener_close(listener);
	EXPECT_LT(coil_connect_unix(&a, path, NULL), 0);
	return 0;
}

static int unix_sockets(void *arg)
{
	const char *path = rig_path("socket");
	char abstract[64];
	struct stat found;

	(void)arg;
	unix_round(path);
	EXPECT_EQ(stat(path, &found), -1);
	snprintf(abstract, sizeof abstract, "@coil-net-%d", (int)getpid());
	unix_round(abstract);
	return 0;
}

TEST(listener, unix_sockets_with_a_file_and_without)
{
	RUN(unix_sockets);
}

static int permissions(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options, .mode = 0660};
	const char *path = rig_path("mode");
	struct coil_listener *listener;
	struct statx found;

	(void)arg;
	EXPECT_EQ(coil_listen_unix(&listener, path, &options), 0);
	EXPECT_EQ(coil_statx(AT_FDCWD, path, 0, STATX_MODE, &found), 0);
	EXPECT_EQ(found.stx_mode & 07777, 0660);
	coil_listener_close(listener);
	options.mode = 01000;
	EXPECT_EQ(coil_listen_unix(&listener, path, &options), -EINVAL);
	EXPECT_EQ(coil_statx(AT_FDCWD, path, 0, STATX_MODE, &found), -ENOENT);
	options.mode = 0600;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), -EINVAL);
	return 0;
}

TEST(listener, a_unix_sockets_file_has_the_permissions_asked_for)
{
	RUN(permissions);
}

static int stale_path(void *arg)
{
	const char *path = rig_path("stale");
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct coil_listener *listener;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	/* What a server that died leaves behind. */
	snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	close(fd);
	EXPECT_EQ(coil_listen_unix(&listener, path, NULL), 0);
	coil_listener_close(listener);
	/* A file is somebody's. */
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	EXPECT_EQ(coil_listen_unix(&listener, path, NULL), -EADDRINUSE);
	EXPECT_EQ(unlink(path), 0);
	return 0;
}

TEST(listener, removes_a_dead_socket_and_nothing_else)
{
	RUN_REAL(stale_path);
}

static int bad_paths(void *arg)
{
	struct coil_listener *listener;
	struct coil_stream *stream;
	char longest[120];

	(void)arg;
	memset(longest, 'x', sizeof longest);
	longest[108] = '\0';
	EXPECT_EQ(coil_listen_unix(&listener, longest, NULL), -ENAMETOOLONG);
	EXPECT_EQ(coil_connect_unix(&stream, longest, NULL), -ENAMETOOLONG);
	EXPECT_EQ(coil_listen_unix(&listener, "", NULL), -EINVAL);
	EXPECT_EQ(coil_connect_unix(&stream, "", NULL), -EINVAL);
	EXPECT_EQ(coil_listen_unix(&listener, "/no/such/folder/socket", NULL), -ENOENT);
	EXPECT_EQ(coil_connect_unix(&stream, "/no/such/folder/socket", NULL), -ENOENT);
	EXPECT_EQ(coil_connect_unix(&stream, "/", NULL), -ECONNREFUSED);
	return 0;
}

TEST(listener, bad_paths)
{
	RUN(bad_paths);
}

/* -- Accept ------------------------------------------------------------------------------------ */

static int accept_ends(void *arg)
{
	struct coil_listener *listener;
	struct coil_task *first, *second;
	struct coil_stream *stream;
	struct coil_scope scope;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, rig_accept_one, listener), -ETIME);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, "test");
	EXPECT_EQ(coil_accept(listener, &stream), -ECANCELED);
	coil_scope_close(&scope);
	first = coil_spawn(rig_accept_one, listener);
	coil_sleep(COIL_MSEC);
	/* The connection wins over the cancel. */
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", rig_port(listener), NULL), 0);
	coil_cancel(first);
	EXPECT_EQ(coil_join(first), 0);
	coil_stream_close(stream);
	/* A close by another task ends all. */
	first = coil_spawn(rig_accept_one, listener);
	second = coil_spawn(rig_accept_one, listener);
	coil_sleep(COIL_MSEC);
	coil_listener_close(listener);
	EXPECT_EQ(coil_join(first), -EPIPE);
	EXPECT_EQ(coil_join(second), -EPIPE);
	return 0;
}

TEST(listener, accepts_end_by_cancel_deadline_and_close)
{
	RUN(accept_ends);
}

/* Opens descriptors until there are no more; the highest one, which is given back, is returned. */
static int use_up_fds(void)
{
	int last = -1;
	int fd;

	while ((fd = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0)
		last = fd;
	return last;
}

struct shortage {
	struct coil_listener *listener;
	struct coil_stream *accepted;
	int64_t took_ns;
};

static int accept_into(void *arg)
{
	struct shortage *s = arg;
	int64_t start = coil_now();
	int rc = coil_accept(s->listener, &s->accepted);

	s->took_ns = coil_now() - start;
	return rc;
}

static int emfile(void *arg)
{
	struct coil_stats before = {.size = sizeof before}, after = {.size = sizeof after};
	struct shortage s;
	struct coil_stream *clients[2], *first;
	struct coil_task *task;
	int last;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&s.listener, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_connect_tcp(&clients[0], "127.0.0.1", rig_port(s.listener), NULL), 0);
	EXPECT_EQ(coil_accept(s.listener, &first), 0);
	last = use_up_fds();
	/* One is left, for the client. */
	close(last);
	EXPECT_EQ(coil_connect_tcp(&clients[1], "127.0.0.1", rig_port(s.listener), NULL), 0);
	/* A deadline ends the waiting, and nothing was lost. */
	EXPECT_EQ(coil_timeout(20 * COIL_MSEC, rig_accept_one, s.listener), -ETIME);
	task = coil_spawn(accept_into, &s);
	coil_stats(&before);
	coil_sleep(150 * COIL_MSEC);
	coil_stats(&after);
	EXPECT_EQ(rig_counters(s.listener).pausing, 1);
	EXPECT_GE(rig_counters(s.listener).shortages, 2);
	/* It does not spin. */
	EXPECT_LT(after.turns - before.turns, 30);
	/* A stream of the listener is closed: at once. */
	coil_stream_close(first);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_LT(s.took_ns, COIL_SEC);
	EXPECT_EQ(coil_stream_write(clients[1], "x", 1), 1);
	EXPECT_EQ(rig_read_all(s.accepted, &(char){0}, 1), 0);
	coil_stream_close(s.accepted);
	EXPECT_EQ(last > 0, true);
	for (int i = 0; i < 2; i++)
		coil_stream_close(clients[i]);
	coil_listener_close(s.listener);
	return 0;
}

/* A descriptor that is freed elsewhere is found after the pause. */
static int emfile_elsewhere(void *arg)
{
	struct shortage s;
	struct coil_stream *client;
	struct coil_task *task;
	int last;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&s.listener, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_connect_tcp(&client, "127.0.0.1", rig_port(s.listener), NULL), 0);
	last = use_up_fds();
	task = coil_spawn(accept_into, &s);
	coil_sleep(30 * COIL_MSEC);
	close(last);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_LT(s.took_ns, 2 * COIL_SEC);
	coil_stream_close(s.accepted);
	/* And a close of the listener ends a pause. */
	use_up_fds();
	coil_stream_close(client);
	EXPECT_EQ(coil_connect_tcp(&client, "127.0.0.1", rig_port(s.listener), NULL), 0);
	use_up_fds();
	task = coil_spawn(accept_into, &s);
	coil_sleep(10 * COIL_MSEC);
	coil_listener_close(s.listener);
	EXPECT_EQ(coil_join(task), -EPIPE);
	coil_stream_close(client);
	return 0;
}

/* Runs @entry with few descriptors, and closes those that it has used up. */
static void with_few_fds(int (*entry)(void *))
{
	struct rlimit limit, few;
	int before = test_count_fds() + 40;

	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = (rlim_t)before;
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	EXPECT_EQ(coil_run(entry, NULL), 0);
	setrlimit(RLIMIT_NOFILE, &limit);
}

TEST_LEAKY(listener, b15_2_waits_for_a_descriptor_and_goes_on)
{
	with_few_fds(emfile);
}

TEST_LEAKY(listener, waits_for_a_descriptor_with_single_accepts)
{
	setenv("COIL_KERNEL_MASK", "multishot_accept", 1);
	with_few_fds(emfile);
}

TEST_LEAKY(listener, finds_a_descriptor_that_was_freed_elsewhere)
{
	with_few_fds(emfile_elsewhere);
}

/* -- Many -------------------------------------------------------------------------------------- */

#define RAMP 256

/* ThreadSanitizer has few fibers. */
#ifdef __SANITIZE_THREAD__
#define MANY_MAX 500
#else
#define MANY_MAX 8000
#endif

struct many {
	struct coil_listener *listener;
	struct coil_promise all;
	int connected;
	int wanted;
	int failed;
	char port[8];
};

static int echo_once(void *arg)
{
	char byte;

	if (coil_stream_read(arg, &byte, 1) == 1)
		coil_stream_write(arg, &byte, 1);
	coil_stream_close(arg);
	return 0;
}

static int serve(void *arg)
{
	struct many *many = arg;
	struct coil_stream *stream;
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	while (coil_accept(many->listener, &stream) == 0)
		if (coil_go(&group, echo_once, stream) < 0)
			coil_stream_close(stream);
	return coil_group_close(&group);
}

/* Connects, and holds on until all have. */
static int hold(void *arg)
{
	struct many *many = arg;
	struct coil_stream *stream;
	char byte = 'b';
	int rc = coil_connect_tcp(&stream, "127.0.0.1", many->port, NULL);

	if (++many->connected == many->wanted)
		coil_promise_resolve(&many->all, 0);
	if (rc < 0) {
		many->failed++;
		return rc;
	}
	coil_await(&many->all.future);
	if (coil_stream_write(stream, &byte, 1) != 1 || coil_stream_read(stream, &byte, 1) != 1)
		many->failed++;
	coil_stream_close(stream);
	return 0;
}

static int many_at_once(void *arg)
{
	struct many many = {.connected = 0, .failed = 0};
	struct coil_task *server;
	struct coil_group group;
	struct rlimit limit;

	(void)arg;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	many.wanted = (int)limit.rlim_cur / 2 - 100;
	if (many.wanted > MANY_MAX)
		many.wanted = MANY_MAX;
	EXPECT_EQ(coil_listen_tcp(&many.listener, "127.0.0.1", 0, NULL), 0);
	snprintf(many.port, sizeof many.port, "%s", rig_port(many.listener));
	coil_promise_init(&many.all);
	server = coil_spawn(serve, &many);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < many.wanted; i++) {
		EXPECT_EQ(coil_go(&group, hold, &many), 0);
		/* Not more at a time than a backlog holds, or TCP begins to wait for seconds. */
		while (i - many.connected > RAMP)
			coil_yield();
	}
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(many.connected, many.wanted);
	EXPECT_EQ(many.failed, 0);
	coil_listener_close(many.listener);
	EXPECT_EQ(coil_join(server), 0);
	coil_promise_deinit(&many.all);
	return 0;
}

TEST(listener, thousands_of_connections_at_once)
{
	RUN_REAL(many_at_once);
}

TEST(listener, single_accepts_end_by_cancel_deadline_and_close)
{
	struct coil_options options = {.size = sizeof options, .kernel_mask = "multishot_accept"};

	if (rig_is_simulated())
		SKIP("it has no mask");
	ASSERT_EQ(coil_run_with(&options, accept_ends, NULL), 0);
}
