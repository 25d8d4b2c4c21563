/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/secp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/internal.h"

/* From words to keys.  Sources: BIP-39 (seed), BIP-32 (derivation of private
 * keys), BIP-44 and SLIP-44 (path; 60 is Ethereum). */

#define ROUNDS 2048
#define HARDENED 0x80000000u
#define SHA512_LEN 64u

int cdx_hd_seed(uint8_t out[CDX_HD_SEED_LEN], const char *words,
		const char *passphrase)
{
	char salt[CDX_HD_PASSPHRASE_MAX + sizeof("mnemonic")];
	int len = snprintf(salt, sizeof(salt), "mnemonic%s", passphrase);
	int ok;

	if (len < 0 || (size_t)len >= sizeof(salt))
		return -EINVAL;
	ok = PKCS5_PBKDF2_HMAC(words, (int)strlen(words), (uint8_t *)salt, len,
			       ROUNDS, EVP_sha512(), CDX_HD_SEED_LEN, out);
	cdx_wipe(salt, sizeof(salt));
	return ok ? 0 : -ENOMEM;
}

/* HMAC-SHA512 in its two halves, as BIP-32 takes it */
static int halves(uint8_t left[32], uint8_t right[32], const void *key,
		  int key_len, const void *in, size_t len)
{
	uint8_t all[SHA512_LEN];
	unsigned n = 0;
	int err = 0;

	if (HMAC(EVP_sha512(), key, key_len, in, len, all, &n)) {
		memcpy(left, all, 32);
		memcpy(right, all + 32, 32);
	} else {
		err = -ENOMEM;
	}
	cdx_wipe(all, sizeof(all));
	return err;
}

int cdx_hd_master(struct cdx_hd_node *out, const void *seed, size_t len)
{
	static const char key[] = "Bitcoin seed";
	int err = halves(out->key.b, out->chain, key, (int)strlen(key), seed,
			 len);

	return err ? err : cdx_seckey_check(&out->key);
}

int cdx_hd_child(struct cdx_hd_node *io, uint32_t index)
{
	uint8_t in[CDX_PUBLIC_LEN + 4] = {0};
	uint8_t term[32];
	int err = 0;

	if (index >= HARDENED)
		memcpy(in + 1, io->key.b, sizeof(io->key.b));
	else
		err = cdx_seckey_public(in, &io->key);
	cdx_put_be32(in + CDX_PUBLIC_LEN, index);
	if (!err)
		err = halves(term, io->chain, io->chain, sizeof(io->chain), in,
			     sizeof(in));
	if (!err)
		err = cdx_seckey_add(&io->key, term);
	cdx_wipe(in, sizeof(in));
	cdx_wipe(term, sizeof(term));
	return err;
}

int cdx_hd_account(struct cdx_seckey *out, const struct cdx_root *root,
		   uint32_t index)
{
	const uint32_t path[] = {44 | HARDENED, 60 | HARDENED, HARDENED, 0,
				 index};
	uint8_t seed[CDX_HD_SEED_LEN];
	char words[CDX_WORDS_TEXT_MAX];
	struct cdx_hd_node node;
	int err;

	if (index >= HARDENED)
		return -ERANGE;
	cdx_words_encode(words, root);
	err = cdx_hd_seed(seed, words, "");
	if (!err)
		err = cdx_hd_master(&node, seed, sizeof(seed));
	for (size_t i = 0; !err && i < CDX_ARRAY_LEN(path); i++)
		err = cdx_hd_child(&node, path[i]);
	if (!err)
		*out = node.key;
	cdx_wipe(words, sizeof(words));
	cdx_wipe(seed, sizeof(seed));
	cdx_wipe(&node, sizeof(node));
	return err;
}
