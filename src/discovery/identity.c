/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "codec/multibase.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "discovery/internal.h"
#include "discovery/peer.h"

/* Who we are, and the names of peers and networks */

#define STORE_ID_LEN 16u

/* Identity multihash of the protobuf of a secp256k1 key */
static const uint8_t id_head[] = {0x00, 0x25, 0x08, 0x02, 0x12, 0x21};
_Static_assert(sizeof(id_head) + CDX_PUBLIC_LEN == CDX_PEER_ID_BIN_LEN,
	       "an id is the head and the key");
/* CIDv1 of codec libp2p-key */
static const uint8_t cid_head[] = {0x01, 0x72};

void cdx_peer_id_bin(uint8_t out[CDX_PEER_ID_BIN_LEN],
		     const struct cdx_peer_id *id)
{
	memcpy(out, id_head, sizeof(id_head));
	memcpy(out + sizeof(id_head), id->b, sizeof(id->b));
}

void cdx_peer_id_text(char out[CDX_PEER_ID_TEXT_MAX],
		      const struct cdx_peer_id *id)
{
	uint8_t raw[CDX_PEER_ID_BIN_LEN];

	cdx_peer_id_bin(raw, id);
	/* 39 bytes are at most 54 characters */
	if (cdx_base58_encode(out, CDX_PEER_ID_TEXT_MAX, raw, sizeof(raw)) < 0)
		out[0] = '\0';
}

int cdx_peer_id_parse(struct cdx_peer_id *out, const char *text)
{
	uint8_t raw[CDX_MULTIBASE_BYTES_MAX];
	size_t len = strnlen(text, CDX_MULTIBASE_TEXT_MAX);
	const uint8_t *p = raw;
	ssize_t n = cdx_base58_decode(raw, CDX_PEER_ID_BIN_LEN, text, len);

	if (n != (ssize_t)CDX_PEER_ID_BIN_LEN) {
		n = cdx_multibase_decode(raw, sizeof(raw), text, len);
		if (n != (ssize_t)(sizeof(cid_head) + CDX_PEER_ID_BIN_LEN) ||
		    memcmp(raw, cid_head, sizeof(cid_head)) != 0)
			return CDX_E_FORMAT;
		p += sizeof(cid_head);
	}
	if (memcmp(p, id_head, sizeof(id_head)) != 0 ||
	    cdx_public_check(p + sizeof(id_head)) < 0)
		return CDX_E_FORMAT;
	memcpy(out->b, p + sizeof(id_head), sizeof(out->b));
	return 0;
}

void cdx_network_of(struct cdx_network *out, const char *name)
{
	static const char label[] = "codexfs network v1";
	struct cdx_digest digest;

	cdx_sha256_2(&digest, label, sizeof(label) - 1, name, strlen(name));
	memcpy(out->b, digest.b, sizeof(out->b));
}

int cdx_identity_derive(struct cdx_identity *out, const struct cdx_root *root,
			const uint8_t store_id[16], const char *network)
{
	uint8_t info[STORE_ID_LEN + 1];
	struct cdx_key k;
	int err = CDX_E_FORMAT;

	memcpy(info, store_id, STORE_ID_LEN);
	/* the chance that a round has no key is 2^-127 */
	for (unsigned i = 0; i <= UINT8_MAX && err < 0; i++) {
		info[STORE_ID_LEN] = (uint8_t)i;
		cdx_hkdf(&k, root->b, sizeof(root->b), "codexfs node v1", info,
			 STORE_ID_LEN + (i ? 1 : 0));
		memcpy(out->key.b, k.b, sizeof(out->key.b));
		err = cdx_seckey_public(out->id.b, &out->key);
	}
	cdx_wipe(&k, sizeof(k));
	if (err < 0)
		cdx_wipe(&out->key, sizeof(out->key));
	cdx_network_of(&out->network, network);
	return err;
}
