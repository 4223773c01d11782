/* SPDX-License-Identifier: MIT */
/*
 * The life of the disk and of its inodes. See disk_tree.h.
 *
 * Must not know: paths, descriptors, requests.
 */
#include "sim/disk_tree.h"

#include <string.h>
#include <sys/stat.h>

#define DISK_LIMIT (UINT64_C(256) << 20)

char *disk_text_copy(struct sim *sim, const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = sim_alloc(sim, bytes);

	memcpy(copy, text, bytes);
	return copy;
}

void disk_text_free(struct sim *sim, char *text)
{
	if (text)
		sim_free(sim, text, strlen(text) + 1);
}

bool disk_inode_is(const struct sim_inode *inode, uint32_t type)
{
	return (inode->mode & S_IFMT) == type;
}

void disk_inode_touch(struct sim_inode *inode, bool modified)
{
	int64_t now = sim_now(inode->disk->sim);

	inode->times.change = now;
	if (modified)
		inode->times.modify = now;
}

struct sim_inode *disk_inode_new(struct sim_disk *disk, uint32_t mode)
{
	struct sim_inode *inode = sim_alloc(disk->sim, sizeof *inode);

	list_init(&inode->node);
	list_push_back(&disk->inodes, &inode->node);
	inode->disk = disk;
	inode->number = disk->next_number++;
	inode->mode = mode;
	inode->users = 1;
	inode->born = sim_now(disk->sim);
	inode->times = (struct sim_times){ inode->born, inode->born, inode->born };
	inode->durable_times = inode->times;
	inode->data.shrunk_to = INT64_MAX;
	return inode;
}

static void inode_free(struct sim_inode *inode)
{
	struct sim *sim = inode->disk->sim;

	check(inode->names.count == 0 && inode->durable_names.count == 0);
	disk_data_free(inode);
	disk_names_free(sim, &inode->names);
	disk_names_free(sim, &inode->durable_names);
	disk_xattr_free(sim, &inode->xattrs);
	disk_xattr_free(sim, &inode->durable_xattrs);
	disk_text_free(sim, inode->target);
	list_remove(&inode->node);
	sim_free(sim, inode, sizeof *inode);
}

/* Nobody can reach it but a loss of power: what is not durable goes, its space is free. */
static void inode_evict(struct sim_inode *inode)
{
	if (inode->is_evicted)
		return;
	inode->is_evicted = true;
	disk_data_evict(inode);
}

void disk_inode_adopt(struct sim_inode *child, struct sim_inode *parent)
{
	struct sim_inode *old = child->parent;

	if (parent)
		disk_inode_use(parent);
	child->parent = parent;
	if (old)
		disk_inode_leave(old);
}

/*
 * A loop, not a recursion: an orphan that goes may be the last to have used its parent. A
 * directory whose durable names remain keeps them, and its parent, until those are gone.
 */
void disk_inode_settle(struct sim_inode *inode)
{
	while (inode && inode->links == 0 && inode->users == 0) {
		struct sim_inode *parent = inode->parent;

		inode_evict(inode);
		inode->parent = NULL;
		if (inode->durable_holders == 0 && inode->durable_names.count == 0)
			inode_free(inode);
		if (!parent)
			return;
		check(parent->users > 0);
		parent->users--;
		inode = parent;
	}
}

void disk_inode_use(struct sim_inode *inode)
{
	inode->users++;
}

void disk_inode_leave(struct sim_inode *inode)
{
	check(inode->users > 0);
	inode->users--;
	disk_inode_settle(inode);
}

struct sim_disk *sim_disk_new(struct sim *sim)
{
	struct sim_disk *disk = sim_alloc(sim, sizeof *disk);
	struct sim_inode *tmp;
	struct sim_effect effect;

	disk->sim = sim;
	disk->limit = DISK_LIMIT;
	disk->next_number = 1;
	list_init(&disk->inodes);
	list_init(&disk->changes);
	disk->root = disk_inode_new(disk, S_IFDIR | 0755);
	disk->root->parent = disk->root;
	disk->root->links = 2;
	tmp = disk_inode_new(disk, S_IFDIR | S_ISVTX | 0777);
	effect = (struct sim_effect){ .dir = disk->root, .inode = tmp, .name = "tmp" };
	disk_change(disk, &effect, 1);
	disk_inode_leave(tmp);
	disk_changes_commit(disk, 1);
	return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
	struct sim *sim = disk->sim;

	disk_changes_forget(disk);
	while (!list_is_empty(&disk->inodes)) {
		struct sim_inode *inode =
			list_entry(disk->inodes.next, struct sim_inode, node);

		disk_names_free(sim, &inode->names);
		disk_names_free(sim, &inode->durable_names);
		inode_free(inode);
	}
	check(disk->used == 0);
	sim_free(sim, disk, sizeof *disk);
}

void sim_disk_set_limit(struct sim *sim, uint64_t bytes)
{
	sim_disk(sim)->limit = bytes;
}
