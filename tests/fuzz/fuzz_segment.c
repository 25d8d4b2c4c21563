/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "volume/segs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record of today has one form: what decodes encodes to the same bytes; an
 * older one to what decodes to the same. */
static void check_same(const struct cdx_seg_rec *rec, const uint8_t *data,
		       size_t size)
{
	uint8_t out[CDX_SEG_REC_MAX];
	size_t len = cdx_seg_rec_encode(out, rec);
	struct cdx_seg_rec again;

	if (out[0] == data[0]) {
		if (len != size || memcmp(out, data, size) != 0)
			abort();
		return;
	}
	if (cdx_seg_rec_decode(&again, out, len) < 0 ||
	    memcmp(&again, rec, sizeof(again)) != 0)
		abort();
}

/* Segment records; back references, whose key is the first 32 bytes */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_seg_rec rec;
	struct cdx_backref ref;
	struct cdx_kv_pair pair = {data, CDX_BACKREF_KEY, NULL, 0};

	if (cdx_seg_rec_decode(&rec, data, size) == 0) {
		check_same(&rec, data, size);
		for (uint32_t i = 0; i < rec.cap && i < 64; i++) {
			if (cdx_seg_epoch_of(&rec, i) >= (int)rec.epochs)
				abort();
		}
	}
	if (size < CDX_BACKREF_KEY)
		return 0;
	pair.val = data + CDX_BACKREF_KEY;
	pair.val_len = size - CDX_BACKREF_KEY;
	if (cdx_backref_decode(&ref, CDX_LOC_RECORD, &pair) == 0 &&
	    (ref.loc.skip + ref.len > ref.loc.plain ||
	     ref.loc.plain > CDX_REC_MAX))
		abort();
	return 0;
}
