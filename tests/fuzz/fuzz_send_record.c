/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "eth/sender_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes of its sum, docs/FORMATS.md "Transactions" */
#define SUM_LEN 8u

static struct cdx_send_rec *decode(const struct cdx_buf *b)
{
	struct cdx_send_rec *rec = calloc(1, sizeof(*rec));

	if (!rec)
		abort();
	cdx_list_init(&rec->waiters);
	if (cdx_send_rec_decode(rec, b->p, b->len) == 0)
		return rec;
	cdx_send_rec_dispose(rec);
	return NULL;
}

/* The record of a transaction: what is read can be written, and read again from
 * that, to the same bytes.  The input has no sum: it would find none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_buf first = {0};
	struct cdx_buf second = {0};
	struct cdx_buf third = {0};
	struct cdx_send_rec *rec;
	struct cdx_send_rec *again;
	struct cdx_digest sum;

	if (size > CDX_PERSIST_VAL_MAX - SUM_LEN)
		return 0;
	cdx_buf_put(&first, data, size);
	cdx_sha256(&sum, data, size);
	cdx_buf_put(&first, sum.b, SUM_LEN);
	rec = decode(&first);
	if (rec) {
		if (cdx_send_rec_encode(&second, rec) < 0)
			abort();
		again = decode(&second);
		if (!again || cdx_send_rec_encode(&third, again) < 0 ||
		    second.len != third.len ||
		    memcmp(second.p, third.p, third.len) != 0)
			abort();
		cdx_send_rec_dispose(again);
		cdx_send_rec_dispose(rec);
	}
	cdx_buf_free(&first);
	cdx_buf_free(&second);
	cdx_buf_free(&third);
	return 0;
}
