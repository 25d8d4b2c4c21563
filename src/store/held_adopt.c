/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/held.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "crypto/block.h"
#include "store/area_internal.h"
#include "store/block_set.h"
#include "store/dataset_internal.h"
#include "store/held_internal.h"
#include "store/protection_internal.h"
#include "store/records.h"

/* ---- a dataset ---- */

/* The numbers of a verifiable manifest as a record whose slots are all absent.
 * -EINVAL: no protection can have them. */
static int record_of(struct cdx_protection *p, const struct cdx_manifest *m)
{
	uint64_t size = cdx_manifest_file_size(m);
	uint64_t slots = (uint64_t)m->erasure.k + m->erasure.m;

	memset(p, 0, sizeof(*p));
	if (!m->is_verifiable || m->block_size != CDX_BLOCK_SIZE || size == 0 ||
	    m->erasure.k == 0 || slots > CDX_PROTECTION_SLOTS_MAX ||
	    m->verification.cell_size == 0 ||
	    m->block_size % m->verification.cell_size != 0)
		return -EINVAL;
	p->state = CDX_PROTECTION_DONE;
	p->share = CDX_SHARE_PROVIDER;
	p->k = m->erasure.k;
	p->m = m->erasure.m;
	p->codec = p->m != 0 ? m->erasure.codec : 0;
	p->block_size = m->block_size;
	p->cell_size = m->verification.cell_size;
	p->blocks = (size - 1) / m->block_size + 1;
	p->steps = (p->blocks - 1) / p->k + 1;
	p->done = p->steps;
	p->absent = (uint32_t)((UINT64_C(1) << slots) - 1);
	if (p->steps > UINT32_MAX / slots ||
	    cdx_protection_total(p) != cdx_manifest_blocks(m))
		return -EINVAL;
	return 0;
}

/* A dataset of this name that is here already.  -ENOENT; -EBUSY it goes. */
static int here(struct cdx_store *s, const struct cdx_cid *cid,
		struct cdx_protection *out)
{
	struct cdx_dataset_info info;
	int rc;

	rc = cdx_dataset_load(s, cid, &info, NULL);
	if (rc < 0)
		return rc;
	if (info.dropping)
		return -EBUSY;
	if (info.kind != CDX_DATASET_VERIFIABLE)
		return -EINVAL;
	return cdx_protection_of(s, &info, out);
}

static void put_rows(struct cdx_batch *b, const struct cdx_protection *p,
		     const struct cdx_cid *cid, const struct cdx_manifest *m,
		     const struct cdx_buf *bytes)
{
	const struct cdx_dataset_info info = {
		.cid = *cid,
		.tree = m->tree,
		.kind = CDX_DATASET_VERIFIABLE,
		.dsid = p->id,
		.base = p->base,
		.size = cdx_manifest_file_size(m),
		.blocks = p->blocks,
		.block_size = p->block_size,
		.refs = CDX_REF_HELD,
		.created = cdx_clock_wall_s(),
	};

	cdx_protection_put(b, p);
	cdx_dataset_put(b, &info, bytes->p, bytes->len, true);
}

/* Both files, and the ids */
static int make_files(struct cdx_store *s, struct cdx_protection *p,
		      struct cdx_batch *b)
{
	int rc;

	rc = cdx_area_create_sparse(s, &p->segment, CDX_AREA_SEGMENT,
				    p->blocks * CDX_BLOCK_SIZE, b);
	if (rc == 0 && p->m != 0)
		rc = cdx_area_create_sparse(s, &p->area, CDX_AREA_PARITY,
					    cdx_protection_parity_bytes(p), b);
	if (rc < 0)
		return rc;
	p->base = cdx_area_next_id(s);
	p->id = cdx_area_next_id(s);
	cdx_batch_max(b, CDX_CNT_NEXT_AREA,
		      (p->id > p->base ? p->id : p->base) + 1);
	return 0;
}

/* What stays after all is removed by the next open. */
static void remove_files(struct cdx_store *s, const struct cdx_protection *p)
{
	struct cdx_areas *a = cdx_store_areas(s);

	if ((p->segment != 0 && cdx_area_file_unlink(a, p->segment) < 0) ||
	    (p->area != 0 && cdx_area_file_unlink(a, p->area) < 0))
		cdx_log(cdx_store_log(s), WARN, "store",
			"an unused data file stays until the next start");
}

static int adopt(struct cdx_store *s, const struct cdx_cid *cid,
		 const struct cdx_manifest *m, const struct cdx_buf *bytes,
		 struct cdx_protection *p)
{
	struct cdx_protection other;
	struct cdx_batch *b;
	int rc;

	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	rc = make_files(s, p, b);
	if (rc < 0) {
		cdx_batch_drop(b);
		remove_files(s, p);
		return rc;
	}
	memcpy(p->verifiable.b, cid->digest, sizeof(p->verifiable.b));
	cdx_block_lock(s);
	/* somebody else may have been faster */
	rc = here(s, cid, &other);
	if (rc == -ENOENT) {
		put_rows(b, p, cid, m, bytes);
		rc = cdx_batch_apply(b);
		cdx_block_unlock(s);
		if (rc < 0)
			remove_files(s, p);
		return rc;
	}
	cdx_block_unlock(s);
	cdx_batch_drop(b);
	remove_files(s, p);
	if (rc == 0)
		*p = other;
	return rc;
}

int cdx_held_adopt(struct cdx_store *s, const struct cdx_cid *cid,
		   const void *manifest, size_t len, struct cdx_protection *out)
{
	struct cdx_manifest m CDX_CLEANUP(cdx_manifest_free) = {0};
	struct cdx_buf bytes CDX_CLEANUP(cdx_buf_free) = {0};
	const struct cdx_cid name = cdx_manifest_cid(manifest, len);
	struct cdx_protection p;
	int rc;

	if (!cdx_cid_equal(&name, cid))
		return -EINVAL;
	rc = cdx_manifest_decode(&m, manifest, len);
	if (rc == 0)
		rc = record_of(&p, &m);
	if (rc < 0)
		return rc == -ENOMEM ? rc : -EINVAL;
	rc = here(s, cid, out);
	if (rc != -ENOENT)
		return rc;
	cdx_buf_put(&bytes, manifest, len);
	rc = cdx_buf_ok(&bytes);
	if (rc == 0)
		rc = adopt(s, cid, &m, &bytes, &p);
	if (rc == 0)
		*out = p;
	return rc;
}

/* ---- leaves ---- */

/* One leaf of a slot, unless it is here */
static int put_leaf(struct cdx_store *s, struct cdx_block_set *set,
		    const struct cdx_protection *p, uint64_t index,
		    const struct cdx_digest *digest)
{
	struct cdx_leaf leaf = {.state = CDX_LEAF_DATA, .digest = *digest};
	struct cdx_leaf old;
	int rc;

	if (index >= p->blocks && index < cdx_protection_rounded(p))
		return memcmp(digest, &cdx_digest_empty, sizeof(*digest)) == 0
			       ? 0
			       : CDX_E_FORMAT;
	rc = cdx_protection_leaf(s, p, index, &old);
	if (rc == 0)
		return memcmp(digest, &old.digest, sizeof(*digest)) == 0
			       ? 0
			       : CDX_E_CORRUPT;
	if (rc == -ENOENT)
		rc = cdx_block_set_name(set, digest, p->block_size);
	if (rc < 0)
		return rc;
	cdx_leaf_put(cdx_block_set_batch(set), cdx_held_leaf_id(p, index),
		     (uint32_t)index, &leaf);
	return 0;
}

static int put_leaves(struct cdx_store *s, const struct cdx_protection *p,
		      uint64_t first, uint64_t end,
		      const struct cdx_tree_page *page)
{
	struct cdx_block_set *set CDX_CLEANUP(cdx_block_set_dropp) = NULL;
	uint64_t at = (uint64_t)page->page * CDX_TREE_PAGE;
	uint8_t val[CDX_HELD_PAGE_VAL_MAX];
	uint8_t key[CDX_HELD_PAGE_KEY_LEN];
	struct cdx_block_set *ready;
	size_t len;
	int rc;

	rc = cdx_block_set_begin(&set, s);
	for (uint64_t i = first; rc == 0 && i < end; i++)
		rc = put_leaf(s, set, p, i, &page->leaf[i - at]);
	if (rc < 0)
		return rc;
	len = cdx_held_page_encode(key, val, p->id, page);
	cdx_batch_put(cdx_block_set_batch(set), CDX_DB_HELD_PAGE, key,
		      sizeof(key), val, len);
	ready = set;
	set = NULL;
	return cdx_block_set_apply(ready);
}

/* Do its numbers say that it is one of this tree? */
static bool page_fits(const struct cdx_protection *p,
		      const struct cdx_tree_page *page)
{
	uint64_t total = cdx_protection_total(p);

	return page->leaves == total && page->n != 0 &&
	       page->n == cdx_tree_page_leaves(total, page->page) &&
	       page->path_len == cdx_tree_page_depth(total);
}

int cdx_held_leaves(struct cdx_store *s, const struct cdx_protection *p,
		    uint32_t slot, const struct cdx_tree_page *page)
{
	struct cdx_areas *a = cdx_store_areas(s);
	uint64_t first = (uint64_t)page->page * CDX_TREE_PAGE;
	uint64_t end = first + page->n;
	struct cdx_protection rec;
	int rc;

	if (!cdx_held_is(p))
		return 0;
	if (slot >= p->k + p->m || !page_fits(p, page))
		return -EINVAL;
	if (first < slot * p->steps)
		first = slot * p->steps;
	if (end > (slot + 1) * p->steps)
		end = (slot + 1) * p->steps;
	if (first >= end)
		return 0;
	/* a release of this slot that is under way comes first */
	(void)pthread_mutex_lock(&a->drop_mu);
	rc = cdx_protection_get(s, p->base, p->id, &rec);
	if (rc == 0 && rec.state != CDX_PROTECTION_DONE)
		rc = -ENOENT;
	if (rc == 0)
		rc = put_leaves(s, &rec, first, end, page);
	(void)pthread_mutex_unlock(&a->drop_mu);
	return rc;
}
