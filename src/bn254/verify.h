/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_VERIFY_H
#define CDX_BN254_VERIFY_H

/*
 * The bounds of lazy reduction, checked while the code runs when it is compiled
 * with CDX_VERIFY (test_bn254_verify is); otherwise these are nothing.
 */

#include "bn254/fr.h"

#ifdef CDX_VERIFY

#include <stdio.h>
#include <stdlib.h>

#include "bn254/fr_modulus.h"

/* Ends the program unless a < @hundredths / 100 * r */
static inline void fr_verify_below(const struct cdx_fr *a, uint64_t hundredths)
{
	uint64_t va[5];
	uint64_t vr[5];
	uint64_t ca = 0;
	uint64_t cr = 0;
	size_t i;

	for (i = 0; i < 4; i++) {
		va[i] = fp_mac(0, a->l[i], 100, &ca);
		vr[i] = fp_mac(0, fr_modulus.m[i], hundredths, &cr);
	}
	va[4] = ca;
	vr[4] = cr;
	for (i = 4; i > 0 && va[i] == vr[i];)
		i--;
	if (va[i] < vr[i])
		return;
	(void)fprintf(stderr, "bn254: not below %llu / 100 of the modulus\n",
		      (unsigned long long)hundredths);
	abort();
}

#else

/* Nothing: see above */
static inline void fr_verify_below(const struct cdx_fr *a, uint64_t hundredths)
{
	(void)a;
	(void)hundredths;
}

#endif

#endif
