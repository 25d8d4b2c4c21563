/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/account.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "eth/account_internal.h"

/* Keystores of version 3.  Source: Ethereum's wiki, "Web3 Secret Storage
 * Definition".  Bounds: docs/FORMATS.md "Chain accounts". */

#define VERSION 3
#define SALT_MAX 64u
#define IV_LEN 16u
/* of the derived key: one half for the cipher, one for the MAC */
#define HALF ((size_t)16)
#define DERIVED_LEN (2 * HALF)
#define ROUNDS_MAX 10000000
#define N_MAX (1 << 20)
/* n r blocks of 128 bytes are 1 GiB */
#define NR_MAX (UINT64_C(1) << 23)
#define RP_MAX 1024
/* time: eight times what the usual n 2^18, r 8, p 1 take */
#define NRP_MAX (UINT64_C(1) << 24)

/* What stands in the file */
struct keystore {
	bool scrypt;	 /* else PBKDF2 */
	uint64_t rounds; /* PBKDF2 */
	uint64_t n;	 /* scrypt, and the next two */
	uint64_t r;
	uint64_t p;
	uint8_t salt[SALT_MAX];
	size_t salt_len;
	uint8_t iv[IV_LEN];
	uint8_t text[sizeof(struct cdx_seckey)]; /* sealed key */
	size_t text_len;
	uint8_t mac[32];
	bool has_addr;
	struct cdx_addr addr;
};

/* ---- reading the JSON */

/* Bytes of a member in hex, with or without 0x: from @min to @max of them.
 * Returns their number, negative when it is not so. */
static ssize_t get_hex(uint8_t *out, size_t min, size_t max, const json_t *in,
		       const char *name)
{
	const char *hex = json_string_value(json_object_get(in, name));
	size_t len;

	if (!hex)
		return CDX_E_FORMAT;
	if (hex[0] == '0' && hex[1] == 'x')
		hex += 2;
	len = strlen(hex) / 2;
	if (len < min || len > max || cdx_unhex(out, len, hex) < 0)
		return CDX_E_FORMAT;
	return (ssize_t)len;
}

static bool get_fixed(uint8_t *out, size_t len, const json_t *in,
		      const char *name)
{
	return get_hex(out, len, len, in, name) >= 0;
}

static bool get_number(uint64_t *out, int64_t max, const json_t *in,
		       const char *name)
{
	const json_t *v = json_object_get(in, name);
	json_int_t number = json_integer_value(v);

	if (!json_is_integer(v) || number < 1 || number > max)
		return false;
	*out = (uint64_t)number;
	return true;
}

static bool is_text(const json_t *in, const char *name, const char *want)
{
	const char *text = json_string_value(json_object_get(in, name));

	return text && strcmp(text, want) == 0;
}

static int get_scrypt(struct keystore *k, const json_t *params,
		      char why[CDX_ACCOUNT_WHY_MAX])
{
	if (!get_number(&k->n, N_MAX, params, "n") ||
	    !get_number(&k->r, RP_MAX, params, "r") ||
	    !get_number(&k->p, RP_MAX, params, "p") || k->n < 2 ||
	    (k->n & (k->n - 1)) || k->n * k->r > NR_MAX ||
	    k->r * k->p > RP_MAX || k->n * k->r * k->p > NRP_MAX)
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "the keystore's scrypt has a cost "
					  "that is none, or out of bounds");
	k->scrypt = true;
	return 0;
}

static int get_pbkdf2(struct keystore *k, const json_t *params,
		      char why[CDX_ACCOUNT_WHY_MAX])
{
	if (!is_text(params, "prf", "hmac-sha256"))
		return cdx_account_refuse(why, CDX_E_CODEC,
					  "the keystore's PBKDF2 is not one of "
					  "HMAC-SHA256");
	if (!get_number(&k->rounds, ROUNDS_MAX, params, "c"))
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "the keystore's PBKDF2 has a count "
					  "that is none, or out of bounds");
	return 0;
}

/* How the password becomes a key */
static int get_derivation(struct keystore *k, const json_t *crypto,
			  char why[CDX_ACCOUNT_WHY_MAX])
{
	const json_t *params = json_object_get(crypto, "kdfparams");
	uint64_t derived;
	ssize_t n;

	/* both derivations give the same first bytes whatever the length */
	if (!get_number(&derived, INT64_MAX, params, "dklen") ||
	    derived < DERIVED_LEN)
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "the keystore's derived key is "
					  "shorter than 32 bytes");
	n = get_hex(k->salt, 1, sizeof(k->salt), params, "salt");
	if (n < 0)
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "the keystore's salt is malformed");
	k->salt_len = (size_t)n;
	if (is_text(crypto, "kdf", "scrypt"))
		return get_scrypt(k, params, why);
	if (is_text(crypto, "kdf", "pbkdf2"))
		return get_pbkdf2(k, params, why);
	return cdx_account_refuse(why, CDX_E_CODEC,
				  "the keystore's derivation is neither scrypt "
				  "nor pbkdf2");
}

static int get_sealed(struct keystore *k, const json_t *crypto,
		      char why[CDX_ACCOUNT_WHY_MAX])
{
	const json_t *params = json_object_get(crypto, "cipherparams");
	ssize_t n;

	if (!is_text(crypto, "cipher", "aes-128-ctr"))
		return cdx_account_refuse(why, CDX_E_CODEC,
					  "the keystore's cipher is not "
					  "aes-128-ctr");
	/* some writers left out zeros in front of a key */
	n = get_hex(k->text, 1, sizeof(k->text), crypto, "ciphertext");
	if (n < 0 || !get_fixed(k->iv, sizeof(k->iv), params, "iv") ||
	    !get_fixed(k->mac, sizeof(k->mac), crypto, "mac"))
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "the keystore's ciphertext, iv or "
					  "mac is malformed");
	k->text_len = (size_t)n;
	return 0;
}

static int get_all(struct keystore *k, const json_t *file,
		   char why[CDX_ACCOUNT_WHY_MAX])
{
	const json_t *version = json_object_get(file, "version");
	const json_t *addr = json_object_get(file, "address");
	const json_t *crypto = json_object_get(file, "crypto");
	int err;

	if (!json_is_integer(version) || json_integer_value(version) != VERSION)
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "it is not a keystore of version 3");
	/* some writers leave it out, for privacy */
	k->has_addr = addr != NULL;
	if (addr && !get_fixed(k->addr.b, sizeof(k->addr.b), file, "address"))
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "the keystore's address is "
					  "malformed");
	/* as the first writers spelled it */
	if (!crypto)
		crypto = json_object_get(file, "Crypto");
	err = get_sealed(k, crypto, why);
	return err ? err : get_derivation(k, crypto, why);
}

static int parse(struct keystore *k, const char *json, size_t len,
		 char why[CDX_ACCOUNT_WHY_MAX])
{
	json_t *file = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	int err;

	if (!file)
		return cdx_account_refuse(why, CDX_E_FORMAT, "it is not JSON");
	err = get_all(k, file, why);
	json_decref(file);
	return err;
}

/* ---- opening */

/* libsodium's scrypt: OpenSSL's refuses n of 2^16 and more with r 1, which the
 * published test vector has. */
static bool scrypt(uint8_t out[DERIVED_LEN], const struct keystore *k,
		   const char *password)
{
	/* picks the fastest code for this CPU; does so once */
	if (sodium_init() < 0)
		return false;
	return crypto_pwhash_scryptsalsa208sha256_ll(
		       (const uint8_t *)password, strlen(password), k->salt,
		       k->salt_len, k->n, (uint32_t)k->r, (uint32_t)k->p, out,
		       DERIVED_LEN) == 0;
}

static bool pbkdf2(uint8_t out[DERIVED_LEN], const struct keystore *k,
		   const char *password)
{
	return PKCS5_PBKDF2_HMAC(password, (int)strlen(password), k->salt,
				 (int)k->salt_len, (int)k->rounds, EVP_sha256(),
				 (int)DERIVED_LEN, out) == 1;
}

static int derive(uint8_t out[DERIVED_LEN], const struct keystore *k,
		  const char *password)
{
	bool ok;

	if (strlen(password) > INT32_MAX)
		return -E2BIG;
	ok = k->scrypt ? scrypt(out, k, password) : pbkdf2(out, k, password);
	/* with a cost in bounds they fail for want of memory only */
	return ok ? 0 : -ENOMEM;
}

static bool mac_fits(const struct keystore *k,
		     const uint8_t derived[DERIVED_LEN])
{
	uint8_t in[HALF + sizeof(k->text)];
	uint8_t mac[sizeof(k->mac)];

	memcpy(in, derived + HALF, HALF);
	memcpy(in + HALF, k->text, k->text_len);
	cdx_keccak256(mac, in, HALF + k->text_len);
	cdx_wipe(in, sizeof(in));
	return CRYPTO_memcmp(mac, k->mac, sizeof(mac)) == 0;
}

/* @out: zeros, the key's place */
static int decrypt(struct cdx_seckey *out, const struct keystore *k,
		   const uint8_t derived[DERIVED_LEN])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t zeros = sizeof(out->b) - k->text_len;
	int len;
	bool ok;

	ok = ctx &&
	     EVP_DecryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, derived, k->iv) &&
	     EVP_DecryptUpdate(ctx, out->b + zeros, &len, k->text,
			       (int)k->text_len);
	/* wipes what it held */
	EVP_CIPHER_CTX_free(ctx);
	return ok ? 0 : -ENOMEM;
}

/* Is it a key, and that of the address which the file names? */
static int check(const struct keystore *k, const struct cdx_seckey *key,
		 char why[CDX_ACCOUNT_WHY_MAX])
{
	struct cdx_addr addr;

	if (cdx_seckey_addr(&addr, key) < 0)
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "the number in the keystore is no "
					  "key of secp256k1");
	if (k->has_addr && memcmp(addr.b, k->addr.b, sizeof(addr.b)) != 0)
		return cdx_account_refuse(why, CDX_E_FORMAT,
					  "the keystore names an address that "
					  "is not its key's");
	return 0;
}

static int open_it(struct cdx_seckey *out, const struct keystore *k,
		   const char *password, char why[CDX_ACCOUNT_WHY_MAX])
{
	uint8_t derived[DERIVED_LEN];
	struct cdx_seckey key = {{0}};
	int err = derive(derived, k, password);

	if (!err && !mac_fits(k, derived))
		err = cdx_account_refuse(why, CDX_E_AUTH,
					 "the password is wrong, or the "
					 "keystore was altered");
	if (!err)
		err = decrypt(&key, k, derived);
	cdx_wipe(derived, sizeof(derived));
	if (!err)
		err = check(k, &key, why);
	if (!err)
		*out = key;
	cdx_wipe(&key, sizeof(key));
	return err;
}

int cdx_keystore_decode(struct cdx_seckey *out, const char *json, size_t len,
			const char *password, char why[CDX_ACCOUNT_WHY_MAX])
{
	struct keystore k = {0};
	int err;

	*why = '\0';
	err = parse(&k, json, len, why);
	if (err)
		return err;
	if (!password)
		return cdx_account_refuse(why, -ENOKEY,
					  "it is a keystore, whose password is "
					  "needed");
	err = open_it(out, &k, password, why);
	if (err && !*why)
		(void)cdx_account_refuse(why, err, cdx_strerror(err));
	return err;
}
