/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/rlp.h"
#include "eth/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_bytes(struct cdx_buf *b, const uint8_t *p, size_t len)
{
	if (cdx_buf_ok(b) < 0 || b->len != len || memcmp(b->p, p, len) != 0)
		abort();
	cdx_buf_free(b);
}

/* Every item that is taken has one encoding, which is what was read. */
static void items(const uint8_t *data, size_t size)
{
	struct cdx_cursor c = cdx_cursor_init(data, size);

	while (c.left) {
		struct cdx_cursor as_list = c;
		struct cdx_cursor as_number = c;
		struct cdx_buf b = {0};
		const uint8_t *at = c.p;
		struct cdx_cursor inner = cdx_rlp_get_list(&as_list);
		struct cdx_u256 v;
		const uint8_t *p;
		size_t len;

		if (!as_list.fail) {
			struct cdx_buf content = {0};

			cdx_buf_put(&content, inner.p, inner.left);
			cdx_rlp_list(&b, &content);
			cdx_buf_free(&content);
			same_bytes(&b, at, c.left - as_list.left);
			/* goes on inside the list */
			c = inner.left ? inner : as_list;
			continue;
		}
		v = cdx_rlp_get_u256(&as_number);
		p = cdx_rlp_get_bytes(&c, &len);
		if (!p)
			return;
		cdx_rlp_bytes(&b, p, len);
		same_bytes(&b, at, (size_t)(p + len - at));
		if (as_number.fail)
			continue;
		cdx_rlp_u256(&b, &v);
		same_bytes(&b, at, (size_t)(p + len - at));
	}
}

/* A transaction that is taken can be signed again, and then says the same. */
static void transaction(const uint8_t *data, size_t size)
{
	const struct cdx_seckey key = {{[31] = 1}};
	struct cdx_buf b = {0};
	struct cdx_buf c = {0};
	struct cdx_tx tx;
	struct cdx_tx again;
	struct cdx_addr from;
	struct cdx_addr signer;
	struct cdx_b32 hash;
	struct cdx_b32 other;
	int err;

	if (cdx_tx_read(&tx, &from, &hash, data, size) < 0)
		return;
	/* one signature may be a few bytes longer than another */
	err = cdx_tx_sign(&b, &hash, &tx, &key);
	if (size < CDX_TX_MAX - 64 && err < 0)
		abort();
	if (err == 0) {
		if (cdx_tx_read(&again, &from, &other, b.p, b.len) < 0 ||
		    cdx_seckey_addr(&signer, &key) < 0 ||
		    memcmp(from.b, signer.b, sizeof(from.b)) != 0 ||
		    memcmp(hash.b, other.b, sizeof(hash.b)) != 0 ||
		    cdx_tx_sign(&c, &other, &again, &key) < 0)
			abort();
		same_bytes(&c, b.p, b.len);
	}
	cdx_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	items(data, size);
	transaction(data, size);
	return 0;
}
