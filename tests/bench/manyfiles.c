/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Large numbers, for bench_scale.sh:
 *
 *   manyfiles create|stat|unlink DIR N   N files, 1000 to a folder; prints the
 *                                        rate
 *   manyfiles churn DIR MIB              overwrites 4 KiB blocks of a file of
 *                                        MIB MiB in random order, all of them
 *                                        twice; DIR/versions keeps count
 *   manyfiles check DIR MIB              is every block the last one written?
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096u

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void one_name(const char *dir, unsigned i, const char *what)
{
	char path[4096];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/n%u", dir, i / 1000);
	if (i % 1000 == 0 && strcmp(what, "create") == 0 &&
	    mkdir(path, 0755) < 0)
		die(path);
	snprintf(path, sizeof(path), "%s/n%u/f%u", dir, i / 1000, i);
	if (strcmp(what, "create") == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || close(fd) < 0)
			die(path);
	} else if (strcmp(what, "stat") == 0) {
		if (stat(path, &st) < 0)
			die(path);
	} else if (unlink(path) < 0) {
		die(path);
	}
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

static void fill(uint8_t out[BLOCK], uint64_t block, uint64_t version)
{
	uint64_t s = mix(block << 20 ^ version);

	for (unsigned i = 0; i < BLOCK; i += 8) {
		s = mix(s + UINT64_C(0x9e3779b97f4a7c15));
		memcpy(out + i, &s, 8);
	}
}

static int open_in(const char *dir, const char *name, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags, 0644);
	if (fd < 0)
		die(path);
	return fd;
}

static uint32_t *load_versions(const char *dir, size_t blocks, int *fd)
{
	uint32_t *v = calloc(blocks, sizeof(*v));

	*fd = open_in(dir, "versions", O_RDWR | O_CREAT);
	if (v == NULL || pread(*fd, v, blocks * sizeof(*v), 0) < 0)
		die("versions");
	return v;
}

static void churn(const char *dir, size_t blocks)
{
	int fd = open_in(dir, "churn", O_RDWR | O_CREAT);
	uint8_t buf[BLOCK];
	int vfd;
	uint32_t *v = load_versions(dir, blocks, &vfd);
	uint64_t rng = mix((uint64_t)v[0] + 1);

	for (size_t i = 0; i < 2 * blocks; i++) {
		/* an odd step visits every block in a scattered order */
		size_t b = (size_t)((i * UINT64_C(2654435761) + rng) % blocks);

		v[b]++;
		fill(buf, b, v[b]);
		if (pwrite(fd, buf, BLOCK, (off_t)(b * BLOCK)) !=
		    (ssize_t)BLOCK)
			die("pwrite");
	}
	if (fsync(fd) < 0 || close(fd) < 0 ||
	    pwrite(vfd, v, blocks * sizeof(*v), 0) < 0 || close(vfd) < 0)
		die("churn");
	free(v);
}

static int check(const char *dir, size_t blocks)
{
	int fd = open_in(dir, "churn", O_RDONLY);
	uint8_t want[BLOCK];
	uint8_t have[BLOCK];
	int vfd;
	uint32_t *v = load_versions(dir, blocks, &vfd);
	size_t bad = 0;

	for (size_t b = 0; b < blocks; b++) {
		fill(want, b, v[b]);
		if (v[b] == 0)
			continue;
		if (pread(fd, have, BLOCK, (off_t)(b * BLOCK)) !=
		    (ssize_t)BLOCK)
			die("pread");
		bad += memcmp(want, have, BLOCK) != 0;
	}
	free(v);
	if (bad > 0)
		printf("%zu blocks are wrong\n", bad);
	return bad == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc == 4 ? argv[1] : "";
	unsigned n = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	size_t blocks = (size_t)n * (1048576 / BLOCK);
	double t = now();

	if (strcmp(what, "churn") == 0 && n > 0) {
		churn(argv[2], blocks);
		return 0;
	}
	if (strcmp(what, "check") == 0 && n > 0)
		return check(argv[2], blocks);
	if (strcmp(what, "create") != 0 && strcmp(what, "stat") != 0 &&
	    strcmp(what, "unlink") != 0) {
		fputs("usage: manyfiles create|stat|unlink DIR N | "
		      "churn|check DIR MIB\n",
		      stderr);
		return 2;
	}
	for (unsigned i = 0; i < n; i++)
		one_name(argv[2], i, what);
	printf("%.0f\n", n / (now() - t));
	return 0;
}
