/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Checks of limits.c on the bytes of files, and on who may have them */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "limits.h"

/* ---- offsets ---- */

void check_offsets(void)
{
	const off_t max = INT64_MAX;
	struct stat st;
	uint8_t b[4096];
	int fd = make_file("far");

	signal(SIGXFSZ, SIG_IGN);
	FAILS(EINVAL, ftruncate(fd, -1));
	FAILS(EINVAL, pwrite(fd, b, 1, -1));
	/* the largest size: taken, or EFBIG and nothing has changed */
	if (ftruncate(fd, max) == 0) {
		CHECK(fstat(fd, &st) == 0 && st.st_size == max);
		CHECK(pread(fd, b, 100, max - 100) == 100);
		CHECK(is_zero(b, 100));
		CHECK(pread(fd, b, 100, max - 10) == 10);
	} else {
		CHECK(errno == EFBIG);
		CHECK(fstat(fd, &st) == 0 && st.st_size == 0);
	}
	/* in the last 64 KiB that the kernel would take: it may have the
	 * write in its cache, and then fsync says it */
	if (pwrite(fd, "x", 1, max - 1) == 1)
		FAILS(EFBIG, fsync(fd));
	else
		CHECK(errno == EFBIG);
	CHECK(ftruncate(fd, 0) == 0);
	for (int bit = 32; bit < 62; bit++) {
		off_t off = ((off_t)1 << bit) - 3;

		CHECK(pwrite(fd, "across", 6, off) == 6);
		CHECK(fsync(fd) == 0);
	}
	for (int bit = 32; bit < 62; bit++) {
		off_t off = ((off_t)1 << bit) - 3;

		CHECK(pread(fd, b, 12, off - 6) == 12);
		CHECK(is_zero(b, 6) && memcmp(b + 6, "across", 6) == 0);
		CHECK(lseek(fd, off - 1000000, SEEK_DATA) <= off);
	}
	CHECK(fstat(fd, &st) == 0 && st.st_blocks < 100000);
	FAILS(EFBIG, fallocate(fd, 0, max - 10, 100));
	FAILS(EINVAL, fallocate(fd, 0, 0, 0));
	FAILS(ENOSPC, fallocate(fd, 0, 0, (off_t)1 << 50));
	CHECK(lseek(fd, max, SEEK_SET) == max || errno == EINVAL);
	CHECK(close(fd) == 0);
}

void check_sparse(void)
{
	static uint8_t b[MIB];
	struct stat st;
	int fd = make_file("sparse");

	fill(b, sizeof(b), 7);
	CHECK(pwrite(fd, b, MIB, 0) == MIB);
	CHECK(pwrite(fd, b, MIB, 10 * MIB) == MIB);
	CHECK(fsync(fd) == 0);
	CHECK(lseek(fd, 0, SEEK_DATA) == 0);
	CHECK(lseek(fd, 0, SEEK_HOLE) == MIB);
	CHECK(lseek(fd, 2 * MIB, SEEK_DATA) == 10 * MIB);
	CHECK(lseek(fd, 10 * MIB, SEEK_HOLE) == 11 * MIB);
	FAILS(ENXIO, lseek(fd, 11 * MIB, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 20 * MIB, SEEK_HOLE));
	/* keep the size */
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 11 * MIB, MIB) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 11 * MIB);
	CHECK(fallocate(fd, 0, 11 * MIB, MIB) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 12 * MIB);
	CHECK(pread(fd, b, MIB, 11 * MIB) == MIB && is_zero(b, MIB));
	/* holes: whole pages and parts of them */
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000,
			500000) == 0);
	CHECK(pread(fd, b, MIB, 0) == MIB);
	CHECK(is_filled(b, 1000, 7) && is_zero(b + 1000, 500000));
	CHECK(b[501000] == (uint8_t)((501000 * 2654435761u + 7 * 97u) >> 7));
	CHECK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 10 * MIB + 7, 70000) == 0);
	CHECK(pread(fd, b, MIB, 10 * MIB) == MIB);
	CHECK(is_filled(b, 7, 7) && is_zero(b + 7, 70000));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096));
	CHECK(ftruncate(fd, 100) == 0 && ftruncate(fd, 5000) == 0);
	CHECK(pread(fd, b, MIB, 0) == 5000);
	CHECK(is_filled(b, 100, 7) && is_zero(b + 100, 4900));
	CHECK(close(fd) == 0);
}

/* ---- ways to read and write ---- */

void check_direct(void)
{
	uint8_t *b = aligned_alloc(4096, MIB);
	uint8_t *got = aligned_alloc(4096, MIB);
	int fd = open("direct", O_RDWR | O_CREAT | O_DIRECT, 0644);
	int plain;

	CHECK(b && got && fd >= 0);
	fill(b, MIB, 3);
	CHECK(pwrite(fd, b, MIB, 0) == MIB);
	CHECK(pread(fd, got, MIB, 0) == MIB && is_filled(got, MIB, 3));
	plain = open("direct", O_RDWR);
	CHECK(plain >= 0);
	CHECK(pread(plain, got, MIB, 0) == MIB && is_filled(got, MIB, 3));
	/* cached writes are seen by direct reads and the other way round */
	CHECK(pwrite(plain, "cached", 6, 5000) == 6);
	CHECK(pread(fd, got, 8192, 0) == 8192);
	CHECK(memcmp(got + 5000, "cached", 6) == 0);
	CHECK(pwrite(fd, b, 4096, 4096) == 4096);
	CHECK(pread(plain, got, 4096, 4096) == 4096);
	CHECK(memcmp(got, b, 4096) == 0);
	/* over the end */
	CHECK(pread(fd, got, 8192, MIB - 4096) == 4096);
	CHECK(pread(fd, got, 4096, MIB) == 0);
	CHECK(close(fd) == 0 && close(plain) == 0);
	free(b);
	free(got);
}

void check_mmap(void)
{
	int fd = make_file("mapped");
	uint8_t *shared;
	uint8_t *again;
	uint8_t *private;
	uint8_t b[16];

	CHECK(ftruncate(fd, MIB) == 0);
	shared = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	again = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0);
	private = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(shared != MAP_FAILED && again != MAP_FAILED &&
	      private != MAP_FAILED);
	memcpy(shared + 70000, "mapped", 6);
	CHECK(pread(fd, b, 6, 70000) == 6 && memcmp(b, "mapped", 6) == 0);
	CHECK(memcmp(again + 70000, "mapped", 6) == 0);
	CHECK(pwrite(fd, "written", 7, 200000) == 7);
	CHECK(memcmp(shared + 200000, "written", 7) == 0);
	memcpy(private + 70000, "nobody", 6);
	CHECK(memcmp(again + 70000, "mapped", 6) == 0);
	CHECK(msync(shared, MIB, MS_SYNC) == 0);
	CHECK(munmap(shared, MIB) == 0 && munmap(again, MIB) == 0 &&
	      munmap(private, MIB) == 0);
	CHECK(close(fd) == 0);
}

void check_append(void)
{
	enum {
		WRITERS = 4,
		LINES = 500
	};
	uint8_t count[WRITERS][LINES] = {{0}};
	char line[16];
	FILE *f;
	int n = 0;
	int w;
	int l;

	close(make_file("append"));
	for (w = 0; w < WRITERS; w++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid > 0)
			continue;
		int fd = open("append", O_WRONLY | O_APPEND);
		for (l = 0; l < LINES; l++) {
			snprintf(line, sizeof(line), "%d %06d\n", w, l);
			if (write(fd, line, 9) != 9)
				_exit(1);
		}
		_exit(0);
	}
	for (w = 0; w < WRITERS; w++) {
		int status;

		CHECK(wait(&status) > 0 && status == 0);
	}
	f = fopen("append", "r");
	CHECK(f != NULL);
	while (fscanf(f, "%d %d\n", &w, &l) == 2) {
		CHECK(w >= 0 && w < WRITERS && l >= 0 && l < LINES);
		CHECK(count[w][l]++ == 0);
		n++;
	}
	CHECK(n == WRITERS * LINES);
	fclose(f);
}

void check_exclusive(void)
{
	enum {
		RACERS = 6,
		ROUNDS = 200
	};
	int fds[2];
	uint8_t won[ROUNDS] = {0};
	uint8_t round;

	CHECK(pipe(fds) == 0);
	for (int p = 0; p < RACERS; p++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid > 0)
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			char name[32];
			int fd;

			snprintf(name, sizeof(name), "x%d", i);
			fd = i % 2 ? mkdir(name, 0700)
				   : open(name, O_CREAT | O_EXCL | O_WRONLY,
					  0600);
			round = (uint8_t)i;
			if (fd >= 0 && write(fds[1], &round, 1) != 1)
				_exit(1);
			if (fd < 0 && errno != EEXIST)
				_exit(2);
			if (fd > 0)
				close(fd);
		}
		_exit(0);
	}
	close(fds[1]);
	while (read(fds[0], &round, 1) == 1)
		CHECK(round < ROUNDS && won[round]++ == 0);
	for (int i = 0; i < ROUNDS; i++)
		CHECK(won[i] == 1);
	for (int p = 0; p < RACERS; p++) {
		int status;

		CHECK(wait(&status) > 0 && status == 0);
	}
}

/* ---- locks ---- */

static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0)
		_exit(fn());
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int try_flock(void)
{
	int fd = open("lock", O_RDWR);

	return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

static int try_record(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = 150, .l_len = 10};
	int fd = open("lock", O_RDWR);

	return fcntl(fd, F_SETLK, &l) == 0 ? 0 : errno;
}

static int try_other_record(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = 500, .l_len = 10};
	int fd = open("lock", O_RDWR);

	return fcntl(fd, F_SETLK, &l) == 0 ? 0 : errno;
}

void check_locks(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = 100, .l_len = 100};
	int fd = make_file("lock");
	int r;

	CHECK(flock(fd, LOCK_EX) == 0);
	CHECK(in_child(try_flock) == EWOULDBLOCK);
	CHECK(flock(fd, LOCK_UN) == 0);
	CHECK(in_child(try_flock) == 0);
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	r = in_child(try_record);
	CHECK(r == EAGAIN || r == EACCES);
	CHECK(in_child(try_other_record) == 0);
	l.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	CHECK(in_child(try_record) == 0);
	CHECK(close(fd) == 0);
}
