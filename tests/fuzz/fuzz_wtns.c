/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proof/wtns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read can be written, and read again from that, to the same values. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf file = {0};
	struct cdx_fr *w;
	struct cdx_fr *again;
	uint32_t wires;
	uint32_t n;

	if (cdx_wtns_read(&w, &wires, data, size, why) < 0) {
		/* always says what is wrong */
		if (why[0] == '\0')
			abort();
		return 0;
	}
	if (cdx_wtns_write(&file, w, wires) < 0 ||
	    cdx_wtns_read(&again, &n, file.p, file.len, why) < 0 ||
	    n != wires || memcmp(w, again, n * sizeof(*w)) != 0)
		abort();
	free(w);
	free(again);
	cdx_buf_free(&file);
	return 0;
}
