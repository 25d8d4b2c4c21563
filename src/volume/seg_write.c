/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypto/block.h"

#define BUF_BYTES ((size_t)CDX_SEG_BUF_BLOCKS * CDX_BLOCK_SIZE)

/* Indexes taken for one run, and their key */
struct taken {
	uint64_t area;
	uint32_t index;
	uint32_t n;
	uint8_t cipher;
	struct cdx_key key;
};

/* ---- buffers ---- */

static uint8_t *buf_get(struct cdx_segs *s)
{
	uint8_t *p = NULL;

	pthread_mutex_lock(&s->mu);
	if (s->bufs)
		p = s->buf[--s->bufs];
	pthread_mutex_unlock(&s->mu);
	return p ? p : aligned_alloc(CDX_PAGE_SIZE, BUF_BYTES);
}

static void buf_put(struct cdx_segs *s, uint8_t *p)
{
	pthread_mutex_lock(&s->mu);
	if (s->bufs < CDX_SEG_BUFS) {
		s->buf[s->bufs++] = p;
		p = NULL;
	}
	pthread_mutex_unlock(&s->mu);
	free(p);
}

/* ---- indexes ---- */

/* Takes up to @n indexes of the open segment; false when it has none */
static bool take_some(struct cdx_segs *s, struct taken *t, uint32_t n)
{
	struct cdx_oseg *o;
	bool got;

	pthread_mutex_lock(&s->mu);
	o = s->open;
	got = o && o->ready && !o->full && o->next < o->limit;
	if (got) {
		if (n > o->limit - o->next)
			n = o->limit - o->next;
		t->area = o->area;
		t->index = o->next;
		t->n = n;
		t->cipher = o->cipher;
		t->key = o->key;
		o->next += n;
		o->inflight++;
	}
	pthread_mutex_unlock(&s->mu);
	return got;
}

static int take(struct cdx_volume *v, struct taken *t, uint32_t n,
		bool reserve_too)
{
	while (!take_some(v->segs, t, n)) {
		int r = cdx_seg_prepare(v, reserve_too);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool burn_room(struct cdx_oseg *o)
{
	uint32_t cap = o->burn_cap ? o->burn_cap * 2 : 8;
	void *p;

	if (o->burns < o->burn_cap)
		return true;
	p = reallocarray(o->burn, cap, sizeof(*o->burn));
	if (!p)
		return false;
	o->burn = p;
	o->burn_cap = cap;
	return true;
}

void cdx_seg_run_burn(struct cdx_volume *v, struct cdx_seg_run *run)
{
	struct cdx_segs *s = v->segs;
	struct cdx_oseg *o;

	pthread_mutex_lock(&s->mu);
	o = cdx_oseg_find(s, run->area);
	if (o) {
		/* without a note the index has no leaf, which means the same:
		 * only the bytes come back later */
		if (burn_room(o)) {
			o->burn[o->burns].index = run->index;
			o->burn[o->burns].n = run->n;
			o->burns++;
		}
		o->inflight--;
		pthread_cond_broadcast(&s->cv);
	}
	pthread_mutex_unlock(&s->mu);
	free(run->leaf);
	memset(run, 0, sizeof(*run));
}

/* ---- bytes ---- */

struct walk {
	const struct iovec *iov;
	int cnt;
	size_t off;
};

/* Encrypts the next 64 KiB of the caller's pieces */
static int crypt_block(const struct taken *t, uint32_t index, uint8_t *out,
		       struct walk *w)
{
	size_t done = 0;

	while (done < CDX_BLOCK_SIZE) {
		size_t n = CDX_BLOCK_SIZE - done;
		const uint8_t *in;
		int r;

		if (!w->cnt)
			return -EINVAL;
		if (n > w->iov->iov_len - w->off)
			n = w->iov->iov_len - w->off;
		in = (const uint8_t *)w->iov->iov_base + w->off;
		r = n ? cdx_block_crypt(out + done, t->cipher, &t->key, index,
					done, in, n)
		      : 0;
		if (r < 0)
			return r;
		done += n;
		w->off += n;
		if (w->off == w->iov->iov_len) {
			w->iov++;
			w->cnt--;
			w->off = 0;
		}
	}
	return 0;
}

static void fill_leaf(struct cdx_volume *v, struct cdx_leaf *leaf,
		      uint64_t area, uint32_t index, const uint8_t *cipher)
{
	leaf->state = CDX_LEAF_DATA;
	leaf->has_sums = true;
	cdx_sha256(&leaf->digest, cipher, CDX_BLOCK_SIZE);
	for (uint32_t i = 0; i < CDX_PAGES_PER_BLOCK; i++)
		cdx_page_sum(leaf->sums[i], &v->keys.sum, area,
			     (uint64_t)index * CDX_PAGES_PER_BLOCK + i,
			     cipher + (size_t)i * CDX_PAGE_SIZE);
}

/* One write of at most a buffer */
static int write_some(struct cdx_volume *v, const struct taken *t,
		      uint32_t from, uint32_t n, struct cdx_leaf *leaf,
		      struct walk *w, uint8_t *buf)
{
	struct cdx_segs *s = v->segs;
	uint64_t off = (uint64_t)(t->index + from) * CDX_BLOCK_SIZE;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *block = buf + (size_t)i * CDX_BLOCK_SIZE;
		uint32_t index = t->index + from + i;
		int r = crypt_block(t, index, block, w);

		if (r < 0)
			return r;
		if (s->on_crypt)
			s->on_crypt(s->on_crypt_arg, &t->key, index, block);
		fill_leaf(v, &leaf[from + i], t->area, index, block);
	}
	return cdx_area_write(v->store, t->area, off, buf,
			      (size_t)n * CDX_BLOCK_SIZE);
}

static int write_all(struct cdx_volume *v, const struct taken *t,
		     struct cdx_leaf *leaf, struct walk *w)
{
	uint8_t *buf = buf_get(v->segs);
	int r = 0;

	if (!buf)
		return -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < t->n; i += CDX_SEG_BUF_BLOCKS) {
		uint32_t n = t->n - i;

		if (n > CDX_SEG_BUF_BLOCKS)
			n = CDX_SEG_BUF_BLOCKS;
		r = write_some(v, t, i, n, leaf, w, buf);
	}
	buf_put(v->segs, buf);
	return r;
}

int cdx_seg_write_reserve(struct cdx_volume *v, struct cdx_seg_run *run,
			  const struct iovec *iov, int iovcnt, uint32_t n,
			  bool reserve_too)
{
	struct walk w = {.iov = iov, .cnt = iovcnt};
	struct taken t;
	int r;

	memset(run, 0, sizeof(*run));
	if (!n || n > CDX_SEG_RUN_MAX)
		return -EINVAL;
	r = take(v, &t, n, reserve_too);
	if (r < 0)
		return r;
	run->area = t.area;
	run->index = t.index;
	run->n = t.n;
	run->leaf = calloc(t.n, sizeof(*run->leaf));
	r = run->leaf ? write_all(v, &t, run->leaf, &w) : -ENOMEM;
	cdx_wipe(&t.key, sizeof(t.key));
	if (r < 0)
		cdx_seg_run_burn(v, run);
	return r;
}

int cdx_seg_write(struct cdx_volume *v, struct cdx_seg_run *run,
		  const struct iovec *iov, int iovcnt, uint32_t n)
{
	return cdx_seg_write_reserve(v, run, iov, iovcnt, n, false);
}

void cdx_seg_run_commit(struct cdx_volume *v, struct cdx_batch *b,
			struct cdx_seg_run *run)
{
	for (uint32_t i = 0; i < run->n; i++)
		cdx_leaf_put(b, run->area, run->index + i, &run->leaf[i]);
	cdx_batch_names_data(b);
	cdx_change_run(v, b, run);
	free(run->leaf);
	memset(run, 0, sizeof(*run));
}

/* ---- pins ---- */

void cdx_seg_pin(struct cdx_volume *v, uint64_t area)
{
	struct cdx_segs *s = v->segs;
	struct cdx_oseg *o;

	pthread_mutex_lock(&s->mu);
	o = cdx_oseg_find(s, area);
	if (o) {
		o->pins++;
		o->inflight++;
	}
	pthread_mutex_unlock(&s->mu);
}

void cdx_seg_unpin(struct cdx_volume *v, uint64_t area)
{
	struct cdx_segs *s = v->segs;
	struct cdx_oseg *o;

	pthread_mutex_lock(&s->mu);
	o = cdx_oseg_find(s, area);
	if (o) {
		o->pins--;
		o->inflight--;
		pthread_cond_broadcast(&s->cv);
	}
	pthread_mutex_unlock(&s->mu);
}
