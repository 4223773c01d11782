/* SPDX-License-Identifier: MIT */
/*
 * The names in directories, sorted, twice: now and durable. Every change is done to the names of
 * now and kept in the disk's list; when it is committed it is done to the durable ones, in the
 * same order within each directory. As in a journal, changes beyond CHANGES_MAX commit the oldest.
 *
 * Invariant: links counts the present names of an inode (two and the subdirectories for a
 * directory), durable_holders its durable names and the mentions in changes.
 */
#include "sim/disk_tree.h"

#include <string.h>
#include <sys/stat.h>

#define CHANGES_MAX 1024
#define EFFECTS_MAX 2

struct change {
	struct coil_list node;
	bool is_marked;
	unsigned count;
	struct {
		struct sim_inode *dir;
		struct sim_inode *inode;
		char *name;
	} effects[EFFECTS_MAX];
};

/* The place of @text, or where it would be inserted. */
static size_t names_place(const struct sim_names *names, const char *text)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(names->entries[middle].text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool names_has(const struct sim_names *names, size_t place, const char *text)
{
	return place < names->count && strcmp(names->entries[place].text, text) == 0;
}

struct sim_inode *disk_names_get(const struct sim_names *names, const char *text)
{
	size_t place = names_place(names, text);

	return names_has(names, place, text) ? names->entries[place].inode : NULL;
}

static void names_grow(struct sim *sim, struct sim_names *names)
{
	size_t capacity = names->capacity ? 2 * names->capacity : 8;
	struct sim_name *entries = sim_alloc(sim, capacity * sizeof *entries);

	if (names->count)
		memcpy(entries, names->entries, names->count * sizeof *entries);
	if (names->capacity)
		sim_free(sim, names->entries, names->capacity * sizeof *entries);
	names->entries = entries;
	names->capacity = capacity;
}

static void names_remove(struct sim *sim, struct sim_names *names, size_t place)
{
	disk_text_free(sim, names->entries[place].text);
	names->count--;
	memmove(&names->entries[place], &names->entries[place + 1],
		(names->count - place) * sizeof names->entries[0]);
}

void disk_names_set(struct sim *sim, struct sim_names *names, const char *text,
		    struct sim_inode *inode)
{
	size_t place = names_place(names, text);

	if (names_has(names, place, text)) {
		if (inode)
			names->entries[place].inode = inode;
		else
			names_remove(sim, names, place);
		return;
	}
	if (!inode)
		return;
	if (names->count == names->capacity)
		names_grow(sim, names);
	memmove(&names->entries[place + 1], &names->entries[place],
		(names->count - place) * sizeof names->entries[0]);
	names->entries[place] = (struct sim_name){ disk_text_copy(sim, text), inode };
	names->count++;
}

void disk_names_free(struct sim *sim, struct sim_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		disk_text_free(sim, names->entries[i].text);
	if (names->capacity)
		sim_free(sim, names->entries, names->capacity * sizeof names->entries[0]);
	*names = (struct sim_names){ 0 };
}

static void count_link(struct sim_inode *dir, struct sim_inode *inode, bool is_added)
{
	bool is_dir = disk_inode_is(inode, S_IFDIR);
	uint32_t own = is_dir ? 2 : 1;

	check(is_added || (inode->links >= own && dir->links >= (is_dir ? 1 : 0)));
	inode->links += is_added ? own : -own;
	if (is_dir)
		dir->links += is_added ? 1 : -1u;
}

static void effect_now(struct sim *sim, const struct sim_effect *effect)
{
	struct sim_inode *old = disk_names_get(&effect->dir->names, effect->name);

	disk_names_set(sim, &effect->dir->names, effect->name, effect->inode);
	disk_inode_touch(effect->dir, true);
	if (old) {
		count_link(effect->dir, old, false);
		disk_inode_touch(old, false);
	}
	if (!effect->inode)
		return;
	count_link(effect->dir, effect->inode, true);
	disk_inode_touch(effect->inode, false);
	if (disk_inode_is(effect->inode, S_IFDIR))
		disk_inode_adopt(effect->inode, effect->dir);
}

static void change_remember(struct sim_disk *disk, const struct sim_effect *effects,
			    unsigned count)
{
	struct change *change = sim_alloc(disk->sim, sizeof *change);

	list_init(&change->node);
	change->count = count;
	for (unsigned i = 0; i < count; i++) {
		change->effects[i].dir = effects[i].dir;
		change->effects[i].inode = effects[i].inode;
		change->effects[i].name = disk_text_copy(disk->sim, effects[i].name);
		effects[i].dir->durable_holders++;
		if (effects[i].inode)
			effects[i].inode->durable_holders++;
	}
	list_push_back(&disk->changes, &change->node);
	disk->change_count++;
}

void disk_change(struct sim_disk *disk, const struct sim_effect *effects, unsigned count)
{
	struct sim_inode *old[EFFECTS_MAX];

	check(count <= EFFECTS_MAX);
	for (unsigned i = 0; i < count; i++) {
		old[i] = disk_names_get(&effects[i].dir->names, effects[i].name);
		if (old[i])
			disk_inode_use(old[i]);
	}
	change_remember(disk, effects, count);
	for (unsigned i = 0; i < count; i++)
		effect_now(disk->sim, &effects[i]);
	for (unsigned i = 0; i < count; i++)
		if (old[i])
			disk_inode_leave(old[i]);
	if (disk->change_count > CHANGES_MAX)
		disk_changes_commit(disk, 1);
}

static void inode_let_go(struct sim_inode *inode)
{
	check(inode->durable_holders > 0);
	inode->durable_holders--;
	disk_inode_leave(inode);
}

/* Takes @change out of the list and frees it, and what it alone held. */
static void change_free(struct sim_disk *disk, struct change *change)
{
	list_remove(&change->node);
	disk->change_count--;
	for (unsigned i = 0; i < change->count; i++) {
		disk_inode_use(change->effects[i].dir);
		if (change->effects[i].inode)
			disk_inode_use(change->effects[i].inode);
	}
	for (unsigned i = 0; i < change->count; i++) {
		inode_let_go(change->effects[i].dir);
		if (change->effects[i].inode)
			inode_let_go(change->effects[i].inode);
		disk_text_free(disk->sim, change->effects[i].name);
	}
	sim_free(disk->sim, change, sizeof *change);
}

static void change_commit(struct sim_disk *disk, struct change *change)
{
	for (unsigned i = 0; i < change->count; i++) {
		struct sim_names *names = &change->effects[i].dir->durable_names;
		struct sim_inode *inode = change->effects[i].inode;
		struct sim_inode *old = disk_names_get(names, change->effects[i].name);

		if (inode)
			inode->durable_holders++;
		disk_names_set(disk->sim, names, change->effects[i].name, inode);
		if (!old)
			continue;
		disk_inode_use(old);
		inode_let_go(old);
	}
	change_free(disk, change);
}

static struct change *change_of(struct coil_list *node)
{
	return list_entry(node, struct change, node);
}

void disk_changes_commit(struct sim_disk *disk, size_t count)
{
	for (; count > 0; count--) {
		check(!list_is_empty(&disk->changes));
		change_commit(disk, change_of(disk->changes.next));
	}
}

void disk_changes_forget(struct sim_disk *disk)
{
	while (!list_is_empty(&disk->changes))
		change_free(disk, change_of(disk->changes.next));
}

static bool change_concerns_marked(const struct change *change)
{
	for (unsigned i = 0; i < change->count; i++)
		if (change->effects[i].dir->is_marked)
			return true;
	return false;
}

/*
 * From the newest to the oldest: a rename pulls in all that came before it in its other directory,
 * for the order within each directory must hold.
 */
static void changes_mark(struct sim_inode *dir)
{
	struct sim_disk *disk = dir->disk;

	dir->is_marked = true;
	for (struct coil_list *node = disk->changes.prev; node != &disk->changes;
	     node = node->prev) {
		struct change *change = change_of(node);

		change->is_marked = change_concerns_marked(change);
		for (unsigned i = 0; change->is_marked && i < change->count; i++)
			change->effects[i].dir->is_marked = true;
	}
}

void disk_changes_commit_dir(struct sim_inode *dir)
{
	struct sim_disk *disk = dir->disk;
	struct coil_list *node, *next;

	changes_mark(dir);
	list_for_each(node, &disk->inodes)
		list_entry(node, struct sim_inode, node)->is_marked = false;
	for (node = disk->changes.next; node != &disk->changes; node = next) {
		next = node->next;
		if (change_of(node)->is_marked)
			change_commit(disk, change_of(node));
	}
}
