/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/sale_note.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

#define NOTE_VERSION 1u
#define FLAG_REPAIR 1u
#define FLAG_OBTAINED 2u

int cdx_sale_note_encode(struct cdx_buf *out, const struct cdx_sale_note *n)
{
	uint8_t cid[CDX_CID_BIN_MAX];
	size_t len = cdx_cid_encode(cid, &n->manifest);
	uint8_t word[32];

	cdx_buf_u8(out, NOTE_VERSION);
	cdx_buf_be64(out, n->chain_id);
	cdx_buf_put(out, n->contract.b, sizeof(n->contract.b));
	cdx_buf_u8(out, (uint8_t)n->step);
	cdx_buf_u8(out, (uint8_t)((n->repair ? FLAG_REPAIR : 0) |
				  (n->obtained ? FLAG_OBTAINED : 0)));
	cdx_buf_be64(out, (uint64_t)n->filled_at);
	cdx_buf_be64(out, (uint64_t)n->end);
	cdx_buf_be64(out, n->proven);
	cdx_u256_to_be(word, &n->payout);
	cdx_buf_put(out, word, sizeof(word));
	cdx_buf_u8(out, (uint8_t)len);
	cdx_buf_put(out, cid, len);
	return cdx_storage_request_encode(out, &n->what);
}

static void get_fixed(struct cdx_sale_note *n, struct cdx_cursor *c)
{
	uint8_t word[32];
	uint8_t flags;

	n->chain_id = cdx_cursor_be64(c);
	cdx_cursor_get(c, n->contract.b, sizeof(n->contract.b));
	n->step = cdx_cursor_u8(c);
	flags = cdx_cursor_u8(c);
	n->repair = (flags & FLAG_REPAIR) != 0;
	n->obtained = (flags & FLAG_OBTAINED) != 0;
	n->filled_at = (int64_t)cdx_cursor_be64(c);
	n->end = (int64_t)cdx_cursor_be64(c);
	n->proven = cdx_cursor_be64(c);
	cdx_cursor_get(c, word, sizeof(word));
	n->payout = cdx_u256_from_be(word);
	if (n->step < CDX_SALE_STEP_PROMISED ||
	    n->step > CDX_SALE_STEP_PAYING ||
	    (flags & ~(FLAG_REPAIR | FLAG_OBTAINED)) != 0 || n->filled_at < 0 ||
	    n->end < 0)
		c->fail = true;
}

/* An ABI decoder takes what an encoder would write otherwise; a note has one form */
static int get_request(struct cdx_storage_request *out,
		       const struct cdx_cursor *c)
{
	struct cdx_buf again = {.p = NULL};
	int rc = cdx_storage_request_decode(out, c->p, c->left);

	if (rc == 0)
		rc = cdx_storage_request_encode(&again, out);
	if (rc == 0 &&
	    (again.len != c->left || memcmp(again.p, c->p, again.len) != 0))
		rc = CDX_E_CORRUPT;
	cdx_buf_free(&again);
	return rc == -ENOMEM ? rc : rc < 0 ? CDX_E_CORRUPT : 0;
}

int cdx_sale_note_decode(struct cdx_sale_note *out, const void *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	struct cdx_sale_note n = {.chain_id = 0};
	uint8_t version = cdx_cursor_u8(&c);
	const uint8_t *cid;
	size_t cid_len;
	int rc;

	if (cdx_cursor_ok(&c) < 0 || version == 0)
		return CDX_E_CORRUPT;
	if (version > NOTE_VERSION)
		return CDX_E_VERSION;
	get_fixed(&n, &c);
	cid_len = cdx_cursor_u8(&c);
	cid = cdx_cursor_take(&c, cid_len);
	if (cdx_cursor_ok(&c) < 0 ||
	    cdx_cid_decode(&n.manifest, cid, cid_len) < 0)
		return CDX_E_CORRUPT;
	rc = get_request(&n.what, &c);
	if (rc == 0)
		*out = n;
	return rc;
}
