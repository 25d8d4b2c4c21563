/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_G2_H
#define CDX_BN254_G2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fq2.h"
#include "bn254/fr.h"

/*
 * G2: the points of order r of y^2 = x^3 + 3 / (9 + u) over Fq2.  Every
 * function is complete: it is right for the point at infinity, for equal and
 * for opposite points.  Any aliasing, any thread; variable time.
 */

/* Affine; x = y = 0 is the point at infinity (not on the curve otherwise) */
struct cdx_g2 {
	struct cdx_fq2 x;
	struct cdx_fq2 y;
};

/* Jacobian: (x / z^2, y / z^3); z = 0 is the point at infinity */
struct cdx_g2j {
	struct cdx_fq2 x;
	struct cdx_fq2 y;
	struct cdx_fq2 z;
};

/* x.c0, x.c1, y.c0, y.c1 as key files have them: Montgomery form, little
 * endian */
#define CDX_G2_BYTES 128u

extern const struct cdx_g2 cdx_g2_generator;
extern const struct cdx_g2 cdx_g2_infinity;

/* Is it (0, 0)? */
bool cdx_g2_is_infinity(const struct cdx_g2 *p);
/* Is it on the curve (of which G2 is a small part)?  The point at infinity is. */
bool cdx_g2_on_curve(const struct cdx_g2 *p);
/* Has it order r (or 1)?  @p must be on the curve. */
bool cdx_g2_in_subgroup(const struct cdx_g2 *p);
/* Have they all?  Each of the @n points is checked, for less time together.
 * (A random sum of them would not do: 10069 divides the curve's order, so a bad
 * one would be missed once in 10069 times.) */
bool cdx_g2_all_in_subgroup(const struct cdx_g2 *p, size_t n);
/* The endomorphism (conj(x) xi^((q - 1) / 3), conj(y) xi^((q - 1) / 2)): the
 * q-th power of the coordinates, seen through the isomorphism
 * (x, y) -> (x xi^(1/3), y xi^(1/2)) to the curve y^2 = x^3 + 3 over Fq12.  On
 * G2 it is the multiplication by q, that is by 6 x^2. */
void cdx_g2_psi(struct cdx_g2 *out, const struct cdx_g2 *p);
bool cdx_g2_equal(const struct cdx_g2 *p, const struct cdx_g2 *q);
void cdx_g2_neg(struct cdx_g2 *out, const struct cdx_g2 *p);
/* k * p */
void cdx_g2_mul(struct cdx_g2j *out, const struct cdx_g2 *p,
		const struct cdx_fr *k);

/* The same point in other coordinates */
void cdx_g2j_from_affine(struct cdx_g2j *out, const struct cdx_g2 *p);
void cdx_g2j_to_affine(struct cdx_g2 *out, const struct cdx_g2j *p);
/* @n of them with one inversion; no aliasing here */
void cdx_g2j_to_affine_many(struct cdx_g2 *out, const struct cdx_g2j *p,
			    size_t n);
bool cdx_g2j_is_infinity(const struct cdx_g2j *p);
/* The same point? */
bool cdx_g2j_equal(const struct cdx_g2j *p, const struct cdx_g2j *q);
void cdx_g2j_neg(struct cdx_g2j *out, const struct cdx_g2j *p);
void cdx_g2j_double(struct cdx_g2j *out, const struct cdx_g2j *p);
void cdx_g2j_add(struct cdx_g2j *out, const struct cdx_g2j *p,
		 const struct cdx_g2j *q);
void cdx_g2j_add_affine(struct cdx_g2j *out, const struct cdx_g2j *p,
			const struct cdx_g2 *q);
/* k * p */
void cdx_g2j_mul(struct cdx_g2j *out, const struct cdx_g2j *p,
		 const struct cdx_fr *k);

/* From a key file's bytes.  CDX_E_FORMAT when a coordinate is not below q
 * (nothing written); whether it is on the curve is not looked at. */
CDX_MUST_CHECK int cdx_g2_decode(struct cdx_g2 *out,
				 const uint8_t in[CDX_G2_BYTES]);
void cdx_g2_encode(uint8_t out[CDX_G2_BYTES], const struct cdx_g2 *p);

#endif
