/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "market/sale_note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken for the note of a sale is written as the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_buf out = {.p = NULL};
	struct cdx_sale_note n;

	if (cdx_sale_note_decode(&n, data, size) < 0)
		return 0;
	if (cdx_sale_note_encode(&out, &n) < 0 || out.len != size ||
	    memcmp(out.p, data, size) != 0)
		abort();
	cdx_buf_free(&out);
	return 0;
}
