/* SPDX-License-Identifier: MIT */
/*
 * open: what is looked up or made, what is refused, in the order of do_open in fs/namei.c. The
 * descriptor is taken first, as Linux does: with none left nothing is made.
 *
 * Must not know: requests.
 */
#include "sim/disk_tree.h"
#include "sim/world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#define UMASK 022
#define TMPFILE (O_TMPFILE & ~O_DIRECTORY)

static bool wants_to_write(const struct open_how *how)
{
	return (how->flags & O_ACCMODE) != O_RDONLY || how->flags & O_TRUNC;
}

/* What is there already. */
static int open_found(const struct disk_walk *walk, const struct open_how *how)
{
	struct sim_inode *inode = walk->found;
	bool is_dir = disk_inode_is(inode, S_IFDIR);

	if (how->flags & O_CREAT && how->flags & O_EXCL)
		return -EEXIST;
	if (how->flags & O_CREAT && is_dir)
		return -EISDIR;
	if ((how->flags & O_DIRECTORY || walk->has_slash) && !is_dir)
		return -ENOTDIR;
	if (how->flags & O_PATH)
		return 0;
	if (disk_inode_is(inode, S_IFLNK))
		return -ELOOP;
	if (is_dir && wants_to_write(how))
		return -EISDIR;
	if (disk_inode_is(inode, S_IFSOCK))
		return -ENXIO;
	if (how->flags & O_TRUNC) {
		disk_data_resize(inode, 0);
		disk_inode_touch(inode, true);
	}
	return 0;
}

static uint32_t new_mode(const struct open_how *how)
{
	return S_IFREG | ((uint32_t)how->mode & 07777 & ~(uint32_t)UMASK);
}

static int open_new(const struct disk_walk *walk, const struct open_how *how,
		    struct sim_inode **ret_inode)
{
	int error = disk_may_create(walk->dir->disk->sim, walk, false);
	struct sim_effect effect = { .dir = walk->dir, .name = walk->name };

	if (error)
		return error;
	effect.inode = disk_inode_new(walk->dir->disk, new_mode(how));
	disk_change(walk->dir->disk, &effect, 1);
	*ret_inode = effect.inode;
	return 0;
}

static int open_unnamed(const struct disk_start *start, const char *path,
			const struct open_how *how, struct sim_inode **ret_inode)
{
	struct sim_inode *dir;
	int error = disk_lookup(start, path, &dir);

	if (error)
		return error;
	if (!disk_inode_is(dir, S_IFDIR))
		return -ENOTDIR;
	/* A removed directory will do. */
	if (sim_happens(start->sim, SIM_NO_SPACE))
		return -ENOSPC;
	*ret_inode = disk_inode_new(dir->disk, new_mode(how));
	(*ret_inode)->is_linkable = !(how->flags & O_EXCL);
	return 0;
}

/* *@ret_inode has one user more: the caller. */
static int open_inode(const struct disk_start *start, const char *path,
		      const struct open_how *how, struct sim_inode **ret_inode)
{
	struct disk_walk walk;
	int error;

	if (how->flags & TMPFILE)
		return open_unnamed(start, path, how, ret_inode);
	error = disk_walk(start, path, &walk);
	if (error)
		return error;
	if (!walk.found)
		return how->flags & O_CREAT ? open_new(&walk, how, ret_inode) : -ENOENT;
	error = open_found(&walk, how);
	if (error)
		return error;
	disk_inode_use(walk.found);
	*ret_inode = walk.found;
	return 0;
}

int disk_open(const struct disk_start *start, const char *path, const struct open_how *how)
{
	bool is_exclusive = how->flags & O_CREAT && how->flags & O_EXCL;
	struct disk_start walk = *start;
	struct sim_disk_file *file = disk_file_new(start->sim, (int)how->flags);
	int fd = sim_fd_install(start->sim, &file->file);
	int error;

	if (fd < 0) {
		sim_file_hold(&file->file);
		sim_file_drop(&file->file);
		return fd;
	}
	if (!(how->flags & O_NOFOLLOW) && !is_exclusive)
		walk.how |= DISK_FOLLOW;
	if (is_exclusive)
		walk.how |= DISK_PARENT;
	if (how->flags & O_CREAT)
		walk.how |= DISK_NO_SLASH;
	error = open_inode(&walk, path, how, &file->inode);
	if (!error) {
		sim_fd_set_flags(start->sim, fd, how->flags & O_CLOEXEC ? FD_CLOEXEC : 0);
		return fd;
	}
	sim_fd_close(start->sim, fd);
	return error;
}
