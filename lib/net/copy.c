/* SPDX-License-Identifier: MIT */
/*
 * Copying. Through memory of our own, a piece at a time, unless both ends are descriptors that the
 * kernel splices.
 */
#include "coil/copy.h"

#include "net/stream.h"

#include "coil/scope.h"
#include "loop/prep_files.h"
#include "task/await.h"

#include <errno.h>

#define PIECE 65536u
#define SPLICE_PIECE (1u << 20)

static size_t piece(const struct coil_copy_options *copy, size_t most)
{
	uint64_t left = copy->bytes_max - copy->moved;

	return copy->bytes_max && left < most ? (size_t)left : most;
}

static bool is_done(const struct coil_copy_options *copy)
{
	return copy->bytes_max && copy->moved == copy->bytes_max;
}

static int64_t offset_of(const int64_t *offset)
{
	return offset ? *offset : -1;
}

static void note_moved(struct coil_copy_options *copy, size_t bytes)
{
	copy->moved += bytes;
	if (copy->src_offset)
		*copy->src_offset += (int64_t)bytes;
	if (copy->dst_offset)
		*copy->dst_offset += (int64_t)bytes;
}

/* -- Through memory ------------------------------------------------------------------------------
 */

struct copier {
	struct coil_copy_options *copy;
	char *buf;
	bool is_gone; /* the source: another task has closed it while this one wrote */
};

static int read_piece(const struct copier *copier, size_t len)
{
	const struct coil_copy_options *copy = copier->copy;
	struct coil_op op;

	if (copier->is_gone)
		return -EPIPE;
	if (copy->src)
		return coil_stream_read(copy->src, copier->buf, len);
	op_prep_read(&op, copy->src_fd, copier->buf, len, offset_of(copy->src_offset));
	return op_await(&op);
}

/* One write; of a stream all that it can. */
static int write_some(const struct coil_copy_options *copy, const char *buf, size_t len)
{
	struct coil_op op;
	int rc;

	if (copy->dst)
		return coil_stream_write(copy->dst, buf, len);
	op_prep_write(&op, copy->dst_fd, buf, len, offset_of(copy->dst_offset));
	rc = op_await(&op);
	return rc ? rc : -EIO;
}

/* In front of what the source has. */
static int return_rest(const struct copier *copier, const char *rest, size_t len)
{
	struct coil_stream *src = copier->copy->src;
	int rc;

	if (!src || copier->is_gone)
		return 0;
	rc = stream_give_back(src, rest, len);
	if (rc < 0)
		src->in->lost = rc;
	return rc;
}

/* A piece is moved, or as much of it as can be: 0 or a negative errno. */
static int write_piece(const struct copier *copier, size_t len)
{
	const char *buf = copier->buf;
	int rc, lost;

	while (len > 0) {
		rc = write_some(copier->copy, buf, len);
		if (rc < 0) {
			lost = return_rest(copier, buf, len);
			return lost < 0 ? lost : rc;
		}
		note_moved(copier->copy, (size_t)rc);
		buf += rc;
		len -= (size_t)rc;
	}
	return 0;
}

static int copy_through(const struct copier *copier)
{
	int rc = 0;

	while (rc == 0 && !is_done(copier->copy)) {
		rc = read_piece(copier, piece(copier->copy, PIECE));
		if (rc <= 0)
			break;
		rc = write_piece(copier, (size_t)rc);
	}
	return rc;
}

/* The close of the source is told from now on. */
static int watch_source(struct copier *copier)
{
	struct coil_stream *src = copier->copy->src;
	int rc = src ? stream_make_in(src) : 0;

	if (!src || rc < 0)
		return rc;
	if (src->in->is_gone)
		check_misused("coil_copy", "another task copies from this stream already");
	src->in->is_gone = &copier->is_gone;
	return 0;
}

static int copy_in_memory(struct coil_copy_options *copy)
{
	const struct coil_alloc *alloc = loop_required("coil_copy")->alloc;
	struct copier copier = {.copy = copy, .buf = alloc->alloc(alloc->context, PIECE)};
	int rc = copier.buf ? watch_source(&copier) : -ENOMEM;

	if (rc == 0) {
		rc = copy_through(&copier);
		if (copy->src && !copier.is_gone)
			copy->src->in->is_gone = NULL;
	}
	alloc_free(alloc, copier.buf, PIECE);
	return rc;
}

/* -- In the kernel -------------------------------------------------------------------------------
 */

/* -EINVAL: neither is a pipe. -EAGAIN: one has O_NONBLOCK, and splice takes its word. */
static int splice_all(struct coil_copy_options *copy)
{
	struct coil_op op;
	int rc = 1;

	while (rc > 0 && !is_done(copy)) {
		op_prep_splice(&op, copy->src_fd, offset_of(copy->src_offset), copy->dst_fd,
			       offset_of(copy->dst_offset), piece(copy, SPLICE_PIECE), 0);
		rc = op_await(&op);
		if (rc > 0)
			note_moved(copy, (size_t)rc);
	}
	return rc;
}

int64_t coil_copy_with(struct coil_copy_options *copy)
{
	int rc = -EINVAL;

	if (copy->size < sizeof *copy)
		return -EINVAL;
	check_use(!copy->dst || copy->dst != copy->src, "a stream is copied to itself");
	if (copy->src)
		stream_check_reader(copy->src);
	if (copy->dst)
		stream_check_use(copy->dst);
	copy->moved = 0;
	if (!copy->dst && !copy->src)
		rc = splice_all(copy);
	if (rc == -EINVAL || rc == -EAGAIN)
		rc = copy_in_memory(copy);
	if (rc < 0 && (copy->moved == 0 || rc != coil_cancelling()))
		return rc;
	return (int64_t)copy->moved;
}

int64_t coil_copy(struct coil_stream *dst, struct coil_stream *src)
{
	struct coil_copy_options copy = {.size = sizeof copy, .dst = dst, .src = src};

	return coil_copy_with(&copy);
}
