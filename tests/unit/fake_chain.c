/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "fake_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "eth/json.h"

#define BEGIN_S 1000000

static void push(struct fake_chain *c)
{
	struct fake_block *b = &c->blocks[c->n];

	/* a test that wants more says so in FAKE_BLOCKS_MAX */
	if (c->n == FAKE_BLOCKS_MAX)
		abort();
	*b = (struct fake_block){.branch = c->branch, .timestamp = BEGIN_S};
	if (c->n)
		b->timestamp = b[-1].timestamp + FAKE_INTERVAL_S;
	c->n++;
}

void fake_chain_start(struct fake_chain *c, uint64_t n)
{
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->mu, NULL);
	for (uint64_t i = 0; i <= n; i++)
		push(c);
}

void fake_chain_end(struct fake_chain *c)
{
	pthread_mutex_destroy(&c->mu);
}

void fake_chain_lock(struct fake_chain *c)
{
	pthread_mutex_lock(&c->mu);
}

void fake_chain_unlock(struct fake_chain *c)
{
	pthread_mutex_unlock(&c->mu);
}

void fake_chain_grow(struct fake_chain *c, uint64_t n)
{
	fake_chain_lock(c);
	while (n--)
		push(c);
	fake_chain_unlock(c);
}

void fake_chain_reorg(struct fake_chain *c, uint64_t undo, uint64_t grow)
{
	fake_chain_lock(c);
	c->n -= undo;
	c->branch++;
	while (grow--)
		push(c);
	fake_chain_unlock(c);
}

struct cdx_addr fake_chain_contract(void)
{
	struct cdx_addr a;

	memset(a.b, 0xcc, sizeof(a.b));
	return a;
}

void fake_chain_log(struct fake_chain *c, uint64_t id)
{
	struct fake_block *b;

	fake_chain_lock(c);
	b = &c->blocks[c->n - 1];
	if (b->n_logs == FAKE_LOGS_MAX)
		abort();
	b->logs[b->n_logs++] =
		(struct fake_log){.id = id, .contract = fake_chain_contract()};
	fake_chain_unlock(c);
}

void fake_chain_jump(struct fake_chain *c, int64_t seconds)
{
	fake_chain_lock(c);
	c->blocks[c->n - 1].timestamp += (uint64_t)seconds;
	fake_chain_unlock(c);
}

uint64_t fake_chain_height(struct fake_chain *c)
{
	uint64_t n;

	fake_chain_lock(c);
	n = c->n - 1;
	fake_chain_unlock(c);
	return n;
}

static struct cdx_b32 hash_of(const struct fake_node *node, uint64_t number)
{
	struct cdx_b32 h = {{0}};

	cdx_put_be64(h.b, number);
	cdx_put_be32(h.b + 8, node->chain->blocks[number].branch);
	h.b[12] = node->other_chain;
	h.b[31] = 0xb1;
	return h;
}

static json_t *block_json(const struct fake_node *node, uint64_t number)
{
	const struct fake_block *b = &node->chain->blocks[number];
	struct cdx_b32 hash = hash_of(node, number);
	struct cdx_b32 parent = {{0}};

	if (number)
		parent = hash_of(node, number - 1);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:[]}", "number",
			 cdx_json_u64(number), "timestamp",
			 cdx_json_u64(b->timestamp), "hash",
			 cdx_json_b32(&hash), "parentHash",
			 cdx_json_b32(&parent), "gasLimit",
			 cdx_json_u64(30000000), "baseFeePerGas",
			 cdx_json_u64(1000000000), "transactions");
}

static uint64_t newest(const struct fake_node *node)
{
	uint64_t top = node->chain->n - 1;

	return top > node->lag ? top - node->lag : 0;
}

static json_t *block_by_number(const struct fake_node *node,
			       const json_t *params)
{
	json_t *v = json_array_get(params, 0);
	const char *text = json_string_value(v);
	uint64_t number = 0;

	if (text && strcmp(text, "latest") == 0)
		number = newest(node);
	else if (cdx_json_get_u64(v, &number) != 0 || number > newest(node) ||
		 number < node->forgotten)
		return NULL;
	return block_json(node, number);
}

static json_t *log_json(const struct fake_node *node, uint64_t number,
			unsigned index, const struct cdx_addr *contract)
{
	const struct fake_log *l = &node->chain->blocks[number].logs[index];
	struct cdx_b32 hash = hash_of(node, number);
	struct cdx_b32 tx = {{0}};
	uint8_t data[8];

	cdx_put_be64(data, l->id);
	cdx_put_be64(tx.b, l->id);
	return json_pack("{s:o, s:[o], s:o, s:o, s:o, s:o, s:o, s:s, s:b}",
			 "address", cdx_json_addr(contract), "topics",
			 cdx_json_b32(&tx), "data",
			 cdx_json_bytes(data, sizeof(data)), "blockNumber",
			 cdx_json_u64(number), "blockHash", cdx_json_b32(&hash),
			 "transactionHash", cdx_json_b32(&tx), "logIndex",
			 cdx_json_u64(index), "transactionIndex", "0x0",
			 "removed", 0);
}

static void add(const struct fake_node *node, json_t *out, json_t *log)
{
	if (node->shuffle)
		json_array_insert(out, 0, log);
	else
		json_array_append(out, log);
	if (node->twice)
		json_array_append(out, log);
	json_decref(log);
}

static void add_strangers(const struct fake_node *node, json_t *out,
			  uint64_t number, unsigned i)
{
	struct cdx_addr mine = fake_chain_contract();
	struct cdx_addr other = mine;
	json_t *log;

	if (!node->foreign)
		return;
	other.b[0] ^= 1;
	add(node, out, log_json(node, number, i, &other));
	log = log_json(node, number, i, &mine);
	json_object_set_new(log, "removed", json_true());
	add(node, out, log);
}

static json_t *logs(struct fake_node *node, const json_t *params,
		    struct rpc_kit_answer *answer)
{
	const json_t *filter = json_array_get(params, 0);
	json_t *out = json_array();
	uint64_t from = 0;
	uint64_t to = 0;

	node->log_calls++;
	if (cdx_json_get_u64(json_object_get(filter, "fromBlock"), &from) ||
	    cdx_json_get_u64(json_object_get(filter, "toBlock"), &to)) {
		answer->code = -32602;
		json_decref(out);
		return NULL;
	}
	if (node->range_max && to - from + 1 > node->range_max) {
		answer->code = -32005;
		snprintf(answer->message, sizeof(answer->message), "%s",
			 node->range_error);
		json_decref(out);
		return NULL;
	}
	for (uint64_t n = from; n <= to && n <= newest(node); n++) {
		const struct fake_block *b = &node->chain->blocks[n];

		for (unsigned i = 0; i < b->n_logs; i++) {
			add(node, out,
			    log_json(node, n, i, &b->logs[i].contract));
			add_strangers(node, out, n, i);
		}
	}
	if (node->bad_logs)
		json_array_append_new(out, json_pack("{s:s}", "address", "x"));
	return out;
}

json_t *fake_node_answer(void *arg, const char *method, const json_t *params,
			 struct rpc_kit_answer *out)
{
	struct fake_node *node = arg;
	json_t *result = NULL;

	fake_chain_lock(node->chain);
	if (strcmp(method, "eth_getBlockByNumber") == 0) {
		result = block_by_number(node, params);
	} else if (strcmp(method, "eth_getLogs") == 0) {
		result = logs(node, params, out);
	} else {
		out->code = -32601;
		snprintf(out->message, sizeof(out->message),
			 "Method not found");
	}
	fake_chain_unlock(node->chain);
	return result;
}
