/* SPDX-License-Identifier: MIT */
/*
 * From a path to an inode, as Linux walks (fs/namei.c): component by component, symbolic links
 * followed by putting their target before what is left, "..", and the bounds of openat2.
 *
 * Must not know: what the call wants to do there.
 */
#include "sim/disk_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40

struct walker {
	const struct disk_start *start;
	struct disk_walk *walk;
	struct sim_disk *disk;
	struct sim_inode *base; /* "/", or the directory that openat2 bounds the walk to */
	struct sim_inode *at;
	unsigned links;
	unsigned depth; /* of rest[]: the path itself, and links within links */
	const char *rest[LINKS_MAX + 2];
};

static int start_dir(const struct disk_start *start, struct sim_disk *disk,
		     struct sim_inode **ret_dir)
{
	struct sim_file *file;
	int error;

	*ret_dir = disk->root;
	if (start->dirfd == AT_FDCWD)
		return 0;
	file = sim_fd_file(start->sim, start->dirfd);
	if (!file)
		return -EBADF;
	error = disk_file_inode(file, ret_dir);
	return error == -EINVAL ? -ENOTDIR : error;
}

/* A path, or a link's target, that begins with a slash goes back to the base. */
static int enter_text(struct walker *walker, const char *text)
{
	walker->rest[walker->depth++] = text;
	if (*text != '/')
		return 0;
	if (walker->start->resolve & RESOLVE_BENEATH)
		return -EXDEV;
	walker->at = walker->base;
	walker->walk->dir = walker->base;
	walker->walk->found = walker->base;
	walker->walk->last = DISK_LAST_ROOT;
	return 0;
}

static void skip_slashes(struct walker *walker)
{
	while (*walker->rest[walker->depth - 1] == '/')
		walker->rest[walker->depth - 1]++;
}

/* Leaves the texts that are used up. Is there a component left? */
static bool has_more(struct walker *walker)
{
	for (;;) {
		skip_slashes(walker);
		if (*walker->rest[walker->depth - 1])
			return true;
		if (walker->depth == 1)
			return false;
		walker->depth--;
	}
}

/* Is what comes now the last component, and are there slashes behind it? */
static bool is_last(const struct walker *walker, const char *end, bool *ret_slash)
{
	bool has_slash = false;

	for (unsigned depth = walker->depth; depth > 0; depth--) {
		const char *rest = depth == walker->depth ? end : walker->rest[depth - 1];

		for (; *rest == '/'; rest++)
			has_slash = true;
		if (*rest)
			return false;
	}
	*ret_slash = has_slash;
	return true;
}

static int step_up(struct walker *walker)
{
	walker->walk->last = DISK_LAST_DOTDOT;
	if (walker->at != walker->base)
		walker->at = walker->at->parent;
	else if (walker->start->resolve & RESOLVE_BENEATH)
		return -EXDEV;
	walker->walk->dir = walker->at;
	walker->walk->found = walker->at;
	return 0;
}

static int step_link(struct walker *walker, const struct sim_inode *link)
{
	if (walker->start->resolve & RESOLVE_NO_SYMLINKS || walker->links++ >= LINKS_MAX)
		return -ELOOP;
	check(walker->depth < LINKS_MAX + 2);
	return enter_text(walker, link->target);
}

/* The component's text goes to walk->name; the walk is behind it then. */
static int take_name(struct walker *walker, bool *ret_last)
{
	const char *name = walker->rest[walker->depth - 1];
	const char *end = strchrnul(name, '/');
	size_t length = (size_t)(end - name);

	if (length > DISK_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(walker->walk->name, name, length);
	walker->walk->name[length] = '\0';
	*ret_last = is_last(walker, end, &walker->walk->has_slash);
	walker->rest[walker->depth - 1] = end;
	return 0;
}

static int step_name(struct walker *walker, bool is_last_name)
{
	struct disk_walk *walk = walker->walk;
	bool follows = !is_last_name;
	struct sim_inode *found;

	if (is_last_name && walk->has_slash && walker->start->how & DISK_NO_SLASH)
		return -EISDIR;
	walk->last = DISK_LAST_NAME;
	walk->dir = walker->at;
	found = disk_names_get(&walker->at->names, walk->name);
	walk->found = found;
	if (!found)
		return is_last_name ? 0 : -ENOENT;
	if (!(walker->start->how & DISK_PARENT))
		follows |= walk->has_slash || (walker->start->how & DISK_FOLLOW);
	if (disk_inode_is(found, S_IFLNK) && follows)
		return step_link(walker, found);
	walker->at = found;
	return 0;
}

static int step(struct walker *walker)
{
	bool is_last_name = false;
	int error;

	if (!disk_inode_is(walker->at, S_IFDIR))
		return -ENOTDIR;
	error = take_name(walker, &is_last_name);
	if (error)
		return error;
	if (strcmp(walker->walk->name, "..") == 0)
		return step_up(walker);
	if (strcmp(walker->walk->name, ".") == 0) {
		walker->walk->last = DISK_LAST_DOT;
		walker->walk->dir = walker->at;
		walker->walk->found = walker->at;
		return 0;
	}
	return step_name(walker, is_last_name);
}

int disk_walk(const struct disk_start *start, const char *path, struct disk_walk *ret_walk)
{
	struct walker walker = {
		.start = start, .walk = ret_walk, .disk = sim_disk(start->sim),
	};
	int error = 0;

	*ret_walk = (struct disk_walk){ .last = DISK_LAST_DOT };
	if (strlen(path) >= DISK_PATH_MAX)
		return -ENAMETOOLONG;
	if (!*path && !(start->how & DISK_EMPTY))
		return -ENOENT;
	/* An absolute path does not look at the descriptor, unless it bounds the walk. */
	walker.at = walker.disk->root;
	if (*path != '/' || start->resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH))
		error = start_dir(start, walker.disk, &walker.at);
	if (error)
		return error;
	walker.base = start->resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH) ? walker.at :
									     walker.disk->root;
	ret_walk->dir = walker.at;
	ret_walk->found = walker.at;
	error = enter_text(&walker, path);
	if (*path && !disk_inode_is(walker.at, S_IFDIR))
		return -ENOTDIR;
	while (!error && has_more(&walker))
		error = step(&walker);
	return error;
}

int disk_lookup(const struct disk_start *start, const char *path, struct sim_inode **ret_inode)
{
	struct disk_walk walk;
	int error = disk_walk(start, path, &walk);

	if (error)
		return error;
	if (!walk.found)
		return -ENOENT;
	if (walk.has_slash && !disk_inode_is(walk.found, S_IFDIR))
		return -ENOTDIR;
	*ret_inode = walk.found;
	return 0;
}
