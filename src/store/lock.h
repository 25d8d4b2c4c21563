/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_LOCK_H
#define CDX_STORE_LOCK_H

#include <stddef.h>

#include "base/attr.h"

/**
 * cdx_lock_take - be the one process that has the store open
 *
 * @out:    descriptor that holds the lock; give it to cdx_lock_drop
 * @dirfd:  directory of the store
 * @holder: @holder_len bytes, may be NULL; on CDX_E_LOCKED who has it
 *
 * The lock is the kernel's (flock) and goes with the process; the text in the
 * file is for people.  Errors: CDX_E_LOCKED, -errno.
 */
CDX_MUST_CHECK int cdx_lock_take(int *out, int dirfd, char *holder,
				 size_t holder_len);
/* Empties the file and unlocks; -1 is allowed. */
void cdx_lock_drop(int *fd);

#endif
