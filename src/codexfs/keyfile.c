/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "codexfs/cli.h"
#include "crypto/hash.h"
#include "node/node.h"

#define WORDS_FILE_MAX 4096

static ssize_t read_words(char *out, const char *file)
{
	size_t len = 0;
	ssize_t n;

	if (strcmp(file, "-") != 0)
		return cdx_file_read(AT_FDCWD, file, out, WORDS_FILE_MAX);
	while (len < WORDS_FILE_MAX &&
	       (n = read(STDIN_FILENO, out + len, WORDS_FILE_MAX - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)len;
}

int keyfile_words(struct cdx_root *out, const char *file)
{
	char text[WORDS_FILE_MAX];
	ssize_t n = read_words(text, file);
	unsigned bad = 0;
	int rc;

	if (n < 0) {
		cli_error("cannot read the words from %s: %s", file,
			  cdx_strerror((int)n));
		return (int)n;
	}
	rc = cdx_words_decode(out, &bad, text, (size_t)n);
	cdx_wipe(text, sizeof(text));
	if (rc == CDX_E_AUTH)
		cli_error("the words in %s do not fit together: one of them "
			  "is wrong, or two are swapped",
			  file);
	else if (rc < 0 && bad > 0)
		cli_error("word %u in %s is not in the list; check its "
			  "spelling",
			  bad, file);
	else if (rc < 0)
		cli_error("%s does not hold exactly 24 words", file);
	return rc;
}

/* Writes beside the final place, then renames. */
static int put_file(const char *path, const struct cdx_buf *b, bool replace)
{
	CDX_CLEANUP(cdx_freep) char *dir_copy = strdup(path);
	CDX_CLEANUP(cdx_freep) char *base_copy = strdup(path);
	CDX_CLEANUP(cdx_closep) int dirfd = -1;

	if (dir_copy == NULL || base_copy == NULL)
		return -ENOMEM;
	if (!replace && access(path, F_OK) == 0)
		return -EEXIST;
	dirfd = open(dirname(dir_copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	return cdx_file_replace(dirfd, basename(base_copy), b->p, b->len, 0600);
}

int keyfile_write(const char *store, const char *key_file,
		  const struct cdx_keyfile *keys, bool password,
		  const char *password_file, bool replace)
{
	CDX_CLEANUP(cdx_freep) char *path = NULL;
	char secret[CDX_PASSWORD_MAX];
	struct cdx_buf b = {0};
	int rc = 0;

	if (asprintf(&path, "%s%s", key_file != NULL ? key_file : store,
		     key_file != NULL ? "" : "/key") < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (password) {
		rc = cdx_node_password(secret, password_file,
				       "New password for the key file", true);
		if (rc < 0) {
			cli_error("no usable password: %s",
				  rc == -EINVAL
					  ? "empty, too long, or not the same "
					    "twice"
					  : cdx_strerror(rc));
			return rc;
		}
	}
	rc = cdx_keyfile_encode(&b, keys, password ? secret : NULL);
	cdx_wipe(secret, sizeof(secret));
	if (rc == 0)
		rc = put_file(path, &b, replace);
	cdx_buf_wipe(&b);
	if (rc < 0)
		cli_error("cannot write the key file %s: %s", path,
			  cdx_strerror(rc));
	return rc;
}
