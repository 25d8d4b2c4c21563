/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_FS_FS_H
#define CDX_FS_FS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/log.h"
#include "exchange/exchange.h"
#include "store/store.h"
#include "volume/volume.h"

/* FUSE glue: requests of the kernel become calls of the volume, and the virtual
 * tree `.codex`.  No file semantics live here. */
struct cdx_fs;

/* Text of status.json; malloc'd, the caller frees it.  NULL: no memory. */
typedef char *cdx_fs_status_fn(void *arg);

struct cdx_fs_opts {
	struct cdx_volume *volume;     /* kept */
	struct cdx_store *store;       /* kept */
	struct cdx_exchange *exchange; /* kept; NULL: what is here alone */
	const struct cdx_log *log;     /* kept */
	const char *source;	       /* shown by df and mount: the store */
	const char *mountpoint;	       /* absolute */
	const char *kernel_options;    /* dev,suid,...; NULL or a comma list */
	bool readonly;
	bool allow_other;
	bool auto_unmount; /* fusermount3 unmounts when we are killed */
	bool writeback;	   /* kernel write-back cache */
	bool clone_fd;	   /* one /dev/fuse descriptor a worker */
	bool force_uid;	   /* show every file as @uid */
	bool force_gid;
	uid_t uid;
	gid_t gid;
	unsigned threads; /* most workers; 0 = 10 */
	cdx_fs_status_fn *status;
	void *status_arg;
	/* called once when the kernel's first request (INIT) is answered */
	void (*ready)(void *arg);
	void *ready_arg;
};

/**
 * cdx_fs_mount - mount; serves nobody yet
 *
 * @out:  returns new
 * @opts: borrowed; strings are copied
 *
 * Errors: -EINVAL an option that libfuse refuses; -EPERM, -EIO the mount was
 * refused (libfuse has said why on stderr).
 */
CDX_MUST_CHECK int cdx_fs_mount(struct cdx_fs **out,
				const struct cdx_fs_opts *opts);

/**
 * cdx_fs_remount - change what the kernel allows on a mounted filesystem
 *
 * @o: mountpoint, readonly and kernel_options count
 *
 * The process that serves it is not asked.  Errors: those of mount(2); -EPERM
 * for who is not root.  Thread: any.
 */
CDX_MUST_CHECK int cdx_fs_remount(const struct cdx_fs_opts *o);

/* Serves until unmounted or SIGTERM, SIGINT or SIGHUP.  0, or -errno of the
 * FUSE device. */
CDX_MUST_CHECK int cdx_fs_run(struct cdx_fs *fs);

/* Makes the kernel hand over what its write-back cache still holds of files
 * that are open for writing (others have been written at close; syncfs does
 * not wait for FUSE).  Their cached pages are dropped.  Blocks; not for a FUSE
 * worker.  Thread: safe. */
void cdx_fs_flush(struct cdx_fs *fs);

/* Unmounts if that is still to be done, frees.  NULL is allowed. */
void cdx_fs_free(struct cdx_fs *fs);

#endif
