/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proof/proof_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read can be written, and read again from that, to the same points. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_proof proof;
	struct cdx_proof again;
	struct cdx_buf text = {0};

	if (cdx_proof_read(&proof, (const char *)data, size, why) < 0) {
		/* always says what is wrong */
		if (why[0] == '\0')
			abort();
		return 0;
	}
	if (cdx_proof_write(&text, &proof) < 0 ||
	    cdx_proof_read(&again, (const char *)text.p, text.len, why) < 0 ||
	    !cdx_g1_equal(&proof.a, &again.a) ||
	    !cdx_g2_equal(&proof.b, &again.b) ||
	    !cdx_g1_equal(&proof.c, &again.c))
		abort();
	cdx_buf_free(&text);
	return 0;
}
