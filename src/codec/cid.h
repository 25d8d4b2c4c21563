/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEC_CID_H
#define CDX_CODEC_CID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/hash.h"

/* Multicodec numbers (spec/datasets.md 1.2) */
enum cdx_codec {
	CDX_CODEC_MANIFEST = 0xCD01,
	CDX_CODEC_BLOCK = 0xCD02,
	CDX_CODEC_ROOT = 0xCD03,
	CDX_CODEC_SLOT_ROOT = 0xCD04,
	CDX_CODEC_PROVING_ROOT = 0xCD05,
	CDX_CODEC_SLOT_CELL = 0xCD06,
};

enum cdx_mhash {
	CDX_MHASH_IDENTITY = 0x00,
	CDX_MHASH_SHA256 = 0x12,
	CDX_MHASH_SHA512 = 0x13,
	CDX_MHASH_POSEIDON2_SPONGE = 0xCD10,
	CDX_MHASH_POSEIDON2_MERKLE = 0xCD11,
};

#define CDX_CID_DIGEST_MAX 64
/* longest binary form: version 1, codec 5, hash 5, length 1, digest 64 */
#define CDX_CID_BIN_MAX 80
/* longest text form of any CID we write, with NUL */
#define CDX_CID_TEXT_MAX 128

/* A content identifier.  Value type; compare with cdx_cid_equal (version is
 * ignored). */
struct cdx_cid {
	uint8_t version; /* 0 or 1 */
	uint8_t len;	 /* digest bytes */
	uint32_t codec;
	uint32_t mhash;
	uint8_t digest[CDX_CID_DIGEST_MAX];
};

/* CIDv1 with a SHA-256 digest.  Pure. */
CDX_API struct cdx_cid cdx_cid_sha256(enum cdx_codec codec,
				      const struct cdx_digest *digest);
/* CIDv1 of a block's @len bytes (hashes them).  Thread: safe. */
CDX_API struct cdx_cid cdx_cid_block(const void *p, size_t len);
/* The CID of the empty block, which stands for a block of zeros in padding */
CDX_API struct cdx_cid cdx_cid_empty(void);
/* True for that CID and for its twin with SHA-512.  Pure. */
CDX_API bool cdx_cid_is_empty(const struct cdx_cid *cid);
/* Same content codec and multihash; the version does not count.  Pure. */
CDX_API bool cdx_cid_equal(const struct cdx_cid *a, const struct cdx_cid *b);

/* Binary form; returns the length, at most CDX_CID_BIN_MAX.  Pure. */
CDX_API size_t cdx_cid_encode(uint8_t out[CDX_CID_BIN_MAX],
			      const struct cdx_cid *cid);
/**
 * cdx_cid_decode - read a binary CID that fills @len bytes exactly
 *
 * @out: written on success only
 * @in:  @len bytes; borrowed
 *
 * Errors: CDX_E_FORMAT (malformed, bytes left over, a digest of the wrong
 * length, a codec or a hash that neither libp2p's tables nor Codex's have).
 * Thread: safe.  Source: spec/datasets.md 1.2, 1.3.
 */
CDX_API CDX_MUST_CHECK int cdx_cid_decode(struct cdx_cid *out, const void *in,
					  size_t len);
/* Text form: "z" and base58btc (version 0: base58btc alone), ends with NUL */
CDX_API void cdx_cid_text(char out[CDX_CID_TEXT_MAX],
			  const struct cdx_cid *cid);
/**
 * cdx_cid_parse - read the text of a CID
 *
 * @out:  written on success only
 * @text: @len characters of any multibase that cdx_multibase_decode reads, or
 *        CIDv0 "Qm..."; need not end with NUL
 *
 * Errors: CDX_E_FORMAT.  Thread: safe.
 */
CDX_API CDX_MUST_CHECK int cdx_cid_parse(struct cdx_cid *out, const char *text,
					 size_t len);

#endif
