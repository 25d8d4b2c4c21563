/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "eth/json.h"

/* After a failure nothing is sent for so long */
#define PAUSE_NS UINT64_C(1000000000)
/* Bytes of transactions in one batch; nodes take some MiB in one request */
#define BATCH_BYTES (512u << 10)

/* ---- what nodes say ---- */

/* Fragments of messages, in lower case, the first that fits counts.  Sources:
 * what geth (core/txpool, core/error.go), anvil 1.7.1, Nethermind, Besu and
 * Erigon answer. */
static const struct {
	const char *fragment;
	enum cdx_refusal kind;
} refusals[] = {
	{"already known", CDX_REFUSED_KNOWN},
	{"already imported", CDX_REFUSED_KNOWN},
	{"alreadyknown", CDX_REFUSED_KNOWN},
	{"known transaction", CDX_REFUSED_KNOWN},
	{"already exists", CDX_REFUSED_KNOWN},
	{"already in mempool", CDX_REFUSED_KNOWN},
	{"replacement transaction underpriced", CDX_REFUSED_OTHER},
	{"replacement not allowed", CDX_REFUSED_OTHER},
	{"replacement fee too low", CDX_REFUSED_OTHER},
	{"could not replace existing", CDX_REFUSED_OTHER},
	{"replacementnotallowed", CDX_REFUSED_OTHER},
	{"nonce too low", CDX_REFUSED_NONCE_LOW},
	{"oldnonce", CDX_REFUSED_NONCE_LOW},
	{"old nonce", CDX_REFUSED_NONCE_LOW},
	{"nonce is too low", CDX_REFUSED_NONCE_LOW},
	{"nonce too high", CDX_REFUSED_NONCE_HIGH},
	{"nonce is too high", CDX_REFUSED_NONCE_HIGH},
	{"too distant", CDX_REFUSED_NONCE_HIGH},
	{"noncegap", CDX_REFUSED_NONCE_HIGH},
	{"nonce gap", CDX_REFUSED_NONCE_HIGH},
	{"gapped", CDX_REFUSED_NONCE_HIGH},
	{"insufficient funds", CDX_REFUSED_FUNDS},
	{"insufficientfunds", CDX_REFUSED_FUNDS},
	{"insufficient balance", CDX_REFUSED_FUNDS},
	{"upfront cost exceeds account balance", CDX_REFUSED_FUNDS},
	{"intrinsic gas too low", CDX_REFUSED_GAS},
	{"intrinsic gas exceeds", CDX_REFUSED_GAS},
	{"gas limit too low", CDX_REFUSED_GAS},
	{"floor data gas", CDX_REFUSED_GAS},
	{"exceeds block gas limit", CDX_REFUSED_BLOCK_GAS},
	{"gas limit is too high", CDX_REFUSED_BLOCK_GAS},
	{"gas limit too high", CDX_REFUSED_BLOCK_GAS},
	{"gaslimitexceeded", CDX_REFUSED_BLOCK_GAS},
	{"intrinsic gas too high", CDX_REFUSED_BLOCK_GAS},
	{"underpriced", CDX_REFUSED_PRICE},
	{"less than block base fee", CDX_REFUSED_PRICE},
	{"gas price too low", CDX_REFUSED_PRICE},
	{"gas price is below", CDX_REFUSED_PRICE},
	{"gas price below", CDX_REFUSED_PRICE},
	{"fee too low", CDX_REFUSED_PRICE},
	{"feetoolow", CDX_REFUSED_PRICE},
	{"below minimum", CDX_REFUSED_PRICE},
	{"pool is full", CDX_REFUSED_LATER},
	{"txpool is full", CDX_REFUSED_LATER},
	{"pool full", CDX_REFUSED_LATER},
	{"future transaction tries to replace", CDX_REFUSED_LATER},
	{"limit reached", CDX_REFUSED_LATER},
	{"account limit exceeded", CDX_REFUSED_LATER},
	{"rate limit", CDX_REFUSED_LATER},
	{"too many requests", CDX_REFUSED_LATER},
	{"syncing", CDX_REFUSED_LATER},
	{"timeout", CDX_REFUSED_LATER},
	{"timed out", CDX_REFUSED_LATER},
};

enum cdx_refusal cdx_refusal_of(const char *message)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(refusals); i++)
		if (strcasestr(message, refusals[i].fragment))
			return refusals[i].kind;
	return CDX_REFUSED;
}

void cdx_refusal_words(struct cdx_revert *out, enum cdx_refusal kind,
		       const char *message)
{
	static const char *const words[] = {
		[CDX_REFUSED_NOT] = "it took it",
		[CDX_REFUSED_KNOWN] = "the node has this transaction already",
		[CDX_REFUSED_NONCE_LOW] =
			"another transaction of this account took its place",
		[CDX_REFUSED_NONCE_HIGH] =
			"a transaction before this one is missing at the node",
		[CDX_REFUSED_OTHER] =
			"the node has another transaction in its place",
		[CDX_REFUSED_PRICE] = "the node wants more for gas",
		[CDX_REFUSED_FUNDS] =
			"the account cannot pay for gas and value; fund it",
		[CDX_REFUSED_LATER] = "the node takes no more now",
		[CDX_REFUSED_GAS] = "its limit of gas is too low",
		[CDX_REFUSED_BLOCK_GAS] =
			"it needs more gas than fits into a block",
		[CDX_REFUSED] = "the node refused the transaction",
	};

	memset(out, 0, sizeof(*out));
	snprintf(out->words, sizeof(out->words), "%s (the node: %s)",
		 words[kind], message);
}

/* ---- answers ---- */

static void taken(struct cdx_send_rec *rec, unsigned version)
{
	struct cdx_sender *s = rec->sender;

	if (!rec->doubt)
		s->n_sent++;
	rec->doubt = true;
	if (version + 1 != rec->n_durable)
		return;
	rec->want_send = false;
	rec->accepted = true;
	rec->refused = CDX_REFUSED_NOT;
	rec->trouble[0] = 0;
}

/* Nothing of it can have reached anybody: it ends here, and its nonce is free. */
static bool fresh(const struct cdx_send_rec *rec)
{
	return !rec->doubt && rec->n_versions == 1 && !rec->putting;
}

static void refuse(struct cdx_send_rec *rec, enum cdx_refusal kind,
		   const struct cdx_revert *why)
{
	if (!fresh(rec))
		return;
	cdx_send_rec_refuse(
		rec, kind == CDX_REFUSED_FUNDS ? -ENOBUFS : CDX_E_CHAIN, why);
	rec->unused = rec->state == CDX_SEND_ENDED;
}

/* What is not taken is sent again with the next head (sender_watch.c), or after
 * a pause. */
static void answered(struct cdx_send_rec *rec, unsigned version,
		     const struct cdx_rpc_reply *reply)
{
	struct cdx_sender *s = rec->sender;
	enum cdx_refusal kind = cdx_refusal_of(reply->message);
	struct cdx_revert why;

	rec->out_head = s->height;
	if (reply->result || kind == CDX_REFUSED_KNOWN) {
		taken(rec, version);
		return;
	}
	cdx_log(s->opts.log, DEBUG, "sender", "nonce %" PRIu64 ": %s",
		rec->nonce, reply->message);
	/* an endpoint before this one may have taken it */
	rec->doubt = rec->doubt || reply->again;
	cdx_refusal_words(&why, kind, reply->message);
	memcpy(rec->trouble, why.words, sizeof(rec->trouble));
	rec->want_send = version + 1 < rec->n_durable;
	if (!rec->want_send)
		rec->refused = kind;
	switch (kind) {
	case CDX_REFUSED_NONCE_LOW:
		rec->doubt = true;
		s->want_look = true;
		break;
	case CDX_REFUSED_KNOWN:
	case CDX_REFUSED_OTHER:
		rec->doubt = true;
		break;
	case CDX_REFUSED_NOT:
	case CDX_REFUSED_PRICE:
		break;
	case CDX_REFUSED_NONCE_HIGH:
	case CDX_REFUSED_LATER:
		rec->want_send = true;
		s->out_ns = cdx_clock_mono_ns() + PAUSE_NS;
		break;
	case CDX_REFUSED_FUNDS:
	case CDX_REFUSED_GAS:
	case CDX_REFUSED_BLOCK_GAS:
	case CDX_REFUSED:
		refuse(rec, kind, &why);
		break;
	}
}

static void sent(void *arg, int err, const struct cdx_rpc_reply *replies,
		 size_t n)
{
	struct cdx_sender *s = arg;
	unsigned n_outs = s->n_outs;

	(void)n;
	s->out_call = NULL;
	s->n_outs = 0;
	cdx_sender_kick(s);
	if (err < 0) {
		s->out_ns = cdx_clock_mono_ns() + PAUSE_NS;
		snprintf(s->trouble, sizeof(s->trouble), "%s",
			 replies ? replies[0].why : cdx_strerror(err));
	} else {
		s->trouble[0] = 0;
	}
	for (unsigned i = 0; i < n_outs; i++) {
		struct cdx_send_rec *rec = s->outs[i].rec;

		if (!rec || rec->state != CDX_SEND_OUT)
			continue;
		/* an answer that was lost says nothing of the transaction */
		if (err < 0)
			rec->doubt = true;
		else
			answered(rec, s->outs[i].version, &replies[i]);
	}
}

/* ---- sending ---- */

bool cdx_sender_is_out(const struct cdx_send_rec *rec)
{
	const struct cdx_sender *s = rec->sender;

	for (unsigned i = 0; i < s->n_outs; i++)
		if (s->outs[i].rec == rec)
			return true;
	return false;
}

static bool due(const struct cdx_send_rec *rec)
{
	if (rec->state != CDX_SEND_OUT || !rec->want_send ||
	    rec->n_durable == 0)
		return false;
	return !rec->given_up || rec->versions[rec->n_durable - 1].empty;
}

/* Those of the lowest nonces, in order */
static unsigned choose(struct cdx_sender *s)
{
	unsigned n = 0;

	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);
		unsigned at = n;

		if (!due(rec))
			continue;
		while (at > 0 && s->outs[at - 1].rec->nonce > rec->nonce)
			at--;
		if (at == CDX_SEND_BATCH)
			continue;
		if (n < CDX_SEND_BATCH)
			n++;
		memmove(&s->outs[at + 1], &s->outs[at],
			(n - 1 - at) * sizeof(s->outs[0]));
		s->outs[at] = (struct cdx_asked){.rec = rec,
						 .version = rec->n_durable - 1};
	}
	return n;
}

static struct cdx_rpc_req request(const struct cdx_asked *out, size_t *bytes)
{
	struct cdx_rpc_req req = {.method = "eth_sendRawTransaction"};
	struct cdx_buf raw = {0};
	json_t *hex = NULL;

	if (cdx_send_rec_raw(out->rec, &out->rec->versions[out->version],
			     &raw) == 0)
		hex = cdx_json_bytes(raw.p, raw.len);
	*bytes += raw.len;
	cdx_buf_free(&raw);
	if (hex)
		req.params = json_pack("[o]", hex);
	return req;
}

void cdx_sender_flush(struct cdx_sender *s)
{
	struct cdx_rpc_req reqs[CDX_SEND_BATCH];
	size_t bytes = 0;
	unsigned n;
	unsigned i = 0;

	if (s->chain_id == 0 || s->out_call || cdx_clock_mono_ns() < s->out_ns)
		return;
	n = choose(s);
	while (i < n && bytes < BATCH_BYTES) {
		reqs[i] = request(&s->outs[i], &bytes);
		i++;
	}
	s->n_outs = i;
	if (i > 0 && cdx_sender_batch(s, &s->out_call, reqs, i, sent, s) < 0)
		s->n_outs = 0;
}
