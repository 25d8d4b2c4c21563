/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/purchase_record.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "crypto/hash.h"

#define VERSION 1
#define SUM_LEN 8u

enum {
	SETTLED = 1,
	RENEWED = 2,
	POSTED = 4,
	SAFE = 8,
	FLAGS = SETTLED | RENEWED | POSTED | SAFE,
};

void cdx_purchase_key(char out[CDX_PURCHASE_KEY_MAX], const struct cdx_b32 *id)
{
	memcpy(out, CDX_PURCHASE_PREFIX, sizeof(CDX_PURCHASE_PREFIX));
	cdx_hex(out + sizeof(CDX_PURCHASE_PREFIX) - 1, id->b, sizeof(id->b));
}

static uint8_t flags_of(const struct cdx_purchase_rec *r)
{
	return (uint8_t)((r->settled ? SETTLED : 0) |
			 (r->renewed ? RENEWED : 0) | (r->posted ? POSTED : 0) |
			 (r->safe ? SAFE : 0));
}

int cdx_purchase_rec_encode(struct cdx_buf *out,
			    const struct cdx_purchase_rec *r)
{
	const size_t start = out->len;
	size_t error = strnlen(r->error, sizeof(r->error) - 1);
	struct cdx_digest sum;
	uint8_t word[32];
	int rc;

	cdx_buf_u8(out, VERSION);
	cdx_buf_u8(out, flags_of(r));
	cdx_buf_u8(out, (uint8_t)r->state);
	cdx_buf_be64(out, r->chain_id);
	cdx_buf_put(out, r->contract.b, sizeof(r->contract.b));
	cdx_buf_be64(out, r->area);
	cdx_buf_be32(out, r->generation);
	cdx_buf_be32(out, r->attempts);
	cdx_buf_be64(out, (uint64_t)r->created);
	cdx_buf_be64(out, (uint64_t)r->ended);
	cdx_buf_be64(out, (uint64_t)r->retry_at);
	cdx_buf_be64(out, (uint64_t)r->expires);
	cdx_buf_be64(out, (uint64_t)r->end);
	cdx_buf_be64(out, r->barrier);
	cdx_buf_be64(out, r->started_block);
	cdx_buf_be64(out, r->settled_block);
	cdx_u256_to_be(word, &r->returned);
	cdx_buf_put(out, word, sizeof(word));
	cdx_buf_be16(out, (uint16_t)error);
	cdx_buf_put(out, r->error, error);
	rc = cdx_storage_request_encode(out, &r->what);
	if (rc < 0)
		return rc;
	rc = cdx_buf_ok(out);
	if (rc < 0)
		return rc;
	cdx_sha256(&sum, out->p + start, out->len - start);
	cdx_buf_put(out, sum.b, SUM_LEN);
	return cdx_buf_ok(out);
}

static int read_fields(struct cdx_purchase_rec *r, struct cdx_cursor *c)
{
	uint8_t word[32];
	uint8_t flags = cdx_cursor_u8(c);
	uint8_t state = cdx_cursor_u8(c);
	uint16_t len;

	if ((flags & ~FLAGS) != 0 || state >= CDX_PURCHASE_STATES)
		return CDX_E_CORRUPT;
	r->settled = (flags & SETTLED) != 0;
	r->renewed = (flags & RENEWED) != 0;
	r->posted = (flags & POSTED) != 0;
	r->safe = (flags & SAFE) != 0;
	r->state = (enum cdx_purchase_state)state;
	r->chain_id = cdx_cursor_be64(c);
	cdx_cursor_get(c, r->contract.b, sizeof(r->contract.b));
	r->area = cdx_cursor_be64(c);
	r->generation = cdx_cursor_be32(c);
	r->attempts = cdx_cursor_be32(c);
	r->created = (int64_t)cdx_cursor_be64(c);
	r->ended = (int64_t)cdx_cursor_be64(c);
	r->retry_at = (int64_t)cdx_cursor_be64(c);
	r->expires = (int64_t)cdx_cursor_be64(c);
	r->end = (int64_t)cdx_cursor_be64(c);
	r->barrier = cdx_cursor_be64(c);
	r->started_block = cdx_cursor_be64(c);
	r->settled_block = cdx_cursor_be64(c);
	cdx_cursor_get(c, word, sizeof(word));
	r->returned = cdx_u256_from_be(word);
	len = cdx_cursor_be16(c);
	if (len >= sizeof(r->error))
		return CDX_E_CORRUPT;
	cdx_cursor_get(c, r->error, len);
	/* shown to users: a text is what it was */
	if (c->fail || memchr(r->error, '\0', len) != NULL)
		return CDX_E_CORRUPT;
	return 0;
}

int cdx_purchase_rec_decode(struct cdx_purchase_rec *out, const void *p,
			    size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	struct cdx_purchase_rec r = {.state = CDX_PURCHASE_UNKNOWN};
	const uint8_t *sum;
	struct cdx_digest want;
	int rc;

	if (cdx_cursor_u8(&c) != VERSION)
		return c.fail || ((const uint8_t *)p)[0] == 0 ? CDX_E_CORRUPT
							      : CDX_E_VERSION;
	if (c.left < SUM_LEN)
		return CDX_E_CORRUPT;
	c.left -= SUM_LEN;
	sum = c.p + c.left;
	cdx_sha256(&want, p, len - SUM_LEN);
	if (memcmp(want.b, sum, SUM_LEN) != 0)
		return CDX_E_CORRUPT;
	rc = read_fields(&r, &c);
	if (rc < 0)
		return rc;
	rc = cdx_storage_request_decode(&r.what, c.p, c.left);
	if (rc < 0)
		return rc == CDX_E_FORMAT ? CDX_E_CORRUPT : rc;
	*out = r;
	return 0;
}
