/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "erasure/codec.h"
#include "market/slot_data.h"
#include "market/slot_manifest.h"
#include "slots/builder.h"
#include "store/protection.h"

/* Is a request what it says it is?  The chain knows nothing of the manifest that it
 * names, so whoever posts one may claim anything. */

/* What the circuit takes, whoever made its key (spec/marketplace.md 2.4) */
#define BLOCK_SIZE 65536u

int cdx_slot_manifest_check(struct cdx_geometry *g,
			    const struct cdx_manifest *m,
			    char why[CDX_MARKET_WHY_MAX])
{
	int rc;

	if (!m->is_verifiable) {
		(void)snprintf(why, CDX_MARKET_WHY_MAX,
			       "the manifest names no slots: it is not a "
			       "verifiable one");
		return -EINVAL;
	}
	rc = cdx_geometry_of(g, m, CDX_CELL_SIZE, why);
	if (rc != 0)
		return rc == CDX_E_FORMAT ? -EINVAL : rc;
	if (g->slots > CDX_PROTECTION_SLOTS_MAX) {
		(void)snprintf(why, CDX_MARKET_WHY_MAX,
			       "the dataset has %" PRIu32
			       " slots; at most %u can be kept here",
			       g->slots, CDX_PROTECTION_SLOTS_MAX);
		return -EINVAL;
	}
	if (g->block_size != BLOCK_SIZE || g->cell_size != CDX_CELL_SIZE) {
		(void)snprintf(why, CDX_MARKET_WHY_MAX,
			       "blocks of %" PRIu32
			       " bytes in cells of %" PRIu32
			       " cannot be proven: the circuit takes %u in %u",
			       g->block_size, g->cell_size, BLOCK_SIZE,
			       CDX_CELL_SIZE);
		return -EINVAL;
	}
	rc = cdx_ec_check(m->erasure.codec, g->k, g->m, g->block_size, why);
	if (rc != 0)
		return rc;
	rc = cdx_manifest_check_roots(m, NULL);
	if (rc == -ENOMEM)
		return rc;
	if (rc != 0) {
		(void)snprintf(why, CDX_MARKET_WHY_MAX,
			       "the manifest's slot roots are not those of its "
			       "verification root");
		return -EINVAL;
	}
	return 0;
}

int cdx_slot_manifest_bytes(struct cdx_buf *out, const struct cdx_manifest *m,
			    const struct cdx_cid *cid,
			    char why[CDX_MARKET_WHY_MAX])
{
	size_t from = out->len;
	struct cdx_cid got;
	int rc = cdx_manifest_encode(out, m);

	if (rc != 0)
		return rc;
	got = cdx_manifest_cid(out->p + from, out->len - from);
	if (cdx_cid_equal(&got, cid))
		return 0;
	(void)snprintf(why, CDX_MARKET_WHY_MAX,
		       "the manifest has fields that this version of codexfs "
		       "does not know");
	return -EINVAL;
}

/* The numbers of the ask against those of the dataset */
static int check_ask(const struct cdx_ask *ask, const struct cdx_geometry *g,
		     char why[CDX_MARKET_WHY_MAX])
{
	if (ask->slots != g->slots) {
		(void)snprintf(why, CDX_MARKET_WHY_MAX,
			       "the request is for %" PRIu64
			       " slots, and the dataset has %" PRIu32,
			       ask->slots, g->slots);
		return -EINVAL;
	}
	if (ask->max_slot_loss > g->m) {
		(void)snprintf(
			why, CDX_MARKET_WHY_MAX,
			"the request says that %" PRIu64
			" slots may be lost, and the dataset bears %" PRIu32,
			ask->max_slot_loss, g->m);
		return -EINVAL;
	}
	if (ask->slot_size != g->slot_bytes) {
		(void)snprintf(why, CDX_MARKET_WHY_MAX,
			       "the request is for slots of %" PRIu64
			       " bytes, and the dataset's have %" PRIu64,
			       ask->slot_size, g->slot_bytes);
		return -EINVAL;
	}
	return 0;
}

static int check_root(const struct cdx_storage_request *r,
		      const struct cdx_manifest *m,
		      char why[CDX_MARKET_WHY_MAX])
{
	struct cdx_fr root;
	uint8_t bytes[CDX_FR_BYTES];
	int rc = cdx_root_from_cid(&root, &m->verification.verify_root);

	if (rc == 0) {
		cdx_fr_to_bytes(bytes, &root);
		if (memcmp(bytes, r->merkle_root.b, sizeof(bytes)) == 0)
			return 0;
	}
	(void)snprintf(why, CDX_MARKET_WHY_MAX,
		       "the request's merkle root is not the verification root "
		       "of the dataset: no proof of it would be taken");
	return -EINVAL;
}

static int check_all(const struct cdx_storage_request *r,
		     const struct cdx_manifest *m, const struct cdx_cid *cid,
		     char why[CDX_MARKET_WHY_MAX])
{
	struct cdx_buf CDX_CLEANUP(cdx_buf_free) bytes = {0};
	struct cdx_geometry g;
	int rc = cdx_slot_manifest_check(&g, m, why);

	if (rc == 0)
		rc = check_ask(&r->ask, &g, why);
	if (rc == 0)
		rc = check_root(r, m, why);
	if (rc == 0)
		rc = cdx_slot_manifest_bytes(&bytes, m, cid, why);
	return rc;
}

static int content_cid(struct cdx_cid *out, const struct cdx_storage_request *r,
		       char why[CDX_MARKET_WHY_MAX])
{
	if (r->cid_len <= sizeof(r->cid) &&
	    cdx_cid_decode(out, r->cid, r->cid_len) == 0 && out->version == 1 &&
	    out->codec == CDX_CODEC_MANIFEST &&
	    out->mhash == CDX_MHASH_SHA256 && out->len == 32)
		return 0;
	(void)snprintf(why, CDX_MARKET_WHY_MAX,
		       "the request's content is not the CID of a manifest");
	return -EINVAL;
}

int cdx_slot_check(const struct cdx_market_env *env,
		   const struct cdx_storage_request *r,
		   struct cdx_cid *manifest, const struct cdx_slot_run *run,
		   char why[CDX_MARKET_WHY_MAX])
{
	struct cdx_reader *rd;
	struct cdx_cid cid;
	int rc;

	why[0] = '\0';
	rc = content_cid(&cid, r, why);
	if (rc != 0)
		return rc;
	rc = cdx_exchange_open_wait(env->exchange, &rd, &cid, false,
				    run->stall_ms, run->cancel, run->arg, why);
	/* what it says is wrong about it stays so */
	if (rc == CDX_E_FORMAT || rc == CDX_E_PROOF)
		return -EINVAL;
	if (rc != 0)
		return rc;
	rc = check_all(r, cdx_reader_manifest(rd), &cid, why);
	cdx_reader_put(rd);
	if (rc == 0)
		*manifest = cid;
	return rc;
}
