/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "crypto/block.h"
#include "store/dataset_store.h"
#include "store/held.h"
#include "store/protection.h"
#include "volume/footer.h"

/*
 * Segments: record, area, keys, leaves, page checksums, live bytes, dataset and
 * footer agree.  Records files: live bytes are the sum of the records.  And
 * what the volume's share is charged with is the sum of it all.
 */

struct check {
	struct cdx_volume *v;
	struct cdx_fsck *f;
	uint8_t *block; /* CDX_BLOCK_SIZE */
	/* sums */
	uint64_t open;
	uint64_t sealed;
	uint64_t bytes;
	uint64_t live;
	uint64_t records;
	uint64_t charge;
	/* the segment that is looked at */
	uint64_t area;
	struct cdx_seg_rec rec;
	uint8_t *state;	 /* rec.cap leaf states, 0: no leaf */
	uint32_t absent; /* slots that are not here, by bits */
};

static void bad(struct check *c, const char *what, const char *fmt, ...)
	CDX_PRINTF(3, 4);

static void bad(struct check *c, const char *what, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is */
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->f->errors++;
	if (c->f->report)
		c->f->report(c->f->arg, what, text);
}

/* ---- one segment ---- */

static void check_area(struct check *c)
{
	struct cdx_area_info info;
	int r = cdx_area_info(c->v->store, c->area, &info);

	if (r < 0 || info.kind != CDX_AREA_SEGMENT)
		bad(c, "segment-without-area", "segment %" PRIx64, c->area);
	else if (info.size != (uint64_t)c->rec.cap * CDX_BLOCK_SIZE)
		bad(c, "segment-size",
		    "segment %" PRIx64 " has %u blocks, its area %" PRIu64
		    " bytes",
		    c->area, c->rec.cap, info.size);
}

static void check_keys(struct check *c)
{
	struct cdx_key key;

	for (uint32_t i = 0; i < c->rec.epochs; i++) {
		if (cdx_seg_unwrap(&key, c->v, c->rec.id, &c->rec.epoch[i]) < 0)
			bad(c, "segment-key",
			    "segment %" PRIx64 ": epoch %u does not open",
			    c->area, i);
		cdx_wipe(&key, sizeof(key));
	}
}

/* Sum of what refers to the segment, and whether each has a block */
static int check_refs(struct check *c)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	struct cdx_backref ref;
	uint8_t prefix[8];
	uint64_t cap = (uint64_t)c->rec.cap * CDX_BLOCK_SIZE;
	uint64_t live = 0;
	uint64_t n = 0;
	int r;

	cdx_put_be64(prefix, c->area);
	r = cdx_kv_iter_open(c->v->store, &it, CDX_DB_BACKREF, prefix,
			     sizeof(prefix), NULL, 0);
	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		if (cdx_backref_decode(&ref, CDX_LOC_SEGMENT, &pair) < 0 ||
		    ref.loc.off > cap || ref.len > cap - ref.loc.off) {
			bad(c, "backref-record", "segment %" PRIx64, c->area);
			continue;
		}
		n++;
		live += ref.len;
		for (uint64_t b = ref.loc.off / CDX_BLOCK_SIZE;
		     b <= (ref.loc.off + ref.len - 1) / CDX_BLOCK_SIZE; b++) {
			if (c->state[b] != CDX_LEAF_DATA)
				bad(c, "extent-without-block",
				    "segment %" PRIx64 " block %" PRIu64
				    " inode %" PRIu64,
				    c->area, b, ref.ino);
		}
	}
	if (r == 0 && (live != c->rec.live || n != c->rec.entries))
		bad(c, "segment-live",
		    "segment %" PRIx64 " says %" PRIu64 " bytes in %" PRIu64
		    " extents, there are %" PRIu64 " in %" PRIu64,
		    c->area, c->rec.live, c->rec.entries, live, n);
	return r;
}

static void check_sums(struct check *c, uint32_t index,
		       const struct cdx_leaf *leaf)
{
	uint64_t page = (uint64_t)index * CDX_PAGES_PER_BLOCK;
	uint32_t slot = index / (c->rec.cap / c->rec.k);
	uint8_t sum[CDX_PAGE_SUM_LEN];
	int r;

	/* an evicted column is no damage */
	if (c->absent >> slot & 1)
		return;
	r = cdx_area_read(c->v->store, c->area,
			  (uint64_t)index * CDX_BLOCK_SIZE, c->block,
			  CDX_BLOCK_SIZE);

	for (uint32_t i = 0; r == 0 && i < CDX_PAGES_PER_BLOCK; i++) {
		cdx_page_sum(sum, &c->v->keys.sum, c->area, page + i,
			     c->block + (size_t)i * CDX_PAGE_SIZE);
		if (memcmp(sum, leaf->sums[i], sizeof(sum)) != 0)
			r = CDX_E_HASH;
	}
	if (r < 0)
		bad(c, "page-sum", "segment %" PRIx64 " block %u: %s", c->area,
		    index, cdx_strerror(r));
}

static void check_leaf(struct check *c, uint32_t index,
		       const struct cdx_leaf *leaf)
{
	/* a footer's and padding's place is behind what was written, until
	 * the sealing that puts them there has said how long it will be */
	bool behind = index >= c->rec.next && leaf->state == CDX_LEAF_DATA;
	bool burnt =
		leaf->state == CDX_LEAF_BURNT && c->rec.state == CDX_SEG_SEALED;

	if (behind || burnt)
		bad(c, "segment-leaf",
		    "segment %" PRIx64 " block %u has a leaf of state %u",
		    c->area, index, (unsigned)leaf->state);
	if (leaf->state != CDX_LEAF_DATA)
		return;
	if (cdx_seg_epoch_of(&c->rec, index) < 0)
		bad(c, "segment-epoch", "segment %" PRIx64 " block %u", c->area,
		    index);
	check_sums(c, index, leaf);
}

static int check_leaves(struct check *c)
{
	for (uint32_t i = 0; i < c->rec.cap; i++) {
		struct cdx_leaf leaf;
		int r = cdx_leaf_get(c->v->store, c->area, i, &leaf);

		if (r == 0) {
			c->state[i] = (uint8_t)leaf.state;
			check_leaf(c, i, &leaf);
			continue;
		}
		if (r != -ENOENT && r != CDX_E_CORRUPT)
			return r;
		if (r == CDX_E_CORRUPT || c->rec.state == CDX_SEG_SEALED)
			bad(c, "segment-leaf", "segment %" PRIx64 " block %u",
			    c->area, i);
	}
	return 0;
}

static bool footer_agrees(const struct check *c, const struct cdx_footer *f)
{
	uint32_t at = 0;

	if (memcmp(f->id, c->rec.id, sizeof(f->id)) != 0 || f->k != c->rec.k ||
	    f->m != c->rec.m || f->blocks != c->rec.cap ||
	    f->epochs != c->rec.epochs)
		return false;
	for (uint32_t i = 0; i < f->epochs; i++) {
		const struct cdx_epoch *a = &f->epoch[i];
		const struct cdx_epoch *b = &c->rec.epoch[i];

		if (a->first != b->first || a->cipher != b->cipher ||
		    memcmp(a->wrapped, b->wrapped, CDX_WRAPPED_LEN) != 0)
			return false;
	}
	for (uint32_t i = 0; i < f->runs; i++) {
		for (uint32_t j = 0; j < f->run[i].n; j++) {
			if (c->state[at++] != f->run[i].state)
				return false;
		}
	}
	return true;
}

static void check_footer(struct check *c)
{
	struct cdx_footer *f = calloc(1, sizeof(*f));
	int r = f ? cdx_footer_read(c->v, f, c->area, c->rec.cap) : -ENOMEM;

	/* it went with what was given away */
	if (r == -ENODATA && c->absent) {
		free(f);
		return;
	}
	if (r < 0)
		bad(c, "segment-footer", "segment %" PRIx64 ": %s", c->area,
		    cdx_strerror(r));
	else if (!footer_agrees(c, f))
		bad(c, "segment-footer",
		    "segment %" PRIx64 ": not what the tables say", c->area);
	if (r == 0)
		cdx_footer_free(f);
	free(f);
}

static void check_dataset(struct check *c)
{
	struct cdx_cid cid =
		cdx_cid_sha256(CDX_CODEC_MANIFEST, &c->rec.manifest);
	struct cdx_dataset_info info;
	int r = c->rec.has_manifest ? cdx_dataset_info(c->v->store, &cid, &info)
				    : -ENOENT;

	if (r < 0)
		bad(c, "segment-dataset", "segment %" PRIx64 ": %s", c->area,
		    cdx_strerror(r));
	else if (info.dsid != c->area || info.area != c->area ||
		 info.blocks != c->rec.cap ||
		 (!info.is_private && !info.published) ||
		 !(info.refs & CDX_REF_VOLUME))
		bad(c, "segment-dataset",
		    "segment %" PRIx64 ": its dataset is another", c->area);
}

/* ---- protections ---- */

static int note_absent(void *arg, const struct cdx_protection *p)
{
	struct check *c = arg;

	c->absent |= p->absent | p->damaged;
	return 0;
}

/* The segment's own protection is there, and is the one that was ordered */
static void check_protection(struct check *c)
{
	struct cdx_cid cid =
		cdx_cid_sha256(CDX_CODEC_MANIFEST, &c->rec.verifiable);
	struct cdx_dataset_info info;
	struct cdx_protection p;
	int r = cdx_dataset_info(c->v->store, &cid, &info);

	if (r == 0)
		r = cdx_protection_of(c->v->store, &info, &p);
	if (r < 0)
		bad(c, "segment-protection", "segment %" PRIx64 ": %s", c->area,
		    cdx_strerror(r));
	else if (info.kind != CDX_DATASET_VERIFIABLE || p.base != c->area ||
		 p.state != CDX_PROTECTION_DONE || p.k != c->rec.k ||
		 p.m != c->rec.m || p.blocks != c->rec.cap ||
		 !(info.refs & CDX_REF_VOLUME))
		bad(c, "segment-protection",
		    "segment %" PRIx64 ": its protection is another", c->area);
}

static int check_segment(struct check *c)
{
	int r;

	check_area(c);
	check_keys(c);
	c->bytes += (uint64_t)c->rec.cap * CDX_BLOCK_SIZE;
	c->live += c->rec.live;
	c->charge += cdx_seg_charge(c->rec.k, c->rec.m, c->rec.cap);
	c->absent = 0;
	r = cdx_protection_list(c->v->store, c->area, note_absent, c);
	if (r < 0)
		return r;
	switch (c->rec.state) {
	case CDX_SEG_OPEN:
	case CDX_SEG_SEALING:
		c->open++;
		break;
	case CDX_SEG_SEALED:
		c->sealed++;
		break;
	case CDX_SEG_DROPPING:
		if (c->rec.live)
			bad(c, "segment-live",
			    "segment %" PRIx64 " is being dropped", c->area);
		return 0;
	}
	r = check_leaves(c);
	if (r == 0)
		r = check_refs(c);
	if (r == 0 && c->rec.state == CDX_SEG_SEALED) {
		check_dataset(c);
		if (c->rec.has_verifiable)
			check_protection(c);
		check_footer(c);
	}
	return r;
}

static int next_segment(struct check *c, uint64_t *from)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	uint8_t key[8];
	int r;

	cdx_put_be64(key, *from);
	r = cdx_kv_iter_open(c->v->store, &it, CDX_DB_SEGMENT, NULL, 0, key,
			     sizeof(key));
	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len != 8)
			continue;
		c->area = cdx_get_be64(pair.key);
		*from = c->area + 1;
		if (cdx_seg_rec_decode(&c->rec, pair.val, pair.val_len) == 0)
			return 1;
		bad(c, "segment-record", "segment %" PRIx64, c->area);
	}
	return r;
}

static int walk_segments(struct check *c)
{
	uint64_t from = 0;
	uint64_t n = 0;
	int r;

	while ((r = next_segment(c, &from)) > 0) {
		c->state = calloc(c->rec.cap, 1);
		r = c->state ? check_segment(c) : -ENOMEM;
		free(c->state);
		c->state = NULL;
		if (r < 0)
			return r;
		if (c->f->progress)
			c->f->progress(c->f->arg, "segments", ++n, 0);
	}
	return r;
}

/* ---- records ---- */

static int check_recfile(struct check *c, uint64_t area, uint64_t live,
			 uint64_t size)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	struct cdx_backref ref;
	uint8_t prefix[8];
	uint64_t last = UINT64_MAX;
	uint64_t sum = 0;
	int r;

	cdx_put_be64(prefix, area);
	r = cdx_kv_iter_open(c->v->store, &it, CDX_DB_BACKREF, prefix,
			     sizeof(prefix), NULL, 0);
	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		uint64_t sealed;

		if (cdx_backref_decode(&ref, CDX_LOC_RECORD, &pair) < 0) {
			bad(c, "backref-record", "areas/%016" PRIx64, area);
			continue;
		}
		sealed = (uint64_t)ref.loc.plain + CDX_SEAL_OVERHEAD;
		if (ref.loc.off > size || sealed > size - ref.loc.off)
			bad(c, "record-behind-end",
			    "areas/%016" PRIx64 " at %" PRIu64, area,
			    ref.loc.off);
		if (ref.loc.off == last)
			continue;
		last = ref.loc.off;
		sum += sealed;
		c->charge += cdx_small_charge(c->v, sealed);
	}
	if (r == 0 && sum != live)
		bad(c, "records-live",
		    "areas/%016" PRIx64 " says %" PRIu64 ", there are %" PRIu64,
		    area, live, sum);
	c->records += sum;
	return r;
}

static int find_held(void *arg, const struct cdx_protection *p)
{
	const uint64_t *area = arg;

	return cdx_held_is(p) && p->segment == *area ? -EEXIST : 0;
}

/* Does it hold slots of somebody else's dataset? */
static bool is_held(struct check *c, uint64_t area)
{
	return cdx_protection_list(c->v->store, 0, find_held, &area) == -EEXIST;
}

static int check_file(struct check *c, uint64_t area)
{
	struct cdx_area_info info;
	int r = cdx_area_info(c->v->store, area, &info);
	struct cdx_seg_rec rec;

	if (r == CDX_E_CORRUPT || r == -ENOENT)
		return 0; /* the store's check tells */
	if (r < 0)
		return r;
	switch (info.kind) {
	case CDX_AREA_RECORDS:
		return check_recfile(c, area, info.live, info.size);
	case CDX_AREA_LOOSE:
	case CDX_AREA_PARITY:
	case CDX_AREA_CACHE:
		return 0; /* the store's check knows them */
	case CDX_AREA_SEGMENT:
		if (cdx_seg_rec_get(c->v, &rec, area) == -ENOENT &&
		    !is_held(c, area))
			bad(c, "area-without-segment", "areas/%016" PRIx64,
			    area);
		return 0;
	}
	return 0;
}

static int walk_areas(struct check *c)
{
	CDX_CLEANUP(cdx_freep) uint64_t *area = NULL;
	size_t n = 0;
	int r = cdx_areas_list(c->v, &area, &n);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = check_file(c, area[i]);
	return r;
}

/* ---- extents that are charged themselves ---- */

static int walk_extents(struct check *c)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	struct cdx_extent x;
	uint64_t ino;
	int r = cdx_kv_iter_open(c->v->store, &it, CDX_DB_EXTENT, NULL, 0, NULL,
				 0);

	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		if (cdx_extent_decode(&x, &ino, &pair) < 0)
			continue; /* the extents' check tells */
		if (x.loc.kind == CDX_LOC_INLINE)
			c->charge += cdx_small_charge(c->v, x.sealed_len);
	}
	return r;
}

static void check_counter(struct check *c, enum cdx_counter which,
			  const char *name, uint64_t want)
{
	int64_t have = cdx_kv_counter(c->v->store, which);

	if (have != (int64_t)want)
		bad(c, "counter", "%s is %" PRId64 ", should be %" PRIu64, name,
		    have, want);
}

int cdx_fsck_segments(struct cdx_volume *v, struct cdx_fsck *f)
{
	struct check c = {.v = v, .f = f};
	int r;

	c.block = malloc(CDX_BLOCK_SIZE);
	if (!c.block)
		return -ENOMEM;
	r = walk_segments(&c);
	if (r == 0)
		r = walk_areas(&c);
	if (r == 0)
		r = walk_extents(&c);
	if (r == 0)
		r = cdx_fsck_charge(v, &c.charge);
	free(c.block);
	if (r < 0)
		return r;
	check_counter(&c, CDX_CNT_SEG_OPEN, "open segments", c.open);
	check_counter(&c, CDX_CNT_SEG_SEALED, "sealed segments", c.sealed);
	check_counter(&c, CDX_CNT_SEG_BYTES, "segment bytes", c.bytes);
	check_counter(&c, CDX_CNT_SEG_LIVE, "live segment bytes", c.live);
	check_counter(&c, CDX_CNT_RECORD_LIVE, "record bytes", c.records);
	check_counter(&c, CDX_CNT_USED_VOLUME, "charge of the volume",
		      c.charge);
	return 0;
}
