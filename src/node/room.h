/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_ROOM_H
#define CDX_NODE_ROOM_H

#include <stdint.h>

#include "base/attr.h"
#include "node/chain.h"
#include "store/store.h"

/* The provider's share is as large as what is offered of it: it grows when more is.
 * Thread: safe; one change of offers at a time is the caller's to see to. */

/**
 * cdx_node_room - let the provider's share have bytes that nobody has yet
 *
 * @more: bytes
 * @was:  returns its size before
 *
 * Does nothing when so many are free.  -ENOSPC the disk has not so much left
 * (@why); errors of cdx_store_set_share.
 */
CDX_MUST_CHECK int cdx_node_room(struct cdx_store *s, uint64_t more,
				 uint64_t *was, char why[CDX_CHAIN_WHY_MAX]);
/* What was not offered after all goes back */
void cdx_node_room_undo(struct cdx_store *s, uint64_t was);

#endif
