/* SPDX-License-Identifier: MIT */
/*
 * Making and removing names: mkdir, mknod, symlink, link, unlink, rmdir. The order in which errors
 * are looked for is that of fs/namei.c.
 *
 * Must not know: requests, descriptors.
 */
#include "sim/disk_tree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define UMASK 022

int disk_may_create(struct sim *sim, const struct disk_walk *walk, bool is_dir)
{
	if (walk->last != DISK_LAST_NAME || walk->found)
		return -EEXIST;
	if (walk->has_slash && !is_dir)
		return -ENOENT;
	if (walk->dir->links == 0)
		return -ENOENT;
	return sim_happens(sim, SIM_NO_SPACE) ? -ENOSPC : 0;
}

/* The place for a new name. */
static int walk_to_create(const struct disk_start *start, const char *path, bool is_dir,
			  struct disk_walk *ret_walk)
{
	struct disk_start parent = *start;
	int error;

	parent.how |= DISK_PARENT;
	error = disk_walk(&parent, path, ret_walk);
	return error ? error : disk_may_create(start->sim, ret_walk, is_dir);
}

static void name_new(const struct disk_walk *walk, struct sim_inode *inode)
{
	struct sim_effect effect = { .dir = walk->dir, .inode = inode, .name = walk->name };

	disk_change(inode->disk, &effect, 1);
}

int disk_mkdir(const struct disk_start *start, const char *path, uint32_t mode)
{
	struct disk_walk walk;
	struct sim_inode *inode;
	int error = walk_to_create(start, path, true, &walk);

	if (error)
		return error;
	inode = disk_inode_new(walk.dir->disk, S_IFDIR | (mode & 01777 & ~(uint32_t)UMASK));
	name_new(&walk, inode);
	disk_inode_leave(inode);
	return 0;
}

int disk_mknod(const struct disk_start *start, const char *path, uint32_t mode,
	       struct sim_inode **ret_inode)
{
	struct disk_walk walk;
	struct sim_inode *inode;
	int error = walk_to_create(start, path, false, &walk);

	if (error)
		return error;
	inode = disk_inode_new(walk.dir->disk, mode & ~(uint32_t)UMASK);
	name_new(&walk, inode);
	disk_inode_leave(inode);
	*ret_inode = inode;
	return 0;
}

int disk_symlink(const struct disk_start *start, const char *path, const char *target)
{
	struct sim_inode *inode;
	struct disk_walk walk;
	int error = walk_to_create(start, path, false, &walk);

	if (error)
		return error;
	inode = disk_inode_new(walk.dir->disk, S_IFLNK | 0777);
	inode->target = disk_text_copy(start->sim, target);
	name_new(&walk, inode);
	disk_inode_leave(inode);
	return 0;
}

int disk_link(const struct disk_start *from, const char *from_path, const struct disk_start *to,
	      const char *to_path)
{
	struct sim_inode *inode;
	struct disk_walk walk;
	int error = disk_lookup(from, from_path, &inode);

	if (!error)
		error = walk_to_create(to, to_path, false, &walk);
	if (error)
		return error;
	if (disk_inode_is(inode, S_IFDIR))
		return -EPERM;
	if (inode->links == 0 && !inode->is_linkable)
		return -ENOENT;
	inode->is_linkable = false;
	name_new(&walk, inode);
	return 0;
}

/* @walk's name goes. */
static void name_gone(const struct disk_walk *walk)
{
	struct sim_effect effect = { .dir = walk->dir, .name = walk->name };

	disk_change(walk->dir->disk, &effect, 1);
}

static int walk_to_remove(const struct disk_start *start, const char *path,
			  struct disk_walk *ret_walk)
{
	struct disk_start parent = *start;

	parent.how |= DISK_PARENT;
	return disk_walk(&parent, path, ret_walk);
}

int disk_unlink(const struct disk_start *start, const char *path)
{
	struct disk_walk walk;
	int error = walk_to_remove(start, path, &walk);

	if (error)
		return error;
	if (walk.last != DISK_LAST_NAME)
		return -EISDIR;
	if (!walk.found)
		return -ENOENT;
	if (disk_inode_is(walk.found, S_IFDIR))
		return -EISDIR;
	if (walk.has_slash)
		return -ENOTDIR;
	name_gone(&walk);
	return 0;
}

static int rmdir_of_last(enum disk_last last)
{
	switch (last) {
	case DISK_LAST_DOT:
		return -EINVAL;
	case DISK_LAST_DOTDOT:
		return -ENOTEMPTY;
	case DISK_LAST_ROOT:
		return -EBUSY;
	case DISK_LAST_NAME:
		break;
	}
	return 0;
}

int disk_rmdir(const struct disk_start *start, const char *path)
{
	struct disk_walk walk;
	int error = walk_to_remove(start, path, &walk);

	if (!error)
		error = rmdir_of_last(walk.last);
	if (error)
		return error;
	if (!walk.found)
		return -ENOENT;
	if (!disk_inode_is(walk.found, S_IFDIR))
		return -ENOTDIR;
	if (walk.found->names.count > 0)
		return -ENOTEMPTY;
	name_gone(&walk);
	return 0;
}
