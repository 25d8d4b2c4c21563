/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codec/abi.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "crypto/hash.h"

#define WORD 32u

/* ---- writing */

void cdx_abi_begin(struct cdx_abi *w, size_t head_words)
{
	memset(w, 0, sizeof(*w));
	w->head_words = head_words;
}

/* A word with @len bytes at its end, or at its front */
static void put_word(struct cdx_buf *out, const void *p, size_t len, bool front)
{
	uint8_t *word = cdx_buf_extend(out, WORD);

	if (!word)
		return;
	memset(word, 0, WORD);
	memcpy(front ? word : word + WORD - len, p, len);
}

static void put_u64(struct cdx_buf *out, uint64_t v)
{
	uint8_t raw[8];

	cdx_put_be64(raw, v);
	put_word(out, raw, sizeof(raw), false);
}

void cdx_abi_u64(struct cdx_abi *w, uint64_t v)
{
	put_u64(&w->head, v);
}

void cdx_abi_u256(struct cdx_abi *w, const struct cdx_u256 *v)
{
	uint8_t raw[WORD];

	cdx_u256_to_be(raw, v);
	put_word(&w->head, raw, sizeof(raw), false);
}

void cdx_abi_bool(struct cdx_abi *w, bool v)
{
	put_u64(&w->head, v);
}

void cdx_abi_b32(struct cdx_abi *w, const uint8_t v[32])
{
	put_word(&w->head, v, WORD, false);
}

void cdx_abi_addr(struct cdx_abi *w, const uint8_t v[20])
{
	put_word(&w->head, v, 20, false);
}

/* In the head, where the next dynamic member will begin */
static void put_offset(struct cdx_abi *w)
{
	put_u64(&w->head, w->head_words * WORD + w->tail.len);
}

void cdx_abi_bytes(struct cdx_abi *w, const void *p, size_t len)
{
	size_t odd = len % WORD;
	const uint8_t *bytes = p;

	put_offset(w);
	put_u64(&w->tail, len);
	cdx_buf_put(&w->tail, bytes, len - odd);
	if (odd)
		put_word(&w->tail, bytes + len - odd, odd, true);
}

void cdx_abi_dynamic(struct cdx_abi *w, const struct cdx_buf *encoded)
{
	put_offset(w);
	w->tail.fail |= encoded->fail;
	cdx_buf_put(&w->tail, encoded->p, encoded->len);
}

int cdx_abi_end(struct cdx_abi *w, struct cdx_buf *out)
{
	size_t len = w->head.len;
	int err = 0;

	out->fail |= w->head.fail | w->tail.fail;
	/* without memory the head is short for that reason */
	if (!out->fail && len != w->head_words * WORD) {
		err = -EINVAL;
	} else {
		cdx_buf_put(out, w->head.p, len);
		cdx_buf_put(out, w->tail.p, w->tail.len);
		err = cdx_buf_ok(out);
	}
	cdx_buf_free(&w->head);
	cdx_buf_free(&w->tail);
	return err;
}

/* ---- reading */

struct cdx_abi_in cdx_abi_in(const void *p, size_t len)
{
	return (struct cdx_abi_in){.p = p, .len = len};
}

static struct cdx_abi_in failed(struct cdx_abi_in *r)
{
	r->fail = true;
	return (struct cdx_abi_in){.fail = true};
}

/* The next word of the head, of which the first @zeros bytes must be zero;
 * NULL after failure */
static const uint8_t *get_word(struct cdx_abi_in *r, size_t zeros)
{
	const uint8_t *word;

	if (r->fail || r->at > r->len || r->len - r->at < WORD) {
		r->fail = true;
		return NULL;
	}
	word = r->p + r->at;
	r->at += WORD;
	for (size_t i = 0; i < zeros; i++) {
		if (word[i]) {
			r->fail = true;
			return NULL;
		}
	}
	return word;
}

uint64_t cdx_abi_get_u64(struct cdx_abi_in *r)
{
	const uint8_t *word = get_word(r, WORD - 8);

	return word ? cdx_get_be64(word + WORD - 8) : 0;
}

struct cdx_u256 cdx_abi_get_u256(struct cdx_abi_in *r)
{
	const uint8_t *word = get_word(r, 0);

	return word ? cdx_u256_from_be(word) : cdx_u256_of(0);
}

bool cdx_abi_get_bool(struct cdx_abi_in *r)
{
	uint64_t v = cdx_abi_get_u64(r);

	if (v > 1)
		r->fail = true;
	return v == 1;
}

static void get_end(struct cdx_abi_in *r, uint8_t *out, size_t len)
{
	const uint8_t *word = get_word(r, WORD - len);

	if (word)
		memcpy(out, word + WORD - len, len);
	else
		memset(out, 0, len);
}

void cdx_abi_get_b32(struct cdx_abi_in *r, uint8_t out[32])
{
	get_end(r, out, WORD);
}

void cdx_abi_get_addr(struct cdx_abi_in *r, uint8_t out[20])
{
	get_end(r, out, 20);
}

struct cdx_abi_in cdx_abi_get_tuple(struct cdx_abi_in *r)
{
	uint64_t offset = cdx_abi_get_u64(r);

	if (r->fail || offset > r->len)
		return failed(r);
	return cdx_abi_in(r->p + offset, r->len - (size_t)offset);
}

struct cdx_abi_in cdx_abi_get_array(struct cdx_abi_in *r, size_t words,
				    size_t *n)
{
	struct cdx_abi_in at = cdx_abi_get_tuple(r);
	uint64_t count = cdx_abi_get_u64(&at);

	*n = 0;
	if (at.fail || count > (at.len - at.at) / WORD / words)
		return failed(r);
	*n = (size_t)count;
	/* offsets of dynamic elements count from behind the length */
	return cdx_abi_in(at.p + at.at, at.len - at.at);
}

const uint8_t *cdx_abi_get_bytes(struct cdx_abi_in *r, size_t *len)
{
	struct cdx_abi_in at = cdx_abi_get_tuple(r);
	uint64_t size = cdx_abi_get_u64(&at);

	*len = 0;
	/* some encoders leave the last padding out */
	if (at.fail || size > at.len - at.at) {
		r->fail = true;
		return NULL;
	}
	*len = (size_t)size;
	return at.p + at.at;
}

int cdx_abi_ok(const struct cdx_abi_in *r)
{
	return r->fail ? CDX_E_FORMAT : 0;
}

void cdx_abi_selector(uint8_t out[4], const char *signature)
{
	uint8_t hash[32];

	cdx_keccak256(hash, signature, strlen(signature));
	memcpy(out, hash, 4);
}
