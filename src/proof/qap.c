/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/qap.h"

#include <stddef.h>

#include "bn254/ntt.h"

/*
 * out[i] = (tau^n - 1) / n * x_i / (tau - x_i), x_i = @first @step^i, for @n
 * points x_i of order @order: L_i(tau) of all roots of that order.  The
 * inversions are done together: a product of all but one after the other, one
 * inverse, and back.
 */
static bool lagrange(struct cdx_fr *out, const struct cdx_fr *tau,
		     const struct cdx_fr *first, const struct cdx_fr *step,
		     size_t n, unsigned log_order)
{
	struct cdx_fr scale = *tau;
	struct cdx_fr product = cdx_fr_one;
	struct cdx_fr back;
	struct cdx_fr x = *first;
	struct cdx_fr t;

	for (unsigned i = 0; i < log_order; i++)
		cdx_fr_sqr(&scale, &scale);
	cdx_fr_sub(&scale, &scale, &cdx_fr_one);
	if (cdx_fr_is_zero(&scale))
		return false;
	cdx_fr_from_u64(&t, UINT64_C(1) << log_order);
	cdx_fr_inv(&t, &t);
	cdx_fr_mul(&scale, &scale, &t);
	for (size_t i = 0; i < n; i++) {
		out[i] = product; /* of those before */
		cdx_fr_sub(&t, tau, &x);
		cdx_fr_mul(&product, &product, &t);
		cdx_fr_mul(&x, &x, step);
	}
	cdx_fr_inv(&product, &product);
	cdx_fr_inv(&back, step);
	for (size_t i = n; i-- > 0;) {
		cdx_fr_mul(&x, &x, &back);
		cdx_fr_mul(&out[i], &out[i], &product);
		cdx_fr_mul(&out[i], &out[i], &x);
		cdx_fr_mul(&out[i], &out[i], &scale);
		cdx_fr_sub(&t, tau, &x);
		cdx_fr_mul(&product, &product, &t);
	}
	return true;
}

bool cdx_qap_lagrange(struct cdx_fr *even, struct cdx_fr *odd,
		      const struct cdx_fr *tau, unsigned log_n)
{
	const size_t n = (size_t)1 << log_n;
	struct cdx_fr root;
	struct cdx_fr half;

	cdx_ntt_root(&root, log_n);
	cdx_ntt_root(&half, log_n + 1);
	/* the larger domain has all roots of both */
	return lagrange(odd, tau, &half, &root, n, log_n + 1) &&
	       lagrange(even, tau, &cdx_fr_one, &root, n, log_n);
}

void cdx_qap_wires(struct cdx_fr *const at[3], const struct cdx_r1cs *r,
		   const struct cdx_fr *lagrange)
{
	const uint32_t public = r->outputs + r->public_inputs;

	for (size_t m = 0; m < 3; m++) {
		const struct cdx_r1cs_matrix *x = &r->m[m];

		for (uint32_t i = 0; i < r->constraints; i++) {
			for (uint32_t j = x->row[i]; j < x->row[i + 1]; j++) {
				struct cdx_fr *to = &at[m][x->term[j].wire];
				struct cdx_fr t;

				cdx_fr_mul(&t, &r->coef[x->term[j].coef],
					   &lagrange[i]);
				cdx_fr_add(to, to, &t);
			}
		}
	}
	for (uint32_t i = 0; i <= public; i++)
		cdx_fr_add(&at[0][i], &at[0][i], &lagrange[r->constraints + i]);
}
