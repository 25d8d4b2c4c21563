/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "volume/footer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_body(const uint8_t *data, size_t size)
{
	struct cdx_footer_extent prev = {0};
	struct cdx_buf again = {0};
	struct cdx_footer f;

	if (cdx_footer_decode(&f, data, size) < 0)
		return;
	cdx_footer_begin(&again, &f);
	for (uint32_t i = 0; i < f.extents; i++) {
		if (!cdx_footer_add(&again, &prev, &f.extent[i], SIZE_MAX))
			abort();
		prev = f.extent[i];
	}
	if (cdx_footer_end(&again, f.complete) < 0 || again.len != size ||
	    memcmp(again.p, data, size) != 0)
		abort();
	cdx_buf_free(&again);
	cdx_footer_free(&f);
}

/* The plain text of the last block is mostly zeros: the input is its start */
static void check_tail(const uint8_t *data, size_t size)
{
	uint8_t *plain = calloc(1, CDX_FOOTER_TAIL_PLAIN);
	uint8_t *again = malloc(CDX_FOOTER_TAIL_PLAIN);
	struct cdx_footer_tail t;

	if (!plain || !again)
		abort();
	memcpy(plain, data,
	       size < CDX_FOOTER_TAIL_PLAIN ? size : CDX_FOOTER_TAIL_PLAIN);
	if (cdx_footer_tail_decode(&t, plain, CDX_FOOTER_TAIL_PLAIN) == 0) {
		cdx_footer_tail_encode(again, &t);
		if (memcmp(again, plain, CDX_FOOTER_TAIL_PLAIN) != 0)
			abort();
	}
	if (cdx_footer_tail_decode(&t, data, size) == 0 &&
	    size != CDX_FOOTER_TAIL_PLAIN)
		abort();
	free(plain);
	free(again);
}

/* Decode, encode, compare: a footer has one form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_body(data, size);
	check_tail(data, size);
	return 0;
}
