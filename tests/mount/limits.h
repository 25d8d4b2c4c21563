/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_MOUNT_LIMITS_H
#define CDX_TESTS_MOUNT_LIMITS_H

/* Shared by the checks of limits.c and limits_io.c */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                      \
	do {                                                          \
		if (!(x)) {                                           \
			fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, \
				__LINE__, #x, strerror(errno));       \
			exit(1);                                      \
		}                                                     \
	} while (0)
/* fails with that errno */
#define FAILS(err, x) CHECK((errno = 0, (x) < 0) && errno == (err))

#define KIB 1024
#define MIB (1024 * KIB)

static inline int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	return fd;
}

static inline void fill(uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((i * 2654435761u + seed * 97u) >> 7);
}

static inline bool is_filled(const uint8_t *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != (uint8_t)((i * 2654435761u + seed * 97u) >> 7))
			return false;
	}
	return true;
}

static inline bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

/* limits_io.c: in the working folder, which is empty */
void check_offsets(void);
void check_sparse(void);
void check_direct(void);
void check_mmap(void);
void check_append(void);
void check_exclusive(void);
void check_locks(void);

#endif
