/* SPDX-License-Identifier: MIT */
/*
 * Copying. Through memory of our own, a piece at a time, unless both ends are descriptors that the
 * kernel splices, or a file goes to a socket: what of it lies in the kernel's memory is sent from
 * there, by plain calls that do not wait (docs/decisions/0029).
 *
 * Invariant: what is counted as moved is where it was to go.
 */
#include "coil/copy.h"

#include "net/stream.h"

#include "base/sized.h"
#include "coil/scope.h"
#include "coil/socket.h"
#include "loop/observe.h"
#include "loop/prep_files.h"
#include "task/await.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define PIECE 65536u
#define SPLICE_PIECE (1u << 20)
/* Of one call, then others run: about 50 us. */
#define SENDFILE_PIECE (1u << 18)

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
	char *buf;  /* NULL until a piece goes through it */
	int socket; /* that a file may be sent to by the kernel alone; -1: there is none */
	bool is_gone; /* the source: another task has closed it while this one wrote */
};

static int read_piece(struct copier *copier, size_t len)
{
	const struct coil_copy_options *copy = copier->copy;
	const struct coil_alloc *alloc = loop_current->alloc;
	struct coil_op op;

	if (!copier->buf)
		copier->buf = alloc->alloc(alloc->context, PIECE);
	if (!copier->buf)
		return -ENOMEM;
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

/* -- From a file to a socket ---------------------------------------------------------------------
 */

static bool is_socket(const struct driver_calls *calls, int fd)
{
	int type = 0;
	socklen_t bytes = sizeof type;

	return calls->getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 &&
	       type == SOCK_STREAM;
}

/* Debug mode wants to see operations. */
static int socket_for_file(const struct coil_copy_options *copy, const struct coil_loop *loop)
{
	const struct driver_calls *calls = loop->driver->ops->calls;

	if (copy->src || ring_fd_is_direct(copy->src_fd) || loop->observer)
		return -1;
	if (copy->dst)
		return copy->dst->ops->wait_for_room ? coil_stream_fd(copy->dst) : -1;
	if (copy->dst_offset || ring_fd_is_direct(copy->dst_fd) ||
	    !is_socket(calls, copy->dst_fd) ||
	    calls->sendfile(-1, copy->src_fd, copy->src_offset, 0) < 0)
		return -1;
	return copy->dst_fd;
}

static int wait_for_room(const struct copier *copier)
{
	struct coil_stream *dst = copier->copy->dst;
	int rc = dst ? dst->ops->wait_for_room(dst) : coil_poll(copier->socket, POLLOUT);

	return rc < 0 ? rc : 0;
}

/* One call: > 0, or as it returns. Others run after it, for it has taken its time. */
static int send_at_once(const struct copier *copier)
{
	struct coil_copy_options *copy = copier->copy;
	struct coil_task *task = task_required("coil_copy");
	struct coil_loop *loop = loop_current;
	int64_t at = offset_of(copy->src_offset);
	int rc;

	rc = loop->driver->ops->calls->sendfile(copier->socket, copy->src_fd,
						copy->src_offset ? &at : NULL,
						piece(copy, SENDFILE_PIECE));
	if (rc <= 0)
		return rc;
	loop->at_once++;
	note_moved(copy, (size_t)rc);
	if (is_done(copy))
		task_pay(task);
	else
		task_yield(task_scheduler(task), task);
	return rc;
}

/* In the turn to write. */
static int send_file_piece(struct coil_stream *stream, void *arg)
{
	const struct copier *copier = arg;
	int rc;

	do {
		rc = stream_refuse();
		if (rc == 0)
			rc = send_at_once(copier);
		if (rc == -EAGAIN)
			rc = wait_for_room(copier);
	} while (rc == 0 && !(stream && stream->closer));
	return rc;
}

/*
 * 0: a piece was sent; 1: it is to be read and written, as what is not in memory is; or an error.
 * A file or socket of another kind than thought goes by memory from then on.
 */
static int send_file(struct copier *copier)
{
	struct coil_stream *dst = copier->copy->dst;
	int rc;

	if (copier->socket < 0)
		return 1;
	rc = dst ? stream_write_by(dst, send_file_piece, copier) : send_file_piece(NULL, copier);
	if (rc == -EINVAL || rc == -EOPNOTSUPP || rc == -ENOSYS)
		copier->socket = -1;
	if (copier->socket < 0 || rc == -ENODATA)
		return 1;
	return rc < 0 ? rc : 0;
}

static int copy_through(struct copier *copier)
{
	int rc = 0;

	while (rc == 0 && !is_done(copier->copy)) {
		rc = send_file(copier);
		if (rc <= 0)
			continue;
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

static int copy_in_memory(struct copier *copier)
{
	struct coil_stream *src = copier->copy->src;
	int rc = watch_source(copier);

	if (rc == 0) {
		rc = copy_through(copier);
		if (src && !copier->is_gone)
			src->in->is_gone = NULL;
	}
	alloc_free(loop_current->alloc, copier->buf, PIECE);
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
	struct copier copier = {.copy = copy};
	int rc = sized_check(copy, sizeof *copy);

	if (rc < 0)
		return rc;
	check_use(!copy->dst || copy->dst != copy->src, "a stream is copied to itself");
	if (copy->src)
		stream_check_reader(copy->src);
	if (copy->dst)
		stream_check_use(copy->dst);
	copy->moved = 0;
	copier.socket = socket_for_file(copy, loop_required("coil_copy"));
	rc = -EINVAL;
	if (!copy->dst && !copy->src && copier.socket < 0)
		rc = splice_all(copy);
	if (rc == -EINVAL || rc == -EAGAIN)
		rc = copy_in_memory(&copier);
	if (rc < 0 && (copy->moved == 0 || rc != coil_cancelling()))
		return rc;
	return (int64_t)copy->moved;
}

int64_t coil_copy(struct coil_stream *dst, struct coil_stream *src)
{
	struct coil_copy_options copy = {.size = sizeof copy, .dst = dst, .src = src};

	return coil_copy_with(&copy);
}
