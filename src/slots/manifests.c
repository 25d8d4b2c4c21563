/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "slots/builder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "dataset/indexing.h"

/* From plain to protected to verifiable manifests, and back to roots */

static int copy_text(char **out, const char *text)
{
	*out = text ? strdup(text) : NULL;
	return text && !*out ? -ENOMEM : 0;
}

/* Everything but the verification info.  @out is the caller's to free, whatever
 * the result is. */
static int copy_manifest(struct cdx_manifest *out,
			 const struct cdx_manifest *in)
{
	int r;

	*out = *in;
	out->is_verifiable = false;
	memset(&out->verification, 0, sizeof(out->verification));
	out->filename = NULL;
	out->mimetype = NULL;
	r = copy_text(&out->filename, in->filename);
	if (r == 0)
		r = copy_text(&out->mimetype, in->mimetype);
	return r;
}

int cdx_manifest_protect(struct cdx_manifest *out,
			 const struct cdx_manifest *plain,
			 const struct cdx_geometry *g, uint32_t codec,
			 const struct cdx_digest *tree_root)
{
	struct cdx_manifest m;
	int r;

	if (plain->is_protected || plain->block_size != g->block_size ||
	    cdx_manifest_blocks(plain) != g->blocks)
		return -EINVAL;
	r = copy_manifest(&m, plain);
	if (r < 0) {
		cdx_manifest_free(&m);
		return r;
	}
	m.tree = cdx_cid_sha256(CDX_CODEC_ROOT, tree_root);
	m.dataset_size = g->total * g->block_size;
	m.is_protected = true;
	m.erasure = (struct cdx_erasure_info){
		.k = g->k,
		.m = g->m,
		.original_tree = plain->tree,
		.original_size = plain->dataset_size,
		.strategy = CDX_STRATEGY_STEPPED,
		.codec = codec,
	};
	*out = m;
	return 0;
}

/* Does @g belong to the protected manifest @m? */
static bool fits(const struct cdx_manifest *m, const struct cdx_geometry *g)
{
	struct cdx_geometry own;

	return !m->is_verifiable &&
	       cdx_geometry_of(&own, m, g->cell_size, NULL) == 0 &&
	       own.k == g->k && own.m == g->m && own.blocks == g->blocks &&
	       own.block_size == g->block_size;
}

int cdx_manifest_verifiable(struct cdx_manifest *out,
			    const struct cdx_manifest *protected,
			    const struct cdx_geometry *g,
			    const struct cdx_fr *slot_roots)
{
	struct cdx_verification_info *v;
	struct cdx_manifest m;
	struct cdx_fr root;
	int r;

	if (!fits(protected, g))
		return -EINVAL;
	r = copy_manifest(&m, protected);
	v = &m.verification;
	if (r == 0)
		r = cdx_verify_root(&root, slot_roots, g->slots);
	if (r == 0) {
		v->slot_roots = calloc(g->slots, sizeof(*v->slot_roots));
		r = v->slot_roots ? 0 : -ENOMEM;
	}
	if (r < 0) {
		cdx_manifest_free(&m);
		return r;
	}
	m.is_verifiable = true;
	v->verify_root = cdx_verify_root_cid(&root);
	v->cell_size = g->cell_size;
	v->strategy = CDX_STRATEGY_LINEAR;
	v->slots = g->slots;
	for (uint32_t i = 0; i < g->slots; i++)
		v->slot_roots[i] = cdx_slot_root_cid(&slot_roots[i]);
	*out = m;
	return 0;
}

static int root_of_kind(struct cdx_fr *out, const struct cdx_cid *cid,
			enum cdx_codec codec)
{
	if (cid->codec != (uint32_t)codec)
		return CDX_E_CODEC;
	return cdx_root_from_cid(out, cid);
}

int cdx_manifest_check_roots(const struct cdx_manifest *m,
			     struct cdx_fr *slot_roots)
{
	const struct cdx_verification_info *v = &m->verification;
	struct cdx_fr root[CDX_SLOTS_MAX];
	struct cdx_fr want;
	struct cdx_fr got;
	int r;

	if (!m->is_verifiable)
		return -EINVAL;
	if (v->slots == 0 || v->slots > CDX_SLOTS_MAX ||
	    v->slots != (uint64_t)m->erasure.k + m->erasure.m)
		return CDX_E_PROOF;
	for (uint32_t i = 0; i < v->slots; i++) {
		r = root_of_kind(&root[i], &v->slot_roots[i],
				 CDX_CODEC_SLOT_ROOT);
		if (r < 0)
			return r;
	}
	r = root_of_kind(&want, &v->verify_root, CDX_CODEC_PROVING_ROOT);
	if (r == 0)
		r = cdx_verify_root(&got, root, v->slots);
	if (r < 0)
		return r;
	if (!cdx_fr_equal(&want, &got))
		return CDX_E_PROOF;
	if (slot_roots)
		memcpy(slot_roots, root, v->slots * sizeof(root[0]));
	return 0;
}
