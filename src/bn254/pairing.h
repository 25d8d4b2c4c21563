/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_PAIRING_H
#define CDX_BN254_PAIRING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "bn254/fq2.h"
#include "bn254/g1.h"
#include "bn254/g2.h"

/*
 * Optimal ate pairing (spec/proofs.md 5).  Fq12 = Fq2[w] / (w^6 - xi) as
 * Fq2 -> Fq6 (v^3 = xi) -> Fq12 (w^2 = v).  Any thread; variable time.
 */
struct cdx_fq6 {
	struct cdx_fq2 c0;
	struct cdx_fq2 c1;
	struct cdx_fq2 c2;
};

/* An element of Fq12; values of pairings are among them */
struct cdx_gt {
	struct cdx_fq6 c0;
	struct cdx_fq6 c1;
};

/* Coefficients of the lines of the Miller loop of one point of G2, for points
 * that are used often */
#define CDX_G2_LINES 96u
struct cdx_g2_lines {
	unsigned n; /* 0 for the point at infinity */
	bool infinity;
	struct cdx_fq2 line[CDX_G2_LINES][2];
};

void cdx_g2_prepare(struct cdx_g2_lines *out, const struct cdx_g2 *q);

/**
 * cdx_miller - product of Miller loops, before the final exponentiation
 *
 * @p, @q:   @n pairs; points in the groups
 * @pp, @ql: @m more pairs, of which the lines are known
 *
 * Pairs with a point at infinity count as one.  -ENOMEM.
 */
CDX_MUST_CHECK int cdx_miller(struct cdx_gt *out, const struct cdx_g1 *p,
			      const struct cdx_g2 *q, size_t n,
			      const struct cdx_g1 *pp,
			      const struct cdx_g2_lines *const *ql, size_t m);
/* To the power 2 x (6 x^2 + 3 x + 1) (q^12 - 1) / r; the product of the
 * pairings.  The factor in front, with the x of bn_x.h, saves time; r does not
 * divide it.  snarkjs has the same one (vk_alphabeta_12). */
void cdx_final_exp(struct cdx_gt *out, const struct cdx_gt *f);
/* e(p, q) */
CDX_MUST_CHECK int cdx_pairing(struct cdx_gt *out, const struct cdx_g1 *p,
			       const struct cdx_g2 *q);
void cdx_gt_mul(struct cdx_gt *out, const struct cdx_gt *a,
		const struct cdx_gt *b);
/* a^k for a value of a pairing */
void cdx_gt_pow(struct cdx_gt *out, const struct cdx_gt *a,
		const struct cdx_fr *k);
bool cdx_gt_equal(const struct cdx_gt *a, const struct cdx_gt *b);
bool cdx_gt_is_one(const struct cdx_gt *a);

#endif
