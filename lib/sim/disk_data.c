/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a regular file: pages of 4 KiB, made when they are written, zeros where there is
 * none. Every page is counted against the disk's limit.
 *
 * Invariant: bytes of a page behind the file's size are zero. A page that is not in the array is a
 * hole, now and on the disk.
 *
 * Must not know: descriptors, names, what a loss of power leaves.
 */
#include "sim/disk_tree.h"

#include <errno.h>
#include <string.h>

#define SECTORS (DISK_PAGE / DISK_SECTOR)
#define VERSIONS_MAX 3 /* of one sector, between the durable and the present one */

struct sim_page *disk_page_find(struct sim_data *data, int64_t index, size_t *ret_place)
{
	size_t low = 0, high = data->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (data->pages[middle]->index < index)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_place = low;
	return low < data->count && data->pages[low]->index == index ? data->pages[low] : NULL;
}

static struct sim_page *page_get(struct sim_inode *inode, int64_t index)
{
	struct sim_data *data = &inode->data;
	size_t place;

	return disk_page_find(data, index, &place);
}

void disk_page_drop_now(struct sim_inode *inode, struct sim_page *page)
{
	if (page->now && page->now != page->durable)
		sim_free(inode->disk->sim, page->now, DISK_PAGE);
	page->now = NULL;
}

void disk_page_drop_durable(struct sim_inode *inode, struct sim_page *page)
{
	if (page->durable && page->now != page->durable)
		sim_free(inode->disk->sim, page->durable, DISK_PAGE);
	page->durable = NULL;
}

void disk_page_drop_versions(struct sim_inode *inode, struct sim_page *page)
{
	while (page->versions) {
		struct sim_version *version = page->versions;

		page->versions = version->next;
		sim_free(inode->disk->sim, version, sizeof *version);
	}
}

void disk_page_set_allocated(struct sim_inode *inode, struct sim_page *page, bool is_allocated)
{
	if (page->is_allocated == is_allocated)
		return;
	page->is_allocated = is_allocated;
	inode->data.allocated += is_allocated ? 1 : -UINT64_C(1);
	inode->disk->used += is_allocated ? DISK_PAGE : -(uint64_t)DISK_PAGE;
}

static void page_free(struct sim_inode *inode, struct sim_page *page)
{
	disk_page_set_allocated(inode, page, false);
	disk_page_drop_versions(inode, page);
	disk_page_drop_now(inode, page);
	disk_page_drop_durable(inode, page);
	sim_free(inode->disk->sim, page, sizeof *page);
}

/* Pages that say nothing: holes, now and on the disk. */
void disk_data_drop_empty(struct sim_inode *inode)
{
	struct sim_data *data = &inode->data;
	size_t kept = 0;

	for (size_t i = 0; i < data->count; i++) {
		struct sim_page *page = data->pages[i];

		if (page->now || page->durable || page->is_allocated)
			data->pages[kept++] = page;
		else
			page_free(inode, page);
	}
	data->count = kept;
}

void disk_data_free(struct sim_inode *inode)
{
	struct sim_data *data = &inode->data;

	for (size_t i = 0; i < data->count; i++)
		page_free(inode, data->pages[i]);
	if (data->capacity)
		sim_free(inode->disk->sim, data->pages, data->capacity * sizeof *data->pages);
	*data = (struct sim_data){ .shrunk_to = INT64_MAX };
}

static void pages_grow(struct sim_inode *inode)
{
	struct sim_data *data = &inode->data;
	size_t capacity = data->capacity ? 2 * data->capacity : 8;
	struct sim_page **pages = sim_alloc(inode->disk->sim, capacity * sizeof *pages);

	if (data->count)
		memcpy(pages, data->pages, data->count * sizeof *pages);
	if (data->capacity)
		sim_free(inode->disk->sim, data->pages, data->capacity * sizeof *pages);
	data->pages = pages;
	data->capacity = capacity;
}

/* The page, allocated, or NULL: the disk is full. */
static struct sim_page *page_make(struct sim_inode *inode, int64_t index)
{
	struct sim_data *data = &inode->data;
	struct sim_disk *disk = inode->disk;
	size_t place;
	struct sim_page *page = disk_page_find(data, index, &place);

	if (page && page->is_allocated)
		return page;
	if (disk->used + DISK_PAGE > disk->limit)
		return NULL;
	if (!page) {
		page = sim_alloc(disk->sim, sizeof *page);
		page->index = index;
		if (data->count == data->capacity)
			pages_grow(inode);
		memmove(&data->pages[place + 1], &data->pages[place],
			(data->count - place) * sizeof page);
		data->pages[place] = page;
		data->count++;
	}
	disk_page_set_allocated(inode, page, true);
	return page;
}

static void version_save(struct sim_inode *inode, struct sim_page *page, unsigned sector)
{
	struct sim_version **end = &page->versions, **oldest = NULL;
	struct sim_version *version;
	unsigned count = 0;

	for (; *end; end = &(*end)->next) {
		if ((*end)->sector != sector)
			continue;
		count++;
		if (!oldest)
			oldest = end;
	}
	version = sim_alloc(inode->disk->sim, sizeof *version);
	version->sector = sector;
	memcpy(version->bytes, page->now + sector * DISK_SECTOR, DISK_SECTOR);
	*end = version;
	if (count == VERSIONS_MAX) {
		version = *oldest;
		*oldest = version->next;
		sim_free(inode->disk->sim, version, sizeof *version);
	}
}

/* Before bytes from..end of @page are written: its memory is its own, what was there is kept. */
static void page_open(struct sim_inode *inode, struct sim_page *page, size_t from, size_t end)
{
	bool was_there = page->now;

	if (!page->now || page->now == page->durable) {
		uint8_t *fresh = sim_alloc(inode->disk->sim, DISK_PAGE);

		if (page->now)
			memcpy(fresh, page->now, DISK_PAGE);
		page->now = fresh;
	}
	for (size_t sector = from / DISK_SECTOR; sector * DISK_SECTOR < end; sector++) {
		if (was_there && (page->dirty & 1u << sector))
			version_save(inode, page, (unsigned)sector);
		page->dirty |= (uint8_t)(1u << sector);
	}
}

size_t disk_data_read(struct sim_inode *inode, int64_t offset, const struct sim_io *io)
{
	static const uint8_t zeros[DISK_PAGE];
	size_t done = 0, bytes = io->bytes;

	if (offset >= inode->data.size)
		return 0;
	if ((uint64_t)(inode->data.size - offset) < bytes)
		bytes = (size_t)(inode->data.size - offset);
	while (done < bytes) {
		int64_t place = offset + (int64_t)done;
		size_t within = (size_t)(place % DISK_PAGE), count = DISK_PAGE - within;
		const struct sim_page *page = page_get(inode, place / DISK_PAGE);

		if (count > bytes - done)
			count = bytes - done;
		sim_io_fill(io, done, page && page->now ? page->now + within : zeros, count);
		done += count;
	}
	return done;
}

int64_t disk_data_write(struct sim_inode *inode, int64_t offset, const struct sim_io *io)
{
	struct sim_data *data = &inode->data;
	size_t done = 0;

	while (done < io->bytes) {
		int64_t place = offset + (int64_t)done;
		size_t within = (size_t)(place % DISK_PAGE), count = DISK_PAGE - within;
		struct sim_page *page = page_make(inode, place / DISK_PAGE);

		if (!page)
			break;
		if (count > io->bytes - done)
			count = io->bytes - done;
		page_open(inode, page, within, within + count);
		sim_io_drain(io, done, page->now + within, count);
		done += count;
	}
	if (done > 0 && data->size < offset + (int64_t)done)
		data->size = offset + (int64_t)done;
	return done > 0 || io->bytes == 0 ? (int64_t)done : -ENOSPC;
}

/* The page is behind the end now; the disk may still have it. */
static void page_cut(struct sim_inode *inode, struct sim_page *page)
{
	disk_page_drop_versions(inode, page);
	disk_page_drop_now(inode, page);
	page->dirty = page->durable ? 0xff : 0;
	disk_page_set_allocated(inode, page, false);
}

/* Zeroes @page from @from on, in what was between as well: no state after the cut shows them. */
static void page_cut_tail(struct sim_inode *inode, struct sim_page *page, size_t from)
{
	if (!page->now)
		return;
	if (page->now == page->durable)
		page_open(inode, page, from, DISK_PAGE);
	memset(page->now + from, 0, DISK_PAGE - from);
	for (size_t sector = from / DISK_SECTOR; sector < SECTORS; sector++)
		page->dirty |= (uint8_t)(1u << sector);
	for (struct sim_version *version = page->versions; version; version = version->next) {
		size_t start = (size_t)version->sector * DISK_SECTOR;
		size_t cut = from > start ? from - start : 0;

		if (cut < DISK_SECTOR)
			memset(version->bytes + cut, 0, DISK_SECTOR - cut);
	}
}

void disk_data_resize(struct sim_inode *inode, int64_t size)
{
	struct sim_data *data = &inode->data;

	for (size_t i = 0; size <= data->size && i < data->count; i++) {
		struct sim_page *page = data->pages[i];
		int64_t start = page->index * DISK_PAGE;

		if (start >= size)
			page_cut(inode, page);
		else if (size - start < DISK_PAGE)
			page_cut_tail(inode, page, (size_t)(size - start));
	}
	if (size < data->size && size < data->shrunk_to)
		data->shrunk_to = size;
	data->size = size;
	disk_data_drop_empty(inode);
}

/* All or nothing, as fallocate. */
int disk_data_allocate(struct sim_inode *inode, int64_t offset, int64_t end)
{
	struct sim_disk *disk = inode->disk;
	uint64_t missing = (uint64_t)((end - 1) / DISK_PAGE - offset / DISK_PAGE + 1);
	size_t place;

	disk_page_find(&inode->data, offset / DISK_PAGE, &place);
	for (; place < inode->data.count; place++) {
		const struct sim_page *page = inode->data.pages[place];

		if (page->index > (end - 1) / DISK_PAGE)
			break;
		missing -= page->is_allocated;
	}
	if (disk->used > disk->limit || missing > (disk->limit - disk->used) / DISK_PAGE)
		return -ENOSPC;
	for (int64_t index = offset / DISK_PAGE; index <= (end - 1) / DISK_PAGE; index++)
		check(page_make(inode, index));
	return 0;
}

void disk_data_zero(struct sim_inode *inode, int64_t offset, int64_t end, bool give_back)
{
	struct sim_data *data = &inode->data;
	size_t place;

	disk_page_find(data, offset / DISK_PAGE, &place);
	for (; place < data->count; place++) {
		struct sim_page *page = data->pages[place];
		int64_t start = page->index * DISK_PAGE;
		size_t from = offset > start ? (size_t)(offset - start) : 0;
		size_t until = end - start < DISK_PAGE ? (size_t)(end - start) : DISK_PAGE;

		if (start >= end)
			break;
		if (page->now) {
			page_open(inode, page, from, until);
			memset(page->now + from, 0, until - from);
		}
		if (!give_back || from > 0 || until < DISK_PAGE)
			continue;
		disk_page_drop_now(inode, page);
		disk_page_set_allocated(inode, page, false);
	}
	disk_data_drop_empty(inode);
}
