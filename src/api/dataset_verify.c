/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>

#include "api/internal.h"
#include "base/err.h"
#include "repair/repair.h"

static json_t *slot_json(const struct cdx_verify_slot *v, uint32_t slot,
			 uint32_t k)
{
	const char *state = "ok";

	if (v->absent)
		state = "absent";
	else if (v->missing > 0 || v->bad > 0 || v->tree_bad)
		state = "damaged";
	return json_pack("{s:i, s:s, s:s, s:I, s:I, s:b}", "slot", (int)slot,
			 "kind", slot < k ? "data" : "parity", "state", state,
			 "missing", (json_int_t)v->missing, "bad",
			 (json_int_t)v->bad, "treeBad", v->tree_bad);
}

static json_t *report_json(const struct cdx_verify_report *r, uint32_t k,
			   const struct cdx_cid *cid)
{
	char text[CDX_CID_TEXT_MAX];
	json_t *slots = json_array();

	for (uint32_t i = 0; i < r->slots && i < CDX_REPAIR_SLOTS_MAX; i++)
		if (json_array_append_new(slots, slot_json(&r->slot[i], i, k)) <
		    0) {
			json_decref(slots);
			return NULL;
		}
	cdx_cid_text(text, cid);
	return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:b, s:b, s:I, s:o}",
			 "result", "verified", "cid", text, "ok",
			 cdx_verify_ok(r), "blocks", (json_int_t)r->blocks,
			 "missing", (json_int_t)r->missing, "bad",
			 (json_int_t)r->bad, "treeBad", r->tree_bad, "rootsBad",
			 r->roots_bad, "parityBad", (json_int_t)r->parity_bad,
			 "slots", slots);
}

/* The protection that says most: one that misses slots, else any */
static int pick(void *arg, const struct cdx_protection *p)
{
	struct cdx_protection *best = arg;

	if (p->state == CDX_PROTECTION_DONE &&
	    (best->k == 0 || (best->absent == 0 && p->absent != 0)))
		*best = *p;
	return 0;
}

/* Of a plain dataset with a protection that one is verified: it has the same
 * blocks and more, and knows which may be away. */
static int choose(struct cdx_store *s, const struct cdx_cid *cid,
		  struct cdx_dataset_info *info, struct cdx_protection *p,
		  struct cdx_cid *what)
{
	int rc = cdx_dataset_info(s, cid, info);

	*what = *cid;
	if (rc < 0)
		return rc;
	if (info->kind != CDX_DATASET_PLAIN)
		return cdx_protection_of(s, info, p);
	rc = cdx_protection_list(s, info->base, pick, p);
	if (rc == 0 && p->k != 0)
		*what = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p->verifiable);
	return rc;
}

void cdx_api_verify(struct cdx_api *api, struct cdx_call *call,
		    const struct cdx_cid *cid)
{
	struct cdx_store *s = api->node->store;
	struct cdx_verify_report r = {0};
	struct cdx_dataset_info info;
	struct cdx_protection p = {0};
	struct cdx_api_work w;
	struct cdx_cid what;
	struct cdx_rebuild o = {
		.pool = api->node->pool,
		.prio = CDX_POOL_WRITE,
		.progress = cdx_api_work_units,
		.cancel = cdx_api_work_cancelled,
		.arg = &w,
	};
	int rc = choose(s, cid, &info, &p, &what);

	if (rc < 0) {
		cdx_api_reply_why(call, rc,
				  rc == -ENOENT
					  ? "there is no such dataset in this "
					    "store"
					  : NULL);
		return;
	}
	cdx_api_work_begin(&w, api, call);
	/* a step of all slots, or a block */
	cdx_api_work_phase(
		&w, (uint64_t)info.block_size * (p.k == 0 ? 1 : p.k + p.m),
		"verifying");
	rc = cdx_verify_dataset(s, &what, &o, &r);
	cdx_api_work_end(&w, rc, NULL, report_json(&r, p.k, &what));
}
