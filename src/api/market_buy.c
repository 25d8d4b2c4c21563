/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>

#include "api/internal.h"
#include "base/err.h"
#include "node/peers.h"
#include "store/public.h"

/* What somebody asks to have stored: of the control socket and of REST */

const char cdx_api_buys_none[] =
	"this process buys no storage (market in section [market] of "
	"codexfs.conf)";

/* A verifiable dataset is bought as it is: what was said must not contradict it */
static int check_code(const struct cdx_api_buy *b,
		      const struct cdx_dataset_info *info,
		      char why[CDX_API_WHY_MAX])
{
	struct cdx_protection p;
	int rc = cdx_protection_of(b->api->node->store, info, &p);

	if (rc < 0 || !b->has_code || (p.k == b->code.k && p.m == b->code.m))
		return rc;
	snprintf(why, CDX_API_WHY_MAX,
		 "it has %u data and %u parity slots already; ask for it "
		 "with these, or name the dataset that it was made of",
		 (unsigned)p.k, (unsigned)p.m);
	return -EINVAL;
}

int cdx_api_buy_prepare(struct cdx_api_buy *b, char why[CDX_API_WHY_MAX])
{
	struct cdx_dataset_info info;
	int rc = cdx_dataset_info(b->api->node->store, &b->cid, &info);

	b->verifiable = rc == 0 && info.kind == CDX_DATASET_VERIFIABLE;
	if (!b->verifiable)
		/* also says what else is wrong */
		return cdx_api_protect_prepare(&b->protect, b->api, &b->cid,
					       &b->code, 0, why);
	if ((info.refs & CDX_REF_VOLUME) != 0) {
		snprintf(why, CDX_API_WHY_MAX,
			 "this is a segment of the volume, which buys for its "
			 "segments itself (market in codexfs.conf)");
		return -EBUSY;
	}
	return check_code(b, &info, why);
}

static int protect(struct cdx_api_buy *b, struct cdx_cid *out,
		   char why[CDX_API_WHY_MAX])
{
	struct cdx_api_protect *p = &b->protect;
	int rc;

	if (b->verifiable) {
		*out = b->cid;
		return 0;
	}
	rc = cdx_api_claim(b->api, p->info.base, why);
	if (rc < 0)
		return rc;
	p->o.cancel = b->cancel;
	p->o.progress = b->progress;
	p->o.arg = b->arg;
	rc = cdx_api_protect_run(p, out, why);
	cdx_api_unclaim(b->api, p->info.base);
	return rc;
}

/* Hosts fetch it from here: it must be found and given to them.  Purchasing makes it
 * public, too, and again where this fails; that it is found does not wait for it. */
static int publish(const struct cdx_api *api, const struct cdx_cid *cid)
{
	struct cdx_peers *p = api->node->peers;

	return p != NULL ? cdx_peers_announce(p, cid, true)
			 : cdx_dataset_publish(api->node->store, cid, true);
}

int cdx_api_buy_run(struct cdx_api_buy *b, struct cdx_b32 *id,
		    char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_node_market *m = b->api->node->market;
	struct cdx_market_parts parts;
	struct cdx_cid cid;
	int rc = protect(b, &cid, why);

	if (rc == 0)
		rc = cdx_node_market_enter(m, &parts, why);
	if (rc < 0)
		return rc;
	if (parts.purchasing == NULL) {
		snprintf(why, CDX_CHAIN_WHY_MAX, "%s", cdx_api_buys_none);
		rc = -ENODATA;
	} else {
		rc = cdx_purchasing_request(parts.purchasing, id, &cid,
					    &b->terms, why);
		/* no bytes are wanting, but tokens */
		if (rc == CDX_E_QUOTA)
			rc = -ENOBUFS;
	}
	cdx_node_market_leave(m);
	/* what is not bought stays private */
	if (rc == 0)
		(void)!publish(b->api, &cid);
	return rc;
}
