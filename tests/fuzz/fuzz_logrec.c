/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const uint8_t *a, const uint8_t *b, size_t len)
{
	if (memcmp(a, b, len) != 0)
		abort();
}

static void header(const uint8_t *p, size_t len)
{
	uint8_t again[CDX_ILOG_REC_HEAD];
	struct cdx_ilog_rec rec;

	if (len != sizeof(again) || cdx_ilog_rec_decode(&rec, p) < 0)
		return;
	cdx_ilog_rec_encode(again, &rec);
	same(again, p, len);
}

static void body(const uint8_t *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	const uint8_t *batch;
	uint8_t head[4];
	size_t seen = 0;
	size_t n;
	int r;

	while ((r = cdx_ilog_body_next(&c, &batch, &n)) > 0) {
		cdx_put_be32(head, (uint32_t)n);
		same(head, p + seen, sizeof(head));
		seen += sizeof(head);
		if (batch != p + seen)
			abort();
		seen += n;
		(void)!cdx_batch_check(batch, n);
	}
	if (r == 0 && seen != len)
		abort();
}

static void state(const uint8_t *p, size_t len)
{
	uint8_t again[CDX_META_STATE_LEN];
	struct cdx_meta_state st;

	if (cdx_meta_state_decode(&st, p, len) < 0)
		return;
	cdx_meta_state_encode(again, &st);
	same(again, p, len);
}

static void config(const uint8_t *p, size_t len)
{
	uint8_t again[CDX_META_CONFIG_LEN];
	struct cdx_store_config c;

	if (cdx_meta_config_decode(&c, p, len) < 0)
		return;
	cdx_meta_config_encode(again, &c);
	same(again, p, len);
}

/* The first byte says which of the log's and meta's encodings follows. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const decode[])(const uint8_t *,
				      size_t) = {header, body, state, config};

	if (size > 0)
		decode[data[0] % 4](data + 1, size - 1);
	return 0;
}
