/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codec/multicodec.h"

#include <stddef.h>

#include "base/err.h"

/* The table is sorted runs of numbers, as the public multicodec table has
 * them; a run's digests grow by a fixed step. */
struct content_run {
	uint32_t first;
	uint32_t last;
};

static const struct content_run contents[] = {
	{0x55, 0x55},	  /* raw */
	{0x70, 0x72},	  /* dag-pb, dag-cbor, libp2p-key */
	{0x78, 0x78},	  /* git-raw */
	{0x7B, 0x7C},	  /* torrent-info, torrent-file */
	{0x90, 0x98},	  /* eth-block .. eth-storage-trie */
	{0xB0, 0xB1},	  /* bitcoin-block, bitcoin-tx */
	{0xC0, 0xC1},	  /* zcash-block, zcash-tx */
	{0xD0, 0xD1},	  /* stellar-block, stellar-tx */
	{0xE0, 0xE1},	  /* decred-block, decred-tx */
	{0xED, 0xED},	  /* ed25519-pub */
	{0xF0, 0xF1},	  /* dash-block, dash-tx */
	{0x129, 0x129},	  /* dag-json */
	{0xCD01, 0xCD06}, /* Codex: manifest, block, root, slot root,
			       proving root, slot cell */
};

struct hash_run {
	uint32_t first;
	uint32_t last;
	uint8_t len;  /* digest bytes of the first */
	uint8_t step; /* bytes that each further number adds */
};

static const struct hash_run hashes[] = {
	{0x00, 0x00, 0, 0},	 /* identity */
	{0x11, 0x11, 20, 0},	 /* sha1 */
	{0x12, 0x12, 32, 0},	 /* sha2-256 */
	{0x13, 0x14, 64, 0},	 /* sha2-512, sha3-512 */
	{0x15, 0x15, 48, 0},	 /* sha3-384 */
	{0x16, 0x16, 32, 0},	 /* sha3-256 */
	{0x17, 0x17, 28, 0},	 /* sha3-224 */
	{0x18, 0x18, 32, 0},	 /* shake-128 */
	{0x19, 0x19, 64, 0},	 /* shake-256 */
	{0x1A, 0x1A, 28, 0},	 /* keccak-224 */
	{0x1B, 0x1B, 32, 0},	 /* keccak-256 */
	{0x1C, 0x1C, 48, 0},	 /* keccak-384 */
	{0x1D, 0x1D, 64, 0},	 /* keccak-512 */
	{0x56, 0x56, 32, 0},	 /* dbl-sha2-256 */
	{0xB201, 0xB240, 1, 1},	 /* blake2b-8 .. blake2b-512 */
	{0xB241, 0xB260, 1, 1},	 /* blake2s-8 .. blake2s-256 */
	{0xCD10, 0xCD11, 32, 0}, /* Poseidon2 sponge and merkle */
};

bool cdx_multicodec_is_content(uint64_t code)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(contents); i++)
		if (code >= contents[i].first && code <= contents[i].last)
			return true;
	return false;
}

int cdx_multicodec_digest_len(uint64_t code)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(hashes); i++) {
		const struct hash_run *r = &hashes[i];

		if (code >= r->first && code <= r->last)
			return r->len + (int)(code - r->first) * r->step;
	}
	return CDX_E_CODEC;
}
