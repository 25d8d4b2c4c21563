/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_ENV_CHECK_H
#define CDX_STORE_ENV_CHECK_H

#include <lmdb.h>
#include <stdbool.h>

#include "base/attr.h"

/* Whether LMDB's file can be used at all: LMDB maps it, trusts what its pages
 * say, and a process that follows a damaged one may be killed by a signal. */

/**
 * cdx_env_check_pages - read every page in a process of its own
 *
 * @path: file of an environment; nobody writes it meanwhile
 *
 * Returns 0, CDX_E_CORRUPT (the reader failed, or a signal ended it), -errno.
 * Takes as long as reading the file.  Forks: the child only uses LMDB.
 */
CDX_MUST_CHECK int cdx_env_check_pages(const char *path);

/**
 * cdx_env_check_length - before a file is opened: it has LMDB's first pages
 *
 * CDX_E_CORRUPT, -errno.
 */
CDX_MUST_CHECK int cdx_env_check_length(const char *path);

/**
 * cdx_env_fit - make the file as long as its last page says
 *
 * @mdb:    open
 * @path:   its file
 * @verify: before anything is read: was it cut?
 *
 * A transaction may leave its last pages unwritten, when it no longer uses
 * them; the file is shorter then, and nothing is wrong.  With @verify a short
 * file's pages are all read, and if that fails it is left as it was.
 * CDX_E_CORRUPT, -errno.
 */
CDX_MUST_CHECK int cdx_env_fit(MDB_env *mdb, const char *path, bool verify);

#endif
