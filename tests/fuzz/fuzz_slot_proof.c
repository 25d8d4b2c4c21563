/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "merkle/poseidon2_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* decode, encode, decode: the same proof.  Verifying any proof against a made
 * up root ends, and says no. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_fr root = cdx_fr_one;
	struct cdx_p2tree_proof p;
	struct cdx_p2tree_proof again;
	struct cdx_buf b = {0};

	if (cdx_p2tree_proof_decode(&p, data, size) < 0)
		return 0;
	cdx_p2tree_proof_encode(&b, &p);
	if (cdx_buf_ok(&b) < 0 ||
	    cdx_p2tree_proof_decode(&again, b.p, b.len) < 0 ||
	    p.index != again.index || p.leaves != again.leaves ||
	    p.depth != again.depth ||
	    memcmp(p.path, again.path, p.depth * sizeof(p.path[0])) != 0)
		abort();
	if (cdx_p2tree_verify(&p, &cdx_fr_zero, &root) == 0)
		abort();
	cdx_buf_free(&b);
	return 0;
}
