/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/poseidon2_trace.h"

#include "bn254/backend.h"
#include "bn254/fr_modulus.h"
#include "bn254/internal.h"
#include "bn254/poseidon2_trace_scalar.h"

_Static_assert(CDX_TRACE_EXTERNAL == CDX_POSEIDON2_EXTERNAL &&
		       CDX_TRACE_INTERNAL == CDX_POSEIDON2_INTERNAL,
	       "a trace has all rounds");

/* As the template asks */
static inline void trace_sqr(struct cdx_fr *o, const struct cdx_fr *a)
{
	fp_mul(o->l, a->l, a->l, &fr_modulus);
}

/* As the template asks */
static inline void trace_mul(struct cdx_fr *o, const struct cdx_fr *a,
			     const struct cdx_fr *b)
{
	fp_mul(o->l, a->l, b->l, &fr_modulus);
}

/* As the template asks */
static inline void trace_add(struct cdx_fr *o, const struct cdx_fr *a,
			     const struct cdx_fr *b)
{
	fp_add(o->l, a->l, b->l, &fr_modulus);
}

/* As the template asks */
static inline void trace_sum3(struct cdx_fr *o, const struct cdx_fr *a,
			      const struct cdx_fr *b, const struct cdx_fr *c)
{
	struct cdx_fr t;

	trace_add(&t, a, b);
	trace_add(o, &t, c);
}

/* As the template asks */
static inline void trace_sum4(struct cdx_fr *o, const struct cdx_fr *a,
			      const struct cdx_fr *b, const struct cdx_fr *c,
			      const struct cdx_fr *d)
{
	struct cdx_fr t;
	struct cdx_fr u;

	trace_add(&t, a, b);
	trace_add(&u, c, d);
	trace_add(o, &t, &u);
}

/* As the template asks: it is already */
static inline void trace_keep(struct cdx_fr *o, const struct cdx_fr *a)
{
	*o = *a;
}

#include "bn254/poseidon2_trace_rounds.h"

void cdx_poseidon2_trace_portable(struct cdx_fr state[3],
				  struct cdx_poseidon2_trace *trace)
{
	trace_permute(state, trace);
}

void cdx_poseidon2_trace(struct cdx_fr state[3],
			 struct cdx_poseidon2_trace *trace)
{
	if (cdx_bn254_backend() == CDX_BN254_PORTABLE)
		cdx_poseidon2_trace_portable(state, trace);
	else
		cdx_poseidon2_trace_adx(state, trace);
}

const struct cdx_fr *cdx_poseidon2_external_constants(size_t round)
{
	return cdx_poseidon2_ext[round];
}

const struct cdx_fr *cdx_poseidon2_internal_constant(size_t round)
{
	return &cdx_poseidon2_int[round];
}
