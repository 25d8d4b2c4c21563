/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Directories. */

static void op_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	if (cdx_fs_is_virtual(ino)) {
		cdx_codex_opendir(fuse_req_userdata(req), req, ino, fi);
		return;
	}
	fi->fh = 0;
	/* only we change directories, and the kernel hears of each change */
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	if (cdx_fs_is_virtual(ino))
		cdx_codex_releasedir(fi);
	fuse_reply_err(req, 0);
}

struct fill {
	fuse_req_t req;
	struct cdx_fs *fs;
	char *buf;
	size_t size;
	size_t used;
	bool plus;
};

static int add_plain(struct fill *f, const struct cdx_dirent *e)
{
	struct stat st = {.st_ino = e->ino, .st_mode = e->type};
	size_t n =
		fuse_add_direntry(f->req, f->buf + f->used, f->size - f->used,
				  e->name, &st, (off_t)e->cookie);

	if (n > f->size - f->used)
		return 0;
	f->used += n;
	return 1;
}

static int add_plus(struct fill *f, const struct cdx_dirent *e)
{
	struct fuse_entry_param p = {0};
	struct cdx_attr a;
	bool dots = strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0;
	size_t n;
	int rc;

	p.attr.st_ino = e->ino;
	p.attr.st_mode = e->type;
	n = fuse_add_direntry_plus(f->req, NULL, 0, e->name, &p, 0);
	if (n > f->size - f->used)
		return 0;
	if (!dots) {
		rc = cdx_vol_ref(f->fs->opts.volume, e->ino, &a);
		if (rc == -ESTALE) /* removed since: not an entry any more */
			return 1;
		if (rc < 0)
			return rc;
		p.ino = a.ino;
		p.generation = 1;
		p.attr_timeout = CDX_FS_TIMEOUT_S;
		p.entry_timeout = CDX_FS_TIMEOUT_S;
		cdx_fs_stat(f->fs, &p.attr, &a);
	}
	f->used += fuse_add_direntry_plus(f->req, f->buf + f->used,
					  f->size - f->used, e->name, &p,
					  (off_t)e->cookie);
	return 1;
}

static int fill_one(void *arg, const struct cdx_dirent *e)
{
	struct fill *f = arg;

	return f->plus ? add_plus(f, e) : add_plain(f, e);
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct fuse_file_info *fi, bool plus)
{
	struct fill f = {
		.req = req, .fs = fuse_req_userdata(req), .plus = plus};
	int rc;

	if (cdx_fs_is_virtual(ino)) {
		cdx_codex_readdir(req, size, off, fi, plus);
		return;
	}
	f.size = size;
	f.buf = malloc(size);
	if (f.buf == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	rc = cdx_vol_readdir(f.fs->opts.volume, ino, (uint64_t)off, fill_one,
			     &f);
	/* entries that were added hold references: hand them over first, the
	 * next call meets the error again */
	if (rc < 0 && f.used == 0)
		cdx_fs_reply_err(req, rc);
	else
		fuse_reply_buf(req, f.buf, f.used);
	free(f.buf);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, fi, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t off, struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, fi, true);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
			struct fuse_file_info *fi CDX_UNUSED)
{
	struct cdx_fs *fs = fuse_req_userdata(req);
	int rc = cdx_fs_is_virtual(ino)
			 ? 0
			 : cdx_vol_fsync(fs->opts.volume, ino, datasync != 0);

	cdx_fs_reply_err(req, rc);
}

void cdx_fs_ops_dir(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = op_opendir;
	ops->releasedir = op_releasedir;
	ops->readdir = op_readdir;
	ops->readdirplus = op_readdirplus;
	ops->fsyncdir = op_fsyncdir;
}
