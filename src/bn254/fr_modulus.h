/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FR_MODULUS_H
#define CDX_BN254_FR_MODULUS_H

#include "bn254/fp_portable.h"

/* r and what follows from it (spec/proofs.md 5) */
static const struct fp_modulus fr_modulus = {
	.m = {UINT64_C(0x43e1f593f0000001), UINT64_C(0x2833e84879b97091),
	      UINT64_C(0xb85045b68181585d), UINT64_C(0x30644e72e131a029)},
	.inv = UINT64_C(0xc2e1f593efffffff),
	.one = {UINT64_C(0xac96341c4ffffffb), UINT64_C(0x36fc76959f60cd29),
		UINT64_C(0x666ea36f7879462e), UINT64_C(0x0e0a77c19a07df2f)},
	.r2 = {UINT64_C(0x1bb8e645ae216da7), UINT64_C(0x53fe3ab1e35c59e3),
	       UINT64_C(0x8c49833d53bb8085), UINT64_C(0x0216d0b17f4e44a5)},
};

#endif
