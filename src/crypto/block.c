/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/block.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>
#ifdef __aarch64__
#include <sys/auxv.h>
#endif

#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/internal.h"

#define AES_BLOCK 16u
#define CHACHA_BLOCK 64u

_Static_assert(CDX_PAGE_SIZE *CDX_PAGES_PER_BLOCK == CDX_BLOCK_SIZE,
	       "pages of a block");
_Static_assert(CDX_PAGE_SUM_LEN == crypto_shorthash_BYTES, "page sum");
_Static_assert(CDX_KEY_LEN >= crypto_shorthash_KEYBYTES, "page sum key");

static bool cpu_has_aes(void)
{
#ifdef __aarch64__
	/* HWCAP_AES of Linux on arm64 */
	return (getauxval(AT_HWCAP) & (1UL << 3)) != 0;
#else
	(void)cdx_crypto_algs();
	return sodium_runtime_has_aesni() != 0;
#endif
}

enum cdx_block_cipher cdx_block_cipher_best(void)
{
	return cpu_has_aes() ? CDX_CIPHER_AES256_CTR : CDX_CIPHER_XCHACHA20;
}

static EVP_CIPHER_CTX *thread_ctr(void)
{
	struct cdx_crypto_thread *t = cdx_crypto_thread();

	if (!t)
		return NULL;
	if (!t->ctr)
		t->ctr = EVP_CIPHER_CTX_new();
	return t->ctr;
}

static int aes_crypt(uint8_t *out, const struct cdx_key *key, uint64_t index,
		     size_t off, const uint8_t *in, size_t len)
{
	const struct cdx_crypto_algs *algs = cdx_crypto_algs();
	EVP_CIPHER_CTX *ctx = thread_ctr();
	uint8_t iv[AES_BLOCK];
	uint8_t skip[AES_BLOCK] = {0};
	int n;

	if (!ctx)
		return -ENOMEM;
	cdx_put_be64(iv, index);
	cdx_put_be64(iv + 8, off / AES_BLOCK);
	if (!EVP_EncryptInit_ex2(ctx, algs->aes256_ctr, key->b, iv, NULL))
		return -ENOMEM;
	/* The first bytes of a key stream block that @off points into are
	 * used up on nothing.  Lengths are at most CDX_BLOCK_SIZE. */
	if (off % AES_BLOCK &&
	    !EVP_EncryptUpdate(ctx, skip, &n, skip, (int)(off % AES_BLOCK)))
		return -ENOMEM;
	cdx_wipe(skip, sizeof(skip));
	return EVP_EncryptUpdate(ctx, out, &n, in, (int)len) ? 0 : -ENOMEM;
}

static void chacha_crypt(uint8_t *out, const struct cdx_key *key,
			 uint64_t index, size_t off, const uint8_t *in,
			 size_t len)
{
	uint8_t nonce[CDX_NONCE_LEN] = {0};
	uint64_t ic = off / CHACHA_BLOCK;
	size_t skip = off % CHACHA_BLOCK;

	(void)cdx_crypto_algs();
	cdx_put_be64(nonce + 16, index);
	if (skip) {
		uint8_t part[CHACHA_BLOCK] = {0};
		size_t n =
			CHACHA_BLOCK - skip < len ? CHACHA_BLOCK - skip : len;

		memcpy(part + skip, in, n);
		(void)crypto_stream_xchacha20_xor_ic(part, part, skip + n,
						     nonce, ic, key->b);
		memcpy(out, part + skip, n);
		cdx_wipe(part, sizeof(part));
		out += n;
		in += n;
		len -= n;
		ic++;
	}
	if (len)
		(void)crypto_stream_xchacha20_xor_ic(out, in, len, nonce, ic,
						     key->b);
}

int cdx_block_crypt(uint8_t *out, enum cdx_block_cipher cipher,
		    const struct cdx_key *key, uint64_t index, size_t off,
		    const uint8_t *in, size_t len)
{
	if (off > CDX_BLOCK_SIZE || len > CDX_BLOCK_SIZE - off)
		return -EINVAL;
	/* the number may come from a disk, hence no trust in the type */
	if (cipher != CDX_CIPHER_AES256_CTR && cipher != CDX_CIPHER_XCHACHA20)
		return -EINVAL;
	if (!len)
		return 0;
	if (cipher == CDX_CIPHER_AES256_CTR)
		return aes_crypt(out, key, index, off, in, len);
	chacha_crypt(out, key, index, off, in, len);
	return 0;
}

void cdx_block_padding(uint8_t *out, size_t len)
{
	/* the key is used once, so that the nonce may be anything */
	static const uint8_t nonce[CDX_NONCE_LEN];
	struct cdx_key key;

	(void)cdx_crypto_algs();
	cdx_random(&key, sizeof(key));
	(void)crypto_stream_xchacha20(out, len, nonce, key.b);
	cdx_wipe(&key, sizeof(key));
}

/* SipHash is a PRF over strings of different lengths, so the sum of the page
 * and the sum that binds it to its place may share the key. */
void cdx_page_sum(uint8_t out[CDX_PAGE_SUM_LEN], const struct cdx_key *key,
		  uint64_t area, uint64_t page, const uint8_t *in)
{
	uint8_t place[CDX_PAGE_SUM_LEN + 16];

	(void)crypto_shorthash(place, in, CDX_PAGE_SIZE, key->b);
	cdx_put_be64(place + CDX_PAGE_SUM_LEN, area);
	cdx_put_be64(place + CDX_PAGE_SUM_LEN + 8, page);
	(void)crypto_shorthash(out, place, sizeof(place), key->b);
}
