/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "api/rest_internal.h"

/* Sales and purchases: Codex's words for a node that has none */

void cdx_rest_market(struct cdx_rest_call *q)
{
	cdx_rest_text(q, 503, "Persistence is not enabled");
}
