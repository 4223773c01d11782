/* SPDX-License-Identifier: MIT */
/* The ring's table of files, and who uses it. See files.h. */
#include "loop/files.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing/io_uring.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "coil/direct.h"
#include "loop/abi.h"
#include "loop/fallback.h"
#include "loop/op.h"

#define NO_SLOT UINT32_MAX
#define PENDING INT32_MIN

enum kind {
	PLAIN,	      /* ring_place sees to it */
	OPENS,	      /* file_index; the word of flags differs */
	OPENS_AT,     /* the same, and BORROWS */
	CLOSES,
	TWO_FILES,
	CANCELS,
	BORROWS,      /* fd */
	BORROWS_BOTH, /* fd and len */
	WAITS,	      /* BORROWS if it is a pidfd */
	NO_FILE	      /* what looks like a direct descriptor is none */
};

static const unsigned char kinds[] = {
	[IORING_OP_ACCEPT] = OPENS,
	[IORING_OP_SOCKET] = OPENS, /* its fd is a domain */
	[IORING_OP_OPENAT] = OPENS_AT,
	[IORING_OP_CLOSE] = CLOSES,
	[IORING_OP_SPLICE] = TWO_FILES,
	[IORING_OP_TEE] = TWO_FILES,
	[IORING_OP_ASYNC_CANCEL] = CANCELS,
	[IORING_OP_OPENAT2] = BORROWS,
	[IORING_OP_STATX] = BORROWS,
	[IORING_OP_UNLINKAT] = BORROWS,
	[IORING_OP_MKDIRAT] = BORROWS,
	[IORING_OP_SYMLINKAT] = BORROWS,
	[IORING_OP_FGETXATTR] = BORROWS, /* until 6.13 */
	[IORING_OP_FSETXATTR] = BORROWS,
	[IORING_OP_EPOLL_CTL] = BORROWS,
	[IORING_OP_RENAMEAT] = BORROWS_BOTH,
	[IORING_OP_LINKAT] = BORROWS_BOTH,
	[IORING_OP_WAITID] = WAITS,
	[IORING_OP_FUTEX_WAIT] = NO_FILE,
	[IORING_OP_FUTEX_WAKE] = NO_FILE,
	[ABI_OP_PIPE] = NO_FILE,
};

/* What an operation borrows, from its begin to its end. */
struct loan {
	struct coil_list link;
	const struct coil_op *op;
	int direct[2];	/* what its SQE says otherwise */
	int normal[2];	/* -1: nothing was lent */
};

static enum kind kind_of(const struct io_uring_sqe *sqe)
{
	return sqe->opcode < sizeof kinds ? (enum kind)kinds[sqe->opcode] : PLAIN;
}

static uint32_t slot_of(int fd)
{
	return (uint32_t)fd - RING_DIRECT;
}

/* -- Slots ---------------------------------------------------------------------------------------
 */

void files_init(struct coil_loop *loop, const struct coil_options *options)
{
	loop->files.limit = options->off & COIL_NO_DIRECT ? 0 : options->direct_max;
	loop->files.first_free = NO_SLOT;
	list_init(&loop->files.loans);
}

void files_deinit(struct coil_loop *loop)
{
	struct files *files = &loop->files;

	check(list_is_empty(&files->loans));
	alloc_free(loop->alloc, files->next_free, files->limit * sizeof *files->next_free);
	files->next_free = NULL;
	files->slots = 0;
}

/* Once; what stood in the way stays. */
static int open_table(struct coil_loop *loop)
{
	struct files *files = &loop->files;
	struct driver *driver = loop->driver;
	int rc;

	if (files->limit == 0 || !(driver->features & DRIVER_DIRECT))
		return -EOPNOTSUPP;
	/* Not zeroed: memory of slots that nobody uses is not touched. */
	files->next_free = loop->alloc->alloc(loop->alloc->context,
					      files->limit * sizeof *files->next_free);
	if (!files->next_free)
		return -ENOMEM;
	rc = driver->ops->table_open(driver, files->limit);
	if (rc > 0) {
		files->slots = (uint32_t)rc;
		return 0;
	}
	alloc_free(loop->alloc, files->next_free, files->limit * sizeof *files->next_free);
	files->next_free = NULL;
	return rc;
}

static int take_slot(struct coil_loop *loop, uint32_t *ret_slot)
{
	struct files *files = &loop->files;

	if (unlikely(files->slots == 0)) {
		if (files->refused == 0)
			files->refused = open_table(loop);
		if (files->refused < 0)
			return files->refused;
	}
	if (files->first_free != NO_SLOT) {
		*ret_slot = files->first_free;
		files->first_free = files->next_free[files->first_free];
	} else if (files->untouched < files->slots) {
		*ret_slot = files->untouched++;
	} else {
		return -ENFILE;
	}
	files->taken++;
	return 0;
}

static void give_slot(struct coil_loop *loop, uint32_t slot)
{
	struct files *files = &loop->files;

	check(files->taken > 0 && slot < files->untouched);
	files->taken--;
	files->next_free[slot] = files->first_free;
	files->first_free = slot;
}

int files_register(struct coil_loop *loop, int fd)
{
	uint32_t slot;
	int rc = take_slot(loop, &slot);

	if (rc < 0)
		return rc;
	rc = fd < 0 ? -EBADF : loop->driver->ops->table_set(loop->driver, slot, fd);
	if (rc < 0) {
		give_slot(loop, slot);
		return rc;
	}
	return RING_DIRECT + (int)slot;
}

/* -- Out of the table ----------------------------------------------------------------------------
 */

struct install {
	struct coil_completion completion;
	int32_t result;
};

static void installed(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	(void)cqe_flags;
	container_of(completion, struct install, completion)->result = result;
}

/*
 * The kernel does it as it takes the SQE: the enter does not sleep. What else has come is reaped
 * with it, which runs nobody's code.
 */
static int install(struct coil_loop *loop, int fd)
{
	struct install install = {.completion.complete = installed, .result = PENDING};
	struct io_uring_sqe sqe;

	memset(&sqe, 0, sizeof sqe);
	sqe.opcode = IORING_OP_FIXED_FD_INSTALL;
	sqe.fd = fd;
	while (ring_room(&loop->ring) == 0 && !loop->broken)
		loop_enter(loop, 0, 0);
	if (unlikely(ring_room(&loop->ring) == 0))
		return loop->broken;
	ring_push(&loop->ring, &sqe, &install.completion);
	while (install.result == PENDING && !loop->broken) {
		loop_enter(loop, 0, 0);
		loop_reap(loop);
	}
	return install.result == PENDING ? loop->broken : install.result;
}

int files_install(struct coil_loop *loop, int fd)
{
	int rc;

	if (!ring_fd_is_direct(fd))
		return loop->driver->ops->calls->fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (slot_of(fd) >= loop->files.untouched)
		return -EBADF;
	loop->files.is_installing = true;
	rc = install(loop, fd);
	loop->files.is_installing = false;
	return rc;
}

int files_close(struct coil_loop *loop, int fd)
{
	int rc;

	if (!ring_fd_is_direct(fd))
		return loop->driver->ops->calls->close(fd);
	if (slot_of(fd) >= loop->files.untouched)
		return -EBADF;
	rc = loop->driver->ops->table_set(loop->driver, slot_of(fd), -1);
	if (rc == 0)
		give_slot(loop, slot_of(fd));
	return rc;
}

/* -- Lending -------------------------------------------------------------------------------------
 */

static struct loan *find_loan(struct coil_loop *loop, const struct coil_op *op)
{
	struct coil_list *link = loop->files.loans.next;

	while (list_entry(link, struct loan, link)->op != op)
		link = link->next;
	return list_entry(link, struct loan, link);
}

static void return_loan(struct coil_loop *loop, struct coil_op *op)
{
	struct loan *loan = find_loan(loop, op);
	const struct driver_calls *calls = loop->driver->ops->calls;

	if (loan->normal[0] >= 0) {
		calls->close(loan->normal[0]);
		op_sqe(op)->fd = loan->direct[0];
	}
	if (loan->normal[1] >= 0) {
		calls->close(loan->normal[1]);
		op_sqe(op)->len = (uint32_t)loan->direct[1];
	}
	list_remove(&loan->link);
	alloc_free(loop->alloc, loan, sizeof *loan);
}

static int lend(struct coil_loop *loop, struct loan *loan, unsigned which, bool is_wanted)
{
	int rc = 0;

	if (is_wanted && ring_fd_is_direct(loan->direct[which])) {
		rc = files_install(loop, loan->direct[which]);
		loan->normal[which] = rc < 0 ? -1 : rc;
	}
	return rc < 0 ? rc : 0;
}

static int borrow(struct coil_loop *loop, struct coil_op *op, bool both)
{
	struct io_uring_sqe *sqe = op_sqe(op);
	struct loan *loan;
	int rc;

	if (!ring_fd_is_direct(sqe->fd) && !(both && ring_fd_is_direct((int)sqe->len)))
		return 0;
	loan = alloc_zeroed(loop->alloc, sizeof *loan);
	if (!loan)
		return -ENOMEM;
	*loan = (struct loan){.op = op, .direct = {sqe->fd, (int)sqe->len}, .normal = {-1, -1}};
	list_init(&loan->link);
	list_push_back(&loop->files.loans, &loan->link);
	op->flags |= OP_BORROWS;
	rc = lend(loop, loan, 0, true);
	if (rc == 0)
		rc = lend(loop, loan, 1, both);
	if (loan->normal[0] >= 0)
		sqe->fd = loan->normal[0];
	if (loan->normal[1] >= 0)
		sqe->len = (uint32_t)loan->normal[1];
	return rc;
}

/* -- Begin ---------------------------------------------------------------------------------------
 */

/* What is close-on-exec among normal ones; a direct one never passes an exec, and is refused. */
static void set_cloexec(struct io_uring_sqe *sqe, bool is_set)
{
	uint32_t bit = sqe->opcode == IORING_OP_OPENAT ? O_CLOEXEC : SOCK_CLOEXEC;
	bool is_type = sqe->opcode == IORING_OP_SOCKET;
	uint64_t word = is_type ? sqe->off : sqe->open_flags;

	word = is_set ? word | bit : word & ~(uint64_t)bit;
	if (is_type)
		sqe->off = word;
	else
		sqe->open_flags = (uint32_t)word;
}

static int begin_opening(struct coil_loop *loop, struct coil_op *op, bool is_chained)
{
	struct io_uring_sqe *sqe = op_sqe(op);
	uint32_t slot;

	if (sqe->opcode == IORING_OP_SOCKET && ring_fd_is_direct(sqe->fd))
		return -EAFNOSUPPORT;
	if (sqe->file_index != IORING_FILE_INDEX_ALLOC)
		return 0;
	op->flags |= OP_IN_TABLE;
	sqe->file_index = 0;
	if (is_chained || !op_is_native(loop, op) || take_slot(loop, &slot) < 0)
		return 0;
	sqe->file_index = slot + 1;
	set_cloexec(sqe, false);
	return 0;
}

static int begin_closing(struct coil_loop *loop, struct coil_op *op)
{
	struct io_uring_sqe *sqe = op_sqe(op);

	if (!ring_fd_is_direct(sqe->fd))
		return 0;
	if (slot_of(sqe->fd) >= loop->files.untouched)
		return -EBADF;
	sqe->file_index = slot_of(sqe->fd) + 1;
	sqe->fd = 0;
	op->flags |= OP_IN_TABLE;
	return 0;
}

static void begin_two(struct coil_op *op)
{
	struct io_uring_sqe *sqe = op_sqe(op);

	if (!ring_fd_is_direct(sqe->splice_fd_in))
		return;
	sqe->splice_fd_in -= RING_DIRECT;
	sqe->splice_flags |= SPLICE_F_FD_IN_FIXED;
	op->flags |= OP_IN_TABLE;
}

static void begin_cancelling(struct coil_op *op)
{
	struct io_uring_sqe *sqe = op_sqe(op);

	if (!(sqe->cancel_flags & IORING_ASYNC_CANCEL_FD) || !ring_fd_is_direct(sqe->fd))
		return;
	sqe->fd -= RING_DIRECT;
	sqe->cancel_flags |= IORING_ASYNC_CANCEL_FD_FIXED;
	op->flags |= OP_IN_TABLE;
}

int files_begin(struct coil_loop *loop, struct coil_op *op, bool is_chained)
{
	int rc = 0;

	switch (kind_of(op_sqe_const(op))) {
	case OPENS_AT:
		rc = borrow(loop, op, false);
		return rc < 0 ? rc : begin_opening(loop, op, is_chained);
	case OPENS:
		return begin_opening(loop, op, is_chained);
	case CLOSES:
		return begin_closing(loop, op);
	case TWO_FILES:
		begin_two(op);
		return 0;
	case CANCELS:
		begin_cancelling(op);
		return 0;
	case BORROWS:
		return borrow(loop, op, false);
	case BORROWS_BOTH:
		return borrow(loop, op, true);
	case WAITS:
		if (op_sqe(op)->len == P_PIDFD)
			return borrow(loop, op, false);
		return ring_fd_is_direct(op_sqe(op)->fd) ? -ECHILD : 0;
	case NO_FILE:
		return ring_fd_is_direct(op_sqe_const(op)->fd) ? -EINVAL : 0;
	case PLAIN:
		break;
	}
	return op_is_native(loop, op) ? 0 : borrow(loop, op, false);
}

uint64_t files_opcodes_unneeded(void)
{
	uint64_t opcodes = UINT64_MAX;

	for (unsigned opcode = 0; opcode < sizeof kinds; opcode++)
		if (kinds[opcode] != PLAIN)
			opcodes &= ~(UINT64_C(1) << opcode);
	return opcodes;
}

/* -- End -----------------------------------------------------------------------------------------
 */

static int32_t finish_opening(struct coil_loop *loop, struct coil_op *op, int32_t result)
{
	struct io_uring_sqe *sqe = op_sqe(op);
	uint32_t index = sqe->file_index;

	sqe->file_index = IORING_FILE_INDEX_ALLOC;
	set_cloexec(sqe, true);
	if (index == 0)
		return result;
	if (result >= 0)
		return RING_DIRECT + (int32_t)(index - 1);
	give_slot(loop, index - 1);
	return result;
}

static void finish_closing(struct coil_loop *loop, struct coil_op *op, int32_t result)
{
	struct io_uring_sqe *sqe = op_sqe(op);
	uint32_t slot = sqe->file_index - 1;

	sqe->fd = RING_DIRECT + (int32_t)slot;
	sqe->file_index = 0;
	if (result >= 0)
		give_slot(loop, slot);
}

static int32_t finish_in_table(struct coil_loop *loop, struct coil_op *op, int32_t result)
{
	struct io_uring_sqe *sqe = op_sqe(op);

	switch (kind_of(sqe)) {
	case OPENS:
	case OPENS_AT:
		return finish_opening(loop, op, result);
	case CLOSES:
		finish_closing(loop, op, result);
		break;
	case TWO_FILES:
		sqe->splice_fd_in += RING_DIRECT;
		sqe->splice_flags &= ~(uint32_t)SPLICE_F_FD_IN_FIXED;
		break;
	case CANCELS:
		sqe->fd += RING_DIRECT;
		sqe->cancel_flags &= ~(uint32_t)IORING_ASYNC_CANCEL_FD_FIXED;
		break;
	case PLAIN:
	case BORROWS:
	case BORROWS_BOTH:
	case WAITS:
	case NO_FILE:
		check(false);
	}
	return result;
}

int32_t files_finish(struct coil_loop *loop, struct coil_op *op, int32_t result)
{
	if (op->flags & OP_BORROWS)
		return_loan(loop, op);
	if (op->flags & OP_IN_TABLE)
		result = finish_in_table(loop, op, result);
	op->flags &= (uint8_t)~(OP_BORROWS | OP_IN_TABLE);
	return result;
}

/* -- The public face -----------------------------------------------------------------------------
 */

int coil_install_fd(int fd)
{
	return files_install(loop_required(__func__), fd);
}

int coil_direct_fd(int fd)
{
	struct coil_loop *loop = loop_required(__func__);
	int normal;
	int rc;

	if (!ring_fd_is_direct(fd))
		return files_register(loop, fd);
	normal = files_install(loop, fd);
	if (normal < 0)
		return normal;
	rc = files_register(loop, normal);
	loop->driver->ops->calls->close(normal);
	return rc;
}
