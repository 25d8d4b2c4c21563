/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/g2_steps.h"

#ifdef __x86_64__

#ifndef __clang__
#pragma GCC optimize("schedule-insns") /* as in poseidon2_ifma.c */
#endif

#include "bn254/bn_x.h"
#include "bn254/fq2_lanes.h"

IFMA_TARGET void cdx_ifma_times_x(struct cdx_g2j out[CDX_G2_LANES],
				  const struct cdx_g2 p[CDX_G2_LANES])
{
	struct cdx_fq2 part[IFMA_LANES];
	struct point t;
	struct fe2 x;
	struct fe2 y;
	struct fe2 minus_y;
	struct fe2 unused[2];

	for (size_t i = 0; i < IFMA_LANES; i++)
		part[i] = p[i].x;
	load_fe2(&x, part);
	for (size_t i = 0; i < IFMA_LANES; i++)
		part[i] = p[i].y;
	load_fe2(&y, part);
	negative2(&minus_y, &y);
	t.x = x;
	t.y = y;
	set_z(&t);
	for (unsigned i = BN_X_TOP; i-- > 0;) {
		point_double(&t, &unused[0], &unused[1]);
		if (BN_X_PLUS >> i & 1)
			point_add(&t, &unused[0], &x, &y);
		if (BN_X_MINUS >> i & 1)
			point_add(&t, &unused[0], &x, &minus_y);
	}
	store_fe2(part, &t.x);
	for (size_t i = 0; i < IFMA_LANES; i++)
		out[i].x = part[i];
	store_fe2(part, &t.y);
	for (size_t i = 0; i < IFMA_LANES; i++)
		out[i].y = part[i];
	store_fe2(part, &t.z);
	for (size_t i = 0; i < IFMA_LANES; i++)
		out[i].z = part[i];
}

#else

void cdx_ifma_times_x(struct cdx_g2j out[CDX_G2_LANES],
		      const struct cdx_g2 p[CDX_G2_LANES])
{
	/* without lanes all are left to be done one by one */
	for (size_t i = 0; i < CDX_G2_LANES; i++)
		cdx_g2j_from_affine(&out[i], &cdx_g2_infinity);
	(void)p;
}

#endif
