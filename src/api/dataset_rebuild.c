/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "api/internal.h"
#include "base/err.h"
#include "protect/slot.h"
#include "repair/repair.h"
#include "slots/builder.h"
#include "store/block.h"

/* Where a rebuild takes blocks from that this store has not: a folder of slot
 * files, or another store; or neither. */
struct source {
	struct cdx_slot_dir *dir;
	struct cdx_store *other;
	struct cdx_store *own;
	const struct cdx_slots *sl;
};

/* Blocks are found by their hash, whatever the other store has them for. */
static int from_store(void *arg, uint32_t slot, uint64_t step, uint8_t *out)
{
	struct source *src = arg;
	const struct cdx_slots *sl = src->sl;
	struct cdx_leaf leaf;
	int rc = cdx_protection_leaf(src->own, &sl->rec,
				     cdx_geometry_index(&sl->g, slot, step),
				     &leaf);

	if (rc < 0 || leaf.state == CDX_LEAF_PADDING)
		return -ENODATA;
	rc = cdx_block_read(src->other, out, sl->g.block_size, &leaf.digest);
	return rc < 0 ? -ENODATA : 0;
}

/* Read-only, without its key: all that is committed is there to be read. */
static int open_store(struct source *src, const char *path,
		      const struct cdx_log *log, char why[CDX_API_WHY_MAX])
{
	struct cdx_store_opts o = {.path = path, .log = log, .readonly = true};
	char holder[256] = "another process";
	int rc = cdx_store_open(&src->other, &o, holder, sizeof(holder));

	if (rc == CDX_E_LOCKED)
		snprintf(why, CDX_API_WHY_MAX,
			 "%.200s is in use by %.200s; end that first (codexfs "
			 "umount)",
			 path, holder);
	else if (rc < 0)
		snprintf(why, CDX_API_WHY_MAX, "cannot open store %.256s: %s",
			 path, cdx_strerror(rc));
	if (rc < 0)
		return rc;
	rc = cdx_store_start(src->other, NULL, NULL, NULL, NULL);
	if (rc < 0)
		snprintf(why, CDX_API_WHY_MAX, "cannot read store %.256s: %s",
			 path, cdx_strerror(rc));
	return rc;
}

static bool is_store(const char *path)
{
	char db[4096];
	struct stat st;
	int n = snprintf(db, sizeof(db), "%s/db", path);

	return n > 0 && (size_t)n < sizeof(db) && stat(db, &st) == 0;
}

static int open_source(struct source *src, struct cdx_api *api,
		       const char *path, char why[CDX_API_WHY_MAX])
{
	int rc;

	if (path == NULL)
		return 0;
	if (path[0] != '/') {
		snprintf(why, CDX_API_WHY_MAX,
			 "from is the absolute path of a folder or a store");
		return -EINVAL;
	}
	if (is_store(path))
		return open_store(src, path, api->node->log, why);
	rc = cdx_slot_dir_open(&src->dir, path, &src->sl->g);
	if (rc < 0)
		snprintf(why, CDX_API_WHY_MAX,
			 "%.256s: %s (a folder with files slot-000 and so on, "
			 "or a store)",
			 path, cdx_strerror(rc));
	else if (cdx_slot_dir_have(src->dir) == 0) {
		snprintf(why, CDX_API_WHY_MAX,
			 "%.256s has neither slots of this dataset (files "
			 "slot-000 and so on, of the right size) nor a store",
			 path);
		rc = -ENOENT;
	}
	return rc;
}

static void close_source(struct source *src)
{
	cdx_slot_dir_close(src->dir);
	(void)!cdx_store_close(src->other);
}

static json_t *report_json(uint32_t slot, const struct cdx_rebuild_report *r)
{
	struct cdx_cid root = cdx_slot_root_cid(&r->root);
	char text[CDX_CID_TEXT_MAX];

	cdx_cid_text(text, &root);
	return json_pack("{s:i, s:s, s:I, s:I, s:I, s:o}", "slot", (int)slot,
			 "root", text, "written", (json_int_t)r->blocks, "kept",
			 (json_int_t)r->kept, "bad", (json_int_t)r->bad,
			 "blamed", cdx_api_bits(r->blamed));
}

/* Damage of one slot; the next may be mended all the same */
static bool is_loss(int rc)
{
	return rc == -ENODATA || rc == CDX_E_HASH || rc == CDX_E_PROOF;
}

static int rebuild_one(struct cdx_api_work *w, struct cdx_slots *sl,
		       uint32_t slot, const struct cdx_rebuild *o,
		       json_t *reports, char why[CDX_API_WHY_MAX])
{
	struct cdx_store *s = w->api->node->store;
	char words[CDX_REPAIR_WHY_MAX] = "";
	struct cdx_rebuild_report r;
	int rc;

	cdx_api_work_phase(w, sl->g.block_size, "rebuilding slot %u", slot);
	rc = cdx_rebuild_slot(s, sl, slot, o, &r, words);
	/* of several the first says why */
	if (rc < 0 && words[0] != '\0' && why[0] == '\0')
		snprintf(why, CDX_API_WHY_MAX, "slot %u: %.480s", slot, words);
	if (rc == 0 &&
	    json_array_append_new(reports, report_json(slot, &r)) < 0)
		rc = -ENOMEM;
	if (rc == 0)
		cdx_api_work_line(w, json_pack("{s:o}", "slot",
					       report_json(slot, &r)));
	/* the next one must see that this one is here */
	if (rc == 0)
		rc = cdx_protection_get(s, sl->rec.base, sl->rec.id, &sl->rec);
	return rc;
}

static int rebuild(struct cdx_api_work *w, struct source *src,
		   struct cdx_slots *sl, uint32_t slots, json_t *reports,
		   char why[CDX_API_WHY_MAX])
{
	struct cdx_rebuild o = {
		.pool = w->api->node->pool,
		.prio = CDX_POOL_PROOF,
		.progress = cdx_api_work_units,
		.cancel = cdx_api_work_cancelled,
		.arg = w,
	};
	int lost = 0;
	int rc = 0;

	if (src->dir != NULL) {
		o.source = cdx_slot_dir_read;
		o.source_arg = src->dir;
	} else if (src->other != NULL) {
		o.source = from_store;
		o.source_arg = src;
	}
	for (uint32_t i = 0; i < sl->g.slots && rc == 0; i++) {
		if ((slots >> i & 1) == 0)
			continue;
		rc = rebuild_one(w, sl, i, &o, reports, why);
		if (!is_loss(rc))
			continue;
		if (lost == 0)
			lost = rc;
		rc = 0;
	}
	return rc < 0 ? rc : lost;
}

void cdx_api_rebuild(struct cdx_api *api, struct cdx_call *call,
		     const struct cdx_cid *cid)
{
	char why[CDX_REPAIR_WHY_MAX] = "";
	struct cdx_api_work w;
	struct cdx_slots sl;
	struct source src = {.own = api->node->store, .sl = &sl};
	uint32_t slots;
	int rc = cdx_api_slots_claim(&sl, api, call, cid, &slots, why);

	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	rc = open_source(&src, api, call->param(call, "from"), why);
	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
	} else {
		json_t *reports = json_array();

		cdx_api_work_begin(&w, api, call);
		rc = rebuild(&w, &src, &sl, slots, reports, why);
		cdx_api_work_end(&w, rc, why,
				 json_pack("{s:s, s:o}", "result", "rebuilt",
					   "slots", reports));
	}
	close_source(&src);
	cdx_api_unclaim(api, sl.rec.base);
	cdx_slots_free(&sl);
}
