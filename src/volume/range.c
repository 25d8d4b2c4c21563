/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"

/* Truncation, removal, preallocation, holes. */

static void clean(struct cdx_vnode *n, struct cdx_batch *b, bool logged,
		  uint64_t off, uint64_t end)
{
	if (logged)
		cdx_batch_clean(b, n->ino, off, end - off);
}

/* End of the @max-th extent behind @off, at most @end; *more when one follows
 * before @end */
static int some_end(struct cdx_volume *v, uint64_t ino, uint64_t off,
		    uint64_t *end, unsigned max, bool *more)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_extent x;
	uint64_t last = *end;
	int rc = cdx_extent_iter(v, &it, ino, off);

	*more = false;
	for (unsigned i = 0; rc >= 0; i++) {
		rc = cdx_extent_next(it, &x);
		if (rc <= 0 || x.off >= *end)
			break;
		if (i == max) {
			*more = true;
			*end = last;
			break;
		}
		last = x.off + x.len < *end ? x.off + x.len : *end;
	}
	return rc < 0 ? rc : 0;
}

/* ---- truncation ---- */

/* Where to cut when more extents than fit a batch lie behind @size: the
 * offsets of every CDX_EDIT_EXTENTS-th */
static int cut_marks(struct cdx_volume *v, uint64_t ino, uint64_t size,
		     uint64_t **out, size_t *n)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_extent x;
	size_t cap = 0;
	uint64_t *mark = NULL;
	int rc = cdx_extent_iter(v, &it, ino, size);

	*n = 0;
	for (size_t i = 0; rc >= 0; i++) {
		rc = cdx_extent_next(it, &x);
		if (rc <= 0)
			break;
		if (i == 0 || i % CDX_EDIT_EXTENTS != 0)
			continue;
		if (*n == cap) {
			uint64_t *p;

			cap = cap ? cap * 2 : 16;
			p = reallocarray(mark, cap, sizeof(*mark));
			if (p == NULL) {
				rc = -ENOMEM;
				break;
			}
			mark = p;
		}
		mark[(*n)++] = x.off;
	}
	*out = mark;
	return rc < 0 ? rc : 0;
}

static int punch_tail(struct cdx_volume *v, struct cdx_vnode *n,
		      struct cdx_batch *b, uint64_t size)
{
	if (size >= (uint64_t)CDX_FILE_MAX)
		return 0;
	return cdx_extent_replace(v, n, b, size, (uint64_t)CDX_FILE_MAX - size,
				  NULL, NULL);
}

static int cut_at(struct cdx_volume *v, struct cdx_vnode *n, uint64_t size,
		  bool logged)
{
	struct cdx_batch *b = NULL;
	uint64_t alloc = n->alloc;
	int rc = cdx_batch_new(&b, v->store);

	if (rc < 0)
		return rc;
	rc = punch_tail(v, n, b, size);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	clean(n, b, logged, size, UINT64_MAX);
	n->attr.size = size;
	if (n->disk_size > size)
		n->disk_size = size;
	cdx_data_cover(n);
	cdx_vnode_store(b, n);
	rc = cdx_batch_apply(b);
	if (rc < 0)
		n->alloc = alloc;
	return rc;
}

/* From the end in steps, each a file that is right in itself */
static int cut_steps(struct cdx_volume *v, struct cdx_vnode *n, uint64_t size,
		     bool logged)
{
	uint64_t *mark = NULL;
	size_t marks = 0;
	int rc = cut_marks(v, n->ino, size, &mark, &marks);

	while (rc == 0 && marks > 0) {
		uint64_t at = mark[--marks];

		if (at > size && at < n->attr.size)
			rc = cut_at(v, n, at, logged);
	}
	free(mark);
	return rc;
}

int cdx_data_truncate(struct cdx_volume *v, struct cdx_vnode *n,
		      struct cdx_batch *b, uint64_t size)
{
	bool logged = n->dirty != NULL && n->dirty->has_logged;
	int rc;

	if (size > (uint64_t)CDX_FILE_MAX)
		return -EFBIG;
	if (size <= n->attr.size) {
		cdx_data_cut(v, n, size, UINT64_MAX);
		rc = cut_steps(v, n, size, logged);
		if (rc == 0)
			rc = punch_tail(v, n, b, size);
		if (rc < 0)
			return rc;
		clean(n, b, logged, size, UINT64_MAX);
	}
	n->attr.size = size;
	if (n->disk_size > size)
		n->disk_size = size;
	cdx_data_cover(n);
	cdx_vnode_store(b, n);
	return 0;
}

int cdx_data_purge(struct cdx_volume *v, struct cdx_vnode *n,
		   struct cdx_batch *b, unsigned max)
{
	uint64_t end = (uint64_t)CDX_FILE_MAX;
	bool more = false;
	int rc = some_end(v, n->ino, 0, &end, max, &more);

	if (rc == 0)
		rc = cdx_extent_replace(v, n, b, 0, end, NULL, NULL);
	if (rc < 0)
		return rc;
	cdx_batch_clean(b, n->ino, 0, UINT64_MAX);
	return more ? 1 : 0;
}

/* ---- holes and zeros over whatever is there ---- */

/* One batch: [off, *end) or less becomes a hole or preallocated zeros */
static int cover_some(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		      uint64_t *end, const struct cdx_loc *loc)
{
	bool logged = n->dirty != NULL && n->dirty->has_logged;
	struct cdx_batch *b = NULL;
	uint64_t alloc = n->alloc;
	bool more = false;
	int rc = some_end(v, n->ino, off, end, CDX_EDIT_EXTENTS, &more);

	if (rc == 0)
		rc = cdx_batch_new(&b, v->store);
	if (rc < 0)
		return rc;
	rc = cdx_extent_replace(v, n, b, off, *end - off, loc, NULL);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	clean(n, b, logged, off, *end);
	cdx_data_cut(v, n, off, *end);
	cdx_data_cover(n);
	cdx_vnode_wrote(v, n);
	cdx_vnode_store(b, n);
	rc = cdx_batch_apply(b);
	if (rc < 0)
		n->alloc = alloc;
	return rc;
}

static int cover(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		 uint64_t end, const struct cdx_loc *loc)
{
	int rc = 0;

	while (rc == 0 && off < end) {
		uint64_t to = end;

		rc = cover_some(v, n, off, &to, loc);
		off = to;
	}
	return rc;
}

/* ---- zeros where there is nothing ---- */

static const struct cdx_loc zero_loc = {.kind = CDX_LOC_ZERO};

/* First hole behind *@lo before @end; 1, 0 when there is none */
static int next_hole(struct cdx_kv_iter *it, struct cdx_extent *x, bool *has_x,
		     uint64_t *lo, uint64_t *hi, uint64_t end)
{
	while (*lo < end) {
		int rc = *has_x ? 1 : cdx_extent_next(it, x);

		if (rc < 0)
			return rc;
		*has_x = rc == 1;
		if (rc == 0 || x->off > *lo) {
			*hi = rc == 1 && x->off < end ? x->off : end;
			return 1;
		}
		*lo = x->off + x->len;
		*has_x = false;
	}
	return 0;
}

static int count_holes(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		       uint64_t end, uint64_t *bytes)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_extent x;
	bool has_x = false;
	uint64_t hi = 0;
	int rc = cdx_extent_iter(v, &it, n->ino, off);

	*bytes = 0;
	while (rc >= 0) {
		rc = next_hole(it, &x, &has_x, &off, &hi, end);
		if (rc <= 0)
			break;
		*bytes += hi - off;
		off = hi;
	}
	return rc < 0 ? rc : 0;
}

struct hole {
	uint64_t off;
	uint64_t end;
};

/* Up to CDX_EDIT_EXTENTS holes from *@off on, which moves behind them */
static int some_holes(struct cdx_volume *v, struct cdx_vnode *n, uint64_t *off,
		      uint64_t end, struct hole *out)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_extent x;
	bool has_x = false;
	int k = 0;
	int rc = cdx_extent_iter(v, &it, n->ino, *off);

	while (rc >= 0 && k < (int)CDX_EDIT_EXTENTS) {
		struct hole h = {*off, 0};

		rc = next_hole(it, &x, &has_x, &h.off, &h.end, end);
		if (rc <= 0) {
			*off = end;
			break;
		}
		out[k++] = h;
		*off = h.end;
	}
	return rc < 0 ? rc : k;
}

static int fill_some(struct cdx_volume *v, struct cdx_vnode *n,
		     const struct hole *h, int k)
{
	struct cdx_extent_edit e;
	struct cdx_batch *b = NULL;
	int rc = cdx_batch_new(&b, v->store);

	if (rc < 0)
		return rc;
	cdx_extent_begin(&e, v, n, b);
	for (int i = 0; i < k && rc == 0; i++)
		rc = cdx_extent_put(&e, h[i].off, h[i].end - h[i].off,
				    &zero_loc, NULL);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	cdx_extent_end(&e);
	cdx_vnode_store(b, n);
	rc = cdx_batch_apply(b);
	if (rc < 0)
		n->alloc = e.alloc;
	return rc;
}

static int fill(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		uint64_t end)
{
	struct hole *h = reallocarray(NULL, CDX_EDIT_EXTENTS, sizeof(*h));
	int rc = h == NULL ? -ENOMEM : 0;

	while (rc == 0 && off < end) {
		rc = some_holes(v, n, &off, end, h);
		if (rc > 0)
			rc = fill_some(v, n, h, rc);
	}
	free(h);
	return rc;
}

/* ---- fallocate ---- */

static int grow_to(struct cdx_volume *v, struct cdx_vnode *n, uint64_t end)
{
	struct cdx_batch *b = NULL;
	int rc;

	cdx_vnode_wrote(v, n);
	if (n->attr.size >= end) {
		cdx_vnode_mark(v, n);
		return 0;
	}
	rc = cdx_batch_new(&b, v->store);
	if (rc < 0)
		return rc;
	n->attr.size = end;
	cdx_data_cover(n);
	cdx_vnode_store(b, n);
	return cdx_batch_apply(b);
}

/* The holes' bytes are held before anything changes: ENOSPC leaves the file
 * as it was.  Counted without the exclusive lock, so that the hold may make
 * room by compaction. */
static int prealloc(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		    uint64_t end, bool keep)
{
	uint64_t held = 0;
	uint64_t bytes = 0;
	int rc;

	pthread_rwlock_rdlock(&n->lock);
	rc = count_holes(v, n, off, end, &held);
	pthread_rwlock_unlock(&n->lock);
	if (rc == 0)
		rc = cdx_space_hold_wait(v, held);
	if (rc < 0)
		return rc;
	pthread_rwlock_wrlock(&n->lock);
	rc = count_holes(v, n, off, end, &bytes);
	if (rc == 0 && bytes > held) {
		rc = cdx_space_hold(v, bytes - held);
		if (rc == 0)
			held = bytes;
	}
	if (rc == 0)
		rc = fill(v, n, off, end);
	if (rc == 0)
		rc = grow_to(v, n, keep ? 0 : end);
	pthread_rwlock_unlock(&n->lock);
	cdx_space_release(v, held);
	return rc;
}

static int punch(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		 uint64_t end)
{
	int rc;

	pthread_rwlock_wrlock(&n->lock);
	rc = cover(v, n, off, end, NULL);
	pthread_rwlock_unlock(&n->lock);
	return rc;
}

static int zero_range(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		      uint64_t end, bool keep)
{
	int rc = cdx_space_hold_wait(v, end - off);

	if (rc < 0)
		return rc;
	pthread_rwlock_wrlock(&n->lock);
	rc = cover(v, n, off, end, &zero_loc);
	if (rc == 0)
		rc = grow_to(v, n, keep ? 0 : end);
	pthread_rwlock_unlock(&n->lock);
	cdx_space_release(v, end - off);
	return rc;
}

int cdx_vol_fallocate(struct cdx_volume *v, uint64_t ino, int mode,
		      uint64_t off, uint64_t len)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin pin = {.v = v};
	bool keep = (mode & FALLOC_FL_KEEP_SIZE) != 0;
	uint64_t end;
	int rc;

	if (v->opts.readonly)
		return -EROFS;
	if (len == 0)
		return -EINVAL;
	if (__builtin_add_overflow(off, len, &end) ||
	    end > (uint64_t)CDX_FILE_MAX)
		return -EFBIG;
	rc = cdx_segs_ready(v);
	if (rc == 0)
		rc = cdx_data_file(v, &pin.n, ino);
	if (rc != 0)
		return cdx_data_result(rc);
	switch (mode) {
	case 0:
	case FALLOC_FL_KEEP_SIZE:
		rc = prealloc(v, pin.n, off, end, keep);
		break;
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
		rc = punch(v, pin.n, off, end);
		break;
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
		rc = zero_range(v, pin.n, off, end, keep);
		break;
	default:
		return -EOPNOTSUPP;
	}
	return cdx_data_result(rc);
}
