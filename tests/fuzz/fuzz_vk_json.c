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

/* What is read can be written, and read again from that, to the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf text = {0};
	struct cdx_buf second = {0};
	struct cdx_vk vk;
	struct cdx_vk again;

	if (cdx_vk_read(&vk, (const char *)data, size, why) < 0) {
		/* always says what is wrong */
		if (why[0] == '\0')
			abort();
		return 0;
	}
	if (cdx_vk_write(&text, &vk) < 0 ||
	    cdx_vk_read(&again, (const char *)text.p, text.len, why) < 0 ||
	    cdx_vk_write(&second, &again) < 0 || text.len != second.len ||
	    memcmp(text.p, second.p, text.len) != 0)
		abort();
	cdx_vk_free(&vk);
	cdx_vk_free(&again);
	cdx_buf_free(&text);
	cdx_buf_free(&second);
	return 0;
}
