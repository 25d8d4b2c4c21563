/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "tests/unit/chain_model.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "eth/json.h"
#include "eth/tx.h"

/* ---- blocks ---- */

static void push_block(struct chain_model *m)
{
	struct cdx_block *b = &m->blocks[m->n_blocks];
	uint8_t seed[16];

	memset(b, 0, sizeof(*b));
	b->number = m->n_blocks;
	b->timestamp = 1700000000 + m->n_blocks;
	if (m->n_blocks > 0)
		b->parent = m->blocks[m->n_blocks - 1].hash;
	cdx_put_be64(seed, m->salt++);
	cdx_put_be64(seed + 8, b->number);
	cdx_keccak256(b->hash.b, seed, sizeof(seed));
	b->base_fee = m->base_fee;
	b->has_base_fee = !m->legacy;
	b->gas_limit = 30000000;
	m->n_blocks++;
}

void model_init(struct chain_model *m)
{
	memset(m, 0, sizeof(*m));
	m->base_fee = cdx_u256_of(MODEL_GWEI);
	m->gas_price = cdx_u256_of(2 * MODEL_GWEI);
	m->tip = cdx_u256_of(MODEL_GWEI);
	m->estimate = 50000;
	push_block(m);
}

static uint64_t nonce_of(const struct chain_model *m,
			 const struct cdx_addr *from)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < m->n_txs; i++)
		if (m->txs[i].block >= 0 &&
		    memcmp(m->txs[i].from.b, from->b, 20) == 0)
			n++;
	return n;
}

static struct model_tx *pooled(struct chain_model *m,
			       const struct cdx_addr *from, uint64_t nonce)
{
	for (unsigned i = 0; i < m->n_txs; i++)
		if (m->txs[i].pooled && m->txs[i].nonce == nonce &&
		    memcmp(m->txs[i].from.b, from->b, 20) == 0)
			return &m->txs[i];
	return NULL;
}

static bool payable(const struct chain_model *m, const struct model_tx *tx)
{
	return m->legacy || cdx_u256_cmp(&tx->cap, &m->base_fee) >= 0;
}

static void include(struct chain_model *m, struct model_tx *tx)
{
	tx->pooled = false;
	tx->block = m->n_blocks;
	tx->fails = m->fail_next;
	tx->gas_used = m->fail_next && m->out_of_gas ? tx->gas : 40000;
}

void model_mine(struct chain_model *m, unsigned n)
{
	bool more = true;

	while (more && n > 0) {
		more = false;
		for (unsigned i = 0; i < m->n_txs && n > 0; i++) {
			struct model_tx *tx = &m->txs[i];

			if (!tx->pooled || !payable(m, tx) ||
			    tx->nonce != nonce_of(m, &tx->from))
				continue;
			include(m, tx);
			n--;
			more = true;
		}
	}
	m->fail_next = false;
	push_block(m);
}

void model_reorg(struct chain_model *m, unsigned depth, bool forget)
{
	unsigned from = m->n_blocks - depth;

	for (unsigned i = 0; i < m->n_txs; i++) {
		struct model_tx *tx = &m->txs[i];

		if (tx->block < (int64_t)from)
			continue;
		tx->block = -1;
		tx->pooled = !forget;
	}
	if (forget)
		model_forget(m);
	m->n_blocks = from;
	for (unsigned i = 0; i <= depth; i++)
		push_block(m);
}

void model_forget(struct chain_model *m)
{
	for (unsigned i = 0; i < m->n_txs; i++)
		m->txs[i].pooled = false;
}

void model_foreign(struct chain_model *m, const struct cdx_addr *from,
		   uint64_t nonce)
{
	struct model_tx *tx = &m->txs[m->n_txs++];

	memset(tx, 0, sizeof(*tx));
	cdx_put_be64(tx->hash.b, 0xf0f0f0f0 + m->n_txs);
	tx->from = *from;
	tx->nonce = nonce;
	tx->cap = cdx_u256_of(100 * MODEL_GWEI);
	tx->tip = cdx_u256_of(MODEL_GWEI);
	tx->gas = 21000;
	tx->block = -1;
	tx->pooled = true;
}

/* ---- counts ---- */

static bool same(const struct model_tx *tx, const char *data)
{
	return !tx->empty && tx->len == strlen(data) &&
	       memcmp(tx->data, data, tx->len) == 0;
}

unsigned model_done(const struct chain_model *m, const char *data)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_txs; i++)
		n += m->txs[i].block >= 0 && same(&m->txs[i], data);
	return n;
}

unsigned model_count(const struct chain_model *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_txs; i++)
		n += m->txs[i].block >= 0;
	return n;
}

unsigned model_pooled(const struct chain_model *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_txs; i++)
		n += m->txs[i].pooled;
	return n;
}

unsigned model_empties(const struct chain_model *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_txs; i++)
		n += m->txs[i].block >= 0 && m->txs[i].empty;
	return n;
}

const struct model_tx *model_last(const struct chain_model *m, const char *data)
{
	for (unsigned i = m->n_txs; i-- > 0;)
		if (same(&m->txs[i], data))
			return &m->txs[i];
	return NULL;
}

/* ---- taking transactions ---- */

static json_t *refusal(struct rpc_kit_answer *out, int64_t code,
		       const char *message)
{
	out->code = code;
	snprintf(out->message, sizeof(out->message), "%s", message);
	return NULL;
}

static bool tenth_more(const struct cdx_u256 *a, const struct cdx_u256 *b)
{
	struct cdx_u256 least;

	return cdx_u256_scale(&least, b, 11, 10) == 0 &&
	       cdx_u256_cmp(a, &least) >= 0;
}

/* Geth's rules, in its order and words (core/txpool/validation.go,
 * core/txpool/legacypool/list.go) */
static const char *why_not(struct chain_model *m, const struct model_tx *tx)
{
	struct model_tx *old = pooled(m, &tx->from, tx->nonce);

	for (unsigned i = 0; i < m->n_txs; i++)
		if (m->txs[i].pooled &&
		    memcmp(m->txs[i].hash.b, tx->hash.b, 32) == 0)
			return "already known";
	if (tx->gas < 21000)
		return "intrinsic gas too low";
	if (tx->nonce < nonce_of(m, &tx->from))
		return "nonce too low: next nonce is higher";
	if (m->poor)
		return "insufficient funds for gas * price + value";
	if (old && (!tenth_more(&tx->cap, &old->cap) ||
		    (!tx->legacy && !tenth_more(&tx->tip, &old->tip))))
		return "replacement transaction underpriced";
	if (old)
		old->pooled = false;
	return NULL;
}

static void read_tx(struct model_tx *out, const struct cdx_tx *tx)
{
	out->nonce = tx->nonce;
	out->gas = tx->gas;
	out->legacy = tx->legacy;
	out->cap = tx->legacy ? tx->gas_price : tx->max_fee;
	out->tip = tx->max_tip;
	out->len = tx->len < sizeof(out->data) ? tx->len : sizeof(out->data);
	if (out->len)
		memcpy(out->data, tx->data, out->len);
	out->empty = tx->len == 0 && cdx_u256_is_zero(&tx->value) &&
		     memcmp(tx->to.b, out->from.b, 20) == 0;
	out->block = -1;
}

static struct model_tx *seen(struct chain_model *m, const struct cdx_b32 *hash)
{
	for (unsigned i = 0; i < m->n_txs; i++)
		if (memcmp(m->txs[i].hash.b, hash->b, 32) == 0)
			return &m->txs[i];
	return NULL;
}

static json_t *take(struct chain_model *m, const struct model_tx *tx)
{
	struct model_tx *place = seen(m, &tx->hash);
	json_t *hash = cdx_json_b32(&tx->hash);

	if (!place)
		place = &m->txs[m->n_txs++];
	*place = *tx;
	place->pooled = true;
	if (m->automine)
		model_mine(m, UINT32_MAX);
	return hash;
}

static json_t *send_raw(struct chain_model *m, const json_t *params,
			struct rpc_kit_answer *out)
{
	struct cdx_buf raw = {0};
	struct model_tx tx = {.block = -1};
	const char *why = "cannot be read";
	struct cdx_tx read;
	json_t *result = NULL;
	bool refuse = m->refuse && m->refuse_n > 0;

	m->n_sends++;
	if (cdx_json_get_bytes(json_array_get(params, 0), &raw) == 0 &&
	    cdx_tx_read(&read, &tx.from, &tx.hash, raw.p, raw.len) == 0) {
		read_tx(&tx, &read);
		why = refuse && !m->refuse_takes ? m->refuse : why_not(m, &tx);
	}
	if (!why)
		result = take(m, &tx);
	if (refuse) {
		if (m->refuse_n != UINT32_MAX)
			m->refuse_n--;
		json_decref(result);
		result = NULL;
		why = m->refuse;
	}
	cdx_buf_free(&raw);
	return result ? result : refusal(out, -32000, why);
}

/* ---- answers ---- */

static json_t *block_json(const struct cdx_block *b)
{
	json_t *j = json_pack("{s:o,s:o,s:o,s:o,s:o}", "number",
			      cdx_json_u64(b->number), "timestamp",
			      cdx_json_u64(b->timestamp), "hash",
			      cdx_json_b32(&b->hash), "parentHash",
			      cdx_json_b32(&b->parent), "gasLimit",
			      cdx_json_u64(b->gas_limit));

	if (b->has_base_fee)
		json_object_set_new(j, "baseFeePerGas",
				    cdx_json_u256(&b->base_fee));
	return j;
}

static json_t *block_by(const struct chain_model *m, const json_t *which)
{
	struct cdx_b32 hash;
	uint64_t number;

	if (cdx_json_get_b32(which, &hash) == 0) {
		for (unsigned i = 0; i < m->n_blocks; i++)
			if (memcmp(m->blocks[i].hash.b, hash.b, 32) == 0)
				return block_json(&m->blocks[i]);
		return NULL;
	}
	if (cdx_json_get_u64(which, &number) < 0)
		number = m->n_blocks - 1;
	return number < m->n_blocks ? block_json(&m->blocks[number]) : NULL;
}

static json_t *receipt(struct chain_model *m, const json_t *params)
{
	struct cdx_b32 hash;
	const struct model_tx *tx;
	const struct cdx_block *b;

	if (m->no_receipts ||
	    cdx_json_get_b32(json_array_get(params, 0), &hash) < 0)
		return NULL;
	tx = seen(m, &hash);
	if (!tx || tx->block < 0)
		return NULL;
	b = &m->blocks[tx->block];
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:n,s:[]}",
			 "transactionHash", cdx_json_b32(&hash), "blockNumber",
			 cdx_json_u64(b->number), "blockHash",
			 cdx_json_b32(&b->hash), "status",
			 cdx_json_u64(tx->fails ? 0 : 1), "gasUsed",
			 cdx_json_u64(tx->gas_used), "effectiveGasPrice",
			 cdx_json_u256(&tx->cap), "contractAddress", "logs");
}

static json_t *by_hash(struct chain_model *m, const json_t *params)
{
	struct cdx_b32 hash;
	const struct model_tx *tx;

	if (cdx_json_get_b32(json_array_get(params, 0), &hash) < 0)
		return NULL;
	tx = seen(m, &hash);
	if (!tx || (tx->block < 0 && !tx->pooled))
		return NULL;
	return json_pack("{s:o}", "hash", cdx_json_b32(&hash));
}

static json_t *count(struct chain_model *m, const json_t *params)
{
	const char *at = json_string_value(json_array_get(params, 1));
	struct cdx_addr addr;
	uint64_t n;

	if (cdx_json_get_addr(json_array_get(params, 0), &addr) < 0)
		return NULL;
	n = nonce_of(m, &addr);
	if (at && strcmp(at, "pending") == 0 && !m->hide_pool)
		while (pooled(m, &addr, n))
			n++;
	return cdx_json_u64(n);
}

static json_t *reverted(struct chain_model *m, struct rpc_kit_answer *out)
{
	out->data = json_string(m->revert ? m->revert : "0x");
	return refusal(out, 3, "execution reverted");
}

static bool begins(const json_t *params, const char *data)
{
	const json_t *tx = json_array_get(params, 0);
	struct cdx_buf b = {0};
	size_t len = strlen(data);
	bool same = cdx_json_get_bytes(json_object_get(tx, "data"), &b) == 0 &&
		    b.len >= len && memcmp(b.p, data, len) == 0;

	cdx_buf_free(&b);
	return same;
}

static json_t *estimate(struct chain_model *m, const json_t *params,
			struct rpc_kit_answer *out)
{
	if (m->poor)
		return refusal(out, -32003,
			       "Insufficient funds for gas * price + value");
	if (m->after_pool && begins(params, "after") && model_pooled(m) == 0)
		return reverted(m, out);
	return m->estimate ? cdx_json_u64(m->estimate) : reverted(m, out);
}

json_t *model_answer(void *arg, const char *method, const json_t *params,
		     struct rpc_kit_answer *out)
{
	struct chain_model *m = arg;

	if (strcmp(method, "eth_getBlockByNumber") == 0 ||
	    strcmp(method, "eth_getBlockByHash") == 0)
		return block_by(m, json_array_get(params, 0));
	if (strcmp(method, "eth_blockNumber") == 0)
		return cdx_json_u64(m->n_blocks - 1);
	if (strcmp(method, "eth_getTransactionCount") == 0)
		return count(m, params);
	if (strcmp(method, "eth_maxPriorityFeePerGas") == 0)
		return cdx_json_u256(&m->tip);
	if (strcmp(method, "eth_gasPrice") == 0)
		return cdx_json_u256(&m->gas_price);
	if (strcmp(method, "eth_estimateGas") == 0)
		return estimate(m, params, out);
	if (strcmp(method, "eth_call") == 0)
		return reverted(m, out);
	if (strcmp(method, "eth_sendRawTransaction") == 0)
		return send_raw(m, params, out);
	if (strcmp(method, "eth_getTransactionReceipt") == 0)
		return receipt(m, params);
	if (strcmp(method, "eth_getTransactionByHash") == 0)
		return by_hash(m, params);
	return refusal(out, -32601, "no such method");
}
