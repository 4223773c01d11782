/* SPDX-License-Identifier: MIT */
/* Datagrams: UDP and unix, one and many, with descriptors, cancels and closes. */
#include "net/rig.h"
#include "support/udp_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static int send_receive(void *arg)
{
	struct coil_udp_stats stats = {.size = sizeof stats};
	struct coil_udp *pair[2];
	struct coil_address from;
	char text[COIL_ADDRESS_TEXT];
	char peer[COIL_ADDRESS_TEXT];
	char buf[16];
	static char huge[1 << 20];

	(void)arg;
	udp_pair_open(pair, 0);
	EXPECT_EQ(coil_udp_send(pair[0], "hello", 5), 5);
	EXPECT_EQ(coil_udp_recv_from(pair[1], buf, sizeof buf, &from), 5);
	EXPECT_EQ(coil_address_text(&from, text, sizeof text), 0);
	EXPECT_EQ(coil_udp_peer(pair[1], peer, sizeof peer), 0);
	EXPECT_EQ(strcmp(text, peer), 0);
	EXPECT_EQ(coil_udp_send(pair[0], "", 0), 0);
	EXPECT_EQ(coil_udp_recv(pair[1], buf, sizeof buf), 0);
	EXPECT_EQ(coil_udp_send(pair[0], "too long for it", 15), 15);
	EXPECT_EQ(coil_udp_recv(pair[1], buf, 8), -EMSGSIZE);
	EXPECT_EQ(memcmp(buf, "too long", 8), 0);
	EXPECT_EQ(coil_udp_stats(pair[1], &stats), 0);
	EXPECT_EQ(stats.received, 3);
	EXPECT_EQ(stats.truncated, 1);
	EXPECT_EQ(coil_udp_connect(pair[0], NULL), 0);
	EXPECT_EQ(coil_udp_send(pair[0], "x", 1), -EDESTADDRREQ);
	EXPECT_EQ(coil_udp_send(pair[1], huge, sizeof huge), -EMSGSIZE);
	stats.size = 0;
	EXPECT_EQ(coil_udp_stats(pair[1], &stats), -EINVAL);
	udp_pair_close(pair);
	return 0;
}

TEST(udp, a_datagram_goes_and_comes)
{
	RUN(send_receive);
}

static int all_addresses(void *arg)
{
	struct coil_udp_message message = {.buf = (char[4]){0}, .len = 2};
	struct coil_address to;
	struct coil_address from;
	struct coil_udp *any;
	struct coil_udp *four;
	char text[COIL_ADDRESS_TEXT];
	int port;

	(void)arg;
	EXPECT_EQ(coil_udp_open(&any, NULL, 0, NULL), 0);
	EXPECT_EQ(coil_udp_open(&four, "127.0.0.1", 0, NULL), 0);
	port = coil_udp_local_address(any, &to);
	EXPECT_GT(port, 0);
	EXPECT_EQ(coil_address_parse(&to, "127.0.0.1", port), 0);
	EXPECT_EQ(coil_udp_send_to(four, "abc", 3, &to), 3);
	message.address = &from;
	EXPECT_EQ(coil_udp_recv_message(any, &message), 2);
	EXPECT_EQ(message.flags, COIL_UDP_TRUNCATED);
	EXPECT_EQ(message.whole, 3);
	/* Told as IPv4, and answered as such. */
	EXPECT_EQ(from.storage.ss_family, AF_INET);
	EXPECT_EQ(coil_udp_send_to(any, "back", 4, &from), 4);
	EXPECT_EQ(coil_udp_recv(four, message.buf, 4), 4);
	EXPECT_EQ(coil_address_text(&from, text, 4), -ENOSPC);
	from.bytes = 0;
	EXPECT_EQ(coil_udp_send_to(any, "x", 1, &from), -EINVAL);
	EXPECT_EQ(coil_address_text(&from, text, sizeof text), -EOPNOTSUPP);
	EXPECT_EQ(coil_address_parse(&to, "::1", 1), 0);
	EXPECT_EQ(coil_udp_send_to(four, "x", 1, &to), -EAFNOSUPPORT);
	coil_udp_close(any);
	coil_udp_close(four);
	return 0;
}

TEST(udp, a_socket_of_all_addresses_speaks_ipv4)
{
	RUN(all_addresses);
}

static int wrong(void *arg)
{
	struct coil_udp_options options = {.size = sizeof options, .flags = 1u << 30};
	struct coil_udp_message message = {.buf = "x", .len = 1, .fds = &(struct coil_fds){0}};
	struct coil_address address;
	struct coil_udp *udp = NULL;
	struct coil_udp *other = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int port;

	(void)arg;
	EXPECT_EQ(coil_udp_open(&udp, "127.0.0.1", 0, &options), -EINVAL);
	options = (struct coil_udp_options){.flags = 0};
	EXPECT_EQ(coil_udp_open(&udp, "127.0.0.1", 0, &options), -EINVAL);
	EXPECT_EQ(coil_udp_open(&udp, "127.0.0.1", 65536, NULL), -EINVAL);
	EXPECT_EQ(coil_udp_open(&udp, "192.0.2.1", 0, NULL), -EADDRNOTAVAIL);
	EXPECT_EQ(coil_udp_from_fd(&udp, fd), -EPROTOTYPE);
	EXPECT_EQ(coil_udp_from_fd(&udp, -1), -EBADF);
	close(fd);
	EXPECT(udp == NULL);
	EXPECT_EQ(coil_udp_open(&udp, "127.0.0.1", 0, NULL), 0);
	port = coil_udp_local_address(udp, &address);
	EXPECT_EQ(coil_udp_open(&other, "127.0.0.1", port, NULL), -EADDRINUSE);
	EXPECT_EQ(coil_udp_send_many(udp, &message, 1), -EINVAL);
	EXPECT_EQ(coil_udp_recv_many(udp, &message, 1), -EINVAL);
	EXPECT_EQ(coil_udp_recv_many(udp, &message, 0), 0);
	message.fds->count = 1;
	EXPECT_EQ(coil_udp_send_message(udp, &message), -EOPNOTSUPP);
	message.fds = NULL;
	EXPECT_EQ(coil_udp_send_segments(udp, &message), -EINVAL);
	message.segment = 65508;
	EXPECT_EQ(coil_udp_send_segments(udp, &message), -EMSGSIZE);
	EXPECT_EQ(coil_address_parse(&address, "localhost", 1), -EINVAL);
	EXPECT_EQ(coil_address_unix(&address, ""), -EINVAL);
	coil_udp_close(udp);
	coil_udp_close(NULL);
	return 0;
}

TEST(udp, says_what_is_wrong)
{
	RUN_REAL(wrong);
}

static int many(void *arg)
{
	struct coil_udp_message out[100];
	struct coil_udp_message in[40];
	unsigned char bytes[100];
	unsigned char room[40][8];
	struct coil_udp *pair[2];
	int next = 0;

	(void)arg;
	udp_pair_open(pair, 0);
	memset(out, 0, sizeof out);
	memset(in, 0, sizeof in);
	for (int i = 0; i < 100; i++) {
		bytes[i] = (unsigned char)i;
		out[i].buf = &bytes[i];
		out[i].len = 1;
	}
	EXPECT_EQ(coil_udp_send_many(pair[0], out, 100), 100);
	for (int round = 0; next < 100 && round < 100; round++) {
		int n;

		for (int i = 0; i < 40; i++)
			in[i] = (struct coil_udp_message){.buf = room[i], .len = 8};
		n = coil_udp_recv_many(pair[1], in, 40);
		EXPECT_GT(n, 0);
		for (int i = 0; i < n; i++) {
			EXPECT_EQ(in[i].result, 1);
			EXPECT_EQ(*(unsigned char *)in[i].buf, next++);
		}
	}
	EXPECT_EQ(next, 100);
	udp_pair_close(pair);
	return 0;
}

TEST(udp, many_in_one_submission)
{
	RUN(many);
}

static int segments(void *arg)
{
	static unsigned char out[200 * 1000 + 10];
	static unsigned char in[1 << 16];
	struct coil_udp_message message = {.buf = out, .len = sizeof out, .segment = 1000};
	struct coil_udp_stats stats = {.size = sizeof stats};
	bool is_joined = arg != NULL;
	struct coil_udp *pair[2];
	size_t got = 0;

	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (unsigned char)(i * 7);
	udp_pair_open(pair, is_joined ? COIL_UDP_GRO : 0);
	/* In portions that fit the receiver's buffer. */
	for (size_t at = 0; at < sizeof out; at += 50000) {
		size_t left = sizeof out - at;
		size_t len = left < 50000 ? left : 50000;

		message.buf = out + at;
		message.len = len;
		EXPECT_EQ(coil_udp_send_segments(pair[0], &message), (int)len);
		while (len > 0) {
			struct coil_udp_message part = {.buf = in, .len = sizeof in};
			int n = coil_udp_recv_message(pair[1], &part);

			EXPECT_GT(n, 0);
			if (n <= 0)
				break;
			EXPECT_EQ(memcmp(in, out + got, (size_t)n), 0);
			if (n > 1000)
				EXPECT_EQ(part.segment, 1000);
			got += (size_t)n;
			len -= (size_t)n;
		}
	}
	EXPECT_EQ(got, sizeof out);
	EXPECT_EQ(coil_udp_stats(pair[0], &stats), 0);
	EXPECT_EQ(stats.sent, 201);
	EXPECT_EQ(stats.sent_bytes, sizeof out);
	udp_pair_close(pair);
	return 0;
}

TEST(udp, a_buffer_goes_as_segments)
{
	RUN(segments);
	ASSERT_EQ(coil_run(segments, "joined"), 0);
}

static int receives(void *arg)
{
	char buf[8];

	return coil_udp_recv(arg, buf, sizeof buf);
}

static int receives_many(void *arg)
{
	char buf[4][8];
	struct coil_udp_message in[4];

	memset(in, 0, sizeof in);
	for (int i = 0; i < 4; i++) {
		in[i].buf = buf[i];
		in[i].len = 8;
	}
	return coil_udp_recv_many(arg, in, 4);
}

static int ends(void *arg)
{
	struct coil_task *tasks[4];
	struct coil_udp *pair[2];
	struct coil_scope scope;

	(void)arg;
	udp_pair_open(pair, 0);
	EXPECT_EQ(coil_timeout(5 * COIL_MSEC, receives, pair[0]), -ETIME);
	EXPECT_EQ(coil_timeout(5 * COIL_MSEC, receives_many, pair[0]), -ETIME);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, "test");
	EXPECT_EQ(receives(pair[0]), -ECANCELED);
	EXPECT_EQ(receives_many(pair[0]), -ECANCELED);
	EXPECT_EQ(coil_udp_send(pair[0], "x", 1), -ECANCELED);
	coil_scope_close(&scope);
	/* A datagram that came before the cancel is the result. */
	tasks[0] = coil_spawn(receives, pair[0]);
	coil_yield();
	EXPECT_EQ(coil_udp_send(pair[1], "x", 1), 1);
	coil_cancel(tasks[0]);
	EXPECT_GT(coil_join(tasks[0]), -ETIME);
	for (int i = 0; i < 4; i++)
		tasks[i] = coil_spawn(i % 2 ? receives_many : receives, pair[0]);
	coil_sleep(COIL_MSEC);
	coil_udp_close(pair[0]);
	for (int i = 0; i < 4; i++)
		EXPECT(coil_join(tasks[i]) == -EPIPE);
	coil_udp_close(pair[1]);
	return 0;
}

TEST(udp, a_close_and_a_cancel_end_waits)
{
	RUN(ends);
}

#ifndef TEST_SANITIZED
static int closes_twice(void *arg)
{
	struct coil_udp *udp;

	(void)arg;
	EXPECT_EQ(coil_udp_open(&udp, "127.0.0.1", 0, NULL), 0);
	coil_udp_close(udp);
	coil_udp_close(udp);
	return 0;
}

TEST_SIGNAL(udp, closing_twice_is_misuse, SIGABRT, "was it closed before")
{
	coil_run(closes_twice, NULL);
}
#endif

/* -- Unix -------------------------------------------------------------------------------------- */

static int send_pipe(struct coil_udp *from, struct coil_udp *to)
{
	int fds[2];
	int got[4] = {-1, -1, -1, -1};
	struct coil_fds out = {.fds = fds, .count = 2};
	struct coil_fds in = {.fds = got, .room = 4};
	struct coil_udp_message message = {.buf = "fds", .len = 3, .fds = &out};
	char buf[4];

	EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
	EXPECT_EQ(coil_udp_send_message(from, &message), 3);
	message = (struct coil_udp_message){.buf = buf, .len = sizeof buf, .fds = &in};
	EXPECT_EQ(coil_udp_recv_message(to, &message), 3);
	EXPECT_EQ(in.count, 2);
	EXPECT_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(write(got[1], "x", 1), 1);
	EXPECT_EQ(read(fds[0], buf, 1), 1);
	close(got[0]);
	close(got[1]);
	/* Room for one of the two: none is left open. */
	message = (struct coil_udp_message){.buf = "fds", .len = 3, .fds = &out};
	EXPECT_EQ(coil_udp_send_message(from, &message), 3);
	in.room = 1;
	message = (struct coil_udp_message){.buf = buf, .len = sizeof buf, .fds = &in};
	EXPECT_EQ(coil_udp_recv_message(to, &message), 3);
	EXPECT_EQ(in.count, 0);
	EXPECT_EQ(in.flags, COIL_FDS_TRUNCATED);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int unixgrams(void *arg)
{
	const char *path = rig_path("gram");
	struct coil_udp *named;
	struct coil_udp *other;
	struct coil_address to;
	struct coil_address from;
	char text[COIL_ADDRESS_TEXT];
	char buf[8];

	(void)arg;
	EXPECT_EQ(coil_unixgram_open(&named, path, NULL), 0);
	EXPECT_EQ(coil_unixgram_open(&other, path, NULL), -EADDRINUSE);
	EXPECT_EQ(access(path, F_OK), 0);
	snprintf(text, sizeof text, "@coil-gram-%d", (int)getpid());
	EXPECT_EQ(coil_unixgram_open(&other, text, NULL), 0);
	EXPECT_EQ(coil_address_unix(&to, path), 0);
	EXPECT_EQ(coil_udp_send(other, "x", 1), -ENOTCONN);
	EXPECT_EQ(coil_udp_send_to(other, "hello", 5, &to), 5);
	EXPECT_EQ(coil_udp_recv_from(named, buf, sizeof buf, &from), 5);
	EXPECT_EQ(coil_udp_send_to(named, "back", 4, &from), 4);
	EXPECT_EQ(coil_udp_recv(other, buf, sizeof buf), 4);
	EXPECT_EQ(coil_udp_connect(other, &to), 0);
	send_pipe(other, named);
	coil_udp_close(named);
	EXPECT_EQ(access(path, F_OK), -1);
	EXPECT_EQ(coil_udp_send(other, "x", 1), -ECONNREFUSED);
	coil_udp_close(other);
	return 0;
}

TEST(unixgram, names_answers_and_descriptors)
{
	RUN_REAL(unixgrams);
}

static int accepts(void *arg)
{
	struct coil_udp *connection;
	int rc = coil_seqpacket_accept(arg, &connection);

	if (rc == 0)
		coil_udp_close(connection);
	return rc;
}

static int seqpackets(void *arg)
{
	const char *path = rig_path("seq");
	struct coil_credentials who;
	struct coil_udp *listener;
	struct coil_udp *pair[2];
	struct coil_task *task;
	char buf[8];

	(void)arg;
	EXPECT_EQ(coil_seqpacket_connect(&pair[0], path, NULL), -ENOENT);
	EXPECT_EQ(coil_seqpacket_listen(&listener, NULL, NULL), -EINVAL);
	EXPECT_EQ(coil_seqpacket_listen(&listener, path, NULL), 0);
	EXPECT_EQ(coil_seqpacket_connect(&pair[0], path, NULL), 0);
	EXPECT_EQ(coil_seqpacket_accept(listener, &pair[1]), 0);
	EXPECT_EQ(coil_udp_send(pair[0], "one", 3), 3);
	EXPECT_EQ(coil_udp_send(pair[0], "three", 5), 5);
	EXPECT_EQ(coil_udp_recv(pair[1], buf, sizeof buf), 3);
	EXPECT_EQ(coil_udp_recv(pair[1], buf, 2), -EMSGSIZE);
	EXPECT_EQ(coil_udp_peer_credentials(pair[1], &who), 0);
	EXPECT_EQ(who.pid, (int)getpid());
	EXPECT_EQ(who.uid, getuid());
	send_pipe(pair[0], pair[1]);
	coil_udp_close(pair[0]);
	EXPECT_EQ(coil_udp_recv(pair[1], buf, sizeof buf), 0);
	EXPECT_EQ(coil_udp_send(pair[1], "x", 1), -EPIPE);
	coil_udp_close(pair[1]);
	task = coil_spawn(accepts, listener);
	coil_yield();
	EXPECT_EQ(coil_timeout(COIL_MSEC, accepts, listener), -ETIME);
	coil_udp_close(listener);
	EXPECT_EQ(coil_join(task), -EPIPE);
	return 0;
}

TEST(seqpacket, messages_in_order_with_credentials)
{
	RUN_REAL(seqpackets);
}

static int stream_fds(void *arg)
{
	struct rig_pair pair;
	struct coil_credentials who;
	int got[3] = {-1, -1, -1};
	int sent[3] = {0, 1, 2};
	struct coil_fds out = {.fds = sent, .count = 3};
	struct coil_fds in = {.fds = got, .room = 3};
	char buf[8];

	(void)arg;
	rig_unix_pair(&pair);
	EXPECT_EQ(coil_stream_send_fds(pair.a, "", 0, &out), -EINVAL);
	EXPECT_EQ(coil_stream_send_fds(pair.a, "hello", 5, &out), 5);
	EXPECT_EQ(coil_stream_recv_fds(pair.b, buf, sizeof buf, &in), 5);
	EXPECT_EQ(in.count, 3);
	for (unsigned i = 0; i < in.count; i++) {
		EXPECT_EQ(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		close(got[i]);
	}
	EXPECT_EQ(coil_stream_send_fds(pair.a, "hello", 5, &out), 5);
	in.room = 2;
	EXPECT_EQ(coil_stream_recv_fds(pair.b, buf, sizeof buf, &in), 5);
	EXPECT_EQ(in.count, 0);
	EXPECT_EQ(in.flags, COIL_FDS_TRUNCATED);
	EXPECT_EQ(coil_stream_send_fds(pair.a, "hello", 5, &out), 5);
	EXPECT_EQ(coil_stream_read(pair.b, buf, sizeof buf), 5);
	EXPECT_EQ(coil_stream_write(pair.a, "plain", 5), 5);
	EXPECT_EQ(coil_stream_recv_fds(pair.b, buf, sizeof buf, &in), 5);
	EXPECT_EQ(in.count, 0);
	EXPECT_EQ(in.flags, 0);
	sent[1] = -1;
	EXPECT_EQ(coil_stream_send_fds(pair.a, "x", 1, &out), -EBADF);
	out.count = COIL_FDS_MAX + 1;
	EXPECT_EQ(coil_stream_send_fds(pair.a, "x", 1, &out), -EINVAL);
	EXPECT_EQ(coil_stream_peer_credentials(pair.a, &who), 0);
	EXPECT_EQ(who.pid, (int)getpid());
	rig_close(&pair);
	rig_tcp_pair(&pair);
	EXPECT_EQ(coil_stream_peer_credentials(pair.a, &who), -EOPNOTSUPP);
	EXPECT_EQ(coil_stream_recv_fds(pair.b, buf, sizeof buf, &in), -EOPNOTSUPP);
	rig_close(&pair);
	return 0;
}

TEST(fds, travel_with_a_stream)
{
	RUN_REAL(stream_fds);
}
