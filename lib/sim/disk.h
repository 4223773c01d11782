/* SPDX-License-Identifier: MIT */
/*
 * The simulated disk, as the rest of the simulator sees it: one file system, "/" and "/tmp" in it
 * at the start, everything else made by the program. Its operations are in files_ops.c.
 *
 * What survives a loss of power:
 * - bytes and size of a file after its fsync, fdatasync or a write through (O_SYNC, O_DSYNC,
 *   RWF_SYNC, RWF_DSYNC); extended attributes and times after fsync;
 * - names after the fsync of their directory. A change that concerns two directories (rename)
 *   survives whole with the first of them that is synced. The directory must have a durable name
 *   itself;
 * - of what was not synced: any mixture of the 512-byte sectors, each as some write left it, and
 *   the changes of names up to some point in time.
 * That is less than ext4 (data=ordered) keeps, where fsync of a file commits its name too: a
 * program that holds here holds there.
 */
#ifndef COIL_SIM_DISK_H
#define COIL_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;

/* How many bytes of files fit: 256 MiB unless told. */
void sim_disk_set_limit(struct sim *sim, uint64_t bytes);

/*
 * The machine loses its power and comes back: the disk has what is durable and, by the seed, some
 * of what is not. Descriptors that were open then answer -EIO.
 */
void sim_disk_power_loss(struct sim *sim);

/*
 * unlink(2), chmod(2) and ftruncate(2). 0 or a negative errno. Permissions are kept, and not
 * enforced; they survive a power loss.
 */
int sim_disk_unlink(struct sim *sim, const char *path);
int sim_disk_chmod(struct sim *sim, const char *path, uint32_t mode);
int sim_disk_ftruncate(struct sim *sim, int fd, int64_t length);

/* sendfile of struct driver_calls; @offset NULL: the file's position. */
struct sim_sendfile_call {
	int file;
	int64_t *offset;
	size_t len;
};
int sim_disk_sendfile(struct sim *sim, int socket, const struct sim_sendfile_call *call);

/*
 * A unix socket's name: bind makes it (-EADDRINUSE where the name is taken), connect looks it up
 * (-ENOENT, -ECONNREFUSED where it is no socket, ...). *@ret_number stays the same as long as the
 * file is there, and no other file gets it.
 */
int sim_disk_bind_socket(struct sim *sim, const char *path, uint64_t *ret_number);
int sim_disk_find_socket(struct sim *sim, const char *path, uint64_t *ret_number);

#endif
