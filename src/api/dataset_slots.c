/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "base/err.h"
#include "protect/slot.h"
#include "repair/repair.h"
#include "slots/builder.h"

static int count_done(void *arg, const struct cdx_protection *p)
{
	unsigned *n = arg;

	*n += p->state == CDX_PROTECTION_DONE;
	return 0;
}

/* Why cdx_slots_open said -EINVAL */
static void not_one(struct cdx_store *s, const struct cdx_cid *cid,
		    char why[CDX_API_WHY_MAX])
{
	struct cdx_dataset_info info;
	unsigned n = 0;

	if (cdx_dataset_info(s, cid, &info) == 0)
		(void)!cdx_protection_list(s, info.base, count_done, &n);
	if (n > 1)
		snprintf(why, CDX_API_WHY_MAX,
			 "it is protected in %u ways; name the verifiable "
			 "manifest of one (codexfs dataset show lists them)",
			 n);
	else
		snprintf(why, CDX_API_WHY_MAX,
			 "it is not protected, so it has no slots; see "
			 "codexfs dataset protect");
}

int cdx_api_slots_open(struct cdx_slots *out, struct cdx_store *s,
		       const struct cdx_cid *cid, char why[CDX_API_WHY_MAX])
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = cdx_slots_open(out, s, cid);
	if (rc == -EINVAL)
		not_one(s, cid, why);
	else if (rc == -ENOENT)
		snprintf(why, CDX_API_WHY_MAX,
			 "there is no such dataset in this store");
	if (rc < 0)
		cdx_slots_free(out);
	return rc;
}

int cdx_api_slots_some(struct cdx_slots *sl, struct cdx_api *api,
		       struct cdx_call *call, const struct cdx_cid *cid,
		       bool required, uint32_t *slots,
		       char why[CDX_API_WHY_MAX])
{
	uint32_t all;
	int given = cdx_api_slots(call, "slots", slots);
	int rc;

	if (given < 0 || (required && given == 0)) {
		snprintf(why, CDX_API_WHY_MAX,
			 "which slots?  Whole numbers, from 0");
		return -EINVAL;
	}
	rc = cdx_api_slots_open(sl, api->node->store, cid, why);
	if (rc < 0)
		return rc;
	all = sl->g.slots >= 32 ? UINT32_MAX : (UINT32_C(1) << sl->g.slots) - 1;
	if (given == 0)
		*slots = all;
	if ((*slots & ~all) != 0) {
		snprintf(why, CDX_API_WHY_MAX,
			 "there is no such slot: its %u slots are 0 to %u",
			 sl->g.slots, sl->g.slots - 1);
		cdx_slots_free(sl);
		return -EINVAL;
	}
	return 0;
}

int cdx_api_slots_claim(struct cdx_slots *sl, struct cdx_api *api,
			struct cdx_call *call, const struct cdx_cid *cid,
			uint32_t *slots, char why[CDX_API_WHY_MAX])
{
	int rc = cdx_api_slots_some(sl, api, call, cid, true, slots, why);

	if (rc < 0)
		return rc;
	rc = cdx_api_claim(api, sl->rec.base, why);
	if (rc == 0) {
		/* what it was before the claim may be past */
		rc = cdx_protection_get(api->node->store, sl->rec.base,
					sl->rec.id, &sl->rec);
		if (rc < 0)
			cdx_api_unclaim(api, sl->rec.base);
	}
	if (rc < 0)
		cdx_slots_free(sl);
	return rc;
}

/* ---- list ---- */

static json_t *slot_json(const struct cdx_slots *sl, uint32_t slot)
{
	uint32_t bit = UINT32_C(1) << slot;
	struct cdx_cid root = cdx_slot_root_cid(&sl->roots[slot]);
	uint64_t bytes = sl->g.steps * sl->g.block_size;
	const char *state = "here";
	char text[CDX_CID_TEXT_MAX];

	if ((sl->rec.absent & bit) != 0)
		state = "absent";
	else if ((sl->rec.damaged & bit) != 0)
		state = "damaged";
	cdx_cid_text(text, &root);
	return json_pack("{s:i, s:s, s:s, s:I, s:s, s:b}", "slot", (int)slot,
			 "kind", slot < sl->g.k ? "data" : "parity", "root",
			 text, "bytes", (json_int_t)bytes, "state", state,
			 "sold", (sl->rec.sold & bit) != 0);
}

static json_t *slots_json(const struct cdx_slots *sl, uint32_t slots)
{
	char cid[CDX_CID_TEXT_MAX];
	json_t *list = json_array();

	for (uint32_t i = 0; i < sl->g.slots; i++)
		if ((slots >> i & 1) != 0 &&
		    json_array_append_new(list, slot_json(sl, i)) < 0) {
			json_decref(list);
			return NULL;
		}
	cdx_api_manifest_text(cid, &sl->rec.verifiable);
	return json_pack("{s:s, s:i, s:i, s:o, s:i, s:i, s:I, s:I, s:I, s:o}",
			 "cid", cid, "ecK", (int)sl->g.k, "ecM", (int)sl->g.m,
			 "codec", cdx_api_codec(sl->rec.codec, sl->g.m),
			 "blockSize", (int)sl->g.block_size, "cellSize",
			 (int)sl->g.cell_size, "blocks",
			 (json_int_t)sl->g.steps, "paddedBlocks",
			 (json_int_t)sl->g.slot_blocks, "cells",
			 (json_int_t)sl->g.slot_cells, "slots", list);
}

void cdx_api_slots_list(struct cdx_api *api, struct cdx_call *call,
			const struct cdx_cid *cid)
{
	char why[CDX_API_WHY_MAX] = "";
	struct cdx_slots sl;
	uint32_t slots = 0;
	int rc = cdx_api_slots_some(&sl, api, call, cid, false, &slots, why);

	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	cdx_api_reply_json(call, 200, slots_json(&sl, slots));
	cdx_slots_free(&sl);
}

/* ---- export ---- */

static int export(struct cdx_api_work *w, const struct cdx_slots *sl,
		  uint32_t slots, const char *dir, char why[CDX_API_WHY_MAX])
{
	int rc = 0;

	for (uint32_t i = 0; i < sl->g.slots && rc == 0; i++) {
		if ((slots >> i & 1) == 0)
			continue;
		cdx_api_work_phase(w, sl->g.block_size, "exporting slot %u", i);
		rc = cdx_slot_export(w->api->node->store, sl, i, dir,
				     cdx_api_work_units, w);
		if (rc < 0)
			snprintf(why, CDX_API_WHY_MAX,
				 "slot %u, into %.256s: %s", i, dir,
				 rc == -ENODATA ? "some of its blocks are "
						  "neither here nor to be made "
						  "from others"
						: cdx_strerror(rc));
		if (rc == 0 && cdx_api_work_cancelled(w))
			rc = -ECANCELED;
	}
	return rc;
}

void cdx_api_slots_export(struct cdx_api *api, struct cdx_call *call,
			  const struct cdx_cid *cid)
{
	const char *dir = call->param(call, "dir");
	char why[CDX_API_WHY_MAX] = "";
	struct cdx_api_work w;
	struct cdx_slots sl;
	uint32_t slots = 0;
	uint32_t left = 0;
	int rc;

	if (dir == NULL || dir[0] != '/') {
		cdx_api_reply_why(call, -EINVAL,
				  "dir is the absolute path of a folder");
		return;
	}
	rc = cdx_api_slots_some(&sl, api, call, cid, false, &slots, why);
	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	/* all means all that are here; one that is named is made if need be */
	if (call->param(call, "slots") == NULL)
		left = slots & sl.rec.absent;
	cdx_api_work_begin(&w, api, call);
	rc = export(&w, &sl, slots & ~left, dir, why);
	cdx_slots_free(&sl);
	cdx_api_work_end(&w, rc, why,
			 json_pack("{s:s, s:s, s:o, s:o}", "result", "exported",
				   "dir", dir, "slots",
				   cdx_api_bits(slots & ~left), "leftOut",
				   cdx_api_bits(left)));
}

/* ---- evict ---- */

static unsigned count_bits(uint32_t v)
{
	return (unsigned)__builtin_popcount(v);
}

static bool is_stopping(void *arg)
{
	struct cdx_api *api = arg;

	return atomic_load(&api->stopping);
}

/* The protection that keeps another's data slots from being evicted */
struct other {
	uint64_t id;
	bool found;
	bool done;
	struct cdx_digest verifiable;
};

static int note_other(void *arg, const struct cdx_protection *p)
{
	struct other *o = arg;

	if (p->id == o->id)
		return 0;
	o->found = true;
	o->done = p->state == CDX_PROTECTION_DONE;
	o->verifiable = p->verifiable;
	return o->done ? -ECANCELED : 0;
}

/* Both count on the same data blocks. */
static int refuse_shared(struct cdx_store *s, const struct cdx_slots *sl,
			 char why[CDX_API_WHY_MAX])
{
	struct other o = {.id = sl->rec.id};
	char cid[CDX_CID_TEXT_MAX];
	int rc = cdx_protection_list(s, sl->rec.base, note_other, &o);

	if (!o.found)
		return rc;
	cdx_api_manifest_text(cid, &o.verifiable);
	if (o.done)
		snprintf(why, CDX_API_WHY_MAX,
			 "another protection is on the same data: %s; drop it "
			 "first with codexfs dataset rm",
			 cid);
	else
		snprintf(why, CDX_API_WHY_MAX,
			 "another protection of the same data is being made; "
			 "try again when that has ended");
	return -EBUSY;
}

/* Marks do not tell of bytes that changed by themselves: the other slots are
 * read first. */
static int evict_one(struct cdx_api *api, struct cdx_slots *sl, uint32_t slot,
		     char why[CDX_API_WHY_MAX])
{
	const struct cdx_rebuild o = {
		.pool = api->node->pool,
		.prio = CDX_POOL_PROOF,
		.cancel = is_stopping,
		.arg = api,
	};
	struct cdx_store *s = api->node->store;
	uint32_t off = sl->rec.absent & ~sl->rec.damaged;
	int rc = 0;

	if ((off >> slot & 1) != 0)
		return 0;
	if ((sl->rec.sold >> slot & 1) != 0) {
		snprintf(why, CDX_API_WHY_MAX,
			 "slot %u is sold, and kept until that sale ends "
			 "(codexfs slots)",
			 slot);
		return -EBUSY;
	}
	if (slot < sl->g.k)
		rc = refuse_shared(s, sl, why);
	if (rc == 0)
		rc = cdx_repair_can_spare(s, sl, slot, &o, why);
	if (rc == 0)
		rc = cdx_slot_evict(s, &sl->rec, slot);
	if (rc == 0)
		rc = cdx_protection_get(s, sl->rec.base, sl->rec.id, &sl->rec);
	return rc;
}

static int evict(struct cdx_api *api, struct cdx_slots *sl, uint32_t slots,
		 char why[CDX_API_WHY_MAX])
{
	uint32_t gone = sl->rec.absent | sl->rec.damaged | slots;
	unsigned left = sl->g.slots - count_bits(gone);
	int rc = 0;

	if (left < sl->g.k) {
		snprintf(why, CDX_API_WHY_MAX,
			 "only %u whole slots would be left, and %u are "
			 "needed to make the others again; rebuild some first",
			 left, sl->g.k);
		return -EBUSY;
	}
	for (uint32_t i = 0; i < sl->g.slots && rc == 0; i++) {
		if ((slots >> i & 1) == 0)
			continue;
		rc = evict_one(api, sl, i, why);
		if (rc < 0 && why[0] == '\0')
			snprintf(why, CDX_API_WHY_MAX, "slot %u: %s", i,
				 cdx_strerror(rc));
	}
	return rc;
}

void cdx_api_evict(struct cdx_api *api, struct cdx_call *call,
		   const struct cdx_cid *cid)
{
	char why[CDX_API_WHY_MAX] = "";
	struct cdx_slots sl;
	uint32_t slots;
	int rc = cdx_api_slots_claim(&sl, api, call, cid, &slots, why);

	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	rc = evict(api, &sl, slots, why);
	if (rc < 0)
		cdx_api_reply_why(call, rc, why);
	else
		cdx_api_reply_json(call, 200,
				   json_pack("{s:o, s:o}", "evicted",
					     cdx_api_bits(slots), "absent",
					     cdx_api_bits(sl.rec.absent)));
	cdx_api_unclaim(api, sl.rec.base);
	cdx_slots_free(&sl);
}
