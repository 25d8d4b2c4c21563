/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CRYPTO_INTERNAL_H
#define CDX_CRYPTO_INTERNAL_H

/* What the sources of this module, and its tests, share. */

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "base/attr.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "crypto/secp.h"

/* Contexts that one thread reuses; released when it ends. */
struct cdx_crypto_thread {
	EVP_MD_CTX *sha256;
	EVP_CIPHER_CTX *ctr; /* NULL until the first use */
};

/* Algorithms fetched once; immutable. */
struct cdx_crypto_algs {
	EVP_MD *sha256;
	EVP_CIPHER *aes256_ctr;
};

/**
 * cdx_crypto_algs - prepare the libraries and fetch the algorithms
 *
 * Returns a static object, the same every time.  Aborts when the process has
 * no SHA-256 or AES-256-CTR at all.  Thread: safe.
 */
const struct cdx_crypto_algs *cdx_crypto_algs(void);

/**
 * cdx_crypto_thread - contexts of the calling thread
 *
 * Returns an object that stays the thread's; NULL when memory is short.
 * Thread: safe.
 */
struct cdx_crypto_thread *cdx_crypto_thread(void);

/* Bytes to hash */
struct cdx_piece {
	const void *p; /* borrowed; may be NULL when @len is 0 */
	size_t len;
};

/**
 * cdx_sha256_pieces - SHA-256 over pieces in a row
 *
 * @pieces: @n of them
 *
 * Never fails.  Thread: safe.
 */
void cdx_sha256_pieces(struct cdx_digest *out, const struct cdx_piece *pieces,
		       size_t n);

#define CDX_HMAC_PIECES_MAX 4u

/**
 * cdx_hmac_pieces - HMAC-SHA256 over pieces in a row
 *
 * @key:    @key_len bytes, any length
 * @pieces: @n of them, at most CDX_HMAC_PIECES_MAX
 *
 * Never fails.  Thread: safe.  Source: RFC 2104.
 */
void cdx_hmac_pieces(struct cdx_digest *out, const void *key, size_t key_len,
		     const struct cdx_piece *pieces, size_t n);

#define CDX_WORDLIST_LEN 2048u
#define CDX_WORD_MAX 8u

/* BIP-39's English list, ascending */
extern const char cdx_wordlist[CDX_WORDLIST_LEN][CDX_WORD_MAX + 1];

/* Cost of Argon2id */
struct cdx_argon2 {
	uint32_t passes;
	uint64_t mem; /* bytes */
};

/* Places in a key file, docs/FORMATS.md "Key file" */
enum {
	CDX_KEYFILE_AT_VERSION = 8,
	CDX_KEYFILE_AT_KIND = 9,
	CDX_KEYFILE_AT_PASSES = 12,
	CDX_KEYFILE_AT_MEM = 16,
	CDX_KEYFILE_PLAIN_LEN = 80,
	CDX_KEYFILE_SEALED_LEN = 116,
};

/**
 * cdx_keyfile_seal - cdx_keyfile_encode with a password and a given cost
 *
 * @cost: within the bounds that cdx_keyfile_decode accepts
 *
 * Errors: -ENOMEM.
 */
CDX_MUST_CHECK int cdx_keyfile_seal(struct cdx_buf *out,
				    const struct cdx_keyfile *k,
				    const char *password,
				    const struct cdx_argon2 *cost);

/* ---- secp256k1 and derivation of keys; what is secret is wiped by its owner */

/* key + term mod n.  CDX_E_FORMAT, @io clobbered, when @term is not below n or
 * the sum is 0. */
CDX_MUST_CHECK int cdx_seckey_add(struct cdx_seckey *io,
				  const uint8_t term[32]);

#define CDX_HD_SEED_LEN 64u
#define CDX_HD_PASSPHRASE_MAX 64u

/* BIP-39: the seed of words in their usual form (one blank between).  -EINVAL a
 * longer passphrase; -ENOMEM. */
CDX_MUST_CHECK int cdx_hd_seed(uint8_t out[CDX_HD_SEED_LEN], const char *words,
			       const char *passphrase);

/* BIP-32: a private key with its chain code */
struct cdx_hd_node {
	struct cdx_seckey key;
	uint8_t chain[32];
};
/* The master of a seed.  CDX_E_FORMAT the seed has none (chance 2^-127);
 * -ENOMEM; @out is clobbered on failure. */
CDX_MUST_CHECK int cdx_hd_master(struct cdx_hd_node *out, const void *seed,
				 size_t len);
/* From a node to its child; hardened from 2^31 on.  Fails like cdx_hd_master. */
CDX_MUST_CHECK int cdx_hd_child(struct cdx_hd_node *io, uint32_t index);

#endif
