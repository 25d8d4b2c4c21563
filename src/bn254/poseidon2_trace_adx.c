/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/poseidon2_trace_scalar.h"

#include "bn254/fr_adx.h"

#ifdef CDX_ADX

#include "bn254/fp_portable.h"
#include "bn254/fr_adx_ops.h"
#include "bn254/internal.h"
#include "bn254/verify.h"

/*
 * Bounds in multiples of r, as in poseidon2_adx.c.  The state is tight, which
 * counts as 1.01, and s, with the constant added, below 2.02.  Then x2 is below
 * 4.09 / 5.29 + 1 = 1.78, x4 below 3.17 / 5.29 + 1 = 1.60, and their product
 * with s below 1.62 before its last subtraction, so below 1 after it.  The
 * largest sum is that of two times s2, y and v, below 5.05; 5.29 would not fit
 * any more.
 */
#define TIGHT 101 /* hundredths of r, for fr_verify_below */

/* As the template asks; @a below 2.02 */
static inline void trace_sqr(struct cdx_fr *o, const struct cdx_fr *a)
{
	fr_verify_below(a, 2 * TIGHT);
	adx_sqr_loose(o, a);
	fr_verify_below(o, 178);
}

/* As the template asks; @a below 1.60, @b below 2.02 */
static inline void trace_mul(struct cdx_fr *o, const struct cdx_fr *a,
			     const struct cdx_fr *b)
{
	fr_verify_below(a, 160);
	fr_verify_below(b, 2 * TIGHT);
	adx_mul_once(o, a, b);
	fr_verify_below(o, 100);
}

/* As the template asks: below 2.02 */
static inline void trace_add(struct cdx_fr *o, const struct cdx_fr *a,
			     const struct cdx_fr *b)
{
	fr_verify_below(a, TIGHT);
	fr_verify_below(b, TIGHT);
	adx_add_loose(o, a, b);
}

/* As the template asks: tight */
static inline void trace_sum3(struct cdx_fr *o, const struct cdx_fr *a,
			      const struct cdx_fr *b, const struct cdx_fr *c)
{
	adx_add3_tight(o, a, b, c);
	fr_verify_below(o, TIGHT);
}

/* As the template asks: tight */
static inline void trace_sum4(struct cdx_fr *o, const struct cdx_fr *a,
			      const struct cdx_fr *b, const struct cdx_fr *c,
			      const struct cdx_fr *d)
{
	struct cdx_fr t;

	adx_add_loose(&t, a, b);
	adx_add3_tight(o, &t, c, d);
	fr_verify_below(o, TIGHT);
}

/* As the template asks; @a below 2.  Every fourth one or so is above r, which is
 * too often for guessing, so both are made and one is taken. */
static inline void trace_keep(struct cdx_fr *o, const struct cdx_fr *a)
{
	uint64_t t0, t1, t2, t3;

	__asm__ volatile(
		ADX_LOAD
		"subq %[m0], %[t0]\n\t"
		"sbbq %[m1], %[t1]\n\t"
		"sbbq %[m2], %[t2]\n\t"
		"sbbq %[m3], %[t3]\n\t"
		"cmovcq (%[a]), %[t0]\n\t"
		"cmovcq 8(%[a]), %[t1]\n\t"
		"cmovcq 16(%[a]), %[t2]\n\t"
		"cmovcq 24(%[a]), %[t3]\n\t" ADX_STORE("t0", "t1", "t2", "t3")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3)
		: [o] "r"(o), [a] "r"(a), ADX_MODULUS
		: "cc", "memory");
}

#include "bn254/poseidon2_trace_rounds.h"

void cdx_poseidon2_trace_adx(struct cdx_fr state[3],
			     struct cdx_poseidon2_trace *trace)
{
	trace_permute(state, trace);
}

#else

void cdx_poseidon2_trace_adx(struct cdx_fr state[3],
			     struct cdx_poseidon2_trace *trace)
{
	cdx_poseidon2_trace_portable(state, trace);
}

#endif
