/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_KEYFILE_H
#define CDX_CODEXFS_KEYFILE_H

#include <stdbool.h>

#include "base/attr.h"
#include "crypto/keys.h"

/* Key files and words, as the verbs init and key use them.  Each tells the
 * user what is wrong and returns 0 or a negative result. */

/* Reads 24 words from a file, or from standard input when it is "-". */
CDX_MUST_CHECK int keyfile_words(struct cdx_root *out, const char *file);

/**
 * keyfile_write - write a key file, mode 0600
 *
 * @store:         its directory
 * @key_file:      NULL: STORE/key
 * @password:      seal it; asks on the terminal unless @password_file
 * @replace:       an existing file may be replaced
 */
CDX_MUST_CHECK int keyfile_write(const char *store, const char *key_file,
				 const struct cdx_keyfile *keys, bool password,
				 const char *password_file, bool replace);

#endif
