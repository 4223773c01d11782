/* SPDX-License-Identifier: MIT */
/*
 * Which bytes of a file are durable, and what a loss of power leaves of the others.
 *
 * A loss draws, for each file: whether a cut below the durable size has come through (if not,
 * nothing behind the cut has changed); then the size; then for each dirty sector by itself what it
 * held: what was durable, what one of the writes since had left, or what it is now. So writes are
 * torn at any sector, and no sector is torn.
 *
 * Must not know: descriptors, names.
 */
#include "sim/disk_tree.h"

#include <string.h>
#include <sys/stat.h>

#define SECTORS (DISK_PAGE / DISK_SECTOR)

static void page_sync(struct sim_inode *inode, struct sim_page *page)
{
	if (page->now != page->durable) {
		disk_page_drop_durable(inode, page);
		page->durable = page->now;
	}
	disk_page_drop_versions(inode, page);
	page->dirty = 0;
}

void disk_data_sync(struct sim_inode *inode)
{
	struct sim_data *data = &inode->data;

	for (size_t i = 0; i < data->count; i++)
		page_sync(inode, data->pages[i]);
	disk_data_drop_empty(inode);
	data->durable_size = data->size;
	data->shrunk_to = INT64_MAX;
}

/* Not behind a cut that is not durable itself: there the disk has what was before the cut. */
void disk_data_sync_range(struct sim_inode *inode, int64_t offset, int64_t end)
{
	struct sim_data *data = &inode->data;

	for (size_t i = 0; i < data->count; i++) {
		struct sim_page *page = data->pages[i];
		int64_t start = page->index * DISK_PAGE;
		bool is_cut = data->shrunk_to < data->durable_size &&
			      (data->shrunk_to < start || data->shrunk_to - start < DISK_PAGE);

		if (start <= end && (offset <= start || offset - start < DISK_PAGE) && !is_cut)
			page_sync(inode, page);
	}
	disk_data_drop_empty(inode);
}

/* Back to what is durable: all that a file without a name can come back with. */
void disk_data_evict(struct sim_inode *inode)
{
	struct sim_data *data = &inode->data;

	for (size_t i = 0; i < data->count; i++) {
		struct sim_page *page = data->pages[i];

		disk_page_drop_versions(inode, page);
		disk_page_drop_now(inode, page);
		page->now = page->durable;
		page->dirty = 0;
		disk_page_set_allocated(inode, page, false);
	}
	disk_data_drop_empty(inode);
	data->size = data->durable_size;
	data->shrunk_to = INT64_MAX;
}

void disk_inode_sync(struct sim_inode *inode, bool data_only)
{
	struct sim *sim = inode->disk->sim;

	disk_data_sync(inode);
	if (disk_inode_is(inode, S_IFDIR))
		disk_changes_commit_dir(inode);
	if (data_only)
		return;
	inode->durable_times = inode->times;
	if (inode->has_new_xattrs)
		disk_xattr_copy(sim, &inode->durable_xattrs, inode->xattrs);
	inode->has_new_xattrs = false;
}

/* One of a sector's states. */
static const uint8_t *pick_version(struct sim *sim, const struct sim_page *page, unsigned sector,
				   const uint8_t *base)
{
	static const uint8_t zeros[DISK_SECTOR];
	const struct sim_version *version;
	uint32_t count = 0, chosen;

	for (version = page->versions; version; version = version->next)
		count += version->sector == sector;
	chosen = sim_pick(sim, count + 2);
	if (chosen == 0)
		return base;
	for (version = page->versions; version; version = version->next)
		if (version->sector == sector && --chosen == 0)
			return version->bytes;
	return page->now ? page->now + sector * DISK_SECTOR : zeros;
}

/* What is durable of @page, without what lies at @cut and behind it. */
static void page_base(const struct sim_page *page, int64_t cut, uint8_t base[DISK_PAGE])
{
	int64_t start = page->index * DISK_PAGE;
	size_t kept = DISK_PAGE;

	if (cut <= start)
		kept = 0;
	else if (cut - start < DISK_PAGE)
		kept = (size_t)(cut - start);
	memset(base, 0, DISK_PAGE);
	if (page->durable)
		memcpy(base, page->durable, kept);
}

struct loss {
	int64_t cut;	/* what was durable is gone from here on; INT64_MAX: nothing is */
	int64_t frozen; /* nothing has changed from here on; INT64_MAX: all may have */
};

static void page_lose(struct sim_inode *inode, struct sim_page *page, const struct loss *loss)
{
	struct sim *sim = inode->disk->sim;
	int64_t start = page->index * DISK_PAGE;
	uint8_t *left;

	if (page->dirty == 0)
		return;
	left = sim_alloc(sim, DISK_PAGE);
	page_base(page, loss->cut, left);
	for (unsigned sector = 0; sector < SECTORS; sector++) {
		int64_t last = start + (int64_t)(sector + 1) * DISK_SECTOR - 1;
		uint8_t *place = left + sector * DISK_SECTOR;

		if (!(page->dirty & 1u << sector) || last >= loss->frozen)
			continue;
		memmove(place, pick_version(sim, page, sector, place), DISK_SECTOR);
	}
	disk_page_drop_now(inode, page);
	page->now = left;
}

static int64_t pick_size(struct sim *sim, int64_t low, int64_t high)
{
	int64_t first = low / DISK_SECTOR + 1;
	int64_t sectors = (high - 1) / DISK_SECTOR - first + 1;
	uint32_t way;

	if (high <= low)
		return sim_pick(sim, 2) == 0 || high == low ? low : high;
	way = sim_pick(sim, sectors > 0 ? 3 : 2);
	if (way < 2)
		return way == 0 ? low : high;
	if (sectors > UINT32_MAX)
		sectors = UINT32_MAX;
	return (first + sim_pick(sim, (uint32_t)sectors)) * DISK_SECTOR;
}

void disk_data_lose(struct sim_inode *inode)
{
	struct sim_data *data = &inode->data;
	struct sim *sim = inode->disk->sim;
	bool was_cut = data->shrunk_to < data->durable_size;
	bool came_through = was_cut && sim_pick(sim, 2) == 1;
	struct loss loss = {
		.cut = came_through ? data->shrunk_to : INT64_MAX,
		.frozen = was_cut && !came_through ? data->shrunk_to : INT64_MAX,
	};
	int64_t size = data->durable_size;

	if (came_through)
		size = pick_size(sim, data->shrunk_to, data->size);
	else if (!was_cut && data->size != data->durable_size)
		size = pick_size(sim, data->durable_size, data->size);
	for (size_t i = 0; i < data->count; i++)
		page_lose(inode, data->pages[i], &loss);
	data->size = INT64_MAX;
	disk_data_resize(inode, size);
	disk_data_sync(inode);
	for (size_t i = 0; i < data->count; i++)
		disk_page_set_allocated(inode, data->pages[i], true);
}
