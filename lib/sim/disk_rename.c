/* SPDX-License-Identifier: MIT */
/*
 * rename, with RENAME_NOREPLACE and RENAME_EXCHANGE. The order in which errors are looked for is
 * that of do_renameat2 in fs/namei.c.
 *
 * Must not know: requests, descriptors.
 */
#include "sim/disk_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Is @inode @dir, or one of the directories that lead to it? */
static bool leads_to(const struct sim_inode *inode, const struct sim_inode *dir)
{
	while (dir != inode && dir->parent != dir)
		dir = dir->parent;
	return dir == inode;
}

static int check_last(const struct disk_walk *from, const struct disk_walk *to, unsigned flags)
{
	if (from->last != DISK_LAST_NAME)
		return -EBUSY;
	if (to->last != DISK_LAST_NAME)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (!from->found)
		return -ENOENT;
	if (flags & RENAME_NOREPLACE && to->found)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE && !to->found)
		return -ENOENT;
	return 0;
}

static int check_slashes(const struct disk_walk *from, const struct disk_walk *to, unsigned flags)
{
	if (flags & RENAME_EXCHANGE && to->has_slash && !disk_inode_is(to->found, S_IFDIR))
		return -ENOTDIR;
	if (disk_inode_is(from->found, S_IFDIR))
		return 0;
	if (from->has_slash || (to->has_slash && !(flags & RENAME_EXCHANGE)))
		return -ENOTDIR;
	return 0;
}

/* No directory may be moved into itself, and none of those that lead to the other be replaced. */
static int check_loops(const struct disk_walk *from, const struct disk_walk *to, unsigned flags)
{
	if (leads_to(from->found, to->dir))
		return -EINVAL;
	if (to->found && leads_to(to->found, from->dir))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int check_target(const struct disk_walk *from, const struct disk_walk *to, unsigned flags)
{
	bool is_dir = disk_inode_is(from->found, S_IFDIR);

	if (!to->found)
		return to->dir->links == 0 ? -ENOENT : 0;
	if (flags & RENAME_EXCHANGE)
		return 0;
	if (is_dir && !disk_inode_is(to->found, S_IFDIR))
		return -ENOTDIR;
	if (!is_dir && disk_inode_is(to->found, S_IFDIR))
		return -EISDIR;
	return is_dir && to->found->names.count > 0 ? -ENOTEMPTY : 0;
}

static int rename_walked(const struct disk_walk *from, const struct disk_walk *to, unsigned flags)
{
	struct sim_disk *disk = from->dir->disk;
	struct sim_effect effects[2] = {
		{ from->dir, flags & RENAME_EXCHANGE ? to->found : NULL, from->name },
		{ to->dir, from->found, to->name },
	};
	int error = check_last(from, to, flags);

	if (!error)
		error = check_slashes(from, to, flags);
	if (!error)
		error = check_loops(from, to, flags);
	if (!error && from->found == to->found)
		return 0;
	if (!error)
		error = check_target(from, to, flags);
	if (!error && sim_happens(disk->sim, SIM_NO_SPACE))
		error = -ENOSPC;
	if (!error)
		disk_change(disk, effects, 2);
	return error;
}

int disk_rename(const struct disk_start *from, const char *from_path, const struct disk_start *to,
		const char *to_path, unsigned flags)
{
	struct disk_start parents[2] = { *from, *to };
	struct disk_walk walks[2];
	int error;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (flags & RENAME_NOREPLACE && flags & RENAME_EXCHANGE)
		return -EINVAL;
	parents[0].how |= DISK_PARENT;
	parents[1].how |= DISK_PARENT;
	error = disk_walk(&parents[0], from_path, &walks[0]);
	if (!error)
		error = disk_walk(&parents[1], to_path, &walks[1]);
	return error ? error : rename_walked(&walks[0], &walks[1], flags);
}
