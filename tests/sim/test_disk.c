/* SPDX-License-Identifier: MIT */
/* Names and paths: what each call answers, on both kernels. */
#include "sim/disk_rig.h"

#include <coil/file.h>
#include <coil/path.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NEW (O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC)

static void make_file(const struct place *at, const char *path)
{
	int fd = coil_openat(at->dirfd, path, NEW, 0644);

	EXPECT_GE(fd, 0);
	EXPECT_EQ(coil_write(fd, "bytes", 5), 5);
	EXPECT_EQ(coil_close(fd), 0);
}

static int try_open(int dirfd, const char *path, int flags)
{
	int fd = coil_openat(dirfd, path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		coil_close(fd);
	return fd < 0 ? fd : 0;
}

static int try_resolve(int dirfd, const char *path, uint64_t resolve)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = resolve };
	int fd = -EAGAIN;

	/* openat2(2): -EAGAIN, if anybody renames or mounts anything while it walks over "..". */
	for (int tries = 0; fd == -EAGAIN && tries < 1000; tries++)
		fd = coil_openat2(dirfd, path, &how, sizeof how);
	if (fd >= 0)
		coil_close(fd);
	return fd < 0 ? fd : 0;
}

static struct statx stat_of(const struct place *at, const char *path)
{
	struct statx stat = { 0 };

	EXPECT_EQ(coil_statx(at->dirfd, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stat), 0);
	return stat;
}

ON_BOTH(disk, a_new_file_is_there)
{
	struct statx stat;

	make_file(at, "file");
	stat = stat_of(at, "file");
	EXPECT_EQ(stat.stx_mode, S_IFREG | 0644);
	EXPECT_EQ(stat.stx_nlink, 1);
	EXPECT_EQ(stat.stx_size, 5);
	EXPECT_EQ(stat.stx_blocks, 8);
	EXPECT_EQ(try_open(at->dirfd, "file", O_RDONLY), 0);
	EXPECT_EQ(try_open(at->dirfd, "file", O_CREAT | O_EXCL | O_WRONLY), -EEXIST);
	EXPECT_EQ(try_open(at->dirfd, "file", O_DIRECTORY), -ENOTDIR);
	EXPECT_EQ(try_open(at->dirfd, "file/", O_RDONLY), -ENOTDIR);
	EXPECT_EQ(try_open(at->dirfd, "file/x", O_RDONLY), -ENOTDIR);
	EXPECT_EQ(try_open(at->dirfd, "new/", O_CREAT | O_WRONLY), -EISDIR);
}

ON_BOTH(disk, open_refuses)
{
	EXPECT_EQ(try_open(at->dirfd, "none", O_RDONLY), -ENOENT);
	EXPECT_EQ(try_open(at->dirfd, "", O_RDONLY), -ENOENT);
	EXPECT_EQ(try_open(at->dirfd, "none/x", O_CREAT | O_RDWR), -ENOENT);
	EXPECT_EQ(try_open(at->dirfd, ".", O_RDWR), -EISDIR);
	EXPECT_EQ(try_open(at->dirfd, ".", O_CREAT | O_RDONLY), -EISDIR);
	EXPECT_EQ(try_open(at->dirfd, "x", O_CREAT | O_DIRECTORY | O_RDWR), -EINVAL);
	EXPECT_EQ(try_open(at->dirfd, ".", O_TMPFILE | O_RDONLY), -EINVAL);
	EXPECT_EQ(try_open(-1, "x", O_RDONLY), -EBADF);
}

ON_BOTH(disk, long_names_are_refused)
{
	char name[5000];
	int fd;

	memset(name, 'n', sizeof name);
	name[4096] = '\0';
	EXPECT_EQ(try_open(at->dirfd, name, O_RDONLY), -ENAMETOOLONG);
	EXPECT_EQ(coil_mkdirat(at->dirfd, name, 0700), -ENAMETOOLONG);
	name[256] = '\0';
	EXPECT_EQ(try_open(at->dirfd, name, O_RDONLY), -ENAMETOOLONG);
	EXPECT_EQ(coil_symlinkat("x", at->dirfd, name), -ENAMETOOLONG);
	name[255] = '\0';
	EXPECT_EQ(coil_mkdirat(at->dirfd, name, 0700), 0);
	fd = coil_openat(at->dirfd, name, O_DIRECTORY | O_PATH | O_CLOEXEC, 0);
	EXPECT_GE(fd, 0);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk, openat2_holds_its_bounds)
{
	char path[600];

	EXPECT_EQ(coil_mkdirat(at->dirfd, "sub", 0700), 0);
	EXPECT_EQ(coil_symlinkat("sub", at->dirfd, "inner"), 0);
	EXPECT_EQ(coil_symlinkat("/", at->dirfd, "outer"), 0);
	snprintf(path, sizeof path, "%s/sub", at->dir);
	EXPECT_EQ(try_resolve(at->dirfd, "sub/..", RESOLVE_BENEATH), 0);
	EXPECT_EQ(try_resolve(at->dirfd, "sub/../..", RESOLVE_BENEATH), -EXDEV);
	EXPECT_EQ(try_resolve(at->dirfd, "..", RESOLVE_BENEATH), -EXDEV);
	EXPECT_EQ(try_resolve(at->dirfd, path, RESOLVE_BENEATH), -EXDEV);
	EXPECT_EQ(try_resolve(at->dirfd, "outer", RESOLVE_BENEATH), -EXDEV);
	EXPECT_EQ(try_resolve(at->dirfd, "inner", RESOLVE_BENEATH), 0);
	EXPECT_EQ(try_resolve(at->dirfd, "inner", RESOLVE_NO_SYMLINKS), -ELOOP);
	EXPECT_EQ(try_resolve(at->dirfd, "sub", RESOLVE_NO_SYMLINKS), 0);
	EXPECT_EQ(try_resolve(at->dirfd, "../../sub", RESOLVE_IN_ROOT), 0);
	EXPECT_EQ(try_resolve(at->dirfd, "/sub", RESOLVE_IN_ROOT), 0);
	EXPECT_EQ(try_resolve(at->dirfd, "outer/sub", RESOLVE_IN_ROOT), 0);
	EXPECT_EQ(try_resolve(at->dirfd, path, RESOLVE_IN_ROOT), -ENOENT);
	EXPECT_EQ(try_resolve(at->dirfd, "sub", RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV), 0);
	EXPECT_EQ(try_resolve(at->dirfd, "sub", RESOLVE_IN_ROOT | RESOLVE_BENEATH), -EINVAL);
	EXPECT_EQ(try_resolve(at->dirfd, "sub", 1u << 20), -EINVAL);
}

ON_BOTH(disk, openat2_reads_its_struct_with_care)
{
	struct {
		struct open_how how;
		uint64_t more;
	} large = { .how = { .flags = O_RDONLY | O_CLOEXEC } };
	struct open_how how = { .flags = O_RDONLY, .mode = 0600 };

	EXPECT_EQ(coil_openat2(at->dirfd, ".", &how, 23), -EINVAL);
	EXPECT_EQ(coil_openat2(at->dirfd, ".", &how, sizeof how), -EINVAL);
	how = (struct open_how){ .flags = O_CREAT | O_RDWR, .mode = 010000 };
	EXPECT_EQ(coil_openat2(at->dirfd, "x", &how, sizeof how), -EINVAL);
	how = (struct open_how){ .flags = O_PATH | O_RDWR };
	EXPECT_EQ(coil_openat2(at->dirfd, ".", &how, sizeof how), -EINVAL);
	how = (struct open_how){ .flags = UINT64_C(1) << 40 };
	EXPECT_EQ(coil_openat2(at->dirfd, ".", &how, sizeof how), -EINVAL);
	how = (struct open_how){ .flags = O_TRUNC | O_RDWR, .resolve = RESOLVE_CACHED };
	EXPECT_EQ(coil_openat2(at->dirfd, "x", &how, sizeof how), -EAGAIN);
	EXPECT_EQ(coil_openat2(at->dirfd, ".", &how, 5000), -E2BIG);
	EXPECT_EQ(coil_close(coil_openat2(at->dirfd, ".", &large.how, sizeof large)), 0);
	large.more = 1;
	EXPECT_EQ(coil_openat2(at->dirfd, ".", &large.how, sizeof large), -E2BIG);
}

ON_BOTH(disk, symbolic_links_are_followed)
{
	make_file(at, "file");
	EXPECT_EQ(coil_symlinkat("file", at->dirfd, "soft"), 0);
	EXPECT_EQ(coil_symlinkat("later", at->dirfd, "dangling"), 0);
	EXPECT_EQ(coil_symlinkat("x", at->dirfd, "soft"), -EEXIST);
	EXPECT_EQ(coil_symlinkat("", at->dirfd, "empty"), -ENOENT);
	EXPECT_EQ(coil_symlinkat("x", at->dirfd, "none/"), -ENOENT);
	EXPECT_EQ(stat_of(at, "soft").stx_mode & S_IFMT, S_IFLNK);
	EXPECT_EQ(stat_of(at, "soft").stx_size, 4);
	EXPECT_EQ(try_open(at->dirfd, "soft", O_RDONLY), 0);
	EXPECT_EQ(try_open(at->dirfd, "soft", O_RDONLY | O_NOFOLLOW), -ELOOP);
	EXPECT_EQ(try_open(at->dirfd, "soft", O_PATH | O_NOFOLLOW), 0);
	EXPECT_EQ(try_open(at->dirfd, "soft", O_DIRECTORY | O_NOFOLLOW), -ENOTDIR);
	EXPECT_EQ(try_open(at->dirfd, "soft", O_CREAT | O_EXCL | O_RDWR), -EEXIST);
	EXPECT_EQ(try_open(at->dirfd, "soft/", O_RDONLY), -ENOTDIR);
	EXPECT_EQ(try_open(at->dirfd, "dangling", O_RDONLY), -ENOENT);
	EXPECT_EQ(try_open(at->dirfd, "dangling", O_CREAT | O_RDWR), 0);
	EXPECT_EQ(stat_of(at, "later").stx_nlink, 1);
}

ON_BOTH(disk, forty_links_and_no_more)
{
	char name[16], target[16];

	EXPECT_EQ(coil_mkdirat(at->dirfd, "l0", 0700), 0);
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof name, "l%d", i);
		snprintf(target, sizeof target, "l%d", i - 1);
		EXPECT_EQ(coil_symlinkat(target, at->dirfd, name), 0);
	}
	EXPECT_EQ(try_open(at->dirfd, "l40", O_RDONLY), 0);
	EXPECT_EQ(try_open(at->dirfd, "l41", O_RDONLY), -ELOOP);
	EXPECT_EQ(coil_symlinkat("loop", at->dirfd, "loop"), 0);
	EXPECT_EQ(try_open(at->dirfd, "loop", O_RDONLY), -ELOOP);
	EXPECT_EQ(try_open(at->dirfd, "loop/x", O_RDONLY), -ELOOP);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "loop", 0), 0);
}

ON_BOTH(disk, directories_are_made_and_removed)
{
	EXPECT_EQ(coil_mkdirat(at->dirfd, "sub", 0750), 0);
	EXPECT_EQ(stat_of(at, "sub").stx_mode, S_IFDIR | 0750);
	EXPECT_EQ(stat_of(at, "sub").stx_nlink, 2);
	EXPECT_EQ(coil_mkdirat(at->dirfd, "sub", 0700), -EEXIST);
	EXPECT_EQ(coil_mkdirat(at->dirfd, "sub/in/", 0700), 0);
	EXPECT_EQ(stat_of(at, "sub").stx_nlink, 3);
	EXPECT_EQ(coil_mkdirat(at->dirfd, "none/in", 0700), -ENOENT);
	EXPECT_EQ(coil_mkdirat(at->dirfd, ".", 0700), -EEXIST);
	EXPECT_EQ(coil_mkdirat(at->dirfd, "", 0700), -ENOENT);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "sub", 0), -EISDIR);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "sub", AT_REMOVEDIR), -ENOTEMPTY);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "sub/.", AT_REMOVEDIR), -EINVAL);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "sub/in/..", AT_REMOVEDIR), -ENOTEMPTY);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "/", AT_REMOVEDIR), -EBUSY);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "sub/in/", AT_REMOVEDIR), 0);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "sub", AT_REMOVEDIR), 0);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "sub", AT_REMOVEDIR), -ENOENT);
}

ON_BOTH(disk, unlink_removes_the_name_alone)
{
	struct statx stat = { 0 };
	char bytes[8];
	int fd;

	make_file(at, "file");
	fd = coil_openat(at->dirfd, "file", O_RDONLY | O_CLOEXEC, 0);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "file/", 0), -ENOTDIR);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "file", AT_REMOVEDIR), -ENOTDIR);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "file", 4), -EINVAL);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "file", 0), 0);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "file", 0), -ENOENT);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "none/", 0), -ENOENT);
	EXPECT_EQ(coil_unlinkat(at->dirfd, ".", 0), -EISDIR);
	EXPECT_EQ(coil_read(fd, bytes, sizeof bytes), 5);
	EXPECT_EQ(coil_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stat), 0);
	EXPECT_EQ(stat.stx_nlink, 0);
	EXPECT_EQ(coil_linkat(fd, "", at->dirfd, "back", AT_EMPTY_PATH), -ENOENT);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk, a_removed_directory_takes_no_names)
{
	int fd;

	EXPECT_EQ(coil_mkdirat(at->dirfd, "sub", 0700), 0);
	make_file(at, "file");
	fd = coil_openat(at->dirfd, "sub", O_DIRECTORY | O_CLOEXEC, 0);
	EXPECT_EQ(coil_unlinkat(at->dirfd, "sub", AT_REMOVEDIR), 0);
	EXPECT_EQ(coil_mkdirat(fd, "in", 0700), -ENOENT);
	EXPECT_EQ(try_open(fd, "in", O_CREAT | O_RDWR), -ENOENT);
	EXPECT_EQ(coil_renameat(at->dirfd, "file", fd, "in"), -ENOENT);
	EXPECT_EQ(try_open(fd, "../file", O_RDONLY), 0);
	EXPECT_EQ(coil_close(fd), 0);
}

ON_BOTH(disk, links_count)
{
	EXPECT_EQ(coil_mkdirat(at->dirfd, "sub", 0700), 0);
	make_file(at, "file");
	EXPECT_EQ(coil_symlinkat("file", at->dirfd, "soft"), 0);
	EXPECT_EQ(coil_linkat(at->dirfd, "file", at->dirfd, "sub/second", 0), 0);
	EXPECT_EQ(stat_of(at, "file").stx_nlink, 2);
	EXPECT_EQ(stat_of(at, "file").stx_ino, stat_of(at, "sub/second").stx_ino);
	EXPECT_EQ(coil_linkat(at->dirfd, "file", at->dirfd, "sub/second", 0), -EEXIST);
	EXPECT_EQ(coil_linkat(at->dirfd, "none", at->dirfd, "third", 0), -ENOENT);
	EXPECT_EQ(coil_linkat(at->dirfd, "sub", at->dirfd, "third", 0), -EPERM);
	EXPECT_EQ(coil_linkat(at->dirfd, "file", at->dirfd, "third/", 0), -ENOENT);
	EXPECT_EQ(coil_linkat(at->dirfd, "file", at->dirfd, "third", 1), -EINVAL);
	EXPECT_EQ(coil_linkat(at->dirfd, "soft", at->dirfd, "softer", 0), 0);
	EXPECT_EQ(stat_of(at, "softer").stx_mode & S_IFMT, S_IFLNK);
	EXPECT_EQ(coil_linkat(at->dirfd, "soft", at->dirfd, "harder", AT_SYMLINK_FOLLOW), 0);
	EXPECT_EQ(stat_of(at, "file").stx_nlink, 3);
}

ON_BOTH(disk, an_unnamed_file_gets_a_name)
{
	int fd = coil_openat(at->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int lone = coil_openat(at->dirfd, ".", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	EXPECT_EQ(coil_write(fd, "hello", 5), 5);
	EXPECT_EQ(coil_linkat(fd, "", at->dirfd, "named", AT_EMPTY_PATH), 0);
	EXPECT_EQ(stat_of(at, "named").stx_size, 5);
	EXPECT_EQ(coil_linkat(lone, "", at->dirfd, "other", AT_EMPTY_PATH), -ENOENT);
	EXPECT_EQ(coil_close(fd), 0);
	EXPECT_EQ(coil_close(lone), 0);
}

ON_BOTH(disk, rename_replaces)
{
	make_file(at, "one");
	EXPECT_EQ(coil_mkdirat(at->dirfd, "sub", 0700), 0);
	EXPECT_EQ(coil_mkdirat(at->dirfd, "full", 0700), 0);
	EXPECT_EQ(coil_mkdirat(at->dirfd, "full/in", 0700), 0);
	EXPECT_EQ(coil_renameat(at->dirfd, "one", at->dirfd, "two"), 0);
	EXPECT_EQ(try_open(at->dirfd, "one", O_RDONLY), -ENOENT);
	EXPECT_EQ(coil_renameat(at->dirfd, "one", at->dirfd, "two"), -ENOENT);
	EXPECT_EQ(coil_renameat(at->dirfd, "two", at->dirfd, "sub"), -EISDIR);
	EXPECT_EQ(coil_renameat(at->dirfd, "sub", at->dirfd, "two"), -ENOTDIR);
	EXPECT_EQ(coil_renameat(at->dirfd, "sub", at->dirfd, "full"), -ENOTEMPTY);
	EXPECT_EQ(coil_renameat(at->dirfd, "full", at->dirfd, "full/in/x"), -EINVAL);
	EXPECT_EQ(coil_renameat(at->dirfd, "full/in", at->dirfd, "full"), -ENOTEMPTY);
	EXPECT_EQ(coil_renameat(at->dirfd, "two", at->dirfd, "new/"), -ENOTDIR);
	EXPECT_EQ(coil_renameat(at->dirfd, "two/", at->dirfd, "new"), -ENOTDIR);
	EXPECT_EQ(coil_renameat(at->dirfd, ".", at->dirfd, "new"), -EBUSY);
	EXPECT_EQ(coil_renameat(at->dirfd, "two", at->dirfd, "sub/.."), -EBUSY);
	EXPECT_EQ(coil_renameat(at->dirfd, "full", at->dirfd, "sub/"), 0);
	EXPECT_EQ(try_open(at->dirfd, "sub/in", O_DIRECTORY), 0);
	EXPECT_EQ(try_open(at->dirfd, "sub/in/../../two", O_RDONLY), 0);
}

ON_BOTH(disk, rename_with_flags)
{
	make_file(at, "file");
	EXPECT_EQ(coil_mkdirat(at->dirfd, "sub", 0700), 0);
	EXPECT_EQ(coil_renameat2(at->dirfd, "file", at->dirfd, "sub", RENAME_NOREPLACE), -EEXIST);
	EXPECT_EQ(coil_renameat2(at->dirfd, "file", at->dirfd, "x", RENAME_EXCHANGE), -ENOENT);
	EXPECT_EQ(coil_renameat2(at->dirfd, "file", at->dirfd, "x", 64), -EINVAL);
	EXPECT_EQ(coil_renameat2(at->dirfd, "file", at->dirfd, "sub", 3), -EINVAL);
	EXPECT_EQ(coil_renameat2(at->dirfd, "file", at->dirfd, "sub", RENAME_EXCHANGE), 0);
	EXPECT_EQ(stat_of(at, "file").stx_mode & S_IFMT, S_IFDIR);
	EXPECT_EQ(stat_of(at, "sub").stx_mode & S_IFMT, S_IFREG);
	EXPECT_EQ(coil_renameat2(at->dirfd, "sub", at->dirfd, "y", RENAME_NOREPLACE), 0);
	EXPECT_EQ(coil_linkat(at->dirfd, "y", at->dirfd, "z", 0), 0);
	EXPECT_EQ(coil_renameat(at->dirfd, "y", at->dirfd, "z"), 0);
	EXPECT_EQ(stat_of(at, "y").stx_nlink, 2);
}

ON_BOTH(disk, statx_refuses)
{
	struct statx stat = { 0 };

	EXPECT_EQ(coil_statx(at->dirfd, "none", 0, STATX_SIZE, &stat), -ENOENT);
	EXPECT_EQ(coil_statx(at->dirfd, "", 0, STATX_SIZE, &stat), -ENOENT);
	EXPECT_EQ(coil_statx(at->dirfd, ".", 1, STATX_SIZE, &stat), -EINVAL);
	EXPECT_EQ(coil_statx(at->dirfd, ".", 0, STATX__RESERVED, &stat), -EINVAL);
	EXPECT_EQ(coil_statx(-1, "", AT_EMPTY_PATH, STATX_SIZE, &stat), -EBADF);
	EXPECT_EQ(coil_statx(at->dirfd, "", AT_EMPTY_PATH, STATX_SIZE, &stat), 0);
	EXPECT_EQ(stat.stx_mode & S_IFMT, S_IFDIR);
}
