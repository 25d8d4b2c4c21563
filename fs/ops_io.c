/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/err.h"

/* Contents of files. */

static struct cdx_volume *volume_of(fuse_req_t req)
{
	struct cdx_fs *fs = fuse_req_userdata(req);

	return fs->opts.volume;
}

/* The kernel reads what it has cached without asking, and keeps the times it
 * knows: an open for reading is the access, and it must look again. */
static void note_access(fuse_req_t req, fuse_ino_t ino, int flags)
{
	const struct cdx_fs *fs = fuse_req_userdata(req);

	if ((flags & O_ACCMODE) == O_WRONLY || (flags & O_NOATIME) != 0)
		return;
	if (cdx_vol_accessed(fs->opts.volume, ino) > 0)
		(void)fuse_lowlevel_notify_inval_inode(fs->session, ino, -1, 0);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cdx_attr in = {0};
	struct cdx_attr out;
	struct cdx_cred cred = {.fsetid = true};
	int rc;

	if (cdx_fs_is_virtual(ino)) {
		cdx_codex_open(fuse_req_userdata(req), req, ino, fi);
		return;
	}
	if (fi->flags & O_TRUNC) {
		rc = cdx_vol_setattr(volume_of(req), ino, &in,
				     CDX_SET_SIZE | CDX_SET_KILL_PRIV |
					     CDX_SET_MTIME_NOW,
				     &cred, &out);
		if (rc < 0) {
			cdx_fs_reply_err(req, rc);
			return;
		}
	}
	note_access(req, ino, fi->flags);
	cdx_fs_opened(fuse_req_userdata(req), ino, fi);
	if (fuse_reply_open(req, fi) == -ENOENT)
		cdx_fs_released(fuse_req_userdata(req), ino, fi);
}

static void op_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	if (cdx_fs_is_virtual(ino))
		cdx_codex_release(fi);
	else
		cdx_fs_released(fuse_req_userdata(req), ino, fi);
	fuse_reply_err(req, 0);
}

static void read_done(void *arg, const uint8_t *buf, ssize_t result)
{
	struct cdx_fs_wait *w = arg;

	cdx_fs_wait_answer(w);
	if (result < 0)
		cdx_fs_reply_err(w->req, (int)result);
	else
		fuse_reply_buf(w->req, (const char *)buf, (size_t)result);
	cdx_fs_wait_end(w);
}

static void cancel_read(void *op)
{
	cdx_vol_op_cancel(op);
}

static void read_waits(void *arg, struct cdx_vol_op *op)
{
	struct cdx_fs_wait *w = arg;

	w->cancel = cancel_read;
	cdx_fs_wait_begin(w);
	cdx_fs_wait_begun(w, op);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct cdx_fs_wait *w;

	if (cdx_fs_is_virtual(ino)) {
		cdx_codex_read(fuse_req_userdata(req), req, ino, size, off, fi);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	w->fs = fuse_req_userdata(req);
	w->req = req;
	cdx_vol_read_op(volume_of(req), ino, (uint64_t)off, size, read_waits,
			read_done, w);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf,
		     size_t size, off_t off, struct fuse_file_info *fi)
{
	/* Under the kernel's write-back cache it knows the size better than
	 * the flag: pages come with their final offsets. */
	bool append = (fi->flags & O_APPEND) != 0 && !fi->writepage;
	const struct cdx_fs *fs = fuse_req_userdata(req);
	int rc;

	if (cdx_fs_is_virtual(ino)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	if (fs->opts.writeback)
		append = false;
	rc = cdx_vol_write(volume_of(req), ino, (uint64_t)off, buf, size,
			   append);
	if (rc < 0)
		cdx_fs_reply_err(req, rc);
	else
		fuse_reply_write(req, size);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino,
		     struct fuse_file_info *fi CDX_UNUSED)
{
	int rc =
		cdx_fs_is_virtual(ino) ? 0 : cdx_vol_error(volume_of(req), ino);

	cdx_fs_reply_err(req, rc);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi CDX_UNUSED)
{
	int rc = cdx_fs_is_virtual(ino)
			 ? 0
			 : cdx_vol_fsync(volume_of(req), ino, datasync != 0);

	cdx_fs_reply_err(req, rc);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
			 off_t len, struct fuse_file_info *fi CDX_UNUSED)
{
	int rc;

	if (cdx_fs_is_virtual(ino))
		rc = -EPERM;
	else if (off < 0 || len <= 0)
		rc = -EINVAL;
	else
		rc = cdx_vol_fallocate(volume_of(req), ino, mode, (uint64_t)off,
				       (uint64_t)len);
	cdx_fs_reply_err(req, rc);
}

/* NOLINTNEXTLINE(readability-function-size): libfuse fixes the parameters */
static void op_copy(fuse_req_t req, fuse_ino_t in, off_t in_off,
		    struct fuse_file_info *fi_in CDX_UNUSED, fuse_ino_t out,
		    off_t out_off, struct fuse_file_info *fi_out CDX_UNUSED,
		    size_t len, int flags)
{
	int64_t n;

	if (cdx_fs_is_virtual(in) || cdx_fs_is_virtual(out)) {
		/* the kernel then copies by reading */
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	if (flags != 0 || in_off < 0 || out_off < 0) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	n = cdx_vol_copy_range(volume_of(req), in, (uint64_t)in_off, out,
			       (uint64_t)out_off, len);
	if (n < 0)
		cdx_fs_reply_err(req, (int)n);
	else
		fuse_reply_write(req, (size_t)n);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi CDX_UNUSED)
{
	int64_t r;

	if (cdx_fs_is_virtual(ino) || off < 0)
		r = -EINVAL;
	else
		r = cdx_vol_lseek(volume_of(req), ino, (uint64_t)off, whence);
	if (r < 0)
		cdx_fs_reply_err(req, (int)r);
	else
		fuse_reply_lseek(req, (off_t)r);
}

void cdx_fs_ops_io(struct fuse_lowlevel_ops *ops)
{
	ops->open = op_open;
	ops->release = op_release;
	ops->read = op_read;
	ops->write = op_write;
	ops->flush = op_flush;
	ops->fsync = op_fsync;
	ops->fallocate = op_fallocate;
	ops->copy_file_range = op_copy;
	ops->lseek = op_lseek;
}
