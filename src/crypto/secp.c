/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/secp.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/internal.h"

#define HEX_DIGITS 40u
/* 04, x, y */
#define PUBLIC_LEN 65u

static pthread_once_t once = PTHREAD_ONCE_INIT;
static secp256k1_context *context;

static void prepare(void)
{
	uint8_t seed[32];
	int ok;

	/* since 0.2, its first release, that is a context for all purposes */
	context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	if (!context)
		abort();
	/* blinds signing and the making of public keys against who measures
	 * time or power */
	cdx_random(seed, sizeof(seed));
	ok = secp256k1_context_randomize(context, seed);
	cdx_wipe(seed, sizeof(seed));
	if (!ok)
		abort();
}

/* Of the whole process; not changed once it is there, and so safe on any
 * thread */
static const secp256k1_context *ctx(void)
{
	(void)pthread_once(&once, prepare);
	return context;
}

int cdx_seckey_check(const struct cdx_seckey *k)
{
	return secp256k1_ec_seckey_verify(ctx(), k->b) ? 0 : CDX_E_FORMAT;
}

void cdx_seckey_random(struct cdx_seckey *out)
{
	do {
		cdx_random(out->b, sizeof(out->b));
	} while (cdx_seckey_check(out) < 0);
}

static void addr_of(struct cdx_addr *out, const secp256k1_pubkey *public)
{
	uint8_t raw[PUBLIC_LEN];
	size_t len = sizeof(raw);
	uint8_t hash[32];

	(void)secp256k1_ec_pubkey_serialize(ctx(), raw, &len, public,
					    SECP256K1_EC_UNCOMPRESSED);
	cdx_keccak256(hash, raw + 1, len - 1);
	memcpy(out->b, hash + sizeof(hash) - sizeof(out->b), sizeof(out->b));
}

int cdx_seckey_addr(struct cdx_addr *out, const struct cdx_seckey *k)
{
	secp256k1_pubkey public;

	if (!secp256k1_ec_pubkey_create(ctx(), &public, k->b))
		return CDX_E_FORMAT;
	addr_of(out, &public);
	return 0;
}

int cdx_seckey_public(uint8_t out[CDX_PUBLIC_LEN], const struct cdx_seckey *k)
{
	secp256k1_pubkey public;
	size_t len = CDX_PUBLIC_LEN;

	if (!secp256k1_ec_pubkey_create(ctx(), &public, k->b))
		return CDX_E_FORMAT;
	(void)secp256k1_ec_pubkey_serialize(ctx(), out, &len, &public,
					    SECP256K1_EC_COMPRESSED);
	return 0;
}

int cdx_seckey_add(struct cdx_seckey *io, const uint8_t term[32])
{
	return secp256k1_ec_seckey_tweak_add(ctx(), io->b, term) ? 0
								 : CDX_E_FORMAT;
}

int cdx_secp_sign(struct cdx_secp_sig *out, const struct cdx_seckey *k,
		  const uint8_t hash[32])
{
	secp256k1_ecdsa_recoverable_signature sig;
	uint8_t raw[64];
	int id;

	if (!secp256k1_ecdsa_sign_recoverable(ctx(), &sig, hash, k->b, NULL,
					      NULL))
		return CDX_E_FORMAT;
	(void)secp256k1_ecdsa_recoverable_signature_serialize_compact(
		ctx(), raw, &id, &sig);
	/* Ethereum cannot say that the x of R was above n; the chance is
	 * 2^-127 */
	if (id > 1)
		return CDX_E_FORMAT;
	memcpy(out->r, raw, sizeof(out->r));
	memcpy(out->s, raw + sizeof(out->r), sizeof(out->s));
	out->parity = (uint8_t)id;
	return 0;
}

int cdx_secp_recover(struct cdx_addr *out, const struct cdx_secp_sig *sig,
		     const uint8_t hash[32])
{
	secp256k1_ecdsa_recoverable_signature full;
	secp256k1_ecdsa_signature plain;
	secp256k1_pubkey public;
	uint8_t raw[64];

	memcpy(raw, sig->r, sizeof(sig->r));
	memcpy(raw + sizeof(sig->r), sig->s, sizeof(sig->s));
	if (sig->parity > 1 ||
	    !secp256k1_ecdsa_recoverable_signature_parse_compact(
		    ctx(), &full, raw, sig->parity))
		return CDX_E_AUTH;
	/* EIP-2: the other s of the same signature would be a second name of a
	 * transaction */
	(void)secp256k1_ecdsa_recoverable_signature_convert(ctx(), &plain,
							    &full);
	if (secp256k1_ecdsa_signature_normalize(ctx(), NULL, &plain) ||
	    !secp256k1_ecdsa_recover(ctx(), &public, &full, hash))
		return CDX_E_AUTH;
	addr_of(out, &public);
	return 0;
}

int cdx_public_check(const uint8_t key[CDX_PUBLIC_LEN])
{
	secp256k1_pubkey public;

	return secp256k1_ec_pubkey_parse(ctx(), &public, key, CDX_PUBLIC_LEN)
		       ? 0
		       : CDX_E_FORMAT;
}

int cdx_der_sign(uint8_t out[CDX_DER_SIG_MAX], const struct cdx_seckey *k,
		 const uint8_t hash[32])
{
	secp256k1_ecdsa_signature sig;
	size_t len = CDX_DER_SIG_MAX;

	if (!secp256k1_ecdsa_sign(ctx(), &sig, hash, k->b, NULL, NULL) ||
	    !secp256k1_ecdsa_signature_serialize_der(ctx(), out, &len, &sig))
		return CDX_E_FORMAT;
	return (int)len;
}

int cdx_der_verify(const uint8_t *sig, size_t len,
		   const uint8_t key[CDX_PUBLIC_LEN], const uint8_t hash[32])
{
	secp256k1_pubkey public;
	secp256k1_ecdsa_signature s;
	uint8_t again[CDX_DER_SIG_MAX];
	size_t again_len = sizeof(again);

	if (!secp256k1_ec_pubkey_parse(ctx(), &public, key, CDX_PUBLIC_LEN))
		return CDX_E_FORMAT;
	/* the parser takes numbers out of range, and sets them to 0 */
	if (!secp256k1_ecdsa_signature_parse_der(ctx(), &s, sig, len) ||
	    !secp256k1_ecdsa_signature_serialize_der(ctx(), again, &again_len,
						     &s) ||
	    again_len != len || memcmp(again, sig, len) != 0)
		return CDX_E_AUTH;
	/* which refuses a high s */
	return secp256k1_ecdsa_verify(ctx(), &s, hash, &public) ? 0
								: CDX_E_AUTH;
}

/* ---- text */

void cdx_addr_text(char out[CDX_ADDR_TEXT_MAX], const struct cdx_addr *a)
{
	char *hex = out + 2;
	uint8_t hash[32];

	out[0] = '0';
	out[1] = 'x';
	cdx_hex(hex, a->b, sizeof(a->b));
	cdx_keccak256(hash, hex, HEX_DIGITS);
	for (size_t i = 0; i < HEX_DIGITS; i++) {
		unsigned nibble = hash[i / 2] >> (i % 2 ? 0 : 4) & 0xf;

		if (hex[i] >= 'a' && nibble >= 8)
			hex[i] = (char)(hex[i] - 'a' + 'A');
	}
}

int cdx_addr_parse(struct cdx_addr *out, const char *text)
{
	char want[CDX_ADDR_TEXT_MAX];
	struct cdx_addr a;
	bool lower = false;
	bool upper = false;

	if (text[0] != '0' || text[1] != 'x' ||
	    cdx_unhex(a.b, sizeof(a.b), text + 2) < 0)
		return CDX_E_FORMAT;
	for (const char *p = text + 2; *p; p++) {
		lower |= *p >= 'a';
		upper |= *p >= 'A' && *p <= 'F';
	}
	cdx_addr_text(want, &a);
	if (lower && upper && strcmp(text, want) != 0)
		return CDX_E_HASH;
	*out = a;
	return 0;
}
