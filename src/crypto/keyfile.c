/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/keys.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/internal.h"

#define VERSION 1u
#define MAGIC_LEN 8u
#define RESERVED_LEN 2u
#define SALT_LEN crypto_pwhash_argon2id_SALTBYTES
/* volume and root */
#define SECRET_LEN (4u + sizeof(struct cdx_root))
/* what the plain file's checksum covers */
#define PLAIN_BODY (CDX_KEYFILE_PLAIN_LEN - sizeof(struct cdx_digest))
/* what the sealed file's tag covers besides the secret */
#define SEALED_HEAD (CDX_KEYFILE_SEALED_LEN - SECRET_LEN - CDX_TAG_LEN)

#define PASSES_MAX 16u
#define MEM_MIN crypto_pwhash_argon2id_MEMLIMIT_MIN
#define MEM_MAX (UINT64_C(1) << 30)

enum kind {
	KIND_PLAIN = 1,
	KIND_SEALED = 2,
};

static const uint8_t magic[MAGIC_LEN] = {'c', 'd', 'x',	 'k',
					 'e', 'y', '\r', '\n'};

_Static_assert(PLAIN_BODY == MAGIC_LEN + 2 + RESERVED_LEN + SECRET_LEN,
	       "plain file");
_Static_assert(SEALED_HEAD == MAGIC_LEN + 2 + RESERVED_LEN + 4 + 8 + SALT_LEN +
				      CDX_NONCE_LEN,
	       "sealed file");
_Static_assert(SALT_LEN == 16, "FORMATS: Key file");

/* The end of @out, @len bytes, that begin with what every key file has.  All
 * is taken at once, so that growing leaves no copy of a secret behind. */
static uint8_t *put_head(struct cdx_buf *out, size_t len, enum kind kind)
{
	uint8_t *p = cdx_buf_extend(out, len);

	if (!p)
		return NULL;
	memset(p, 0, len);
	memcpy(p, magic, sizeof(magic));
	p[CDX_KEYFILE_AT_VERSION] = VERSION;
	p[CDX_KEYFILE_AT_KIND] = (uint8_t)kind;
	return p;
}

static void put_secret(uint8_t *p, const struct cdx_keyfile *k)
{
	cdx_put_be32(p, k->volume);
	memcpy(p + 4, k->root.b, sizeof(k->root.b));
}

static void get_secret(struct cdx_keyfile *out, const uint8_t *p)
{
	out->volume = cdx_get_be32(p);
	memcpy(out->root.b, p + 4, sizeof(out->root.b));
}

static int stretch(struct cdx_key *out, const char *password,
		   const uint8_t salt[SALT_LEN], const struct cdx_argon2 *cost)
{
	(void)cdx_crypto_algs();
	/* with limits in bounds it fails for want of memory only */
	if (crypto_pwhash_argon2id(out->b, sizeof(out->b), password,
				   strlen(password), salt, cost->passes,
				   (size_t)cost->mem,
				   crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		return -ENOMEM;
	return 0;
}

int cdx_keyfile_seal(struct cdx_buf *out, const struct cdx_keyfile *k,
		     const char *password, const struct cdx_argon2 *cost)
{
	uint8_t salt[SALT_LEN];
	uint8_t secret[SECRET_LEN];
	uint8_t *nonce;
	uint8_t *p;
	struct cdx_key key;
	int err;

	cdx_random(salt, sizeof(salt));
	err = stretch(&key, password, salt, cost);
	if (err)
		return err;
	p = put_head(out, CDX_KEYFILE_SEALED_LEN, KIND_SEALED);
	if (p) {
		cdx_put_be32(p + CDX_KEYFILE_AT_PASSES, cost->passes);
		cdx_put_be64(p + CDX_KEYFILE_AT_MEM, cost->mem);
		nonce = p + SEALED_HEAD - CDX_NONCE_LEN;
		memcpy(nonce - SALT_LEN, salt, sizeof(salt));
		cdx_random(nonce, CDX_NONCE_LEN);
		put_secret(secret, k);
		cdx_seal_nonce(p + SEALED_HEAD, &key, nonce, secret,
			       sizeof(secret), p, SEALED_HEAD);
		cdx_wipe(secret, sizeof(secret));
	}
	cdx_wipe(&key, sizeof(key));
	return cdx_buf_ok(out);
}

static int put_plain(struct cdx_buf *out, const struct cdx_keyfile *k)
{
	uint8_t *p = put_head(out, CDX_KEYFILE_PLAIN_LEN, KIND_PLAIN);
	struct cdx_digest sum;

	if (p) {
		put_secret(p + PLAIN_BODY - SECRET_LEN, k);
		cdx_sha256(&sum, p, PLAIN_BODY);
		memcpy(p + PLAIN_BODY, sum.b, sizeof(sum.b));
	}
	return cdx_buf_ok(out);
}

int cdx_keyfile_encode(struct cdx_buf *out, const struct cdx_keyfile *k,
		       const char *password)
{
	static const struct cdx_argon2 cost = {
		crypto_pwhash_argon2id_OPSLIMIT_MODERATE,
		crypto_pwhash_argon2id_MEMLIMIT_MODERATE,
	};

	return password ? cdx_keyfile_seal(out, k, password, &cost)
			: put_plain(out, k);
}

static int get_plain(struct cdx_keyfile *out, struct cdx_cursor *c,
		     const uint8_t *in)
{
	const uint8_t *secret = cdx_cursor_take(c, SECRET_LEN);
	const uint8_t *sum = cdx_cursor_take(c, sizeof(struct cdx_digest));
	struct cdx_digest want;

	if (cdx_cursor_done(c) != 0 || !secret || !sum)
		return CDX_E_FORMAT;
	cdx_sha256(&want, in, PLAIN_BODY);
	if (memcmp(want.b, sum, sizeof(want.b)) != 0)
		return CDX_E_HASH;
	get_secret(out, secret);
	return 0;
}

static int get_sealed(struct cdx_keyfile *out, struct cdx_cursor *c,
		      const uint8_t *in, const char *password)
{
	struct cdx_argon2 cost;
	const uint8_t *salt;
	const uint8_t *nonce;
	const uint8_t *box;
	uint8_t secret[SECRET_LEN];
	struct cdx_key key;
	int err;

	cost.passes = cdx_cursor_be32(c);
	cost.mem = cdx_cursor_be64(c);
	salt = cdx_cursor_take(c, SALT_LEN);
	nonce = cdx_cursor_take(c, CDX_NONCE_LEN);
	box = cdx_cursor_take(c, SECRET_LEN + CDX_TAG_LEN);
	if (cdx_cursor_done(c) != 0 || !salt || !nonce || !box)
		return CDX_E_FORMAT;
	if (!cost.passes || cost.passes > PASSES_MAX || cost.mem < MEM_MIN ||
	    cost.mem > MEM_MAX)
		return CDX_E_FORMAT;
	if (!password)
		return -ENOKEY;
	err = stretch(&key, password, salt, &cost);
	if (err)
		return err;
	err = cdx_unseal_nonce(secret, &key, nonce, box,
			       SECRET_LEN + CDX_TAG_LEN, in, SEALED_HEAD);
	if (err >= 0)
		get_secret(out, secret);
	cdx_wipe(secret, sizeof(secret));
	cdx_wipe(&key, sizeof(key));
	return err < 0 ? CDX_E_AUTH : 0;
}

int cdx_keyfile_decode(struct cdx_keyfile *out, const void *in, size_t len,
		       const char *password)
{
	static const uint8_t zero[RESERVED_LEN];
	struct cdx_cursor c = cdx_cursor_init(in, len);
	uint8_t head[MAGIC_LEN];
	uint8_t reserved[RESERVED_LEN];
	uint8_t version;
	uint8_t kind;

	cdx_cursor_get(&c, head, sizeof(head));
	version = cdx_cursor_u8(&c);
	kind = cdx_cursor_u8(&c);
	cdx_cursor_get(&c, reserved, sizeof(reserved));
	if (memcmp(head, magic, sizeof(magic)) != 0 || !version)
		return CDX_E_FORMAT;
	/* nothing is known of the rest of a newer one */
	if (version > VERSION)
		return CDX_E_VERSION;
	if (memcmp(reserved, zero, sizeof(zero)) != 0)
		return CDX_E_FORMAT;
	if (kind == KIND_PLAIN)
		return get_plain(out, &c, in);
	if (kind == KIND_SEALED)
		return get_sealed(out, &c, in, password);
	return CDX_E_FORMAT;
}

bool cdx_keyfile_is_sealed(const void *in, size_t len)
{
	const uint8_t *p = in;

	return len > CDX_KEYFILE_AT_KIND &&
	       memcmp(p, magic, sizeof(magic)) == 0 &&
	       p[CDX_KEYFILE_AT_KIND] == KIND_SEALED;
}
