/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypto/hash.h"
#include "eth/persist.h"

#define VERSION 1u

/* Flags of a record, of a version, of an end */
#define REC_CREATE 1u
#define REC_FILLER 2u
#define REC_GIVEN_UP 4u
#define REC_NONCE 8u
#define REC_ENDED 16u
#define REC_FLAGS 31u
#define VERSION_EMPTY 1u
#define VERSION_LEGACY 2u
#define END_SENT 1u

/* Bytes of SHA-256 behind it all */
#define CHECK_LEN 8u

/* Bytes of a log without its topics and data */
#define LOG_LEN (20 + 1 + 8 + 4)

static void put_u256(struct cdx_buf *b, const struct cdx_u256 *v)
{
	uint8_t be[32];

	cdx_u256_to_be(be, v);
	cdx_buf_put(b, be, sizeof(be));
}

static struct cdx_u256 get_u256(struct cdx_cursor *c)
{
	uint8_t be[32];

	cdx_cursor_get(c, be, sizeof(be));
	return cdx_u256_from_be(be);
}

/* ---- the end ---- */

void cdx_send_end_free(struct cdx_send_end *end)
{
	if (!end)
		return;
	free(end->logs);
	cdx_buf_free(&end->data);
	free(end);
}

void cdx_send_end_settle(struct cdx_send_end *end)
{
	size_t at = 0;

	for (size_t i = 0; i < end->n_logs; i++) {
		end->logs[i].data = end->data.p ? end->data.p + at : NULL;
		at += end->logs[i].len;
	}
	end->sent.logs = end->logs;
	end->sent.n_logs = end->n_logs;
}

static void put_text(struct cdx_buf *b, const char *text)
{
	size_t len = strlen(text);

	cdx_buf_be16(b, (uint16_t)len);
	cdx_buf_put(b, text, len);
}

static void put_logs(struct cdx_buf *b, const struct cdx_send_end *end)
{
	cdx_buf_be16(b, (uint16_t)end->n_logs);
	for (size_t i = 0; i < end->n_logs; i++) {
		const struct cdx_chain_log *log = &end->logs[i];

		cdx_buf_put(b, log->contract.b, sizeof(log->contract.b));
		cdx_buf_u8(b, (uint8_t)log->n_topics);
		for (unsigned t = 0; t < log->n_topics; t++)
			cdx_buf_put(b, log->topics[t].b, 32);
		cdx_buf_be64(b, log->index);
		cdx_buf_be32(b, (uint32_t)log->len);
		cdx_buf_put(b, log->data, log->len);
	}
}

static void put_end(struct cdx_buf *b, const struct cdx_send_end *end,
		    bool with_logs)
{
	const struct cdx_sent *sent = &end->sent;

	cdx_buf_be32(b, (uint32_t)end->err);
	cdx_buf_u8(b, end->has_sent ? END_SENT : 0);
	cdx_buf_be64(b, (uint64_t)end->at);
	/* codes are numbered anew when there are more of them: those of named
	 * errors are found by their names */
	cdx_buf_u8(b, (uint8_t)(end->why.code <= CDX_REVERT_UNKNOWN
					? end->why.code
					: CDX_REVERT_UNKNOWN + 1));
	put_text(b, end->why.name);
	put_text(b, end->why.words);
	if (!end->has_sent)
		return;
	cdx_buf_put(b, sent->hash.b, 32);
	cdx_buf_be64(b, sent->nonce);
	cdx_buf_be64(b, sent->block);
	cdx_buf_put(b, sent->block_hash.b, 32);
	cdx_buf_be64(b, sent->gas_used);
	put_u256(b, &sent->gas_price);
	cdx_buf_put(b, sent->contract.b, sizeof(sent->contract.b));
	cdx_buf_be32(b, sent->replaced);
	if (with_logs && end->n_logs <= UINT16_MAX)
		put_logs(b, end);
	else
		cdx_buf_be16(b, 0);
}

static void get_text(struct cdx_cursor *c, char *out, size_t cap)
{
	uint16_t len = cdx_cursor_be16(c);

	if (len >= cap) {
		c->fail = true;
		len = 0;
	}
	cdx_cursor_get(c, out, len);
	out[len] = 0;
	for (uint16_t i = 0; i < len; i++)
		if (out[i] < 0x20 || out[i] > 0x7e)
			c->fail = true;
}

static void get_log(struct cdx_cursor *c, struct cdx_send_end *end,
		    struct cdx_chain_log *log)
{
	cdx_cursor_get(c, log->contract.b, sizeof(log->contract.b));
	log->n_topics = cdx_cursor_u8(c);
	if (log->n_topics > CDX_ARRAY_LEN(log->topics)) {
		c->fail = true;
		return;
	}
	for (unsigned t = 0; t < log->n_topics; t++)
		cdx_cursor_get(c, log->topics[t].b, 32);
	log->index = cdx_cursor_be64(c);
	log->len = cdx_cursor_be32(c);
	log->data = cdx_cursor_take(c, log->len);
	log->block = end->sent.block;
	log->block_hash = end->sent.block_hash;
	log->tx = end->sent.hash;
}

/* The logs' data is copied once all is read: pointers into a buffer that grows
 * would not last. */
static int get_logs(struct cdx_cursor *c, struct cdx_send_end *end)
{
	uint16_t n = cdx_cursor_be16(c);

	if (n == 0 || cdx_cursor_ok(c) < 0)
		return 0;
	if (n > c->left / LOG_LEN)
		return CDX_E_CORRUPT;
	end->logs = calloc(n, sizeof(*end->logs));
	if (!end->logs)
		return -ENOMEM;
	end->n_logs = n;
	for (uint16_t i = 0; i < n && !c->fail; i++)
		get_log(c, end, &end->logs[i]);
	if (c->fail)
		return CDX_E_CORRUPT;
	for (uint16_t i = 0; i < n; i++)
		cdx_buf_put(&end->data, end->logs[i].data, end->logs[i].len);
	if (cdx_buf_ok(&end->data) < 0)
		return -ENOMEM;
	cdx_send_end_settle(end);
	return 0;
}

static int get_end(struct cdx_cursor *c, struct cdx_send_end *end)
{
	struct cdx_sent *sent = &end->sent;
	uint8_t flags;
	uint8_t code;

	end->err = (int)(int32_t)cdx_cursor_be32(c);
	flags = cdx_cursor_u8(c);
	end->at = (int64_t)cdx_cursor_be64(c);
	code = cdx_cursor_u8(c);
	get_text(c, end->why.name, sizeof(end->why.name));
	get_text(c, end->why.words, sizeof(end->why.words));
	if (c->fail || flags > END_SENT || end->err > 0 ||
	    code > CDX_REVERT_UNKNOWN + 1)
		return CDX_E_CORRUPT;
	end->why.code = (enum cdx_revert_code)code;
	if (code > CDX_REVERT_UNKNOWN)
		end->why.code = cdx_revert_code(end->why.name);
	/* an error that this version does not know by name any more */
	if (code > CDX_REVERT_UNKNOWN && end->why.code == CDX_REVERT_NONE)
		end->why.code = CDX_REVERT_UNKNOWN;
	end->has_sent = flags & END_SENT;
	if (!end->has_sent)
		return 0;
	cdx_cursor_get(c, sent->hash.b, 32);
	sent->nonce = cdx_cursor_be64(c);
	sent->block = cdx_cursor_be64(c);
	cdx_cursor_get(c, sent->block_hash.b, 32);
	sent->gas_used = cdx_cursor_be64(c);
	sent->gas_price = get_u256(c);
	cdx_cursor_get(c, sent->contract.b, sizeof(sent->contract.b));
	sent->replaced = cdx_cursor_be32(c);
	return get_logs(c, end);
}

/* ---- the record ---- */

static uint8_t flags_of(const struct cdx_send_rec *rec)
{
	return (uint8_t)((rec->create ? REC_CREATE : 0) |
			 (rec->filler ? REC_FILLER : 0) |
			 (rec->given_up ? REC_GIVEN_UP : 0) |
			 (rec->has_nonce ? REC_NONCE : 0) |
			 (rec->end ? REC_ENDED : 0));
}

static void encode(struct cdx_buf *b, const struct cdx_send_rec *rec,
		   bool with_logs)
{
	cdx_buf_u8(b, VERSION);
	cdx_buf_u8(b, flags_of(rec));
	cdx_buf_be64(b, rec->chain_id);
	cdx_buf_be64(b, rec->nonce);
	cdx_buf_be64(b, rec->gas);
	cdx_buf_be32(b, rec->gas_num);
	cdx_buf_be32(b, rec->gas_den);
	cdx_buf_be64(b, (uint64_t)rec->deadline);
	put_u256(b, &rec->stake);
	put_u256(b, &rec->value);
	cdx_buf_put(b, rec->to.b, sizeof(rec->to.b));
	put_text(b, rec->tag);
	cdx_buf_be32(b, (uint32_t)rec->data.len);
	cdx_buf_put(b, rec->data.p, rec->data.len);
	cdx_buf_u8(b, (uint8_t)rec->n_versions);
	for (unsigned i = 0; i < rec->n_versions; i++) {
		const struct cdx_version *v = &rec->versions[i];

		cdx_buf_u8(b, (uint8_t)((v->empty ? VERSION_EMPTY : 0) |
					(v->fees.legacy ? VERSION_LEGACY : 0)));
		put_u256(b, &v->fees.cap);
		put_u256(b, &v->fees.tip);
		cdx_buf_put(b, v->hash.b, 32);
	}
	if (rec->end)
		put_end(b, rec->end, with_logs);
	if (cdx_buf_ok(b) == 0) {
		struct cdx_digest sum;

		cdx_sha256(&sum, b->p, b->len);
		cdx_buf_put(b, sum.b, CHECK_LEN);
	}
}

int cdx_send_rec_encode(struct cdx_buf *out, const struct cdx_send_rec *rec)
{
	encode(out, rec, true);
	if (cdx_buf_ok(out) == 0 && out->len > CDX_PERSIST_VAL_MAX) {
		cdx_buf_free(out);
		encode(out, rec, false);
	}
	if (cdx_buf_ok(out) == 0 && out->len > CDX_PERSIST_VAL_MAX)
		return -E2BIG;
	return cdx_buf_ok(out);
}

static void get_versions(struct cdx_cursor *c, struct cdx_send_rec *rec)
{
	rec->n_versions = cdx_cursor_u8(c);
	if (rec->n_versions > CDX_SEND_VERSIONS_MAX) {
		rec->n_versions = 0;
		c->fail = true;
	}
	for (unsigned i = 0; i < rec->n_versions; i++) {
		struct cdx_version *v = &rec->versions[i];
		uint8_t flags = cdx_cursor_u8(c);

		if (flags > (VERSION_EMPTY | VERSION_LEGACY))
			c->fail = true;
		v->empty = flags & VERSION_EMPTY;
		v->fees.legacy = flags & VERSION_LEGACY;
		v->fees.cap = get_u256(c);
		v->fees.tip = get_u256(c);
		cdx_cursor_get(c, v->hash.b, 32);
	}
}

static void get_request(struct cdx_cursor *c, struct cdx_send_rec *rec)
{
	const uint8_t *data;
	uint32_t len;

	rec->chain_id = cdx_cursor_be64(c);
	rec->nonce = cdx_cursor_be64(c);
	rec->gas = cdx_cursor_be64(c);
	rec->gas_num = cdx_cursor_be32(c);
	rec->gas_den = cdx_cursor_be32(c);
	rec->deadline = (int64_t)cdx_cursor_be64(c);
	rec->stake = get_u256(c);
	rec->value = get_u256(c);
	cdx_cursor_get(c, rec->to.b, sizeof(rec->to.b));
	get_text(c, rec->tag, sizeof(rec->tag));
	len = cdx_cursor_be32(c);
	data = cdx_cursor_take(c, len);
	if (data)
		cdx_buf_put(&rec->data, data, len);
}

/* What a decoder of the parts cannot see */
static bool fits_together(const struct cdx_send_rec *rec, bool ended)
{
	if (rec->gas_num == 0 || rec->gas_den == 0 ||
	    rec->data.len > CDX_TX_MAX)
		return false;
	if (rec->n_versions > 0 && (!rec->has_nonce || rec->chain_id == 0))
		return false;
	return ended || rec->n_versions > 0;
}

/* The version, and the sum at the end, which is taken off */
static int check(struct cdx_cursor *c, const uint8_t *p, size_t len)
{
	struct cdx_digest sum;

	if (len > 0 && p[0] > VERSION)
		return CDX_E_VERSION;
	if (len < CHECK_LEN + 1 || p[0] != VERSION)
		return CDX_E_CORRUPT;
	len -= CHECK_LEN;
	cdx_sha256(&sum, p, len);
	if (memcmp(sum.b, p + len, CHECK_LEN) != 0)
		return CDX_E_CORRUPT;
	*c = cdx_cursor_init(p + 1, len - 1);
	return 0;
}

int cdx_send_rec_decode(struct cdx_send_rec *rec, const void *p, size_t len)
{
	struct cdx_cursor c;
	uint8_t flags;
	bool ended;
	int rc = check(&c, p, len);

	if (rc < 0)
		return rc;
	flags = cdx_cursor_u8(&c);
	ended = flags & REC_ENDED;
	if (flags > REC_FLAGS)
		return CDX_E_CORRUPT;
	rec->create = flags & REC_CREATE;
	rec->filler = flags & REC_FILLER;
	rec->given_up = flags & REC_GIVEN_UP;
	rec->has_nonce = flags & REC_NONCE;
	get_request(&c, rec);
	get_versions(&c, rec);
	if (cdx_buf_ok(&rec->data) < 0)
		return -ENOMEM;
	if (cdx_cursor_ok(&c) < 0 || !fits_together(rec, ended))
		return CDX_E_CORRUPT;
	if (ended) {
		rec->end = calloc(1, sizeof(*rec->end));
		if (!rec->end)
			return -ENOMEM;
		rc = get_end(&c, rec->end);
		if (rc < 0)
			return rc;
	}
	return cdx_cursor_done(&c) < 0 ? CDX_E_CORRUPT : 0;
}
