/* SPDX-License-Identifier: MIT */
/*
 * raw_features - what each feature of io_uring is worth on this machine: the same work with it and
 * without it, both on raw liburing. No Coil in here.
 *
 * One is opened once, run for any number of units, and closed; run and step fit struct
 * measure_case.
 */
#ifndef COIL_BENCH_RAW_FEATURES_H
#define COIL_BENCH_RAW_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

enum raw_feature {
	RAW_BATCH,		/* 32 NOPs in one enter; without: one enter each */
	RAW_LINKS,		/* 8 NOPs, linked; without: side by side */
	RAW_RING_FD,		/* the ring's descriptor registered */
	RAW_DEFER,		/* DEFER_TASKRUN; without: COOP_TASKRUN */
	RAW_FILES,		/* 4 KiB reads of a registered file */
	RAW_BUFFERS,		/* 4 KiB reads into a registered buffer */
	RAW_BUFFER_RING,	/* recvs that take a provided buffer */
	RAW_MULTISHOT_RECV,	/* one recv for all messages; without: one each, provided buffers */
	RAW_MULTISHOT_ACCEPT,
	RAW_MULTISHOT_POLL,
	RAW_SEND_ZC_4K,		/* over loopback TCP, or to $COIL_BENCH_SINK; without: send */
	RAW_SEND_ZC_16K,
	RAW_SEND_ZC,		/* 64 KiB */
	RAW_SEND_ZC_256K,
	RAW_SEND_ZC_1M,
	RAW_SEND_ZC_FIXED,	/* 64 KiB of a registered buffer; without: of other memory */
	RAW_MSG_RING,		/* a word for another ring; without: an eventfd */
	RAW_FEATURES,
};

struct raw_work;

/**
 * raw_work_open - prepare the work with, or without, a feature
 *
 * RAW_SEND_ZC_*: COIL_BENCH_SINK=HOST:PORT names a peer that reads and drops, as through a network
 * card; it is measured instead of loopback.
 *
 * Return: 0; -EOPNOTSUPP, -EINVAL, -ENOSYS, ... where the kernel lacks it.
 */
int raw_work_open(enum raw_feature feature, bool with, struct raw_work **ret_work);
void raw_work_close(struct raw_work *work);
uint64_t raw_work_step(const struct raw_work *work);

/* A failure inside aborts. */
void raw_work_run(void *work, uint64_t units);

#endif
