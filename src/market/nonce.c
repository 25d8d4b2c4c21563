/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/nonce.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"

#define VERSION 1
#define HALF 16u

/* First half of HMAC(location key, label || half) */
static void prf(uint8_t out[HALF], const struct cdx_key *key, uint8_t label,
		const uint8_t half[HALF])
{
	uint8_t in[1 + HALF];
	struct cdx_digest d;

	in[0] = label;
	memcpy(in + 1, half, HALF);
	cdx_hmac_sha256(&d, key->b, sizeof(key->b), in, sizeof(in));
	memcpy(out, d.b, HALF);
	cdx_wipe(&d, sizeof(d));
	cdx_wipe(in, sizeof(in));
}

/* @out: @in with the stream of @tag, which is its own inverse */
static void mask(uint8_t out[HALF], const struct cdx_key *key,
		 const uint8_t tag[HALF], const uint8_t in[HALF])
{
	uint8_t stream[HALF];

	prf(stream, key, 1, tag);
	for (size_t i = 0; i < HALF; i++)
		out[i] = in[i] ^ stream[i];
}

int cdx_nonce_make(struct cdx_b32 *out, const struct cdx_key *location,
		   const struct cdx_nonce_what *what)
{
	uint8_t plain[HALF];
	uint8_t number[8];

	if (what->number >= CDX_NONCE_NUMBER_LIMIT)
		return -ERANGE;
	plain[0] = VERSION;
	plain[1] = (uint8_t)what->kind;
	cdx_put_be64(number, what->number);
	memcpy(plain + 2, number + 2, 6);
	cdx_put_be32(plain + 8, what->generation);
	memcpy(plain + 12, what->random, sizeof(what->random));
	prf(out->b, location, 0, plain);
	mask(out->b + HALF, location, out->b, plain);
	return 0;
}

int cdx_nonce_read(struct cdx_nonce_what *out, const struct cdx_key *location,
		   const struct cdx_b32 *nonce)
{
	uint8_t plain[HALF];
	uint8_t tag[HALF];

	mask(plain, location, nonce->b, nonce->b + HALF);
	prf(tag, location, 0, plain);
	if (memcmp(tag, nonce->b, HALF) != 0)
		return -ENOENT;
	if (plain[0] != VERSION ||
	    (plain[1] != CDX_NONCE_SEGMENT && plain[1] != CDX_NONCE_SNAPSHOT))
		return CDX_E_VERSION;
	out->kind = (enum cdx_nonce_kind)plain[1];
	out->number = cdx_get_be64(plain) & (CDX_NONCE_NUMBER_LIMIT - 1);
	out->generation = cdx_get_be32(plain + 8);
	memcpy(out->random, plain + 12, sizeof(out->random));
	return 0;
}
