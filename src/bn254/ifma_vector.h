/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_IFMA_VECTOR_H
#define CDX_BN254_IFMA_VECTOR_H

#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>

#include "bn254/ifma_modulus.h"

/*
 * Operations on eight lanes.  Compiled with CDX_VERIFY they check in every
 * lane what the comments of ifma_field.h and ifma_rounds.h claim: no sum of
 * two limbs passes 2^63 (limbs are signed where a multiple of r was taken off,
 * and below 2^63 everywhere), and numbers are as small as is said.
 */

#define IFMA_TARGET \
	__attribute__((target("avx512f,avx512dq,avx512vl,avx512ifma")))
#define IFMA_INLINE IFMA_TARGET __attribute__((always_inline)) inline
#define IFMA_CALL IFMA_TARGET __attribute__((noinline))
#ifndef IFMA_BODY
#define IFMA_BODY IFMA_INLINE
#endif

/* Statements of the templates that are done for s = 0 up to the number of
 * streams, for one vector and the next, and i = 0 to 4; s and i are constants,
 * so that arrays become registers */
#define STREAM(v, stmt)        \
	do {                   \
		enum {         \
			s = v, \
		};             \
		stmt;          \
	} while (0)
#define EACH_1(stmt) STREAM(0, stmt)
#define EACH_2(stmt)             \
	do {                     \
		STREAM(0, stmt); \
		STREAM(1, stmt); \
	} while (0)
#define EACH_PASTE(n) EACH_##n
#define EACH_OF(n) EACH_PASTE(n)
#define EACH(stmt) EACH_OF(IFMA_STREAMS)(stmt)
#define LIMB(v, stmt)          \
	do {                   \
		enum {         \
			i = v, \
		};             \
		EACH(stmt);    \
	} while (0)
#define EACH_LIMB(stmt)        \
	do {                   \
		LIMB(0, stmt); \
		LIMB(1, stmt); \
		LIMB(2, stmt); \
		LIMB(3, stmt); \
		LIMB(4, stmt); \
	} while (0)

#ifdef CDX_VERIFY
/* Aborts unless all lanes of @x are at most @max */
#define CHECK_MAX(x, max)                                                 \
	do {                                                              \
		if (_mm512_cmpgt_epu64_mask(                              \
			    x, _mm512_set1_epi64((long long)(max))) != 0) \
			abort();                                          \
	} while (0)
/* Aborts unless a <= b */
#define CHECK_LESS(a, b)                                \
	do {                                            \
		if (_mm512_cmpgt_epu64_mask(a, b) != 0) \
			abort();                        \
	} while (0)
/* Aborts when @sum, of which @a is a part, wrapped: @a and the other part have
 * the sign that @sum has not */
#define CHECK_SUM(sum, a, b)                                               \
	do {                                                               \
		const __m512i wrapped = _mm512_andnot_epi64(               \
			_mm512_xor_epi64(a, b), _mm512_xor_epi64(a, sum)); \
		if (_mm512_movepi64_mask(wrapped) != 0)                    \
			abort();                                           \
	} while (0)
#else
#define CHECK_MAX(x, max) (void)0
#define CHECK_LESS(a, b) (void)0
#define CHECK_SUM(sum, a, b) (void)0
#endif

/* 0 in all lanes */
static IFMA_INLINE __m512i zero(void)
{
	return _mm512_setzero_si512();
}

/* @v in all lanes */
static IFMA_INLINE __m512i bcast(uint64_t v)
{
	return _mm512_set1_epi64((long long)v);
}

/* Lane by lane */
static IFMA_INLINE __m512i add(__m512i a, __m512i b)
{
	const __m512i sum = _mm512_add_epi64(a, b);

	CHECK_SUM(sum, a, b);
	return sum;
}

/* a - b, which is not negative */
static IFMA_INLINE __m512i diff(__m512i a, __m512i b)
{
	CHECK_LESS(b, a);
	return _mm512_sub_epi64(a, b);
}

/* Bits 0 to 51 */
static IFMA_INLINE __m512i low(__m512i a)
{
	return _mm512_and_epi64(a, bcast(IFMA_MASK));
}

/* Bits 52 and up */
static IFMA_INLINE __m512i high(__m512i a)
{
	return _mm512_srli_epi64(a, 52);
}

/* c + the low half (52 bits) of the product of the low 52 bits of a and b */
static IFMA_INLINE __m512i madd_lo(__m512i c, __m512i a, __m512i b)
{
	const __m512i sum = _mm512_madd52lo_epu64(c, a, b);

	CHECK_SUM(sum, c, zero());
	return sum;
}

/* c + the high half */
static IFMA_INLINE __m512i madd_hi(__m512i c, __m512i a, __m512i b)
{
	const __m512i sum = _mm512_madd52hi_epu64(c, a, b);

	CHECK_SUM(sum, c, zero());
	return sum;
}

/* (a >> right) | (b << left); the shifts are constants */
#define join(a, right, b, left) \
	_mm512_or_epi64(_mm512_srli_epi64(a, right), _mm512_slli_epi64(b, left))

#endif
