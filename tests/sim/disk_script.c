/* SPDX-License-Identifier: MIT */
#include "sim/disk_script.h"

#include <coil/file.h>
#include <coil/path.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define FILES 4
#define BYTES 12000

struct player {
	struct script *script;
	uint64_t state;
	int fds[FILES];
	struct script_step *step;
};

static uint32_t draw(struct player *player, uint32_t count)
{
	player->state = player->state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(player->state >> 33) % count;
}

static const char *one_of(struct player *player, const char *const *texts, uint32_t count)
{
	return texts[draw(player, count)];
}

/* At most one ".." in a path, so that none leaves the parent of the script's directory. */
static const char *draw_path(struct player *player, char path[64])
{
	static const char *const heads[] = { "", "", "", "", "", "a/", "b/", "c/", "d/", "a/b/",
					     "./", "../", "c/../" };
	static const char *const names[] = { "a", "b", "c", "d", "a", "b", "c", "d", "e", ".", "" };
	static const char *const tails[] = { "", "", "", "", "", "", "/", "//" };
	const char *head = one_of(player, heads, 13);

	snprintf(path, 64, "%s%s%s", head, one_of(player, names, 11), one_of(player, tails, 8));
	/* "/" alone would be the root: not ours to play with. */
	return path[0] == '/' ? "a" : path;
}

static void note(struct player *player, const char *words, ...)
	__attribute__((format(printf, 2, 3)));
static void note(struct player *player, const char *words, ...)
{
	size_t used = strlen(player->step->text);
	va_list arguments;

	va_start(arguments, words);
	vsnprintf(player->step->text + used, sizeof player->step->text - used, words, arguments);
	va_end(arguments);
}

static long say_opened(struct player *player, int result)
{
	unsigned slot = draw(player, FILES);

	if (result < 0)
		return result;
	if (player->fds[slot] >= 0)
		coil_close(player->fds[slot]);
	player->fds[slot] = result;
	return (long)slot;
}

static int draw_open_flags(struct player *player)
{
	static const int ways[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR, O_RDWR };
	static const int more[] = { O_CREAT, O_CREAT, O_EXCL | O_CREAT, O_TRUNC, O_APPEND,
				    O_DIRECTORY, O_NOFOLLOW, O_PATH };
	int flags = O_CLOEXEC | ways[draw(player, 5)];

	for (unsigned i = 0; i < 8; i++)
		if (draw(player, 6) == 0)
			flags |= more[i];
	return flags;
}

static long play_open(struct player *player)
{
	int flags = draw_open_flags(player);
	char path[64];
	const char *text = draw_path(player, path);

	note(player, "openat %s %o", text, (unsigned)flags);
	return say_opened(player, coil_openat(player->script->dirfd, text, flags, 0640));
}

static long play_open2(struct player *player)
{
	static const uint64_t resolves[] = { 0, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS,
					     RESOLVE_IN_ROOT };
	struct open_how how = { .resolve = resolves[draw(player, 4)] };
	char path[64];
	const char *text = draw_path(player, path);
	int rc = -EAGAIN;

	how.flags = (unsigned)draw_open_flags(player);
	if (how.flags & O_CREAT)
		how.mode = 0600;
	note(player, "openat2 %s %llo %llx", text, (unsigned long long)how.flags,
	     (unsigned long long)how.resolve);
	/* openat2(2): -EAGAIN, if anybody renames or mounts anything while it walks over "..". */
	for (int tries = 0; rc == -EAGAIN && tries < 1000; tries++)
		rc = coil_openat2(player->script->dirfd, text, &how, sizeof how);
	return say_opened(player, rc);
}

static long play_tmpfile(struct player *player)
{
	char path[64];
	const char *text = draw_path(player, path);

	note(player, "tmpfile %s", text);
	return say_opened(player, coil_openat(player->script->dirfd, text,
					      O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

static long play_stat(struct player *player)
{
	int flags = draw(player, 2) ? AT_SYMLINK_NOFOLLOW : 0;
	struct statx stat = { 0 };
	char path[64];
	const char *text = draw_path(player, path);
	int result = coil_statx(player->script->dirfd, text, flags, STATX_BASIC_STATS, &stat);
	bool has_size = S_ISREG(stat.stx_mode) || S_ISLNK(stat.stx_mode);

	note(player, "statx %s %x: %o %u %llu", text, (unsigned)flags, stat.stx_mode,
	     stat.stx_nlink, has_size ? (unsigned long long)stat.stx_size : 0);
	return result;
}

static long play_mkdir(struct player *player)
{
	char path[64];
	const char *text = draw_path(player, path);

	note(player, "mkdir %s", text);
	return coil_mkdirat(player->script->dirfd, text, 0750);
}

static long play_unlink(struct player *player)
{
	int flags = draw(player, 2) ? AT_REMOVEDIR : 0;
	char path[64];
	const char *text = draw_path(player, path);

	note(player, "unlink %s %x", text, (unsigned)flags);
	return coil_unlinkat(player->script->dirfd, text, flags);
}

static long play_rename(struct player *player)
{
	unsigned flags = draw(player, 4);
	char from_path[64], to_path[64];
	const char *from = draw_path(player, from_path);
	const char *to = draw_path(player, to_path);

	note(player, "rename %s %s %u", from, to, flags);
	return coil_renameat2(player->script->dirfd, from, player->script->dirfd, to, flags);
}

static long play_link(struct player *player)
{
	int flags = draw(player, 2) ? AT_SYMLINK_FOLLOW : 0;
	char from_path[64], to_path[64];
	const char *from = draw_path(player, from_path);
	const char *to = draw_path(player, to_path);

	note(player, "link %s %s %x", from, to, (unsigned)flags);
	return coil_linkat(player->script->dirfd, from, player->script->dirfd, to, flags);
}

static long play_symlink(struct player *player)
{
	static const char *const targets[] = { "a", "b", "c", "d/", "a/b", "e", "./c", "" };
	const char *target = one_of(player, targets, 8);
	char path[64];
	const char *text = draw_path(player, path);

	note(player, "symlink %s %s", target, text);
	return coil_symlinkat(target, player->script->dirfd, text);
}

static int draw_fd(struct player *player)
{
	unsigned slot = draw(player, FILES);

	note(player, "[%u] ", slot);
	return player->fds[slot];
}

static int64_t draw_offset(struct player *player)
{
	static const int64_t offsets[] = { -1, -1, 0, 1, 511, 512, 4095, 4096, 5000, 9000 };

	return offsets[draw(player, 10)];
}

static long play_write(struct player *player)
{
	static uint8_t bytes[BYTES];
	size_t count = draw(player, 3) ? draw(player, 600) : draw(player, BYTES);
	int64_t offset = draw_offset(player);
	int fd = draw_fd(player);

	memset(bytes, 'a' + (int)draw(player, 26), count);
	note(player, "write %zu %lld", count, (long long)offset);
	return coil_pwrite(fd, bytes, count, offset);
}

static long play_read(struct player *player)
{
	static uint8_t bytes[BYTES];
	size_t count = draw(player, BYTES);
	int64_t offset = draw_offset(player);
	int result = coil_pread(draw_fd(player), bytes, count, offset);
	uint32_t sum = 0;

	for (int i = 0; i < result; i++)
		sum = sum * 31 + bytes[i];
	note(player, "read %zu %lld: %u", count, (long long)offset, sum);
	return result;
}

static long play_truncate(struct player *player)
{
	int64_t length = (int64_t)draw(player, BYTES) - 5;
	int fd = draw_fd(player);

	note(player, "ftruncate %lld", (long long)length);
	return coil_ftruncate(fd, length);
}

static long play_allocate(struct player *player)
{
	/* Those on which the usual file systems agree. */
	static const int modes[] = { 0, 0, 1, 2, 3, 3, 0x400 };
	int mode = modes[draw(player, 7)];
	int64_t offset = (int64_t)draw(player, BYTES) - 5;
	int64_t length = (int64_t)draw(player, BYTES) - 5;
	int fd = draw_fd(player);

	note(player, "fallocate %x %lld %lld", (unsigned)mode, (long long)offset,
	     (long long)length);
	return coil_fallocate(fd, mode, offset, length);
}

static long play_sync(struct player *player)
{
	unsigned which = draw(player, 3), flags = draw(player, 9);
	int fd = draw_fd(player);

	note(player, "sync %u %u", which, flags);
	if (which == 0)
		return coil_fsync(fd);
	return which == 1 ? coil_fdatasync(fd) : coil_sync_file_range(fd, 0, 4096, flags);
}

static long play_advise(struct player *player)
{
	int advice = (int)draw(player, 8);
	int fd = draw_fd(player);

	note(player, "fadvise %d", advice);
	return coil_fadvise(fd, 0, 100, advice);
}

static long play_link_fd(struct player *player)
{
	int fd = draw_fd(player);
	char path[64];
	const char *text = draw_path(player, path);

	note(player, "link fd %s", text);
	return coil_linkat(fd, "", player->script->dirfd, text, AT_EMPTY_PATH);
}

static long play_at_fd(struct player *player)
{
	int fd = draw_fd(player);

	note(player, "open e below");
	return say_opened(player, coil_openat(fd, "e", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
}

static long play_stat_fd(struct player *player)
{
	struct statx stat = { 0 };
	int result = coil_statx(draw_fd(player), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stat);

	note(player, "statx fd: %o %u %llu", stat.stx_mode, stat.stx_nlink,
	     S_ISREG(stat.stx_mode) ? (unsigned long long)stat.stx_size : 0);
	return result;
}

void script_run(struct script *script)
{
	static long (*const plays[])(struct player *player) = {
		play_open, play_open, play_open, play_open2, play_tmpfile, play_stat, play_stat,
		play_mkdir, play_mkdir, play_unlink, play_rename, play_rename, play_link,
		play_symlink, play_write, play_write, play_write, play_read, play_read,
		play_truncate, play_allocate, play_sync, play_advise, play_link_fd, play_at_fd,
		play_stat_fd,
	};
	struct player player = { .script = script, .state = script->seed };

	for (unsigned i = 0; i < FILES; i++)
		player.fds[i] = -1;
	for (script->count = 0; script->count < SCRIPT_STEPS; script->count++) {
		player.step = &script->steps[script->count];
		player.step->call = (int)draw(&player, sizeof plays / sizeof plays[0]);
		player.step->text[0] = '\0';
		player.step->answer = plays[player.step->call](&player);
	}
	for (unsigned i = 0; i < FILES; i++)
		if (player.fds[i] >= 0)
			coil_close(player.fds[i]);
}
