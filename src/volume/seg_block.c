/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "crypto/block.h"
#include "repair/repair.h"
#include "store/protection.h"

/*
 * Blocks of sealed segments that are missing or wrong are made from others of
 * their step.  What was made is kept for a while, encrypted as it is: a file is
 * often read 4 KiB at a time, and one block costs reading k others.  A block of
 * a sealed segment never changes and areas are never used twice, so nothing in
 * the cache ever gets old.
 */

#define CACHE_BLOCKS 256u /* 16 MiB */
#define TOLD_MAX 65536u	  /* blocks whose trouble was logged */

struct entry {
	uint64_t key;
	uint64_t used; /* tick; 0: free */
	uint8_t *block;
};

struct cdx_block_cache {
	pthread_mutex_t mu;
	/* guarded by mu: */
	struct entry entry[CACHE_BLOCKS];
	uint64_t tick;
	struct cdx_map told; /* keys */
	uint64_t recovered;
};

/* Indexes are below 2^20 (seg_rec.c), areas are counted from 1 */
static uint64_t key_of(uint64_t area, uint32_t index)
{
	return area << 20 | index;
}

int cdx_recovered_new(struct cdx_volume *v)
{
	struct cdx_block_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->mu, NULL);
	v->segs->recovered = c;
	return 0;
}

void cdx_recovered_free(struct cdx_volume *v)
{
	struct cdx_block_cache *c = v->segs->recovered;

	if (!c)
		return;
	v->segs->recovered = NULL;
	for (unsigned i = 0; i < CACHE_BLOCKS; i++)
		free(c->entry[i].block);
	cdx_map_free(&c->told);
	pthread_mutex_destroy(&c->mu);
	free(c);
}

uint64_t cdx_recovered_count(struct cdx_volume *v)
{
	struct cdx_block_cache *c = v->segs->recovered;
	uint64_t n;

	pthread_mutex_lock(&c->mu);
	n = c->recovered;
	pthread_mutex_unlock(&c->mu);
	return n;
}

/* Caller holds mu */
static struct entry *find(struct cdx_block_cache *c, uint64_t key)
{
	for (unsigned i = 0; i < CACHE_BLOCKS; i++) {
		if (c->entry[i].used && c->entry[i].key == key)
			return &c->entry[i];
	}
	return NULL;
}

bool cdx_seg_recovered(struct cdx_volume *v, uint8_t *out, uint64_t area,
		       uint32_t index, size_t off, size_t len)
{
	struct cdx_block_cache *c = v->segs->recovered;
	struct entry *e;

	pthread_mutex_lock(&c->mu);
	e = c->tick ? find(c, key_of(area, index)) : NULL;
	if (e) {
		e->used = ++c->tick;
		memcpy(out, e->block + off, len);
	}
	pthread_mutex_unlock(&c->mu);
	return e != NULL;
}

/* Takes @block */
static void keep(struct cdx_block_cache *c, uint64_t key, uint8_t *block)
{
	struct entry *e;

	pthread_mutex_lock(&c->mu);
	c->recovered++;
	e = find(c, key);
	for (unsigned i = 0; !e && i < CACHE_BLOCKS; i++) {
		if (!c->entry[i].used)
			e = &c->entry[i];
	}
	if (!e) {
		e = &c->entry[0];
		for (unsigned i = 1; i < CACHE_BLOCKS; i++) {
			if (c->entry[i].used < e->used)
				e = &c->entry[i];
		}
	}
	free(e->block);
	e->key = key;
	e->block = block;
	e->used = ++c->tick;
	pthread_mutex_unlock(&c->mu);
}

/* True the first time for each block */
static bool to_tell(struct cdx_block_cache *c, uint64_t key)
{
	bool first;

	pthread_mutex_lock(&c->mu);
	if (c->told.len >= TOLD_MAX) {
		cdx_map_free(&c->told);
		memset(&c->told, 0, sizeof(c->told));
	}
	first = !cdx_map_get(&c->told, key);
	if (first)
		(void)!cdx_map_put(&c->told, key, c);
	pthread_mutex_unlock(&c->mu);
	return first;
}

/* ---- marks ---- */

struct mark {
	uint32_t index;
	bool absent;
};

static int look(void *arg, const struct cdx_protection *p)
{
	struct mark *m = arg;
	uint64_t slot = p->steps ? m->index / p->steps : p->k;

	if (p->state == CDX_PROTECTION_DONE && slot < p->k)
		m->absent |= ((p->absent | p->damaged) >> slot) & 1;
	return 0;
}

bool cdx_seg_absent(struct cdx_volume *v, uint64_t area, uint32_t index)
{
	struct mark m = {.index = index};

	return cdx_protection_list(v->store, area, look, &m) == 0 && m.absent;
}

/* ---- making blocks ---- */

/* The block as it is on disk now, if it matches its hash */
static int stored(struct cdx_volume *v, uint8_t *out, uint64_t area,
		  uint32_t index)
{
	struct cdx_digest digest;
	struct cdx_leaf leaf;
	int r = cdx_leaf_get(v->store, area, index, &leaf);

	if (r == 0)
		r = cdx_area_read(v->store, area,
				  (uint64_t)index * CDX_BLOCK_SIZE, out,
				  CDX_BLOCK_SIZE);
	if (r < 0)
		return r;
	cdx_sha256(&digest, out, CDX_BLOCK_SIZE);
	if (memcmp(digest.b, leaf.digest.b, sizeof(digest.b)) != 0)
		return CDX_E_HASH;
	return 0;
}

bool cdx_seg_bad_line(struct cdx_volume *v, uint64_t area)
{
	unsigned n = cdx_store_bad_line(v->store, area);

	if (n > CDX_BAD_LINES)
		cdx_log(v->log, WARN, "segment",
			"further bad blocks of segment %" PRIx64
			" are counted and not shown",
			area);
	return n != 0 && n <= CDX_BAD_LINES;
}

static void tell(struct cdx_volume *v, uint64_t area, uint32_t index, int why)
{
	char text[CDX_CID_TEXT_MAX] = "-";
	struct cdx_leaf leaf;
	struct cdx_cid cid;

	if (cdx_leaf_get(v->store, area, index, &leaf) == 0) {
		cid = cdx_cid_sha256(CDX_CODEC_BLOCK, &leaf.digest);
		cdx_cid_text(text, &cid);
	}
	cdx_store_count_bad(v->store);
	if (cdx_seg_bad_line(v, area))
		cdx_log(v->log, WARN, "segment",
			"segment %" PRIx64
			" block %u CID %s: %s; made again from others",
			area, index, text, cdx_strerror(why));
}

int cdx_seg_recover(struct cdx_volume *v, uint8_t *out, uint64_t area,
		    uint32_t index, size_t off, size_t len, int why)
{
	struct cdx_block_cache *c = v->segs->recovered;
	uint64_t key = key_of(area, index);
	uint8_t *block;
	bool absent;
	int r;

	if (cdx_seg_recovered(v, out, area, index, off, len))
		return 0;
	block = malloc(CDX_BLOCK_SIZE);
	if (!block)
		return -ENOMEM;
	/* Not marked: it is damaged, or its slot has come back since the
	 * caller looked.  What was given away on purpose is no news. */
	absent = cdx_seg_absent(v, area, index);
	if (!absent && stored(v, block, area, index) == 0) {
		memcpy(out, block + off, len);
		free(block);
		return 0;
	}
	r = cdx_repair_block(v->store, area, index, block, CDX_BLOCK_SIZE);
	if (r < 0) {
		free(block);
		return r;
	}
	memcpy(out, block + off, len);
	if (!absent && to_tell(c, key))
		tell(v, area, index, why);
	keep(c, key, block);
	return 0;
}

int cdx_seg_block(struct cdx_volume *v, uint8_t *out, uint64_t area,
		  uint32_t index)
{
	int bad = stored(v, out, area, index);
	int r;

	if (bad == 0)
		return 0;
	r = cdx_seg_recover(v, out, area, index, 0, CDX_BLOCK_SIZE, bad);
	return r < 0 && r != -ENOMEM ? bad : r;
}
