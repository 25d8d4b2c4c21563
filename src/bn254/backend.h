/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_BACKEND_H
#define CDX_BN254_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Which code does the arithmetic.  Chosen once, at first use, by what the
 * processor (and the system, for the vector registers) can do.  Every back end
 * gives the same bytes.
 */
enum cdx_bn254_backend {
	CDX_BN254_PORTABLE, /* C, any processor */
	CDX_BN254_ADX,	    /* x86-64 with BMI2 and ADX: mulx, adcx, adox */
	CDX_BN254_IFMA,	    /* AVX-512 IFMA, eight lanes; ADX for single ones */
	CDX_BN254_BACKENDS,
};

/* "portable", "adx", "ifma" */
const char *cdx_bn254_backend_name(enum cdx_bn254_backend b);
/* Can this processor run it (and was it compiled in)? */
bool cdx_bn254_backend_have(enum cdx_bn254_backend b);

/* Only for the function below: what was chosen, negative at first */
extern atomic_int cdx_bn254_chosen;
/* Chooses.  Threads that get here together all find the same. */
enum cdx_bn254_backend cdx_bn254_backend_choose(void);

/* The one in use: asked before every product, so no call.  Thread: safe. */
static inline enum cdx_bn254_backend cdx_bn254_backend(void)
{
	int b = atomic_load_explicit(&cdx_bn254_chosen, memory_order_relaxed);

	return b >= 0 ? (enum cdx_bn254_backend)b : cdx_bn254_backend_choose();
}

/* For tests and benches: use this one from now on; it must be had.  Call while
 * no other thread computes. */
void cdx_bn254_backend_force(enum cdx_bn254_backend b);

#endif
