/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_NTT_INTERNAL_H
#define CDX_BN254_NTT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/backend.h"
#include "bn254/fr.h"

struct ntt_vectors; /* ntt_ifma.h */

/*
 * How the transforms are done, by every back end.  N is 2^log_n, w the root of
 * order N, and brv(i) is i with its bits (log_n of them) in reverse order.
 *
 * "Down" takes values in natural order to N times the coefficients in reversed
 * order.  It is the evaluation of the polynomial of which the inputs are the
 * coefficients, at the powers of 1/w: that polynomial is reduced modulo x^N - 1,
 * which is halved again and again, x^2m - c^2 = (x^m - c)(x^m + c), until
 * remainders modulo x - w^-brv(p), the results, are left.  Every half step is
 *   (a, b) -> (a + c b, a - c b)
 * with one and the same c for a whole block, the entry of the table @down that
 * has the block's number: the steps to all lengths m take their c from the
 * start of one table.
 *
 * "Up" takes coefficients in reversed order to values in natural order, here at
 * s w^e with s s = w: f(x) = even(x^2) + x odd(x^2), and all x^2 are values of
 * the same kind for half the size.  Every half step is
 *   (a, b) -> (a + x b, a - x b)
 * where x depends on the place e in a block; @up has it at half the length of
 * the block plus e.  So the shift by s costs nothing.
 *
 * Values at w^i, not shifted, in natural order: down, with places p of the
 * result read as -brv(p) mod N for 1/w having been the root.
 */
struct cdx_ntt {
	unsigned log_n;
	enum cdx_bn254_backend backend;
	struct cdx_fr inv_n;
	/* The scalar code's; NULL when there are vectors.
	 * N / 2 powers of 1/w, at least one: down[p] = w^-brv(2p) */
	struct cdx_fr *down;
	/* up[m + e], e < m, m = 1, 2, 4 ... N / 2: (root of order 4m)^(2e+1) */
	struct cdx_fr *up;
	struct ntt_vectors *vectors; /* or NULL */
};

/* @i, below 2^@bits, in reverse order of bits; @bits at most 32 */
static inline size_t ntt_reverse(size_t i, unsigned bits)
{
	uint32_t v = (uint32_t)i;

	v = (v >> 1 & 0x55555555u) | (v & 0x55555555u) << 1;
	v = (v >> 2 & 0x33333333u) | (v & 0x33333333u) << 2;
	v = (v >> 4 & 0x0f0f0f0fu) | (v & 0x0f0f0f0fu) << 4;
	v = (v >> 8 & 0x00ff00ffu) | (v & 0x00ff00ffu) << 8;
	v = v >> 16 | v << 16;
	return bits > 0 ? v >> (32 - bits) : 0;
}

/* The first 2^@bits of the table down: down[m + p], p < m = 2^i, is down[p] times
 * the inverse of the root of order 4 m, since bit i of a place is, reversed,
 * one of N / 4 m */
void cdx_ntt_make_down(struct cdx_fr *down, unsigned bits);
/* The first 2^@bits of the table up */
void cdx_ntt_make_up(struct cdx_fr *up, unsigned bits);

/* The two halves in place, and the factor between them; scalar back ends */
void cdx_ntt_portable_down(const struct cdx_ntt *t, struct cdx_fr *a);
void cdx_ntt_portable_up(const struct cdx_ntt *t, struct cdx_fr *a);
void cdx_ntt_portable_scale(struct cdx_fr *a, size_t n, const struct cdx_fr *c);
/* Call these only when cdx_adx_have() */
void cdx_ntt_adx_down(const struct cdx_ntt *t, struct cdx_fr *a);
void cdx_ntt_adx_up(const struct cdx_ntt *t, struct cdx_fr *a);
void cdx_ntt_adx_scale(struct cdx_fr *a, size_t n, const struct cdx_fr *c);

/*
 * Eight lanes.  Call only when cdx_ifma_have().
 */

/* Below this log_n there is not enough for the vectors: @vectors stays NULL and
 * the scalar code does it */
#define NTT_IFMA_LOG_MIN 8u

/* Makes @vectors; -ENOMEM, and what there is of them then is freed with @t */
CDX_MUST_CHECK int cdx_ntt_ifma_new(struct cdx_ntt *t);
void cdx_ntt_ifma_free(struct ntt_vectors *v);
/* As cdx_ntt_forward, or as cdx_ntt_inverse.  -ENOMEM. */
CDX_MUST_CHECK int cdx_ntt_ifma(const struct cdx_ntt *t, struct cdx_fr *a,
				bool inverse);
/* As cdx_ntt_to_coset.  -ENOMEM. */
CDX_MUST_CHECK int cdx_ntt_ifma_to_coset(const struct cdx_ntt *t,
					 struct cdx_fr *a);

#endif
