/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEXFS_MOUNT_OPTIONS_H
#define CDX_CODEXFS_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/bytes.h"

/* What -o says.  Strings are owned; free with mount_options_free. */
struct mount_options {
	char *key_file;
	char *password_file;
	char *conf_file; /* config= */
	bool readonly;
	bool remount;
	bool noatime;
	bool allow_other;
	bool auto_unmount;
	bool writeback;
	bool sync_write;
	bool clone_fd;
	bool force_uid;
	bool force_gid;
	uid_t uid;
	gid_t gid;
	unsigned commit_s;
	unsigned seal_age_s;
	unsigned threads;
	struct cdx_buf kernel; /* dev,suid,... for the mount itself; text */
};

/* Defaults: allow_other for root, auto_unmount where fusermount3 is found. */
void mount_options_init(struct mount_options *o);
/**
 * mount_options_parse - one comma list
 *
 * Options of mount(8) and fstab that mean nothing to us (user, noauto, nofail,
 * _netdev, x-*, ...) are swallowed.  Unknown or absurd ones are told to the
 * user: -EINVAL.
 */
CDX_MUST_CHECK int mount_options_parse(struct mount_options *o,
				       const char *list);
void mount_options_free(struct mount_options *o);

#endif
