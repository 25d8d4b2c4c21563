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
 * Bounds in multiples of r, as in poseidon2_adx.c: what is kept is below 1, a
 * sum of two of those below 2.  A product or square of operands below 2 is
 * below 1.76 before its last subtraction, so below 1 after it; the largest sum
 * is that of two times s2, y and v, below 5, where 5.29 would not fit any more.
 */

/* As the template asks; @a below 2 */
static inline void trace_sqr(struct cdx_fr *o, const struct cdx_fr *a)
{
	fr_verify_below(a, 200);
	adx_sqr_once(o, a);
	fr_verify_below(o, 100);
}

/* As the template asks; both below 2 */
static inline void trace_mul(struct cdx_fr *o, const struct cdx_fr *a,
			     const struct cdx_fr *b)
{
	adx_mul_once(o, a, b);
	fr_verify_below(o, 100);
}

/* As the template asks: below 2 */
static inline void trace_add(struct cdx_fr *o, const struct cdx_fr *a,
			     const struct cdx_fr *b)
{
	adx_add_loose(o, a, b);
}

/* As the template asks; the sum below 4 */
static inline void trace_sum3(struct cdx_fr *o, const struct cdx_fr *a,
			      const struct cdx_fr *b, const struct cdx_fr *c)
{
	adx_add3_tight(o, a, b, c);
	fp_reduce_once(o->l, o->l, &fr_modulus);
	fr_verify_below(o, 100);
}

/* As the template asks; the sum below 5 */
static inline void trace_sum4(struct cdx_fr *o, const struct cdx_fr *a,
			      const struct cdx_fr *b, const struct cdx_fr *c,
			      const struct cdx_fr *d)
{
	struct cdx_fr t;

	adx_add_loose(&t, a, b);
	trace_sum3(o, &t, c, d);
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
