/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fs/codex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "store/dataset_store.h"

/*
 * The virtual tree
 *
 *   .codex/status.json      what `codexfs status --json` prints
 *   .codex/datasets/<cid>   local datasets; any CID opens by name, and is looked
 *                           for elsewhere when it is not here
 *   .codex/names/<name>     those that carry a file name
 *   .codex/segments/<id>    one line of text for each segment
 *
 * It is read-only and absent from readdir of the root.  Nodes are made at
 * lookup and forgotten with the kernel's last reference.
 */

/* ---- contents ---- */

static int put_status(struct cdx_fs *fs, struct cdx_buf *b)
{
	char *text = fs->opts.status == NULL
			     ? NULL
			     : fs->opts.status(fs->opts.status_arg);

	if (text == NULL)
		return -ENOMEM;
	cdx_buf_put(b, text, strlen(text));
	free(text);
	return cdx_buf_ok(b);
}

struct segment_arg {
	struct cdx_buf *out;
	uint64_t only; /* area, 0 = all: one per directory entry */
	bool found;
};

static int put_segment(void *arg, const struct cdx_segment_info *info)
{
	struct segment_arg *a = arg;
	char cid[CDX_CID_TEXT_MAX] = "-";
	char verifiable[CDX_CID_TEXT_MAX] = "-";
	char line[512];
	int n;

	if (info->area != a->only)
		return 0;
	a->found = true;
	if (info->manifest.version != 0)
		cdx_cid_text(cid, &info->manifest);
	if (info->is_protected)
		cdx_cid_text(verifiable, &info->verifiable);
	n = snprintf(line, sizeof(line),
		     "state %s\nblocks %u\nused %u\nlive-bytes %llu\n"
		     "manifest %s\ndata %u\nparity %u\nverifiable %s\n",
		     info->is_protected ? cdx_file_state_name(info->stage)
					: info->state_name,
		     info->capacity, info->used, (unsigned long long)info->live,
		     cid, info->k, info->m, verifiable);
	if (n > 0)
		cdx_buf_put(a->out, line, (size_t)n);
	return 0;
}

static int put_segment_text(struct cdx_fs *fs, uint64_t area, struct cdx_buf *b)
{
	struct segment_arg a = {.out = b, .only = area};
	int rc = cdx_vol_segments(fs->opts.volume, put_segment, &a);

	if (rc < 0)
		return rc;
	return a.found ? cdx_buf_ok(b) : -ESTALE;
}

static int node_text(struct cdx_fs *fs, const struct codex_node *n,
		     struct cdx_buf *b)
{
	return n->kind == CODEX_STATUS ? put_status(fs, b)
				       : put_segment_text(fs, n->area, b);
}

/* ---- attributes ---- */

static int node_stat(struct cdx_fs *fs, const struct codex_node *n,
		     struct stat *st)
{
	struct cdx_dataset_info info;
	struct cdx_buf b = {0};
	int rc = 0;

	memset(st, 0, sizeof(*st));
	st->st_ino = n->ino;
	st->st_nlink = 1;
	st->st_uid = fs->opts.force_uid ? fs->opts.uid : 0;
	st->st_gid = fs->opts.force_gid ? fs->opts.gid : 0;
	st->st_blksize = 65536;
	switch (n->kind) {
	case CODEX_ROOT:
	case CODEX_DATASETS:
	case CODEX_NAMES:
	case CODEX_SEGMENTS:
		st->st_mode = S_IFDIR | 0555;
		st->st_nlink = 2;
		st->st_mtim = cdx_clock_wall();
		break;
	case CODEX_DATASET:
		st->st_mode = S_IFREG | 0444;
		if (n->far) {
			st->st_size = (off_t)n->size;
			st->st_blocks = (blkcnt_t)((n->size + 511) / 512);
			st->st_mtim.tv_sec = n->seen;
			break;
		}
		rc = cdx_dataset_info(fs->opts.store, &n->cid, &info);
		if (rc == 0) {
			st->st_size = (off_t)info.size;
			st->st_blocks = (blkcnt_t)((info.size + 511) / 512);
			st->st_mtim.tv_sec = info.created;
		}
		break;
	case CODEX_STATUS:
	case CODEX_SEGMENT:
		st->st_mode = S_IFREG | 0444;
		rc = node_text(fs, n, &b);
		st->st_size = (off_t)b.len;
		st->st_mtim = cdx_clock_wall();
		cdx_buf_free(&b);
		break;
	}
	st->st_atim = st->st_mtim;
	st->st_ctim = st->st_mtim;
	return rc;
}

void cdx_codex_getattr(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino)
{
	struct codex_node n;
	struct stat st;
	int rc = cdx_codex_find_node(fs, ino, &n);

	if (rc == 0)
		rc = node_stat(fs, &n, &st);
	if (rc < 0)
		cdx_fs_reply_err(req, rc);
	else
		fuse_reply_attr(req, &st, 0.0);
}

void cdx_codex_getxattr(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino,
			const char *name, size_t size)
{
	struct codex_node n;
	char text[CDX_CID_TEXT_MAX];
	size_t len;

	if (strcmp(name, "user.codex.cid") != 0 ||
	    cdx_codex_find_node(fs, ino, &n) < 0 || n.kind != CODEX_DATASET) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	cdx_cid_text(text, &n.cid);
	len = strlen(text);
	if (size == 0)
		fuse_reply_xattr(req, len);
	else if (size < len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, text, len);
}

/* ---- names ---- */

struct name_arg {
	const char *want;
	struct cdx_cid cid;
	int64_t created;
	bool found;
};

/* A manifest's file name is a stranger's text: it names an entry only when it
 * could be one. */
static bool name_ok(const char *name)
{
	size_t len = name == NULL ? 0 : strlen(name);

	return len > 0 && len <= CDX_NAME_MAX && strchr(name, '/') == NULL &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Of several datasets with one name the newest wins. */
static int match_name(void *arg, const struct cdx_dataset_info *info,
		      const struct cdx_manifest *m)
{
	struct name_arg *a = arg;

	if (!name_ok(m->filename) || strcmp(m->filename, a->want) != 0)
		return 0;
	if (!a->found || info->created >= a->created) {
		a->found = true;
		a->created = info->created;
		a->cid = info->cid;
	}
	return 0;
}

static int lookup_dataset(struct cdx_fs *fs, const char *name,
			  struct codex_node *n)
{
	struct cdx_dataset_info info;
	int rc = cdx_cid_parse(&n->cid, name, strlen(name));

	if (rc < 0 || n->cid.codec != CDX_CODEC_MANIFEST)
		return -ENOENT;
	n->kind = CODEX_DATASET;
	return cdx_dataset_info(fs->opts.store, &n->cid, &info);
}

static int lookup_name(struct cdx_fs *fs, const char *name,
		       struct codex_node *n)
{
	struct name_arg a = {.want = name};
	int rc = cdx_dataset_list(fs->opts.store, match_name, &a);

	if (rc < 0)
		return rc;
	if (!a.found)
		return -ENOENT;
	n->kind = CODEX_DATASET;
	n->cid = a.cid;
	return 0;
}

static int lookup_segment(const char *name, struct codex_node *n)
{
	uint8_t raw[8];

	if (strlen(name) != 16 || cdx_unhex(raw, sizeof(raw), name) < 0)
		return -ENOENT;
	n->kind = CODEX_SEGMENT;
	n->area = cdx_get_be64(raw);
	return 0;
}

static int lookup_root(const char *name, struct codex_node *n)
{
	static const struct {
		const char *name;
		enum codex_kind kind;
	} table[] = {
		{"status.json", CODEX_STATUS},
		{"datasets", CODEX_DATASETS},
		{"names", CODEX_NAMES},
		{"segments", CODEX_SEGMENTS},
	};

	for (size_t i = 0; i < CDX_ARRAY_LEN(table); i++) {
		if (strcmp(name, table[i].name) == 0) {
			n->kind = table[i].kind;
			n->ino = CODEX_INO(table[i].kind);
			return 0;
		}
	}
	return -ENOENT;
}

static int lookup_node(struct cdx_fs *fs, fuse_ino_t parent, const char *name,
		       struct codex_node *n)
{
	enum codex_kind kind =
		parent == CDX_ROOT_INO ? 0 : cdx_codex_fixed_kind(parent);

	memset(n, 0, sizeof(*n));
	if (parent == CDX_ROOT_INO) {
		n->kind = CODEX_ROOT;
		n->ino = CODEX_INO(CODEX_ROOT);
		return 0;
	}
	if (strcmp(name, ".") == 0)
		return cdx_codex_find_node(fs, parent, n);
	if (kind == CODEX_ROOT)
		return lookup_root(name, n);
	if (kind == CODEX_DATASETS)
		return lookup_dataset(fs, name, n);
	if (kind == CODEX_NAMES)
		return lookup_name(fs, name, n);
	if (kind == CODEX_SEGMENTS)
		return lookup_segment(name, n);
	return -ENOTDIR;
}

void cdx_codex_reply_entry(struct cdx_fs *fs, fuse_req_t req, int rc,
			   struct codex_node *n)
{
	struct fuse_entry_param e = {.generation = 1};
	bool counted = false;

	if (rc == 0 && cdx_codex_fixed_kind(n->ino) == 0) {
		rc = cdx_codex_ref_node(fs, n);
		counted = rc == 0;
	}
	if (rc == 0)
		rc = node_stat(fs, n, &e.attr);
	if (rc == -ESTALE)
		rc = -ENOENT;
	if (rc < 0) {
		if (counted)
			cdx_codex_forget(fs, n->ino, 1);
		cdx_fs_reply_err(req, rc);
		return;
	}
	e.ino = n->ino;
	e.attr.st_ino = n->ino;
	if (fuse_reply_entry(req, &e) == -ENOENT)
		cdx_codex_forget(fs, n->ino, 1);
}

void cdx_codex_lookup(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t parent,
		      const char *name)
{
	struct codex_node n;
	int rc = lookup_node(fs, parent, name, &n);

	if (rc == -ENOENT && n.kind == CODEX_DATASET &&
	    fs->opts.exchange != NULL)
		cdx_codex_find_dataset(fs, req, &n);
	else
		cdx_codex_reply_entry(fs, req, rc, &n);
}

/* ---- files ---- */

void cdx_codex_open(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino,
		    struct fuse_file_info *fi)
{
	struct codex_handle *h = NULL;
	struct codex_node n;
	int rc = cdx_codex_find_node(fs, ino, &n);

	if (rc == 0 && (fi->flags & O_ACCMODE) != O_RDONLY)
		rc = -EACCES;
	if (rc == 0 && n.kind == CODEX_DATASET) {
		cdx_codex_open_dataset(fs, req, &n, fi);
		return;
	}
	if (rc == 0) {
		h = calloc(1, sizeof(*h));
		rc = h == NULL ? -ENOMEM : node_text(fs, &n, &h->text);
		fi->direct_io = 1;
	}
	if (rc < 0) {
		if (h != NULL)
			cdx_buf_free(&h->text);
		free(h);
		cdx_fs_reply_err(req, rc);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)h;
	if (fuse_reply_open(req, fi) == -ENOENT)
		cdx_codex_release(fi);
}

static struct codex_handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct codex_handle *)(uintptr_t)fi->fh;
}

void cdx_codex_read(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino,
		    size_t size, off_t off, struct fuse_file_info *fi)
{
	struct codex_handle *h = handle_of(fi);
	char *part;
	size_t from;
	size_t n;

	(void)ino;
	if (h->is_dataset) {
		cdx_codex_read_dataset(fs, req, h, size, off);
		return;
	}
	from = (size_t)off < h->text.len ? (size_t)off : h->text.len;
	n = h->text.len - from < size ? h->text.len - from : size;
	/* not of the handle's: who has the answer may close the file before the call
	 * that gave it has come back */
	part = malloc(n > 0 ? n : 1);
	if (part == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (n > 0)
		memcpy(part, h->text.p + from, n);
	fuse_reply_buf(req, part, n);
	free(part);
}

void cdx_codex_release(struct fuse_file_info *fi)
{
	struct codex_handle *h = handle_of(fi);

	if (h == NULL)
		return;
	cdx_reader_put(h->reader);
	cdx_buf_free(&h->text);
	free(h);
	fi->fh = 0;
}

/* ---- directories: a listing is taken at opendir ---- */

/* Entries in a handle's text: type (4), ino (8), name, NUL */
static void put_entry(struct cdx_buf *b, mode_t type, const char *name)
{
	cdx_buf_be32(b, type);
	cdx_buf_put(b, name, strlen(name) + 1);
}

static int list_cid(void *arg, const struct cdx_dataset_info *info,
		    const struct cdx_manifest *m CDX_UNUSED)
{
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, &info->cid);
	put_entry(arg, S_IFREG, text);
	return 0;
}

static bool listed_already(const struct cdx_buf *b, const char *name)
{
	size_t pos = 0;

	while (pos + 4 < b->len) {
		const char *have = (const char *)b->p + pos + 4;

		if (strcmp(have, name) == 0)
			return true;
		pos += 4 + strlen(have) + 1;
	}
	return false;
}

static int list_name(void *arg, const struct cdx_dataset_info *info CDX_UNUSED,
		     const struct cdx_manifest *m)
{
	if (name_ok(m->filename) && !listed_already(arg, m->filename))
		put_entry(arg, S_IFREG, m->filename);
	return 0;
}

static int list_segment(void *arg, const struct cdx_segment_info *info)
{
	uint8_t raw[8];
	char text[17];

	cdx_put_be64(raw, info->area);
	cdx_hex(text, raw, sizeof(raw));
	put_entry(arg, S_IFREG, text);
	return 0;
}

static int list_dir(struct cdx_fs *fs, enum codex_kind kind, struct cdx_buf *b)
{
	int rc = 0;

	put_entry(b, S_IFDIR, ".");
	put_entry(b, S_IFDIR, "..");
	if (kind == CODEX_ROOT) {
		put_entry(b, S_IFREG, "status.json");
		put_entry(b, S_IFDIR, "datasets");
		put_entry(b, S_IFDIR, "names");
		put_entry(b, S_IFDIR, "segments");
	} else if (kind == CODEX_DATASETS) {
		rc = cdx_dataset_list(fs->opts.store, list_cid, b);
	} else if (kind == CODEX_NAMES) {
		rc = cdx_dataset_list(fs->opts.store, list_name, b);
	} else if (kind == CODEX_SEGMENTS) {
		rc = cdx_vol_segments(fs->opts.volume, list_segment, b);
	} else {
		rc = -ENOTDIR;
	}
	return rc < 0 ? rc : cdx_buf_ok(b);
}

void cdx_codex_opendir(struct cdx_fs *fs, fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct codex_handle *h = calloc(1, sizeof(*h));
	int rc = h == NULL ? -ENOMEM
			   : list_dir(fs, cdx_codex_fixed_kind(ino), &h->text);

	if (rc < 0) {
		if (h != NULL)
			cdx_buf_free(&h->text);
		free(h);
		cdx_fs_reply_err(req, rc);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)h;
	if (fuse_reply_open(req, fi) == -ENOENT)
		cdx_codex_release(fi);
}

static size_t add_entry(fuse_req_t req, char *buf, size_t left,
			const char *name, mode_t type, size_t next, bool plus)
{
	/* no reference is handed out (ino 0 in the entry): the kernel looks
	 * the name up when it wants it */
	struct fuse_entry_param e = {0};
	struct stat st = {.st_ino = CDX_FS_VIRTUAL, .st_mode = type};

	e.attr = st;
	return plus ? fuse_add_direntry_plus(req, buf, left, name, &e,
					     (off_t)next)
		    : fuse_add_direntry(req, buf, left, name, &st, (off_t)next);
}

void cdx_codex_readdir(fuse_req_t req, size_t size, off_t off,
		       struct fuse_file_info *fi, bool plus)
{
	const struct codex_handle *h = handle_of(fi);
	size_t pos = (size_t)off; /* offset in the listing */
	size_t used = 0;
	char *buf = malloc(size);

	if (buf == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	while (pos + 4 < h->text.len) {
		const char *name = (const char *)h->text.p + pos + 4;
		size_t next = pos + 4 + strlen(name) + 1;
		size_t n = add_entry(req, buf + used, size - used, name,
				     cdx_get_be32(h->text.p + pos), next, plus);

		if (n > size - used)
			break;
		used += n;
		pos = next;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

void cdx_codex_releasedir(struct fuse_file_info *fi)
{
	cdx_codex_release(fi);
}
