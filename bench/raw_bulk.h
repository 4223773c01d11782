/* SPDX-License-Identifier: MIT */
/*
 * raw_bulk - what buffers that the kernel fills otherwise than one a message are worth here: the
 * same receives on raw liburing, without and with. No Coil in here.
 */
#ifndef COIL_BENCH_RAW_BULK_H
#define COIL_BENCH_RAW_BULK_H

#include <stdbool.h>
#include <stdint.h>

enum raw_bulk_feature {
	RAW_BUNDLE,		/* 64 KiB into buffers of 4 KiB, one CQE for several */
	RAW_BUNDLE_OR_LARGE,	/* the same; without: into one of 64 KiB */
	RAW_INCREMENTAL,	/* 256 bytes behind each other in 64 KiB; without: 4 KiB for each */
};

struct raw_bulk;

/**
 * raw_bulk_open - prepare the work with, or without, a feature
 *
 * Return: 0; -EINVAL, ... where the kernel lacks it.
 */
int raw_bulk_open(enum raw_bulk_feature feature, bool with, struct raw_bulk **ret_bulk);
void raw_bulk_close(struct raw_bulk *bulk);
uint64_t raw_bulk_step(void);

/* A failure inside aborts. */
void raw_bulk_run(void *bulk, uint64_t units);

#endif
