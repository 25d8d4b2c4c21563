/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_MOUNTED_H
#define CDX_CODEXFS_MOUNTED_H

#include "base/attr.h"
#include "base/log.h"
#include "codexfs/conf_opts.h"
#include "codexfs/mount_options.h"
#include "crypto/keys.h"

struct mounted_args {
	const char *store;
	const char *mountpoint;
	const struct mount_options *options;
	const struct cli_conf *conf; /* loaded */
	const struct cdx_keyfile *keys;
	struct cdx_log *log;
	int ready_fd; /* the waiting parent, or -1 in the foreground */
};

/**
 * mounted_run - the life of a mounted process
 *
 * Opens the store, answers the control socket, mounts, serves until the end,
 * commits.  Whoever waits on ready_fd (closed here) is told "+" once the mount
 * answers, or "-" and the reason.  Returns the exit status.
 */
int mounted_run(const struct mounted_args *args);

#endif
