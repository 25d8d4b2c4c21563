/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/poseidon2.h"

#include "bn254/backend.h"
#include "bn254/internal.h"
#include "bn254/poseidon2_scalar.h"

#define CHUNK 31u /* bytes of an element */

/*
 * The vector code works on groups of 16, and what is left over takes it as long
 * as two permutations in a pair take the scalar code.
 */
#define GROUP 16u
#define GROUP_MIN 3u

/* How many of @n go to the vector code: all but a last group of too few */
static size_t vector_part(size_t n)
{
	if (cdx_bn254_backend() != CDX_BN254_IFMA)
		return 0;
	return n % GROUP < GROUP_MIN ? n - n % GROUP : n;
}

static void permute(struct cdx_fr state[3])
{
	if (cdx_bn254_backend() == CDX_BN254_PORTABLE)
		cdx_poseidon2_portable(state);
	else
		cdx_poseidon2_adx(state);
}

/* Two at once take less than one after the other */
static void permute_pair(struct cdx_fr (*state)[3])
{
	if (cdx_bn254_backend() == CDX_BN254_PORTABLE) {
		cdx_poseidon2_portable(state[0]);
		cdx_poseidon2_portable(state[1]);
	} else {
		cdx_poseidon2_adx_pair(state);
	}
}

void cdx_poseidon2_permute(struct cdx_fr state[3])
{
	permute(state);
}

void cdx_poseidon2_permute_many(struct cdx_fr (*state)[3], size_t n)
{
	size_t i = vector_part(n);

	if (i > 0)
		cdx_ifma_permute(state, i);
	for (; n - i >= 2; i += 2)
		permute_pair(&state[i]);
	if (i < n)
		permute(state[i]);
}

void cdx_poseidon2_compress(struct cdx_fr *out, const struct cdx_fr *x,
			    const struct cdx_fr *y, unsigned key)
{
	struct cdx_fr state[3] = {*x, *y};

	cdx_fr_from_u64(&state[2], key);
	permute(state);
	*out = state[0];
}

void cdx_poseidon2_compress_pairs(struct cdx_fr *out, const struct cdx_fr *in,
				  size_t n, unsigned key)
{
	size_t i = vector_part(n);

	if (i > 0)
		cdx_ifma_compress_pairs(out, in, i, key);
	for (; n - i >= 2; i += 2) {
		struct cdx_fr two[2][3] = {{in[2 * i], in[2 * i + 1]},
					   {in[2 * i + 2], in[2 * i + 3]}};

		cdx_fr_from_u64(&two[0][2], key);
		two[1][2] = two[0][2];
		permute_pair(two);
		out[i] = two[0][0];
		out[i + 1] = two[1][0];
	}
	if (i < n)
		cdx_poseidon2_compress(&out[i], &in[2 * i], &in[2 * i + 1],
				       key);
}

/* The initial value in the capacity: 2^64 + 256 * 3 + rate */
static void sponge_iv(struct cdx_fr *out, unsigned rate)
{
	const uint8_t iv[9] = {(uint8_t)rate, 3, 0, 0, 0, 0, 0, 0, 1};

	cdx_fr_from_short(out, iv, sizeof(iv));
}

void cdx_poseidon2_sponge(struct cdx_fr *out, const struct cdx_fr *in, size_t n,
			  unsigned rate)
{
	struct cdx_fr s[3] = {0};

	sponge_iv(&s[2], rate);
	for (size_t i = 0; i <= n; i++) {
		size_t at = i % rate;

		cdx_fr_add(&s[at], &s[at], i < n ? &in[i] : &cdx_fr_one);
		if (at == rate - 1 || i == n)
			permute(s);
	}
	*out = s[0];
}

size_t cdx_poseidon2_elements(size_t len)
{
	return len / CHUNK + 1;
}

/* Element @i of those that the bytes become */
static void element(struct cdx_fr *out, const uint8_t *p, size_t len, size_t i)
{
	size_t left = len - i * CHUNK;
	uint8_t last[CHUNK];

	if (left >= CHUNK) {
		cdx_fr_from_short(out, p + i * CHUNK, CHUNK);
		return;
	}
	for (size_t j = 0; j < left; j++)
		last[j] = p[i * CHUNK + j];
	last[left] = 0x01;
	cdx_fr_from_short(out, last, left + 1);
}

void cdx_poseidon2_to_elements(struct cdx_fr *out, const void *p, size_t len)
{
	for (size_t i = 0; i < cdx_poseidon2_elements(len); i++)
		element(&out[i], p, len, i);
}

/* Piece @k; the pieces of no bytes may be at NULL */
static const uint8_t *piece(const uint8_t *p, size_t len, size_t k)
{
	return len > 0 ? p + k * len : p;
}

/* Hashes of one or two pieces of @len bytes that follow each other, in step */
static void hash_lanes(struct cdx_fr *out, const uint8_t *p, size_t len,
		       size_t lanes)
{
	size_t n = cdx_poseidon2_elements(len);
	struct cdx_fr s[2][3] = {0};

	for (size_t k = 0; k < lanes; k++)
		sponge_iv(&s[k][2], 2);
	for (size_t i = 0; i <= n; i++) {
		for (size_t k = 0; k < lanes; k++) {
			struct cdx_fr x = cdx_fr_one; /* padding */

			if (i < n)
				element(&x, piece(p, len, k), len, i);
			cdx_fr_add(&s[k][i % 2], &s[k][i % 2], &x);
		}
		if (i % 2 == 0 && i < n)
			continue;
		if (lanes == 2)
			permute_pair(s);
		else
			permute(s[0]);
	}
	for (size_t k = 0; k < lanes; k++)
		out[k] = s[k][0];
}

void cdx_poseidon2_hash(struct cdx_fr *out, const void *p, size_t len)
{
	hash_lanes(out, p, len, 1);
}

void cdx_poseidon2_hash_cells(struct cdx_fr *out, const uint8_t *cells,
			      size_t len, size_t n)
{
	/* pieces of no bytes may be at NULL, which the vector code does not
	 * expect */
	size_t i = len > 0 ? vector_part(n) : 0;

	if (i > 0)
		cdx_ifma_hash_cells(out, cells, len, i);
	for (; n - i >= 2; i += 2)
		hash_lanes(&out[i], piece(cells, len, i), len, 2);
	if (i < n)
		hash_lanes(&out[i], piece(cells, len, i), len, 1);
}
