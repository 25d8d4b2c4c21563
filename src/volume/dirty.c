/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- chunks, an ascending array ---- */

size_t cdx_dirty_seek(const struct cdx_dirty *d, uint64_t no)
{
	size_t lo = 0;
	size_t hi = d->n;

	/* files mostly grow at their end */
	if (d->n > 0 && d->v[d->n - 1]->no < no)
		return d->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (d->v[mid]->no < no)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct cdx_chunk *chunk_get(struct cdx_dirty *d, uint64_t no)
{
	size_t i = cdx_dirty_seek(d, no);
	struct cdx_chunk *c;

	if (i < d->n && d->v[i]->no == no)
		return d->v[i];
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 4;
		struct cdx_chunk **v = reallocarray(d->v, cap, sizeof(void *));

		if (v == NULL)
			return NULL;
		d->v = v;
		d->cap = cap;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->no = no;
	memmove(d->v + i + 1, d->v + i, (d->n - i) * sizeof(void *));
	d->v[i] = c;
	d->n++;
	return c;
}

/* Frees the chunks of [from, to) that have no page */
static void chunks_sweep(struct cdx_dirty *d, size_t from, size_t to)
{
	size_t keep = from;

	for (size_t i = from; i < to; i++) {
		if (d->v[i]->pages == 0)
			free(d->v[i]);
		else
			d->v[keep++] = d->v[i];
	}
	if (keep == to)
		return;
	memmove(d->v + keep, d->v + to, (d->n - to) * sizeof(void *));
	d->n -= to - keep;
}

bool cdx_chunk_full(const struct cdx_chunk *c)
{
	if (c->pages != CDX_PAGES_PER_BLOCK)
		return false;
	for (unsigned i = 0; i < CDX_PAGES_PER_BLOCK; i++) {
		if (c->page[i].lo != 0 || c->page[i].hi != CDX_PAGE_SIZE)
			return false;
	}
	return true;
}

/* ---- pages ---- */

static void note_fresh(struct cdx_dirty *d, struct cdx_chunk *c)
{
	if (c->fresh || d->fresh_all)
		return;
	if (d->fresh_n == d->fresh_cap) {
		size_t cap = d->fresh_cap ? d->fresh_cap * 2 : 8;
		uint64_t *p = reallocarray(d->fresh, cap, sizeof(*p));

		if (p == NULL) {
			d->fresh_all = true;
			return;
		}
		d->fresh = p;
		d->fresh_cap = cap;
	}
	d->fresh[d->fresh_n++] = c->no;
	c->fresh = true;
}

/* The page's bytes are not those in the log any more */
static void page_changed(struct cdx_dirty *d, struct cdx_chunk *c,
			 struct cdx_page *pg)
{
	if (!pg->logged)
		return;
	pg->logged = false;
	d->unlogged++;
	note_fresh(d, c);
}

static void page_free(struct cdx_dirty *d, struct cdx_chunk *c,
		      struct cdx_page *pg)
{
	if (!pg->logged)
		d->unlogged--;
	free(pg->p);
	memset(pg, 0, sizeof(*pg));
	c->pages--;
	d->pages--;
}

/* Bytes [lo, hi) of the page at file offset @at */
static int page_put(struct cdx_page *pg, uint64_t at, const uint8_t *p,
		    unsigned lo, unsigned hi, cdx_below_fn *fn, void *arg)
{
	int rc = 0;

	if (pg->hi == 0) {
		pg->lo = (uint16_t)lo;
		pg->hi = (uint16_t)hi;
	}
	if (lo > pg->hi)
		rc = fn(arg, pg->p + pg->hi, at + pg->hi, lo - pg->hi);
	else if (hi < pg->lo)
		rc = fn(arg, pg->p + hi, at + hi, pg->lo - hi);
	if (rc < 0)
		return rc;
	memcpy(pg->p + lo, p, hi - lo);
	if (lo < pg->lo)
		pg->lo = (uint16_t)lo;
	if (hi > pg->hi)
		pg->hi = (uint16_t)hi;
	return 0;
}

int cdx_dirty_put(struct cdx_dirty *d, uint64_t off, const uint8_t *p,
		  size_t len, cdx_below_fn *below, void *arg)
{
	struct cdx_chunk *c = NULL;

	while (len > 0) {
		unsigned i = (unsigned)(off % CDX_CHUNK / CDX_PAGE_SIZE);
		unsigned lo = (unsigned)(off % CDX_PAGE_SIZE);
		unsigned n = CDX_PAGE_SIZE - lo;
		struct cdx_page *pg;
		int rc;

		if (n > len)
			n = (unsigned)len;
		if (c == NULL || c->no != off / CDX_CHUNK)
			c = chunk_get(d, off / CDX_CHUNK);
		if (c == NULL)
			return -ENOMEM;
		pg = &c->page[i];
		if (pg->p == NULL) {
			pg->p = malloc(CDX_PAGE_SIZE);
			if (pg->p == NULL)
				return -ENOMEM;
			c->pages++;
			d->pages++;
			d->unlogged++;
			note_fresh(d, c);
		}
		page_changed(d, c, pg);
		rc = page_put(pg, off - lo, p, lo, lo + n, below, arg);
		if (rc < 0)
			return rc;
		off += n;
		p += n;
		len -= n;
	}
	return 0;
}

/* Bytes [lo, hi) of a page are not wanted any more */
static void page_cut(struct cdx_dirty *d, struct cdx_chunk *c,
		     struct cdx_page *pg, unsigned lo, unsigned hi)
{
	if (pg->p == NULL || lo >= pg->hi || hi <= pg->lo)
		return;
	if (lo <= pg->lo && hi >= pg->hi)
		page_free(d, c, pg);
	else if (lo <= pg->lo)
		pg->lo = (uint16_t)hi;
	else if (hi >= pg->hi)
		pg->hi = (uint16_t)lo;
	else
		memset(pg->p + lo, 0, hi - lo);
	/* zeros in the middle are news to the log */
	if (pg->p != NULL)
		page_changed(d, c, pg);
}

static void chunk_cut(struct cdx_dirty *d, struct cdx_chunk *c, uint64_t off,
		      uint64_t end)
{
	uint64_t at = c->no * CDX_CHUNK;

	for (unsigned i = 0; i < CDX_PAGES_PER_BLOCK;
	     i++, at += CDX_PAGE_SIZE) {
		unsigned lo = off > at ? CDX_PAGE_SIZE : 0;
		unsigned hi = end > at ? CDX_PAGE_SIZE : 0;

		if (off > at && off - at < CDX_PAGE_SIZE)
			lo = (unsigned)(off - at);
		if (end > at && end - at < CDX_PAGE_SIZE)
			hi = (unsigned)(end - at);
		if (lo < hi)
			page_cut(d, c, &c->page[i], lo, hi);
	}
}

void cdx_dirty_cut(struct cdx_dirty *d, uint64_t off, uint64_t end)
{
	size_t from;
	size_t to;

	if (end <= off)
		return;
	from = cdx_dirty_seek(d, off / CDX_CHUNK);
	for (to = from; to < d->n; to++) {
		if (d->v[to]->no > (end - 1) / CDX_CHUNK)
			break;
		chunk_cut(d, d->v[to], off, end);
	}
	chunks_sweep(d, from, to);
}

/* ---- looking ---- */

/* First page with bytes behind @off from chunk @i on, before @end */
static bool first_run(const struct cdx_dirty *d, uint64_t off, uint64_t end,
		      size_t *i, unsigned *page)
{
	for (; *i < d->n; (*i)++) {
		const struct cdx_chunk *c = d->v[*i];
		uint64_t at = c->no * CDX_CHUNK;

		if (at >= end)
			return false;
		for (unsigned k = 0; k < CDX_PAGES_PER_BLOCK; k++) {
			const struct cdx_page *pg = &c->page[k];
			uint64_t base = at + (uint64_t)k * CDX_PAGE_SIZE;

			if (pg->p == NULL || base + pg->hi <= off)
				continue;
			*page = k;
			return base + pg->lo < end;
		}
	}
	return false;
}

bool cdx_dirty_next(const struct cdx_dirty *d, uint64_t off, uint64_t end,
		    uint64_t *lo, uint64_t *hi)
{
	size_t i = cdx_dirty_seek(d, off / CDX_CHUNK);
	unsigned k = 0;
	uint64_t base;

	if (!first_run(d, off, end, &i, &k))
		return false;
	base = d->v[i]->no * CDX_CHUNK + (uint64_t)k * CDX_PAGE_SIZE;
	*lo = base + d->v[i]->page[k].lo;
	if (*lo < off)
		*lo = off;
	*hi = base + d->v[i]->page[k].hi;
	/* the next page goes on where this one ends */
	while (*hi < end && *hi % CDX_PAGE_SIZE == 0) {
		const struct cdx_page *pg;

		if (++k == CDX_PAGES_PER_BLOCK) {
			k = 0;
			i++;
		}
		if (i >= d->n || d->v[i]->no != *hi / CDX_CHUNK)
			break;
		pg = &d->v[i]->page[k];
		if (pg->p == NULL || pg->lo != 0)
			break;
		*hi += pg->hi;
	}
	if (*hi > end)
		*hi = end;
	return true;
}

void cdx_dirty_get(const struct cdx_dirty *d, uint8_t *out, uint64_t off,
		   size_t len)
{
	size_t i = cdx_dirty_seek(d, off / CDX_CHUNK);

	while (len > 0) {
		size_t in = (size_t)(off % CDX_PAGE_SIZE);
		size_t n = CDX_PAGE_SIZE - in;
		size_t k = (size_t)(off % CDX_CHUNK / CDX_PAGE_SIZE);

		if (n > len)
			n = len;
		if (d->v[i]->no != off / CDX_CHUNK)
			i++;
		memcpy(out, d->v[i]->page[k].p + in, n);
		out += n;
		off += n;
		len -= n;
	}
}

/* ---- what the log has ---- */

static void chunk_log(struct cdx_dirty *d, struct cdx_chunk *c, bool all,
		      cdx_dirty_log_fn *fn, void *arg)
{
	uint64_t at = c->no * CDX_CHUNK;

	c->fresh = false;
	for (unsigned k = 0; k < CDX_PAGES_PER_BLOCK;
	     k++, at += CDX_PAGE_SIZE) {
		struct cdx_page *pg = &c->page[k];

		if (pg->p == NULL || (pg->logged && !all))
			continue;
		fn(arg, at, pg);
		if (!pg->logged)
			d->unlogged--;
		pg->logged = true;
	}
}

void cdx_dirty_log(struct cdx_dirty *d, bool all, cdx_dirty_log_fn *fn,
		   void *arg)
{
	if (all || d->fresh_all) {
		for (size_t i = 0; i < d->n; i++)
			chunk_log(d, d->v[i], all, fn, arg);
	} else {
		for (size_t i = 0; i < d->fresh_n; i++) {
			size_t at = cdx_dirty_seek(d, d->fresh[i]);

			/* the chunk may be gone */
			if (at < d->n && d->v[at]->no == d->fresh[i])
				chunk_log(d, d->v[at], false, fn, arg);
		}
	}
	d->fresh_n = 0;
	d->fresh_all = false;
}

void cdx_dirty_unlog(struct cdx_dirty *d)
{
	for (size_t i = 0; i < d->n; i++) {
		for (unsigned k = 0; k < CDX_PAGES_PER_BLOCK; k++)
			d->v[i]->page[k].logged = false;
	}
	d->unlogged = d->pages;
	d->fresh_all = true;
}

void cdx_dirty_free(struct cdx_dirty *d)
{
	if (d == NULL)
		return;
	free(d->fresh);
	for (size_t i = 0; i < d->n; i++) {
		for (unsigned k = 0; k < CDX_PAGES_PER_BLOCK; k++)
			free(d->v[i]->page[k].p);
		free(d->v[i]);
	}
	free(d->v);
	free(d);
}
