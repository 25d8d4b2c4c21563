/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/footer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "crypto/block.h"

/* ---- body ---- */

/* Extents follow one another as: a byte 1, varints; a byte 0 (all there) or 2
 * (some left out) ends them.  Offsets are differences to the one before, inode
 * numbers too (folded so that small negative ones stay small). */
enum mark {
	MARK_END = 0,
	MARK_EXTENT = 1,
	MARK_CUT = 2,
};

static uint64_t fold(uint64_t diff)
{
	return (diff << 1) ^ (diff >> 63 ? UINT64_MAX : 0);
}

static uint64_t unfold(uint64_t v)
{
	return (v >> 1) ^ (v & 1 ? UINT64_MAX : 0);
}

void cdx_footer_begin(struct cdx_buf *out, const struct cdx_footer *f)
{
	cdx_buf_be32(out, CDX_FOOTER_VERSION);
	cdx_buf_put(out, f->id, sizeof(f->id));
	cdx_buf_be32(out, f->k);
	cdx_buf_be32(out, f->m);
	cdx_buf_be32(out, f->blocks);
	cdx_buf_be32(out, f->epochs);
	for (uint32_t i = 0; i < f->epochs; i++) {
		cdx_buf_be32(out, f->epoch[i].first);
		cdx_buf_u8(out, f->epoch[i].cipher);
		cdx_buf_put(out, f->epoch[i].wrapped, CDX_WRAPPED_LEN);
	}
	cdx_buf_be32(out, f->runs);
	for (uint32_t i = 0; i < f->runs; i++) {
		cdx_buf_u8(out, f->run[i].state);
		cdx_buf_be32(out, f->run[i].n);
	}
	/* the newest snapshot known: there are none yet */
	cdx_buf_be32(out, 0);
}

#define EXTENT_MAX (1 + 4 * 10)

bool cdx_footer_add(struct cdx_buf *out, const struct cdx_footer_extent *prev,
		    const struct cdx_footer_extent *e, size_t max)
{
	/* one byte is kept for the end mark */
	if (out->len + EXTENT_MAX + 1 > max)
		return false;
	cdx_buf_u8(out, MARK_EXTENT);
	cdx_buf_varint(out, e->off - prev->off);
	cdx_buf_varint(out, e->len);
	cdx_buf_varint(out, fold(e->ino - prev->ino));
	cdx_buf_varint(out, e->file_off);
	return true;
}

int cdx_footer_end(struct cdx_buf *out, bool complete)
{
	cdx_buf_u8(out, complete ? MARK_END : MARK_CUT);
	return cdx_buf_ok(out);
}

static int decode_epochs(struct cdx_footer *f, struct cdx_cursor *c)
{
	f->epochs = cdx_cursor_be32(c);
	if (f->epochs > CDX_SEG_EPOCHS_MAX)
		return CDX_E_FORMAT;
	for (uint32_t i = 0; i < f->epochs; i++) {
		struct cdx_epoch *e = &f->epoch[i];

		e->first = cdx_cursor_be32(c);
		e->cipher = cdx_cursor_u8(c);
		cdx_cursor_get(c, e->wrapped, CDX_WRAPPED_LEN);
		if (e->first >= f->blocks ||
		    (i && e->first <= f->epoch[i - 1].first) ||
		    (e->cipher != CDX_CIPHER_AES256_CTR &&
		     e->cipher != CDX_CIPHER_XCHACHA20))
			return CDX_E_FORMAT;
	}
	return 0;
}

static int decode_runs(struct cdx_footer *f, struct cdx_cursor *c)
{
	uint64_t sum = 0;
	uint32_t n = cdx_cursor_be32(c);

	if (n > c->left / 5)
		return CDX_E_FORMAT;
	f->run = calloc(n ? n : 1, sizeof(*f->run));
	if (!f->run)
		return -ENOMEM;
	f->runs = n;
	for (uint32_t i = 0; i < n; i++) {
		struct cdx_footer_run *run = &f->run[i];

		run->state = cdx_cursor_u8(c);
		run->n = cdx_cursor_be32(c);
		sum += run->n;
		if (run->state < CDX_LEAF_DATA ||
		    run->state > CDX_LEAF_FOOTER || !run->n ||
		    (i && run->state == run[-1].state))
			return CDX_E_FORMAT;
	}
	return sum == f->blocks ? 0 : CDX_E_FORMAT;
}

static int decode_extent(struct cdx_footer_extent *e,
			 const struct cdx_footer_extent *prev, uint64_t cap,
			 struct cdx_cursor *c)
{
	uint64_t gap = cdx_cursor_varint(c);

	e->len = cdx_cursor_varint(c);
	e->ino = prev->ino + unfold(cdx_cursor_varint(c));
	e->file_off = cdx_cursor_varint(c);
	if (cdx_cursor_ok(c) < 0 || gap > cap - prev->off)
		return CDX_E_FORMAT;
	e->off = prev->off + gap;
	return e->len && e->len <= cap - e->off ? 0 : CDX_E_FORMAT;
}

static int decode_extents(struct cdx_footer *f, struct cdx_cursor *c)
{
	struct cdx_footer_extent prev = {0};
	uint64_t cap = (uint64_t)f->blocks * CDX_BLOCK_SIZE;
	uint32_t room = 0;
	uint8_t mark;
	int r;

	while ((mark = cdx_cursor_u8(c)) == MARK_EXTENT) {
		if (f->extents == room) {
			void *p;

			room = room ? room * 2 : 64;
			p = reallocarray(f->extent, room, sizeof(*f->extent));
			if (!p)
				return -ENOMEM;
			f->extent = p;
		}
		r = decode_extent(&f->extent[f->extents], &prev, cap, c);
		if (r < 0)
			return r;
		prev = f->extent[f->extents++];
	}
	f->complete = mark == MARK_END;
	return mark == MARK_END || mark == MARK_CUT ? 0 : CDX_E_FORMAT;
}

static int decode(struct cdx_footer *f, struct cdx_cursor *c)
{
	int r;

	if (cdx_cursor_be32(c) != CDX_FOOTER_VERSION)
		return cdx_cursor_ok(c) < 0 ? CDX_E_FORMAT : CDX_E_VERSION;
	cdx_cursor_get(c, f->id, sizeof(f->id));
	f->k = cdx_cursor_be32(c);
	f->m = cdx_cursor_be32(c);
	f->blocks = cdx_cursor_be32(c);
	r = decode_epochs(f, c);
	if (r == 0)
		r = decode_runs(f, c);
	if (r == 0 && cdx_cursor_be32(c) != 0)
		r = CDX_E_FORMAT;
	if (r == 0)
		r = decode_extents(f, c);
	return r == 0 ? cdx_cursor_done(c) : r;
}

int cdx_footer_decode(struct cdx_footer *out, const void *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	int r;

	memset(out, 0, sizeof(*out));
	r = decode(out, &c);
	if (r < 0)
		cdx_footer_free(out);
	return r;
}

void cdx_footer_free(struct cdx_footer *f)
{
	free(f->run);
	free(f->extent);
	memset(f, 0, sizeof(*f));
}

/* ---- tail ---- */

#define TAIL_USED (4u + CDX_SEG_ID_LEN + 4u + CDX_KEY_LEN + 4u + 8u + 32u)

void cdx_footer_tail_encode(uint8_t *out, const struct cdx_footer_tail *t)
{
	uint8_t *p = out;

	memset(out, 0, CDX_FOOTER_TAIL_PLAIN);
	cdx_put_be32(p, CDX_FOOTER_VERSION);
	p += 4;
	memcpy(p, t->id, sizeof(t->id));
	p += sizeof(t->id);
	cdx_put_be32(p, t->body_blocks);
	p += 4;
	memcpy(p, t->key.b, sizeof(t->key.b));
	p += sizeof(t->key.b);
	cdx_put_be32(p, t->cipher);
	p += 4;
	cdx_put_be64(p, t->len);
	p += 8;
	memcpy(p, t->digest.b, sizeof(t->digest.b));
}

int cdx_footer_tail_decode(struct cdx_footer_tail *out, const uint8_t *p,
			   size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	const uint8_t *rest;

	memset(out, 0, sizeof(*out));
	if (len != CDX_FOOTER_TAIL_PLAIN)
		return CDX_E_FORMAT;
	if (cdx_cursor_be32(&c) != CDX_FOOTER_VERSION)
		return CDX_E_VERSION;
	cdx_cursor_get(&c, out->id, sizeof(out->id));
	out->body_blocks = cdx_cursor_be32(&c);
	cdx_cursor_get(&c, out->key.b, sizeof(out->key.b));
	out->cipher = cdx_cursor_be32(&c);
	out->len = cdx_cursor_be64(&c);
	cdx_cursor_get(&c, out->digest.b, sizeof(out->digest.b));
	rest = cdx_cursor_take(&c, len - TAIL_USED);
	for (size_t i = 0; rest && i < len - TAIL_USED; i++) {
		if (rest[i])
			return CDX_E_FORMAT;
	}
	if (out->cipher != CDX_CIPHER_AES256_CTR &&
	    out->cipher != CDX_CIPHER_XCHACHA20)
		return CDX_E_FORMAT;
	if (!out->len || out->len > CDX_FOOTER_BODY_MAX ||
	    out->body_blocks > CDX_FOOTER_BODY_MAX / CDX_BLOCK_SIZE ||
	    out->len > (uint64_t)out->body_blocks * CDX_BLOCK_SIZE)
		return CDX_E_FORMAT;
	return cdx_cursor_done(&c);
}

int cdx_footer_tail_seal(uint8_t out[CDX_BLOCK_SIZE],
			 const struct cdx_key *footer_key,
			 const struct cdx_footer_tail *t)
{
	uint8_t *plain = malloc(CDX_FOOTER_TAIL_PLAIN);

	if (!plain)
		return -ENOMEM;
	cdx_footer_tail_encode(plain, t);
	cdx_seal(out, footer_key, plain, CDX_FOOTER_TAIL_PLAIN, NULL, 0);
	cdx_wipe(plain, CDX_FOOTER_TAIL_PLAIN);
	free(plain);
	return 0;
}

int cdx_footer_tail_open(struct cdx_footer_tail *out,
			 const struct cdx_key *footer_key,
			 const uint8_t in[CDX_BLOCK_SIZE])
{
	uint8_t *plain = malloc(CDX_FOOTER_TAIL_PLAIN);
	int r;

	if (!plain)
		return -ENOMEM;
	r = cdx_unseal(plain, footer_key, in, CDX_BLOCK_SIZE, NULL, 0);
	if (r >= 0)
		r = cdx_footer_tail_decode(out, plain, CDX_FOOTER_TAIL_PLAIN);
	cdx_wipe(plain, CDX_FOOTER_TAIL_PLAIN);
	free(plain);
	return r;
}

/* ---- of a segment ---- */

static int read_body(struct cdx_volume *v, struct cdx_footer *out,
		     uint64_t area, uint32_t first,
		     const struct cdx_footer_tail *t)
{
	CDX_CLEANUP(cdx_freep) uint8_t *body = NULL;
	struct cdx_digest digest;
	int r;

	body = malloc((size_t)t->body_blocks * CDX_BLOCK_SIZE);
	if (!body)
		return -ENOMEM;
	r = 0;
	for (uint32_t i = 0; r == 0 && i < t->body_blocks; i++) {
		uint8_t *p = body + (size_t)i * CDX_BLOCK_SIZE;

		r = cdx_seg_block(v, p, area, first + i);
		if (r == 0)
			r = cdx_block_crypt(p, (enum cdx_block_cipher)t->cipher,
					    &t->key, first + i, 0, p,
					    CDX_BLOCK_SIZE);
	}
	if (r < 0)
		return r;
	cdx_sha256(&digest, body, (size_t)t->len);
	if (memcmp(digest.b, t->digest.b, sizeof(digest.b)) != 0)
		return CDX_E_HASH;
	return cdx_footer_decode(out, body, (size_t)t->len);
}

static int read_tail(struct cdx_volume *v, struct cdx_footer_tail *out,
		     uint64_t area, uint32_t blocks)
{
	uint8_t *block = malloc(CDX_BLOCK_SIZE);
	int r = block ? 0 : -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (r == 0 && !blocks)
		r = CDX_E_FORMAT;
	if (r == 0)
		r = cdx_seg_block(v, block, area, blocks - 1);
	if (r == 0)
		r = cdx_footer_tail_open(out, &v->keys.footer, block);
	free(block);
	if (r == 0 && out->body_blocks >= blocks)
		r = CDX_E_FORMAT;
	return r;
}

int cdx_footer_read(struct cdx_volume *v, struct cdx_footer *out, uint64_t area,
		    uint32_t blocks)
{
	struct cdx_footer_tail t;
	int r = read_tail(v, &t, area, blocks);

	if (r == 0)
		r = read_body(v, out, area, blocks - 1 - t.body_blocks, &t);
	cdx_wipe(&t.key, sizeof(t.key));
	if (r == 0 && memcmp(out->id, t.id, sizeof(t.id)) != 0) {
		cdx_footer_free(out);
		r = CDX_E_FORMAT;
	}
	return r;
}
