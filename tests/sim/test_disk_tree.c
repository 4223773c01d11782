/* SPDX-License-Identifier: MIT */
/* The invariants of the simulated disk after random calls and losses of power. */
#include "sim/disk_rig.h"

#include <coil/file.h>
#include <coil/path.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "sim/disk_script.h"
#include "sim/disk_tree.h"

#define SCRIPTS 30

static struct script script;

static struct sim_inode *inode_of(struct coil_list *node)
{
	return list_entry(node, struct sim_inode, node);
}

/* The names of @inode in all directories, or the subdirectories that it has. */
static uint32_t count_links(struct sim_disk *disk, struct sim_inode *inode)
{
	bool is_dir = disk_inode_is(inode, S_IFDIR);
	uint32_t names = 0, children = 0;
	struct coil_list *node;

	list_for_each(node, &disk->inodes) {
		struct sim_inode *dir = inode_of(node);

		for (size_t i = 0; i < dir->names.count; i++) {
			struct sim_inode *child = dir->names.entries[i].inode;

			names += child == inode;
			children += dir == inode && disk_inode_is(child, S_IFDIR);
		}
	}
	if (!is_dir)
		return names;
	return names > 0 || inode == disk->root ? children + 2 : 0;
}

static void check_pages(const struct sim_inode *inode)
{
	const struct sim_data *data = &inode->data;
	uint64_t allocated = 0;

	for (size_t i = 0; i < data->count; i++) {
		const struct sim_page *page = data->pages[i];

		allocated += page->is_allocated;
		EXPECT(i == 0 || data->pages[i - 1]->index < page->index);
		EXPECT(page->now == page->durable || page->dirty != 0);
		EXPECT(!page->versions || page->now);
		for (size_t byte = 0; page->now && byte < DISK_PAGE; byte++) {
			if (page->index * DISK_PAGE + (int64_t)byte >= data->size &&
			    page->now[byte]) {
				FAIL("a byte behind the end is not zero");
				break;
			}
		}
	}
	EXPECT_EQ(allocated, data->allocated);
}

static void check_tree(void)
{
	struct sim_disk *disk = sim_disk(disk_world());
	struct coil_list *node;
	uint64_t pages = 0;

	list_for_each(node, &disk->inodes) {
		struct sim_inode *inode = inode_of(node);

		EXPECT_EQ(inode->links, count_links(disk, inode));
		EXPECT(inode->links || inode->users || inode->durable_holders ||
		       inode->durable_names.count);
		EXPECT(!inode->is_marked);
		check_pages(inode);
		pages += inode->data.allocated;
	}
	EXPECT_EQ(disk->used, pages * DISK_PAGE);
}

/* Right after a loss what is now and what is durable are the same. */
static void check_all_durable(void)
{
	struct sim_disk *disk = sim_disk(disk_world());
	struct coil_list *node;

	EXPECT_EQ(disk->change_count, 0);
	list_for_each(node, &disk->inodes) {
		struct sim_inode *inode = inode_of(node);

		if (inode->links == 0)
			continue;
		EXPECT_EQ(inode->names.count, inode->durable_names.count);
		EXPECT_EQ(inode->data.size, inode->data.durable_size);
		for (size_t i = 0; i < inode->data.count; i++)
			EXPECT_EQ(inode->data.pages[i]->dirty, 0);
	}
}

ON_SIMULATED(disk_tree, it_is_whole_after_calls_and_losses)
{
	int fd = coil_openat(AT_FDCWD, "/tmp", O_DIRECTORY | O_CLOEXEC, 0);

	int deep;

	(void)at;
	/* A directory that lasts, so that scripts find what the last one left. */
	EXPECT_EQ(coil_mkdirat(fd, "deep", 0755), 0);
	EXPECT_EQ(coil_mkdirat(fd, "deep/in", 0755), 0);
	deep = coil_openat(fd, "deep", O_DIRECTORY | O_CLOEXEC, 0);
	EXPECT_EQ(coil_fsync(deep), 0);
	EXPECT_EQ(coil_fsync(fd), 0);
	EXPECT_EQ(coil_close(deep), 0);
	EXPECT_EQ(coil_close(fd), 0);
	for (int i = 1; i <= SCRIPTS; i++) {
		script.seed = (uint64_t)i;
		script.dirfd = coil_openat(AT_FDCWD, "/tmp/deep/in",
					   O_DIRECTORY | O_CLOEXEC, 0);
		if (script.dirfd == -ENOENT) {
			coil_mkdirat(AT_FDCWD, "/tmp/deep", 0755);
			coil_mkdirat(AT_FDCWD, "/tmp/deep/in", 0755);
			continue;
		}
		EXPECT_GE(script.dirfd, 0);
		script_run(&script);
		check_tree();
		/* With a descriptor of it still open. */
		sim_disk_power_loss(disk_world());
		check_tree();
		check_all_durable();
		EXPECT_EQ(coil_close(script.dirfd), 0);
		check_tree();
	}
}
