/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "base/bytes.h"
#include "base/io.h"
#include "crypto/hash.h"

#define NAME "api-token"
#define RANDOM_BYTES 32u
/* shorter ones can be guessed */
#define TOKEN_MIN 16u

static int fail(char *why, int rc, const char *path, const char *text)
{
	snprintf(why, CDX_REST_WHY_MAX, "%s: %s", path, text);
	return rc;
}

/* The first line, without its end */
static int take_line(char out[CDX_REST_TOKEN_MAX], const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] > ' ' && text[n] <= '~')
		n++;
	if (n < TOKEN_MIN || n >= CDX_REST_TOKEN_MAX ||
	    (n < len && text[n] != '\n' && text[n] != '\r'))
		return -EINVAL;
	memcpy(out, text, n);
	out[n] = '\0';
	return 0;
}

static int read_token(char out[CDX_REST_TOKEN_MAX], int dirfd, const char *name,
		      const char *path, char why[CDX_REST_WHY_MAX])
{
	char text[CDX_REST_TOKEN_MAX + 2];
	CDX_CLEANUP(cdx_closep) int fd = -1;
	struct stat st;
	ssize_t n;
	int rc;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = -errno;
		return fail(why, rc, path, strerror(-rc));
	}
	if (!S_ISREG(st.st_mode))
		return fail(why, -EPERM, path, "is no file");
	if ((st.st_mode & 077) != 0)
		return fail(why, -EPERM, path,
			    "others can read the token of the API: chmod 600");
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fail(why, -EPERM, path, "belongs to somebody else");
	n = read(fd, text, sizeof(text));
	if (n < 0) {
		rc = -errno;
		return fail(why, rc, path, strerror(-rc));
	}
	rc = take_line(out, text, (size_t)n);
	cdx_wipe(text, sizeof(text));
	if (rc < 0)
		return fail(why, rc, path,
			    "a token is a line of 16 to 256 printable "
			    "characters; remove the file to have one made");
	return 0;
}

static int make_token(int dirfd, const char *name)
{
	uint8_t random[RANDOM_BYTES];
	char line[2 * RANDOM_BYTES + 2];
	int rc;

	cdx_random(random, sizeof(random));
	cdx_hex(line, random, sizeof(random));
	line[2 * RANDOM_BYTES] = '\n';
	rc = cdx_file_replace(dirfd, name, line, 2 * RANDOM_BYTES + 1, 0600);
	cdx_wipe(random, sizeof(random));
	cdx_wipe(line, sizeof(line));
	return rc;
}

static int get_token(char out[CDX_REST_TOKEN_MAX], const char *path,
		     char why[CDX_REST_WHY_MAX])
{
	CDX_CLEANUP(cdx_freep) char *dir = strdup(path);
	CDX_CLEANUP(cdx_freep) char *file = strdup(path);
	CDX_CLEANUP(cdx_closep) int dirfd = -1;
	const char *name;
	int rc = 0;

	if (dir == NULL || file == NULL)
		return -ENOMEM;
	name = basename(file);
	dirfd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		rc = -errno;
		return fail(why, rc, path, strerror(-rc));
	}
	if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT)
		rc = make_token(dirfd, name);
	if (rc < 0)
		return fail(why, rc, path, strerror(-rc));
	return read_token(out, dirfd, name, path, why);
}

int cdx_rest_token(char out[CDX_REST_TOKEN_MAX], const char *store,
		   const char *conf, char why[CDX_REST_WHY_MAX])
{
	CDX_CLEANUP(cdx_freep) char *path = NULL;

	if (conf != NULL)
		path = strdup(conf);
	else if (asprintf(&path, "%s/" NAME, store) < 0)
		path = NULL;
	return path == NULL ? -ENOMEM : get_token(out, path, why);
}
