/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "repair/repair.h"

#include <errno.h>

#include "base/err.h"

/* The slot that is asked about, as a source of the sampler */
struct asked {
	struct cdx_store *s;
	const struct cdx_slots *sl;
	uint32_t slot;
};

static int get_block(void *arg, uint64_t step, uint8_t *out)
{
	const struct asked *a = arg;
	uint64_t index = cdx_geometry_index(&a->sl->g, a->slot, step);
	int rc;

	rc = cdx_protection_read(a->s, out, &a->sl->rec, index);
	if (rc == 0 || rc == -ENOMEM)
		return rc;
	rc = cdx_repair_index(a->s, &a->sl->rec, index, out);
	return rc == CDX_E_HASH ? CDX_E_PROOF : rc;
}

static int get_node(void *arg, unsigned layer, uint64_t i, struct cdx_fr *out)
{
	const struct asked *a = arg;

	return cdx_slots_node(a->s, a->sl, a->slot, layer, i, out);
}

int cdx_slots_inputs(struct cdx_proof_inputs *out, struct cdx_store *s,
		     const struct cdx_slots *sl, uint32_t slot,
		     const uint8_t challenge[CDX_CHALLENGE_LEN],
		     uint32_t samples)
{
	struct asked a = {.s = s, .sl = sl, .slot = slot};
	const struct cdx_sample_source src = {
		.block = get_block,
		.node = get_node,
		.arg = &a,
	};

	if (slot >= sl->g.slots)
		return -EINVAL;
	return cdx_proof_inputs_make(out, &sl->g, sl->roots, slot, challenge,
				     samples, &src);
}
