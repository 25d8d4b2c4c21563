/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/held.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "store/held_internal.h"
#include "store/protection_internal.h"
#include "store/public.h"
#include "store/records.h"

bool cdx_held_is(const struct cdx_protection *p)
{
	return p->share == CDX_SHARE_PROVIDER;
}

bool cdx_held_whole(const struct cdx_protection *p, uint32_t slot)
{
	return p->state == CDX_PROTECTION_DONE && slot < p->k + p->m &&
	       ((p->absent | p->damaged) >> slot & 1) == 0;
}

bool cdx_held_may_use(struct cdx_store *s, const struct cdx_protection *p,
		      uint64_t index, const struct cdx_digest *digest,
		      const struct cdx_block_info *info)
{
	if (!cdx_held_is(p) || (p->absent >> (index / p->steps) & 1) == 0)
		return true;
	for (uint32_t i = 0; i < info->locs; i++)
		if (info->loc[i].area == p->segment ||
		    (p->area != 0 && info->loc[i].area == p->area))
			return true;
	return cdx_public_block(s, digest);
}

/* ---- leaves ---- */

uint64_t cdx_held_leaf_id(const struct cdx_protection *p, uint64_t index)
{
	return index < p->blocks ? p->base : p->id;
}

/* Leaves in a range, counted up to @most */
static int count_leaves(struct cdx_store *s, const struct cdx_protection *p,
			uint64_t first, uint64_t n, uint64_t most,
			uint64_t *out)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	uint8_t from[CDX_LEAF_KEY_LEN];
	int rc;

	*out = 0;
	if (n == 0)
		return 0;
	cdx_put_be64(from, cdx_held_leaf_id(p, first));
	cdx_put_be32(from + 8, (uint32_t)first);
	rc = cdx_kv_iter_open(s, &it, CDX_DB_LEAF, from, 8, from, sizeof(from));
	while (rc >= 0 && *out < most) {
		rc = cdx_kv_iter_next(it, &pair);
		if (rc <= 0 || pair.key_len != sizeof(from) ||
		    cdx_get_be32(pair.key + 8) >= first + n)
			break;
		(*out)++;
	}
	return rc < 0 ? rc : 0;
}

int cdx_held_any_leaf(struct cdx_store *s, const struct cdx_protection *p,
		      uint64_t first, uint64_t n)
{
	uint64_t found;
	int rc = count_leaves(s, p, first, n, 1, &found);

	return rc < 0 ? rc : found != 0;
}

int cdx_held_has_leaves(struct cdx_store *s, const struct cdx_protection *p,
			uint32_t slot, bool *out)
{
	uint64_t n;
	uint64_t found;
	int rc;

	if (slot >= p->k + p->m)
		return -EINVAL;
	n = cdx_protection_slot_blocks(p, slot);
	rc = count_leaves(s, p, slot * p->steps, n, n, &found);
	*out = rc == 0 && found == n;
	return rc;
}

/* ---- pages ---- */

int cdx_held_page(struct cdx_store *s, const struct cdx_dataset_info *info,
		  uint32_t page, struct cdx_tree_page *out)
{
	uint8_t val[CDX_HELD_PAGE_VAL_MAX];
	uint8_t key[CDX_HELD_PAGE_KEY_LEN];
	struct cdx_protection p;
	struct cdx_digest root;
	int rc;

	rc = cdx_protection_of(s, info, &p);
	if (rc < 0)
		return rc;
	if (!cdx_held_is(&p) || info->tree.len != sizeof(root.b))
		return -ENOENT;
	cdx_put_be64(key, p.id);
	cdx_put_be32(key + 8, page);
	rc = cdx_kv_get(s, CDX_DB_HELD_PAGE, key, sizeof(key), val,
			sizeof(val));
	if (rc < 0)
		return rc == -ENOBUFS ? CDX_E_CORRUPT : rc;
	out->leaves = cdx_protection_total(&p);
	out->page = page;
	rc = cdx_held_page_decode(out, val, (size_t)rc);
	if (rc < 0)
		return rc;
	/* others would take a false one for a lie */
	memcpy(root.b, info->tree.digest, sizeof(root.b));
	return cdx_tree_page_verify(out, &root) == 0 ? 0 : CDX_E_CORRUPT;
}

/* ---- begin ---- */

/* 1: it is whole, and marked now. */
static int sell_whole(struct cdx_store *s, struct cdx_protection *p,
		      uint32_t slot)
{
	struct cdx_batch *b;
	int rc;

	if (p->state != CDX_PROTECTION_DONE)
		return -EBUSY;
	if (!cdx_held_whole(p, slot))
		return 0;
	if ((p->sold >> slot & 1) != 0)
		return 1;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	p->sold |= 1u << slot;
	cdx_protection_put(b, p);
	rc = cdx_batch_apply(b);
	return rc < 0 ? rc : 1;
}

int cdx_held_begin(struct cdx_store *s, struct cdx_protection *p, uint32_t slot,
		   const struct cdx_rider *also)
{
	const struct cdx_slot_sale sale = {.also = also};
	struct cdx_protection rec;
	int rc;

	if (slot >= p->k + p->m)
		return -EINVAL;
	cdx_block_lock(s);
	rc = cdx_protection_get(s, p->base, p->id, &rec);
	if (rc == 0)
		rc = sell_whole(s, &rec, slot);
	cdx_block_unlock(s);
	if (rc < 0)
		return rc;
	*p = rec;
	return rc == 1 ? 0 : cdx_slot_begin(s, p, slot, &sale);
}
