/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/hash.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

#define CHUNK 64u /* what SHA-256 takes at a time */

#if defined(__x86_64__)

#include <immintrin.h>

/*
 * FIPS 180-4 with the processor's instructions, on two inputs at once: a round
 * waits for the one before it, and the unit could do another one meanwhile.
 */

#define SHA __attribute__((target("sha,sse4.1")))

static const uint32_t round_key[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* One input: its chaining value in the order that the instructions want */
struct lane {
	__m128i abef;
	__m128i cdgh;
	__m128i w[4]; /* the last 16 words of its schedule */
};

SHA static inline __m128i load(const uint8_t *p)
{
	const __m128i swap =
		_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

	return _mm_shuffle_epi8(
		_mm_loadu_si128((const __m128i *)(const void *)p), swap);
}

/* Rounds 4 * @g to 4 * @g + 3 */
SHA static inline void rounds(struct lane *l, unsigned g)
{
	__m128i *w = &l->w[g % 4];
	__m128i key;

	if (g >= 4)
		*w = _mm_sha256msg2_epu32(
			_mm_add_epi32(_mm_sha256msg1_epu32(*w,
							   l->w[(g + 1) % 4]),
				      _mm_alignr_epi8(l->w[(g + 3) % 4],
						      l->w[(g + 2) % 4], 4)),
			l->w[(g + 3) % 4]);
	key = _mm_add_epi32(
		*w, _mm_load_si128((
			    const __m128i
				    *)(const void *)&round_key[(size_t)4 * g]));
	l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, key);
	key = _mm_shuffle_epi32(key, 0x0e);
	l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, key);
}

SHA static void chunks(struct lane *x, struct lane *y, const uint8_t *a,
		       const uint8_t *b, size_t n)
{
	struct lane l = *x;
	struct lane r = *y;

	for (; n > 0; n--, a += CHUNK, b += CHUNK) {
		const __m128i old[] = {l.abef, l.cdgh, r.abef, r.cdgh};

		for (unsigned i = 0; i < 4; i++) {
			l.w[i] = load(a + (size_t)16 * i);
			r.w[i] = load(b + (size_t)16 * i);
		}
#pragma GCC unroll 16
		for (unsigned g = 0; g < 16; g++) {
			rounds(&l, g);
			rounds(&r, g);
		}
		l.abef = _mm_add_epi32(l.abef, old[0]);
		l.cdgh = _mm_add_epi32(l.cdgh, old[1]);
		r.abef = _mm_add_epi32(r.abef, old[2]);
		r.cdgh = _mm_add_epi32(r.cdgh, old[3]);
	}
	*x = l;
	*y = r;
}

SHA static void begin(struct lane *l)
{
	l->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f,
				(int)0x9b05688c);
	l->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab,
				0x5be0cd19);
}

SHA static void end(struct cdx_digest *out, const struct lane *l)
{
	uint32_t v[8];
	/* where a to h are in @v */
	static const uint8_t at[8] = {3, 2, 7, 6, 1, 0, 5, 4};

	_mm_storeu_si128((__m128i *)(void *)v, l->abef);
	_mm_storeu_si128((__m128i *)(void *)(v + 4), l->cdgh);
	for (size_t i = 0; i < 8; i++)
		cdx_put_be32(out->b + 4 * i, v[at[i]]);
}

/* The rest of an input, a one, zeros and its length: chunks */
static size_t pad(uint8_t out[2 * CHUNK], const uint8_t *in, size_t len)
{
	size_t rest = len % CHUNK;
	size_t n = rest + 9 > CHUNK ? 2 : 1;

	memset(out, 0, 2 * (size_t)CHUNK);
	if (rest > 0)
		memcpy(out, in + len - rest, rest);
	out[rest] = 0x80;
	cdx_put_be64(out + n * CHUNK - 8, (uint64_t)len * 8);
	return n;
}

SHA static void both(struct cdx_digest out[2], const uint8_t *a,
		     const uint8_t *b, size_t len)
{
	uint8_t end_a[2 * CHUNK];
	uint8_t end_b[2 * CHUNK];
	struct lane x = {0};
	struct lane y = {0};
	size_t n;

	begin(&x);
	begin(&y);
	chunks(&x, &y, a, b, len / CHUNK);
	n = pad(end_a, a, len);
	(void)pad(end_b, b, len);
	chunks(&x, &y, end_a, end_b, n);
	end(&out[0], &x);
	end(&out[1], &y);
}

static bool can(void)
{
	return __builtin_cpu_supports("sha") != 0 &&
	       __builtin_cpu_supports("sse4.1") != 0;
}

#else

static bool can(void)
{
	return false;
}

static void both(struct cdx_digest out[2], const uint8_t *a, const uint8_t *b,
		 size_t len)
{
	cdx_sha256(&out[0], a, len);
	cdx_sha256(&out[1], b, len);
}

#endif

void cdx_sha256_pair(struct cdx_digest out[2], const void *a, const void *b,
		     size_t len)
{
	if (can()) {
		both(out, a, b, len);
		return;
	}
	cdx_sha256(&out[0], a, len);
	cdx_sha256(&out[1], b, len);
}
