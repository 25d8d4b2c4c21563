/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One figure of a filesystem at a time, for bench_mount.sh:
 *
 *   fsbench WORK DIR [N]
 *
 * prints a number: MiB/s for write, read; operations a second for the others.
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

#define MIB (1u << 20)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t rng = 88172645463325252ull;
static uint64_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static uint8_t *random_bytes(size_t n)
{
	uint8_t *p = malloc(n);

	if (p == NULL)
		die("malloc");
	for (size_t i = 0; i + 8 <= n; i += 8) {
		uint64_t r = next_random();

		memcpy(p + i, &r, 8);
	}
	return p;
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

static double seq_write(const char *dir, unsigned mib)
{
	uint8_t *buf = random_bytes(MIB);
	int fd = open_in(dir, "seq", O_RDWR | O_CREAT | O_TRUNC);
	double t = now();

	for (unsigned i = 0; i < mib; i++)
		if (write(fd, buf, MIB) != (ssize_t)MIB)
			die("write");
	if (fsync(fd) < 0)
		die("fsync");
	t = now() - t;
	close(fd);
	free(buf);
	return mib / t;
}

static double seq_read(const char *dir)
{
	uint8_t *buf = malloc(MIB);
	int fd = open_in(dir, "seq", O_RDONLY);
	double t = now();
	uint64_t total = 0;
	ssize_t n;

	while ((n = read(fd, buf, MIB)) > 0)
		total += (uint64_t)n;
	if (n < 0)
		die("read");
	t = now() - t;
	close(fd);
	free(buf);
	return (double)total / MIB / t;
}

static double rand_read(const char *dir, unsigned n)
{
	uint8_t buf[4096];
	int fd = open_in(dir, "seq", O_RDONLY);
	uint64_t pages = (uint64_t)lseek(fd, 0, SEEK_END) / 4096;
	double t = now();

	for (unsigned i = 0; i < n; i++)
		if (pread(fd, buf, 4096,
			  (off_t)(next_random() % pages * 4096)) != 4096)
			die("pread");
	t = now() - t;
	close(fd);
	return n / t;
}

static double rand_write(const char *dir, unsigned n, int sync)
{
	uint8_t *buf = random_bytes(4096);
	int fd = open_in(dir, sync ? "rws" : "rw", O_RDWR | O_CREAT);
	uint8_t *mib = random_bytes(MIB);
	double t;

	for (unsigned i = 0; i < 256; i++)
		if (pwrite(fd, mib, MIB, (off_t)i * MIB) != (ssize_t)MIB)
			die("pwrite");
	if (fsync(fd) < 0)
		die("fsync");
	t = now();
	for (unsigned i = 0; i < n; i++) {
		if (pwrite(fd, buf, 4096,
			   (off_t)(next_random() % 65536 * 4096)) != 4096)
			die("pwrite");
		if (sync && fdatasync(fd) < 0)
			die("fdatasync");
	}
	/* without the close the kernel's cache alone is measured */
	if (close(fd) < 0)
		die("close");
	t = now() - t;
	free(buf);
	free(mib);
	return n / t;
}

static double names(const char *dir, unsigned n, const char *what)
{
	char path[4096];
	struct stat st;
	double t = now();

	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/names/%u", dir, i);
		if (strcmp(what, "create") == 0) {
			int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

			if (fd < 0 || close(fd) < 0)
				die(path);
		} else if (strcmp(what, "stat") == 0) {
			if (stat(path, &st) < 0)
				die(path);
		} else if (unlink(path) < 0) {
			die(path);
		}
	}
	return n / (now() - t);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	const char *dir = argc > 2 ? argv[2] : "";
	unsigned n = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	double r;

	if (strcmp(what, "write") == 0)
		r = seq_write(dir, n == 0 ? 1024 : n);
	else if (strcmp(what, "read") == 0)
		r = seq_read(dir);
	else if (strcmp(what, "randread") == 0)
		r = rand_read(dir, n == 0 ? 4000 : n);
	else if (strcmp(what, "randwrite") == 0)
		r = rand_write(dir, n == 0 ? 65536 : n, 0);
	else if (strcmp(what, "fsync") == 0)
		r = rand_write(dir, n == 0 ? 3000 : n, 1);
	else if (strcmp(what, "create") == 0 || strcmp(what, "stat") == 0 ||
		 strcmp(what, "unlink") == 0)
		r = names(dir, n == 0 ? 10000 : n, what);
	else {
		fputs("usage: fsbench write|read|randread|randwrite|fsync|"
		      "create|stat|unlink DIR [N]\n",
		      stderr);
		return 2;
	}
	printf("%.2f\n", r);
	return 0;
}
