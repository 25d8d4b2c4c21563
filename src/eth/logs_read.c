/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/json.h"
#include "eth/logs_internal.h"

/* A question of three: the range's last header, the logs, the header again.
 * Where both are the block that we know, the logs between them are of our
 * chain. */
enum {
	FIRST,
	LOGS,
	AGAIN,
	QUESTIONS
};

void cdx_logs_drop(struct cdx_list *items)
{
	cdx_list_foreach_safe(pos, tmp, items) {
		cdx_list_del(pos);
		free(cdx_list_entry(pos, struct cdx_log_item, node));
	}
}

static int by_place(const void *a, const void *b)
{
	const struct cdx_log_item *x = *(struct cdx_log_item *const *)a;
	const struct cdx_log_item *y = *(struct cdx_log_item *const *)b;

	if (x->log.block != y->log.block)
		return x->log.block < y->log.block ? -1 : 1;
	if (x->log.index != y->log.index)
		return x->log.index < y->log.index ? -1 : 1;
	return 0;
}

static bool is_same(const struct cdx_log_item *a, const struct cdx_log_item *b)
{
	return memcmp(&a->log.block_hash, &b->log.block_hash,
		      sizeof(a->log.block_hash)) == 0 &&
	       memcmp(&a->log.tx, &b->log.tx, sizeof(a->log.tx)) == 0 &&
	       a->log.len == b->log.len &&
	       (a->log.len == 0 || memcmp(a->data, b->data, a->log.len) == 0);
}

/* A log of JSON with its bytes behind it.  NULL in @out: not for us. */
static int item_new(struct cdx_log_item **out, const json_t *v,
		    const struct cdx_addr *contract)
{
	struct cdx_chain_log log;
	struct cdx_buf data = {0};
	struct cdx_log_item *item;
	int rc = cdx_json_get_log(v, &log, &data);

	*out = NULL;
	if (rc == 0 && !log.removed &&
	    memcmp(&log.contract, contract, sizeof(*contract)) == 0) {
		item = malloc(sizeof(*item) + log.len);
		if (item) {
			item->log = log;
			if (log.len)
				memcpy(item->data, log.data, log.len);
			item->log.data = item->data;
			cdx_list_init(&item->node);
		}
		*out = item;
		rc = item ? 0 : -ENOMEM;
	}
	cdx_buf_free(&data);
	return rc;
}

/* Into the list, in the order of the chain, each once */
static int put_sorted(struct cdx_list *out, struct cdx_log_item **items,
		      size_t n)
{
	const struct cdx_log_item *last = NULL;
	int rc = 0;

	if (n)
		qsort(items, n, sizeof(struct cdx_log_item *), by_place);
	for (size_t i = 0; i < n; i++) {
		if (!last || by_place(&last, &items[i]) != 0) {
			cdx_list_add_tail(out, &items[i]->node);
			last = items[i];
			continue;
		}
		if (!is_same(last, items[i]))
			rc = CDX_E_FORMAT;
		free(items[i]);
	}
	return rc;
}

int cdx_logs_decode(struct cdx_list *out, const json_t *result,
		    const struct cdx_addr *contract, uint64_t lo, uint64_t hi)
{
	size_t count = json_array_size(result);
	struct cdx_log_item **items;
	size_t n = 0;
	int rc = json_is_array(result) ? 0 : CDX_E_FORMAT;
	int sorted;

	items = calloc(count + 1, sizeof(struct cdx_log_item *));
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct cdx_log_item *item;

		rc = item_new(&item, json_array_get(result, i), contract);
		if (item)
			items[n++] = item;
		if (item && (item->log.block < lo || item->log.block > hi))
			rc = CDX_E_FORMAT;
	}
	sorted = put_sorted(out, items, n);
	free(items);
	return rc ? rc : sorted;
}

/* Smaller questions, since this one was too much for the endpoint.  False: it
 * cannot be smaller. */
static bool halve(struct cdx_logs *l)
{
	uint64_t size = l->to - l->next + 1;

	if (size <= 1)
		return false;
	l->range = (unsigned)(size / 2);
	return true;
}

/* The range has failed. */
static void give_up(struct cdx_logs *l, const char *why)
{
	l->reading = false;
	cdx_logs_drop(&l->pending);
	cdx_logs_wait(l, why);
}

static void give_up_or_halve(struct cdx_logs *l, const char *why)
{
	if (!halve(l)) {
		give_up(l, why);
		return;
	}
	l->reading = false;
	cdx_logs_go(l);
}

/* Whether a header is that of the block that we know as @number.  @out: its
 * hash */
static bool is_ours(const struct cdx_logs *l, const struct cdx_rpc_reply *reply,
		    uint64_t number, struct cdx_b32 *out)
{
	const struct cdx_block *known = cdx_head_block(l->head, number);
	struct cdx_block b;

	if (cdx_json_get_block(reply->result, &b) != 0 || b.number != number)
		return false;
	*out = b.hash;
	return !known || memcmp(&known->hash, &b.hash, sizeof(b.hash)) == 0;
}

/* Logs of blocks that are kept must be of these. */
static bool are_ours(const struct cdx_logs *l)
{
	cdx_list_foreach(pos, &l->pending) {
		const struct cdx_chain_log *log =
			&cdx_list_entry(pos, struct cdx_log_item, node)->log;
		const struct cdx_block *b = cdx_head_block(l->head, log->block);

		if (b &&
		    memcmp(&b->hash, &log->block_hash, sizeof(b->hash)) != 0)
			return false;
	}
	return true;
}

static void on_range(void *arg, int err, const struct cdx_rpc_reply *replies,
		     size_t n)
{
	struct cdx_logs *l = arg;
	struct cdx_b32 again;
	char why[CDX_RPC_WHY_MAX];

	(void)n;
	l->call = NULL;
	if (err == CDX_E_CHAIN || err == -EMSGSIZE || err == -ETIMEDOUT) {
		give_up_or_halve(l, replies->why);
		return;
	}
	if (err != 0) {
		give_up(l, replies->why);
		return;
	}
	if (!replies[LOGS].result) {
		snprintf(why, sizeof(why), "%.128s: eth_getLogs: %.320s",
			 replies[LOGS].endpoint, replies[LOGS].message);
		give_up_or_halve(l, why);
		return;
	}
	if (!is_ours(l, &replies[FIRST], l->to, &l->to_hash) ||
	    !is_ours(l, &replies[AGAIN], l->to, &again) ||
	    memcmp(&l->to_hash, &again, sizeof(again)) != 0) {
		snprintf(why, sizeof(why),
			 "%.128s: does not have block %" PRIu64
			 ", or has another one there",
			 replies->endpoint, l->to);
		give_up(l, why);
		return;
	}
	err = cdx_logs_decode(&l->pending, replies[LOGS].result, &l->contract,
			      l->next, l->to);
	if (err == 0 && !are_ours(l))
		err = CDX_E_AGAIN;
	if (err != 0) {
		snprintf(why, sizeof(why),
			 "%.128s: its logs of blocks %" PRIu64 " to %" PRIu64
			 " are %s",
			 replies->endpoint, l->next, l->to,
			 err == CDX_E_AGAIN ? "of another chain" : "no logs");
		give_up(l, why);
		return;
	}
	cdx_logs_go(l);
}

static json_t *header_params(uint64_t number)
{
	return json_pack("[o, b]", cdx_json_u64(number), 0);
}

void cdx_logs_read(struct cdx_logs *l, uint64_t target)
{
	struct cdx_rpc_req reqs[QUESTIONS];

	l->to = target - l->next < l->range ? target : l->next + l->range - 1;
	reqs[FIRST] = (struct cdx_rpc_req){.method = "eth_getBlockByNumber",
					   .params = header_params(l->to)};
	reqs[AGAIN] = (struct cdx_rpc_req){.method = "eth_getBlockByNumber",
					   .params = header_params(l->to)};
	reqs[LOGS] = (struct cdx_rpc_req){
		.method = "eth_getLogs",
		.params = json_pack("[{s:o, s:o, s:o}]", "address",
				    cdx_json_addr(&l->contract), "fromBlock",
				    cdx_json_u64(l->next), "toBlock",
				    cdx_json_u64(l->to))};
	l->reading = true;
	if (cdx_rpc_batch(l->rpc, &l->call, reqs, QUESTIONS, on_range, l) !=
	    0) {
		l->call = NULL;
		give_up(l, cdx_strerror(-ENOMEM));
	}
}
