/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "volume/data.h"

/* Extent records: key (16 bytes) and value.  What decodes encodes to the same
 * bytes, and nothing that decodes is out of bounds. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[CDX_EXTENT_KEY];
	uint8_t val[CDX_EXTENT_VAL_MAX];
	struct cdx_kv_pair pair;
	struct cdx_extent x;
	uint64_t ino;

	if (size < CDX_EXTENT_KEY)
		return 0;
	pair.key = data;
	pair.key_len = CDX_EXTENT_KEY;
	pair.val = data + CDX_EXTENT_KEY;
	pair.val_len = size - CDX_EXTENT_KEY;
	if (cdx_extent_decode(&x, &ino, &pair) < 0)
		return 0;
	check(x.len > 0 && x.off + x.len <= (uint64_t)CDX_FILE_MAX);
	if (x.loc.kind == CDX_LOC_RECORD)
		check(x.loc.skip + x.len <= x.loc.plain);
	cdx_extent_key(key, ino, x.off + x.len);
	check(memcmp(key, data, sizeof(key)) == 0);
	check(cdx_extent_encode(val, &x) == pair.val_len);
	check(memcmp(val, pair.val, pair.val_len) == 0);
	return 0;
}
