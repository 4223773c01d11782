/* SPDX-License-Identifier: MIT */
/*
 * Inside the disk: inodes, names, bytes, and of each what is now and what is durable.
 *
 *   disk.c        inodes: made, counted, freed; the disk's own life
 *   disk_data.c   a file's bytes in pages
 *   disk_sync.c   which of them are durable; what a loss of power leaves
 *   disk_names.c  a directory's names, and the list of changes that are not durable yet
 *   disk_path.c   from a path to an inode
 *   disk_change.c mkdir, unlink, link, symlink; disk_rename.c: rename
 *   disk_open.c   open; disk_file.c: what a descriptor of it does
 *   disk_stat.c   statx
 *   disk_xattr.c  extended attributes
 *   disk_loss.c   loss of power; what calls.c and the sockets need
 *
 * Invariant: an inode is there as long as a name, a descriptor, a child, a durable name or a
 * change that is not durable refers to it. sim_disk.used counts the pages of the inodes that a
 * name or a descriptor refers to.
 */
#ifndef COIL_SIM_DISK_TREE_H
#define COIL_SIM_DISK_TREE_H

#include "sim/disk.h"
#include "sim/sim.h"

#define DISK_PAGE 4096
#define DISK_SECTOR 512
#define DISK_NAME_MAX 255
#define DISK_PATH_MAX 4096 /* with the zero at its end */

/* What one sector of a page held between the durable and the present state. */
struct sim_version {
	struct sim_version *next; /* newer */
	unsigned sector;
	uint8_t bytes[DISK_SECTOR];
};

/* now, durable: NULL is zeros. They may be the same memory: whoever writes makes a copy first. */
struct sim_page {
	int64_t index;
	uint8_t *now;
	uint8_t *durable;
	struct sim_version *versions;
	uint8_t dirty; /* bit n: sector n may differ from what is durable */
	bool is_allocated;
};

struct sim_data {
	struct sim_page **pages; /* ascending */
	size_t count;
	size_t capacity;
	uint64_t allocated;	/* pages */
	int64_t size;
	int64_t durable_size;
	int64_t shrunk_to;	/* the least size since the last sync; INT64_MAX: not cut */
};

struct sim_name {
	char *text;
	struct sim_inode *inode;
};

struct sim_names {
	struct sim_name *entries; /* by text */
	size_t count;
	size_t capacity;
};

struct sim_xattr {
	struct sim_xattr *next;
	char *name;
	uint8_t *value;
	size_t bytes;
};

struct sim_times {
	int64_t access;
	int64_t modify;
	int64_t change;
};

struct sim_inode {
	struct coil_list node; /* in disk->inodes */
	struct sim_disk *disk;
	uint64_t number;
	uint32_t mode;
	uint32_t links;		  /* as stat shows them: 0 means no name any more */
	uint32_t users;		  /* descriptors, children */
	uint32_t durable_holders; /* durable names, changes */
	bool is_linkable;	  /* made by O_TMPFILE: linkat may name it */
	bool is_marked;
	bool is_evicted;	  /* nothing but durable state is left */
	bool has_new_xattrs;
	int64_t born;
	struct sim_times times;
	struct sim_times durable_times;
	struct sim_xattr *xattrs;
	struct sim_xattr *durable_xattrs;
	struct sim_data data;	    /* of a regular file */
	struct sim_names names;	    /* of a directory */
	struct sim_names durable_names;
	struct sim_inode *parent;   /* of a directory; the root is its own */
	char *target;		    /* of a symbolic link */
};

/* One directory entry that a change sets; @inode NULL: removes. */
struct sim_effect {
	struct sim_inode *dir;
	struct sim_inode *inode;
	const char *name;
};

struct sim_disk {
	struct sim *sim;
	struct coil_list inodes;  /* by number */
	struct coil_list changes; /* of names, not durable, oldest first */
	size_t change_count;
	struct sim_inode *root;
	uint64_t next_number;
	uint64_t used;
	uint64_t limit;
	uint64_t epoch; /* losses of power so far */
};

/* Inodes (disk.c). A new one has no link and one user: the caller. */
struct sim_inode *disk_inode_new(struct sim_disk *disk, uint32_t mode);
void disk_inode_use(struct sim_inode *inode);
void disk_inode_leave(struct sim_inode *inode);
/* After links or holders have become fewer: frees what nothing refers to. */
void disk_inode_settle(struct sim_inode *inode);
bool disk_inode_is(const struct sim_inode *inode, uint32_t type);
void disk_inode_adopt(struct sim_inode *child, struct sim_inode *parent); /* NULL: an orphan */
/* The times change: to now. */
void disk_inode_touch(struct sim_inode *inode, bool modified);
char *disk_text_copy(struct sim *sim, const char *text);
void disk_text_free(struct sim *sim, char *text);

/* Bytes (disk_data.c). */
size_t disk_data_read(struct sim_inode *inode, int64_t offset, const struct sim_io *io);
int64_t disk_data_write(struct sim_inode *inode, int64_t offset, const struct sim_io *io);
void disk_data_resize(struct sim_inode *inode, int64_t size);
int disk_data_allocate(struct sim_inode *inode, int64_t offset, int64_t end);
void disk_data_zero(struct sim_inode *inode, int64_t offset, int64_t end, bool give_back);
void disk_data_free(struct sim_inode *inode);
/* For disk_sync.c. */
struct sim_page *disk_page_find(struct sim_data *data, int64_t index, size_t *ret_place);
void disk_page_drop_now(struct sim_inode *inode, struct sim_page *page);
void disk_page_drop_durable(struct sim_inode *inode, struct sim_page *page);
void disk_page_drop_versions(struct sim_inode *inode, struct sim_page *page);
void disk_page_set_allocated(struct sim_inode *inode, struct sim_page *page, bool is_allocated);
void disk_data_drop_empty(struct sim_inode *inode);

/* Durability of bytes (disk_sync.c). */
void disk_data_sync(struct sim_inode *inode);
void disk_data_sync_range(struct sim_inode *inode, int64_t offset, int64_t end);
void disk_data_evict(struct sim_inode *inode);
void disk_data_lose(struct sim_inode *inode);
/* All of an inode: bytes, attributes, and names where it is a directory. */
void disk_inode_sync(struct sim_inode *inode, bool data_only);

/* Names (disk_names.c). */
struct sim_inode *disk_names_get(const struct sim_names *names, const char *text);
void disk_names_set(struct sim *sim, struct sim_names *names, const char *text,
		    struct sim_inode *inode);
void disk_names_free(struct sim *sim, struct sim_names *names);
/* Does @effects, in the present state, and remembers them as not durable. */
void disk_change(struct sim_disk *disk, const struct sim_effect *effects, unsigned count);
void disk_changes_commit(struct sim_disk *disk, size_t count);	/* the oldest ones */
void disk_changes_forget(struct sim_disk *disk);
void disk_changes_commit_dir(struct sim_inode *dir);

/* Extended attributes (disk_xattr.c). */
int disk_xattr_check_name(const struct sim_inode *inode, const char *name, bool writes);
int disk_xattr_get(const struct sim_inode *inode, const char *name, void *value, size_t size);
int disk_xattr_set(struct sim_inode *inode, const char *name, const struct iovec *value,
		   unsigned flags);
void disk_xattr_copy(struct sim *sim, struct sim_xattr **to, const struct sim_xattr *from);
void disk_xattr_free(struct sim *sim, struct sim_xattr **list);

/* Paths (disk_path.c). */
enum disk_last { DISK_LAST_NAME, DISK_LAST_DOT, DISK_LAST_DOTDOT, DISK_LAST_ROOT };

enum disk_walk_how {
	DISK_FOLLOW = 1 << 0, /* a symbolic link at the end is followed, too */
	DISK_PARENT = 1 << 1, /* for a call that makes or removes the last name: never followed */
	DISK_EMPTY = 1 << 2,  /* an empty path is @dirfd itself */
	DISK_NO_SLASH = 1 << 3 /* for open with O_CREAT: -EISDIR for slashes behind the last name */
};

/* Where a path leads. @dir and @found are not held: no attempt outlives its walk. */
struct disk_walk {
	struct sim_inode *dir;	 /* the directory of the last name */
	struct sim_inode *found; /* NULL: the name is not there */
	enum disk_last last;
	bool has_slash;		 /* behind the last name: it must be a directory */
	char name[DISK_NAME_MAX + 1];
};

struct disk_start {
	struct sim *sim;
	int dirfd;
	unsigned how;	  /* enum disk_walk_how */
	uint64_t resolve; /* RESOLVE_* of openat2 */
};

/* 0 (@ret_walk->found may be NULL) or a negative errno. */
int disk_walk(const struct disk_start *start, const char *path, struct disk_walk *ret_walk);
/* The same for what must be there: -ENOENT, -ENOTDIR. */
int disk_lookup(const struct disk_start *start, const char *path, struct sim_inode **ret_inode);

/* Changes (disk_change.c): 0 or a negative errno. */
int disk_mkdir(const struct disk_start *start, const char *path, uint32_t mode);
int disk_mknod(const struct disk_start *start, const char *path, uint32_t mode,
	       struct sim_inode **ret_inode);
int disk_symlink(const struct disk_start *start, const char *path, const char *target);
int disk_link(const struct disk_start *from, const char *from_path, const struct disk_start *to,
	      const char *to_path);
int disk_unlink(const struct disk_start *start, const char *path);
int disk_rmdir(const struct disk_start *start, const char *path);
/* What every name that is made has to pass: -EEXIST, -ENOENT, -ENOSPC. */
int disk_may_create(struct sim *sim, const struct disk_walk *walk, bool is_dir);
/* disk_rename.c */
int disk_rename(const struct disk_start *from, const char *from_path, const struct disk_start *to,
		const char *to_path, unsigned flags);

/* Descriptors (disk_file.c, disk_open.c). */
struct sim_disk_file {
	struct sim_file file;
	struct sim_inode *inode; /* NULL: the open has failed */
	int64_t position;
	uint64_t epoch;
};

/* How to open: as struct open_how, whose flags and mode openat has already made valid. */
struct open_how;
int disk_open(const struct disk_start *start, const char *path, const struct open_how *how);
struct sim_disk_file *disk_file_new(struct sim *sim, int flags);
/* @file's inode: -EIO after a loss of power, -EINVAL where it is no file of the disk. */
int disk_file_inode(struct sim_file *file, struct sim_inode **ret_inode);
/* The same, and -EBADF where it was opened with O_PATH. */
int disk_file_usable(struct sim_file *file, struct sim_inode **ret_inode);
int64_t *disk_file_position(struct sim_file *file);
int disk_file_truncate(struct sim_file *file, int64_t length);
int disk_file_allocate(struct sim_file *file, int mode, int64_t offset, int64_t length);
int disk_file_sync(struct sim_file *file, bool data_only);
int disk_file_sync_range(struct sim_file *file, int64_t offset, int64_t bytes, unsigned flags);
int disk_file_advise(struct sim_file *file, int64_t length, unsigned advice);

/* statx (disk_stat.c). */
struct statx;
void disk_stat(const struct sim_inode *inode, void *answer);
void disk_stat_other(const struct sim_file *file, void *answer);

#endif
