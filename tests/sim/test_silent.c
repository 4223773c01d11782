/* SPDX-License-Identifier: MIT */
/* Sends that say nothing when all went well: what loop/silent.h builds on. */
#include "sim/raw.h"

#include <sys/socket.h>

#define PIECE 3000
#define ROOM_BYTES 4096
#define PIECES_MAX 1000

static char piece[PIECE];

static void send_piece(struct raw *raw, int fd)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, 1);

	io_uring_prep_send(sqe, fd, piece, PIECE, MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
	raw_name(sqe, 1, IOSQE_CQE_SKIP_SUCCESS);
}

/* So many bytes come, and no more. */
static void expect_bytes(struct raw *raw, int fd, long count)
{
	static char bytes[PIECES_MAX * PIECE];
	char more;

	io_uring_prep_recv(raw_sqe(raw, 2), fd, bytes, (size_t)count, MSG_WAITALL);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 2, count);
	EXPECT_EQ(raw->calls->recv(fd, &more, 1, MSG_DONTWAIT), -EAGAIN);
}

/* One enter, without a wait, for each: until one falls short. All that were silent have gone. */
static void fill(struct raw *raw, const int fds[2])
{
	int bytes = ROOM_BYTES;
	long silent = 0;
	int32_t rc;

	raw->calls->setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	do {
		send_piece(raw, fds[0]);
	} while (raw_enter(raw) == 0 && ++silent < PIECES_MAX - 1);
	rc = raw_result(raw, 1);
	EXPECT(rc == -EAGAIN || (rc > 0 && rc < PIECE));
	expect_bytes(raw, fds[1], silent * PIECE + (rc > 0 ? rc : 0));
}

ON_BOTH(silent, a_send_that_falls_short_says_so_in_its_enter)
{
	int fds[2];

	raw_pair_tcp(raw, fds);
	fill(raw, fds);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
	raw->count = 0;

	raw_pair_unix(raw, fds);
	fill(raw, fds);
	raw_close_fd(raw, fds[1]);
	send_piece(raw, fds[0]);
	send_piece(raw, fds[0]);
	EXPECT_EQ(raw_enter(raw), 2);
	EXPECT_RESULT(raw, 1, -EPIPE);
	raw_close_fd(raw, fds[0]);
}

/* However late the simulation makes the others. */
static void send_beside_late_ones(uint64_t seed)
{
	uint32_t limits[SIM_TROUBLE_COUNT] = {0};
	struct raw raw;
	int fds[2];

	limits[SIM_HOLD_BACK] = limits[SIM_DELAY] = limits[SIM_REORDER] = CHOICE_ALWAYS;
	raw_open_sim(&raw, seed, limits);
	raw_pair_unix(&raw, fds);
	fill(&raw, fds);
	raw_close_fd(&raw, fds[0]);
	raw_close_fd(&raw, fds[1]);
	raw_close(&raw);
}

TEST(silent, sends_are_never_late)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		send_beside_late_ones(seed);
}
