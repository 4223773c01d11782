/* SPDX-License-Identifier: MIT */
/*
 * Loss of power, and what calls.c and the sockets need of the disk.
 *
 * A loss draws how many of the changes of names have come through, the oldest first; then, file by
 * file, bytes (disk_sync.c) and attributes. The names of now are made anew from the durable ones:
 * what cannot be reached from "/" is gone.
 */
#include "sim/disk_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static struct sim_inode *inode_of(struct coil_list *node)
{
	return list_entry(node, struct sim_inode, node);
}

/* Marks what can be reached by durable names; whoever is marked is looked at once. */
static void mark_reachable(struct sim_disk *disk)
{
	struct coil_list *node;
	bool is_new = true;

	disk->root->is_marked = true;
	while (is_new) {
		is_new = false;
		list_for_each(node, &disk->inodes) {
			struct sim_inode *dir = inode_of(node);

			for (size_t i = 0; dir->is_marked && i < dir->durable_names.count; i++) {
				struct sim_inode *inode = dir->durable_names.entries[i].inode;

				is_new |= !inode->is_marked;
				inode->is_marked = true;
			}
		}
	}
}

/* The names of now, and of what is lost the durable ones, too. */
static void forget_names(struct sim *sim, struct sim_inode *inode)
{
	disk_names_free(sim, &inode->names);
	inode->links = 0;
	if (inode->is_marked)
		return;
	for (size_t i = 0; i < inode->durable_names.count; i++)
		inode->durable_names.entries[i].inode->durable_holders--;
	disk_names_free(sim, &inode->durable_names);
}

static void restore_names(struct sim_inode *dir)
{
	const struct sim_names *durable = &dir->durable_names;

	if (!disk_inode_is(dir, S_IFDIR))
		return;
	dir->links += 2;
	for (size_t i = 0; i < durable->count; i++) {
		struct sim_inode *inode = durable->entries[i].inode;

		disk_names_set(dir->disk->sim, &dir->names, durable->entries[i].text, inode);
		if (!disk_inode_is(inode, S_IFDIR)) {
			inode->links++;
			continue;
		}
		dir->links++;
		disk_inode_adopt(inode, dir);
	}
}

static void lose_attributes(struct sim_inode *inode)
{
	struct sim *sim = inode->disk->sim;

	if (inode->has_new_xattrs && sim_pick(sim, 2) == 0)
		disk_xattr_copy(sim, &inode->xattrs, inode->durable_xattrs);
	else if (inode->has_new_xattrs)
		disk_xattr_copy(sim, &inode->durable_xattrs, inode->xattrs);
	inode->has_new_xattrs = false;
	inode->times = inode->durable_times;
}

static void for_each_inode(struct sim_disk *disk, void (*visit)(struct sim_inode *inode))
{
	for (struct coil_list *node = disk->inodes.next, *next; node != &disk->inodes;
	     node = next) {
		next = node->next;
		visit(inode_of(node));
	}
}

static void hold_one(struct sim_inode *inode)
{
	disk_inode_use(inode);
}

static void forget_one(struct sim_inode *inode)
{
	forget_names(inode->disk->sim, inode);
}

static void restore_one(struct sim_inode *inode)
{
	if (!inode->is_marked)
		return;
	inode->is_evicted = false;
	disk_data_lose(inode);
	lose_attributes(inode);
	restore_names(inode);
}

static void orphan_one(struct sim_inode *inode)
{
	if (!inode->is_marked && inode->parent)
		disk_inode_adopt(inode, NULL);
	inode->is_marked = false;
}

static void lose_file(struct sim_inode *inode)
{
	if (!inode->is_marked)
		disk_data_evict(inode);
}

void sim_disk_power_loss(struct sim *sim)
{
	struct sim_disk *disk = sim_disk(sim);
	struct coil_list *node, *next;

	disk->epoch++;
	disk_changes_commit(disk, sim_pick(sim, (uint32_t)disk->change_count + 1));
	disk_changes_forget(disk);
	for_each_inode(disk, hold_one);
	mark_reachable(disk);
	for_each_inode(disk, forget_one);
	for_each_inode(disk, lose_file);
	for_each_inode(disk, restore_one);
	for_each_inode(disk, orphan_one);
	/* One more user each until here; the last to leave may take a parent along that is next. */
	for (node = disk->inodes.prev; node != &disk->inodes; node = next) {
		next = node->prev;
		disk_inode_leave(inode_of(node));
	}
}

int sim_disk_unlink(struct sim *sim, const char *path)
{
	struct disk_start start = { .sim = sim, .dirfd = AT_FDCWD };

	return disk_unlink(&start, path);
}

int sim_disk_chmod(struct sim *sim, const char *path, uint32_t mode)
{
	struct disk_start start = { .sim = sim, .dirfd = AT_FDCWD, .how = DISK_FOLLOW };
	struct sim_inode *inode;
	int error = disk_lookup(&start, path, &inode);

	if (error)
		return error;
	inode->mode = (inode->mode & (uint32_t)S_IFMT) | (mode & 07777u);
	disk_inode_touch(inode, false);
	return 0;
}

int sim_disk_ftruncate(struct sim *sim, int fd, int64_t length)
{
	struct sim_file *file = sim_fd_file(sim, fd);

	if (!file)
		return length < 0 ? -EINVAL : -EBADF;
	return disk_file_truncate(file, length);
}

int sim_disk_bind_socket(struct sim *sim, const char *path, uint64_t *ret_number)
{
	struct disk_start start = { .sim = sim, .dirfd = AT_FDCWD };
	struct sim_inode *inode = NULL;
	int error = disk_mknod(&start, path, S_IFSOCK | 0777, &inode);

	if (error)
		return error == -EEXIST ? -EADDRINUSE : error;
	*ret_number = inode->number;
	return 0;
}

int sim_disk_find_socket(struct sim *sim, const char *path, uint64_t *ret_number)
{
	struct disk_start start = { .sim = sim, .dirfd = AT_FDCWD, .how = DISK_FOLLOW };
	struct sim_inode *inode = NULL;
	int error = disk_lookup(&start, path, &inode);

	if (error)
		return error;
	if (!disk_inode_is(inode, S_IFSOCK))
		return -ECONNREFUSED;
	*ret_number = inode->number;
	return 0;
}
