/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What decodes has one encoding: its own bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_cursor c = cdx_cursor_init(data, size);
	struct cdx_buf again = {0};
	struct cdx_op op;
	int r;

	while ((r = cdx_op_decode(&op, &c)) > 0)
		cdx_op_encode(&again, &op);
	if ((r == 0) != (cdx_batch_check(data, size) == 0))
		abort();
	if (r == 0 && cdx_buf_ok(&again) == 0 &&
	    (again.len != size ||
	     (size > 0 && memcmp(again.p, data, size) != 0)))
		abort();
	cdx_buf_free(&again);
	return 0;
}
