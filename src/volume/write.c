/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define FAST_BLOCKS 256u	    /* blocks in one batch */
#define FAST_RUNS 4u		    /* a segment may end in between */
#define PUT_BYTES ((size_t)4 << 20) /* bytes held and copied at once */

uint64_t cdx_data_hold_for(uint64_t off, uint64_t len)
{
	uint64_t lo = off / CDX_PAGE_SIZE;
	uint64_t hi = (off + len + CDX_PAGE_SIZE - 1) / CDX_PAGE_SIZE;

	return (hi - lo) * CDX_PAGE_SIZE;
}

/*
 * A gap in a page would have to be filled with bytes that are elsewhere, and a
 * write does not wait for the network: what is dirty there goes out as extents
 * of its own, which cut the old one, and the pages begin anew.  @held: in, what
 * is left of the hold; out, the same for all pages again.
 */
static int clear_pages(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		       size_t len, uint64_t before, uint64_t *held)
{
	uint64_t now;
	uint64_t used;
	int rc;

	cdx_dirty_cut(n->dirty, n->attr.size, UINT64_MAX);
	now = cdx_data_pages(n);
	used = now > before ? (now - before) * CDX_PAGE_SIZE : 0;
	if (used > *held)
		used = *held;
	cdx_data_settle(v, n, before, used);
	*held -= used;
	rc = v->opts.readonly
		     ? -EROFS
		     : cdx_out_range(v, n, off, off + len, UINT64_MAX, NULL);
	if (rc == 0)
		rc = cdx_space_hold(v, used);
	if (rc == 0)
		*held += used;
	if (rc == 0 && n->dirty == NULL) {
		n->dirty = calloc(1, sizeof(*n->dirty));
		if (n->dirty == NULL)
			rc = -ENOMEM;
	}
	return rc;
}

int cdx_data_put(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		 const uint8_t *p, size_t len, uint64_t held)
{
	struct cdx_below below = {v, n};
	uint64_t before = cdx_data_pages(n);
	int rc;

	if (n->dirty == NULL) {
		n->dirty = calloc(1, sizeof(*n->dirty));
		if (n->dirty == NULL) {
			cdx_space_release(v, held);
			return -ENOMEM;
		}
	}
	rc = cdx_dirty_put(n->dirty, off, p, len, cdx_read_below_cb, &below);
	if (rc == -ENODATA) {
		rc = clear_pages(v, n, off, len, before, &held);
		before = cdx_data_pages(n);
		if (rc < 0) {
			cdx_space_release(v, held);
			return rc;
		}
		rc = cdx_dirty_put(n->dirty, off, p, len, cdx_read_below_cb,
				   &below);
	}
	/* dirty bytes lie inside the file always */
	if (rc < 0)
		cdx_dirty_cut(n->dirty, n->attr.size, UINT64_MAX);
	else if (n->attr.size < off + len)
		n->attr.size = off + len;
	cdx_data_settle(v, n, before, held);
	return rc;
}

static void wrote(struct cdx_volume *v, struct cdx_vnode *n)
{
	cdx_vnode_wrote(v, n);
	if (!n->attr_dirty)
		cdx_vnode_mark(v, n);
}

/* ---- preallocated space ---- */

/* Puts holes for the ZERO extents of [off, end) into the edit */
static int drop_zero(struct cdx_extent_edit *e, uint64_t off, uint64_t end)
{
	struct cdx_extent x;
	uint8_t buf[2048];
	int rc = 0;

	while (rc == 0 && off < end) {
		uint64_t hi = end;

		rc = cdx_extent_find(e->v, e->n->ino, off, &x, buf);
		if (rc == -ENOENT || (rc == 0 && x.off >= end))
			return 0;
		if (rc < 0)
			return rc;
		if (x.off > off)
			off = x.off;
		if (x.off + x.len < hi)
			hi = x.off + x.len;
		if (x.loc.kind == CDX_LOC_ZERO)
			rc = cdx_extent_put(e, off, hi - off, NULL, NULL);
		off = hi;
	}
	return rc;
}

/* The space is full but for what is preallocated for these very bytes: gives
 * that promise back, so that it can be held for them. */
static int give_prealloc(struct cdx_volume *v, struct cdx_vnode *n,
			 uint64_t off, uint64_t end)
{
	struct cdx_extent_edit e;
	struct cdx_batch *b = NULL;
	int rc;

	pthread_rwlock_wrlock(&n->lock);
	rc = cdx_batch_new(&b, v->store);
	if (rc == 0) {
		cdx_extent_begin(&e, v, n, b);
		rc = drop_zero(&e, off, end);
		if (rc < 0 || e.d_zero == 0) {
			cdx_batch_drop(b);
			rc = rc < 0 ? rc : -ENOSPC;
		} else {
			cdx_extent_end(&e);
			cdx_vnode_store(b, n);
			rc = cdx_batch_apply(b);
			if (rc < 0)
				n->alloc = e.alloc;
		}
	}
	pthread_rwlock_unlock(&n->lock);
	return rc;
}

static int hold(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		uint64_t len, uint64_t bytes)
{
	int rc = cdx_space_hold_wait(v, bytes);

	if (rc != -ENOSPC && rc != CDX_E_QUOTA)
		return rc;
	if (give_prealloc(v, n, off - off % CDX_PAGE_SIZE,
			  off + len + CDX_PAGE_SIZE) < 0)
		return rc;
	return cdx_space_hold(v, bytes);
}

/* ---- through the pages ---- */

static int slow_locked(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		       const uint8_t *p, size_t len, uint64_t held)
{
	int rc;

	if (n->dead) {
		cdx_space_release(v, held);
		return -ESTALE;
	}
	rc = cdx_data_put(v, n, off, p, len, held);
	if (rc == 0)
		wrote(v, n);
	return rc;
}

static int write_slow(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		      const uint8_t *p, size_t len)
{
	int rc = 0;

	while (rc == 0 && len > 0) {
		size_t now = len < PUT_BYTES ? len : PUT_BYTES;
		uint64_t held = cdx_data_hold_for(off, now);

		rc = cdx_data_balance(v, n);
		if (rc == 0)
			rc = hold(v, n, off, now, held);
		if (rc < 0)
			return rc;
		pthread_rwlock_wrlock(&n->lock);
		rc = slow_locked(v, n, off, p, now, held);
		pthread_rwlock_unlock(&n->lock);
		off += now;
		p += now;
		len -= now;
	}
	return rc;
}

/* The end of the file is known under the lock only, the hold is taken before
 * it: one page more for any alignment. */
static int write_append(struct cdx_volume *v, struct cdx_vnode *n,
			const uint8_t *p, size_t len)
{
	uint64_t held = cdx_data_hold_for(0, len) + CDX_PAGE_SIZE;
	int rc = cdx_data_balance(v, n);

	if (rc == 0)
		rc = cdx_space_hold_wait(v, held);
	if (rc < 0)
		return rc;
	pthread_rwlock_wrlock(&n->lock);
	if (len > (uint64_t)CDX_FILE_MAX - n->attr.size) {
		cdx_space_release(v, held);
		rc = -EFBIG;
	} else {
		rc = slow_locked(v, n, n->attr.size, p, len, held);
	}
	pthread_rwlock_unlock(&n->lock);
	return rc;
}

/* ---- whole blocks ---- */

/* Blocks that are written but not named yet */
struct fast {
	struct cdx_volume *v;
	struct cdx_vnode *n;
	uint64_t off;
	uint64_t len;
	struct cdx_seg_run run[FAST_RUNS];
	unsigned runs;
};

static int fast_put(struct fast *f, struct cdx_batch *b,
		    struct cdx_extent_edit *e)
{
	uint64_t off = f->off;
	unsigned i;
	int rc = 0;

	for (i = 0; i < f->runs && rc == 0; i++) {
		struct cdx_seg_run *r = &f->run[i];
		struct cdx_loc loc = {
			.kind = CDX_LOC_SEGMENT,
			.area = r->area,
			.off = (uint64_t)r->index * CDX_BLOCK_SIZE,
		};
		uint64_t len = (uint64_t)r->n * CDX_BLOCK_SIZE;

		r->live = len;
		cdx_seg_run_commit(f->v, b, r);
		rc = cdx_extent_put(e, off, len, &loc, NULL);
		off += len;
	}
	for (; i < f->runs; i++)
		cdx_seg_run_burn(f->v, &f->run[i]);
	f->runs = 0;
	return rc;
}

/* The sizes with the blocks [., end); what is dirty under them goes */
static void fast_sizes(struct cdx_vnode *n, uint64_t end)
{
	uint64_t lo;
	uint64_t hi;

	if (n->disk_size < end)
		n->disk_size = end;
	if (n->attr.size < end)
		n->attr.size = end;
	if (n->dirty == NULL ||
	    !cdx_dirty_next(n->dirty, n->disk_size, UINT64_MAX, &lo, &hi))
		n->disk_size = n->attr.size;
}

static int fast_apply(struct fast *f)
{
	struct cdx_volume *v = f->v;
	struct cdx_vnode *n = f->n;
	struct cdx_extent_edit e;
	struct cdx_batch *b = NULL;
	uint64_t end = f->off + f->len;
	uint64_t size;
	uint64_t disk_size;
	int rc = n->dead ? -ESTALE : cdx_out_below(v, n, f->off);

	if (rc == 0)
		rc = cdx_batch_new(&b, v->store);
	if (rc < 0)
		return rc;
	cdx_extent_begin(&e, v, n, b);
	rc = fast_put(f, b, &e);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	cdx_extent_end(&e);
	if (n->dirty != NULL && n->dirty->has_logged)
		cdx_batch_clean(b, n->ino, f->off, f->len);
	size = n->attr.size;
	disk_size = n->disk_size;
	fast_sizes(n, end);
	cdx_vnode_wrote(v, n);
	cdx_vnode_store(b, n);
	rc = cdx_batch_apply(b);
	if (rc < 0) {
		n->alloc = e.alloc;
		n->attr.size = size;
		n->disk_size = disk_size;
		cdx_vnode_mark(v, n);
		return rc;
	}
	cdx_data_cut(v, n, f->off, end);
	return 0;
}

static int fast_blocks(struct fast *f, const uint8_t *p, uint32_t blocks)
{
	f->len = 0;
	while (blocks > 0 && f->runs < FAST_RUNS) {
		struct iovec io = {.iov_len = (size_t)blocks * CDX_BLOCK_SIZE};
		struct cdx_seg_run *r = &f->run[f->runs];
		int rc;

		/* iovec is not const; it is only read */
		memcpy(&io.iov_base, &p, sizeof(p));
		rc = cdx_seg_write(f->v, r, &io, 1, blocks);
		if (rc < 0)
			return rc;
		f->runs++;
		f->len += (uint64_t)r->n * CDX_BLOCK_SIZE;
		p += (size_t)r->n * CDX_BLOCK_SIZE;
		blocks -= r->n;
	}
	return 0;
}

/* What has to be on disk before takes its indexes before, too: then blocks of
 * a file lie in its order. */
static int fast_prepare(struct fast *f)
{
	struct cdx_vnode *n = f->n;
	int rc;

	pthread_rwlock_wrlock(&n->lock);
	rc = n->dead ? -ESTALE : cdx_out_below(f->v, n, f->off);
	pthread_rwlock_unlock(&n->lock);
	return rc;
}

/* Whole aligned blocks straight to the segment.  The lock is not held while
 * they are encrypted and written: nothing names them yet. */
static int write_fast(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		      const uint8_t *p, size_t len)
{
	struct fast f = {.v = v, .n = n};
	int rc = 0;

	while (rc == 0 && len > 0) {
		size_t blocks = len / CDX_BLOCK_SIZE;
		uint64_t held;

		if (blocks > FAST_BLOCKS)
			blocks = FAST_BLOCKS;
		held = (uint64_t)blocks * CDX_BLOCK_SIZE;
		rc = hold(v, n, off, held, held);
		if (rc < 0)
			return rc;
		f.off = off;
		rc = fast_prepare(&f);
		if (rc == 0)
			rc = fast_blocks(&f, p, (uint32_t)blocks);
		if (rc == 0) {
			pthread_rwlock_wrlock(&n->lock);
			rc = fast_apply(&f);
			pthread_rwlock_unlock(&n->lock);
		}
		for (; f.runs > 0; f.runs--)
			cdx_seg_run_burn(v, &f.run[f.runs - 1]);
		cdx_space_release(v, held);
		off += f.len;
		p += f.len;
		len -= (size_t)f.len;
	}
	return rc;
}

static int write_parts(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		       const uint8_t *p, size_t len)
{
	size_t head = (size_t)((CDX_CHUNK - off % CDX_CHUNK) % CDX_CHUNK);
	size_t whole;
	int rc;

	if (head >= len || len - head < CDX_CHUNK)
		return write_slow(v, n, off, p, len);
	whole = (len - head) - (len - head) % CDX_CHUNK;
	rc = write_slow(v, n, off, p, head);
	if (rc == 0)
		rc = write_fast(v, n, off + head, p + head, whole);
	if (rc == 0)
		rc = write_slow(v, n, off + head + whole, p + head + whole,
				len - head - whole);
	return rc;
}

int cdx_vol_write(struct cdx_volume *v, uint64_t ino, uint64_t off,
		  const void *p, size_t len, bool append)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin pin = {.v = v};
	int rc;

	atomic_fetch_add_explicit(&v->requests, 1, memory_order_relaxed);
	if (v->opts.readonly)
		return -EROFS;
	if (!append && (off > (uint64_t)CDX_FILE_MAX ||
			len > (uint64_t)CDX_FILE_MAX - off))
		return -EFBIG;
	rc = cdx_segs_ready(v);
	if (rc == 0)
		rc = cdx_data_file(v, &pin.n, ino);
	if (rc != 0)
		return cdx_data_result(rc);
	if (len == 0)
		return 0;
	if (append)
		rc = write_append(v, pin.n, p, len);
	else
		rc = write_parts(v, pin.n, off, p, len);
	if (rc == 0 && v->opts.sync_write)
		rc = cdx_vol_fsync(v, ino, true);
	return cdx_data_result(rc);
}
