/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fs/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Extended attributes.  user.codex.* are virtual: readable by name, not
 * listed (rsync -X and tar would copy them), not settable. */

#define CODEX_PREFIX "user.codex."

static bool is_codex_attr(const char *name)
{
	return strncmp(name, CODEX_PREFIX, strlen(CODEX_PREFIX)) == 0;
}

static void reply_value(fuse_req_t req, const char *p, size_t len, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, len);
	else if (len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, p, len);
}

/* The value of user.codex.@name as text, in @buf or static; -ENODATA */
static int codex_attr(struct cdx_volume *v, fuse_ino_t ino, const char *name,
		      char buf[32], const char **out)
{
	struct cdx_vol_lasts lasts;
	enum cdx_file_state st;
	int rc;

	if (strcmp(name, "state") == 0) {
		rc = cdx_vol_state(v, ino, &st);
		if (rc == 0)
			*out = cdx_file_state_name(st);
		return rc;
	}
	/* a file has no cid */
	if (strcmp(name, "expires") != 0 && strcmp(name, "durability") != 0)
		return -ENODATA;
	rc = cdx_vol_lasts(v, ino, &lasts);
	if (rc < 0)
		return rc;
	if (name[0] == 'e')
		snprintf(buf, 32, "%lld", (long long)lasts.end);
	else
		snprintf(buf, 32, "%.1f", lasts.nines);
	*out = buf;
	return 0;
}

static void get_codex_attr(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino,
			   const char *name, size_t size)
{
	const char *text = "";
	char buf[32];
	int rc = codex_attr(fs->opts.volume, ino, name + strlen(CODEX_PREFIX),
			    buf, &text);

	if (rc < 0)
		cdx_fs_reply_err(req, rc);
	else
		reply_value(req, text, strlen(text), size);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	struct cdx_fs *fs = fuse_req_userdata(req);
	char small[256];
	char *buf = small;
	int rc;

	if (cdx_fs_is_virtual(ino)) {
		cdx_codex_getxattr(fs, req, ino, name, size);
		return;
	}
	if (is_codex_attr(name)) {
		get_codex_attr(fs, req, ino, name, size);
		return;
	}
	if (size > CDX_XATTR_SIZE_MAX)
		size = CDX_XATTR_SIZE_MAX;
	if (size > sizeof(small)) {
		buf = malloc(size);
		if (buf == NULL) {
			fuse_reply_err(req, ENOMEM);
			return;
		}
	}
	rc = cdx_vol_getxattr(fs->opts.volume, ino, name, buf, size);
	if (rc < 0)
		cdx_fs_reply_err(req, rc);
	else
		reply_value(req, buf, (size_t)rc, size);
	if (buf != small)
		free(buf);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	struct cdx_fs *fs = fuse_req_userdata(req);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct cdx_cred cred = {
		.uid = ctx->uid,
		.gid = ctx->gid,
		.fsetid = ctx->uid == 0,
	};

	if (cdx_fs_is_virtual(ino) || is_codex_attr(name)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	cdx_fs_reply_err(req, cdx_vol_setxattr(fs->opts.volume, ino, name,
					       value, size, flags, &cred));
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct cdx_fs *fs = fuse_req_userdata(req);
	char *buf = NULL;
	int rc = 0;

	if (cdx_fs_is_virtual(ino)) {
		reply_value(req, "", 0, size);
		return;
	}
	if (size > CDX_XATTR_SIZE_MAX)
		size = CDX_XATTR_SIZE_MAX;
	if (size > 0) {
		buf = malloc(size);
		if (buf == NULL)
			rc = -ENOMEM;
	}
	if (rc == 0)
		rc = cdx_vol_listxattr(fs->opts.volume, ino, buf, size);
	if (rc < 0)
		cdx_fs_reply_err(req, rc);
	else
		reply_value(req, buf, (size_t)rc, size);
	free(buf);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct cdx_fs *fs = fuse_req_userdata(req);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct cdx_cred cred = {
		.uid = ctx->uid,
		.gid = ctx->gid,
		.fsetid = ctx->uid == 0,
	};

	if (cdx_fs_is_virtual(ino) || is_codex_attr(name)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	cdx_fs_reply_err(req, cdx_vol_removexattr(fs->opts.volume, ino, name,
						  &cred));
}

void cdx_fs_ops_xattr(struct fuse_lowlevel_ops *ops)
{
	ops->getxattr = op_getxattr;
	ops->setxattr = op_setxattr;
	ops->listxattr = op_listxattr;
	ops->removexattr = op_removexattr;
}
