/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "protect/slot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "merkle/poseidon2_tree.h"
#include "slots/builder.h"

/* Rows of one batch: half a megabyte */
#define BATCH_ROWS 32u

struct only {
	struct cdx_protection p;
	unsigned n;
};

static int count_done(void *arg, const struct cdx_protection *p)
{
	struct only *v = arg;

	if (p->state == CDX_PROTECTION_DONE) {
		v->p = *p;
		v->n++;
	}
	return 0;
}

/* The protection that @cid means */
static int find(struct cdx_slots *sl, struct cdx_store *s,
		const struct cdx_cid *cid)
{
	struct only v = {.n = 0};
	struct cdx_cid verifiable;
	int rc;

	rc = cdx_dataset_info(s, cid, &sl->info);
	if (rc < 0)
		return rc;
	if (sl->info.kind != CDX_DATASET_PLAIN) {
		rc = cdx_protection_of(s, &sl->info, &sl->rec);
	} else {
		rc = cdx_protection_list(s, sl->info.base, count_done, &v);
		if (rc == 0 && v.n != 1)
			return -EINVAL;
		sl->rec = v.p;
	}
	if (rc < 0)
		return rc == -ENOENT ? CDX_E_CORRUPT : rc;
	if (sl->rec.state != CDX_PROTECTION_DONE)
		return -ENOENT;
	if (sl->info.kind == CDX_DATASET_VERIFIABLE)
		return 0;
	verifiable = cdx_cid_sha256(CDX_CODEC_MANIFEST, &sl->rec.verifiable);
	return cdx_dataset_info(s, &verifiable, &sl->info);
}

/* The record and the manifest are two accounts of the same thing. */
static bool agree(const struct cdx_slots *sl)
{
	const struct cdx_protection *p = &sl->rec;
	const struct cdx_geometry *g = &sl->g;

	return p->k == g->k && p->m == g->m && p->blocks == g->blocks &&
	       p->steps == g->steps && p->block_size == g->block_size &&
	       p->cell_size == g->cell_size &&
	       p->codec == sl->manifest.erasure.codec;
}

static int read_manifest(struct cdx_slots *sl, struct cdx_store *s)
{
	struct cdx_buf buf CDX_CLEANUP(cdx_buf_free) = {0};
	char why[CDX_SLOTS_WHY_MAX];
	int rc;

	rc = cdx_dataset_manifest(s, &sl->info.cid, &buf);
	if (rc < 0)
		return rc;
	rc = cdx_manifest_decode(&sl->manifest, buf.p, buf.len);
	if (rc < 0)
		return rc == -ENOMEM ? rc : CDX_E_CORRUPT;
	if (!sl->manifest.is_verifiable ||
	    cdx_geometry_of(&sl->g, &sl->manifest, 0, why) < 0 || !agree(sl))
		return CDX_E_CORRUPT;
	sl->roots = calloc(CDX_SLOTS_MAX, sizeof(*sl->roots));
	if (!sl->roots)
		return -ENOMEM;
	rc = cdx_manifest_check_roots(&sl->manifest, sl->roots);
	return rc < 0 && rc != -ENOMEM ? CDX_E_CORRUPT : rc;
}

int cdx_slots_open(struct cdx_slots *out, struct cdx_store *s,
		   const struct cdx_cid *cid)
{
	struct cdx_slots sl = {0};
	int rc;

	rc = find(&sl, s, cid);
	if (rc == 0)
		rc = read_manifest(&sl, s);
	if (rc < 0) {
		cdx_slots_free(&sl);
		return rc;
	}
	*out = sl;
	return 0;
}

void cdx_slots_free(struct cdx_slots *sl)
{
	cdx_manifest_free(&sl->manifest);
	free(sl->roots);
	memset(sl, 0, sizeof(*sl));
}

int cdx_slots_node(struct cdx_store *s, const struct cdx_slots *sl,
		   uint32_t slot, unsigned layer, uint64_t i,
		   struct cdx_fr *out)
{
	uint8_t bytes[CDX_FR_BYTES];
	int rc;

	rc = cdx_slot_node_get(s, sl->rec.id, slot, layer, i, bytes);
	if (rc < 0)
		return rc == -ENOENT ? CDX_E_CORRUPT : rc;
	return cdx_fr_from_bytes(out, bytes) < 0 ? CDX_E_CORRUPT : 0;
}

/* ---- writing a tree ---- */

struct writer {
	struct cdx_store *s;
	struct cdx_batch *b;
	unsigned rows;
	uint8_t *row;
};

static int put_row(struct writer *w, uint64_t id, uint32_t slot, unsigned layer,
		   uint32_t chunk, const struct cdx_fr *nodes, size_t n)
{
	int rc = 0;

	if (!w->b)
		rc = cdx_batch_new(&w->b, w->s);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		cdx_fr_to_bytes(w->row + i * CDX_FR_BYTES, &nodes[i]);
	cdx_slot_nodes_put(w->b, id, slot, layer, chunk, w->row, n);
	if (++w->rows < BATCH_ROWS)
		return 0;
	rc = cdx_batch_apply(w->b);
	w->b = NULL;
	w->rows = 0;
	return rc;
}

static int put_layer(struct writer *w, uint64_t id, uint32_t slot,
		     unsigned layer, const struct cdx_fr *nodes, uint64_t width)
{
	int rc = 0;

	for (uint64_t i = 0; i < width && rc == 0; i += CDX_NODES_A_ROW) {
		uint64_t n = width - i;

		if (n > CDX_NODES_A_ROW)
			n = CDX_NODES_A_ROW;
		rc = put_row(w, id, slot, layer,
			     (uint32_t)(i / CDX_NODES_A_ROW), nodes + i,
			     (size_t)n);
	}
	return rc;
}

int cdx_slots_put_tree(struct cdx_store *s, uint64_t id, uint32_t slot,
		       const struct cdx_geometry *g, const struct cdx_fr *nodes)
{
	struct writer w = {.s = s};
	unsigned depth = cdx_p2tree_depth(g->slot_blocks);
	int rc = 0;

	w.row = malloc((size_t)CDX_NODES_A_ROW * CDX_FR_BYTES);
	if (!w.row)
		return -ENOMEM;
	for (unsigned layer = 0; layer <= depth && rc == 0; layer++) {
		uint64_t width = cdx_p2tree_width(g->slot_blocks, layer);

		rc = put_layer(&w, id, slot, layer, nodes, width);
		nodes += width;
	}
	if (rc == 0 && w.b) {
		rc = cdx_batch_apply(w.b);
		w.b = NULL;
	}
	cdx_batch_drop(w.b);
	free(w.row);
	return rc;
}
