/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_PEER_H
#define CDX_DISCOVERY_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/multiaddr.h"
#include "crypto/hash.h"
#include "crypto/secp.h"

/* Who a peer is, and the signed record of where it is (docs/PEERS.md
 * "Identity").  Times are wall seconds.  Thread: safe. */

/* A peer: the compressed public key */
struct cdx_peer_id {
	uint8_t b[33];
};
#define CDX_PEER_ID_TEXT_MAX 64u /* "16Uiu2HA...", with NUL */
void cdx_peer_id_text(char out[CDX_PEER_ID_TEXT_MAX],
		      const struct cdx_peer_id *id);
/* base58btc as above, or a CIDv1 of codec libp2p-key.  CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_peer_id_parse(struct cdx_peer_id *out, const char *text);

/* 8 bytes of a network's name */
struct cdx_network {
	uint8_t b[8];
};
/* @name: "codexfs" is everybody's */
void cdx_network_of(struct cdx_network *out, const char *name);

/* Our own key */
struct cdx_identity {
	struct cdx_seckey key; /* wipe it */
	struct cdx_peer_id id;
	struct cdx_network network;
};
/* The node key of a store.  @store_id: CDX_STORE_ID_LEN = 16 bytes */
CDX_MUST_CHECK int cdx_identity_derive(struct cdx_identity *out,
				       const struct cdx_root *root,
				       const uint8_t store_id[16],
				       const char *network);

#define CDX_PEER_ADDRS_MAX 8u
#define CDX_RECORD_MAX 1024u /* bytes of any envelope */
/* How far clocks may be apart */
#define CDX_RECORD_SKEW_S 600

struct cdx_peer_record {
	struct cdx_peer_id id;
	uint64_t seq;
	int64_t expires;
	struct cdx_network network;
	bool has_tls_key;
	struct cdx_digest tls_key; /* SHA-256 of the SubjectPublicKeyInfo */
	uint32_t n_addrs;
	struct cdx_maddr addr[CDX_PEER_ADDRS_MAX];
};

/* Signs; appended to @out.  @r: id and network are set from @who.
 * -EMSGSIZE longer than CDX_RECORD_MAX; -ENOMEM. */
CDX_MUST_CHECK int cdx_peer_record_sign(struct cdx_buf *out,
					struct cdx_peer_record *r,
					const struct cdx_identity *who);
/**
 * cdx_peer_record_open - check and read a peer record
 *
 * @now: wall seconds
 *
 * CDX_E_FORMAT malformed, or a foreign one without our fields; CDX_E_AUTH the
 * signature; -ESTALE expired; -ENOENT of another network.  Addresses of kinds that
 * we do not know are left out.
 */
CDX_MUST_CHECK int cdx_peer_record_open(struct cdx_peer_record *out,
					const void *in, size_t len,
					const struct cdx_network *network,
					int64_t now);
/* "spr:..." of an envelope; returns new, NULL without memory */
char *cdx_spr_text(const void *envelope, size_t len);
/* The envelope behind it, appended.  CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_spr_parse(struct cdx_buf *out, const char *text);
/* Of any libp2p record, a foreign one too: id and addresses, signature checked */
CDX_MUST_CHECK int cdx_peer_record_foreign(struct cdx_peer_record *out,
					   const void *in, size_t len);

#endif
