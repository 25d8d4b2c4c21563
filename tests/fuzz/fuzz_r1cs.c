/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proof/r1cs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read can be written, and read again from that, to the same file; a
 * witness of ones either satisfies both or neither. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf file = {0};
	struct cdx_buf second = {0};
	struct cdx_r1cs r;
	struct cdx_r1cs again;
	struct cdx_fr *w;

	if (cdx_r1cs_read(&r, data, size, why) < 0) {
		/* always says what is wrong */
		if (why[0] == '\0')
			abort();
		return 0;
	}
	if (cdx_r1cs_write(&file, &r) < 0 ||
	    cdx_r1cs_read(&again, file.p, file.len, why) < 0 ||
	    cdx_r1cs_write(&second, &again) < 0 || file.len != second.len ||
	    memcmp(file.p, second.p, file.len) != 0)
		abort();
	w = calloc(r.wires ? r.wires : 1, sizeof(*w));
	if (!w)
		abort();
	for (uint32_t i = 0; i < r.wires; i++)
		w[i] = cdx_fr_one;
	if (cdx_r1cs_check(&r, w, NULL) != cdx_r1cs_check(&again, w, NULL))
		abort();
	free(w);
	cdx_r1cs_free(&r);
	cdx_r1cs_free(&again);
	cdx_buf_free(&file);
	cdx_buf_free(&second);
	return 0;
}
