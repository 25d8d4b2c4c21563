/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/ntt_internal.h"

#include "bn254/fr_adx.h"
#include "bn254/fr_modulus.h"

#ifdef CDX_ADX

#include "bn254/fr_adx_ops.h"
#include "bn254/verify.h"

/*
 * Elements are below 4 r between the steps.  A product of one with a root is
 * below (4 / 5.29 + 1) r.
 */
static inline void mul(struct cdx_fr *b, const struct cdx_fr *c)
{
	fr_verify_below(b, 400);
	adx_mul_loose(b, b, c);
	fr_verify_below(b, 176);
}

static inline void settle(struct cdx_fr *b)
{
	adx_tight(b, b);
}

static inline void finish(struct cdx_fr *b)
{
	fr_verify_below(b, 400);
	adx_tight(b, b);
	fp_reduce_once(b->l, b->l, &fr_modulus);
}

/*
 * a, less 2 r when it is not below; then the sum with b, and the difference
 * plus 2 r.  In one block, because the compiler's own code for the carries takes
 * as long as a product.
 */
/* clang-format off */
#define CROSS \
	ADX_LOAD \
	"movq %[t0], %[s0]\n\t"                       \
	"movq %[t1], %[s1]\n\t"                       \
	"movq %[t2], %[s2]\n\t"                       \
	"movq %[t3], %[s3]\n\t"                       \
	"subq (%[r2]), %[t0]\n\t"                     \
	"sbbq 8(%[r2]), %[t1]\n\t"                    \
	"sbbq 16(%[r2]), %[t2]\n\t"                   \
	"sbbq 24(%[r2]), %[t3]\n\t"                   \
	"cmovcq %[s0], %[t0]\n\t"                     \
	"cmovcq %[s1], %[t1]\n\t"                     \
	"cmovcq %[s2], %[t2]\n\t"                     \
	"cmovcq %[s3], %[t3]\n\t"                     \
	"movq %[t0], %[s0]\n\t"                       \
	"movq %[t1], %[s1]\n\t"                       \
	"movq %[t2], %[s2]\n\t"                       \
	"movq %[t3], %[s3]\n\t"                       \
	ADX_PLUS("o") \
	"addq (%[r2]), %[s0]\n\t"                     \
	"adcq 8(%[r2]), %[s1]\n\t"                    \
	"adcq 16(%[r2]), %[s2]\n\t"                   \
	"adcq 24(%[r2]), %[s3]\n\t"                   \
	"subq (%[o]), %[s0]\n\t"                      \
	"sbbq 8(%[o]), %[s1]\n\t"                     \
	"sbbq 16(%[o]), %[s2]\n\t"                    \
	"sbbq 24(%[o]), %[s3]\n\t"                    \
	ADX_STORE("s0", "s1", "s2", "s3") \
	"movq %[t0], (%[a])\n\t"                      \
	"movq %[t1], 8(%[a])\n\t"                     \
	"movq %[t2], 16(%[a])\n\t"                    \
	"movq %[t3], 24(%[a])\n\t"
/* clang-format on */

static inline void cross(struct cdx_fr *a, struct cdx_fr *b)
{
	uint64_t t0, t1, t2, t3, s0, s1, s2, s3;

	fr_verify_below(a, 400);
	fr_verify_below(b, 200);
	__asm__ volatile(
		CROSS
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3),
		  [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3)
		: [a] "r"(a), [o] "r"(b), [r2] "r"(fr_multiples[2])
		: "cc", "memory");
}

#define NTT_NAME(x) cdx_ntt_adx_##x
#include "bn254/ntt_scalar.h"

#else

void cdx_ntt_adx_down(const struct cdx_ntt *t, struct cdx_fr *a)
{
	cdx_ntt_portable_down(t, a);
}

void cdx_ntt_adx_up(const struct cdx_ntt *t, struct cdx_fr *a)
{
	cdx_ntt_portable_up(t, a);
}

void cdx_ntt_adx_scale(struct cdx_fr *a, size_t n, const struct cdx_fr *c)
{
	cdx_ntt_portable_scale(a, n, c);
}

#endif
