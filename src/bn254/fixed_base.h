/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FIXED_BASE_H
#define CDX_BN254_FIXED_BASE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"
#include "bn254/g1.h"
#include "bn254/g2.h"

/*
 * Many multiples of one point, for the making of keys: a table of the point's
 * multiples, then a few affine additions for each scalar, with inversions
 * shared by many.  Tables are immutable and shared by threads.  Variable time.
 */
struct cdx_fixed_g1;
struct cdx_fixed_g2;

/* Table of multiples of @base, which is not the point at infinity; returns new.
 * -ENOMEM. */
CDX_MUST_CHECK int cdx_fixed_g1_new(struct cdx_fixed_g1 **out,
				    const struct cdx_g1 *base);
CDX_MUST_CHECK int cdx_fixed_g2_new(struct cdx_fixed_g2 **out,
				    const struct cdx_g2 *base);
void cdx_fixed_g1_free(struct cdx_fixed_g1 *t);
void cdx_fixed_g2_free(struct cdx_fixed_g2 *t);
/* @out: @n points as a key file has them (cdx_g1_encode): k[i] * base; zero
 * gives the point at infinity.  -ENOMEM. */
CDX_MUST_CHECK int cdx_fixed_g1_mul(const struct cdx_fixed_g1 *t, uint8_t *out,
				    const struct cdx_fr *k, size_t n);
CDX_MUST_CHECK int cdx_fixed_g2_mul(const struct cdx_fixed_g2 *t, uint8_t *out,
				    const struct cdx_fr *k, size_t n);

#endif
