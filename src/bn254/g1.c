/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/g1.h"

#include "bn254/glv.h"

/* (1, 2) */
const struct cdx_g1 cdx_g1_generator = {
	{{UINT64_C(0xd35d438dc58f0d9d), UINT64_C(0x0a78eb28f5c70b3d),
	  UINT64_C(0x666ea36f7879462c), UINT64_C(0x0e0a77c19a07df2f)}},
	{{UINT64_C(0xa6ba871b8b1e1b3a), UINT64_C(0x14f1d651eb8e167b),
	  UINT64_C(0xccdd46def0f28c58), UINT64_C(0x1c14ef83340fbe5e)}}};
const struct cdx_g1 cdx_g1_infinity = {{{0, 0, 0, 0}}, {{0, 0, 0, 0}}};

/* 3 */
static const struct cdx_fq curve_b = {
	{UINT64_C(0x7a17caa950ad28d7), UINT64_C(0x1f6ac17ae15521b9),
	 UINT64_C(0x334bea4e696bd284), UINT64_C(0x2a1f6744ce179d8e)}};

/* See glv.h */
static const struct cdx_fq beta = {
	{UINT64_C(0x71930c11d782e155), UINT64_C(0xa6bb947cffbe3323),
	 UINT64_C(0xaa303344d4741444), UINT64_C(0x2c3b3f0d26594943)}};
static const struct cdx_fr lambda = {
	{UINT64_C(0x93e7cede4a0329b3), UINT64_C(0x7d4fdca77a96c167),
	 UINT64_C(0x8be4ba08b19a750a), UINT64_C(0x1cbd5653a5661c25)}};

#define FIELD cdx_fq
#define F(name) cdx_fq_##name
#define AFFINE cdx_g1
#define A(name) cdx_g1_##name
#define JACOBI cdx_g1j
#define J(name) cdx_g1j_##name
#define CURVE_B curve_b
#include "bn254/curve_impl.h"

/* The points of a sum that are done together */
#define TOGETHER 8u

/* Digits of both halves of a scalar */
static void split(struct cdx_wnaf digits[2], const struct cdx_fr *k)
{
	struct cdx_glv_half half[2];
	uint64_t limbs[4];

	cdx_fr_to_limbs(limbs, k);
	cdx_glv_split(half, limbs);
	for (size_t i = 0; i < 2; i++)
		cdx_wnaf(&digits[i], half[i].k, WIDTH, half[i].negative);
	explicit_bzero(limbs, sizeof(limbs));
	explicit_bzero(half, sizeof(half));
}

/* Odd multiples of p and of lambda p */
static void both_multiples(struct cdx_g1 tables[2][ODD],
			   const struct cdx_g1j *p)
{
	odd_multiples(tables[0], p);
	for (size_t i = 0; i < ODD; i++) {
		cdx_fq_mul(&tables[1][i].x, &tables[0][i].x, &beta);
		tables[1][i].y = tables[0][i].y;
	}
}

void cdx_g1j_mul(struct cdx_g1j *out, const struct cdx_g1j *p,
		 const struct cdx_fr *k)
{
	struct cdx_g1 tables[2][ODD];
	struct cdx_wnaf digits[2];

	both_multiples(tables, p);
	split(digits, k);
	sum_of_digits(out, (const struct cdx_g1(*)[ODD])tables, digits, 2);
	explicit_bzero(digits, sizeof(digits));
}

/* As cdx_g1_sum, of up to TOGETHER */
static void sum_some(struct cdx_g1j *out, const struct cdx_g1 *p,
		     const struct cdx_fr *k, size_t n)
{
	struct cdx_g1 tables[2 * TOGETHER][ODD];
	struct cdx_wnaf digits[2 * TOGETHER];

	for (size_t i = 0; i < n; i++) {
		struct cdx_g1j t;

		cdx_g1j_from_affine(&t, &p[i]);
		both_multiples(&tables[2 * i], &t);
		split(&digits[2 * i], &k[i]);
	}
	sum_of_digits(out, (const struct cdx_g1(*)[ODD])tables, digits, 2 * n);
	explicit_bzero(digits, sizeof(digits));
}

void cdx_g1_sum(struct cdx_g1j *out, const struct cdx_g1 *p,
		const struct cdx_fr *k, size_t n)
{
	struct cdx_g1j t;

	cdx_g1j_from_affine(out, &cdx_g1_infinity);
	while (n > 0) {
		const size_t some = n < TOGETHER ? n : TOGETHER;

		sum_some(&t, p, k, some);
		cdx_g1j_add(out, out, &t);
		p += some;
		k += some;
		n -= some;
	}
}

void cdx_g1_short_scalar(struct cdx_fr *out, uint64_t a, uint64_t b)
{
	struct cdx_fr t;

	cdx_fr_from_u64(&t, b);
	cdx_fr_mul(&t, &t, &lambda);
	cdx_fr_from_u64(out, a);
	cdx_fr_add(out, out, &t);
}

int cdx_g1_decode(struct cdx_g1 *out, const uint8_t in[CDX_G1_BYTES])
{
	struct cdx_g1 t;
	int rc = cdx_fq_from_mont(&t.x, in);

	if (rc == 0)
		rc = cdx_fq_from_mont(&t.y, in + CDX_FQ_BYTES);
	if (rc == 0)
		*out = t;
	return rc;
}

void cdx_g1_encode(uint8_t out[CDX_G1_BYTES], const struct cdx_g1 *p)
{
	cdx_fq_to_mont(out, &p->x);
	cdx_fq_to_mont(out + CDX_FQ_BYTES, &p->y);
}
