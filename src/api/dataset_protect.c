/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>

#include "api/internal.h"
#include "base/err.h"
#include "protect/protect.h"

/* What `dataset protect` needs to know of its dataset; refuses what is none of
 * its business. */
static int plain_info(struct cdx_store *s, const struct cdx_cid *cid,
		      struct cdx_dataset_info *info, char why[CDX_API_WHY_MAX])
{
	struct cdx_protection p;
	char text[CDX_CID_TEXT_MAX];
	int rc = cdx_dataset_info(s, cid, info);

	if (rc == -ENOENT)
		snprintf(why, CDX_API_WHY_MAX,
			 "there is no such dataset in this store");
	if (rc < 0)
		return rc;
	if (info->kind != CDX_DATASET_PLAIN) {
		rc = cdx_protection_of(s, info, &p);
		if (rc < 0)
			return rc;
		cdx_api_manifest_text(text, &p.plain);
		snprintf(why, CDX_API_WHY_MAX,
			 "this is what protecting %s gave; name that one "
			 "instead",
			 text);
		return -EINVAL;
	}
	if ((info->refs & CDX_REF_VOLUME) != 0) {
		snprintf(why, CDX_API_WHY_MAX,
			 "this is a segment of the volume, which protects its "
			 "segments itself (codexfs sync --until=protected "
			 "waits for that)");
		return -EBUSY;
	}
	return 0;
}

static int prepare(struct cdx_api *api, struct cdx_call *call,
		   const struct cdx_cid *cid, struct cdx_protect_opts *o,
		   struct cdx_dataset_info *info, char why[CDX_API_WHY_MAX])
{
	struct cdx_api_code code;
	uint64_t cell = 0;
	int rc = cdx_api_code(api, call, &code, why);

	if (rc < 0)
		return rc;
	if (cdx_api_number(call, "cellSize", 1, CDX_BLOCK_SIZE_MAX, &cell) <
	    0) {
		snprintf(why, CDX_API_WHY_MAX,
			 "a cell has 1 to %u bytes, as a whole number",
			 CDX_BLOCK_SIZE_MAX);
		return -EINVAL;
	}
	rc = plain_info(api->node->store, cid, info, why);
	if (rc < 0)
		return rc;
	o->k = code.k;
	o->m = code.m;
	o->codec = code.m == 0 ? 0 : code.codec;
	o->cell_size = (uint32_t)cell;
	o->refs = CDX_REF_PIN;
	o->pool = api->node->pool;
	o->prio = CDX_POOL_WRITE; /* somebody waits for it */
	return cdx_protect_check(o, info->blocks, info->block_size, why);
}

/* Bytes of parity */
static uint64_t parity_bytes(const struct cdx_protect_opts *o,
			     const struct cdx_dataset_info *info)
{
	uint64_t steps = (info->blocks + o->k - 1) / o->k;

	return steps * o->m * info->block_size;
}

void cdx_api_protect(struct cdx_api *api, struct cdx_call *call,
		     const struct cdx_cid *cid)
{
	char why[CDX_PROTECT_WHY_MAX] = "";
	char text[CDX_CID_TEXT_MAX];
	struct cdx_protect_opts o = {0};
	struct cdx_dataset_info info;
	struct cdx_api_work w;
	struct cdx_cid out = {0};
	uint64_t room = cdx_api_room(api);
	int rc = prepare(api, call, cid, &o, &info, why);

	if (rc == 0)
		rc = cdx_api_claim(api, info.base, why);
	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	cdx_api_work_begin(&w, api, call);
	/* data of a step */
	cdx_api_work_phase(&w, (uint64_t)o.k * info.block_size, "protecting");
	o.cancel = cdx_api_work_cancelled;
	o.progress = cdx_api_work_units;
	o.arg = &w;
	rc = cdx_protect_run(api->node->store, cid, &o, &out, why);
	cdx_api_unclaim(api, info.base);
	if (rc == CDX_E_QUOTA && why[0] == '\0')
		cdx_api_why_quota(why, parity_bytes(&o, &info), room);
	cdx_cid_text(text, &out);
	cdx_api_work_end(&w, rc, why,
			 json_pack("{s:s, s:s}", "result", "protected", "cid",
				   text));
}
