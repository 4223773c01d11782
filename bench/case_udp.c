/* SPDX-License-Identifier: MIT */
/* Datagrams: received, and answered. The floors are raw liburing's, with one recvmsg for all. */
#include "bench.h"

#include "raw_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct datagrams {
	struct raw_udp *raw[2];
	struct coil_udp *udp;
	struct coil_task *server;
	uint64_t answered;
	int sender;
};

/* -- Received ---------------------------------------------------------------------------------- */

static void run_recv_many(void *arg, uint64_t units)
{
	struct datagrams *datagrams = arg;
	struct coil_udp_message in[RAW_UDP_BATCH];
	char room[RAW_UDP_BATCH][RAW_UDP_MESSAGE];
	struct coil_address from[RAW_UDP_BATCH];

	for (; units >= RAW_UDP_BATCH; units -= RAW_UDP_BATCH) {
		unsigned int seen = 0;

		raw_udp_put(datagrams->sender, RAW_UDP_BATCH);
		while (seen < RAW_UDP_BATCH) {
			int n;

			for (unsigned int i = 0; i < RAW_UDP_BATCH - seen; i++)
				in[i] = (struct coil_udp_message){ .buf = room[i],
								   .len = sizeof(room[i]),
								   .address = &from[i] };
			n = coil_udp_recv_many(datagrams->udp, in, RAW_UDP_BATCH - seen);
			bench_must(n > 0, "no datagram came");
			seen += (unsigned int)n;
		}
	}
}

static void run_recv(void *arg, uint64_t units)
{
	struct datagrams *datagrams = arg;
	char bytes[RAW_UDP_MESSAGE];
	struct coil_address from;

	for (uint64_t i = 0; i < units; i++) {
		if (i % RAW_UDP_BATCH == 0)
			raw_udp_put(datagrams->sender, RAW_UDP_BATCH);
		bench_must(coil_udp_recv_from(datagrams->udp, bytes, sizeof(bytes), &from) ==
				   RAW_UDP_MESSAGE, "no datagram came");
	}
}

/* -- Answered ---------------------------------------------------------------------------------- */

/* It waits in the kernel when the datagram comes. */
static int serve(void *arg)
{
	struct datagrams *datagrams = arg;
	char bytes[RAW_UDP_MESSAGE];
	struct coil_address from;
	int n;

	while ((n = coil_udp_recv_from(datagrams->udp, bytes, sizeof(bytes), &from)) >= 0) {
		bench_must(coil_udp_send_to(datagrams->udp, bytes, (size_t)n, &from) == n,
			   "short answer");
		datagrams->answered++;
	}
	return n == -EPIPE ? 0 : n;
}

static void run_echo(void *arg, uint64_t units)
{
	struct datagrams *datagrams = arg;
	char bytes[RAW_UDP_MESSAGE];

	if (!datagrams->server)
		datagrams->server = coil_spawn(serve, datagrams);
	while (units--) {
		uint64_t before = datagrams->answered;

		raw_udp_put(datagrams->sender, 1);
		while (datagrams->answered == before)
			coil_yield();
		bench_must(recv(datagrams->sender, bytes, sizeof(bytes), 0) == RAW_UDP_MESSAGE,
			   "no answer came");
	}
}

/* -- The rows ---------------------------------------------------------------------------------- */

static void close_datagrams(struct bench *bench)
{
	struct datagrams *datagrams = bench->state;

	raw_udp_close(datagrams->raw[0]);
	raw_udp_close(datagrams->raw[1]);
	coil_udp_close(datagrams->udp);
	if (datagrams->server)
		coil_join(datagrams->server);
	if (datagrams->sender >= 0)
		close(datagrams->sender);
	free(datagrams);
}

static int open_coil(struct datagrams *datagrams)
{
	int fds[2];
	int rc = raw_udp_pair(fds);

	datagrams->sender = fds[1];
	if (rc == 0)
		rc = coil_udp_from_fd(&datagrams->udp, fds[0]);
	if (rc < 0 && fds[0] >= 0)
		close(fds[0]);
	return rc;
}

static int open_datagrams(struct bench *bench)
{
	static const struct {
		void (*floor)(void *arg, uint64_t units);
		void (*coil)(void *arg, uint64_t units);
		uint64_t step;
	} ways[] = {
		{ raw_udp_receive, run_recv_many, RAW_UDP_BATCH },
		{ raw_udp_receive, run_recv, RAW_UDP_BATCH },
		{ raw_udp_echo, run_echo, 1 },
	};
	struct datagrams *datagrams = calloc(1, sizeof(*datagrams));
	unsigned int way = bench->of->parameter;
	int rc;

	if (!datagrams)
		return -ENOMEM;
	bench->state = datagrams;
	rc = open_coil(datagrams);
	if (rc == 0)
		rc = raw_udp_open(true, &datagrams->raw[0]);
	bench->floor = (struct measure_case){ .run = ways[way].floor, .arg = datagrams->raw[0],
					      .step = ways[way].step };
	bench->coil = (struct measure_case){ .run = ways[way].coil, .arg = datagrams,
					     .step = ways[way].step };
	return rc;
}

/* What one recvmsg for all is worth, without Coil. */
static int open_feature(struct bench *bench)
{
	struct datagrams *datagrams = calloc(1, sizeof(*datagrams));
	bool is_echo = bench->of->parameter;
	int rc = 0;

	if (!datagrams)
		return -ENOMEM;
	bench->state = datagrams;
	datagrams->sender = -1;
	for (int i = 0; i < 2 && rc == 0; i++)
		rc = raw_udp_open(i == 1, &datagrams->raw[i]);
	bench->floor = (struct measure_case){ .run = is_echo ? raw_udp_echo : raw_udp_receive,
					      .arg = datagrams->raw[0],
					      .step = is_echo ? 1 : RAW_UDP_BATCH };
	bench->coil = bench->floor;
	bench->coil.arg = datagrams->raw[1];
	return rc;
}

const struct bench_case bench_cases_udp[] = {
	{ .name = "udp_recv_many", .what = "datagram of 32 at a time; raw by one recvmsg for all",
	  .parameter = 0, .open = open_datagrams, .close = close_datagrams },
	{ .name = "udp_recv", .what = "the same, received one by one",
	  .parameter = 1, .open = open_datagrams, .close = close_datagrams },
	{ .name = "udp_echo", .what = "datagram received and answered; raw the same",
	  .parameter = 2, .open = open_datagrams, .close = close_datagrams },
	{ .name = "ring_multishot_recvmsg", .is_feature = true,
	  .what = "datagram of 32, by one recvmsg for all; by one each",
	  .parameter = 0, .open = open_feature, .close = close_datagrams },
	{ .name = "ring_multishot_recvmsg_echo", .is_feature = true,
	  .what = "datagram received and answered, by one recvmsg for all; by one each",
	  .parameter = 1, .open = open_feature, .close = close_datagrams },
	{ .name = NULL },
};
