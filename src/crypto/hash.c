/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <nettle/sha3.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "crypto/internal.h"

#define HMAC_BLOCK 64u
#define KECCAK_RATE 136u
#define KECCAK_WORDS (KECCAK_RATE / 8u)

void cdx_sha256_pieces(struct cdx_digest *out, const struct cdx_piece *pieces,
		       size_t n)
{
	const struct cdx_crypto_algs *algs = cdx_crypto_algs();
	struct cdx_crypto_thread *t = cdx_crypto_thread();
	int ok;

	/* A hash that may fail would put an error path into every caller for
	 * the sake of a thread's first few hundred bytes. */
	if (!t)
		abort();
	ok = EVP_DigestInit_ex2(t->sha256, algs->sha256, NULL);
	for (size_t i = 0; i < n; i++) {
		if (pieces[i].len)
			ok &= EVP_DigestUpdate(t->sha256, pieces[i].p,
					       pieces[i].len);
	}
	ok &= EVP_DigestFinal_ex(t->sha256, out->b, NULL);
	if (!ok)
		abort();
}

void cdx_sha256(struct cdx_digest *out, const void *in, size_t len)
{
	struct cdx_piece piece = {in, len};

	cdx_sha256_pieces(out, &piece, 1);
}

void cdx_sha256_2(struct cdx_digest *out, const void *a, size_t a_len,
		  const void *b, size_t b_len)
{
	struct cdx_piece pieces[] = {{a, a_len}, {b, b_len}};

	cdx_sha256_pieces(out, pieces, CDX_ARRAY_LEN(pieces));
}

void cdx_hmac_pieces(struct cdx_digest *out, const void *key, size_t key_len,
		     const struct cdx_piece *pieces, size_t n)
{
	struct cdx_piece all[CDX_HMAC_PIECES_MAX + 1];
	struct cdx_digest inner;
	uint8_t pad[HMAC_BLOCK] = {0};

	if (n > CDX_HMAC_PIECES_MAX)
		abort();
	if (key_len > sizeof(pad)) {
		cdx_sha256(&inner, key, key_len);
		memcpy(pad, inner.b, sizeof(inner.b));
	} else if (key_len) {
		memcpy(pad, key, key_len);
	}
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	all[0] = (struct cdx_piece){pad, sizeof(pad)};
	for (size_t i = 0; i < n; i++)
		all[i + 1] = pieces[i];
	cdx_sha256_pieces(&inner, all, n + 1);
	/* from the inner key to the outer one */
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	cdx_sha256_2(out, pad, sizeof(pad), inner.b, sizeof(inner.b));
	cdx_wipe(pad, sizeof(pad));
	cdx_wipe(&inner, sizeof(inner));
}

void cdx_hmac_sha256(struct cdx_digest *out, const void *key, size_t key_len,
		     const void *in, size_t len)
{
	struct cdx_piece piece = {in, len};

	cdx_hmac_pieces(out, key, key_len, &piece, 1);
}

static void keccak_absorb(struct sha3_state *s, const uint8_t *block)
{
	for (size_t i = 0; i < KECCAK_WORDS; i++)
		s->a[i] ^= cdx_get_le64(block + 8 * i);
	sha3_permute(s);
}

/* nettle's own finaliser pads as SHA-3 does (0x06), so only its permutation
 * is used. */
void cdx_keccak256(uint8_t out[32], const void *in, size_t len)
{
	struct sha3_state s = {{0}};
	uint8_t last[KECCAK_RATE] = {0};
	const uint8_t *p = in;

	for (; len >= KECCAK_RATE; len -= KECCAK_RATE, p += KECCAK_RATE)
		keccak_absorb(&s, p);
	if (len)
		memcpy(last, p, len);
	last[len] = 0x01;
	last[KECCAK_RATE - 1] |= 0x80;
	keccak_absorb(&s, last);
	for (size_t i = 0; i < 4; i++)
		cdx_put_le64(out + 8 * i, s.a[i]);
}

void cdx_random(void *out, size_t len)
{
	uint8_t *p = out;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* keys made from anything else are worse than no process */
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

void cdx_wipe(void *p, size_t len)
{
	if (len)
		explicit_bzero(p, len);
}
