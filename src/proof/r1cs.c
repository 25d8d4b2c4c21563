/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/r1cs.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void cdx_r1cs_free(struct cdx_r1cs *r)
{
	free(r->label);
	free(r->coef);
	for (size_t i = 0; i < 3; i++) {
		free(r->m[i].row);
		free(r->m[i].term);
	}
	memset(r, 0, sizeof(*r));
}

/* Row @i of @m times @w */
static void row_value(struct cdx_fr *out, const struct cdx_r1cs *r,
		      const struct cdx_r1cs_matrix *m, uint32_t i,
		      const struct cdx_fr *w)
{
	*out = cdx_fr_zero;
	for (uint32_t j = m->row[i]; j < m->row[i + 1]; j++) {
		const struct cdx_r1cs_term *t = &m->term[j];
		struct cdx_fr x;

		cdx_fr_mul(&x, &r->coef[t->coef], &w[t->wire]);
		cdx_fr_add(out, out, &x);
	}
}

int cdx_r1cs_check(const struct cdx_r1cs *r, const struct cdx_fr *w,
		   uint32_t *row)
{
	uint32_t i;

	for (i = 0; i < r->constraints; i++) {
		struct cdx_fr v[3];

		for (size_t j = 0; j < 3; j++)
			row_value(&v[j], r, &r->m[j], i, w);
		cdx_fr_mul(&v[0], &v[0], &v[1]);
		if (!cdx_fr_equal(&v[0], &v[2]))
			break;
	}
	/* the first wire is the constant one, whatever the rows say */
	if (i == r->constraints && cdx_fr_equal(&w[0], &cdx_fr_one))
		return 0;
	if (row)
		*row = i;
	return CDX_E_PROOF;
}
