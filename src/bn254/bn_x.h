/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_BN_X_H
#define CDX_BN254_BN_X_H

#include <stdint.h>

/*
 * The number that the whole curve is made of (spec/proofs.md 5):
 *	q = 36 x^4 + 36 x^3 + 24 x^2 + 6 x + 1
 *	r = 36 x^4 + 36 x^3 + 18 x^2 + 6 x + 1
 * so q - r = 6 x^2, the trace less one.
 */
#define BN_X UINT64_C(0x44e992b44a6909f1)
/* x = plus - minus without neighbouring bits: 24 of them, 62 the highest */
#define BN_X_PLUS UINT64_C(0x450a14044a890a01)
#define BN_X_MINUS UINT64_C(0x20815000200010)
#define BN_X_TOP 62u

#endif
