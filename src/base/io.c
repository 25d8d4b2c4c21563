/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

int cdx_pread_full(int fd, void *buf, size_t len, off_t off)
{
	char *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, off);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0)
			return -ENODATA;
		p += n;
		off += n;
		len -= (size_t)n;
	}
	return 0;
}

int cdx_pwrite_full(int fd, const void *buf, size_t len, off_t off)
{
	const char *p = buf;

	while (len) {
		ssize_t n = pwrite(fd, p, len, off);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0)
			return -EIO;
		p += n;
		off += n;
		len -= (size_t)n;
	}
	return 0;
}

int cdx_write_full(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (n == 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int cdx_fsync_dir(int dirfd)
{
	return fsync(dirfd) == 0 ? 0 : -errno;
}

static int tmp_name(char *out, size_t cap, const char *name)
{
	uint64_t salt;
	int n;

	if (!name[0] || strchr(name, '/'))
		return -EINVAL;
	if (getrandom(&salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return -EIO;
	n = snprintf(out, cap, ".%s.%016" PRIx64, name, salt);
	return n > 0 && (size_t)n < cap ? 0 : -ENAMETOOLONG;
}

static int fill_file(int fd, const void *p, size_t len, mode_t mode)
{
	int err;

	/* not left to the umask, and before there is anything to read */
	if (fchmod(fd, mode) != 0)
		return -errno;
	err = cdx_write_full(fd, p, len);
	if (err)
		return err;
	return fsync(fd) == 0 ? 0 : -errno;
}

int cdx_file_replace(int dirfd, const char *name, const void *p, size_t len,
		     mode_t mode)
{
	char tmp[NAME_MAX + 1];
	int fd;
	int err = tmp_name(tmp, sizeof(tmp), name);

	if (err)
		return err;
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = fill_file(fd, p, len, mode);
	/* close reports a failed write on network filesystems */
	if (close(fd) != 0 && !err)
		err = -errno;
	if (!err && renameat(dirfd, tmp, dirfd, name) != 0)
		err = -errno;
	if (err) {
		(void)unlinkat(dirfd, tmp, 0);
		return err;
	}
	return cdx_fsync_dir(dirfd);
}

ssize_t cdx_file_read(int dirfd, const char *name, void *out, size_t cap)
{
	CDX_CLEANUP(cdx_closep) int fd = -1;
	size_t len = 0;
	char beyond;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		/* when @out is full, one byte more tells whether that was all */
		bool full = len == cap;
		ssize_t n = full ? read(fd, &beyond, 1)
				 : read(fd, (char *)out + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return (ssize_t)len;
		if (full)
			return -EFBIG;
		len += (size_t)n;
	}
}

void cdx_close(int *fd)
{
	int keep = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = keep;
}

void cdx_closep(int *fd)
{
	cdx_close(fd);
}

void cdx_freep(void *pp)
{
	void *p;
	int keep = errno;

	/* a copy, because the caller's pointer has another type than void * */
	memcpy(&p, pp, sizeof(p));
	free(p);
	errno = keep;
}
