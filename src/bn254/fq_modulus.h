/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FQ_MODULUS_H
#define CDX_BN254_FQ_MODULUS_H

#include "bn254/fp_portable.h"

/* q and what follows from it (spec/proofs.md 5) */
static const struct fp_modulus fq_modulus = {
	.m = {UINT64_C(0x3c208c16d87cfd47), UINT64_C(0x97816a916871ca8d),
	      UINT64_C(0xb85045b68181585d), UINT64_C(0x30644e72e131a029)},
	.inv = UINT64_C(0x87d20782e4866389),
	.one = {UINT64_C(0xd35d438dc58f0d9d), UINT64_C(0x0a78eb28f5c70b3d),
		UINT64_C(0x666ea36f7879462c), UINT64_C(0x0e0a77c19a07df2f)},
	.r2 = {UINT64_C(0xf32cfc5b538afa89), UINT64_C(0xb5e71911d44501fb),
	       UINT64_C(0x47ab1eff0a417ff6), UINT64_C(0x06d89f71cab8351f)},
};

#endif
