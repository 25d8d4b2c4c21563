/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CRYPTO_HASH_H
#define CDX_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* A SHA-256 digest */
struct cdx_digest {
	uint8_t b[32];
};

/* SHA-256 of @len bytes.  Never fails.  Thread: safe. */
void cdx_sha256(struct cdx_digest *out, const void *in, size_t len);

/* SHA-256 of two pieces in a row */
void cdx_sha256_2(struct cdx_digest *out, const void *a, size_t a_len,
		  const void *b, size_t b_len);

/* HMAC-SHA256 */
void cdx_hmac_sha256(struct cdx_digest *out, const void *key, size_t key_len,
		     const void *in, size_t len);

/* Keccak-256 as Ethereum uses it (original padding 0x01) */
void cdx_keccak256(uint8_t out[32], const void *in, size_t len);

/* @len bytes from the kernel's generator.  Never fails (aborts instead). */
void cdx_random(void *out, size_t len);

/* Overwrites memory in a way that the compiler keeps */
void cdx_wipe(void *p, size_t len);

#endif
