/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_INTERNAL_H
#define CDX_DISCOVERY_INTERNAL_H

/* What the sources of this module share. */

#include <stdint.h>

#include "discovery/peer.h"

/* A peer id as bytes: an identity multihash */
#define CDX_PEER_ID_BIN_LEN 39u
void cdx_peer_id_bin(uint8_t out[CDX_PEER_ID_BIN_LEN],
		     const struct cdx_peer_id *id);

#endif
