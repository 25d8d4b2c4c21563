/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "codexfs/cli.h"

#define READ_BYTES (1u << 20)

int cli_file_open(struct cli_file *f, const char *path)
{
	f->tmp = NULL;
	f->fd = STDOUT_FILENO;
	f->path = path == NULL || strcmp(path, "-") == 0 ? NULL : path;
	if (f->path == NULL)
		return 0;
	if (asprintf(&f->tmp, "%s.codexfs-part", f->path) < 0) {
		f->tmp = NULL;
		return cdx_err_exit(-ENOMEM);
	}
	f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (f->fd < 0) {
		cli_error("cannot write %s: %s", f->tmp, strerror(errno));
		free(f->tmp);
		return 1;
	}
	return 0;
}

int cli_file_close(struct cli_file *f, int status)
{
	if (f->path == NULL)
		return status;
	if (status == 0 && (fsync(f->fd) < 0 || rename(f->tmp, f->path) < 0)) {
		cli_error("cannot write %s: %s", f->path, strerror(errno));
		status = 1;
	}
	if (status != 0)
		unlink(f->tmp);
	cdx_close(&f->fd);
	free(f->tmp);
	return status;
}

int cli_file_write(const char *path, const void *p, size_t len)
{
	struct cli_file f;
	int status = cli_file_open(&f, path);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_write_full(f.fd, p, len);
	if (rc < 0)
		cli_error("cannot write %s: %s",
			  path == NULL ? "standard output" : path,
			  cdx_strerror(rc));
	return cli_file_close(&f, cdx_err_exit(rc));
}

static int read_all(struct cdx_buf *out, int fd, size_t max)
{
	for (;;) {
		uint8_t *p = cdx_buf_extend(out, READ_BYTES);
		ssize_t n;

		if (p == NULL)
			return -ENOMEM;
		do
			n = read(fd, p, READ_BYTES);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -errno;
		out->len -= READ_BYTES - (size_t)n;
		if (n == 0)
			return 0;
		if (out->len > max)
			return -EFBIG;
	}
}

int cli_file_read(struct cdx_buf *out, const char *path, size_t max)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : read_all(out, fd, max);

	if (rc == -EFBIG)
		cli_error("%s: larger than %zu bytes, which no file of this "
			  "kind is",
			  path, max);
	else if (rc < 0)
		cli_error("cannot read %s: %s", path, cdx_strerror(rc));
	if (!standard)
		cdx_closep(&fd);
	if (rc < 0)
		cdx_buf_free(out);
	return cdx_err_exit(rc);
}
