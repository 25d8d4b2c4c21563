/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/fr_vec.h"

#include "base/bytes.h"
#include "bn254/backend.h"
#include "bn254/fr_vec_internal.h"
#include "bn254/ntt.h"

/* Element @a as an integer, to number @i of @out.  It is the product with the
 * integer 1; cdx_fr_to_bytes does not go through the back end. */
static void put(uint8_t *out, size_t i, const struct cdx_fr *a)
{
	static const struct cdx_fr one = {{1, 0, 0, 0}};
	struct cdx_fr v;

	cdx_fr_mul(&v, a, &one);
	for (size_t j = 0; j < 4; j++)
		cdx_put_le64(out + CDX_FR_BYTES * i + 8 * j, v.l[j]);
}

void cdx_fr_to_canonical_many(uint8_t *out, const struct cdx_fr *a, size_t n)
{
	if (cdx_bn254_backend() == CDX_BN254_IFMA) {
		cdx_ifma_to_canonical(out, a, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		put(out, i, &a[i]);
}

void cdx_fr_quotients(uint8_t *out, const struct cdx_fr *a,
		      const struct cdx_fr *b, const struct cdx_fr *c, size_t n)
{
	if (cdx_bn254_backend() == CDX_BN254_IFMA) {
		cdx_ifma_quotients(out, a, b, c, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct cdx_fr h;

		cdx_fr_mul(&h, &a[i], &b[i]);
		cdx_fr_sub(&h, &h, &c[i]);
		put(out, i, &h);
	}
}
