/* SPDX-License-Identifier: MIT */
/*
 * Direct descriptors: opening, closing, running out of them. That each call takes them is tested
 * with each call (tests/ops).
 */
#include "net/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A listening socket, and where it listens. */
static int listen_there(struct sockaddr_in *ret_address)
{
	socklen_t bytes = sizeof *ret_address;
	int fd = coil_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);
	int normal = coil_install_fd(fd);
	struct coil_listener *free_port;
	int port;

	EXPECT_EQ(coil_listen_tcp(&free_port, "127.0.0.1", 0, NULL), 0);
	port = coil_listener_port(free_port);
	coil_listener_close(free_port);
	memset(ret_address, 0, sizeof *ret_address);
	ret_address->sin_family = AF_INET;
	ret_address->sin_port = htons((uint16_t)port);
	ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_EQ(coil_bind(fd, (struct sockaddr *)ret_address, bytes), 0);
	EXPECT_EQ(coil_listen(fd, 16), 0);
	EXPECT_EQ(coil_close(normal), 0);
	return fd;
}

static int connect_there(const struct sockaddr_in *address)
{
	int fd = coil_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);

	EXPECT_EQ(coil_connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
	return fd;
}

static void close_both(int a, int b)
{
	EXPECT_EQ(coil_close(a), 0);
	EXPECT_EQ(coil_close(b), 0);
}

static void exchange(int a, int b)
{
	char byte = 0;

	EXPECT_EQ(coil_send(a, "x", 1, 0), 1);
	EXPECT_EQ(coil_recv(b, &byte, 1, 0), 1);
	EXPECT_EQ(byte, 'x');
}

/* -- Opening ------------------------------------------------------------------------------------
 */

static int opening(void *arg)
{
	struct sockaddr_in address;
	int listener = listen_there(&address);
	int a = connect_there(&address);
	int b = coil_accept4(listener, NULL, NULL, SOCK_CLOEXEC | COIL_DIRECT);

	(void)arg;
	EXPECT(coil_fd_is_direct(listener) && coil_fd_is_direct(a) && coil_fd_is_direct(b));
	EXPECT_EQ(rig_count_direct(), 3);
	exchange(a, b);
	exchange(b, a);
	close_both(a, b);
	EXPECT_EQ(coil_close(listener), 0);
	EXPECT_EQ(coil_close(listener), -EBADF);
	EXPECT_EQ(coil_close(COIL_DIRECT + 5000), -EBADF);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

TEST(direct, sockets_are_opened_and_accepted)
{
	rig_need_direct();
	RUN(opening);
}

static int open_file(void *arg)
{
	char text[4] = "";
	int dir = coil_openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | COIL_DIRECT, 0);
	int file = coil_openat(dir, "tmp/coil-direct", O_RDWR | O_CREAT | O_TRUNC | COIL_DIRECT,
			       0600);

	(void)arg;
	EXPECT(coil_fd_is_direct(dir) && coil_fd_is_direct(file));
	EXPECT_EQ(coil_pwrite(file, "abc", 3, 0), 3);
	EXPECT_EQ(coil_pread(file, text, 3, 0), 3);
	EXPECT_STR_EQ(text, "abc");
	EXPECT_EQ(coil_openat(dir, "no such file", O_RDONLY | COIL_DIRECT, 0), -ENOENT);
	EXPECT_EQ(rig_count_direct(), 2);
	EXPECT_EQ(coil_unlinkat(dir, "tmp/coil-direct", 0), 0);
	close_both(dir, file);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

TEST(direct, files_are_opened_below_directories)
{
	rig_need_direct();
	if (rig_is_simulated())
		SKIP("there is no /tmp");
	RUN(open_file);
}

/* The slot belongs to the run of the operation, not to the operation. */
static int started_again(void *arg)
{
	struct coil_op op = coil_op_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);
	int fds[3];

	(void)arg;
	for (int i = 0; i < 3; i++) {
		coil_op_start(&op);
		fds[i] = coil_op_await(&op);
		EXPECT(coil_fd_is_direct(fds[i]));
	}
	EXPECT(fds[0] != fds[1] && fds[1] != fds[2]);
	EXPECT_EQ(coil_close(fds[1]), 0);
	coil_op_start(&op);
	EXPECT_EQ(coil_op_await(&op), fds[1]);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_close(fds[i]), 0);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

TEST(direct, an_operation_opens_once_each_time)
{
	rig_need_direct();
	RUN(started_again);
}

static int in_a_chain(void *arg)
{
	struct coil_op steps[2] = {coil_op_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0),
				   coil_op_socket(AF_INET, SOCK_STREAM, 0)};
	int direct = coil_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);
	int first, second;

	(void)arg;
	EXPECT_EQ(coil_chain(steps, 2, 0), 0);
	first = coil_future_result(&steps[0].future);
	second = coil_future_result(&steps[1].future);
	EXPECT(first >= 0 && !coil_fd_is_direct(first));
	steps[0] = coil_op_nop();
	steps[1] = coil_op_close(direct);
	EXPECT_EQ(coil_chain(steps, 2, 0), 0);
	EXPECT_EQ(rig_count_direct(), 0);
	close_both(first, second);
	return 0;
}

TEST(direct, a_chain_opens_normally_and_closes_both)
{
	rig_need_direct();
	RUN(in_a_chain);
}

static int losers(void *arg)
{
	struct sockaddr_in address;
	int listener = listen_there(&address);
	struct coil_op socket = coil_op_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);
	struct coil_op accept = coil_op_accept4(listener, NULL, NULL, COIL_DIRECT);
	struct coil_future *both[] = {&accept.future, &socket.future};
	int client;

	(void)arg;
	/* One that pends is cancelled: its place is free again. */
	EXPECT_EQ(rig_count_direct(), 1);
	coil_op_start(&accept);
	EXPECT_EQ(rig_count_direct(), 2);
	EXPECT_EQ(coil_op_cancel(&accept), 0);
	EXPECT_EQ(coil_op_await(&accept), -ECANCELED);
	EXPECT_EQ(rig_count_direct(), 1);
	/* One that loses a race with what it opened: closed. */
	client = connect_there(&address);
	coil_op_start(&accept);
	coil_op_start(&socket);
	coil_sleep(1 * COIL_MSEC);
	EXPECT_EQ(coil_race(both, 2), 0);
	EXPECT_EQ(rig_count_direct(), 3);
	close_both(coil_future_result(&accept.future), client);
	EXPECT_EQ(coil_close(listener), 0);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

TEST(direct, what_nobody_takes_is_closed)
{
	rig_need_direct();
	RUN(losers);
}

/* -- Out of the table ---------------------------------------------------------------------------
 */

static int installed(void *arg)
{
	int direct = coil_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);
	int normal = coil_install_fd(direct);
	int twin = coil_install_fd(normal);
	int again = coil_direct_fd(direct);
	struct rlimit limit, few;

	(void)arg;
	EXPECT_EQ(fcntl(normal, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(fcntl(twin, F_GETFD), FD_CLOEXEC);
	EXPECT(coil_fd_is_direct(again) && again != direct);
	EXPECT_EQ(rig_count_direct(), 2);
	EXPECT_EQ(coil_install_fd(-1), -EBADF);
	EXPECT_EQ(coil_install_fd(COIL_DIRECT + 99), -EBADF);
	EXPECT_EQ(coil_direct_fd(-1), -EBADF);
	EXPECT_EQ(coil_direct_fd(COIL_DIRECT + 99), -EBADF);
	close_both(twin, again);
	getrlimit(RLIMIT_NOFILE, &limit);
	few = limit;
	few.rlim_cur = (rlim_t)normal;
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	EXPECT_EQ(coil_install_fd(direct), -EMFILE);
	/* What would need a normal one says so; what does not works. */
	EXPECT_EQ(coil_setsockopt(direct, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 4), -EMFILE);
	again = coil_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);
	EXPECT(coil_fd_is_direct(again));
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	EXPECT_EQ(coil_setsockopt(direct, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 4), 0);
	close_both(direct, again);
	EXPECT_EQ(coil_close(normal), 0);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

TEST(direct, normal_ones_are_made_of_them)
{
	rig_need_direct();
	RUN_REAL(installed);
}

/* Whatever else is under way when one is installed stays under way. */
static int in_the_midst(void *arg)
{
	int direct = coil_socket(AF_INET, SOCK_DGRAM | COIL_DIRECT, 0);
	struct coil_op nops[300], polls[8];
	int normal;

	(void)arg;
	for (int i = 0; i < 8; i++) {
		polls[i] = coil_op_poll(direct, POLLPRI);
		coil_op_start(&polls[i]);
	}
	for (int i = 0; i < 300; i++) { /* more than the submission queue holds */
		nops[i] = coil_op_nop();
		coil_op_start(&nops[i]);
	}
	normal = coil_install_fd(direct);
	EXPECT_GE(normal, 0);
	for (int i = 0; i < 300; i++)
		EXPECT_EQ(coil_op_await(&nops[i]), 0);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(coil_op_cancel(&polls[i]), 0);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(coil_op_await(&polls[i]), -ECANCELED);
	close_both(direct, normal);
	return 0;
}

TEST(direct, installing_disturbs_nobody)
{
	rig_need_direct();
	RUN(in_the_midst);
	rig_run_odd(40, in_the_midst);
}

/* -- Closing ------------------------------------------------------------------------------------
 */

/* As with normal ones: who waits holds the file, and the number is free for the next. */
static int closed_early(void *arg)
{
	struct sockaddr_in address;
	int listener = listen_there(&address);
	int a = connect_there(&address);
	int b = coil_accept4(listener, NULL, NULL, COIL_DIRECT);
	struct coil_op recv;
	char byte = 0;
	int next;

	(void)arg;
	recv = coil_op_recv(b, &byte, 1, 0);
	coil_op_start(&recv);
	coil_sleep(1 * COIL_MSEC);
	EXPECT_EQ(coil_close(b), 0);
	next = coil_socket(AF_INET, SOCK_DGRAM | COIL_DIRECT, 0);
	EXPECT_EQ(next, b);
	EXPECT_EQ(coil_send(a, "x", 1, 0), 1);
	EXPECT_EQ(coil_op_await(&recv), 1);
	EXPECT_EQ(byte, 'x');
	close_both(a, next);
	EXPECT_EQ(coil_close(listener), 0);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

TEST(direct, who_waits_keeps_the_file)
{
	rig_need_direct();
	RUN(closed_early);
}

static int twice_at_once(void *arg)
{
	int fd = coil_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);
	struct coil_op closes[2] = {coil_op_close(fd), coil_op_close(fd)};
	int first, second;

	(void)arg;
	coil_op_start(&closes[0]);
	coil_op_start(&closes[1]);
	first = coil_op_await(&closes[0]);
	second = coil_op_await(&closes[1]);
	EXPECT_EQ(first + second, -EBADF);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

TEST(direct, two_closes_free_one_slot)
{
	rig_need_direct();
	RUN(twice_at_once);
	rig_run_odd(40, twice_at_once);
}

static int inherited_by_nobody(void *arg)
{
	int fds[2];
	int direct;
	char byte;
	pid_t child;

	(void)arg;
	EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
	direct = coil_direct_fd(fds[1]);
	close(fds[1]);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(coil_write(direct, "x", 1), 1);
	EXPECT_EQ(coil_read(fds[0], &byte, 1), 1);
	/* The child has no copy that would keep the pipe open. */
	EXPECT_EQ(coil_close(direct), 0);
	EXPECT_EQ(coil_read(fds[0], &byte, 1), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(fds[0]);
	return 0;
}

TEST(direct, no_child_inherits_them)
{
	rig_need_direct();
	RUN_REAL(inherited_by_nobody);
}

/* What is left open is closed with the loop. */
static int left_open(void *arg)
{
	int *fds = arg;

	EXPECT(coil_fd_is_direct(coil_direct_fd(fds[1])));
	return 0;
}

TEST(direct, the_loop_closes_what_is_left)
{
	int fds[2];

	rig_need_direct();
	if (rig_is_simulated())
		SKIP("the kernel's own");
	ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
	ASSERT_EQ(coil_run(left_open, fds), 0);
	close(fds[1]);
	ASSERT_EQ(read(fds[0], &(char){0}, 1), 0);
	close(fds[0]);
}

/* -- None ---------------------------------------------------------------------------------------
 */

static int full(void *arg)
{
	struct sockaddr_in address;
	int listener = listen_there(&address);
	int client = connect_there(&address);
	int b = coil_accept4(listener, NULL, NULL, COIL_DIRECT);
	int more;

	(void)arg;
	EXPECT(coil_fd_is_direct(listener) && coil_fd_is_direct(client));
	/* The third is a normal one, close-on-exec; the connection is whole. */
	EXPECT(b >= 0 && !coil_fd_is_direct(b));
	if (!coil_sim_active())
		EXPECT_EQ(fcntl(b, F_GETFD), FD_CLOEXEC);
	exchange(client, b);
	EXPECT_EQ(coil_direct_fd(b), -ENFILE);
	EXPECT_EQ(coil_close(client), 0);
	more = coil_direct_fd(b);
	EXPECT_EQ(more, client);
	close_both(b, more);
	EXPECT_EQ(coil_close(listener), 0);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

static int run_with_two(int (*entry)(void *arg))
{
	static const struct coil_options run = {.size = sizeof run, .direct_max = 2};
	struct coil_sim_options sim = {.size = sizeof sim, .seed = 1, .run = &run};

	return rig_is_simulated() ? coil_sim_run(&sim, entry, NULL)
				  : coil_run_with(&run, entry, NULL);
}

TEST(direct, a_full_table_loses_no_connection)
{
	rig_need_direct();
	ASSERT_EQ(run_with_two(full), 0);
}

static int limited(void *arg)
{
	struct rlimit limit, few;
	int fds[3];

	(void)arg;
	getrlimit(RLIMIT_NOFILE, &limit);
	few = limit;
	few.rlim_cur = 2;
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 3; i++)
		fds[i] = coil_direct_fd(0);
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	EXPECT(coil_fd_is_direct(fds[0]) && coil_fd_is_direct(fds[1]));
	EXPECT_EQ(fds[2], -ENFILE);
	close_both(fds[0], fds[1]);
	return 0;
}

TEST(direct, there_are_no_more_than_files_may_be)
{
	rig_need_direct();
	RUN_REAL(limited);
}

static int none(void *arg)
{
	int fd = coil_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);
	int copy = coil_install_fd(fd);

	(void)arg;
	EXPECT(fd >= 0 && !coil_fd_is_direct(fd));
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(coil_direct_fd(fd), -EOPNOTSUPP);
	EXPECT_EQ(coil_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 4), 0);
	/* What is none at all. */
	EXPECT_EQ(coil_close(COIL_DIRECT), -EBADF);
	EXPECT_EQ(coil_recv(COIL_DIRECT, &(char){0}, 1, 0), -EBADF);
	EXPECT_EQ(coil_setsockopt(COIL_DIRECT, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 4), -EBADF);
	close_both(fd, copy);
	return 0;
}

TEST(direct, normal_ones_stand_for_them)
{
	static const char *const masks[] = {"direct", "6.6", "all", "op:fixed_fd_install",
					    "op:socket,direct"};
	struct coil_options options = {.size = sizeof options, .off = COIL_NO_DIRECT};

	if (rig_is_simulated())
		SKIP("it has no mask");
	ASSERT_EQ(coil_run_with(&options, none, NULL), 0);
	options.off = 0;
	for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
		options.kernel_mask = masks[i];
		ASSERT_EQ(coil_run_with(&options, none, NULL), 0);
	}
	options.direct_max = 1048577;
	ASSERT_EQ(coil_run_with(&options, none, NULL), -EINVAL);
}
