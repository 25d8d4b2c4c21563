/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CRYPTO_AEAD_H
#define CDX_CRYPTO_AEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define CDX_KEY_LEN 32
#define CDX_NONCE_LEN 24
#define CDX_TAG_LEN 16
/* what sealing adds: nonce in front, tag behind */
#define CDX_SEAL_OVERHEAD (CDX_NONCE_LEN + CDX_TAG_LEN)

/* A 32-byte symmetric key; wipe it when it is no longer needed. */
struct cdx_key {
	uint8_t b[CDX_KEY_LEN];
};

/**
 * cdx_seal - XChaCha20-Poly1305 with a fresh random nonce
 *
 * @out: @len + CDX_SEAL_OVERHEAD bytes: nonce, ciphertext, tag; must not
 *       overlap @in
 * @key: 32 bytes, borrowed
 * @in:  @len bytes of plaintext
 * @ad:  @ad_len bytes of associated data (record kind and id)
 *
 * Thread: safe.  Source: design "Data"; docs/FORMATS.md "Sealed values".
 */
void cdx_seal(uint8_t *out, const struct cdx_key *key, const void *in,
	      size_t len, const void *ad, size_t ad_len);

/**
 * cdx_unseal - open what cdx_seal made
 *
 * @out: @len - CDX_SEAL_OVERHEAD bytes; zeroed on failure
 * @in:  @len bytes: nonce, ciphertext, tag
 *
 * Returns the plaintext's length; CDX_E_HASH when it does not verify or is
 * too short.
 */
CDX_MUST_CHECK int cdx_unseal(uint8_t *out, const struct cdx_key *key,
			      const void *in, size_t len, const void *ad,
			      size_t ad_len);

/* The same with a nonce of the caller's, which is not part of @out:
 * @out is @len + CDX_TAG_LEN bytes. */
void cdx_seal_nonce(uint8_t *out, const struct cdx_key *key,
		    const uint8_t nonce[CDX_NONCE_LEN], const void *in,
		    size_t len, const void *ad, size_t ad_len);
CDX_MUST_CHECK int cdx_unseal_nonce(uint8_t *out, const struct cdx_key *key,
				    const uint8_t nonce[CDX_NONCE_LEN],
				    const void *in, size_t len, const void *ad,
				    size_t ad_len);

#endif
