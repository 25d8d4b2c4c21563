/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_FILE_H
#define CDX_CODEXFS_FILE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/bytes.h"

/* Files that the verbs read and write.  What fails is told; all return 0 or the
 * exit status. */

/* A file that gets its name when all of it is there */
struct cli_file {
	const char *path; /* NULL: standard output */
	char *tmp;
	int fd;
};
/* @path: NULL or "-" for standard output.  0 or the exit status, told. */
CDX_MUST_CHECK int cli_file_open(struct cli_file *f, const char *path);
/* @status: of the work; returns it, or that of the renaming */
int cli_file_close(struct cli_file *f, int status);

/* A whole file at once, in the same way */
CDX_MUST_CHECK int cli_file_write(const char *path, const void *p, size_t len);
/* Appends a whole file ("-": standard input) of at most @max bytes */
CDX_MUST_CHECK int cli_file_read(struct cdx_buf *out, const char *path,
				 size_t max);

#endif
