/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_G1_H
#define CDX_BN254_G1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fq.h"
#include "bn254/fr.h"

/*
 * G1: the points of y^2 = x^3 + 3 over Fq, all r of them (cofactor 1).  Every
 * function is complete: it is right for the point at infinity, for equal and
 * for opposite points.  Any aliasing, any thread; variable time.
 */

/* Affine; x = y = 0 is the point at infinity (not on the curve otherwise) */
struct cdx_g1 {
	struct cdx_fq x;
	struct cdx_fq y;
};

/* Jacobian: (x / z^2, y / z^3); z = 0 is the point at infinity */
struct cdx_g1j {
	struct cdx_fq x;
	struct cdx_fq y;
	struct cdx_fq z;
};

/* x, y as key files have them: Montgomery form, little endian */
#define CDX_G1_BYTES 64u

extern const struct cdx_g1 cdx_g1_generator;
extern const struct cdx_g1 cdx_g1_infinity;

/* Is it (0, 0)? */
bool cdx_g1_is_infinity(const struct cdx_g1 *p);
/* The point at infinity counts as on the curve */
bool cdx_g1_on_curve(const struct cdx_g1 *p);
bool cdx_g1_equal(const struct cdx_g1 *p, const struct cdx_g1 *q);
void cdx_g1_neg(struct cdx_g1 *out, const struct cdx_g1 *p);
/* k * p */
void cdx_g1_mul(struct cdx_g1j *out, const struct cdx_g1 *p,
		const struct cdx_fr *k);

/* The same point in other coordinates */
void cdx_g1j_from_affine(struct cdx_g1j *out, const struct cdx_g1 *p);
void cdx_g1j_to_affine(struct cdx_g1 *out, const struct cdx_g1j *p);
/* @n of them with one inversion; no aliasing here */
void cdx_g1j_to_affine_many(struct cdx_g1 *out, const struct cdx_g1j *p,
			    size_t n);
bool cdx_g1j_is_infinity(const struct cdx_g1j *p);
/* The same point? */
bool cdx_g1j_equal(const struct cdx_g1j *p, const struct cdx_g1j *q);
void cdx_g1j_neg(struct cdx_g1j *out, const struct cdx_g1j *p);
void cdx_g1j_double(struct cdx_g1j *out, const struct cdx_g1j *p);
void cdx_g1j_add(struct cdx_g1j *out, const struct cdx_g1j *p,
		 const struct cdx_g1j *q);
void cdx_g1j_add_affine(struct cdx_g1j *out, const struct cdx_g1j *p,
			const struct cdx_g1 *q);
/* k * p */
void cdx_g1j_mul(struct cdx_g1j *out, const struct cdx_g1j *p,
		 const struct cdx_fr *k);

/* Sum of k[i] * p[i], for few of them (many: msm.h): the doublings are shared */
void cdx_g1_sum(struct cdx_g1j *out, const struct cdx_g1 *p,
		const struct cdx_fr *k, size_t n);
/* a + b * lambda (glv.h): its multiples and sums take half the time of others.
 * All pairs give different scalars, because the lattice of glv.h has no vector
 * that is as short as the difference of two: random ones are as good as 128
 * random bits. */
void cdx_g1_short_scalar(struct cdx_fr *out, uint64_t a, uint64_t b);

/* From a key file's bytes.  CDX_E_FORMAT when a coordinate is not below q
 * (nothing written); whether it is on the curve is not looked at. */
CDX_MUST_CHECK int cdx_g1_decode(struct cdx_g1 *out,
				 const uint8_t in[CDX_G1_BYTES]);
void cdx_g1_encode(uint8_t out[CDX_G1_BYTES], const struct cdx_g1 *p);

#endif
