/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"

/* Dirty pages become segment blocks (whole chunks), sealed records (other
 * runs) or the one inline extent of a tiny file. */

#define RUN_CHUNKS 32u /* blocks written in one call */

/* One batch of write-out */
struct out {
	struct cdx_volume *v;
	struct cdx_vnode *n;
	struct cdx_batch *b;
	struct cdx_extent_edit e;
	uint64_t bytes;
	uint8_t *run; /* CDX_REC_MAX bytes for gathering, made when needed */
};

/* ---- whole chunks ---- */

static int put_blocks(struct out *o, struct cdx_seg_run *run, uint64_t off)
{
	struct cdx_loc loc = {
		.kind = CDX_LOC_SEGMENT,
		.area = run->area,
		.off = (uint64_t)run->index * CDX_BLOCK_SIZE,
	};
	uint64_t len = (uint64_t)run->n * CDX_BLOCK_SIZE;

	run->live = len;
	cdx_seg_run_commit(o->v, o->b, run);
	o->bytes += len;
	return cdx_extent_put(&o->e, off, len, &loc, NULL);
}

/* Full chunks in a row from @i on become blocks; returns how many */
static int out_full(struct out *o, size_t i)
{
	const struct cdx_dirty *d = o->n->dirty;
	struct iovec iov[RUN_CHUNKS * CDX_PAGES_PER_BLOCK];
	struct cdx_seg_run run = {0};
	unsigned n = 0;
	int rc;

	while (n < RUN_CHUNKS && i + n < d->n && cdx_chunk_full(d->v[i + n]) &&
	       d->v[i + n]->no == d->v[i]->no + n) {
		for (unsigned k = 0; k < CDX_PAGES_PER_BLOCK; k++) {
			struct iovec *io = &iov[n * CDX_PAGES_PER_BLOCK + k];

			io->iov_base = d->v[i + n]->page[k].p;
			io->iov_len = CDX_PAGE_SIZE;
		}
		n++;
	}
	rc = cdx_seg_write(o->v, &run, iov, (int)(n * CDX_PAGES_PER_BLOCK), n);
	if (rc < 0)
		return rc;
	n = run.n;
	rc = put_blocks(o, &run, d->v[i]->no * CDX_CHUNK);
	return rc < 0 ? rc : (int)n;
}

/* ---- runs ---- */

static int out_run(struct out *o, uint64_t lo, uint64_t hi)
{
	struct cdx_loc loc = {0};
	uint32_t len = (uint32_t)(hi - lo);
	int rc;

	if (o->run == NULL)
		o->run = malloc(CDX_REC_MAX);
	if (o->run == NULL)
		return -ENOMEM;
	cdx_dirty_get(o->n->dirty, o->run, lo, len);
	rc = cdx_rec_write(o->v, o->b, &loc, o->run, len);
	if (rc < 0)
		return rc;
	o->bytes += len;
	return cdx_extent_put(&o->e, lo, len, &loc, NULL);
}

static int out_chunk(struct out *o, const struct cdx_chunk *c)
{
	uint64_t pos = c->no * CDX_CHUNK;
	uint64_t end = pos + CDX_CHUNK;
	uint64_t lo;
	uint64_t hi;
	int rc = 0;

	while (rc == 0 && cdx_dirty_next(o->n->dirty, pos, end, &lo, &hi)) {
		rc = out_run(o, lo, hi);
		pos = hi;
	}
	return rc;
}

/* ---- tiny files ---- */

static bool is_tiny(const struct cdx_vnode *n)
{
	return n->attr.size <= CDX_INLINE_MAX;
}

/* The whole content in one extent */
static int out_inline(struct out *o)
{
	uint8_t plain[CDX_INLINE_MAX];
	uint8_t sealed[CDX_INLINE_MAX + CDX_SEAL_OVERHEAD];
	struct cdx_vnode *n = o->n;
	struct cdx_loc loc = {.kind = CDX_LOC_INLINE};
	uint32_t size = (uint32_t)n->attr.size;
	struct cdx_sealed s = {sealed, size + CDX_SEAL_OVERHEAD};
	uint64_t pos = 0;
	uint64_t lo;
	uint64_t hi;
	int rc = cdx_read_below(o->v, n, plain, 0, size);

	if (rc < 0)
		return rc;
	while (cdx_dirty_next(n->dirty, pos, size, &lo, &hi)) {
		cdx_dirty_get(n->dirty, plain + lo, lo, (size_t)(hi - lo));
		pos = hi;
	}
	cdx_inline_seal(o->v, sealed, n->ino, 0, plain, size);
	o->bytes += size;
	return cdx_extent_put(&o->e, 0, size, &loc, &s);
}

/* ---- batches ---- */

/* Puts extents for dirty bytes from @from on; @next: what is not covered */
static int gather(struct out *o, uint64_t from, uint64_t to, uint64_t *next)
{
	const struct cdx_dirty *d = o->n->dirty;
	size_t i = cdx_dirty_seek(d, from / CDX_CHUNK);

	*next = to;
	if (is_tiny(o->n)) {
		int rc = out_inline(o);

		/* bytes below are elsewhere: they stay where they are */
		if (rc != -ENODATA)
			return rc;
	}
	while (i < d->n && d->v[i]->no * CDX_CHUNK < to) {
		int rc;

		if (o->bytes >= CDX_OUT_DATA ||
		    cdx_batch_size(o->b) >= CDX_OUT_BATCH) {
			*next = d->v[i]->no * CDX_CHUNK;
			return 0;
		}
		if (cdx_chunk_full(d->v[i])) {
			rc = out_full(o, i);
			if (rc < 0)
				return rc;
			i += (size_t)rc;
			continue;
		}
		rc = out_chunk(o, d->v[i]);
		if (rc < 0)
			return rc;
		i++;
	}
	return 0;
}

/* The size that is on disk when everything dirty below @next is */
static uint64_t size_covered(const struct cdx_vnode *n, uint64_t next)
{
	uint64_t size = n->attr.size;

	if (cdx_dirty_seek(n->dirty, next / CDX_CHUNK) < n->dirty->n &&
	    next < size)
		size = next;
	return size > n->disk_size ? size : n->disk_size;
}

static int out_batch(struct cdx_volume *v, struct cdx_vnode *n, uint64_t from,
		     uint64_t to, uint64_t *next)
{
	struct out o = {.v = v, .n = n};
	uint64_t size = n->disk_size;
	uint64_t end;
	int rc = cdx_batch_new(&o.b, v->store);

	if (rc < 0)
		return rc;
	cdx_extent_begin(&o.e, v, n, o.b);
	rc = gather(&o, from, to, next);
	free(o.run);
	if (rc < 0) {
		cdx_batch_drop(o.b);
		return rc;
	}
	cdx_extent_end(&o.e);
	end = *next;
	/* chunks that end behind @next have not been looked at */
	if (n->dirty->has_logged)
		cdx_batch_clean(o.b, n->ino, from, end - from);
	n->disk_size = size_covered(n, end);
	cdx_vnode_store(o.b, n);
	rc = cdx_batch_apply(o.b);
	if (rc < 0) {
		n->alloc = o.e.alloc;
		n->disk_size = size;
		cdx_vnode_mark(v, n);
		return rc;
	}
	cdx_data_cut(v, n, from, end);
	return 0;
}

int cdx_out_range(struct cdx_volume *v, struct cdx_vnode *n, uint64_t from,
		  uint64_t to, uint64_t max, uint64_t *next)
{
	uint64_t start;
	uint64_t done = to;
	int rc = 0;

	if (from > n->disk_size)
		from = n->disk_size;
	from -= from % CDX_CHUNK;
	/* a file's last byte is below CDX_FILE_MAX */
	if (to > (uint64_t)CDX_FILE_MAX)
		to = (uint64_t)CDX_FILE_MAX;
	to += (CDX_CHUNK - to % CDX_CHUNK) % CDX_CHUNK;
	start = cdx_data_pages(n);
	while (rc == 0 && n->dirty != NULL && from < to) {
		if ((start - n->dirty->pages) * CDX_PAGE_SIZE >= max)
			break;
		rc = out_batch(v, n, from, to, &from);
		done = from;
	}
	if (next != NULL)
		*next = done;
	return rc;
}

int cdx_out_below(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off)
{
	uint64_t lo;
	uint64_t hi;

	if (n->dirty == NULL ||
	    !cdx_dirty_next(n->dirty, n->disk_size, off, &lo, &hi))
		return 0;
	return cdx_out_range(v, n, n->disk_size, off, UINT64_MAX, NULL);
}

/* Nobody can open it any more: its last name went and the kernel forgot it */
static bool unreachable(struct cdx_volume *v, const struct cdx_vnode *n)
{
	bool is;

	if (!n->unlinked)
		return false;
	pthread_mutex_lock(&v->cache_mu);
	is = cdx_map_get(&v->lookups, n->ino) == NULL;
	pthread_mutex_unlock(&v->cache_mu);
	return is;
}

int cdx_out_all(struct cdx_volume *v, struct cdx_vnode *n)
{
	if (n->dirty == NULL)
		return 0;
	if (n->dead || unreachable(v, n)) {
		cdx_data_drop(v, n);
		return 0;
	}
	return cdx_out_range(v, n, 0, UINT64_MAX, UINT64_MAX, NULL);
}
