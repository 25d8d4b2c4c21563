/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_GLV_H
#define CDX_BN254_GLV_H

#include <stdbool.h>
#include <stdint.h>

/*
 * On G1 (x, y) -> (beta x, y), with a cube root of one beta in Fq, is the
 * multiplication by lambda, a cube root of one modulo r:
 *	beta = 2203960485148121921418603742825762020974279258880205651966
 *	lambda = 4407920970296243842393367215006156084916469457145843978461
 * So a scalar may be split into two halves of 127 bits whose multiples share
 * their doublings (R. Gallant, R. Lambert, S. Vanstone, 2001).
 */

/* The absolute value of a half, in four limbs, and its sign */
struct cdx_glv_half {
	uint64_t k[4];
	bool negative;
};

/* @k, below r, is half[0] + half[1] lambda modulo r; both are below 2^127.  When
 * there are two of at most 65 bits, these are found. */
void cdx_glv_split(struct cdx_glv_half half[2], const uint64_t k[4]);

#endif
