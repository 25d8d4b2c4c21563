/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_IO_H
#define CDX_BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/* Whole transfers: retried on EINTR and short counts; a read that meets the
 * end of the file is -ENODATA.  All return 0 or -errno. */
CDX_MUST_CHECK int cdx_pread_full(int fd, void *buf, size_t len, off_t off);
CDX_MUST_CHECK int cdx_pwrite_full(int fd, const void *buf, size_t len,
				   off_t off);
CDX_MUST_CHECK int cdx_write_full(int fd, const void *buf, size_t len);

/* fsync(2) of an open directory: makes renames and new names in it last */
CDX_MUST_CHECK int cdx_fsync_dir(int dirfd);

/**
 * cdx_file_replace - write a small file atomically
 *
 * @dirfd: directory
 * @name:  final name, without slashes
 * @p:     @len bytes
 * @mode:  permission bits, applied before the first byte is written
 *
 * Temporary file, fsync, rename, fsync of the directory.
 */
CDX_MUST_CHECK int cdx_file_replace(int dirfd, const char *name, const void *p,
				    size_t len, mode_t mode);

/**
 * cdx_file_read - read a small file whole
 *
 * @dirfd: directory or AT_FDCWD
 * @name:  path
 * @out:   @cap bytes
 *
 * Returns the length; -EFBIG when the file is longer than @cap.
 */
CDX_MUST_CHECK ssize_t cdx_file_read(int dirfd, const char *name, void *out,
				     size_t cap);

/* cleanup helpers; keep errno, ignore -1 and NULL */
void cdx_closep(int *fd);
void cdx_freep(void *pp);
/* close and set to -1 */
void cdx_close(int *fd);

#endif
