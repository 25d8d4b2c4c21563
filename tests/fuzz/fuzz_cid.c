/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/cid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A CID has one binary form and one text of ours; both read back as the same
 * CID. */
static void check(const struct cdx_cid *cid)
{
	uint8_t bin[CDX_CID_BIN_MAX];
	char text[CDX_CID_TEXT_MAX];
	struct cdx_cid again;
	size_t len = cdx_cid_encode(bin, cid);

	if (len > sizeof(bin) || cdx_cid_decode(&again, bin, len) < 0 ||
	    !cdx_cid_equal(cid, &again) || again.version != cid->version)
		abort();
	cdx_cid_text(text, cid);
	if (cdx_cid_parse(&again, text, strlen(text)) < 0 ||
	    !cdx_cid_equal(cid, &again) || again.version != cid->version)
		abort();
}

/* The input is taken for a binary CID and for a text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bin[CDX_CID_BIN_MAX];
	struct cdx_cid cid;

	if (cdx_cid_decode(&cid, data, size) == 0) {
		if (cdx_cid_encode(bin, &cid) != size ||
		    memcmp(bin, data, size) != 0)
			abort();
		check(&cid);
	}
	if (cdx_cid_parse(&cid, (const char *)data, size) == 0)
		check(&cid);
	return 0;
}
