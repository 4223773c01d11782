/* SPDX-License-Identifier: MIT */
#include "net/rig.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

bool rig_is_simulated(void)
{
	return getenv("COIL_TEST_SIM") != NULL;
}

int rig_run(int (*entry)(void *arg), void *arg)
{
	static const struct coil_options run = {.size = sizeof run, .stack_bytes = 256u << 10};
	struct coil_sim_options options = {.size = sizeof options, .seed = 1,
					   .descriptors_max = 1u << 20, .run = &run};

	return rig_is_simulated() ? coil_sim_run(&options, entry, arg) : coil_run(entry, arg);
}

const char *rig_port(const struct coil_listener *listener)
{
	static char text[8];

	snprintf(text, sizeof text, "%d", coil_listener_port(listener));
	return text;
}

static int connect_task(void *arg)
{
	struct rig_pair *pair = arg;
	struct coil_listener *listener;
	int rc = coil_listen_tcp(&listener, "127.0.0.1", 0, NULL);

	if (rc < 0)
		return rc;
	rc = coil_connect_tcp(&pair->a, "127.0.0.1", rig_port(listener), NULL);
	if (rc == 0)
		rc = coil_accept(listener, &pair->b);
	coil_listener_close(listener);
	return rc;
}

bool rig_tcp_pair(struct rig_pair *pair)
{
	int rc = connect_task(pair);

	EXPECT_EQ(rc, 0);
	return rc == 0;
}

bool rig_unix_pair(struct rig_pair *pair)
{
	int fds[2];
	int rc = coil_sim_active() ? coil_sim_socketpair(SOCK_STREAM, fds)
				   : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);

	EXPECT_EQ(rc, 0);
	EXPECT_EQ(coil_stream_from_fd(&pair->a, fds[0]), 0);
	EXPECT_EQ(coil_stream_from_fd(&pair->b, fds[1]), 0);
	return rc == 0;
}

bool rig_sim_pair(struct rig_pair *pair)
{
	int fds[2];
	int rc = coil_sim_socketpair(SOCK_STREAM, fds);

	EXPECT_EQ(rc, 0);
	EXPECT_EQ(coil_stream_from_fd(&pair->a, fds[0]), 0);
	EXPECT_EQ(coil_stream_from_fd(&pair->b, fds[1]), 0);
	return rc == 0;
}

void rig_run_odd(unsigned seeds, int (*entry)(void *arg))
{
	const struct coil_options run = {.size = sizeof run, .stack_bytes = 256u << 10};
	struct coil_sim_options options = {
		.size = sizeof options, .profile = COIL_SIM_ODD, .run = &run};

	if (getenv("COIL_DEBUG"))
		SKIP("debug mode");
	for (options.seed = 1; options.seed <= seeds; options.seed++)
		ASSERT_EQ(coil_sim_run(&options, entry, NULL), 0);
}

void rig_close(struct rig_pair *pair)
{
	coil_stream_close(pair->a);
	coil_stream_close(pair->b);
}

const char *rig_path(const char *name)
{
	static char path[100];

	snprintf(path, sizeof path, "/tmp/coil-net-%d-%s", (int)getpid(), name);
	unlink(path);
	return path;
}

int rig_read_all(struct coil_stream *stream, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		int n = coil_stream_read(stream, (char *)buf + got, len - got);

		if (n <= 0)
			return n < 0 ? n : -EPIPE;
		got += (size_t)n;
	}
	return 0;
}

void rig_need_localhost(void)
{
	struct addrinfo *found;
	int rc = getaddrinfo("localhost", NULL, NULL, &found);

	if (rc == 0)
		freeaddrinfo(found);
	else
		SKIP("this machine does not know localhost");
}

unsigned rig_count_direct(void)
{
	struct coil_stats stats = {.size = sizeof stats};

	coil_stats(&stats);
	return (unsigned)stats.direct;
}

static int ask_for_direct(void *arg)
{
	int fd = coil_socket(AF_INET, SOCK_STREAM | COIL_DIRECT, 0);

	*(bool *)arg = coil_fd_is_direct(fd);
	return coil_close(fd);
}

void rig_need_direct(void)
{
	bool has = false;

	ASSERT_EQ(rig_run(ask_for_direct, &has), 0);
	if (!has)
		SKIP("there are no direct descriptors");
}

int rig_accept_one(void *listener)
{
	struct coil_stream *stream;
	int rc = coil_accept(listener, &stream);

	if (rc == 0)
		coil_stream_close(stream);
	return rc;
}

struct coil_listener_stats rig_counters(const struct coil_listener *listener)
{
	struct coil_listener_stats stats = {.size = sizeof stats};

	EXPECT_EQ(coil_listener_stats(listener, &stats), 0);
	return stats;
}
