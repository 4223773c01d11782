/* SPDX-License-Identifier: MIT */
/* What statx says of an inode, and of a descriptor that stands for none. */
#include "sim/disk_tree.h"

#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>

#define NS_PER_S 1000000000

static struct statx_timestamp timestamp(int64_t ns)
{
	return (struct statx_timestamp){
		.tv_sec = ns / NS_PER_S,
		.tv_nsec = (uint32_t)(ns % NS_PER_S),
	};
}

static uint64_t stat_size(const struct sim_inode *inode)
{
	if (disk_inode_is(inode, S_IFLNK))
		return strlen(inode->target);
	return disk_inode_is(inode, S_IFDIR) ? DISK_PAGE : (uint64_t)inode->data.size;
}

/* The answers are copied: a kernel takes memory of any alignment. */
void disk_stat(const struct sim_inode *inode, void *answer)
{
	const struct statx found = {
		.stx_mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID,
		.stx_blksize = DISK_PAGE,
		.stx_nlink = inode->links,
		.stx_mode = (uint16_t)inode->mode,
		.stx_ino = inode->number,
		.stx_size = stat_size(inode),
		.stx_blocks = inode->data.allocated * (DISK_PAGE / 512),
		.stx_atime = timestamp(inode->times.access),
		.stx_btime = timestamp(inode->born),
		.stx_ctime = timestamp(inode->times.change),
		.stx_mtime = timestamp(inode->times.modify),
		.stx_dev_minor = 1,
		.stx_mnt_id = 1,
	};

	memcpy(answer, &found, sizeof found);
}

void disk_stat_other(const struct sim_file *file, void *answer)
{
	struct statx found;
	uint32_t mode = 0600;

	if (strstr(file->ops->name, "pipe"))
		mode = S_IFIFO | 0600;
	else if (strstr(file->ops->name, "socket"))
		mode = S_IFSOCK | 0777;
	found = (struct statx){
		.stx_mask = STATX_BASIC_STATS,
		.stx_blksize = DISK_PAGE,
		.stx_nlink = 1,
		.stx_mode = (uint16_t)mode,
		.stx_ino = file->id,
		.stx_dev_minor = 2,
	};
	memcpy(answer, &found, sizeof found);
}
