/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor of a file or directory does: read, write, resize, sync.
 *
 * Must not know: paths, requests.
 */
#include "sim/disk_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>

/* What open uses up: F_GETFL does not show it. */
#define FLAGS_OF_OPEN (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)
#define FALLOC_WRITE_ZEROES 0x80 /* Linux 6.17 */
#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20 /* Linux 6.9 */
#endif
#define RWF_KNOWN (RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOWAIT | RWF_NOAPPEND | RWF_HIPRI)

static int64_t file_read(struct sim_file *file, const struct sim_io *io);
static int64_t file_write(struct sim_file *file, const struct sim_io *io);
static void file_release(struct sim_file *file);

static const struct sim_file_ops file_ops = {
	.name = "file",
	.read = file_read,
	.write = file_write,
	.release = file_release,
};

static struct sim_disk_file *disk_file_of(struct sim_file *file)
{
	return container_of(file, struct sim_disk_file, file);
}

struct sim_disk_file *disk_file_new(struct sim *sim, int flags)
{
	struct sim_disk_file *file = sim_alloc(sim, sizeof *file);

	sim_file_init(sim, &file->file, &file_ops, flags & ~FLAGS_OF_OPEN);
	file->epoch = sim_disk(sim)->epoch;
	return file;
}

static void file_release(struct sim_file *file)
{
	struct sim_disk_file *disk_file = disk_file_of(file);

	if (disk_file->inode)
		disk_inode_leave(disk_file->inode);
	sim_free(file->sim, disk_file, sizeof *disk_file);
}

int disk_file_inode(struct sim_file *file, struct sim_inode **ret_inode)
{
	struct sim_disk_file *disk_file;

	if (file->ops != &file_ops)
		return -EINVAL;
	disk_file = disk_file_of(file);
	if (disk_file->epoch != sim_disk(file->sim)->epoch)
		return -EIO;
	*ret_inode = disk_file->inode;
	return 0;
}

int disk_file_usable(struct sim_file *file, struct sim_inode **ret_inode)
{
	int error = disk_file_inode(file, ret_inode);

	return !error && file->flags & O_PATH ? -EBADF : error;
}

int64_t *disk_file_position(struct sim_file *file)
{
	return &disk_file_of(file)->position;
}

/* Opened with O_ACCMODE itself, it can neither be read nor written. */
static bool may_read(const struct sim_file *file)
{
	return (file->flags & O_ACCMODE) == O_RDONLY || (file->flags & O_ACCMODE) == O_RDWR;
}

static bool may_write(const struct sim_file *file)
{
	return (file->flags & O_ACCMODE) == O_WRONLY || (file->flags & O_ACCMODE) == O_RDWR;
}

/* For both ways: the flags of this one call, and where it begins. */
static int io_begin(struct sim_disk_file *file, const struct sim_io *io, int64_t *ret_offset)
{
	*ret_offset = io->offset == -1 ? file->position : io->offset;
	if (io->flags & ~(unsigned)RWF_KNOWN)
		return -EOPNOTSUPP;
	if (io->flags & RWF_APPEND && io->flags & RWF_NOAPPEND)
		return -EINVAL;
	if (io->flags & RWF_HIPRI)
		return -EINVAL;
	return *ret_offset < 0 ? -EINVAL : 0;
}

static int64_t file_read(struct sim_file *file, const struct sim_io *io)
{
	struct sim_disk_file *disk_file = disk_file_of(file);
	struct sim_inode *inode = NULL;
	int64_t offset, done;
	int error = disk_file_usable(file, &inode);

	if (error)
		return error;
	if (!may_read(file))
		return -EBADF;
	error = io_begin(disk_file, io, &offset);
	if (!error && disk_inode_is(inode, S_IFDIR))
		error = -EISDIR;
	if (!error && io->bytes > (uint64_t)(INT64_MAX - offset))
		error = -EINVAL;
	if (error)
		return error;
	done = (int64_t)disk_data_read(inode, offset, io);
	if (io->offset == -1)
		disk_file->position = offset + done;
	if (inode->times.access <= inode->times.modify && !(file->flags & O_NOATIME))
		inode->times.access = sim_now(file->sim);
	return done;
}

static bool is_through(const struct sim_file *file, const struct sim_io *io, bool *ret_data_only)
{
	*ret_data_only = !(io->flags & RWF_SYNC) && (file->flags & O_SYNC) != O_SYNC;
	return io->flags & (RWF_SYNC | RWF_DSYNC) || file->flags & O_DSYNC;
}

static int64_t write_at(struct sim_file *file, struct sim_inode *inode, int64_t offset,
			const struct sim_io *io)
{
	bool data_only;
	int64_t done;

	if (sim_happens(file->sim, SIM_NO_SPACE))
		return -ENOSPC;
	done = disk_data_write(inode, offset, io);
	if (done <= 0)
		return done;
	disk_inode_touch(inode, true);
	if (is_through(file, io, &data_only))
		disk_inode_sync(inode, data_only);
	return done;
}

static int64_t file_write(struct sim_file *file, const struct sim_io *io)
{
	struct sim_disk_file *disk_file = disk_file_of(file);
	struct sim_inode *inode = NULL;
	int64_t offset, done;
	int error = disk_file_usable(file, &inode);

	if (error)
		return error;
	if (!may_write(file))
		return -EBADF;
	error = io_begin(disk_file, io, &offset);
	if (!error && io->flags & RWF_NOWAIT && !(file->flags & O_DIRECT))
		error = -EOPNOTSUPP;
	if (!error && io->bytes > (uint64_t)(INT64_MAX - offset))
		error = -EINVAL;
	if (error || io->bytes == 0)
		return error;
	if (io->flags & RWF_APPEND || (file->flags & O_APPEND && !(io->flags & RWF_NOAPPEND)))
		offset = inode->data.size;
	if (io->bytes > (uint64_t)(INT64_MAX - offset))
		return -EFBIG;
	done = write_at(file, inode, offset, io);
	if (io->offset == -1 && done > 0)
		disk_file->position = offset + done;
	return done;
}

int disk_file_truncate(struct sim_file *file, int64_t length)
{
	struct sim_inode *inode = NULL;
	int error;

	if (length < 0)
		return -EINVAL;
	error = disk_file_usable(file, &inode);
	if (error)
		return error;
	if (!disk_inode_is(inode, S_IFREG) || !may_write(file))
		return -EINVAL;
	disk_data_resize(inode, length);
	disk_inode_touch(inode, true);
	return 0;
}

/* What vfs_fallocate knows; the file systems know less. */
static bool is_mode_of_vfs(int mode)
{
	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case 0:
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_UNSHARE_RANGE:
		return true;
	case FALLOC_FL_PUNCH_HOLE:
		return mode & FALLOC_FL_KEEP_SIZE;
	case FALLOC_FL_COLLAPSE_RANGE:
	case FALLOC_FL_INSERT_RANGE:
	case FALLOC_WRITE_ZEROES:
		return !(mode & FALLOC_FL_KEEP_SIZE);
	default:
		return false;
	}
}

static int allocate_refusal(struct sim_file *file, int mode, int64_t offset, int64_t length)
{
	int known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;

	if (offset < 0 || length <= 0)
		return -EINVAL;
	if (!is_mode_of_vfs(mode))
		return -EOPNOTSUPP;
	if (!may_write(file))
		return -EBADF;
	if (file->ops != &file_ops)
		return strstr(file->ops->name, "pipe") ? -ESPIPE : -ENODEV;
	if (length > INT64_MAX - offset)
		return -EFBIG;
	return mode & ~known ? -EOPNOTSUPP : 0;
}

int disk_file_allocate(struct sim_file *file, int mode, int64_t offset, int64_t length)
{
	struct sim_inode *inode = NULL;
	int error = disk_file_usable(file, &inode);

	if (!error || error == -EINVAL)
		error = allocate_refusal(file, mode, offset, length);
	if (error)
		return error;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		disk_data_zero(inode, offset, offset + length, true);
	} else {
		if (sim_happens(file->sim, SIM_NO_SPACE))
			return -ENOSPC;
		error = disk_data_allocate(inode, offset, offset + length);
		if (!error && mode & FALLOC_FL_ZERO_RANGE)
			disk_data_zero(inode, offset, offset + length, false);
		if (!error && !(mode & FALLOC_FL_KEEP_SIZE) && inode->data.size < offset + length)
			inode->data.size = offset + length;
	}
	if (!error)
		disk_inode_touch(inode, true);
	return error;
}

int disk_file_sync(struct sim_file *file, bool data_only)
{
	struct sim_inode *inode = NULL;
	int error = disk_file_usable(file, &inode);

	if (!error)
		disk_inode_sync(inode, data_only);
	return error;
}

int disk_file_sync_range(struct sim_file *file, int64_t offset, int64_t bytes, unsigned flags)
{
	unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		       SYNC_FILE_RANGE_WAIT_AFTER;
	unsigned through = SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	struct sim_inode *inode = NULL;
	int error = disk_file_usable(file, &inode);

	if (error == -EBADF || error == -EIO)
		return error;
	if (flags & ~all || offset < 0 || bytes < 0 || bytes > INT64_MAX - offset)
		return -EINVAL;
	if (error)
		return -ESPIPE;
	if ((flags & through) == through)
		disk_data_sync_range(inode, offset, bytes ? offset + bytes - 1 : INT64_MAX);
	return 0;
}

int disk_file_advise(struct sim_file *file, int64_t length, unsigned advice)
{
	struct sim_inode *inode = NULL;
	int error = disk_file_usable(file, &inode);

	if (error == -EBADF || error == -EIO)
		return error;
	if (error && strncmp(file->ops->name, "pipe", 4) == 0)
		return -ESPIPE;
	return length < 0 || advice > POSIX_FADV_NOREUSE ? -EINVAL : 0;
}
