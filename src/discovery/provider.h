/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_PROVIDER_H
#define CDX_DISCOVERY_PROVIDER_H

#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/cid.h"
#include "discovery/peer.h"

/* Who holds what of a dataset: the record that is put into the DHT
 * (docs/PEERS.md "Provider record").  Thread: safe. */

enum cdx_holding {
	CDX_HOLDS_ALL = 1,
	CDX_HOLDS_SLOTS = 2,
	CDX_HOLDS_SOME = 3,
	CDX_HOLDS_NOTHING = 4, /* not any more */
};
/* Slots, bit i of byte i / 8; as many as a manifest may have */
struct cdx_slot_set {
	uint8_t b[32];
};

struct cdx_provider_record {
	struct cdx_peer_id id; /* who signed */
	struct cdx_network network;
	struct cdx_digest key; /* cdx_provider_key */
	uint64_t seq;
	int64_t expires; /* wall seconds */
	enum cdx_holding holding;
	struct cdx_slot_set slots;
	bool has_tls_key;
	struct cdx_digest tls_key;
	uint32_t n_addrs;
	struct cdx_maddr addr[CDX_PEER_ADDRS_MAX];
};

/* Under which a dataset is announced: SHA-256 of the binary CID */
void cdx_provider_key(struct cdx_digest *out, const struct cdx_cid *cid);
/* Signs; appended.  id and network are set from @who.  -EMSGSIZE; -ENOMEM. */
CDX_MUST_CHECK int cdx_provider_sign(struct cdx_buf *out,
				     struct cdx_provider_record *r,
				     const struct cdx_identity *who);
/* As cdx_peer_record_open; also -EINVAL when it is for another key than @key.
 * What expires more than an hour from @now is CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_provider_open(struct cdx_provider_record *out,
				     const void *in, size_t len,
				     const struct cdx_network *network,
				     const struct cdx_digest *key, int64_t now);

#endif
