/* SPDX-License-Identifier: MIT */
/* Without libFuzzer: runs each file of the folders, or file, of its arguments once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static int replay_file(const char *path)
{
	static uint8_t room[BYTES_MAX];
	FILE *file = fopen(path, "re");
	size_t count;
	uint8_t *bytes;

	if (!file) {
		fprintf(stderr, "%s cannot be read\n", path);
		return -1;
	}
	count = fread(room, 1, sizeof room, file);
	fclose(file);
	/* As large as it is, so that a read behind it is found. */
	bytes = malloc(count ? count : 1);
	if (!bytes)
		return -1;
	memcpy(bytes, room, count);
	if (getenv("COIL_FUZZ_NAMES"))
		fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(bytes, count);
	free(bytes);
	return 1;
}

static int replay_folder(const char *path)
{
	DIR *folder = opendir(path);
	char name[4096];
	const struct dirent *entry;
	int files = 0;

	if (!folder)
		return replay_file(path);
	while ((entry = readdir(folder))) {
		int rc;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		rc = replay_file(name);
		if (rc < 0) {
			files = rc;
			break;
		}
		files += rc;
	}
	closedir(folder);
	return files;
}

int main(int argc, char **argv)
{
	int files = 0;

	for (int i = 1; i < argc; i++) {
		int rc = replay_folder(argv[i]);

		if (rc < 0)
			return 1;
		files += rc;
	}
	printf("%d files replayed\n", files);
	return files == 0;
}
