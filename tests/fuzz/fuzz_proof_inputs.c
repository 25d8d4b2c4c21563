/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "slots/sampler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read can be written, and read again from that, to the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_proof_inputs in;
	struct cdx_proof_inputs again;
	struct cdx_buf text = {0};
	struct cdx_buf second = {0};
	char why[CDX_SLOTS_WHY_MAX] = "";

	if (cdx_proof_inputs_parse(&in, (const char *)data, size, why) < 0) {
		/* always says what is wrong */
		if (why[0] == '\0')
			abort();
		return 0;
	}
	if (cdx_proof_inputs_text(&text, &in) < 0 ||
	    cdx_proof_inputs_parse(&again, (const char *)text.p, text.len,
				   why) < 0 ||
	    cdx_proof_inputs_text(&second, &again) < 0 ||
	    text.len != second.len || memcmp(text.p, second.p, text.len) != 0)
		abort();
	cdx_proof_inputs_free(&in);
	cdx_proof_inputs_free(&again);
	cdx_buf_free(&text);
	cdx_buf_free(&second);
	return 0;
}
