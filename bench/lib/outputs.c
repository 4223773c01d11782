/* SPDX-License-Identifier: MIT */
/* See outputs.h. */
#include "outputs.h"

#include <errno.h>
#include <string.h>

static bool is_stdout(const char *path)
{
	return strcmp(path, "-") == 0;
}

bool outputs_has_stdout(const struct outputs *outputs)
{
	for (int i = 0; i < OUTPUTS; i++)
		if (outputs->paths[i] && is_stdout(outputs->paths[i]))
			return true;
	return false;
}

bool outputs_check(const struct outputs *outputs, const char *program)
{
	bool can_all = true;

	for (int i = 0; i < OUTPUTS; i++) {
		const char *path = outputs->paths[i];
		FILE *file;

		if (!path || is_stdout(path))
			continue;
		file = fopen(path, "ae");
		if (file) {
			fclose(file);
			continue;
		}
		fprintf(stderr, "%s: %s: %s\n", program, path, strerror(errno));
		can_all = false;
	}
	return can_all;
}

static bool write_one(const struct coil_bench *bench, int format, const char *path)
{
	FILE *out = is_stdout(path) ? stdout : fopen(path, "we");
	int rc;

	if (!out)
		return false;
	rc = coil_bench_write(bench, format, out);
	return (out == stdout ? fflush(out) : fclose(out)) == 0 && rc == 0;
}

bool outputs_write(const struct outputs *outputs, const char *program,
		   const struct coil_bench *bench)
{
	bool has_all = true;

	for (int i = 0; i < OUTPUTS; i++) {
		if (!outputs->paths[i] || write_one(bench, i, outputs->paths[i]))
			continue;
		fprintf(stderr, "%s: %s: %s\n", program, outputs->paths[i], strerror(errno));
		has_all = false;
	}
	return has_all;
}
