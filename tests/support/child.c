/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

int test_run_in_child(void (*body)(void), char *text, size_t bytes)
{
	size_t length = 0;
	int status = 0;
	int ends[2];
	ssize_t n;
	pid_t child;

	EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		dup3(ends[1], STDERR_FILENO, 0);
		body();
		_exit(0);
	}
	close(ends[1]);
	while (length + 1 < bytes && (n = read(ends[0], text + length, bytes - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	close(ends[0]);
	EXPECT_EQ(waitpid(child, &status, 0), child);
	return status;
}
