/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/manifest.h"
#include "dataset/manifest_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was decoded encodes to bytes that decode to the same manifest, and
 * those encode to themselves.  (The input itself may hold unknown fields.) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_manifest m;
	struct cdx_manifest again;
	struct cdx_buf one = {0};
	struct cdx_buf two = {0};
	json_t *j;

	if (cdx_manifest_decode(&m, data, size) < 0)
		return 0;
	if (cdx_manifest_encode(&one, &m) < 0)
		abort();
	if (cdx_manifest_decode(&again, one.p, one.len) < 0)
		abort();
	if (cdx_manifest_encode(&two, &again) < 0 || one.len != two.len ||
	    memcmp(one.p, two.p, one.len) != 0)
		abort();
	if (cdx_manifest_blocks(&m) != cdx_manifest_blocks(&again) ||
	    cdx_manifest_file_size(&m) != cdx_manifest_file_size(&again))
		abort();
	j = cdx_manifest_json(&m);
	if (!j)
		abort();
	json_decref(j);
	cdx_buf_free(&one);
	cdx_buf_free(&two);
	cdx_manifest_free(&m);
	cdx_manifest_free(&again);
	return 0;
}
