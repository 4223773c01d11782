/* SPDX-License-Identifier: MIT */
/* Descriptors in messages of unix sockets. */
#ifndef COIL_NET_RIGHTS_H
#define COIL_NET_RIGHTS_H

#include "coil/fds.h"

#include <sys/socket.h>

struct driver_calls;

union rights_control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(COIL_FDS_MAX * sizeof(int))];
};

/* Lets @header carry @fds, out of @control. 0 or -EINVAL. */
int rights_send(struct msghdr *header, union rights_control *control, const struct coil_fds *fds);

/* Makes room in @header for as many as @fds has room for. 0 or -EINVAL. */
int rights_recv(struct msghdr *header, union rights_control *control, struct coil_fds *fds);

/* What came in @header goes to @fds, or is closed where not all of it came. */
void rights_take(const struct driver_calls *calls, struct msghdr *header, struct coil_fds *fds);

/* Nobody takes them: closes them all. */
void rights_drop(const struct driver_calls *calls, struct coil_fds *fds);

/* Is it a unix socket? 0, -EOPNOTSUPP, or what getsockopt says. */
int rights_check_unix(const struct driver_calls *calls, int fd);

int rights_credentials(const struct driver_calls *calls, int fd,
		       struct coil_credentials *ret_credentials);

#endif
