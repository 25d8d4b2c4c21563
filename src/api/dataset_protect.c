/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "base/err.h"

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

int cdx_api_protect_prepare(struct cdx_api_protect *p, struct cdx_api *api,
			    const struct cdx_cid *cid,
			    const struct cdx_api_code *code, uint32_t cell_size,
			    char why[CDX_API_WHY_MAX])
{
	struct cdx_protect_opts *o = &p->o;
	int rc;

	memset(p, 0, sizeof(*p));
	p->api = api;
	p->cid = *cid;
	rc = plain_info(api->node->store, cid, &p->info, why);
	if (rc < 0)
		return rc;
	o->k = code->k;
	o->m = code->m;
	o->codec = code->m == 0 ? 0 : code->codec;
	o->cell_size = cell_size;
	o->refs = CDX_REF_PIN;
	o->pool = api->node->pool;
	o->prio = CDX_POOL_WRITE; /* somebody waits for it */
	return cdx_protect_check(o, p->info.blocks, p->info.block_size, why);
}

/* Bytes of parity */
static uint64_t parity_bytes(const struct cdx_protect_opts *o,
			     const struct cdx_dataset_info *info)
{
	uint64_t steps = (info->blocks + o->k - 1) / o->k;

	return steps * o->m * info->block_size;
}

int cdx_api_protect_run(struct cdx_api_protect *p, struct cdx_cid *out,
			char why[CDX_API_WHY_MAX])
{
	uint64_t room = cdx_api_room(p->api);
	int rc = cdx_protect_run(p->api->node->store, &p->cid, &p->o, out, why);

	if (rc == CDX_E_QUOTA && why[0] == '\0')
		cdx_api_why_quota(why, parity_bytes(&p->o, &p->info), room);
	return rc;
}

static int prepare(struct cdx_api *api, struct cdx_call *call,
		   const struct cdx_cid *cid, struct cdx_api_protect *p,
		   char why[CDX_API_WHY_MAX])
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
	return cdx_api_protect_prepare(p, api, cid, &code, (uint32_t)cell, why);
}

void cdx_api_protect(struct cdx_api *api, struct cdx_call *call,
		     const struct cdx_cid *cid)
{
	char why[CDX_API_WHY_MAX] = "";
	char text[CDX_CID_TEXT_MAX];
	struct cdx_api_protect p;
	struct cdx_api_work w;
	struct cdx_cid out = {0};
	int rc = prepare(api, call, cid, &p, why);

	if (rc == 0)
		rc = cdx_api_claim(api, p.info.base, why);
	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	cdx_api_work_begin(&w, api, call);
	/* data of a step */
	cdx_api_work_phase(&w, (uint64_t)p.o.k * p.info.block_size,
			   "protecting");
	p.o.cancel = cdx_api_work_cancelled;
	p.o.progress = cdx_api_work_units;
	p.o.arg = &w;
	rc = cdx_api_protect_run(&p, &out, why);
	cdx_api_unclaim(api, p.info.base);
	cdx_cid_text(text, &out);
	cdx_api_work_end(&w, rc, why,
			 json_pack("{s:s, s:s}", "result", "protected", "cid",
				   text));
}
