/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Copies share extents; only inline bytes are sealed anew. */

#define COPY_EXTENTS 256u /* in one batch */

/* A run of the source as it will be in the destination */
struct item {
	uint64_t off;
	uint64_t len;
	struct cdx_loc loc;
	uint8_t *sealed; /* owned */
};

struct copy {
	struct cdx_volume *v;
	struct cdx_vnode *src;
	struct cdx_vnode *dst;
	uint64_t src_off;
	uint64_t dst_off;
	uint64_t len; /* of this step */
	/* the source's end at the start: a copy within one file does not chase
	 * the end that it moves */
	uint64_t src_end;
	struct item *item;
	size_t n;
};

static void items_free(struct copy *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->item[i].sealed);
	c->n = 0;
}

static int reseal(struct copy *c, struct item *it, const struct cdx_extent *x,
		  uint64_t from)
{
	uint8_t plain[CDX_INLINE_MAX];
	int rc = cdx_inline_open(c->v, plain, c->src->ino, x);

	if (rc < 0)
		return rc;
	it->sealed = malloc((size_t)it->len + CDX_SEAL_OVERHEAD);
	if (it->sealed == NULL)
		return -ENOMEM;
	cdx_inline_seal(c->v, it->sealed, c->dst->ino, it->off,
			plain + (from - x->off), (size_t)it->len);
	return 0;
}

static int add_item(struct copy *c, const struct cdx_extent *x)
{
	struct item *it = &c->item[c->n];
	uint64_t from = x->off > c->src_off ? x->off : c->src_off;
	uint64_t end = c->src_off + c->len;

	if (x->off + x->len < end)
		end = x->off + x->len;
	memset(it, 0, sizeof(*it));
	it->off = c->dst_off + (from - c->src_off);
	it->len = end - from;
	it->loc = x->loc;
	cdx_loc_advance(&it->loc, from - x->off);
	c->n++;
	return x->loc.kind == CDX_LOC_INLINE ? reseal(c, it, x, from) : 0;
}

/* Extents of the source's range; shortens the step when there are too many */
static int collect(struct copy *c)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_extent x;
	int rc = cdx_extent_iter(c->v, &it, c->src->ino, c->src_off);

	while (rc >= 0) {
		rc = cdx_extent_next(it, &x);
		if (rc <= 0 || x.off >= c->src_off + c->len)
			break;
		if (x.loc.kind == CDX_LOC_ZERO)
			continue;
		if (c->n == COPY_EXTENTS) {
			/* an earlier extent ended behind src_off: not 0 */
			c->len = c->item[c->n - 1].off + c->item[c->n - 1].len -
				 c->dst_off;
			break;
		}
		rc = add_item(c, &x);
	}
	return rc < 0 ? rc : 0;
}

static int place(struct copy *c, struct cdx_extent_edit *e)
{
	uint64_t pos = c->dst_off;
	uint64_t end = pos + c->len;
	int rc = 0;

	for (size_t i = 0; i < c->n && rc == 0; i++) {
		const struct item *it = &c->item[i];
		struct cdx_sealed s = {it->sealed,
				       (uint32_t)(it->len + CDX_SEAL_OVERHEAD)};

		if (it->off > pos)
			rc = cdx_extent_put(e, pos, it->off - pos, NULL, NULL);
		if (rc == 0)
			rc = cdx_extent_put(e, it->off, it->len, &it->loc,
					    it->sealed ? &s : NULL);
		pos = it->off + it->len;
	}
	if (rc == 0 && pos < end)
		rc = cdx_extent_put(e, pos, end - pos, NULL, NULL);
	return rc;
}

static int apply(struct copy *c)
{
	struct cdx_volume *v = c->v;
	struct cdx_vnode *n = c->dst;
	struct cdx_extent_edit e;
	struct cdx_batch *b = NULL;
	struct cdx_attr attr = n->attr;
	uint64_t disk_size = n->disk_size;
	uint64_t end = c->dst_off + c->len;
	int rc = cdx_batch_new(&b, v->store);

	if (rc < 0)
		return rc;
	cdx_extent_begin(&e, v, n, b);
	rc = place(c, &e);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	cdx_extent_end(&e);
	if (n->dirty != NULL && n->dirty->has_logged)
		cdx_batch_clean(b, n->ino, c->dst_off, c->len);
	cdx_data_cut(v, n, c->dst_off, end);
	if (n->attr.size < end)
		n->attr.size = end;
	if (n->disk_size < end)
		n->disk_size = end;
	cdx_data_cover(n);
	cdx_vnode_wrote(v, n);
	cdx_vnode_store(b, n);
	rc = cdx_batch_apply(b);
	if (rc < 0) {
		n->attr = attr;
		n->disk_size = disk_size;
		n->alloc = e.alloc;
	}
	return rc;
}

/* Both are locked; c->len is what is left to copy, and then what was */
static int step(struct copy *c)
{
	struct cdx_vnode *s = c->src;
	uint64_t size;
	int rc;

	if (c->src_end > s->attr.size)
		c->src_end = s->attr.size;
	size = c->src_end;
	if (s->dead || c->dst->dead)
		return -ESTALE;
	if (c->src_off >= size) {
		c->len = 0;
		return 0;
	}
	if (c->len > size - c->src_off)
		c->len = size - c->src_off;
	if (c->len > CDX_EDIT_BYTES)
		c->len = CDX_EDIT_BYTES;
	if (c->len > (uint64_t)CDX_FILE_MAX - c->dst_off)
		return -EFBIG;
	rc = cdx_out_range(c->v, s, c->src_off, c->src_off + c->len, UINT64_MAX,
			   NULL);
	/* a dirty page of the destination cannot have a hole in its middle */
	if (rc == 0)
		rc = cdx_out_range(c->v, c->dst, c->dst_off,
				   c->dst_off + c->len, UINT64_MAX, NULL);
	if (rc == 0)
		rc = collect(c);
	if (rc == 0)
		rc = apply(c);
	return rc;
}

static int64_t copy_all(struct copy *c, uint64_t len)
{
	uint64_t left = len;
	int rc = 0;

	while (left > 0) {
		c->len = left;
		cdx_vnode_lock2(c->src, c->dst);
		rc = step(c);
		cdx_vnode_unlock2(c->src, c->dst);
		items_free(c);
		if (rc < 0 || c->len == 0)
			break;
		c->src_off += c->len;
		c->dst_off += c->len;
		left -= c->len;
	}
	/* what was copied counts, as with a short write */
	if (rc < 0 && left == len)
		return rc;
	return (int64_t)(len - left);
}

static bool overlaps(uint64_t a, uint64_t b, uint64_t len)
{
	return a < b ? b - a < len : a - b < len;
}

int64_t cdx_vol_copy_range(struct cdx_volume *v, uint64_t src, uint64_t src_off,
			   uint64_t dst, uint64_t dst_off, uint64_t len)
{
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin from = {.v = v};
	CDX_CLEANUP(cdx_vnode_unpinp) struct cdx_vnode_pin to = {.v = v};
	struct copy c = {.v = v,
			 .src_off = src_off,
			 .dst_off = dst_off,
			 .src_end = UINT64_MAX};
	int64_t rc;

	if (v->opts.readonly)
		return -EROFS;
	if (src_off > (uint64_t)CDX_FILE_MAX ||
	    dst_off > (uint64_t)CDX_FILE_MAX)
		return -EFBIG;
	if (len > (uint64_t)CDX_FILE_MAX)
		len = (uint64_t)CDX_FILE_MAX;
	if (src == dst && overlaps(src_off, dst_off, len))
		return -EINVAL;
	rc = cdx_segs_ready(v);
	if (rc == 0)
		rc = cdx_data_file(v, &from.n, src);
	if (rc == 0)
		rc = cdx_data_file(v, &to.n, dst);
	if (rc != 0)
		return cdx_data_result((int)rc);
	c.src = from.n;
	c.dst = to.n;
	c.item = calloc(COPY_EXTENTS, sizeof(*c.item));
	if (c.item == NULL)
		return -ENOMEM;
	rc = copy_all(&c, len);
	free(c.item);
	if (rc < 0)
		return cdx_data_result((int)rc);
	if (rc > 0)
		cdx_vnode_accessed(v, from.n);
	return rc;
}
