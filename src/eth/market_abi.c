/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/market.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "codec/abi.h"
#include "eth/market_fields.h"

/* Encodings of spec/marketplace.md 1.1.  A dynamic tuple is written behind the
 * word that says where it begins, as a sole argument is. */

/* Words of the heads of the tuples: their static members, and one for each
 * dynamic one */
#define CONTENT_WORDS 2u
#define REQUEST_WORDS (4u + CDX_ASK_WORDS)
#define PROOFS_WORDS 5u
#define CONFIG_WORDS 7u

/* Appends a tuple that is encoded already as a sole argument */
static int put_sole(struct cdx_buf *out, const struct cdx_buf *tuple)
{
	struct cdx_abi w;

	cdx_abi_begin(&w, 1);
	cdx_abi_dynamic(&w, tuple);
	return cdx_abi_end(&w, out);
}

/* ---- requests ---- */

static void put_ask(struct cdx_abi *w, const struct cdx_ask *a)
{
	cdx_abi_u256(w, &a->proof_probability);
	cdx_abi_u256(w, &a->price);
	cdx_abi_u256(w, &a->collateral);
	cdx_abi_u64(w, a->slots);
	cdx_abi_u64(w, a->slot_size);
	cdx_abi_u64(w, a->duration);
	cdx_abi_u64(w, a->max_slot_loss);
}

void cdx_ask_get(struct cdx_ask *out, struct cdx_abi_in *r)
{
	out->proof_probability = cdx_abi_get_u256(r);
	out->price = cdx_abi_get_u256(r);
	out->collateral = cdx_abi_get_u256(r);
	out->slots = cdx_abi_get_u64(r);
	out->slot_size = cdx_abi_get_u64(r);
	out->duration = cdx_abi_get_u64(r);
	out->max_slot_loss = cdx_abi_get_u64(r);
}

static int encode_content(struct cdx_buf *out,
			  const struct cdx_storage_request *r)
{
	struct cdx_abi w;

	cdx_abi_begin(&w, CONTENT_WORDS);
	cdx_abi_bytes(&w, r->cid, r->cid_len);
	cdx_abi_b32(&w, r->merkle_root.b);
	return cdx_abi_end(&w, out);
}

static int encode_request(struct cdx_buf *out,
			  const struct cdx_storage_request *r)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf content = {.p = NULL};
	struct cdx_abi w;
	int err = encode_content(&content, r);

	if (err < 0)
		return err;
	cdx_abi_begin(&w, REQUEST_WORDS);
	cdx_abi_addr(&w, r->client.b);
	put_ask(&w, &r->ask);
	cdx_abi_dynamic(&w, &content);
	cdx_abi_u64(&w, r->expiry);
	cdx_abi_b32(&w, r->nonce.b);
	return cdx_abi_end(&w, out);
}

int cdx_storage_request_encode(struct cdx_buf *out,
			       const struct cdx_storage_request *r)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf tuple = {.p = NULL};
	int err;

	if (r->cid_len > sizeof(r->cid))
		return -EINVAL;
	err = encode_request(&tuple, r);
	return err < 0 ? err : put_sole(out, &tuple);
}

static int read_content(struct cdx_storage_request *out, struct cdx_abi_in r)
{
	size_t len = 0;
	const uint8_t *cid = cdx_abi_get_bytes(&r, &len);
	int err;

	cdx_abi_get_b32(&r, out->merkle_root.b);
	err = cdx_abi_ok(&r);
	if (err < 0)
		return err;
	if (len > sizeof(out->cid))
		return CDX_E_FORMAT;
	memcpy(out->cid, cid, len);
	out->cid_len = len;
	return 0;
}

static int read_request(struct cdx_storage_request *out, struct cdx_abi_in r)
{
	struct cdx_abi_in content;
	int err;

	cdx_abi_get_addr(&r, out->client.b);
	cdx_ask_get(&out->ask, &r);
	content = cdx_abi_get_tuple(&r);
	out->expiry = cdx_abi_get_u64(&r);
	cdx_abi_get_b32(&r, out->nonce.b);
	err = cdx_abi_ok(&r);
	return err < 0 ? err : read_content(out, content);
}

int cdx_storage_request_decode(struct cdx_storage_request *out, const void *p,
			       size_t len)
{
	struct cdx_storage_request got = {.cid_len = 0};
	struct cdx_abi_in r = cdx_abi_in(p, len);
	int err = read_request(&got, cdx_abi_get_tuple(&r));

	if (err < 0)
		return err;
	*out = got;
	return 0;
}

/* (Request, uint64) as the members of one tuple, which is dynamic */
int cdx_active_slot_decode(struct cdx_storage_request *out, uint64_t *index,
			   const void *p, size_t len)
{
	struct cdx_storage_request got = {.cid_len = 0};
	struct cdx_abi_in sole = cdx_abi_in(p, len);
	struct cdx_abi_in r = cdx_abi_get_tuple(&sole);
	struct cdx_abi_in request = cdx_abi_get_tuple(&r);
	uint64_t at = cdx_abi_get_u64(&r);
	int err = cdx_abi_ok(&r);

	if (err < 0)
		return err;
	err = read_request(&got, request);
	if (err < 0)
		return err;
	*out = got;
	*index = at;
	return 0;
}

/* ---- configuration ---- */

static int encode_proofs(struct cdx_buf *out, const struct cdx_market_config *c,
			 size_t hash_len)
{
	struct cdx_abi w;

	cdx_abi_begin(&w, PROOFS_WORDS);
	cdx_abi_u64(&w, c->period);
	cdx_abi_u64(&w, c->timeout);
	cdx_abi_u64(&w, c->downtime);
	cdx_abi_u64(&w, c->downtime_product);
	cdx_abi_bytes(&w, c->zkey_hash, hash_len);
	return cdx_abi_end(&w, out);
}

static int encode_config(struct cdx_buf *out, const struct cdx_market_config *c,
			 size_t hash_len)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf proofs = {.p = NULL};
	struct cdx_abi w;
	int err = encode_proofs(&proofs, c, hash_len);

	if (err < 0)
		return err;
	cdx_abi_begin(&w, CONFIG_WORDS);
	cdx_abi_u64(&w, c->repair_reward);
	cdx_abi_u64(&w, c->max_slashes);
	cdx_abi_u64(&w, c->slash);
	cdx_abi_u64(&w, c->validator_reward);
	cdx_abi_dynamic(&w, &proofs);
	cdx_abi_u64(&w, c->max_reservations);
	cdx_abi_u64(&w, c->duration_limit);
	return cdx_abi_end(&w, out);
}

int cdx_market_config_encode(struct cdx_buf *out,
			     const struct cdx_market_config *c)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf tuple = {.p = NULL};
	size_t hash_len = strnlen(c->zkey_hash, sizeof(c->zkey_hash));
	int err;

	if (hash_len == sizeof(c->zkey_hash))
		return -EINVAL;
	err = encode_config(&tuple, c, hash_len);
	return err < 0 ? err : put_sole(out, &tuple);
}

static uint8_t get_u8(struct cdx_abi_in *r)
{
	uint64_t v = cdx_abi_get_u64(r);

	if (v > UINT8_MAX)
		r->fail = true;
	return (uint8_t)v;
}

/* The hash is told to users and compared with ours: text of printable ASCII */
static int read_hash(struct cdx_market_config *out, struct cdx_abi_in *r)
{
	size_t len = 0;
	const uint8_t *text = cdx_abi_get_bytes(r, &len);

	if (!text || len >= sizeof(out->zkey_hash))
		return CDX_E_FORMAT;
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return CDX_E_FORMAT;
	memcpy(out->zkey_hash, text, len);
	out->zkey_hash[len] = '\0';
	return 0;
}

static int read_proofs(struct cdx_market_config *out, struct cdx_abi_in r)
{
	int err;

	out->period = cdx_abi_get_u64(&r);
	out->timeout = cdx_abi_get_u64(&r);
	out->downtime = get_u8(&r);
	out->downtime_product = get_u8(&r);
	err = read_hash(out, &r);
	return err < 0 ? err : cdx_abi_ok(&r);
}

int cdx_market_config_decode(struct cdx_market_config *out, const void *p,
			     size_t len)
{
	struct cdx_market_config got = {.period = 0};
	struct cdx_abi_in sole = cdx_abi_in(p, len);
	struct cdx_abi_in r = cdx_abi_get_tuple(&sole);
	struct cdx_abi_in proofs;
	int err;

	got.repair_reward = get_u8(&r);
	got.max_slashes = get_u8(&r);
	got.slash = get_u8(&r);
	got.validator_reward = get_u8(&r);
	proofs = cdx_abi_get_tuple(&r);
	got.max_reservations = get_u8(&r);
	got.duration_limit = cdx_abi_get_u64(&r);
	err = cdx_abi_ok(&r);
	if (err == 0)
		err = read_proofs(&got, proofs);
	if (err < 0)
		return err;
	*out = got;
	return 0;
}
