/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fs/codex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "repair/repair.h"

/*
 * Files of `.codex/datasets` and `.codex/names`.  With an exchange all of them
 * are read through it, wherever their blocks are, and a CID that is not known
 * here is looked for; requests wait without a worker.
 */

#define SHORT_BLOCK 1024u

/* A lookup or an open that waits for a dataset's manifest */
struct dataset_wait {
	struct cdx_fs_wait w; /* first: it is freed by it */
	struct codex_node node;
	struct fuse_file_info fi;
};

static void cancel_op(void *op)
{
	cdx_op_cancel(op);
}

static void put_op(void *op)
{
	cdx_op_put(op);
}

static void wait_init(struct cdx_fs_wait *w, struct cdx_fs *fs, fuse_req_t req)
{
	w->fs = fs;
	w->req = req;
	w->cancel = cancel_op;
	w->put = put_op;
}

/* What did not begin is answered here */
static void not_begun(struct cdx_fs_wait *w, int rc)
{
	cdx_fs_wait_answer(w);
	cdx_fs_reply_err(w->req, rc);
	cdx_fs_wait_end(w);
}

static void tell(const struct dataset_wait *d, int rc, const char *why)
{
	char text[CDX_CID_TEXT_MAX];

	if (why == NULL || why[0] == '\0' || rc == -ENOENT || rc == -ECANCELED)
		return;
	cdx_cid_text(text, &d->node.cid);
	cdx_log(d->w.fs->opts.log, WARN, "fs", "dataset %s: %s", text, why);
}

/* Begins to open the node's dataset for @fn; answers when that fails */
static void begin(struct dataset_wait *d, cdx_reader_fn *fn)
{
	struct cdx_op *op = NULL;
	int rc;

	cdx_fs_wait_begin(&d->w);
	rc = cdx_exchange_open(d->w.fs->opts.exchange, &op, &d->node.cid, false,
			       0, fn, d);
	if (rc < 0)
		not_begun(&d->w, rc);
	cdx_fs_wait_begun(&d->w, op);
}

static struct dataset_wait *dataset_wait(struct cdx_fs *fs, fuse_req_t req,
					 const struct codex_node *n)
{
	struct dataset_wait *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		fuse_reply_err(req, ENOMEM);
		return NULL;
	}
	wait_init(&d->w, fs, req);
	d->node = *n;
	return d;
}

/* ---- lookup ---- */

static void found(void *arg, int rc, struct cdx_reader *rd, const char *why)
{
	struct dataset_wait *d = arg;

	cdx_fs_wait_answer(&d->w);
	if (rc == 0) {
		d->node.far = true;
		d->node.size = cdx_reader_size(rd);
		d->node.seen = cdx_clock_wall_s();
		cdx_reader_put(rd);
	} else {
		tell(d, rc, why);
		/* nobody who has it was found in the time there is */
		if (rc == -ETIMEDOUT)
			rc = -ENOENT;
		if (rc == -ECANCELED)
			rc = -EINTR;
	}
	cdx_codex_reply_entry(d->w.fs, d->w.req, rc, &d->node);
	cdx_fs_wait_end(&d->w);
}

void cdx_codex_find_dataset(struct cdx_fs *fs, fuse_req_t req,
			    const struct codex_node *n)
{
	struct dataset_wait *d = dataset_wait(fs, req, n);

	if (d != NULL)
		begin(d, found);
}

/* ---- open ---- */

static void opened(void *arg, int rc, struct cdx_reader *rd, const char *why)
{
	struct dataset_wait *d = arg;
	struct codex_handle *h = NULL;

	cdx_fs_wait_answer(&d->w);
	if (rc < 0)
		tell(d, rc, why);
	if (rc == 0) {
		h = calloc(1, sizeof(*h));
		if (h == NULL) {
			cdx_reader_put(rd);
			rc = -ENOMEM;
		}
	}
	if (h != NULL) {
		h->is_dataset = true;
		h->reader = rd;
		d->fi.fh = (uint64_t)(uintptr_t)h;
		/* A CID never changes its bytes.  Of very small blocks a read
		 * may give fewer than were asked for, which the cache of the
		 * kernel would take for the end. */
		if (cdx_reader_manifest(rd)->block_size < SHORT_BLOCK)
			d->fi.direct_io = 1;
		else
			d->fi.keep_cache = 1;
		if (fuse_reply_open(d->w.req, &d->fi) == -ENOENT)
			cdx_codex_release(&d->fi);
	} else {
		cdx_fs_reply_err(d->w.req, cdx_codex_read_error(rc));
	}
	cdx_fs_wait_end(&d->w);
}

void cdx_codex_open_dataset(struct cdx_fs *fs, fuse_req_t req,
			    const struct codex_node *n,
			    struct fuse_file_info *fi)
{
	struct codex_handle *h;
	struct dataset_wait *d;
	int rc;

	if (fs->opts.exchange != NULL) {
		d = dataset_wait(fs, req, n);
		if (d != NULL) {
			d->fi = *fi;
			begin(d, opened);
		}
		return;
	}
	h = calloc(1, sizeof(*h));
	rc = h == NULL ? -ENOMEM
		       : cdx_dataset_info(fs->opts.store, &n->cid, &h->dataset);
	if (rc < 0) {
		free(h);
		cdx_fs_reply_err(req, rc);
		return;
	}
	h->is_dataset = true;
	fi->fh = (uint64_t)(uintptr_t)h;
	fi->keep_cache = 1;
	if (fuse_reply_open(req, fi) == -ENOENT)
		cdx_codex_release(fi);
}

/* ---- read ---- */

int cdx_codex_read_error(int rc)
{
	if (rc == -ECANCELED)
		return -EINTR;
	return rc == -ENODATA || rc == -ETIMEDOUT ? -EIO : rc;
}

static void have_read(void *arg, const uint8_t *buf, ssize_t n)
{
	struct cdx_fs_wait *w = arg;

	cdx_fs_wait_answer(w);
	if (n < 0)
		cdx_fs_reply_err(w->req, cdx_codex_read_error((int)n));
	else
		fuse_reply_buf(w->req, (const char *)buf, (size_t)n);
	cdx_fs_wait_end(w);
}

static void read_far(struct cdx_fs *fs, fuse_req_t req, struct cdx_reader *rd,
		     size_t size, off_t off)
{
	struct cdx_fs_wait *w = calloc(1, sizeof(*w));
	struct cdx_op *op = NULL;
	int rc;

	if (w == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	wait_init(w, fs, req);
	cdx_fs_wait_begin(w);
	rc = cdx_reader_read(rd, &op, (uint64_t)off, size, 0, have_read, w);
	if (rc < 0)
		not_begun(w, rc);
	cdx_fs_wait_begun(w, op);
}

void cdx_codex_read_dataset(struct cdx_fs *fs, fuse_req_t req,
			    struct codex_handle *h, size_t size, off_t off)
{
	uint8_t *buf;
	int rc;

	if (h->reader != NULL) {
		read_far(fs, req, h->reader, size, off);
		return;
	}
	buf = malloc(size);
	if (buf == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	rc = cdx_repair_read(fs->opts.store, buf, &h->dataset, (uint64_t)off,
			     size);
	if (rc < 0)
		cdx_fs_reply_err(req, rc);
	else
		fuse_reply_buf(req, (const char *)buf, (size_t)rc);
	free(buf);
}
