/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FR_ADX_H
#define CDX_BN254_FR_ADX_H

#include <stdbool.h>

#include "bn254/fr.h"

/* Field arithmetic with mulx, adcx and adox (x86-64). */

#if defined(__x86_64__) && defined(__LP64__) && defined(__GNUC__)
#define CDX_ADX 1
#endif

/* Processor has BMI2 and ADX, and it is compiled in */
bool cdx_adx_have(void);
/* Call only when cdx_adx_have(); aliasing allowed */
void cdx_adx_mul(struct cdx_fr *out, const struct cdx_fr *a,
		 const struct cdx_fr *b);
void cdx_adx_sqr(struct cdx_fr *out, const struct cdx_fr *a);

#endif
