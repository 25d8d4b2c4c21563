/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/protection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "crypto/block.h"
#include "store/area_internal.h"
#include "store/block_set.h"
#include "store/dataset_internal.h"
#include "store/held.h"
#include "store/protection_internal.h"
#include "store/records.h"

/* ---- numbers ---- */

uint64_t cdx_protection_parity_bytes(const struct cdx_protection *p)
{
	/* at most 2^32 blocks of 4 MiB */
	return p->steps * p->m * cdx_block_room(p->block_size);
}

uint64_t cdx_protection_slot_blocks(const struct cdx_protection *p,
				    uint32_t slot)
{
	uint64_t first = slot * p->steps;

	if (slot >= p->k)
		return p->steps;
	if (first >= p->blocks)
		return 0;
	return p->blocks - first < p->steps ? p->blocks - first : p->steps;
}

bool cdx_protection_place(const struct cdx_protection *p, uint64_t index,
			  struct cdx_block_loc *out)
{
	uint64_t rounded = cdx_protection_rounded(p);

	if (index < p->blocks) {
		out->area = p->segment;
		out->off = index * CDX_BLOCK_SIZE;
		return p->segment != 0;
	}
	if (index < rounded)
		return false;
	out->area = p->area;
	out->off = (index - rounded) * cdx_block_room(p->block_size);
	return true;
}

uint64_t cdx_protection_slot_charge(const struct cdx_protection *p,
				    uint32_t slot)
{
	if (slot < p->k && p->segment == 0)
		return 0;
	return cdx_protection_slot_blocks(p, slot) *
	       cdx_block_room(p->block_size);
}

uint64_t cdx_protection_uncharged(const struct cdx_protection *p)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->k + p->m; i++)
		if (cdx_slot_is_off(p, i))
			sum += cdx_protection_slot_charge(p, i);
	return sum;
}

int64_t cdx_protection_charged(const struct cdx_protection *p)
{
	uint64_t sum = 0;

	if (!cdx_held_is(p))
		return (int64_t)p->charge -
		       (int64_t)cdx_protection_uncharged(p);
	for (uint32_t i = 0; i < p->k + p->m; i++)
		if (!cdx_slot_is_off(p, i))
			sum += cdx_protection_slot_charge(p, i);
	return (int64_t)sum;
}

bool cdx_protection_incomplete(const struct cdx_protection *p)
{
	uint64_t data = (UINT64_C(1) << p->k) - 1;

	return ((p->absent | p->damaged) & data) != 0;
}

/* ---- records ---- */

int cdx_protection_get(struct cdx_store *s, uint64_t base, uint64_t id,
		       struct cdx_protection *out)
{
	uint8_t key[CDX_PROTECTION_KEY_LEN];
	uint8_t val[CDX_PROTECTION_VAL_MAX];
	struct cdx_kv_pair pair = {
		.key = key, .key_len = sizeof(key), .val = val};
	int rc;

	cdx_put_be64(key, base);
	cdx_put_be64(key + 8, id);
	rc = cdx_kv_get(s, CDX_DB_PROTECTION, key, sizeof(key), val,
			sizeof(val));
	if (rc == -ENOBUFS)
		return CDX_E_CORRUPT;
	if (rc < 0)
		return rc;
	pair.val_len = (size_t)rc;
	return cdx_protection_decode(out, &pair);
}

int cdx_protection_of(struct cdx_store *s, const struct cdx_dataset_info *info,
		      struct cdx_protection *out)
{
	struct cdx_dataset_info now;
	int rc;

	if (info->kind == CDX_DATASET_PLAIN)
		return -ENOENT;
	rc = cdx_protection_get(s, info->base, info->dsid, out);
	if (rc != -ENOENT)
		return rc;
	/* dropped since the caller looked: the dataset goes first */
	rc = cdx_dataset_load(s, &info->cid, &now, NULL);
	return rc == 0 ? CDX_E_CORRUPT : rc;
}

void cdx_protection_put(struct cdx_batch *b, const struct cdx_protection *p)
{
	uint8_t key[CDX_PROTECTION_KEY_LEN];
	uint8_t val[CDX_PROTECTION_VAL_MAX];
	size_t len = cdx_protection_encode(key, val, p);

	cdx_batch_put(b, CDX_DB_PROTECTION, key, sizeof(key), val, len);
}

void cdx_protection_del(struct cdx_batch *b, const struct cdx_protection *p)
{
	uint8_t key[CDX_PROTECTION_KEY_LEN];

	cdx_put_be64(key, p->base);
	cdx_put_be64(key + 8, p->id);
	cdx_batch_del(b, CDX_DB_PROTECTION, key, sizeof(key));
}

#define PAGE 32u

struct page {
	struct cdx_protection p[PAGE];
	size_t n;
	uint8_t last[CDX_PROTECTION_KEY_LEN];
	bool started;
	bool end;
};

/* The next records, behind the last one; the iterator is closed again. */
static int page_read(struct cdx_store *s, struct page *pg, uint64_t base)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	uint8_t prefix[8];
	int rc;

	pg->n = 0;
	cdx_put_be64(prefix, base);
	rc = cdx_kv_iter_open(s, &it, CDX_DB_PROTECTION, prefix,
			      base != 0 ? sizeof(prefix) : 0,
			      pg->started ? pg->last : NULL,
			      pg->started ? sizeof(pg->last) : 0);
	if (rc < 0)
		return rc;
	while (pg->n < PAGE && (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len != sizeof(pg->last) ||
		    (pg->started &&
		     memcmp(pair.key, pg->last, sizeof(pg->last)) <= 0))
			continue;
		memcpy(pg->last, pair.key, sizeof(pg->last));
		pg->started = true;
		if (cdx_protection_decode(&pg->p[pg->n], &pair) == 0)
			pg->n++;
	}
	pg->end = rc == 0;
	return rc < 0 ? rc : 0;
}

int cdx_protection_list(struct cdx_store *s, uint64_t base,
			cdx_protection_fn *fn, void *arg)
{
	struct page *pg = calloc(1, sizeof(*pg));
	int rc;

	if (pg == NULL)
		return -ENOMEM;
	do {
		rc = page_read(s, pg, base);
		for (size_t i = 0; i < pg->n && rc >= 0; i++)
			rc = fn(arg, &pg->p[i]);
	} while (rc >= 0 && !pg->end);
	free(pg);
	return rc < 0 ? rc : 0;
}

struct others {
	uint64_t id;
	bool any;
	bool busy;
};

static int note_other(void *arg, const struct cdx_protection *p)
{
	struct others *o = arg;

	if (p->id == o->id)
		return 0;
	o->any = true;
	o->busy |= cdx_protection_incomplete(p);
	return 0;
}

int cdx_protection_others(struct cdx_store *s, const struct cdx_protection *p,
			  bool *busy)
{
	struct others o = {.id = p->id};
	int rc;

	rc = cdx_protection_list(s, p->base, note_other, &o);
	if (rc < 0)
		return rc;
	*busy = o.busy;
	return o.any ? 1 : 0;
}

/* ---- the encoded dataset ---- */

const struct cdx_digest cdx_digest_empty = {
	.b = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
	      0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
	      0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

int cdx_protection_leaf(struct cdx_store *s, const struct cdx_protection *p,
			uint64_t index, struct cdx_leaf *out)
{
	if (index >= cdx_protection_total(p))
		return -ENOENT;
	if (index < p->blocks)
		return cdx_leaf_get(s, p->base, (uint32_t)index, out);
	if (index >= cdx_protection_rounded(p))
		return cdx_leaf_get(s, p->id, (uint32_t)index, out);
	memset(out, 0, sizeof(*out));
	out->state = CDX_LEAF_PADDING;
	out->digest = cdx_digest_empty;
	return 0;
}

/* Is it here, but not for this dataset? */
static bool is_foreign(struct cdx_store *s, const struct cdx_protection *p,
		       uint64_t index, const struct cdx_digest *digest)
{
	struct cdx_block_info info;

	return cdx_held_is(p) && cdx_block_info(s, digest, &info) == 0 &&
	       !cdx_held_may_use(s, p, index, digest, &info);
}

static int read_at(struct cdx_store *s, uint8_t *out,
		   const struct cdx_protection *p, uint64_t index, unsigned how)
{
	bool absent = (p->absent >> (index / p->steps) & 1) != 0;
	struct cdx_leaf leaf;
	int rc;

	rc = cdx_protection_leaf(s, p, index, &leaf);
	if (rc == 0 && leaf.state == CDX_LEAF_BURNT)
		rc = -ENODATA;
	if (rc == 0 && absent && is_foreign(s, p, index, &leaf.digest))
		rc = -ENODATA;
	if (rc == 0)
		rc = cdx_block_read_how(s, out, p->block_size, &leaf.digest,
					absent ? how | CDX_BLOCK_QUIET : how);
	if (rc == -ENOENT || (rc == CDX_E_HASH && absent))
		return -ENODATA;
	return rc;
}

static int read_index(struct cdx_store *s, uint8_t *out,
		      const struct cdx_protection *p, uint64_t index,
		      unsigned how)
{
	uint64_t token;
	int rc;

	if (index >= cdx_protection_total(p))
		return -ENODATA;
	if (index >= p->blocks && index < cdx_protection_rounded(p)) {
		memset(out, 0, p->block_size);
		return 0;
	}
	token = cdx_store_read_begin(s);
	rc = read_at(s, out, p, index, how);
	cdx_store_read_end(s, token);
	return rc;
}

int cdx_protection_read(struct cdx_store *s, uint8_t *out,
			const struct cdx_protection *p, uint64_t index)
{
	return read_index(s, out, p, index, 0);
}

int cdx_protection_read_own(struct cdx_store *s, uint8_t *out,
			    const struct cdx_protection *p, uint64_t index)
{
	return read_index(s, out, p, index, CDX_BLOCK_OWN);
}

/* ---- begin ---- */

/* The plain dataset, with the manifest's bytes; caller holds the block lock. */
static int load_plain(struct cdx_store *s, const struct cdx_protection *p,
		      struct cdx_dataset_info *info, struct cdx_buf *manifest)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p->plain);
	int rc;

	rc = cdx_dataset_load(s, &cid, info, manifest);
	if (rc == 0 && info->dropping)
		rc = -ENOENT;
	if (rc < 0)
		return rc;
	if (info->kind != CDX_DATASET_PLAIN || info->dsid != p->base ||
	    info->blocks != p->blocks || info->block_size != p->block_size ||
	    (info->area != 0 && p->block_size != CDX_BLOCK_SIZE))
		return -EINVAL;
	return 0;
}

static int begin_locked(struct cdx_store *s, struct cdx_protection *p,
			struct cdx_batch *b)
{
	struct cdx_buf manifest CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info;
	bool busy = false;
	int rc;

	rc = load_plain(s, p, &info, &manifest);
	if (rc == 0)
		rc = cdx_protection_others(s, p, &busy);
	if (rc >= 0 && busy)
		rc = -EBUSY;
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	p->segment = info.area;
	info.refs |= CDX_REF_PROTECTED;
	cdx_dataset_put(b, &info, manifest.p, manifest.len, false);
	cdx_protection_put(b, p);
	cdx_quota_charge(b, CDX_SHARE_VOLUME, (int64_t)p->charge);
	return cdx_batch_apply(b);
}

/* Makes the parity file and applies the record, all or nothing. */
static int begin_with_file(struct cdx_store *s, struct cdx_protection *p)
{
	const uint64_t bytes = cdx_protection_parity_bytes(p);
	struct cdx_area_info info = {.kind = CDX_AREA_PARITY, .size = bytes};
	struct cdx_batch *b;
	int rc;

	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	if (p->m != 0) {
		rc = cdx_area_create(s, &p->area, CDX_AREA_PARITY, bytes, b);
		if (rc < 0) {
			cdx_batch_drop(b);
			return rc;
		}
		cdx_area_set_info(b, p->area, &info);
	}
	p->id = cdx_area_next_id(s);
	cdx_batch_max(b, CDX_CNT_NEXT_AREA, p->id + 1);
	cdx_block_lock(s);
	rc = begin_locked(s, p, b);
	cdx_block_unlock(s);
	/* what stays after all is removed by the next open */
	if (rc < 0 && p->m != 0 &&
	    cdx_area_file_unlink(cdx_store_areas(s), p->area) < 0)
		cdx_log(cdx_store_log(s), WARN, "store",
			"an unused parity file stays until the next start");
	return rc;
}

static bool fits(const struct cdx_protection *p)
{
	uint64_t slots = (uint64_t)p->k + p->m;

	return p->k != 0 && slots <= CDX_PROTECTION_SLOTS_MAX &&
	       p->block_size != 0 && p->block_size <= CDX_BLOCK_SIZE_MAX &&
	       p->cell_size != 0 && p->block_size % p->cell_size == 0 &&
	       p->blocks != 0 && p->steps == (p->blocks - 1) / p->k + 1 &&
	       p->steps <= UINT32_MAX / slots;
}

int cdx_protection_begin(struct cdx_store *s, struct cdx_protection *p,
			 bool paid)
{
	struct cdx_protection rec = *p;
	int rc;

	if (!fits(p))
		return -EINVAL;
	rec.id = 0;
	rec.state = CDX_PROTECTION_CODING;
	rec.area = 0;
	rec.done = 0;
	rec.absent = 0;
	rec.damaged = 0;
	rec.evicting = 0;
	rec.evicted = 0;
	rec.evict_all = false;
	rec.share = CDX_SHARE_VOLUME;
	rec.sold = 0;
	memset(&rec.protected_, 0, sizeof(rec.protected_));
	memset(&rec.verifiable, 0, sizeof(rec.verifiable));
	rec.charge = paid ? 0 : cdx_protection_parity_bytes(&rec);
	rc = cdx_quota_hold(s, CDX_SHARE_VOLUME, rec.charge, 0);
	if (rc < 0)
		return rc;
	rc = begin_with_file(s, &rec);
	cdx_quota_release(s, CDX_SHARE_VOLUME, rec.charge);
	if (rc == 0)
		*p = rec;
	return rc;
}

/* ---- finish ---- */

/* Does a manifest say what the record says? */
static int check_manifest(const struct cdx_protection *p,
			  const struct cdx_buf *buf, bool verifiable,
			  const struct cdx_digest *tree)
{
	struct cdx_manifest m CDX_CLEANUP(cdx_manifest_free) = {0};
	struct cdx_cid root = cdx_cid_sha256(CDX_CODEC_ROOT, tree);
	int rc;

	rc = cdx_manifest_decode(&m, buf->p, buf->len);
	if (rc < 0)
		return rc;
	if (!m.is_protected || m.is_verifiable != verifiable ||
	    m.erasure.k != p->k || m.erasure.m != p->m ||
	    m.block_size != p->block_size ||
	    cdx_manifest_blocks(&m) != cdx_protection_total(p) ||
	    !cdx_cid_equal(&m.tree, &root))
		return CDX_E_FORMAT;
	return 0;
}

/* Puts one of the two datasets into the batch. */
static int put_dataset(struct cdx_store *s, struct cdx_batch *b,
		       const struct cdx_dataset_info *like,
		       const struct cdx_buf *manifest)
{
	struct cdx_dataset_info info = *like;
	struct cdx_dataset_info old;
	int rc;

	info.cid = cdx_manifest_cid(manifest->p, manifest->len);
	rc = cdx_dataset_load(s, &info.cid, &old, NULL);
	if (rc == 0)
		return -EEXIST;
	if (rc != -ENOENT)
		return rc;
	cdx_dataset_put(b, &info, manifest->p, manifest->len, true);
	return 0;
}

struct finish {
	const struct cdx_buf *protected_;
	const struct cdx_buf *verifiable;
	const struct cdx_digest *tree;
	uint32_t refs;
};

static int put_both(struct cdx_store *s, struct cdx_batch *b,
		    const struct cdx_protection *rec, const struct finish *f)
{
	struct cdx_dataset_info info;
	int rc;

	rc = load_plain(s, rec, &info, NULL);
	if (rc < 0)
		return rc;
	info.tree = cdx_cid_sha256(CDX_CODEC_ROOT, f->tree);
	info.dsid = rec->id;
	info.base = rec->base;
	info.area = 0;
	info.created = cdx_clock_wall_s();
	/* as private as its data, also where it is not the volume's itself */
	info.is_private = !cdx_dataset_is_public(&info);
	info.kind = CDX_DATASET_PROTECTED;
	info.refs = 0;
	rc = put_dataset(s, b, &info, f->protected_);
	if (rc < 0)
		return rc;
	info.kind = CDX_DATASET_VERIFIABLE;
	info.refs = f->refs;
	if (cdx_dataset_is_public(&info))
		cdx_public_mark(b, info.dsid);
	return put_dataset(s, b, &info, f->verifiable);
}

static int finish_locked(struct cdx_store *s, struct cdx_protection *rec,
			 const struct finish *f)
{
	struct cdx_batch *b;
	int rc;

	if (rec->state != CDX_PROTECTION_CODING || rec->done != rec->steps)
		return CDX_E_SEQUENCE;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	rc = put_both(s, b, rec, f);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	rec->state = CDX_PROTECTION_DONE;
	cdx_sha256(&rec->protected_, f->protected_->p, f->protected_->len);
	cdx_sha256(&rec->verifiable, f->verifiable->p, f->verifiable->len);
	cdx_protection_put(b, rec);
	return cdx_batch_apply(b);
}

int cdx_protection_finish(struct cdx_store *s, struct cdx_protection *p,
			  const struct cdx_buf *protected_,
			  const struct cdx_buf *verifiable,
			  const struct cdx_digest *tree, uint32_t refs)
{
	const struct finish f = {protected_, verifiable, tree, refs};
	struct cdx_protection rec;
	int rc;

	rc = check_manifest(p, protected_, false, tree);
	if (rc == 0)
		rc = check_manifest(p, verifiable, true, tree);
	if (rc < 0)
		return rc;
	cdx_block_lock(s);
	rc = cdx_protection_get(s, p->base, p->id, &rec);
	if (rc == 0)
		rc = finish_locked(s, &rec, &f);
	cdx_block_unlock(s);
	if (rc < 0)
		return rc;
	*p = rec;
	/* it is finished whatever comes of this, which a start makes good */
	if (cdx_public_settle(s, rec.id, NULL, NULL) < 0)
		cdx_log(cdx_store_log(s), WARN, "store",
			"parity of a public dataset is not served by its CIDs "
			"until the next start");
	return 0;
}
