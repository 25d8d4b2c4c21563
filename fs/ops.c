/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fs/internal.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

/* Names, links and attributes. */

static struct cdx_fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct cdx_cred cred_of(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	/* default_permissions: the kernel has stripped setgid already where
	 * the caller may not keep it */
	struct cdx_cred cred = {
		.uid = ctx->uid,
		.gid = ctx->gid,
		.umask = ctx->umask,
		.fsetid = true,
	};

	return cred;
}

/* May this name be made, removed or replaced here?  0 or the errno. */
static int refuse_name(fuse_ino_t parent, const char *name)
{
	if (cdx_fs_is_virtual(parent))
		return EPERM;
	if (parent == CDX_ROOT_INO && strcmp(name, CDX_FS_CODEX_NAME) == 0)
		return EPERM;
	return 0;
}

static void fill_entry(const struct cdx_fs *fs, struct fuse_entry_param *e,
		       const struct cdx_attr *a)
{
	memset(e, 0, sizeof(*e));
	e->ino = a->ino;
	e->generation = 1;
	e->attr_timeout = CDX_FS_TIMEOUT_S;
	e->entry_timeout = CDX_FS_TIMEOUT_S;
	cdx_fs_stat(fs, &e->attr, a);
}

static void reply_entry(fuse_req_t req, int rc, const struct cdx_attr *a)
{
	struct cdx_fs *fs = fs_of(req);
	struct fuse_entry_param e;

	if (rc < 0) {
		cdx_fs_reply_err(req, rc);
		return;
	}
	fill_entry(fs, &e, a);
	/* interrupted: the kernel never learns of the reference */
	if (fuse_reply_entry(req, &e) == -ENOENT)
		cdx_vol_forget(fs->opts.volume, a->ino, 1);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct cdx_fs *fs = userdata;
	unsigned want = FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC |
			FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_DONT_MASK |
			FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
			FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_POSIX_ACL |
			FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_EXPLICIT_INVAL_DATA;
	/* Data is encrypted and copied anyway: splice only adds pipes.  The
	 * kernel clears set-id bits by itself.  Locks are kernel-local.  After
	 * asynchronous direct writes it leaves old pages in its cache. */
	unsigned no = FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
		      FUSE_CAP_SPLICE_MOVE | FUSE_CAP_AUTO_INVAL_DATA |
		      FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_FLOCK_LOCKS |
		      FUSE_CAP_POSIX_LOCKS | FUSE_CAP_ASYNC_DIO;

	if (fs->opts.writeback)
		want |= FUSE_CAP_WRITEBACK_CACHE;
	conn->want |= want & conn->capable;
	conn->want &= ~no;
	conn->max_write = 1u << 20;
	conn->max_readahead = 8u << 20;
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->time_gran = 1;
	if (fs->opts.ready != NULL)
		fs->opts.ready(fs->opts.ready_arg);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cdx_fs *fs = fs_of(req);
	struct cdx_attr a;
	int rc;

	if (cdx_fs_is_virtual(parent) ||
	    (parent == CDX_ROOT_INO && strcmp(name, CDX_FS_CODEX_NAME) == 0)) {
		cdx_codex_lookup(fs, req, parent, name);
		return;
	}
	rc = cdx_vol_lookup(fs->opts.volume, parent, name, &a);
	if (rc == -ENOENT) {
		/* the kernel may remember that the name is free */
		struct fuse_entry_param e = {.entry_timeout = CDX_FS_TIMEOUT_S};

		fuse_reply_entry(req, &e);
		return;
	}
	reply_entry(req, rc, &a);
}

static void forget_one(struct cdx_fs *fs, fuse_ino_t ino, uint64_t n)
{
	if (cdx_fs_is_virtual(ino))
		cdx_codex_forget(fs, ino, n);
	else
		cdx_vol_forget(fs->opts.volume, ino, n);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	forget_one(fs_of(req), ino, n);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *f)
{
	for (size_t i = 0; i < count; i++)
		forget_one(fs_of(req), f[i].ino, f[i].nlookup);
	fuse_reply_none(req);
}

static void reply_attr(fuse_req_t req, int rc, const struct cdx_attr *a)
{
	struct stat st;

	if (rc < 0) {
		cdx_fs_reply_err(req, rc);
		return;
	}
	cdx_fs_stat(fs_of(req), &st, a);
	fuse_reply_attr(req, &st, CDX_FS_TIMEOUT_S);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi CDX_UNUSED)
{
	struct cdx_fs *fs = fs_of(req);
	struct cdx_attr a;

	if (cdx_fs_is_virtual(ino)) {
		cdx_codex_getattr(fs, req, ino);
		return;
	}
	reply_attr(req, cdx_vol_getattr(fs->opts.volume, ino, &a), &a);
}

static unsigned setattr_bits(int to_set)
{
	static const struct {
		int fuse;
		unsigned ours;
	} table[] = {
		{FUSE_SET_ATTR_MODE, CDX_SET_MODE},
		{FUSE_SET_ATTR_UID, CDX_SET_UID},
		{FUSE_SET_ATTR_GID, CDX_SET_GID},
		{FUSE_SET_ATTR_SIZE, CDX_SET_SIZE},
		{FUSE_SET_ATTR_ATIME, CDX_SET_ATIME},
		{FUSE_SET_ATTR_MTIME, CDX_SET_MTIME},
		{FUSE_SET_ATTR_ATIME_NOW, CDX_SET_ATIME_NOW},
		{FUSE_SET_ATTR_MTIME_NOW, CDX_SET_MTIME_NOW},
		{FUSE_SET_ATTR_CTIME, CDX_SET_CTIME},
	};
	unsigned which = 0;

	for (size_t i = 0; i < CDX_ARRAY_LEN(table); i++)
		if (to_set & table[i].fuse)
			which |= table[i].ours;
	return which;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st,
		       int to_set, struct fuse_file_info *fi CDX_UNUSED)
{
	struct cdx_fs *fs = fs_of(req);
	struct cdx_cred cred = cred_of(req);
	struct cdx_attr in = {0};
	struct cdx_attr out;

	if (cdx_fs_is_virtual(ino)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	in.mode = st->st_mode;
	in.uid = st->st_uid;
	in.gid = st->st_gid;
	in.size = (uint64_t)st->st_size;
	in.atime = st->st_atim;
	in.mtime = st->st_mtim;
	in.ctime = st->st_ctim;
	reply_attr(req,
		   cdx_vol_setattr(fs->opts.volume, ino, &in,
				   setattr_bits(to_set), &cred, &out),
		   &out);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[CDX_SYMLINK_MAX + 1];
	int rc = cdx_fs_is_virtual(ino)
			 ? -EINVAL
			 : cdx_vol_readlink(fs_of(req)->opts.volume, ino,
					    target, sizeof(target) - 1);

	if (rc < 0) {
		cdx_fs_reply_err(req, rc);
		return;
	}
	target[rc] = '\0';
	fuse_reply_readlink(req, target);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode, dev_t rdev)
{
	struct cdx_cred cred = cred_of(req);
	struct cdx_attr a;
	int err = refuse_name(parent, name);

	if (err != 0) {
		fuse_reply_err(req, err);
		return;
	}
	reply_entry(req,
		    cdx_vol_mknod(fs_of(req)->opts.volume, parent, name, mode,
				  rdev, &cred, &a),
		    &a);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	struct cdx_cred cred = cred_of(req);
	struct cdx_attr a;
	int err = refuse_name(parent, name);

	if (err != 0) {
		fuse_reply_err(req, err);
		return;
	}
	reply_entry(req,
		    cdx_vol_mkdir(fs_of(req)->opts.volume, parent, name, mode,
				  &cred, &a),
		    &a);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	struct cdx_cred cred = cred_of(req);
	struct cdx_attr a;
	int err = refuse_name(parent, name);

	if (err != 0) {
		fuse_reply_err(req, err);
		return;
	}
	reply_entry(req,
		    cdx_vol_symlink(fs_of(req)->opts.volume, parent, name,
				    target, &cred, &a),
		    &a);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent,
		    const char *newname)
{
	struct cdx_attr a;
	int err = refuse_name(newparent, newname);

	if (cdx_fs_is_virtual(ino))
		err = EPERM;
	if (err != 0) {
		fuse_reply_err(req, err);
		return;
	}
	reply_entry(req,
		    cdx_vol_link(fs_of(req)->opts.volume, ino, newparent,
				 newname, &a),
		    &a);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	int err = refuse_name(parent, name);

	if (err != 0)
		fuse_reply_err(req, err);
	else
		cdx_fs_reply_err(req, cdx_vol_unlink(fs_of(req)->opts.volume,
						     parent, name));
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	int err = refuse_name(parent, name);

	if (err != 0)
		fuse_reply_err(req, err);
	else
		cdx_fs_reply_err(req, cdx_vol_rmdir(fs_of(req)->opts.volume,
						    parent, name));
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname, unsigned flags)
{
	int err = refuse_name(parent, name);

	if (err == 0)
		err = refuse_name(newparent, newname);
	if (err != 0)
		fuse_reply_err(req, err);
	else
		cdx_fs_reply_err(req, cdx_vol_rename(fs_of(req)->opts.volume,
						     parent, name, newparent,
						     newname, flags));
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct cdx_fs *fs = fs_of(req);
	struct cdx_cred cred = cred_of(req);
	struct fuse_entry_param e;
	struct cdx_attr a;
	int rc = -refuse_name(parent, name);

	if (rc == 0)
		rc = cdx_vol_mknod(fs->opts.volume, parent, name,
				   S_IFREG | (mode & 07777), 0, &cred, &a);
	if (rc < 0) {
		cdx_fs_reply_err(req, rc);
		return;
	}
	fill_entry(fs, &e, &a);
	cdx_fs_opened(fs, a.ino, fi);
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		cdx_fs_released(fs, a.ino, fi);
		cdx_vol_forget(fs->opts.volume, a.ino, 1);
	}
}

#ifdef HAVE_FUSE_TMPFILE
static void op_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		       struct fuse_file_info *fi)
{
	struct cdx_fs *fs = fs_of(req);
	struct cdx_cred cred = cred_of(req);
	struct fuse_entry_param e;
	struct cdx_attr a;
	int rc = cdx_fs_is_virtual(parent)
			 ? -EPERM
			 : cdx_vol_tmpfile(fs->opts.volume, parent,
					   S_IFREG | (mode & 07777), &cred, &a);

	if (rc < 0) {
		cdx_fs_reply_err(req, rc);
		return;
	}
	fill_entry(fs, &e, &a);
	cdx_fs_opened(fs, a.ino, fi);
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		cdx_fs_released(fs, a.ino, fi);
		cdx_vol_forget(fs->opts.volume, a.ino, 1);
	}
}
#endif

static void op_statfs(fuse_req_t req, fuse_ino_t ino CDX_UNUSED)
{
	struct cdx_statfs s;
	struct statvfs st = {0};

	cdx_vol_statfs(fs_of(req)->opts.volume, &s);
	st.f_bsize = 65536;
	st.f_frsize = 4096;
	st.f_blocks = s.bytes / 4096;
	st.f_bfree = s.bytes_free / 4096;
	st.f_bavail = st.f_bfree;
	st.f_files = s.inodes + s.inodes_free;
	st.f_ffree = s.inodes_free;
	st.f_favail = s.inodes_free;
	st.f_namemax = CDX_NAME_MAX;
	fuse_reply_statfs(req, &st);
}

void cdx_fs_ops(struct fuse_lowlevel_ops *ops)
{
	ops->init = op_init;
	ops->lookup = op_lookup;
	ops->forget = op_forget;
	ops->forget_multi = op_forget_multi;
	ops->getattr = op_getattr;
	ops->setattr = op_setattr;
	ops->readlink = op_readlink;
	ops->mknod = op_mknod;
	ops->mkdir = op_mkdir;
	ops->symlink = op_symlink;
	ops->link = op_link;
	ops->unlink = op_unlink;
	ops->rmdir = op_rmdir;
	ops->rename = op_rename;
	ops->create = op_create;
#ifdef HAVE_FUSE_TMPFILE
	ops->tmpfile = op_tmpfile;
#endif
	ops->statfs = op_statfs;
}
