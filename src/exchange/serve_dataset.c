/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "exchange/serve_internal.h"
#include "store/cache.h"
#include "store/held.h"
#include "store/kv.h"
#include "store/protection.h"

/* datasets of one tree that are looked at */
#define OF_TREE_MAX 16u
#define TREE_KEY_LEN 40u
/* blocks of a cached dataset that are counted to say whether it is complete;
 * of a longer one it is not said */
#define COUNT_MAX 8192u

/* ---- which dataset ---- */

static bool may_serve(const struct cdx_dataset_info *info)
{
	return !info->dropping && cdx_dataset_is_public(info);
}

/* Manifests of the datasets with this tree, at most OF_TREE_MAX: their number */
static int list_tree(struct cdx_store *store, struct cdx_digest *out,
		     const struct cdx_digest *tree)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	int n = 0;
	int rc = cdx_kv_iter_open(store, &it, CDX_DB_TREE, tree->b,
				  sizeof(tree->b), NULL, 0);

	if (rc < 0)
		return rc;
	while (n < (int)OF_TREE_MAX && (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len != TREE_KEY_LEN ||
		    pair.val_len != sizeof(out->b))
			continue;
		memcpy(out[n++].b, pair.val, sizeof(out->b));
	}
	return rc < 0 ? rc : n;
}

/* The dataset of the store, the verifiable one of several with this tree.
 * @seen: there is one, which may not be served */
static int find_local(struct cdx_store *store, struct cdx_dataset_info *out,
		      const struct cdx_cid *cid,
		      const struct cdx_digest *digest, bool *seen)
{
	struct cdx_digest of_tree[OF_TREE_MAX];
	struct cdx_dataset_info info;
	int found = -ENOENT;
	int n;

	if (cid->codec == CDX_CODEC_MANIFEST) {
		found = cdx_dataset_info(store, cid, out);
		*seen = found == 0;
		return found == 0 && !may_serve(out) ? -ENOENT : found;
	}
	n = list_tree(store, of_tree, digest);
	for (int i = 0; i < n; i++) {
		struct cdx_cid name =
			cdx_cid_sha256(CDX_CODEC_MANIFEST, &of_tree[i]);

		if (cdx_dataset_info(store, &name, &info) < 0)
			continue;
		*seen = true;
		if (!may_serve(&info) ||
		    (found == 0 && info.kind != CDX_DATASET_VERIFIABLE))
			continue;
		*out = info;
		found = 0;
	}
	return n < 0 ? n : found;
}

/* Takes the manifest apart. */
static int open_bytes(struct cdx_serve_dataset *d)
{
	int rc = cdx_manifest_decode(&d->manifest, d->bytes.p, d->bytes.len);

	if (rc < 0)
		return rc;
	if (d->manifest.tree.len != sizeof(d->tree.b))
		return CDX_E_FORMAT;
	memcpy(d->tree.b, d->manifest.tree.digest, sizeof(d->tree.b));
	d->leaves = cdx_manifest_blocks(&d->manifest);
	d->cid = cdx_manifest_cid(d->bytes.p, d->bytes.len);
	return 0;
}

int cdx_serve_dataset_open(struct cdx_exchange_server *s,
			   struct cdx_serve_dataset *out,
			   const struct cdx_cid *cid)
{
	struct cdx_digest digest;
	bool seen = false;
	int rc;

	memset(out, 0, sizeof(*out));
	if (cid->mhash != CDX_MHASH_SHA256 || cid->len != sizeof(digest.b) ||
	    (cid->codec != CDX_CODEC_MANIFEST && cid->codec != CDX_CODEC_ROOT))
		return -ENOENT;
	memcpy(digest.b, cid->digest, sizeof(digest.b));
	rc = find_local(s->store, &out->info, cid, &digest, &seen);
	out->local = rc == 0;
	if (out->local)
		rc = cdx_dataset_manifest(s->store, &out->info.cid,
					  &out->bytes);
	else if (rc == -ENOENT)
		rc = cdx_cache_get_manifest(s->store, &out->bytes, &digest);
	if (rc >= 0 && out->local && (out->info.refs & CDX_REF_HELD) != 0) {
		rc = cdx_protection_of(s->store, &out->info, &out->rec);
		out->held = rc == 0 && cdx_held_is(&out->rec);
	}
	if (rc >= 0)
		rc = open_bytes(out);
	/* the cache finds by manifest or tree, whatever was meant */
	if (rc == 0 && memcmp(cid->codec == CDX_CODEC_MANIFEST ? out->cid.digest
							       : out->tree.b,
			      digest.b, sizeof(digest.b)) != 0)
		rc = -ENOENT;
	if (rc < 0)
		cdx_serve_dataset_free(out);
	if (rc == -ENOENT && seen)
		atomic_fetch_add_explicit(&s->not_served, 1,
					  memory_order_relaxed);
	return rc;
}

bool cdx_serve_may_give(const struct cdx_serve_dataset *d, uint64_t index)
{
	return !d->held ||
	       cdx_held_whole(&d->rec, (uint32_t)(index / d->rec.steps));
}

static bool any_whole(const struct cdx_serve_dataset *d)
{
	for (uint32_t i = 0; i < d->rec.k + d->rec.m; i++)
		if (cdx_held_whole(&d->rec, i))
			return true;
	return false;
}

void cdx_serve_dataset_free(struct cdx_serve_dataset *d)
{
	cdx_manifest_free(&d->manifest);
	cdx_buf_free(&d->bytes);
}

int cdx_serve_page(struct cdx_exchange_server *s,
		   const struct cdx_serve_dataset *d, uint32_t page,
		   struct cdx_tree_page *out)
{
	if (d->local)
		return cdx_leaf_page(s->pages, &d->info, page, out);
	return cdx_cache_get_page(s->store, out, &d->tree, page);
}

/* ---- what is held of it ---- */

static bool page_is_complete(struct cdx_exchange_server *s,
			     const struct cdx_tree_page *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		if (memcmp(&p->leaf[i], &cdx_digest_empty,
			   sizeof(cdx_digest_empty)) != 0 &&
		    cdx_serve_block_size(s, &p->leaf[i]) < 0)
			return false;
	}
	return true;
}

static bool cached_is_complete(struct cdx_exchange_server *s,
			       const struct cdx_serve_dataset *d)
{
	struct cdx_tree_page *p;
	bool ok = d->leaves <= COUNT_MAX;

	p = ok ? malloc(sizeof(*p)) : NULL;
	if (p == NULL)
		return false;
	for (uint32_t i = 0; ok && i < cdx_tree_pages(d->leaves); i++)
		ok = cdx_serve_page(s, d, i, p) == 0 && page_is_complete(s, p);
	free(p);
	return ok;
}

/* Slots of any protection of a plain dataset whose data is not here */
static int note_absent(void *arg, const struct cdx_protection *p)
{
	uint32_t *absent = arg;

	*absent |= (p->absent | p->damaged) &
		   (uint32_t)((UINT64_C(1) << p->k) - 1);
	return 0;
}

/* Bits of the slots that are not here; -errno */
static int absent_slots(struct cdx_exchange_server *s,
			const struct cdx_serve_dataset *d, uint32_t *absent)
{
	struct cdx_protection p;
	uint32_t bits = 0;
	int rc;

	if (d->info.kind == CDX_DATASET_PLAIN) {
		rc = cdx_protection_list(s->store, d->info.base, note_absent,
					 &bits);
	} else {
		rc = cdx_protection_of(s->store, &d->info, &p);
		if (rc == 0)
			bits = p.absent | p.damaged;
	}
	if (rc == 0)
		*absent = bits;
	return rc;
}

static json_t *held_slots(const struct cdx_serve_dataset *d, uint32_t absent)
{
	uint32_t n = d->manifest.is_protected
			     ? d->manifest.erasure.k + d->manifest.erasure.m
			     : 0;
	json_t *list = json_array();

	for (uint32_t i = 0; i < n && i < CDX_PROTECTION_SLOTS_MAX; i++) {
		if (!(absent >> i & 1) &&
		    json_array_append_new(list, json_integer(i)) < 0)
			break;
	}
	return list;
}

static json_t *describe(struct cdx_exchange_server *s,
			const struct cdx_serve_dataset *d)
{
	char manifest[CDX_CID_TEXT_MAX];
	char tree[CDX_CID_TEXT_MAX];
	uint32_t absent = UINT32_MAX;
	bool complete;

	if (d->local)
		complete = absent_slots(s, d, &absent) == 0 && absent == 0;
	else
		complete = cached_is_complete(s, d);
	/* of a cached one slots are not told apart: all, or blocks of any */
	if (!d->local && complete)
		absent = 0;
	cdx_cid_text(manifest, &d->cid);
	cdx_cid_text(tree, &d->manifest.tree);
	return json_pack("{s:s, s:s, s:I, s:I, s:o, s:b}", "manifest", manifest,
			 "tree", tree, "leaves", (json_int_t)d->leaves,
			 "blockSize", (json_int_t)d->manifest.block_size,
			 "slots", held_slots(d, absent), "complete",
			 (int)complete);
}

/* ---- answers ---- */

static void answer_json(struct cdx_exchange_server *s, struct cdx_web_req *r,
			const struct cdx_serve_dataset *d)
{
	json_t *json = describe(s, d);
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (text == NULL)
		cdx_serve_fail(r, 503, "out of memory\n");
	else if (cdx_serve_set(r, "Cache-Control", "no-cache"))
		cdx_web_reply(r, 200, "application/json", text, strlen(text));
	free(text);
}

static void answer_manifest(struct cdx_web_req *r,
			    const struct cdx_serve_dataset *d)
{
	if (cdx_serve_forever(r, NULL))
		cdx_web_reply(r, 200, "application/octet-stream", d->bytes.p,
			      d->bytes.len);
}

void cdx_serve_of_dataset(struct cdx_exchange_server *s, struct cdx_web_req *r,
			  const struct cdx_serve_request *q)
{
	struct cdx_serve_dataset d;
	int rc = cdx_serve_dataset_open(s, &d, &q->cid);

	if (rc == -ENOENT) {
		cdx_serve_fail(r, 404, "not here\n");
		return;
	}
	if (rc < 0) {
		cdx_serve_fail(r, 503, "the store cannot be read just now\n");
		return;
	}
	if (q->kind == CDX_SERVE_BLOCKS) {
		cdx_serve_blocks(s, r, &d);
		return;
	}
	if (q->kind == CDX_SERVE_MANIFEST)
		answer_manifest(r, &d);
	else if (d.held && !any_whole(&d))
		cdx_serve_fail(r, 404, "not here\n");
	else
		answer_json(s, r, &d);
	cdx_serve_dataset_free(&d);
}
