/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/aead.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/internal.h"

_Static_assert(CDX_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	       "key length");
_Static_assert(CDX_NONCE_LEN == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	       "nonce length");
_Static_assert(CDX_TAG_LEN == crypto_aead_xchacha20poly1305_ietf_ABYTES,
	       "tag length");

void cdx_seal_nonce(uint8_t *out, const struct cdx_key *key,
		    const uint8_t nonce[CDX_NONCE_LEN], const void *in,
		    size_t len, const void *ad, size_t ad_len)
{
	(void)cdx_crypto_algs();
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
		out, NULL, in, len, ad, ad_len, NULL, nonce, key->b);
}

int cdx_unseal_nonce(uint8_t *out, const struct cdx_key *key,
		     const uint8_t nonce[CDX_NONCE_LEN], const void *in,
		     size_t len, const void *ad, size_t ad_len)
{
	if (len < CDX_TAG_LEN)
		return CDX_E_HASH;
	/* what the return value can say */
	if (len - CDX_TAG_LEN > INT_MAX)
		return -EFBIG;
	(void)cdx_crypto_algs();
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		    out, NULL, NULL, in, len, ad, ad_len, nonce, key->b) != 0) {
		if (len > CDX_TAG_LEN)
			memset(out, 0, len - CDX_TAG_LEN);
		return CDX_E_HASH;
	}
	return (int)(len - CDX_TAG_LEN);
}

void cdx_seal(uint8_t *out, const struct cdx_key *key, const void *in,
	      size_t len, const void *ad, size_t ad_len)
{
	cdx_random(out, CDX_NONCE_LEN);
	cdx_seal_nonce(out + CDX_NONCE_LEN, key, out, in, len, ad, ad_len);
}

int cdx_unseal(uint8_t *out, const struct cdx_key *key, const void *in,
	       size_t len, const void *ad, size_t ad_len)
{
	const uint8_t *p = in;

	if (len < CDX_SEAL_OVERHEAD)
		return CDX_E_HASH;
	return cdx_unseal_nonce(out, key, p, p + CDX_NONCE_LEN,
				len - CDX_NONCE_LEN, ad, ad_len);
}
