/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_UMOUNT_H
#define CDX_CODEXFS_UMOUNT_H

#include <stdbool.h>

#include "base/attr.h"

/* Unmounts a path: umount(2), or fusermount3 where that is not ours to do.
 * @lazy: detach even when busy.  0 or -errno. */
CDX_MUST_CHECK int umount_path(const char *path, bool lazy);

#endif
