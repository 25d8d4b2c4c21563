/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/circuit.h"

#include "proof/circuit_layout.h"

_Static_assert(FIXED_WIRES == 2033 && SAMPLE_WIRES == 17652,
	       "wires as of the published circuit");
_Static_assert(FIXED_ROWS == 2022 && SAMPLE_ROWS == 17556,
	       "constraints as of the published circuit");
_Static_assert(INDEX_LABELS == 3475 && CELL_LABELS == 61320,
	       "labels as of the published circuit");

uint32_t cdx_circuit_wires(uint32_t samples)
{
	return FIXED_WIRES + SAMPLE_WIRES * samples;
}

uint32_t cdx_circuit_constraints(uint32_t samples)
{
	return FIXED_ROWS + SAMPLE_ROWS * samples;
}

unsigned cdx_circuit_log_domain(uint32_t samples)
{
	const uint32_t rows =
		cdx_circuit_constraints(samples) + CDX_CIRCUIT_PUBLIC + 1;
	unsigned log = 0;

	while (rows > UINT32_C(1) << log)
		log++;
	return log;
}

void cdx_circuit_half(struct cdx_fr *out, unsigned k)
{
	/* (r + 1) / 2 */
	struct cdx_fr power = {
		{UINT64_C(0x783c14d81ffffffe), UINT64_C(0xaf982f6f0c8d1edd),
		 UINT64_C(0x8f5f7492fcfd4f45), UINT64_C(0x1f37631a3d9cbfac)}};

	*out = cdx_fr_one;
	for (; k > 0; k >>= 1) {
		if (k & 1)
			cdx_fr_mul(out, out, &power);
		cdx_fr_sqr(&power, &power);
	}
}
