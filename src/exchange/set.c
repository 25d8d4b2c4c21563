/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "erasure/codec.h"
#include "exchange/internal.h"
#include "slots/builder.h"
#include "store/cache.h"
#include "store/leaf_page.h"
#include "store/protection.h"

/* What a dataset is: its manifest, checked before anything else is asked for. */

static int check_stepped(struct cdx_xset *set, char why[CDX_X_WHY_MAX])
{
	const struct cdx_manifest *m = &set->manifest;
	int rc = cdx_geometry_of(&set->g, m, CDX_CELL_SIZE, why);

	if (rc != 0)
		return rc == -EINVAL ? CDX_E_FORMAT : rc;
	set->stepped = true;
	set->blocks = set->g.blocks;
	/* without its code it is read all the same, while all data is there */
	set->codable = set->g.m > 0 &&
		       cdx_ec_check(m->erasure.codec, set->g.k, set->g.m,
				    m->block_size, NULL) == 0;
	if (!m->is_verifiable)
		return 0;
	rc = cdx_manifest_check_roots(m, NULL);
	if (rc != 0)
		(void)snprintf(why, CDX_X_WHY_MAX,
			       "its slot roots are not those of its "
			       "verification root");
	return rc == -EINVAL ? CDX_E_PROOF : rc;
}

static int check(struct cdx_xset *set, size_t max, char why[CDX_X_WHY_MAX])
{
	const struct cdx_manifest *m = &set->manifest;

	set->leaves = cdx_manifest_blocks(m);
	set->blocks = set->leaves;
	set->size = cdx_manifest_file_size(m);
	if (set->leaves == 0 || set->leaves > UINT32_MAX ||
	    m->tree.mhash != CDX_MHASH_SHA256 || m->tree.len != 32) {
		(void)snprintf(why, CDX_X_WHY_MAX,
			       "the manifest names %" PRIu64
			       " blocks, or no tree of them",
			       set->leaves);
		return CDX_E_FORMAT;
	}
	if (m->block_size > max) {
		(void)snprintf(why, CDX_X_WHY_MAX,
			       "its blocks of %" PRIu32
			       " bytes are more than the memory for them takes",
			       m->block_size);
		return CDX_E_FORMAT;
	}
	memcpy(set->tree.b, m->tree.digest, sizeof(set->tree.b));
	return m->is_protected ? check_stepped(set, why) : 0;
}

int cdx_xset_new(struct cdx_xset **out, const struct cdx_cid *cid,
		 const struct cdx_buf *bytes, size_t max,
		 char why[CDX_X_WHY_MAX])
{
	struct cdx_xset *set;
	struct cdx_cid got = cdx_manifest_cid(bytes->p, bytes->len);
	int rc;

	why[0] = '\0';
	if (!cdx_cid_equal(&got, cid)) {
		(void)snprintf(why, CDX_X_WHY_MAX,
			       "the bytes are not those that the CID names");
		return CDX_E_HASH;
	}
	set = calloc(1, sizeof(*set));
	if (set == NULL)
		return -ENOMEM;
	atomic_init(&set->refs, 1);
	set->cid = *cid;
	rc = cdx_manifest_decode(&set->manifest, bytes->p, bytes->len);
	if (rc == 0)
		rc = check(set, max, why);
	else
		(void)snprintf(why, CDX_X_WHY_MAX, "it is no manifest: %s",
			       cdx_strerror(rc));
	if (rc != 0) {
		cdx_xset_put(set);
		return rc;
	}
	*out = set;
	return 0;
}

struct cdx_xset *cdx_xset_ref(struct cdx_xset *set)
{
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void cdx_xset_put(struct cdx_xset *set)
{
	if (set == NULL || atomic_fetch_sub(&set->refs, 1) != 1)
		return;
	cdx_manifest_free(&set->manifest);
	free(set);
}

int cdx_xset_local(struct cdx_xset **out, struct cdx_store *store,
		   const struct cdx_cid *cid, size_t max,
		   char why[CDX_X_WHY_MAX])
{
	struct cdx_dataset_info info;
	struct cdx_digest digest;
	struct cdx_buf bytes = {0};
	bool own;
	int rc = cdx_dataset_info(store, cid, &info);

	own = rc == 0 && !info.dropping;
	if (own) {
		rc = cdx_dataset_manifest(store, cid, &bytes);
	} else {
		memcpy(digest.b, cid->digest, sizeof(digest.b));
		rc = cdx_cache_get_manifest(store, &bytes, &digest);
	}
	if (rc == 0)
		rc = cdx_buf_ok(&bytes);
	if (rc == 0)
		rc = cdx_xset_new(out, cid, &bytes, max, why);
	/* what the cache has by a tree of this digest, or broken, is not it */
	if (rc == CDX_E_HASH)
		rc = -ENOENT;
	cdx_buf_free(&bytes);
	if (rc != 0)
		return rc;
	(*out)->own = own;
	if (own)
		(*out)->info = info;
	return 0;
}

bool cdx_xset_padding(const struct cdx_xset *set, uint64_t index)
{
	return set->stepped &&
	       cdx_geometry_kind(&set->g, index) == CDX_INDEX_EMPTY;
}

/* Is the block here, without reading it? */
static bool here(struct cdx_store *store, const struct cdx_digest *digest)
{
	struct cdx_block_info info;

	if (memcmp(digest, &cdx_digest_empty, sizeof(*digest)) == 0)
		return true;
	if (cdx_block_info(store, digest, &info) == 0 && info.locs > 0)
		return true;
	return cdx_cache_block_size(store, digest) >= 0;
}

unsigned cdx_xset_missing(const struct cdx_xset *set, struct cdx_store *store,
			  uint32_t page, uint64_t end,
			  uint64_t missing[CDX_TREE_PAGE / 64])
{
	uint64_t first = (uint64_t)page * CDX_TREE_PAGE;
	struct cdx_tree_page *p = NULL;
	unsigned n = 0;

	memset(missing, 0, CDX_TREE_PAGE / 8);
	if (!set->own) {
		p = malloc(sizeof(*p));
		if (p != NULL &&
		    cdx_cache_get_page(store, p, &set->tree, page) != 0) {
			free(p);
			p = NULL;
		}
	}
	for (unsigned i = 0; i < CDX_TREE_PAGE && first + i < end; i++) {
		struct cdx_digest leaf;
		bool known = p != NULL;

		if (cdx_xset_padding(set, first + i))
			continue;
		if (known)
			leaf = p->leaf[i];
		else if (set->own)
			known = cdx_dataset_leaf(store, &set->info, first + i,
						 &leaf) == 0;
		if (known && here(store, &leaf))
			continue;
		missing[i / 64] |= UINT64_C(1) << (i % 64);
		n++;
	}
	free(p);
	return n;
}
