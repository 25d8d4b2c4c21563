/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/g1.h"

/* (1, 2) */
const struct cdx_g1 cdx_g1_generator = {
	{{UINT64_C(0xd35d438dc58f0d9d), UINT64_C(0x0a78eb28f5c70b3d),
	  UINT64_C(0x666ea36f7879462c), UINT64_C(0x0e0a77c19a07df2f)}},
	{{UINT64_C(0xa6ba871b8b1e1b3a), UINT64_C(0x14f1d651eb8e167b),
	  UINT64_C(0xccdd46def0f28c58), UINT64_C(0x1c14ef83340fbe5e)}}};
const struct cdx_g1 cdx_g1_infinity = {{{0, 0, 0, 0}}, {{0, 0, 0, 0}}};

/* 3 */
static const struct cdx_fq curve_b = {
	{UINT64_C(0x7a17caa950ad28d7), UINT64_C(0x1f6ac17ae15521b9),
	 UINT64_C(0x334bea4e696bd284), UINT64_C(0x2a1f6744ce179d8e)}};

#define FIELD cdx_fq
#define F(name) cdx_fq_##name
#define AFFINE cdx_g1
#define A(name) cdx_g1_##name
#define JACOBI cdx_g1j
#define J(name) cdx_g1j_##name
#define CURVE_B curve_b
#include "bn254/curve_impl.h"

int cdx_g1_decode(struct cdx_g1 *out, const uint8_t in[CDX_G1_BYTES])
{
	struct cdx_g1 t;
	int rc = cdx_fq_from_mont(&t.x, in);

	if (rc == 0)
		rc = cdx_fq_from_mont(&t.y, in + CDX_FQ_BYTES);
	if (rc == 0)
		*out = t;
	return rc;
}

void cdx_g1_encode(uint8_t out[CDX_G1_BYTES], const struct cdx_g1 *p)
{
	cdx_fq_to_mont(out, &p->x);
	cdx_fq_to_mont(out + CDX_FQ_BYTES, &p->y);
}
