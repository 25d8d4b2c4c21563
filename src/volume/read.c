/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"
#include "volume/far.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"

#define PIECES_OWN 16u
/* reads that begin so near the end of the last one are in order: the kernel has
 * several under way */
#define ORDER_BYTES ((uint64_t)2 << 20)

/* Bytes to fetch from a location once the lock is gone */
struct piece {
	struct cdx_loc loc;
	uint8_t *out;
	size_t len;
};

/* Everything a read needs, gathered under the lock */
struct plan {
	struct cdx_volume *v;
	uint64_t ino;
	uint8_t *buf; /* holds the file's bytes from @off on */
	uint64_t off;
	struct piece *piece;
	size_t n;
	size_t cap;
	struct piece own[PIECES_OWN];
	/* where the iteration stands; fetched lazily */
	struct cdx_kv_iter *it;
	struct cdx_extent x;
	bool has_x;
	bool end; /* no more extents */
};

static void plan_init(struct plan *p, struct cdx_volume *v, uint64_t ino,
		      uint8_t *buf, uint64_t off)
{
	p->v = v;
	p->ino = ino;
	p->buf = buf;
	p->off = off;
	p->piece = p->own;
	p->n = 0;
	p->cap = PIECES_OWN;
	p->it = NULL;
	p->has_x = false;
	p->end = false;
}

static void plan_free(struct plan *p)
{
	cdx_kv_iter_close(p->it);
	if (p->piece != p->own)
		free(p->piece);
}

static int plan_add(struct plan *p, const struct cdx_loc *loc, uint8_t *out,
		    size_t len)
{
	if (p->n == p->cap) {
		struct piece *v = reallocarray(NULL, p->cap * 2, sizeof(*v));

		if (v == NULL)
			return -ENOMEM;
		memcpy(v, p->piece, p->n * sizeof(*v));
		if (p->piece != p->own)
			free(p->piece);
		p->piece = v;
		p->cap *= 2;
	}
	p->piece[p->n].loc = *loc;
	p->piece[p->n].out = out;
	p->piece[p->n].len = len;
	p->n++;
	return 0;
}

/* First extent that ends behind @at, into p->x; 1, 0 at the end */
static int plan_seek(struct plan *p, uint64_t at)
{
	int rc = 0;

	if (p->end)
		return 0;
	if (p->it == NULL) {
		rc = cdx_extent_iter(p->v, &p->it, p->ino, at);
		if (rc < 0)
			return rc;
	}
	while (!p->has_x || p->x.off + p->x.len <= at) {
		rc = cdx_extent_next(p->it, &p->x);
		if (rc <= 0) {
			p->end = rc == 0;
			return rc;
		}
		p->has_x = true;
	}
	return 1;
}

static int plan_inline(struct plan *p, uint8_t *out, uint64_t from, size_t len)
{
	uint8_t plain[CDX_INLINE_MAX];
	int rc = cdx_inline_open(p->v, plain, p->ino, &p->x);

	if (rc == 0)
		memcpy(out, plain + (from - p->x.off), len);
	return rc;
}

/* What the extents say of [from, to) */
static int plan_range(struct plan *p, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint8_t *out = p->buf + (from - p->off);
		uint64_t end = to;
		struct cdx_loc loc;
		int rc = plan_seek(p, from);

		if (rc < 0)
			return rc;
		if (rc == 0 || p->x.off >= to) {
			memset(out, 0, (size_t)(to - from));
			return 0;
		}
		if (p->x.off > from) {
			memset(out, 0, (size_t)(p->x.off - from));
			from = p->x.off;
			continue;
		}
		if (p->x.off + p->x.len < end)
			end = p->x.off + p->x.len;
		loc = p->x.loc;
		cdx_loc_advance(&loc, from - p->x.off);
		if (loc.kind == CDX_LOC_ZERO)
			memset(out, 0, (size_t)(end - from));
		else if (loc.kind == CDX_LOC_INLINE)
			rc = plan_inline(p, out, from, (size_t)(end - from));
		else
			rc = plan_add(p, &loc, out, (size_t)(end - from));
		if (rc < 0)
			return rc;
		from = end;
	}
	return 0;
}

/* @need: as in cdx_loc_read */
static int plan_fetch(struct plan *p, struct cdx_need *need)
{
	int rc = 0;

	for (size_t i = 0; i < p->n && rc == 0; i++)
		rc = cdx_loc_read(p->v, p->piece[i].out, &p->piece[i].loc, 0,
				  p->piece[i].len, need);
	return rc;
}

/* Dirty bytes are copied, the rest is planned */
static int plan_file(struct plan *p, const struct cdx_vnode *n, uint64_t end)
{
	uint64_t pos = p->off;
	int rc = 0;

	while (rc == 0 && pos < end) {
		uint64_t lo = end;
		uint64_t hi = end;

		if (n->dirty == NULL ||
		    !cdx_dirty_next(n->dirty, pos, end, &lo, &hi)) {
			lo = end;
			hi = end;
		}
		if (lo > pos)
			rc = plan_range(p, pos, lo);
		if (hi > lo)
			cdx_dirty_get(n->dirty, p->buf + (lo - p->off), lo,
				      (size_t)(hi - lo));
		pos = hi;
	}
	/* holds an LMDB reader: not while bytes are read */
	cdx_kv_iter_close(p->it);
	p->it = NULL;
	return rc;
}

int cdx_read_below(struct cdx_volume *v, const struct cdx_vnode *n,
		   uint8_t *out, uint64_t off, size_t len)
{
	struct cdx_need need;
	struct plan p;
	int rc;

	cdx_need_init(&need);
	plan_init(&p, v, n->ino, out, off);
	rc = plan_range(&p, off, off + len);
	cdx_kv_iter_close(p.it);
	p.it = NULL;
	if (rc == 0)
		rc = plan_fetch(&p, &need);
	if (rc == 0 && need.n > 0)
		rc = -ENODATA;
	plan_free(&p);
	cdx_need_free(&need);
	return rc;
}

int cdx_read_below_cb(void *arg, uint8_t *out, uint64_t off, size_t len)
{
	const struct cdx_below *b = arg;

	return cdx_read_below(b->v, b->n, out, off, len);
}

static ssize_t read_file(struct cdx_volume *v, struct cdx_vnode *n,
			 uint8_t *buf, const struct cdx_read_req *req,
			 struct cdx_need *need)
{
	struct plan p;
	uint64_t token = 0;
	size_t len = req->len;
	int rc = 0;

	plan_init(&p, v, n->ino, buf, req->off);
	pthread_rwlock_rdlock(&n->lock);
	if (req->off >= n->attr.size)
		len = 0;
	else if (len > n->attr.size - req->off)
		len = (size_t)(n->attr.size - req->off);
	if (len > 0)
		rc = plan_file(&p, n, req->off + len);
	/* what the pieces point to must outlive the lock */
	if (p.n > 0)
		token = cdx_store_read_begin(v->store);
	pthread_rwlock_unlock(&n->lock);
	if (p.n > 0) {
		if (rc == 0)
			rc = plan_fetch(&p, need);
		cdx_store_read_end(v->store, token);
	}
	plan_free(&p);
	if (rc < 0)
		return rc;
	return (ssize_t)len;
}

static bool in_order(struct cdx_vnode *n, uint64_t off, size_t len)
{
	uint64_t end = atomic_exchange_explicit(&n->read_end, off + len,
						memory_order_relaxed);

	return end != 0 && off <= end + ORDER_BYTES && off + ORDER_BYTES >= end;
}

static ssize_t try_file(struct cdx_volume *v, const struct cdx_read_req *req,
			uint8_t **buf, struct cdx_need *need)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin pin = {.v = v};
	ssize_t rc;

	if (req->len > CDX_READ_MAX)
		return -EINVAL;
	rc = cdx_data_file(v, &pin.n, req->ino);
	if (rc < 0)
		return rc;
	*buf = malloc(req->len > 0 ? req->len : 1);
	if (*buf == NULL)
		return -ENOMEM;
	if (need != NULL)
		need->in_order = in_order(pin.n, req->off, req->len);
	rc = read_file(v, pin.n, *buf, req, need);
	if (rc > 0)
		cdx_vnode_accessed(v, pin.n);
	return rc;
}

bool cdx_read_try(struct cdx_volume *v, const struct cdx_read_req *req,
		  struct cdx_need *need)
{
	uint8_t *buf = NULL;
	ssize_t rc = try_file(v, req, &buf, need);
	bool told = rc < 0 || need == NULL || need->n == 0;

	if (rc == CDX_E_HASH || rc == CDX_E_CORRUPT || rc == -ENODATA)
		rc = -EIO;
	if (told)
		req->fn(req->arg, rc < 0 ? NULL : buf, rc);
	free(buf);
	return told;
}

void cdx_vol_read_op(struct cdx_volume *v, uint64_t ino, uint64_t off,
		     size_t len, cdx_vol_wait_fn *waits, cdx_read_fn *fn,
		     void *arg)
{
	const struct cdx_read_req req = {
		.ino = ino,
		.off = off,
		.len = len,
		.waits = waits,
		.fn = fn,
		.arg = arg,
	};
	struct cdx_need need;

	atomic_fetch_add_explicit(&v->requests, 1, memory_order_relaxed);
	if (!cdx_far_on(v->far)) {
		(void)cdx_read_try(v, &req, NULL);
		return;
	}
	cdx_need_init(&need);
	if (cdx_read_try(v, &req, &need))
		cdx_fetch_ahead(v, &need);
	else
		cdx_far_park(v, &req, &need);
	cdx_need_free(&need);
}

void cdx_vol_read(struct cdx_volume *v, uint64_t ino, uint64_t off, size_t len,
		  cdx_read_fn *fn, void *arg)
{
	cdx_vol_read_op(v, ino, off, len, NULL, fn, arg);
}
