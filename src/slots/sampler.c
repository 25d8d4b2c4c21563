/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "slots/sampler.h"

#include <errno.h>

#include "bn254/poseidon2.h"

#define SPONGE_RATE 2u

void cdx_entropy(struct cdx_fr *out, const uint8_t challenge[CDX_CHALLENGE_LEN])
{
	/* the last byte is dropped: 31 bytes are always below r */
	cdx_fr_from_short(out, challenge, CDX_CHALLENGE_LEN - 1);
}

int cdx_cell_index(uint64_t *out, const struct cdx_fr *entropy,
		   const struct cdx_fr *slot_root, uint64_t slot_cells,
		   uint64_t counter)
{
	struct cdx_fr in[3] = {*entropy, *slot_root};
	struct cdx_fr hash;
	uint64_t limbs[4];

	if (slot_cells < 2 || (slot_cells & (slot_cells - 1)) != 0)
		return -EINVAL;
	cdx_fr_from_u64(&in[2], counter);
	cdx_poseidon2_sponge(&hash, in, CDX_ARRAY_LEN(in), SPONGE_RATE);
	cdx_fr_to_limbs(limbs, &hash);
	*out = limbs[0] & (slot_cells - 1);
	return 0;
}
