/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/room.h"

#include <errno.h>
#include <stdio.h>

#include "store/quota.h"

int cdx_node_room(struct cdx_store *s, uint64_t more, uint64_t *was,
		  char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_space sp;
	uint64_t taken;

	cdx_quota_space(s, CDX_SHARE_PROVIDER, &sp);
	taken = sp.used + sp.reserved + sp.held;
	*was = sp.limit;
	if (more > sp.disk_free) {
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "the disk of %s has %llu bytes left, and %llu more "
			 "are to be offered; free space there, or offer less",
			 cdx_store_path(s), (unsigned long long)sp.disk_free,
			 (unsigned long long)more);
		return -ENOSPC;
	}
	if (taken <= sp.limit && sp.limit - taken >= more)
		return 0;
	return cdx_store_set_share(s, CDX_SHARE_PROVIDER, taken + more);
}

void cdx_node_room_undo(struct cdx_store *s, uint64_t was)
{
	struct cdx_space sp;

	cdx_quota_space(s, CDX_SHARE_PROVIDER, &sp);
	if (sp.limit > was)
		(void)!cdx_store_set_share(s, CDX_SHARE_PROVIDER, was);
}
