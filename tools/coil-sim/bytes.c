/* SPDX-License-Identifier: MIT */
/* Bytes from one task to another: none is lost, none comes twice, whatever is interrupted. */
#include "scenario.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define PIECE 3000
#define TOTAL_MAX 40000

/* One direction. */
struct flow {
	int fd;
	uint64_t total;
	uint64_t done;
	bool is_socket;
	bool has_failed;
};

static int write_all(void *arg)
{
	struct flow *flow = arg;
	unsigned char piece[PIECE];

	while (flow->done < flow->total) {
		size_t n = 1 + coil_sim_pick(PIECE);
		int rc;

		n = n < flow->total - flow->done ? n : (size_t)(flow->total - flow->done);
		fill_bytes(piece, n, flow->done);
		rc = flow->is_socket ? coil_send(flow->fd, piece, n, 0)
				     : coil_write(flow->fd, piece, n);
		HOLDS(rc <= (int)n && rc != 0);
		if (rc < 0) {
			flow->has_failed = true;
			break;
		}
		flow->done += (uint64_t)rc;
		if (pick_one_in(4))
			doze(pick_time(100 * COIL_USEC));
	}
	if (flow->is_socket)
		coil_shutdown(flow->fd, SHUT_WR);
	else
		coil_close(flow->fd);
	return 0;
}

static int read_once(void *arg)
{
	struct flow *flow = arg;
	unsigned char piece[PIECE];
	size_t n = 1 + coil_sim_pick(PIECE);
	int rc = flow->is_socket ? coil_recv(flow->fd, piece, n, 0)
				 : coil_read(flow->fd, piece, n);

	if (rc > 0) {
		HOLDS(are_bytes(piece, (size_t)rc, flow->done));
		flow->done += (uint64_t)rc;
	}
	return rc;
}

/* Many reads are cancelled by a short deadline; what had come by then has been counted. */
static int read_all(void *arg)
{
	struct flow *flow = arg;
	int rc;

	do {
		if (pick_one_in(3))
			rc = coil_timeout(pick_time(50 * COIL_USEC), read_once, flow);
		else
			rc = read_once(flow);
	} while (rc > 0 || rc == -ETIME);
	flow->has_failed = rc < 0;
	return 0;
}

static void flow_both(struct flow *from, struct flow *to)
{
	struct coil_task *writer = coil_spawn(write_all, from);
	struct coil_task *reader = coil_spawn(read_all, to);

	if (!writer) {
		from->has_failed = true;
		if (!from->is_socket)
			coil_close(from->fd);
		else
			coil_shutdown(from->fd, SHUT_WR);
	}
	if (reader)
		coil_join(reader);
	else if (writer)
		coil_cancel(writer);
	if (writer)
		coil_join(writer);
	if (!reader)
		return;
	HOLDS(to->done <= from->done);
	if (!from->has_failed && !to->has_failed)
		HOLDS(to->done == from->total);
}

int scenario_pipe(void *arg)
{
	uint64_t total = coil_sim_pick(TOTAL_MAX);
	int fds[2];

	(void)arg;
	if (coil_pipe(fds, 0) < 0)
		return 0;
	flow_both(&(struct flow){.fd = fds[1], .total = total}, &(struct flow){.fd = fds[0]});
	coil_close(fds[0]);
	return 0;
}

struct direction {
	struct flow from;
	struct flow to;
};

static int flow_task(void *arg)
{
	struct direction *direction = arg;

	flow_both(&direction->from, &direction->to);
	return 0;
}

int scenario_stream(void *arg)
{
	struct direction ways[2];
	struct coil_task *task;
	int fds[2];

	(void)arg;
	if (coil_sim_socketpair(SOCK_STREAM, fds) < 0)
		return 0;
	for (int i = 0; i < 2; i++)
		ways[i] = (struct direction){
			.from = {.fd = fds[i], .total = coil_sim_pick(TOTAL_MAX),
				 .is_socket = true},
			.to = {.fd = fds[!i], .is_socket = true},
		};
	task = coil_spawn(flow_task, &ways[0]);
	flow_both(&ways[1].from, &ways[1].to);
	if (task)
		coil_join(task);
	coil_close(fds[0]);
	coil_close(fds[1]);
	return 0;
}

/* -- datagram ------------------------------------------------------------------------------------
 */

#define DATAGRAMS 20
#define DATAGRAM_BYTES 600

/* Datagram i is i + 1 bytes long, times 17, from position i on. */
static int receive_datagrams(void *arg)
{
	unsigned char bytes[DATAGRAM_BYTES];
	int fd = *(int *)arg;
	int n;

	while ((n = coil_recv(fd, bytes, sizeof bytes, 0)) > 0) {
		HOLDS(n % 17 == 0);
		HOLDS(n / 17 >= 1 && n / 17 <= DATAGRAMS);
		HOLDS(are_bytes(bytes, (size_t)n, (uint64_t)(n / 17) - 1));
	}
	return n;
}

static int udp_to(uint16_t port, bool binds)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct sockaddr *name = (const struct sockaddr *)(const void *)&address;
	int fd = coil_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = fd;

	if (fd >= 0)
		rc = binds ? coil_bind(fd, name, sizeof address)
			   : coil_connect(fd, name, sizeof address);
	if (rc < 0 && fd >= 0)
		coil_close(fd);
	return rc < 0 ? rc : fd;
}

/* A pair that loses nothing, or UDP, which may. */
static int datagram_pair(int fds[2])
{
	uint16_t port = (uint16_t)(20000 + coil_task_id(coil_self()) % 10000);

	if (pick_one_in(2))
		return coil_sim_socketpair(SOCK_DGRAM, fds);
	fds[1] = udp_to(port, true);
	if (fds[1] < 0)
		return fds[1];
	fds[0] = udp_to(port, false);
	if (fds[0] < 0)
		coil_close(fds[1]);
	return fds[0] < 0 ? fds[0] : 0;
}

int scenario_datagram(void *arg)
{
	unsigned char bytes[DATAGRAM_BYTES];
	struct coil_task *reader;
	int fds[2];

	(void)arg;
	if (datagram_pair(fds) < 0)
		return 0;
	reader = coil_spawn(receive_datagrams, &fds[1]);
	for (unsigned i = 0; i < DATAGRAMS && reader; i++) {
		size_t n = (size_t)(i + 1) * 17;
		int rc;

		fill_bytes(bytes, n, i);
		rc = coil_send(fds[0], bytes, n, 0);
		HOLDS(rc < 0 || rc == (int)n);
		if (pick_one_in(3))
			doze(pick_time(COIL_MSEC));
	}
	if (reader) {
		doze(pick_time(10 * COIL_MSEC));
		coil_cancel(reader);
		coil_join(reader);
	}
	coil_close(fds[0]);
	coil_close(fds[1]);
	return 0;
}
