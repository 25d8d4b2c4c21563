/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Records of purchases: what is read is written as it was. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "market/purchase_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* @data: with a sum that is made right, or else nothing gets past it */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_purchase_rec rec;
	struct cdx_purchase_rec again;
	struct cdx_buf in = {.p = NULL};
	struct cdx_buf out = {.p = NULL};
	struct cdx_buf twice = {.p = NULL};
	struct cdx_digest sum;

	(void)!cdx_purchase_rec_decode(&rec, data, size);
	cdx_buf_put(&in, data, size);
	cdx_sha256(&sum, data, size);
	cdx_buf_put(&in, sum.b, 8);
	if (cdx_buf_ok(&in) == 0 &&
	    cdx_purchase_rec_decode(&rec, in.p, in.len) == 0) {
		/* a CID's padding and offsets may be written another way */
		if (cdx_purchase_rec_encode(&out, &rec) < 0 ||
		    cdx_purchase_rec_decode(&again, out.p, out.len) < 0 ||
		    cdx_purchase_rec_encode(&twice, &again) < 0 ||
		    out.len != twice.len ||
		    memcmp(out.p, twice.p, out.len) != 0)
			abort();
	}
	cdx_buf_free(&in);
	cdx_buf_free(&out);
	cdx_buf_free(&twice);
	return 0;
}
