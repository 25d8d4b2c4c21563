/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Stands in for libFuzzer's main: gives every file of the corpus to the fuzz
 * target once.  Arguments are files or folders; without any it is the folder
 * $srcdir/tests/fuzz/corpus/<what> of a program called fuzz_<what>.  An empty
 * corpus is a failure, or a lost folder would pass for a test.
 */

#define INPUT_MAX (16U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay_file(const char *path, size_t size)
{
	/* exactly as long as the input, so that ASan sees one byte too many */
	uint8_t *data = malloc(size ? size : 1);
	FILE *f = fopen(path, "rb");
	int rc = -1;

	if (!data || !f)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	else if (fread(data, 1, size, f) != size)
		fprintf(stderr, "%s: short read\n", path);
	else
		rc = 0;
	if (f)
		fclose(f);
	if (rc == 0) {
		LLVMFuzzerTestOneInput(data, size);
		replayed++;
	} else {
		fprintf(stderr, "%s: not replayed\n", path);
	}
	free(data);
	return rc;
}

static int replay_one(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > INPUT_MAX) {
		fprintf(stderr, "%s: not a file of a corpus\n", path);
		return -1;
	}
	return replay_file(path, (size_t)st.st_size);
}

static int replay(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return replay_one(path);
	while ((e = readdir(dir))) {
		char name[PATH_MAX];

		if (e->d_name[0] == '.')
			continue;
		if (snprintf(name, sizeof(name), "%s/%s", path, e->d_name) >=
			    (int)sizeof(name) ||
		    replay_one(name) < 0)
			rc = -1;
	}
	closedir(dir);
	return rc;
}

static int replay_own_corpus(const char *program)
{
	const char *srcdir = getenv("srcdir");
	const char *base = strrchr(program, '/');
	char path[PATH_MAX];

	base = base ? base + 1 : program;
	if (strncmp(base, "fuzz_", 5) != 0) {
		fprintf(stderr, "%s: give a corpus\n", program);
		return -1;
	}
	if (snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s",
		     srcdir ? srcdir : ".", base + 5) >= (int)sizeof(path))
		return -1;
	return replay(path);
}

int main(int argc, char **argv)
{
	int rc = argc > 1 ? 0 : replay_own_corpus(argv[0]);
	int i;

	for (i = 1; i < argc; i++) {
		if (replay(argv[i]) < 0)
			rc = -1;
	}
	printf("%u inputs replayed\n", replayed);
	return rc < 0 || !replayed;
}
