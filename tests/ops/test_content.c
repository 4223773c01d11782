/* SPDX-License-Identifier: MIT */
/* What the calls write back: bytes, addresses, sizes, descriptors; natively and by fallback. */
#include "support/test.h"

#include "loop/loop.h"
#include "ops/world.h"

#include <coil.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUTEXES (struct futex_waitv *)(void *)w->futexes
#define PRIVATE_U32 (2 | 128)

static int move_bytes(void *world)
{
	struct world *w = world;
	struct iovec iov[2] = {{w->buf, 2}, {w->buf + 8, 3}};

	EXPECT_EQ(coil_read(w->file, w->buf, 4), 4);
	EXPECT_MEM_EQ(w->buf, "0123", 4);
	EXPECT_EQ(coil_readv(w->file, iov, 2), 5);
	EXPECT_MEM_EQ(w->buf, "45", 2);
	EXPECT_MEM_EQ(w->buf + 8, "678", 3);
	EXPECT_EQ(coil_pread(w->file, w->buf, 2, 1), 2);
	EXPECT_MEM_EQ(w->buf, "12", 2);
	EXPECT_EQ(coil_write(w->file, "x", 1), 1);
	EXPECT_EQ(coil_pwrite(w->file, "yz", 2, 0), 2);
	EXPECT_EQ(coil_preadv(w->file, iov, 2, 0), 5);
	EXPECT_MEM_EQ(w->buf, "yz", 2);
	EXPECT_EQ(coil_pread(w->file, w->buf, 64, 8), 2);
	EXPECT_MEM_EQ(w->buf, "8x", 2);
	return 0;
}

TEST(ops_content, reads_and_writes_move_their_bytes)
{
	EXPECT_EQ(world_run("", false, move_bytes), 0);
}

static int move_fixed_bytes(void *world)
{
	struct world *w = world;
	struct iovec buffer = {w->buf, 16};
	struct iovec odd[2] = {{NULL, 0}, {NULL, 16}};

	EXPECT_EQ(coil_memory_unregister(), -ENXIO);
	EXPECT_EQ(coil_memory_register(&buffer, 0), -EINVAL);
	EXPECT_EQ(coil_memory_register(&buffer, 16385), -EINVAL);
	EXPECT_EQ(coil_memory_register(odd, 2), -EFAULT);
	EXPECT_EQ(coil_read_fixed(w->file, w->buf, 4, 0, 0), -EFAULT);
	EXPECT_EQ(coil_memory_register(&buffer, 1), 0);
	EXPECT_EQ(coil_memory_register(&buffer, 1), -EBUSY);
	EXPECT_EQ(coil_read_fixed(w->file, w->buf, 4, 2, 0), 4);
	EXPECT_MEM_EQ(w->buf, "2345", 4);
	EXPECT_EQ(coil_write_fixed(w->file, w->buf, 2, 0, 0), 2);
	EXPECT_EQ(coil_read(w->file, w->buf + 8, 4), 4);
	EXPECT_MEM_EQ(w->buf + 8, "2323", 4);
	EXPECT_EQ(coil_write_fixed(w->tcp[0], w->buf + 8, 4, -1, 0), 4);
	EXPECT_EQ(coil_read_fixed(w->tcp[1], w->buf, 4, -1, 0), 4);
	EXPECT_MEM_EQ(w->buf, "2323", 4);
	EXPECT_EQ(coil_read_fixed(w->file, w->buf, 17, 0, 0), -EFAULT);
	EXPECT_EQ(coil_write_fixed(w->file, w->buf, 1, 0, 1), -EFAULT);
	EXPECT_EQ(coil_memory_unregister(), 0);
	EXPECT_EQ(coil_write_fixed(w->file, w->buf, 1, 0, 0), -EFAULT);
	/* The loop's end lets go of it, too. */
	EXPECT_EQ(coil_memory_register(odd, 1), 0);
	return 0;
}

TEST(ops_content, registered_buffers_move_their_bytes)
{
	EXPECT_EQ(world_run("", false, move_fixed_bytes), 0);
}

static int write_broken(void *world)
{
	struct world *w = world;
	struct coil_op op = coil_op_write(w->broken, "x", 1, -1);

	EXPECT_EQ(coil_write(w->broken, "x", 1), -EPIPE);
	EXPECT_EQ(coil_op_await(&op), -EPIPE);
	EXPECT_EQ(coil_send(w->fresh, "x", 1, 0), -EPIPE);
	return 0;
}

TEST(ops_content, a_write_without_readers_fails_and_raises_nothing)
{
	sigset_t pending;

	EXPECT_EQ(world_run("", false, write_broken), 0);
	/* What was held back in the loop's thread is not left behind. */
	sigpending(&pending);
	EXPECT(!sigismember(&pending, SIGPIPE));
}

static int change_files(void *world)
{
	struct world *w = world;
	struct statx found = {.stx_size = 99};

	EXPECT_EQ(coil_ftruncate(w->file, 7), 0);
	EXPECT_EQ(coil_statx(w->file, "", AT_EMPTY_PATH, STATX_SIZE, &found), 0);
	EXPECT_EQ(found.stx_size, 7);
	EXPECT_EQ(coil_fallocate(w->file, 0, 0, 8192), 0);
	EXPECT_EQ(coil_statx(w->dirfd, "file", 0, STATX_SIZE, &found), 0);
	EXPECT_EQ(found.stx_size, 8192);
	EXPECT_EQ(coil_mkdirat(w->dirfd, "newdir", 0500), 0);
	EXPECT_EQ(coil_statx(w->dirfd, "newdir", 0, STATX_MODE, &found), 0);
	EXPECT_EQ(found.stx_mode, S_IFDIR | 0500);
	EXPECT_EQ(coil_symlinkat("file", w->dirfd, "soft"), 0);
	EXPECT_EQ(coil_statx(w->dirfd, "soft", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &found), 0);
	EXPECT_EQ(found.stx_mode & S_IFMT, S_IFLNK);
	EXPECT_EQ(found.stx_size, 4);
	EXPECT_EQ(coil_statx(w->dirfd, "soft", 0, STATX_SIZE, &found), 0);
	EXPECT_EQ(found.stx_size, 8192);
	EXPECT_EQ(coil_linkat(w->dirfd, "file", w->dirfd, "link", 0), 0);
	EXPECT_EQ(coil_statx(w->dirfd, "file", 0, STATX_NLINK, &found), 0);
	EXPECT_EQ(found.stx_nlink, 2);
	EXPECT_EQ(coil_renameat(w->dirfd, "link", w->dirfd, "new"), 0);
	EXPECT_EQ(coil_statx(w->dirfd, "new", 0, STATX_SIZE, &found), 0);
	EXPECT_EQ(coil_unlinkat(w->dirfd, "new", 0), 0);
	EXPECT_EQ(coil_statx(w->dirfd, "new", 0, STATX_SIZE, &found), -ENOENT);
	return 0;
}

TEST(ops_content, files_and_paths_change)
{
	EXPECT_EQ(world_run("", false, change_files), 0);
	EXPECT_EQ(world_run("6.1", false, change_files), 0);
}

static int use_attributes(void *world)
{
	struct world *w = world;

	EXPECT_EQ(coil_fsetxattr(w->file, "user.color", "blue", 4, 0), 0);
	EXPECT_EQ(coil_fgetxattr(w->file, "user.color", NULL, 0), 4);
	EXPECT_EQ(coil_fgetxattr(w->file, "user.color", w->buf, 2), -ERANGE);
	EXPECT_EQ(coil_fgetxattr(w->file, "user.color", w->buf, 64), 4);
	EXPECT_MEM_EQ(w->buf, "blue", 4);
	EXPECT_EQ(coil_setxattr(w->dir, "user.size", "large", 5, 1), 0);
	EXPECT_EQ(coil_setxattr(w->dir, "user.size", "large", 5, 1), -EEXIST);
	EXPECT_EQ(coil_getxattr(w->dir, "user.size", w->buf, 64), 5);
	EXPECT_MEM_EQ(w->buf, "large", 5);
	return 0;
}

TEST(ops_content, attributes_keep_their_values)
{
	EXPECT_EQ(world_run("", false, use_attributes), 0);
}

static int exchange_datagrams(void *world)
{
	struct world *w = world;
	struct sockaddr_in *from = (struct sockaddr_in *)&w->from;
	struct sockaddr_in sender;
	socklen_t bytes = sizeof sender;

	world_calls()->getsockname(w->udp[0], (struct sockaddr *)&sender, &bytes);
	EXPECT_EQ(coil_recvfrom(w->udp[1], w->buf, 64, 0, (struct sockaddr *)from, &w->from_bytes),
		  5);
	EXPECT_MEM_EQ(w->buf, "hello", 5);
	EXPECT_EQ(w->from_bytes, sizeof sender);
	EXPECT_EQ(from->sin_port, sender.sin_port);
	EXPECT_EQ(coil_sendto(w->udp[0], "abcd", 4, 0, (struct sockaddr *)&w->udp_address,
			      sizeof w->udp_address),
		  4);
	memset(&w->from, 0, sizeof w->from);
	EXPECT_EQ(coil_recvmsg(w->udp[1], &w->in, 0), 4);
	EXPECT_MEM_EQ(w->buf, "abc", 3);
	EXPECT_EQ(w->buf[8], 'd');
	EXPECT_EQ(w->in.msg_namelen, sizeof sender);
	EXPECT_EQ(from->sin_port, sender.sin_port);
	EXPECT_EQ(coil_sendmsg(w->udp[0], &w->out, 0), 6);
	EXPECT_EQ(coil_recvfrom(w->udp[1], w->buf, 2, MSG_TRUNC, NULL, NULL), 6);
	return 0;
}

TEST(ops_content, datagrams_come_with_their_sender)
{
	EXPECT_EQ(world_run("", false, exchange_datagrams), 0);
}

static int set_up_sockets(void *world)
{
	struct world *w = world;
	struct sockaddr_in found;
	socklen_t bytes = sizeof found;
	int value = 0;
	int fd;

	fd = coil_accept4(w->listener, (struct sockaddr *)&found, &bytes, SOCK_CLOEXEC);
	EXPECT_GE(fd, 0);
	EXPECT_EQ(bytes, sizeof found);
	EXPECT_EQ(found.sin_family, AF_INET);
	EXPECT_EQ(world_calls()->fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
	EXPECT_EQ(coil_close(fd), 0);
	bytes = sizeof value;
	EXPECT_EQ(coil_setsockopt(w->tcp[0], IPPROTO_TCP, TCP_NODELAY, &w->one, sizeof w->one), 0);
	EXPECT_EQ(coil_getsockopt(w->tcp[0], IPPROTO_TCP, TCP_NODELAY, &value, &bytes), 0);
	EXPECT_EQ(value, 1);
	EXPECT_EQ(bytes, sizeof value);
	EXPECT_EQ(coil_getsockopt(w->pair[0], SOL_SOCKET, SO_TYPE, &value, &bytes), 0);
	EXPECT_EQ(value, SOCK_STREAM);
	EXPECT_EQ(coil_listen(w->bound, 3), 0);
	bytes = sizeof found;
	EXPECT_EQ(world_calls()->getsockname(w->bound, (struct sockaddr *)&found, &bytes), 0);
	EXPECT_EQ(coil_connect(w->fresh, (struct sockaddr *)&found, sizeof found), 0);
	EXPECT_EQ(coil_shutdown(w->fresh, SHUT_WR), 0);
	fd = coil_accept4(w->bound, NULL, NULL, 0);
	EXPECT_EQ(world_calls()->fcntl(fd, F_GETFD, 0), 0);
	EXPECT_EQ(coil_recv(fd, w->buf, 1, 0), 0);
	EXPECT_EQ(coil_close(fd), 0);
	return 0;
}

TEST(ops_content, sockets_are_set_up)
{
	EXPECT_EQ(world_run("", false, set_up_sockets), 0);
	EXPECT_EQ(world_run("6.1", false, set_up_sockets), 0);
}

static int read_option_by_op(void *world)
{
	struct world *w = world;
	int value = 0;
	struct coil_op op =
		coil_op_getsockopt(w->pair[0], SOL_SOCKET, SO_TYPE, &value, sizeof value);

	EXPECT_EQ(coil_op_await(&op), sizeof value);
	EXPECT_EQ(value, SOCK_STREAM);
	return 0;
}

TEST(ops_content, an_options_length_is_the_operations_result)
{
	EXPECT_EQ(world_run("", false, read_option_by_op), 0);
}

static int wait_for_child(void *world)
{
	struct world *w = world;
	siginfo_t found;

	memset(&found, 0, sizeof found);
	EXPECT_EQ(coil_waitid(P_PID, (uint32_t)w->child, &found, WEXITED | WNOWAIT), 0);
	EXPECT_EQ(found.si_pid, w->child);
	EXPECT_EQ(found.si_status, 7);
	memset(&found, 0, sizeof found);
	EXPECT_EQ(coil_waitid(P_PIDFD, (uint32_t)w->child_pidfd, &found, WEXITED), 0);
	EXPECT_EQ(found.si_code, CLD_EXITED);
	EXPECT_EQ(coil_waitid(P_PID, (uint32_t)w->child, &found, WEXITED), -ECHILD);
	return 0;
}

TEST(ops_content, a_child_is_waited_for)
{
	EXPECT_EQ(world_run("", false, wait_for_child), 0);
	EXPECT_EQ(world_run("6.6", false, wait_for_child), 0);
}

static int kill_later(void *world)
{
	struct world *w = world;

	coil_sleep(2 * COIL_MSEC);
	world_kill(w);
	return 0;
}

static int wait_for_killed(void *world)
{
	struct world *w = world;
	struct coil_task *task = coil_spawn(kill_later, w);
	siginfo_t found;

	EXPECT_EQ(coil_waitid(P_PID, (uint32_t)w->child, &found, WEXITED | WNOHANG), 0);
	EXPECT_EQ(found.si_pid, 0);
	EXPECT_EQ(coil_waitid(P_PID, (uint32_t)w->child, &found, WEXITED), 0);
	EXPECT_EQ(found.si_code, CLD_KILLED);
	return coil_join(task);
}

TEST(ops_content, a_child_that_is_killed_meanwhile_is_reaped)
{
	EXPECT_EQ(world_run("", true, wait_for_killed), 0);
	EXPECT_EQ(world_run("6.6", true, wait_for_killed), 0);
}

static int use_pipe(void *world)
{
	struct world *w = world;
	int fds[2];

	EXPECT_EQ(coil_pipe(fds, O_CLOEXEC | O_NONBLOCK), 0);
	EXPECT_EQ(world_calls()->fcntl(fds[0], F_GETFD, 0), FD_CLOEXEC);
	EXPECT_EQ(coil_write(fds[1], "pipe", 4), 4);
	EXPECT_EQ(coil_tee(fds[0], w->empty[1], 64, 0), 4);
	EXPECT_EQ(coil_splice(fds[0], -1, w->file, 2, 64, 0), 4);
	EXPECT_EQ(coil_pread(w->file, w->buf, 64, 0), 10);
	EXPECT_MEM_EQ(w->buf, "01pipe6789", 10);
	EXPECT_EQ(coil_close(fds[1]), 0);
	EXPECT_EQ(coil_read(fds[0], w->buf, 64), 0);
	EXPECT_EQ(coil_close(fds[0]), 0);
	return 0;
}

TEST(ops_content, a_pipe_carries_bytes)
{
	EXPECT_EQ(world_run("", false, use_pipe), 0);
	EXPECT_EQ(world_run("6.1", false, use_pipe), 0);
}

static int send_later(void *world)
{
	struct world *w = world;

	coil_sleep(COIL_MSEC);
	return coil_send(w->pair[1], "x", 1, 0);
}

static int wait_for_events(void *world)
{
	struct world *w = world;
	struct coil_task *task = coil_spawn(send_later, w);

	memset(w->events, 0, sizeof w->events);
	EXPECT_EQ(coil_epoll_wait(w->idle_epoll, w->events, 4), 1);
	EXPECT_EQ(w->events[0].data.u64, 42);
	EXPECT_EQ(coil_epoll_ctl(w->idle_epoll, EPOLL_CTL_DEL, w->pair[0], NULL), 0);
	EXPECT_EQ(coil_epoll_ctl(w->idle_epoll, EPOLL_CTL_DEL, w->pair[0], NULL), -ENOENT);
	return coil_join(task);
}

TEST(ops_content, epoll_reports_its_events)
{
	EXPECT_EQ(world_run("", false, wait_for_events), 1);
	EXPECT_EQ(world_run("6.1", false, wait_for_events), 1);
}

static int wait_on_word(void *world)
{
	struct world *w = world;

	return coil_futex_wait(&w->word, 0, UINT32_MAX, PRIVATE_U32);
}

static int wait_on_words(void *world)
{
	struct world *w = world;

	return coil_futex_waitv(FUTEXES, 2);
}

static int wake_waiters(void *world)
{
	struct world *w = world;
	struct coil_task *one = coil_spawn(wait_on_word, w);
	struct coil_task *several;
	int rc;

	coil_sleep(COIL_MSEC);
	EXPECT_EQ(coil_futex_wake(&w->word, UINT32_MAX, 8, PRIVATE_U32), 1);
	EXPECT_EQ(coil_join(one), 0);
	several = coil_spawn(wait_on_words, w);
	coil_sleep(COIL_MSEC);
	EXPECT_GE(coil_futex_wake(&w->word, UINT32_MAX, 8, PRIVATE_U32), 1);
	rc = coil_join(several);
	EXPECT(rc == 0 || rc == 1);
	return 0;
}

TEST(ops_content, futexes_wake_each_other)
{
	EXPECT_EQ(world_run("", false, wake_waiters), 0);
}

static int close_spare(void *world)
{
	struct world *w = world;
	struct coil_scope scope;

	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_close(w->spare), 0);
	EXPECT_EQ(world_calls()->fcntl(w->spare, F_GETFD, 0), -EBADF);
	w->spare = -1;
	EXPECT_EQ(coil_scope_close(&scope), 0);
	return 0;
}

TEST(ops_content, close_works_in_a_cancelled_scope)
{
	EXPECT_EQ(world_run("", false, close_spare), 0);
}

static int count_fallbacks(void *world)
{
	struct world *w = world;
	struct coil_stats stats = {.size = sizeof stats};
	uint64_t before;

	coil_stats(&stats);
	before = stats.fallbacks;
	EXPECT_EQ(coil_ftruncate(w->file, 3), 0);
	coil_stats(&stats);
	return (int)(stats.fallbacks - before);
}

TEST(ops_content, the_environment_can_mask_an_operation)
{
	NEEDS_KERNEL();
	setenv("COIL_KERNEL_MASK", "op:ftruncate", 1);
	EXPECT_EQ(world_run(NULL, false, count_fallbacks), 1);
	unsetenv("COIL_KERNEL_MASK");
}

static int gather_mixed(void *world)
{
	struct world *w = world;
	struct coil_op ops[] = {
		coil_op_read(w->file, w->buf, 4, 0),
		coil_op_recv(w->ready[0], w->buf + 8, 8, 0),
		coil_op_ftruncate(w->file, 20),
		coil_op_send_zc(w->tcp[0], "hello", 5, 0),
		coil_op_recv(w->tcp[1], w->buf + 16, 5, MSG_WAITALL),
	};
	static const int wanted[] = {4, 5, 0, 5, 5};

	EXPECT_EQ(coil_gather_ops(ops, 5, 0), 0);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(coil_future_result(&ops[i].future), wanted[i]);
	EXPECT_MEM_EQ(w->buf, "0123", 4);
	EXPECT_MEM_EQ(w->buf + 8, "hello", 5);
	EXPECT_MEM_EQ(w->buf + 16, "hello", 5);
	return 0;
}

TEST(ops_content, a_gather_mixes_what_is_there_and_what_is_not)
{
	EXPECT_EQ(world_run("", false, gather_mixed), 0);
	EXPECT_EQ(world_run("6.1", false, gather_mixed), 0);
}
