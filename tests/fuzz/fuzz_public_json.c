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

/* What is read can be written, and read again from that, to the same values. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf text = {0};
	struct cdx_fr *x;
	struct cdx_fr *again;
	uint32_t n;
	uint32_t m;

	if (cdx_public_read(&x, &n, (const char *)data, size, why) < 0) {
		/* always says what is wrong */
		if (why[0] == '\0')
			abort();
		return 0;
	}
	if (cdx_public_write(&text, x, n) < 0 ||
	    cdx_public_read(&again, &m, (const char *)text.p, text.len, why) <
		    0 ||
	    m != n || (n > 0 && memcmp(x, again, n * sizeof(*x)) != 0))
		abort();
	free(x);
	free(again);
	cdx_buf_free(&text);
	return 0;
}
