/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/ntt.h"

#include <errno.h>
#include <stdlib.h>

#include "bn254/ntt_internal.h"

/* 5^((r - 1) / 2^28) (spec/proofs.md 5), in Montgomery form */
static const struct cdx_fr root_28 = {
	{UINT64_C(0x636e735580d13d9c), UINT64_C(0xa22bf3742445ffd6),
	 UINT64_C(0x56452ac01eb203d8), UINT64_C(0x1860ef942963f9e7)}};

void cdx_ntt_root(struct cdx_fr *out, unsigned log_n)
{
	struct cdx_fr w = root_28;

	for (unsigned i = log_n; i < CDX_NTT_LOG_MAX; i++)
		cdx_fr_sqr(&w, &w);
	*out = w;
}

void cdx_ntt_make_down(struct cdx_fr *down, unsigned bits)
{
	down[0] = cdx_fr_one;
	for (unsigned i = 0; i < bits; i++) {
		const size_t m = (size_t)1 << i;
		struct cdx_fr w;

		cdx_ntt_root(&w, i + 2);
		cdx_fr_inv(&w, &w);
		for (size_t p = 0; p < m; p++)
			cdx_fr_mul(&down[m + p], &down[p], &w);
	}
}

void cdx_ntt_make_up(struct cdx_fr *up, unsigned bits)
{
	up[0] = cdx_fr_zero; /* not used */
	for (unsigned i = 0; i < bits; i++) {
		const size_t m = (size_t)1 << i;
		struct cdx_fr *x = up + m;
		struct cdx_fr w;

		cdx_ntt_root(&x[0], i + 2);
		cdx_ntt_root(&w, i + 1);
		/* the first, then twice as many by a product each, so that
		 * products do not wait for each other */
		for (size_t have = 1; have < m; have *= 2) {
			for (size_t e = 0; e < have; e++)
				cdx_fr_mul(&x[have + e], &x[e], &w);
			cdx_fr_sqr(&w, &w);
		}
	}
}

static int scalar_new(struct cdx_ntt *t)
{
	const size_t n = (size_t)1 << t->log_n;

	t->down = malloc((n + 1) / 2 * sizeof(*t->down));
	t->up = malloc(n * sizeof(*t->up));
	if (!t->down || !t->up)
		return -ENOMEM;
	cdx_ntt_make_down(t->down, t->log_n > 0 ? t->log_n - 1 : 0);
	cdx_ntt_make_up(t->up, t->log_n);
	return 0;
}

int cdx_ntt_new(struct cdx_ntt **out, unsigned log_n)
{
	struct cdx_ntt *t;
	int rc;

	*out = NULL;
	if (log_n >= CDX_NTT_LOG_MAX)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->log_n = log_n;
	t->backend = cdx_bn254_backend();
	cdx_fr_from_u64(&t->inv_n, UINT64_C(1) << log_n);
	cdx_fr_inv(&t->inv_n, &t->inv_n);
	if (t->backend == CDX_BN254_IFMA && log_n >= NTT_IFMA_LOG_MIN)
		rc = cdx_ntt_ifma_new(t);
	else
		rc = scalar_new(t);
	if (rc != 0) {
		cdx_ntt_free(t);
		return rc;
	}
	*out = t;
	return 0;
}

void cdx_ntt_free(struct cdx_ntt *t)
{
	if (!t)
		return;
	free(t->down);
	free(t->up);
	cdx_ntt_ifma_free(t->vectors);
	free(t);
}

static void down(const struct cdx_ntt *t, struct cdx_fr *a)
{
	if (t->backend == CDX_BN254_PORTABLE)
		cdx_ntt_portable_down(t, a);
	else
		cdx_ntt_adx_down(t, a);
}

static void up(const struct cdx_ntt *t, struct cdx_fr *a)
{
	if (t->backend == CDX_BN254_PORTABLE)
		cdx_ntt_portable_up(t, a);
	else
		cdx_ntt_adx_up(t, a);
}

static void scale(const struct cdx_ntt *t, struct cdx_fr *a)
{
	const size_t n = (size_t)1 << t->log_n;

	if (t->backend == CDX_BN254_PORTABLE)
		cdx_ntt_portable_scale(a, n, &t->inv_n);
	else
		cdx_ntt_adx_scale(a, n, &t->inv_n);
}

static void swap(struct cdx_fr *a, struct cdx_fr *b)
{
	struct cdx_fr t = *a;

	*a = *b;
	*b = t;
}

static void reorder(const struct cdx_ntt *t, struct cdx_fr *a)
{
	const size_t n = (size_t)1 << t->log_n;

	for (size_t i = 0; i < n; i++) {
		size_t j = ntt_reverse(i, t->log_n);

		if (i < j)
			swap(&a[i], &a[j]);
	}
}

int cdx_ntt_forward(const struct cdx_ntt *t, struct cdx_fr *a)
{
	const size_t n = (size_t)1 << t->log_n;

	if (t->vectors)
		return cdx_ntt_ifma(t, a, false);
	down(t, a);
	reorder(t, a);
	/* these are the sums with 1/w: number i is the one with w of n - i */
	for (size_t i = 1; i < n / 2; i++)
		swap(&a[i], &a[n - i]);
	return 0;
}

int cdx_ntt_inverse(const struct cdx_ntt *t, struct cdx_fr *a)
{
	if (t->vectors)
		return cdx_ntt_ifma(t, a, true);
	down(t, a);
	scale(t, a);
	reorder(t, a);
	return 0;
}

int cdx_ntt_to_coset(const struct cdx_ntt *t, struct cdx_fr *a)
{
	if (t->vectors)
		return cdx_ntt_ifma_to_coset(t, a);
	down(t, a);
	scale(t, a);
	up(t, a);
	return 0;
}
