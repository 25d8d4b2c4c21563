/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "tests/unit/marketplace_env.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "codec/abi.h"

struct market_env w;

const struct cdx_addr env_contract = {{0xc0}};
const struct cdx_addr env_token = {{0x70}};
const struct cdx_addr env_me = {{0x3e}};
const struct cdx_b32 env_id = {{0x1d, [31] = 0x1d}};

/* ---- stand-ins ---- */

int cdx_eth_call(struct cdx_rpc *rpc, struct cdx_rpc_call **out,
		 const struct cdx_call_req *req, cdx_eth_call_fn *fn, void *arg)
{
	struct asked *a = &w.asked[w.n_asked];

	(void)rpc;
	if (w.ask_result < 0)
		return w.ask_result;
	assert_in_range(w.n_asked, 0, ASKED_MAX - 1);
	assert_in_range(req->len, 4, sizeof(a->data));
	a->req = *req;
	a->from = req->from ? *req->from : (struct cdx_addr){{0}};
	memcpy(a->data, req->data, req->len);
	a->fn = fn;
	a->arg = arg;
	w.n_asked++;
	*out = (void *)a;
	return 0;
}

void cdx_revert_of_reply(struct cdx_revert *out, int err,
			 const struct cdx_rpc_reply *reply)
{
	(void)reply;
	memset(out, 0, sizeof(*out));
	snprintf(out->words, sizeof(out->words), "%s", cdx_strerror(err));
}

/* No head is given: the pending state */
enum cdx_at cdx_head_at(const struct cdx_head *h)
{
	assert_null(h);
	return CDX_AT_PENDING;
}

void cdx_rpc_cancel(struct cdx_rpc_call *call)
{
	struct asked *a = (void *)call;

	if (!a)
		return;
	assert_non_null(a->fn);
	a->fn = NULL;
	w.cancelled++;
}

int cdx_sender_send(struct cdx_sender *s, struct cdx_send **out,
		    const struct cdx_send_req *req, cdx_send_fn *fn, void *arg)
{
	(void)s;
	(void)out;
	(void)fn;
	(void)arg;
	if (w.send_result < 0)
		return w.send_result;
	assert_in_range(req->len, 4, sizeof(w.sent_data));
	w.sent = *req;
	memcpy(w.sent_data, req->data, req->len);
	w.n_sent++;
	return 0;
}

/* ---- answers ---- */

void env_answer(size_t i, const void *data, size_t len)
{
	struct asked *a = &w.asked[i];
	cdx_eth_call_fn *fn = a->fn;

	assert_true(i < w.n_asked);
	assert_non_null(fn);
	a->fn = NULL;
	fn(a->arg, 0, data, len, NULL);
}

void env_refuse(size_t i, int err, enum cdx_revert_code code)
{
	struct asked *a = &w.asked[i];
	cdx_eth_call_fn *fn = a->fn;
	struct cdx_revert why = {.code = code, .words = "because"};

	assert_non_null(fn);
	a->fn = NULL;
	fn(a->arg, err, NULL, 0, &why);
}

void env_answer_word(size_t i, uint64_t v)
{
	uint8_t word[32] = {0};

	cdx_put_be64(word + 24, v);
	env_answer(i, word, sizeof(word));
}

void env_answer_addr(size_t i, const struct cdx_addr *a)
{
	uint8_t word[32] = {0};

	memcpy(word + 12, a->b, 20);
	env_answer(i, word, sizeof(word));
}

void env_told(int err, const struct cdx_revert *why)
{
	struct cdx_marketplace *dies = w.dies;

	w.told++;
	w.err = err;
	snprintf(w.words, sizeof(w.words), "%s", why ? why->words : "");
	w.dies = NULL;
	cdx_marketplace_free(dies);
}

void env_sent(void *arg, int err, const struct cdx_sent *sent,
	      const struct cdx_revert *why)
{
	(void)arg;
	assert_null(sent);
	env_told(err, why);
}

/* ---- set up ---- */

struct cdx_marketplace *env_start(bool with_token)
{
	const struct cdx_marketplace_opts opts = {
		.contract = env_contract,
		.token = with_token ? &env_token : NULL,
	};
	struct cdx_marketplace *m;

	memset(&w, 0, sizeof(w));
	assert_int_equal(cdx_marketplace_new(&m, NULL, &opts), 0);
	assert_memory_equal(cdx_marketplace_addr(m), &env_contract, 20);
	return m;
}

/* What was asked last calls this */
void env_assert_asked(const char *signature, enum cdx_at at)
{
	const struct asked *a = &w.asked[w.n_asked - 1];
	uint8_t selector[4];

	cdx_abi_selector(selector, signature);
	if (memcmp(a->data, selector, 4) != 0)
		fail_msg("something else than %s was asked", signature);
	assert_int_equal(a->req.at, at);
}

void env_assert_sent(const char *signature, size_t words, unsigned num,
		     unsigned den)
{
	uint8_t selector[4];

	cdx_abi_selector(selector, signature);
	assert_memory_equal(w.sent_data, selector, 4);
	assert_int_equal(w.sent.len, 4 + words * 32);
	assert_int_equal(w.sent.gas_num, num);
	assert_int_equal(w.sent.gas_den, den);
	assert_false(w.sent.create);
}
