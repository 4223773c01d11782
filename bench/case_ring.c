/* SPDX-License-Identifier: MIT */
/*
 * What io_uring's features are worth here. Coil has no part in it: the same work "without" the
 * feature and "with" it, so a ratio below 1 is a gain.
 */
#include "bench.h"

#include "raw_bulk.h"
#include "raw_features.h"

struct feature {
	struct raw_work *without;
	struct raw_work *with;
};

static void close_feature(struct bench *bench)
{
	struct feature *feature = bench->state;

	raw_work_close(feature->without);
	raw_work_close(feature->with);
	*feature = (struct feature){ 0 };
}

static int open_feature(struct bench *bench)
{
	static struct feature feature;
	int rc;

	bench->state = &feature;
	rc = raw_work_open(bench->of->parameter, false, &feature.without);
	if (rc == 0)
		rc = raw_work_open(bench->of->parameter, true, &feature.with);
	if (rc < 0) {
		close_feature(bench);
		return rc;
	}
	bench->floor = (struct measure_case){ .run = raw_work_run, .arg = feature.without,
					      .step = raw_work_step(feature.without) };
	bench->coil = (struct measure_case){ .run = raw_work_run, .arg = feature.with,
					     .step = raw_work_step(feature.with) };
	return 0;
}

struct bulk {
	struct raw_bulk *without;
	struct raw_bulk *with;
};

static void close_bulk(struct bench *bench)
{
	struct bulk *bulk = bench->state;

	raw_bulk_close(bulk->without);
	raw_bulk_close(bulk->with);
	*bulk = (struct bulk){ 0 };
}

static int open_bulk(struct bench *bench)
{
	static struct bulk bulk;
	int rc;

	bench->state = &bulk;
	rc = raw_bulk_open(bench->of->parameter, false, &bulk.without);
	if (rc == 0)
		rc = raw_bulk_open(bench->of->parameter, true, &bulk.with);
	if (rc < 0) {
		close_bulk(bench);
		return rc;
	}
	bench->floor = (struct measure_case){ .run = raw_bulk_run, .arg = bulk.without,
					      .step = raw_bulk_step() };
	bench->coil = (struct measure_case){ .run = raw_bulk_run, .arg = bulk.with,
					     .step = raw_bulk_step() };
	return 0;
}

#define BULK_ROW(name_, feature, words)                                                            \
	.name = "ring_" name_, .what = words, .parameter = feature, .open = open_bulk,             \
	.close = close_bulk, .is_feature = true

#define FEATURE_ROW(name_, feature, words)                                                         \
	.name = "ring_" name_, .what = words, .parameter = feature, .open = open_feature,          \
	.close = close_feature, .is_feature = true

const struct bench_case bench_cases_ring[] = {
	{ FEATURE_ROW("batch", RAW_BATCH, "NOP, 32 in an enter; one in each") },
	{ FEATURE_ROW("links", RAW_LINKS, "NOP of 8 that are linked; side by side") },
	{ FEATURE_ROW("ring_fd", RAW_RING_FD, "NOP, ring descriptor registered; plain") },
	{ FEATURE_ROW("defer_taskrun", RAW_DEFER,
		      "round trip on a socketpair, DEFER_TASKRUN; COOP_TASKRUN") },
	{ FEATURE_ROW("registered_file", RAW_FILES, "hot 4 KiB read, file registered; plain") },
	{ FEATURE_ROW("registered_buffer", RAW_BUFFERS,
		      "hot 4 KiB read, buffer registered; plain") },
	{ FEATURE_ROW("buffer_ring", RAW_BUFFER_RING,
		      "message received into a provided buffer; into the caller's") },
	{ FEATURE_ROW("multishot_recv", RAW_MULTISHOT_RECV,
		      "message received by one recv for all; by one each") },
	{ FEATURE_ROW("multishot_accept", RAW_MULTISHOT_ACCEPT,
		      "connection accepted by one accept for all; by one each") },
	{ FEATURE_ROW("multishot_poll", RAW_MULTISHOT_POLL,
		      "readiness told by one poll for all; by one each") },
	{ FEATURE_ROW("send_zc_4k", RAW_SEND_ZC_4K,
		      "4 KiB over loopback TCP, or to $COIL_BENCH_SINK, zero-copy; copied") },
	{ FEATURE_ROW("send_zc_16k", RAW_SEND_ZC_16K, "16 KiB, zero-copy; copied") },
	{ FEATURE_ROW("send_zc", RAW_SEND_ZC, "64 KiB, zero-copy; copied") },
	{ FEATURE_ROW("send_zc_256k", RAW_SEND_ZC_256K, "256 KiB, zero-copy; copied") },
	{ FEATURE_ROW("send_zc_1m", RAW_SEND_ZC_1M, "1 MiB, zero-copy; copied") },
	{ FEATURE_ROW("send_zc_fixed", RAW_SEND_ZC_FIXED,
		      "64 KiB, zero-copy, buffer registered; plain") },
	{ BULK_ROW("recv_bundle", RAW_BUNDLE,
		   "64 KiB received into 4 KiB buffers, bundled; one CQE each") },
	{ BULK_ROW("recv_bundle_large", RAW_BUNDLE_OR_LARGE,
		   "64 KiB received into 4 KiB buffers, bundled; into one of 64 KiB") },
	{ BULK_ROW("buffers_incremental", RAW_INCREMENTAL,
		   "256 bytes received behind each other in 64 KiB; into 4 KiB each") },
	{ FEATURE_ROW("msg_ring", RAW_MSG_RING,
		      "word for another ring by MSG_RING; by an eventfd that it reads") },
	{ .name = NULL },
};
