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
 * Blocks of sealed segments that are missing or wrong: from another place of
 * the store, its cache, or made from others of their step.
 */

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

/* From anywhere in the store but its own place, or made; @block is verified */
static int elsewhere(struct cdx_volume *v, uint8_t *block, uint64_t area,
		     uint32_t index)
{
	struct cdx_leaf leaf;
	int r = cdx_leaf_get(v->store, area, index, &leaf);

	if (r == 0)
		r = cdx_block_read_quiet(v->store, block, CDX_BLOCK_SIZE,
					 &leaf.digest);
	if (r == 0 || r == -ENOMEM)
		return r;
	r = cdx_repair_block(v->store, area, index, block, CDX_BLOCK_SIZE);
	if (r == 0)
		atomic_fetch_add(&v->segs->remade, 1);
	return r;
}

int cdx_seg_recover(struct cdx_volume *v, uint8_t *out, uint64_t area,
		    uint32_t index, size_t off, size_t len, int why)
{
	CDX_CLEANUP(cdx_freep) uint8_t *block = NULL;
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
		return 0;
	}
	r = elsewhere(v, block, area, index);
	if (r < 0)
		return r;
	memcpy(out, block + off, len);
	if (!absent && cdx_recovered_tell(v, area, index))
		tell(v, area, index, why);
	/* without memory for it, it is made again the next time */
	(void)!cdx_recovered_keep(v, area, index, block, 0, false);
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
	if (r == 0 || r == -ENOMEM)
		return r;
	return cdx_seg_absent(v, area, index) ? -ENODATA : bad;
}
