/* SPDX-License-Identifier: MIT */
/*
 * The operations on files, in three files: files_ops.c has the table and what acts on a
 * descriptor, files_paths.c what takes paths, files_xattr.c the extended attributes.
 */
#ifndef COIL_SIM_FILES_OPS_H
#define COIL_SIM_FILES_OPS_H

#include <linux/openat2.h>

#include "sim/disk_tree.h"

/* request->own: what the kernel copies when it takes the SQE. */
struct files_copy {
	char *paths[2];
	char *name;	/* of an extended attribute */
	uint8_t *value; /* of it, to set */
	size_t value_bytes;
	struct open_how how;
};

struct files_copy *files_copy(struct sim_request *request);
void files_drop(struct sim_request *request);
/* Copies the path at @address to copy->paths[@which]. 0, -EFAULT, -ENOENT or -ENAMETOOLONG. */
int files_copy_path(struct sim_request *request, unsigned which, uint64_t address,
		    bool may_be_empty);
/* Fields that the operation does not use must be zero: -EINVAL. */
int files_unused(uint64_t some, uint64_t others);

int32_t files_open_prepare(struct sim_request *request);
int32_t files_open2_prepare(struct sim_request *request);
int32_t files_open_attempt(struct sim_request *request);
int32_t files_statx_prepare(struct sim_request *request);
int32_t files_statx_attempt(struct sim_request *request);
int32_t files_rename_prepare(struct sim_request *request);
int32_t files_rename_attempt(struct sim_request *request);
int32_t files_unlink_prepare(struct sim_request *request);
int32_t files_unlink_attempt(struct sim_request *request);
int32_t files_mkdir_prepare(struct sim_request *request);
int32_t files_mkdir_attempt(struct sim_request *request);
int32_t files_symlink_prepare(struct sim_request *request);
int32_t files_symlink_attempt(struct sim_request *request);
int32_t files_link_prepare(struct sim_request *request);
int32_t files_link_attempt(struct sim_request *request);

int32_t files_getxattr_prepare(struct sim_request *request);
int32_t files_getxattr_attempt(struct sim_request *request);
int32_t files_setxattr_prepare(struct sim_request *request);
int32_t files_setxattr_attempt(struct sim_request *request);

#endif
