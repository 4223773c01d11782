/* SPDX-License-Identifier: MIT */
/*
 * SQEs by hand, on either kernel: what is written here once must come out the same on both. The
 * real one is skipped where there is none.
 */
#ifndef COIL_TESTS_SIM_RAW_H
#define COIL_TESTS_SIM_RAW_H

#include "sim/baton.h"
#include "sim/ring.h"
#include "support/test.h"

#include <errno.h>
#include <liburing.h>

#define RAW_CQES 128

/* A CQE, copied: the kernel's own ends in an open array. */
struct raw_cqe {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
};

struct raw {
	struct driver *driver;
	const struct driver_calls *calls;
	struct sim *sim;		/* NULL: the real kernel */
	struct sim_member *member;
	const char *kernel;		/* "real" or "simulated" */
	struct raw_cqe cqes[RAW_CQES];
	unsigned count;
	unsigned pushed;
};

/* @limits: as in struct sim_options. */
void raw_open_sim(struct raw *raw, uint64_t seed, const uint32_t *limits);
bool raw_open_kernel(struct raw *raw);
void raw_close(struct raw *raw);

/* A zeroed SQE with this user_data, to be prepared; it goes with the next raw_go. */
struct io_uring_sqe *raw_sqe(struct raw *raw, uint64_t user_data);

/* Sets user_data, which io_uring_prep_... clears, and flags. */
void raw_name(struct io_uring_sqe *sqe, uint64_t user_data, unsigned flags);

/* Enters until @count more CQEs are in, one second at the most; 0: one enter without a wait. */
void raw_go(struct raw *raw, unsigned count);

/* One enter without a wait: how many CQEs it brought. */
unsigned raw_enter(struct raw *raw);

#define RAW_NOTHING INT32_MIN

/* The result of the last CQE with this user_data; RAW_NOTHING: there is none. */
int32_t raw_result(const struct raw *raw, uint64_t user_data);
unsigned raw_cqe_count(const struct raw *raw, uint64_t user_data);
uint32_t raw_flags(const struct raw *raw, uint64_t user_data);

/* Its place among all CQEs. */
int raw_place(const struct raw *raw, uint64_t user_data);
void raw_pipe(struct raw *raw, int fds[2]);
int raw_eventfd(struct raw *raw);

/* Two ends of a stream; over TCP the CQEs so far are forgotten. */
void raw_pair_unix(struct raw *raw, int fds[2]);
void raw_pair_tcp(struct raw *raw, int fds[2]);
void raw_close_fd(struct raw *raw, int fd);

/* A test whose steps run on both kernels. EXPECT says which one in its words. */
#define ON_BOTH(suite, name)                                                                       \
	static void name##_steps(struct raw *raw);                                                 \
	TEST(suite, name)                                                                          \
	{                                                                                          \
		struct raw raw;                                                                    \
                                                                                                   \
		raw_open_sim(&raw, 1, NULL);                                                       \
		name##_steps(&raw);                                                                \
		raw_close(&raw);                                                                   \
		if (raw_open_kernel(&raw)) {                                                       \
			name##_steps(&raw);                                                        \
			raw_close(&raw);                                                           \
		}                                                                                  \
	}                                                                                          \
	static void name##_steps(struct raw *raw)

/* EXPECT_EQ of a result, which names the kernel when it fails. */
#define EXPECT_RESULT(raw, user_data, expected)                                                    \
	do {                                                                                       \
		long result_ = raw_result(raw, user_data), expected_ = (expected);                 \
                                                                                                   \
		if (result_ != expected_)                                                          \
			test_fail_values(__FILE__, __LINE__, (raw)->kernel, result_, expected_);   \
	} while (0)

#endif
