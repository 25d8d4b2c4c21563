/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"

/* Appends ",name=value" with commas and backslashes of the value escaped, as
 * libfuse's option parser wants it. */
static void put_option(struct cdx_buf *b, const char *name, const char *value)
{
	if (b->len > 0)
		cdx_buf_u8(b, ',');
	cdx_buf_put(b, name, strlen(name));
	if (value == NULL)
		return;
	cdx_buf_u8(b, '=');
	for (; *value != '\0'; value++) {
		if (*value == ',' || *value == '\\')
			cdx_buf_u8(b, '\\');
		cdx_buf_u8(b, (uint8_t)*value);
	}
}

static int make_args(struct fuse_args *args, const struct cdx_fs_opts *o)
{
	struct cdx_buf b = {0};
	int rc;

	put_option(&b, "default_permissions", NULL);
	put_option(&b, "subtype", "codexfs");
	put_option(&b, "fsname", o->source);
	if (o->allow_other)
		put_option(&b, "allow_other", NULL);
	if (o->readonly)
		put_option(&b, "ro", NULL);
	if (o->auto_unmount)
		put_option(&b, "auto_unmount", NULL);
	if (o->kernel_options != NULL && o->kernel_options[0] != '\0') {
		cdx_buf_u8(&b, ',');
		cdx_buf_put(&b, o->kernel_options, strlen(o->kernel_options));
	}
	cdx_buf_u8(&b, 0);
	rc = cdx_buf_ok(&b);
	if (rc == 0 && (fuse_opt_add_arg(args, "codexfs") != 0 ||
			fuse_opt_add_arg(args, "-o") != 0 ||
			fuse_opt_add_arg(args, (const char *)b.p) != 0))
		rc = -ENOMEM;
	cdx_buf_free(&b);
	return rc;
}

/* Is @name, of two that exclude each other, the last said in a comma list? */
static bool says(const char *list, const char *name, const char *opposite)
{
	bool yes = false;

	while (list != NULL && *list != '\0') {
		size_t n = strcspn(list, ",");

		if (n == strlen(name) && memcmp(list, name, n) == 0)
			yes = true;
		else if (n == strlen(opposite) &&
			 memcmp(list, opposite, n) == 0)
			yes = false;
		list += n + (list[n] == ',');
	}
	return yes;
}

static unsigned long mount_flags(const struct cdx_fs_opts *o)
{
	const char *list = o->kernel_options;
	unsigned long flags = 0;

	flags |= says(list, "dev", "nodev") ? 0 : MS_NODEV;
	flags |= says(list, "suid", "nosuid") ? 0 : MS_NOSUID;
	flags |= says(list, "noexec", "exec") ? MS_NOEXEC : 0;
	flags |= o->readonly ? MS_RDONLY : 0;
	return flags;
}

/*
 * With auto_unmount it is fusermount3 that mounts, and libfuse does not tell it
 * of dev and suid: root sets them afterwards.  Nothing asks the filesystem,
 * which does not answer yet.
 */
static int allow_special(const char *mountpoint, const struct cdx_fs_opts *o)
{
	unsigned long flags = mount_flags(o);

	if (!o->auto_unmount || geteuid() != 0 ||
	    (flags & (MS_NODEV | MS_NOSUID)) == (MS_NODEV | MS_NOSUID))
		return 0;
	flags |= MS_REMOUNT | MS_BIND;
	return mount(NULL, mountpoint, NULL, flags, NULL) < 0 ? -errno : 0;
}

int cdx_fs_remount(const struct cdx_fs_opts *o)
{
	unsigned long flags = MS_REMOUNT | mount_flags(o);

	return mount(NULL, o->mountpoint, NULL, flags, NULL) < 0 ? -errno : 0;
}

int cdx_fs_mount(struct cdx_fs **out, const struct cdx_fs_opts *opts)
{
	struct fuse_lowlevel_ops ops = {0};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct cdx_fs *fs;
	int rc;

	*out = NULL;
	fs = calloc(1, sizeof(*fs));
	if (fs == NULL)
		return -ENOMEM;
	fs->opts = *opts;
	fs->codex_next = CDX_FS_VIRTUAL + 1024;
	pthread_mutex_init(&fs->codex_mu, NULL);
	pthread_mutex_init(&fs->writers_mu, NULL);
	pthread_mutex_init(&fs->waits_mu, NULL);
	pthread_cond_init(&fs->waits_cv, NULL);
	cdx_list_init(&fs->waits);
	fs->mountpoint = strdup(opts->mountpoint);
	rc = fs->mountpoint == NULL ? -ENOMEM : make_args(&args, opts);
	if (rc < 0)
		goto out;
	cdx_fs_ops(&ops);
	cdx_fs_ops_io(&ops);
	cdx_fs_ops_dir(&ops);
	cdx_fs_ops_xattr(&ops);
	fs->session = fuse_session_new(&args, &ops, sizeof(ops), fs);
	if (fs->session == NULL) {
		rc = -EINVAL;
		goto out;
	}
	if (fuse_set_signal_handlers(fs->session) != 0) {
		rc = -EIO;
		goto out;
	}
	fs->signals = true;
	if (fuse_session_mount(fs->session, fs->mountpoint) != 0) {
		rc = -EIO;
		goto out;
	}
	fs->mounted = true;
	rc = allow_special(fs->mountpoint, opts);
	if (rc == 0)
		*out = fs;
out:
	fuse_opt_free_args(&args);
	if (rc < 0)
		cdx_fs_free(fs);
	return rc;
}

static void count_writer(struct cdx_fs *fs, fuse_ino_t ino, int delta)
{
	uintptr_t n;

	pthread_mutex_lock(&fs->writers_mu);
	n = (uintptr_t)cdx_map_get(&fs->writers, ino) + (uintptr_t)delta;
	if (n == 0)
		cdx_map_del(&fs->writers, ino);
	else if (cdx_map_put(&fs->writers, ino, (void *)n) < 0)
		cdx_log(fs->opts.log, WARN, "fs",
			"no memory to remember that a file is open");
	pthread_mutex_unlock(&fs->writers_mu);
}

/* What the handle of an open for writing says */
#define WRITER 1u

void cdx_fs_opened(struct cdx_fs *fs, fuse_ino_t ino, struct fuse_file_info *fi)
{
	bool writes = (fi->flags & O_ACCMODE) != O_RDONLY;

	fi->fh = writes ? WRITER : 0;
	fi->keep_cache = 1;
	if (writes)
		count_writer(fs, ino, 1);
}

void cdx_fs_released(struct cdx_fs *fs, fuse_ino_t ino,
		     const struct fuse_file_info *fi)
{
	if (fi->fh == WRITER)
		count_writer(fs, ino, -1);
}

void cdx_fs_flush(struct cdx_fs *fs)
{
	uint64_t *ino;
	size_t n = 0;
	size_t pos = 0;
	void *val;

	pthread_mutex_lock(&fs->writers_mu);
	ino = calloc(fs->writers.len + 1, sizeof(*ino));
	while (ino != NULL && cdx_map_next(&fs->writers, &pos, &ino[n], &val))
		n++;
	pthread_mutex_unlock(&fs->writers_mu);
	/* the kernel writes dirty pages before it drops them */
	for (size_t i = 0; i < n; i++)
		fuse_lowlevel_notify_inval_inode(fs->session, ino[i], 0, 0);
	free(ino);
}

int cdx_fs_run(struct cdx_fs *fs)
{
	int rc;
#if FUSE_USE_VERSION >= 312
	struct fuse_loop_config *cfg = fuse_loop_cfg_create();

	if (cfg == NULL)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(cfg, fs->opts.clone_fd ? 1 : 0);
	fuse_loop_cfg_set_max_threads(
		cfg, fs->opts.threads == 0 ? 10 : fs->opts.threads);
	fuse_loop_cfg_set_idle_threads(cfg, 10);
	rc = fuse_session_loop_mt(fs->session, cfg);
	fuse_loop_cfg_destroy(cfg);
#else
	struct fuse_loop_config cfg = {
		.clone_fd = fs->opts.clone_fd ? 1 : 0,
		.max_idle_threads = 10,
	};

	rc = fuse_session_loop_mt(fs->session, &cfg);
#endif
	cdx_fs_wait_all(fs);
	/* a positive result is the signal that ended the loop */
	return rc > 0 ? 0 : rc;
}

void cdx_fs_free(struct cdx_fs *fs)
{
	if (fs == NULL)
		return;
	if (fs->mounted)
		fuse_session_unmount(fs->session);
	if (fs->signals)
		fuse_remove_signal_handlers(fs->session);
	if (fs->session != NULL)
		fuse_session_destroy(fs->session);
	cdx_codex_free(fs);
	pthread_mutex_destroy(&fs->codex_mu);
	pthread_mutex_destroy(&fs->writers_mu);
	pthread_cond_destroy(&fs->waits_cv);
	pthread_mutex_destroy(&fs->waits_mu);
	cdx_map_free(&fs->writers);
	free(fs->mountpoint);
	free(fs);
}

void cdx_fs_reply_err(fuse_req_t req, int result)
{
	fuse_reply_err(req, result < 0 ? cdx_err_errno(result) : 0);
}

void cdx_fs_stat(const struct cdx_fs *fs, struct stat *st,
		 const struct cdx_attr *a)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = a->ino;
	st->st_mode = a->mode;
	st->st_nlink = a->nlink;
	st->st_uid = fs->opts.force_uid ? fs->opts.uid : a->uid;
	st->st_gid = fs->opts.force_gid ? fs->opts.gid : a->gid;
	st->st_rdev = a->rdev;
	st->st_size = (off_t)a->size;
	st->st_blocks = (blkcnt_t)a->blocks;
	st->st_blksize = 65536;
	st->st_atim = a->atime;
	st->st_mtim = a->mtime;
	st->st_ctim = a->ctime;
}
