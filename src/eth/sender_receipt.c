/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/call.h"
#include "eth/json.h"

/* Logs of one transaction that are taken; more do not fit into a block's gas
 * (375 each at least, of some ten millions). */
#define LOGS_MAX 100000u

/* ---- reading one ---- */

static int get_logs(struct cdx_send_end *end, const json_t *logs)
{
	size_t n = json_array_size(logs);

	if (!json_is_array(logs) || n > LOGS_MAX)
		return CDX_E_FORMAT;
	if (n == 0)
		return 0;
	end->logs = calloc(n, sizeof(*end->logs));
	if (!end->logs)
		return -ENOMEM;
	end->n_logs = n;
	for (size_t i = 0; i < n; i++) {
		int rc = cdx_json_get_log(json_array_get(logs, i),
					  &end->logs[i], &end->data);

		if (rc < 0)
			return rc;
	}
	cdx_send_end_settle(end);
	return 0;
}

/* Members that a stranger sent; CDX_E_FORMAT when one is not what it should be,
 * or the receipt is another transaction's */
static int get_receipt(struct cdx_send_end *end, bool *success,
		       const struct cdx_b32 *hash, const json_t *j)
{
	struct cdx_sent *sent = &end->sent;
	const json_t *price = json_object_get(j, "effectiveGasPrice");
	const json_t *contract = json_object_get(j, "contractAddress");
	uint64_t status = 0;

	if (cdx_json_get_b32(json_object_get(j, "transactionHash"),
			     &sent->hash) < 0 ||
	    memcmp(sent->hash.b, hash->b, sizeof(hash->b)) != 0 ||
	    cdx_json_get_u64(json_object_get(j, "blockNumber"), &sent->block) <
		    0 ||
	    cdx_json_get_b32(json_object_get(j, "blockHash"),
			     &sent->block_hash) < 0 ||
	    cdx_json_get_u64(json_object_get(j, "gasUsed"), &sent->gas_used) <
		    0)
		return CDX_E_FORMAT;
	if (cdx_json_get_u64(json_object_get(j, "status"), &status) < 0 ||
	    status > 1)
		return CDX_E_FORMAT;
	*success = status == 1;
	/* nodes of chains without a base fee may leave it out */
	if (price && !json_is_null(price) &&
	    cdx_json_get_u256(price, &sent->gas_price) < 0)
		return CDX_E_FORMAT;
	if (contract && !json_is_null(contract) &&
	    cdx_json_get_addr(contract, &sent->contract) < 0)
		return CDX_E_FORMAT;
	return get_logs(end, json_object_get(j, "logs"));
}

/* ---- why it reverted ---- */

static void ask_reason(struct cdx_send_rec *rec, struct cdx_send_end *end);

/* The same call again, on the state after its block, which has what else was in
 * it; if that does not revert, on the state before. */
static void reason_known(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	struct cdx_send_rec *rec = arg;
	struct cdx_send_end *end = rec->end;

	rec->call = NULL;
	if (err == CDX_E_CHAIN)
		cdx_revert_of_reply(&end->why, err, reply);
	if (end->why.code == CDX_REVERT_NONE && !end->asked_before) {
		end->asked_before = true;
		ask_reason(rec, end);
		return;
	}
	if (end->why.code == CDX_REVERT_NONE)
		snprintf(end->why.words, sizeof(end->why.words),
			 "the contract refused when the transaction was in "
			 "block %" PRIu64 "; its reason cannot be found again",
			 end->sent.block);
	cdx_send_rec_end(rec, end);
}

static void ask_reason(struct cdx_send_rec *rec, struct cdx_send_end *end)
{
	json_t *tx = cdx_send_rec_object(rec);
	json_t *at = cdx_json_u64(end->sent.block - end->asked_before);
	json_t *params = NULL;

	if (tx && at)
		params = json_pack("[OO]", tx, at);
	json_decref(tx);
	json_decref(at);
	rec->end = end;
	if (params && cdx_rpc_call(rec->sender->rpc, &rec->call, "eth_call",
				   params, reason_known, rec) == 0)
		return;
	rec->call = NULL;
	snprintf(end->why.words, sizeof(end->why.words),
		 "the contract refused; there is no memory to ask why");
	cdx_send_rec_end(rec, end);
}

static void reverted(struct cdx_send_rec *rec, struct cdx_send_end *end)
{
	end->err = CDX_E_CHAIN;
	rec->sender->n_reverted++;
	if (end->sent.gas_used < rec->gas) {
		ask_reason(rec, end);
		return;
	}
	snprintf(end->why.words, sizeof(end->why.words),
		 "it ran out of gas: all %" PRIu64
		 " that its limit allows were "
		 "used; the state has changed since the estimate, or it needs "
		 "a wider margin",
		 rec->gas);
	cdx_send_rec_end(rec, end);
}

/* ---- what it means ---- */

void cdx_send_rec_expired(struct cdx_send_rec *rec)
{
	if (!rec->filler)
		rec->sender->n_expired++;
	cdx_send_rec_fail(rec, -ETIME,
			  "its time had passed before it was in a block");
}

static void finish(struct cdx_send_rec *rec, unsigned version, bool success,
		   struct cdx_send_end *end)
{
	struct cdx_sender *s = rec->sender;

	if (s->floor <= rec->nonce)
		s->floor = rec->nonce + 1;
	if (rec->versions[version].empty) {
		cdx_send_end_free(end);
		cdx_send_rec_expired(rec);
		return;
	}
	end->has_sent = true;
	end->sent.nonce = rec->nonce;
	end->sent.replaced = rec->n_versions - 1;
	if (!success) {
		reverted(rec, end);
		return;
	}
	s->n_confirmed++;
	cdx_send_rec_end(rec, end);
}

void cdx_send_rec_receipt(struct cdx_send_rec *rec, unsigned version,
			  const json_t *receipt)
{
	struct cdx_sender *s = rec->sender;
	struct cdx_send_end *end = calloc(1, sizeof(*end));
	const struct cdx_sent *sent;
	bool success;

	if (!end || get_receipt(end, &success, &rec->versions[version].hash,
				receipt) < 0) {
		snprintf(rec->trouble, sizeof(rec->trouble), "%s",
			 end ? "the node's receipt cannot be read"
			     : cdx_strerror(-ENOMEM));
		cdx_send_end_free(end);
		return;
	}
	sent = &end->sent;
	rec->foreign = false;
	/* of a block that we do not have yet, or no longer: the next head tells
	 */
	if (!cdx_sender_in_chain(s, sent->block, &sent->block_hash)) {
		cdx_send_end_free(end);
		return;
	}
	rec->state = CDX_SEND_MINED;
	rec->block = sent->block;
	rec->block_hash = sent->block_hash;
	rec->trouble[0] = 0;
	if (s->height + 1 < sent->block + s->opts.confirmations) {
		cdx_send_end_free(end);
		return;
	}
	finish(rec, version, success, end);
}
