/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/tx.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "codec/rlp.h"
#include "crypto/hash.h"

/* First byte of a transaction of EIP-1559; that of an older one is a list */
#define TYPE_1559 0x02u
/* EIP-155: v of a chain and a parity is twice the chain and these */
#define V_155 35u

/* The numbers r, s */
static void put_point(struct cdx_buf *out, const uint8_t v[32])
{
	struct cdx_u256 number = cdx_u256_from_be(v);

	cdx_rlp_u256(out, &number);
}

static void put_legacy_end(struct cdx_buf *out, const struct cdx_tx *tx,
			   const struct cdx_secp_sig *sig)
{
	struct cdx_u256 v = cdx_u256_of(tx->chain_id);
	struct cdx_u256 more = cdx_u256_of(V_155);

	if (!sig) {
		cdx_rlp_u64(out, tx->chain_id);
		cdx_rlp_u64(out, 0);
		cdx_rlp_u64(out, 0);
		return;
	}
	more.v[0] += sig->parity;
	/* of numbers of 64 bits: they fit */
	if (cdx_u256_add(&v, &v, &v) < 0 || cdx_u256_add(&v, &v, &more) < 0)
		out->fail = true;
	cdx_rlp_u256(out, &v);
	put_point(out, sig->r);
	put_point(out, sig->s);
}

/* The transaction with its signature, or what is signed; fails for want of
 * memory only */
static void encode(struct cdx_buf *out, const struct cdx_tx *tx,
		   const struct cdx_secp_sig *sig)
{
	const struct cdx_buf none = {0};
	struct cdx_buf items = {0};

	if (!tx->legacy) {
		cdx_buf_u8(out, TYPE_1559);
		cdx_rlp_u64(&items, tx->chain_id);
	}
	cdx_rlp_u64(&items, tx->nonce);
	if (tx->legacy) {
		cdx_rlp_u256(&items, &tx->gas_price);
	} else {
		cdx_rlp_u256(&items, &tx->max_tip);
		cdx_rlp_u256(&items, &tx->max_fee);
	}
	cdx_rlp_u64(&items, tx->gas);
	cdx_rlp_bytes(&items, tx->to.b, tx->create ? 0 : sizeof(tx->to.b));
	cdx_rlp_u256(&items, &tx->value);
	cdx_rlp_bytes(&items, tx->data, tx->len);
	if (tx->legacy) {
		put_legacy_end(&items, tx, sig);
	} else {
		/* no access list */
		cdx_rlp_list(&items, &none);
		if (sig) {
			cdx_rlp_u64(&items, sig->parity);
			put_point(&items, sig->r);
			put_point(&items, sig->s);
		}
	}
	cdx_rlp_list(out, &items);
	cdx_buf_free(&items);
}

/* Hash that is signed */
static int signed_hash(uint8_t out[32], const struct cdx_tx *tx)
{
	struct cdx_buf b = {0};
	int err;

	encode(&b, tx, NULL);
	err = cdx_buf_ok(&b);
	if (!err)
		cdx_keccak256(out, b.p, b.len);
	cdx_buf_free(&b);
	return err;
}

int cdx_tx_sign(struct cdx_buf *out, struct cdx_b32 *hash,
		const struct cdx_tx *tx, const struct cdx_seckey *key)
{
	struct cdx_secp_sig sig;
	struct cdx_buf b = {0};
	uint8_t digest[32];
	int err;

	if (!tx->chain_id)
		return -EINVAL;
	if (tx->len > CDX_TX_MAX)
		return -E2BIG;
	err = signed_hash(digest, tx);
	if (!err)
		err = cdx_secp_sign(&sig, key, digest);
	if (err)
		return err;
	encode(&b, tx, &sig);
	err = cdx_buf_ok(&b);
	if (!err && b.len > CDX_TX_MAX)
		err = -E2BIG;
	if (!err) {
		cdx_buf_put(out, b.p, b.len);
		err = cdx_buf_ok(out);
	}
	if (!err)
		cdx_keccak256(hash->b, b.p, b.len);
	cdx_buf_free(&b);
	return err;
}

/* ---- reading */

static void get_point(struct cdx_cursor *c, uint8_t out[32])
{
	struct cdx_u256 number = cdx_rlp_get_u256(c);

	cdx_u256_to_be(out, &number);
}

/* The chain and the parity that v tells */
static void get_v(struct cdx_cursor *c, struct cdx_tx *tx,
		  struct cdx_secp_sig *sig)
{
	const struct cdx_u256 base = cdx_u256_of(V_155);
	struct cdx_u256 v = cdx_rlp_get_u256(c);

	/* without a chain id (27, 28) it could be sent again on any chain */
	if (cdx_u256_sub(&v, &v, &base) < 0) {
		c->fail = true;
		return;
	}
	sig->parity = v.v[0] & 1;
	v = cdx_u256_div_u64(&v, 2, NULL);
	if (cdx_u256_to_u64(&tx->chain_id, &v) < 0)
		c->fail = true;
}

static void get_to(struct cdx_cursor *c, struct cdx_tx *tx)
{
	size_t len;
	const uint8_t *p = cdx_rlp_get_bytes(c, &len);

	if (!p)
		return;
	tx->create = len == 0;
	if (len == sizeof(tx->to.b))
		memcpy(tx->to.b, p, len);
	else if (len)
		c->fail = true;
}

static void get_parity(struct cdx_cursor *c, struct cdx_secp_sig *sig)
{
	uint64_t parity = cdx_rlp_get_u64(c);

	if (parity > 1)
		c->fail = true;
	sig->parity = parity & 1;
}

/* All fields of @raw, each in its only form */
static int parse(struct cdx_tx *tx, struct cdx_secp_sig *sig, const void *raw,
		 size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(raw, len);
	struct cdx_cursor items;

	tx->legacy = !len || *(const uint8_t *)raw != TYPE_1559;
	if (!tx->legacy)
		(void)cdx_cursor_u8(&c);
	items = cdx_rlp_get_list(&c);
	if (!tx->legacy)
		tx->chain_id = cdx_rlp_get_u64(&items);
	tx->nonce = cdx_rlp_get_u64(&items);
	if (tx->legacy) {
		tx->gas_price = cdx_rlp_get_u256(&items);
	} else {
		tx->max_tip = cdx_rlp_get_u256(&items);
		tx->max_fee = cdx_rlp_get_u256(&items);
	}
	tx->gas = cdx_rlp_get_u64(&items);
	get_to(&items, tx);
	tx->value = cdx_rlp_get_u256(&items);
	tx->data = cdx_rlp_get_bytes(&items, &tx->len);
	if (tx->legacy) {
		get_v(&items, tx, sig);
	} else {
		struct cdx_cursor access = cdx_rlp_get_list(&items);

		if (cdx_cursor_done(&access) < 0)
			return CDX_E_FORMAT;
		get_parity(&items, sig);
	}
	get_point(&items, sig->r);
	get_point(&items, sig->s);
	if (cdx_cursor_done(&items) < 0 || cdx_cursor_done(&c) < 0 ||
	    !tx->chain_id)
		return CDX_E_FORMAT;
	return 0;
}

int cdx_tx_read(struct cdx_tx *out, struct cdx_addr *from, struct cdx_b32 *hash,
		const void *raw, size_t len)
{
	struct cdx_tx tx = {0};
	struct cdx_secp_sig sig;
	uint8_t digest[32];
	int err;

	if (len > CDX_TX_MAX)
		return CDX_E_FORMAT;
	err = parse(&tx, &sig, raw, len);
	if (!err)
		err = signed_hash(digest, &tx);
	if (!err)
		err = cdx_secp_recover(from, &sig, digest);
	if (err)
		return err;
	cdx_keccak256(hash->b, raw, len);
	*out = tx;
	return 0;
}

void cdx_tx_contract(struct cdx_addr *out, const struct cdx_addr *from,
		     uint64_t nonce)
{
	/* a list of at most 21 and 9 bytes: with this room they never ask for
	 * memory */
	uint8_t room[2][32];
	struct cdx_buf items = {.p = room[0], .cap = sizeof(room[0])};
	struct cdx_buf list = {.p = room[1], .cap = sizeof(room[1])};
	uint8_t hash[32];

	cdx_rlp_bytes(&items, from->b, sizeof(from->b));
	cdx_rlp_u64(&items, nonce);
	cdx_rlp_list(&list, &items);
	cdx_keccak256(hash, list.p, list.len);
	memcpy(out->b, hash + sizeof(hash) - sizeof(out->b), sizeof(out->b));
}
