/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_VOLUME_ENV_H
#define CDX_TESTS_UNIT_VOLUME_ENV_H

/* A volume on a store in a temporary directory.  Everything that fails here
 * fails the test.  CDX_TEST_LOG=1 shows the log. */

/* clang-format off: cmocka wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
/* clang-format on */

#include <limits.h>
#include <stdbool.h>

#include "base/pool.h"
#include "store/fsck.h"
#include "store/store.h"
#include "volume/volume.h"

struct volume_env {
	char path[PATH_MAX];
	struct cdx_log log;
	struct cdx_store *store; /* NULL while closed */
	struct cdx_volume *v;
	struct cdx_keyfile keys;
	struct cdx_pool *pool;
	/* may be changed between close and open */
	struct cdx_volume_opts opts; /* store, keys, log, pool are filled in */
	unsigned commit_ms;	     /* an hour: tests commit by hand */
	bool readonly;
	unsigned crashes;
};

/* Makes a store and opens its volume: no background thread, no pool threads.
 * @share: bytes for the volume, 0 = 1 GiB */
void volume_env_new(struct volume_env *e, uint64_t share);
void volume_env_open(struct volume_env *e);
/* The same, but gives the result of cdx_volume_open */
int volume_env_try_open(struct volume_env *e);
void volume_env_close(struct volume_env *e);
void volume_env_reopen(struct volume_env *e);
/* As if the machine had stopped now: what is on disk is copied, the copy is
 * opened, the old one closed and removed.  No other thread may work. */
void volume_env_crash(struct volume_env *e);
void volume_env_commit(struct volume_env *e);
/* Both checks; prints and counts what they find */
uint64_t volume_env_fsck(struct volume_env *e);
/* Waits until the next time stamp differs */
void volume_env_tick(void);
/* Closes and removes everything */
void volume_env_free(struct volume_env *e);

/* Who asks, when it does not matter: uid 1000, gid 1000, umask 022, fsetid */
extern const struct cdx_cred volume_env_cred;

/* Inode of a new file, directory; of a name (0: there is none).  No kernel
 * reference stays. */
uint64_t volume_env_file(struct volume_env *e, uint64_t parent,
			 const char *name);
uint64_t volume_env_dir(struct volume_env *e, uint64_t parent,
			const char *name);
uint64_t volume_env_find(struct volume_env *e, uint64_t parent,
			 const char *name);
struct cdx_attr volume_env_stat(struct volume_env *e, uint64_t ino);

#endif
