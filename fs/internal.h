/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_FS_INTERNAL_H
#define CDX_FS_INTERNAL_H

#ifndef FUSE_USE_VERSION
#error "config.h must come first: it chooses FUSE_USE_VERSION"
#endif

#include <fuse_lowlevel.h>
#include <pthread.h>

#include "base/list.h"
#include "base/map.h"
#include "fs/fs.h"

/* Only we change the tree, so the kernel may keep what it knows. */
#define CDX_FS_TIMEOUT_S 86400.0

/* Virtual inodes have the top bit set, which the volume never reaches. */
#define CDX_FS_VIRTUAL (UINT64_C(1) << 63)
#define CDX_FS_CODEX_NAME ".codex"

struct cdx_fs {
	struct cdx_fs_opts opts;
	struct fuse_session *session;
	char *mountpoint;
	bool mounted;
	bool signals;
	pthread_mutex_t writers_mu; /* guards the member below */
	struct cdx_map writers;	    /* ino -> opens for writing, as a pointer */
	pthread_mutex_t waits_mu;   /* guards the members down to ending */
	pthread_cond_t waits_cv;    /* one ended, or is not being cancelled */
	struct cdx_list waits;	    /* struct cdx_fs_wait */
	bool ending;		    /* nobody is to wait any more */
	pthread_mutex_t codex_mu;   /* guards the two members below */
	struct cdx_map codex_nodes; /* virtual ino -> struct codex_node */
	uint64_t codex_next;
};

/* The volume's attributes as the kernel wants them (uid=, gid= applied) */
void cdx_fs_stat(const struct cdx_fs *fs, struct stat *st,
		 const struct cdx_attr *a);
/* Answers a request with a result of ours: 0 or negative */
void cdx_fs_reply_err(fuse_req_t req, int result);

/* Is it a number of the virtual tree?  Pure. */
static inline bool cdx_fs_is_virtual(fuse_ino_t ino)
{
	return (ino & CDX_FS_VIRTUAL) != 0;
}

/* A file of the volume was opened (fills in @fi), or the open was released:
 * counts those for writing, for cdx_fs_flush.  Thread: safe. */
void cdx_fs_opened(struct cdx_fs *fs, fuse_ino_t ino,
		   struct fuse_file_info *fi);
void cdx_fs_released(struct cdx_fs *fs, fuse_ino_t ino,
		     const struct fuse_file_info *fi);

/*
 * A request that another thread answers (wait.c).  Malloc'd with fs, req, cancel
 * and put filled in and all else zero; may be the first member of something
 * larger.  Who starts it calls _begin, starts what the request waits for, and gives
 * that to _begun; whose callback answers calls _answer, replies, and calls _end.
 * One that was never begun is only ended, by the starter's own callback.
 */
struct cdx_fs_wait {
	struct cdx_list link; /* fs->waits */
	struct cdx_fs *fs;
	fuse_req_t req;
	void (*cancel)(void *op); /* does not call back before it returns */
	void (*put)(void *op);	  /* gives it back, or NULL */
	bool listed;		  /* set before anybody else has it */
	/* guarded by waits_mu: */
	void *op;
	unsigned refs;
	unsigned cancelling;
	bool interrupted;
	bool cancelled;
	bool answered;
};
void cdx_fs_wait_begin(struct cdx_fs_wait *w);
/* @op: what may be cancelled from now on; NULL: it has ended.  @w may be gone when
 * this returns. */
void cdx_fs_wait_begun(struct cdx_fs_wait *w, void *op);
/* From now on nothing is cancelled: the request may be answered */
void cdx_fs_wait_answer(struct cdx_fs_wait *w);
/* It was answered; frees @w */
void cdx_fs_wait_end(struct cdx_fs_wait *w);
/* Ends all of them, and waits for that; new ones end at once */
void cdx_fs_wait_all(struct cdx_fs *fs);

/* Fills in all operations (ops.c, ops_io.c) */
void cdx_fs_ops(struct fuse_lowlevel_ops *ops);
void cdx_fs_ops_io(struct fuse_lowlevel_ops *ops);
void cdx_fs_ops_dir(struct fuse_lowlevel_ops *ops);
void cdx_fs_ops_xattr(struct fuse_lowlevel_ops *ops);

/* The virtual tree (codexdir.c).  Each answers the request.  @parent of lookup
 * may be the root for ".codex" itself. */
void cdx_codex_lookup(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t parent,
		      const char *name);
void cdx_codex_getattr(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino);
void cdx_codex_open(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino,
		    struct fuse_file_info *fi);
void cdx_codex_read(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino,
		    size_t size, off_t off, struct fuse_file_info *fi);
void cdx_codex_release(struct fuse_file_info *fi);
void cdx_codex_opendir(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi);
void cdx_codex_readdir(fuse_req_t req, size_t size, off_t off,
		       struct fuse_file_info *fi, bool plus);
void cdx_codex_releasedir(struct fuse_file_info *fi);
void cdx_codex_forget(struct cdx_fs *fs, fuse_ino_t ino, uint64_t n);
void cdx_codex_getxattr(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino,
			const char *name, size_t size);
void cdx_codex_free(struct cdx_fs *fs);

#endif
