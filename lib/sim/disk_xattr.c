/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes: names with values, as tmpfs has them (user., trusted., security.), at most
 * 128 of them and 128 KiB in a file.
 *
 * Must not know: descriptors, paths, requests.
 */
#include "sim/disk_tree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define XATTRS_MAX 128
#define XATTR_BYTES_MAX (128 << 10)
#define XATTR_VALUE_MAX (64 << 10)

static struct sim_xattr **xattr_place(struct sim_xattr **list, const char *name)
{
	while (*list && strcmp((*list)->name, name) != 0)
		list = &(*list)->next;
	return list;
}

static const char *after_prefix(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(name, prefix, length) == 0 ? name + length : NULL;
}

int disk_xattr_check_name(const struct sim_inode *inode, const char *name, bool writes)
{
	const char *rest = after_prefix(name, "user.");
	bool has_user_data = disk_inode_is(inode, S_IFREG) || disk_inode_is(inode, S_IFDIR);

	if (rest && !has_user_data)
		return writes ? -EPERM : -ENODATA;
	if (!rest)
		rest = after_prefix(name, "trusted.");
	if (!rest)
		rest = after_prefix(name, "security.");
	if (!rest)
		return -EOPNOTSUPP;
	return *rest ? 0 : -EINVAL;
}

int disk_xattr_get(const struct sim_inode *inode, const char *name, void *value, size_t size)
{
	const struct sim_xattr *xattr = inode->xattrs;

	while (xattr && strcmp(xattr->name, name) != 0)
		xattr = xattr->next;
	if (!xattr)
		return -ENODATA;
	if (size == 0)
		return (int)xattr->bytes;
	if (size < xattr->bytes)
		return -ERANGE;
	if (xattr->bytes)
		memcpy(value, xattr->value, xattr->bytes);
	return (int)xattr->bytes;
}

static struct sim_xattr *xattr_new(struct sim *sim, const char *name, const void *value,
				   size_t bytes)
{
	struct sim_xattr *xattr = sim_alloc(sim, sizeof *xattr);

	xattr->name = disk_text_copy(sim, name);
	xattr->bytes = bytes;
	if (bytes > 0) {
		xattr->value = sim_alloc(sim, bytes);
		memcpy(xattr->value, value, bytes);
	}
	return xattr;
}

static void xattr_remove(struct sim *sim, struct sim_xattr **place)
{
	struct sim_xattr *xattr = *place;

	*place = xattr->next;
	disk_text_free(sim, xattr->name);
	if (xattr->bytes)
		sim_free(sim, xattr->value, xattr->bytes);
	sim_free(sim, xattr, sizeof *xattr);
}

void disk_xattr_free(struct sim *sim, struct sim_xattr **list)
{
	while (*list)
		xattr_remove(sim, list);
}

void disk_xattr_copy(struct sim *sim, struct sim_xattr **to, const struct sim_xattr *from)
{
	disk_xattr_free(sim, to);
	for (; from; from = from->next) {
		*to = xattr_new(sim, from->name, from->value, from->bytes);
		to = &(*to)->next;
	}
}

/* Is there room for @bytes in the place of @replaced (NULL: beside the others)? */
static bool has_room(const struct sim_inode *inode, const struct sim_xattr *replaced, size_t bytes)
{
	size_t count = 1;

	for (const struct sim_xattr *xattr = inode->xattrs; xattr; xattr = xattr->next) {
		if (xattr == replaced)
			continue;
		count++;
		bytes += xattr->bytes;
	}
	return count <= XATTRS_MAX && bytes <= XATTR_BYTES_MAX;
}

int disk_xattr_set(struct sim_inode *inode, const char *name, const struct iovec *value,
		   unsigned flags)
{
	struct sim *sim = inode->disk->sim;
	struct sim_xattr **place = xattr_place(&inode->xattrs, name);

	if (value->iov_len > XATTR_VALUE_MAX)
		return -E2BIG;
	if (*place && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!*place && (flags & XATTR_REPLACE))
		return -ENODATA;
	if (!has_room(inode, *place, value->iov_len) || sim_happens(sim, SIM_NO_SPACE))
		return -ENOSPC;
	if (*place)
		xattr_remove(sim, place);
	place = xattr_place(&inode->xattrs, name);
	*place = xattr_new(sim, name, value->iov_base, value->iov_len);
	inode->has_new_xattrs = true;
	disk_inode_touch(inode, false);
	return 0;
}
