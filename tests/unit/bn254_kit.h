/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_BN254_KIT_H
#define CDX_TESTS_UNIT_BN254_KIT_H

/* Field elements for tests, and a walk over the back ends. */

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/backend.h"
#include "bn254/fq.h"
#include "bn254/fr.h"
#include "tests/unit/seed.h"

/* Elements as they lie in memory: zero and its neighbours, one, limbs of all
 * ones, limbs of zeros, 2^256 and 2^512 mod r, r less something */
static const struct cdx_fr bn254_edges[] = {
	{{0, 0, 0, 0}},
	{{1, 0, 0, 0}},
	{{2, 0, 0, 0}},
	{{UINT64_C(0x43e1f593f0000000), UINT64_C(0x2833e84879b97091),
	  UINT64_C(0xb85045b68181585d), UINT64_C(0x30644e72e131a029)}},
	{{UINT64_C(0x43e1f593efffffff), UINT64_C(0x2833e84879b97091),
	  UINT64_C(0xb85045b68181585d), UINT64_C(0x30644e72e131a029)}},
	{{UINT64_C(0x43e1f593effffffe), UINT64_C(0x2833e84879b97091),
	  UINT64_C(0xb85045b68181585d), UINT64_C(0x30644e72e131a029)}},
	{{UINT64_C(0xac96341c4ffffffb), UINT64_C(0x36fc76959f60cd29),
	  UINT64_C(0x666ea36f7879462e), UINT64_C(0x0e0a77c19a07df2f)}},
	{{UINT64_C(0x1bb8e645ae216da7), UINT64_C(0x53fe3ab1e35c59e3),
	  UINT64_C(0x8c49833d53bb8085), UINT64_C(0x0216d0b17f4e44a5)}},
	{{UINT64_MAX, 0, 0, 0}},
	{{UINT64_MAX, UINT64_MAX, 0, 0}},
	{{UINT64_MAX, UINT64_MAX, UINT64_MAX, 0}},
	{{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_C(0x30644e72e131a028)}},
	{{0, UINT64_MAX, UINT64_MAX, UINT64_C(0x2fffffffffffffff)}},
	{{UINT64_MAX, 0, UINT64_MAX, 0}},
	{{0, UINT64_MAX, 0, UINT64_C(0x2fffffffffffffff)}},
	{{UINT64_MAX, UINT64_MAX, UINT64_C(0xb85045b68181585c),
	  UINT64_C(0x30644e72e131a029)}},
	{{0, 0, 0, UINT64_C(0x30644e72e131a029)}},
	{{0, 0, 0, UINT64_C(0x2000000000000000)}},
	{{0, 0, 0, 1}},
	{{UINT64_C(0x8000000000000000), UINT64_C(0x8000000000000000),
	  UINT64_C(0x8000000000000000), UINT64_C(0x1800000000000000)}},
};

/* An edge, or evenly any element */
static inline void bn254_any(struct cdx_fr *out, struct seed *s)
{
	if (seed_below(s, 8) == 0) {
		*out = bn254_edges[seed_below(s, CDX_ARRAY_LEN(bn254_edges))];
		return;
	}
	for (;;) {
		uint8_t bytes[CDX_FR_BYTES];

		seed_fill(s, bytes, sizeof(bytes));
		bytes[CDX_FR_BYTES - 1] &= 0x3f;
		if (cdx_fr_from_bytes(out, bytes) == 0)
			return;
	}
}

/* Of Fq: zero and its neighbours, limbs of ones and of zeros, 2^256 mod q */
static const struct cdx_fq bn254_fq_edges[] = {
	{{0, 0, 0, 0}},
	{{1, 0, 0, 0}},
	{{2, 0, 0, 0}},
	{{UINT64_C(0x3c208c16d87cfd46), UINT64_C(0x97816a916871ca8d),
	  UINT64_C(0xb85045b68181585d), UINT64_C(0x30644e72e131a029)}},
	{{UINT64_C(0x3c208c16d87cfd45), UINT64_C(0x97816a916871ca8d),
	  UINT64_C(0xb85045b68181585d), UINT64_C(0x30644e72e131a029)}},
	{{UINT64_C(0xd35d438dc58f0d9d), UINT64_C(0x0a78eb28f5c70b3d),
	  UINT64_C(0x666ea36f7879462c), UINT64_C(0x0e0a77c19a07df2f)}},
	{{UINT64_MAX, 0, 0, 0}},
	{{UINT64_MAX, UINT64_MAX, UINT64_MAX, 0}},
	{{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_C(0x30644e72e131a028)}},
	{{UINT64_MAX, UINT64_MAX, UINT64_C(0xb85045b68181585c),
	  UINT64_C(0x30644e72e131a029)}},
	{{0, UINT64_MAX, 0, UINT64_C(0x2fffffffffffffff)}},
	{{0, 0, 0, UINT64_C(0x30644e72e131a029)}},
	{{0, 0, 0, 1}},
};

/* An edge, or evenly any element */
static inline void bn254_any_fq(struct cdx_fq *out, struct seed *s)
{
	if (seed_below(s, 8) == 0) {
		*out = bn254_fq_edges[seed_below(
			s, CDX_ARRAY_LEN(bn254_fq_edges))];
		return;
	}
	for (;;) {
		uint8_t bytes[CDX_FQ_BYTES];

		seed_fill(s, bytes, sizeof(bytes));
		bytes[CDX_FQ_BYTES - 1] &= 0x3f;
		if (cdx_fq_from_mont(out, bytes) == 0)
			return;
	}
}

/* Runs @check with each back end that this machine has */
static inline void bn254_each_backend(void (*check)(void))
{
	for (int b = 0; b < CDX_BN254_BACKENDS; b++) {
		if (!cdx_bn254_backend_have((enum cdx_bn254_backend)b))
			continue;
		cdx_bn254_backend_force((enum cdx_bn254_backend)b);
		check();
	}
}

#endif
