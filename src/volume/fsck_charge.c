/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "crypto/block.h"
#include "store/dataset_store.h"
#include "store/protection.h"
#include "store/records.h"

/*
 * What datasets that are no segments, and protections, cost the volume's share:
 * counted from their rows.
 */

struct sum {
	struct cdx_volume *v;
	uint64_t bytes;
	uint64_t area; /* the one looked up last */
	bool is_loose;
};

static uint64_t room(uint64_t bytes)
{
	return (bytes + CDX_PAGE_SIZE - 1) / CDX_PAGE_SIZE * CDX_PAGE_SIZE;
}

/* ---- loose blocks, each by itself ---- */

static bool is_loose(struct sum *s, uint64_t area)
{
	struct cdx_area_info info;

	if (s->area != area) {
		s->area = area;
		s->is_loose = cdx_area_info(s->v->store, area, &info) == 0 &&
			      info.kind == CDX_AREA_LOOSE;
	}
	return s->is_loose;
}

static void add_block(struct sum *s, const struct cdx_block_info *info)
{
	for (uint32_t i = 0; i < info->locs; i++) {
		if (is_loose(s, info->loc[i].area))
			s->bytes += cdx_small_charge(s->v, room(info->size));
	}
}

static int add_blocks(struct sum *s)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_block_info info;
	struct cdx_kv_pair pair;
	int r = cdx_kv_iter_open(s->v->store, &it, CDX_DB_BLOCK, NULL, 0, NULL,
				 0);

	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		/* what does not decode the store's check tells */
		if (cdx_block_info_decode(&info, pair.val, pair.val_len) == 0)
			add_block(s, &info);
	}
	return r;
}

/* ---- manifests of what was added ---- */

static int add_manifest(void *arg, const struct cdx_dataset_info *info,
			const struct cdx_manifest *m CDX_UNUSED)
{
	struct sum *s = arg;
	struct cdx_buf buf = {0};
	int r;

	if (info->kind != CDX_DATASET_PLAIN || info->area)
		return 0;
	r = cdx_dataset_manifest(s->v->store, &info->cid, &buf);
	if (r >= 0)
		s->bytes += buf.len;
	cdx_buf_free(&buf);
	return 0;
}

/* ---- protections ---- */

/* What its slot does not cost now: its places, unless they are loose blocks,
 * which are counted one by one */
static uint64_t slot_bytes(const struct cdx_protection *p, uint32_t slot)
{
	if (slot >= p->k)
		return p->steps * room(p->block_size);
	if (!p->segment)
		return 0;
	/* segments have no padding: their blocks are a multiple of k */
	return p->steps * CDX_BLOCK_SIZE;
}

static int add_protection(void *arg, const struct cdx_protection *p)
{
	struct sum *s = arg;

	if (p->share != CDX_SHARE_VOLUME)
		return 0;
	s->bytes += p->charge;
	for (uint32_t i = 0; i < p->k + p->m && i < 32; i++) {
		if ((p->absent & ~p->damaged) >> i & 1)
			s->bytes -= slot_bytes(p, i);
	}
	return 0;
}

int cdx_fsck_charge(struct cdx_volume *v, uint64_t *sum)
{
	struct sum s = {.v = v, .bytes = *sum};
	int r = add_blocks(&s);

	if (r == 0)
		r = cdx_dataset_list(v->store, add_manifest, &s);
	if (r == 0)
		r = cdx_protection_list(v->store, 0, add_protection, &s);
	*sum = s.bytes;
	return r;
}
