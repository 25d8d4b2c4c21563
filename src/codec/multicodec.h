/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEC_MULTICODEC_H
#define CDX_CODEC_MULTICODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/**
 * cdx_multicodec_is_content - may a CID have this content codec?
 *
 * @code: multicodec number
 *
 * True for what libp2p's content table lists and for Codex's six
 * (spec/datasets.md 1.2, 1.3).  Thread: safe.
 */
bool cdx_multicodec_is_content(uint64_t code);

/**
 * cdx_multicodec_digest_len - length of a hash function's digests
 *
 * @code: multicodec number
 *
 * Returns the bytes of a digest, 0 for identity, which has no fixed length.
 * Errors: CDX_E_CODEC neither libp2p nor Codex has registered this hash.
 * Thread: safe.
 */
CDX_MUST_CHECK int cdx_multicodec_digest_len(uint64_t code);

#endif
