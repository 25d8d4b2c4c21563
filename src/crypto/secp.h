/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CRYPTO_SECP_H
#define CDX_CRYPTO_SECP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/keys.h"

/* secp256k1 as Ethereum and libp2p use it, over libsecp256k1.  Thread: safe. */

/* A secret key: a number in [1, n), big endian.  Wipe it. */
struct cdx_seckey {
	uint8_t b[32];
};

/* An account: the last 20 bytes of the Keccak-256 of the public key */
struct cdx_addr {
	uint8_t b[20];
};

/* A signature with which the signer can be found */
struct cdx_secp_sig {
	uint8_t r[32];	/* big endian */
	uint8_t s[32];	/* not above n / 2 */
	uint8_t parity; /* of R's y: 0 or 1 */
};

/* 0, or CDX_E_FORMAT when it is not in [1, n) */
CDX_MUST_CHECK int cdx_seckey_check(const struct cdx_seckey *k);
/* A fresh key from the kernel's generator */
void cdx_seckey_random(struct cdx_seckey *out);
/* The account of a key that cdx_seckey_check takes */
CDX_MUST_CHECK int cdx_seckey_addr(struct cdx_addr *out,
				   const struct cdx_seckey *k);
/* Deterministic (RFC 6979).  CDX_E_FORMAT for a key that is none. */
CDX_MUST_CHECK int cdx_secp_sign(struct cdx_secp_sig *out,
				 const struct cdx_seckey *k,
				 const uint8_t hash[32]);
/* Who signed.  CDX_E_AUTH when nobody can have; a high s is refused. */
CDX_MUST_CHECK int cdx_secp_recover(struct cdx_addr *out,
				    const struct cdx_secp_sig *sig,
				    const uint8_t hash[32]);

/* A public key: 02 or 03, x */
#define CDX_PUBLIC_LEN 33u
/* The public key of a secret one.  CDX_E_FORMAT for a key that is none. */
CDX_MUST_CHECK int cdx_seckey_public(uint8_t out[CDX_PUBLIC_LEN],
				     const struct cdx_seckey *k);
/* 0, or CDX_E_FORMAT when it is no point of the curve */
CDX_MUST_CHECK int cdx_public_check(const uint8_t key[CDX_PUBLIC_LEN]);

/* A signature without a way back to its signer, DER, as libp2p has it: one
 * encoding, low s */
#define CDX_DER_SIG_MAX 72u
/* Deterministic.  Returns the length, or CDX_E_FORMAT for a key that is none. */
CDX_MUST_CHECK int cdx_der_sign(uint8_t out[CDX_DER_SIG_MAX],
				const struct cdx_seckey *k,
				const uint8_t hash[32]);
/* CDX_E_AUTH when that key did not sign, for a high s, and for bytes that
 * cdx_der_sign would not have written; CDX_E_FORMAT for a key that is none. */
CDX_MUST_CHECK int cdx_der_verify(const uint8_t *sig, size_t len,
				  const uint8_t key[CDX_PUBLIC_LEN],
				  const uint8_t hash[32]);

/* Room for "0x", 40 digits, NUL */
#define CDX_ADDR_TEXT_MAX 43u
/* With the checksum of EIP-55 in the case of its letters */
void cdx_addr_text(char out[CDX_ADDR_TEXT_MAX], const struct cdx_addr *a);
/* 0x and 40 digits; in mixed case the checksum must be right (CDX_E_HASH).
 * CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_addr_parse(struct cdx_addr *out, const char *text);

/**
 * cdx_hd_account - a chain account of the words
 *
 * @index: i of m/44'/60'/0'/0/i: 2v is volume v's client, 2v + 1 its provider
 *
 * The 24 words of @root, an empty passphrase: BIP-39, BIP-32, BIP-44, so that
 * a wallet that imports the words shows the same accounts.  -ERANGE for
 * @index >= 2^31; CDX_E_FORMAT when the derivation has no key (chance 2^-127);
 * -ENOMEM.
 */
CDX_MUST_CHECK int cdx_hd_account(struct cdx_seckey *out,
				  const struct cdx_root *root, uint32_t index);

#endif
