/* SPDX-License-Identifier: MIT */
/* What stands above the socket calls: listeners with several tasks, streams that receive by many
 * messages, datagrams, direct descriptors, parked connections, pools. */
#include "scenario.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define PIECE 1500

/* Of any scope, so that one that fails ends too. */
static int in_time(int (*entry)(void *arg), void *arg)
{
	return coil_timeout(1 + pick_time(20 * COIL_MSEC), entry, arg);
}

/* -- accept --------------------------------------------------------------------------------------
 */

#define ACCEPTORS 4
#define VISITORS 12

struct house {
	struct coil_listener *listener;
	char port[8];
	unsigned accepted;
	unsigned connected;
};

static int accept_once(void *arg)
{
	struct house *house = arg;
	struct coil_stream *stream;
	int rc = coil_accept(house->listener, &stream);

	if (rc < 0)
		return rc;
	house->accepted++;
	if (pick_one_in(2))
		coil_stream_write(stream, "x", 1);
	if (pick_one_in(3))
		doze(pick_time(COIL_MSEC));
	coil_stream_close(stream);
	return 0;
}

static int accept_some(void *arg)
{
	struct house *house = arg;

	for (unsigned n = coil_sim_pick(8); n > 0 && house->listener; n--) {
		int rc = pick_one_in(2) ? accept_once(arg) : in_time(accept_once, arg);

		if (rc == -EPIPE || rc == -ECANCELED)
			break;
	}
	return 0;
}

static int visit_house(void *arg)
{
	struct house *house = arg;
	struct coil_stream *stream;
	char byte;

	doze(pick_time(COIL_MSEC));
	if (coil_connect_tcp(&stream, pick_one_in(2) ? "127.0.0.1" : "localhost", house->port,
			     NULL) < 0)
		return 0;
	house->connected++;
	if (pick_one_in(3))
		coil_stream_read(stream, &byte, 1);
	coil_stream_close(stream);
	return 0;
}

static int visit_in_time(void *arg)
{
	in_time(visit_house, arg);
	return 0;
}

int scenario_accept(void *arg)
{
	struct coil_task *acceptors[ACCEPTORS];
	struct coil_listener *listener;
	struct coil_group group;
	struct house house = {0};

	(void)arg;
	house.listener = scenario_listen(house.port, pick_one_in(2) ? 1 + coil_sim_pick(3) : 0);
	if (!house.listener)
		return 0;
	for (int i = 0; i < ACCEPTORS; i++)
		acceptors[i] = coil_spawn(accept_some, &house);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < VISITORS; i++)
		coil_go(&group, visit_in_time, &house);
	for (int i = 0; i < ACCEPTORS; i++) {
		doze(pick_time(COIL_MSEC));
		if (acceptors[i] && pick_one_in(3))
			coil_cancel(acceptors[i]);
	}
	listener = house.listener;
	house.listener = NULL;
	coil_listener_close(listener);
	coil_group_close(&group);
	for (int i = 0; i < ACCEPTORS; i++)
		if (acceptors[i])
			coil_join(acceptors[i]);
	HOLDS(house.accepted <= VISITORS);
	return 0;
}

/* -- receive -------------------------------------------------------------------------------------
 */

#define LEASES 3

/* A connection: bytes one way, read in all the ways that there are. */
struct pipe_line {
	struct coil_stream *ends[2];
	uint64_t sent;
	uint64_t got;
	bool has_failed;	/* to send */
	bool has_ended;		/* the reader saw the end */
};

/* Now, or later. */
static int send_piece(struct coil_stream *stream, const unsigned char *bytes, size_t len)
{
	int rc;

	if (pick_one_in(2))
		return coil_stream_write(stream, bytes, len);
	rc = coil_stream_put(stream, bytes, len);
	if (rc == 0 && pick_one_in(4))
		rc = pick_one_in(2) ? coil_stream_drain(stream) : coil_stream_flush(stream);
	return rc < 0 ? rc : (int)len;
}

/* What was put may fail only now; then the reader must not wait for the rest. */
static void finish_line(struct pipe_line *line)
{
	if (coil_stream_shutdown(line->ends[0]) == 0)
		return;
	line->has_failed = true;
	coil_shutdown(coil_stream_fd(line->ends[0]), SHUT_WR);
}

static int send_line(void *arg)
{
	struct pipe_line *line = arg;
	unsigned char bytes[PIECE];

	for (unsigned n = 1 + coil_sim_pick(40); n > 0; n--) {
		size_t len = 1 + coil_sim_pick(pick_one_in(8) ? PIECE : 60);
		int rc;

		fill_bytes(bytes, len, line->sent);
		rc = send_piece(line->ends[0], bytes, len);
		line->sent += rc > 0 ? (uint64_t)rc : 0;
		line->has_failed = rc != (int)len;
		if (line->has_failed)
			break;
		if (pick_one_in(3))
			doze(pick_time(100 * COIL_USEC));
	}
	finish_line(line);
	return 0;
}

static int take_bytes(struct pipe_line *line, const unsigned char *bytes, int rc)
{
	if (rc <= 0)
		return rc;
	HOLDS(are_bytes(bytes, (size_t)rc, line->got));
	line->got += (uint64_t)rc;
	return rc;
}

static int read_leased(struct pipe_line *line)
{
	struct coil_lease lease;
	int rc = coil_stream_read_lease(line->ends[1], &lease);

	if (rc <= 0)
		return rc;
	HOLDS((size_t)rc == lease.bytes);
	take_bytes(line, lease.data, rc);
	if (pick_one_in(4))
		doze(pick_time(COIL_MSEC));
	coil_lease_release(&lease);
	return rc;
}

static int look_ahead(struct pipe_line *line)
{
	const void *ahead;
	int rc = coil_stream_peek(line->ends[1], 1 + coil_sim_pick(50), &ahead);

	if (rc <= 0)
		return rc;
	HOLDS(are_bytes(ahead, (size_t)rc, line->got));
	if (pick_one_in(2)) {
		size_t count = coil_sim_pick((unsigned)rc + 1);

		coil_stream_skip(line->ends[1], count);
		line->got += count;
	}
	return rc;
}

/* Some of what was read goes back. */
static int read_and_return(struct pipe_line *line)
{
	unsigned char bytes[PIECE];
	int rc = take_bytes(line, bytes, coil_stream_read(line->ends[1], bytes, sizeof bytes));
	size_t back = rc > 0 ? coil_sim_pick((unsigned)rc + 1) : 0;

	if (back > 0 && coil_stream_unread(line->ends[1], bytes + (size_t)rc - back, back) == 0)
		line->got -= back;
	else if (back > 0)
		return -ENOMEM;
	return rc;
}

/* To the first byte of a kind. What cannot be had is left for others to read. */
static int read_through(struct pipe_line *line)
{
	const char separator[2] = {(char)(1 + coil_sim_pick(255)), 0};
	unsigned char bytes[PIECE];
	int rc = coil_stream_read_until(line->ends[1], bytes, sizeof bytes, separator);

	if (rc <= 0)
		return rc == -ENODATA || rc == -EMSGSIZE ? 1 : rc;
	HOLDS(memchr(bytes, separator[0], (size_t)rc) == bytes + rc - 1);
	return take_bytes(line, bytes, rc);
}

static int read_somehow(void *arg)
{
	struct pipe_line *line = arg;
	unsigned char bytes[PIECE];
	size_t len = 1 + coil_sim_pick(PIECE);
	int rc;

	switch (coil_sim_pick(8)) {
	case 0:
	case 1:
		return read_leased(line);
	case 2:
		return look_ahead(line);
	case 3:
		return read_and_return(line);
	case 4:
		return read_through(line);
	case 5:
		rc = coil_stream_read_exactly(line->ends[1], bytes, len);
		HOLDS(rc < 0 || rc == (int)len);
		return rc == -ENODATA ? 1 : take_bytes(line, bytes, rc);
	default:
		return take_bytes(line, bytes, coil_stream_read(line->ends[1], bytes, len));
	}
}

static int read_line(void *arg)
{
	struct pipe_line *line = arg;
	int rc = 1;

	while (line->ends[1] && (rc > 0 || rc == -ETIME)) {
		if (pick_one_in(6))
			coil_stream_set_receive(line->ends[1], (int)coil_sim_pick(3));
		if (!line->ends[1])
			break;
		rc = pick_one_in(3) ? in_time(read_somehow, line) : read_somehow(line);
		if (rc == 1 && pick_one_in(3))
			doze(pick_time(COIL_MSEC));
	}
	line->has_ended = rc == 0;
	return 0;
}

struct meeting {
	struct coil_listener *listener;
	struct coil_stream *stream;
};

static int meet(void *arg)
{
	struct meeting *meeting = arg;

	return coil_accept(meeting->listener, &meeting->stream);
}

/* Without memory an accept waits for ever. */
static bool connect_line(struct pipe_line *line)
{
	char port[8];
	struct meeting meeting = {.listener = scenario_listen(port, 0)};
	bool is_there = false;

	if (!meeting.listener)
		return false;
	if (coil_connect_tcp(&line->ends[0], "127.0.0.1", port, NULL) == 0) {
		is_there = coil_timeout(1000 * COIL_SEC, meet, &meeting) == 0;
		line->ends[1] = meeting.stream;
		if (!is_there)
			coil_stream_close(line->ends[0]);
	}
	coil_listener_close(meeting.listener);
	return is_there;
}

/* One that nobody reads for a while, one that is closed under its reader: to each its own. */
static int run_line(void *arg)
{
	struct pipe_line *line = arg;
	struct coil_task *sender, *reader;
	struct coil_stream *read_end;

	if (!connect_line(line))
		return 0;
	sender = coil_spawn(send_line, line);
	if (!sender)
		finish_line(line);
	if (pick_one_in(2))
		doze(pick_time(10 * COIL_MSEC));
	reader = coil_spawn(read_line, line);
	if (pick_one_in(5)) {
		doze(pick_time(COIL_MSEC));
		read_end = line->ends[1];
		line->ends[1] = NULL;
		coil_stream_close(read_end);
	}
	if (reader)
		coil_join(reader);
	coil_stream_close(line->ends[1]);
	if (sender)
		coil_join(sender);
	HOLDS(line->got <= line->sent || line->has_failed);
	HOLDS(!line->has_ended || line->has_failed || line->got == line->sent);
	coil_stream_close(line->ends[0]);
	return 0;
}

#define LINES 10

int scenario_receive(void *arg)
{
	struct pipe_line lines[LINES] = {0};
	struct coil_group group;

	(void)arg;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (unsigned n = 1 + coil_sim_pick(LINES); n > 0; n--)
		coil_go(&group, run_line, &lines[n - 1]);
	coil_group_close(&group);
	return 0;
}

/* -- udp -----------------------------------------------------------------------------------------
 */

#define UDP_READERS 3
#define UDP_ROOM 1200

/* Datagram: its length in two bytes, then the pattern. */
static void check_datagram(const unsigned char *bytes, int n, uint32_t whole)
{
	HOLDS(n >= 2 && (uint32_t)n <= whole);
	HOLDS((uint32_t)(bytes[0] << 8 | bytes[1]) == whole);
	HOLDS(are_bytes(bytes + 2, (size_t)n - 2, whole));
}

static int receive_many(struct coil_udp *udp)
{
	struct coil_udp_message in[3];
	unsigned char room[3][UDP_ROOM];
	int n;

	for (int i = 0; i < 3; i++)
		in[i] = (struct coil_udp_message){.buf = room[i], .len = UDP_ROOM};
	n = coil_udp_recv_many(udp, in, 1 + coil_sim_pick(3));
	for (int i = 0; i < n; i++)
		check_datagram(in[i].buf, in[i].result, in[i].whole);
	return n;
}

static int receive_datagram(void *arg)
{
	unsigned char large[8000], room[UDP_ROOM];
	struct coil_udp_message message = {.buf = room, .len = 2 + coil_sim_pick(UDP_ROOM - 2)};
	int n;

	if (pick_one_in(3))
		return receive_many(arg);
	if (pick_one_in(20)) {
		message.buf = large;
		message.len = sizeof large;
	}
	n = coil_udp_recv_message(arg, &message);
	if (n >= 0)
		check_datagram(message.buf, n, message.whole);
	return n;
}

static int receive_datagrams(void *arg)
{
	struct coil_udp **udp = arg;
	int rc = 0;

	while (*udp && rc != -EPIPE && rc != -ECANCELED && rc != -ENOMEM) {
		if (pick_one_in(10))
			rc = coil_udp_set_receive(*udp, (int)coil_sim_pick(3));
		if (*udp && rc != -EPIPE)
			rc = pick_one_in(3) ? in_time(receive_datagram, *udp) :
					      receive_datagram(*udp);
	}
	return 0;
}

static void send_datagrams(struct coil_udp *udp, const struct coil_address *to)
{
	unsigned char bytes[UDP_ROOM];

	for (unsigned n = coil_sim_pick(60); n > 0; n--) {
		size_t len = 2 + coil_sim_pick(UDP_ROOM - 2);
		int rc;

		bytes[0] = (unsigned char)(len >> 8);
		bytes[1] = (unsigned char)len;
		fill_bytes(bytes + 2, len - 2, len);
		rc = coil_udp_send_to(udp, bytes, len, to);
		HOLDS(rc < 0 || rc == (int)len);
		if (pick_one_in(4))
			doze(pick_time(COIL_MSEC));
	}
}

int scenario_udp(void *arg)
{
	struct coil_udp_options options = {.size = sizeof options,
					   .flags = pick_one_in(2) ? COIL_UDP_GRO : 0};
	struct coil_task *readers[UDP_READERS];
	unsigned count = 1 + coil_sim_pick(UDP_READERS);
	struct coil_udp *pair[2], *receiver;
	struct coil_address to;

	(void)arg;
	if (coil_udp_open(&pair[0], "127.0.0.1", 0, &options) < 0)
		return 0;
	if (coil_udp_open(&pair[1], "127.0.0.1", 0, NULL) < 0) {
		coil_udp_close(pair[0]);
		return 0;
	}
	receiver = pair[0];
	coil_udp_local_address(pair[0], &to);
	for (unsigned i = 0; i < count; i++)
		readers[i] = coil_spawn(receive_datagrams, &receiver);
	send_datagrams(pair[1], &to);
	if (readers[0] && pick_one_in(2))
		coil_cancel(readers[0]);
	doze(pick_time(10 * COIL_MSEC));
	receiver = NULL;
	coil_udp_close(pair[0]);
	for (unsigned i = 0; i < count; i++)
		if (readers[i])
			coil_join(readers[i]);
	coil_udp_close(pair[1]);
	return 0;
}
