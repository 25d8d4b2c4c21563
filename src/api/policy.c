/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "base/err.h"
#include "crypto/block.h"
#include "erasure/codec.h"

static void reply_policy(struct cdx_api *api, struct cdx_call *call)
{
	uint32_t k;
	uint32_t m;
	uint32_t codec;

	cdx_store_code(api->node->store, &k, &m, &codec);
	cdx_api_reply_json(call, 200,
			   json_pack("{s:i, s:i, s:o}", "ecK", (int)k, "ecM",
				     (int)m, "codec", cdx_api_codec(codec, 1)));
}

static int set(struct cdx_api *api, struct cdx_call *call,
	       char why[CDX_API_WHY_MAX])
{
	struct cdx_api_code code;
	int rc = cdx_api_code(api, call, &code, why);

	if (rc == 0)
		rc = cdx_ec_check(code.codec, code.k, code.m, CDX_BLOCK_SIZE,
				  why);
	if (rc == 0)
		rc = cdx_vol_set_code(api->node->volume, code.k, code.m,
				      code.codec);
	return rc;
}

void cdx_api_policy(struct cdx_api *api, struct cdx_call *call)
{
	char why[CDX_API_WHY_MAX] = "";
	int rc = -ENOENT;

	if (strcmp(call->method, "GET") == 0)
		rc = 0;
	else if (strcmp(call->method, "POST") == 0)
		rc = set(api, call, why);
	if (rc < 0)
		cdx_api_reply_why(call, rc, why);
	else
		reply_policy(api, call);
}
