/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One question about many slots: what goes to the node, and what is made of each
 * answer.  The node is stood in for.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "eth/json.h"
#include "eth/marketplace.h"

static struct {
	json_t *params[CDX_MARKET_MANY_MAX];
	size_t n;
	cdx_rpc_batch_fn *fn; /* NULL when it was answered or cancelled */
	void *arg;
	unsigned cancelled;
	int result;
	unsigned told;
	int err;
	struct cdx_slot_answer answers[CDX_MARKET_MANY_MAX];
	size_t n_answers;
	struct cdx_marketplace *dies; /* freed by whoever is told */
} w;

/* ---- stand-ins ---- */

int cdx_rpc_batch(struct cdx_rpc *rpc, struct cdx_rpc_call **out,
		  const struct cdx_rpc_req *reqs, size_t n,
		  cdx_rpc_batch_fn *fn, void *arg)
{
	(void)rpc;
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(reqs[i].method, "eth_call");
		json_decref(w.params[i]);
		w.params[i] = reqs[i].params;
	}
	w.n = n;
	if (w.result < 0)
		return w.result;
	w.fn = fn;
	w.arg = arg;
	*out = (void *)&w;
	return 0;
}

/* No head is given: the pending state */
enum cdx_at cdx_head_at(const struct cdx_head *h)
{
	assert_null(h);
	return CDX_AT_PENDING;
}

void cdx_rpc_cancel(struct cdx_rpc_call *call)
{
	if (!call)
		return;
	assert_non_null(w.fn);
	w.fn = NULL;
	w.cancelled++;
}

int cdx_rpc_call(struct cdx_rpc *rpc, struct cdx_rpc_call **out,
		 const char *method, json_t *params, cdx_rpc_fn *fn, void *arg)
{
	(void)rpc;
	(void)out;
	(void)method;
	(void)fn;
	(void)arg;
	json_decref(params);
	fail();
	return -EIO;
}

int cdx_rpc_call_own(struct cdx_rpc_call *call, void *mem)
{
	(void)call;
	(void)mem;
	fail();
	return -EIO;
}

/* ---- set up ---- */

static const struct cdx_addr contract = {{0xc0}};
static struct cdx_b32 ids[CDX_MARKET_MANY_MAX + 1];

static void on_answers(void *arg, int err,
		       const struct cdx_slot_answer *answers, size_t n,
		       const struct cdx_revert *why)
{
	struct cdx_marketplace *dies = w.dies;

	assert_ptr_equal(arg, &w);
	assert_int_equal(why != NULL, err != 0);
	assert_int_equal(answers != NULL, err == 0);
	w.told++;
	w.err = err;
	w.n_answers = n;
	if (n > 0)
		memcpy(w.answers, answers, n * sizeof(*answers));
	w.dies = NULL;
	cdx_marketplace_free(dies);
}

static struct cdx_marketplace *start(void)
{
	const struct cdx_marketplace_opts opts = {.contract = contract};
	struct cdx_marketplace *m;

	for (size_t i = 0; i < CDX_MARKET_MANY_MAX; i++)
		json_decref(w.params[i]);
	memset(&w, 0, sizeof(w));
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		ids[i].b[31] = (uint8_t)i;
	assert_int_equal(cdx_marketplace_new(&m, NULL, &opts), 0);
	return m;
}

static void answer(int err, const struct cdx_rpc_reply *replies, size_t n)
{
	cdx_rpc_batch_fn *fn = w.fn;

	w.fn = NULL;
	fn(w.arg, err, replies, n);
}

/* ---- tests ---- */

static void test_questions(void **state)
{
	struct cdx_marketplace *m = start();
	struct cdx_buf data = {.p = NULL};
	struct cdx_addr to;

	(void)state;
	assert_int_equal(cdx_market_can_mark_many(m, ids, CDX_MARKET_MANY_MAX,
						  7, on_answers, &w),
			 0);
	assert_int_equal(w.n, CDX_MARKET_MANY_MAX);
	for (size_t i = 0; i < w.n; i++) {
		const json_t *call = json_array_get(w.params[i], 0);

		assert_string_equal(
			json_string_value(json_array_get(w.params[i], 1)),
			"pending");
		assert_int_equal(
			cdx_json_get_addr(json_object_get(call, "to"), &to), 0);
		assert_memory_equal(&to, &contract, sizeof(to));
		assert_int_equal(cdx_json_get_bytes(
					 json_object_get(call, "data"), &data),
				 0);
		assert_int_equal(data.len, 4 + 32 + 32);
		assert_memory_equal(data.p + 4, &ids[i], 32);
		assert_int_equal(data.p[4 + 63], 7);
		cdx_buf_free(&data);
	}
	cdx_marketplace_free(m);
	assert_int_equal(w.cancelled, 1);
	assert_int_equal(w.told, 0);
}

static void test_states(void **state)
{
	struct cdx_marketplace *m = start();
	json_t *one = json_string("0x00000000000000000000000000000000"
				  "00000000000000000000000000000001");
	json_t *nine = json_string("0x00000000000000000000000000000000"
				   "00000000000000000000000000000009");
	json_t *none = json_string("0x");
	json_t *number = json_integer(1);
	const struct cdx_rpc_reply replies[] = {
		{.result = one, .message = "", .why = "", .endpoint = ""},
		/* no such state, nothing, no bytes, a refusal */
		{.result = nine, .message = "", .why = "", .endpoint = ""},
		{.result = none, .message = "", .why = "", .endpoint = ""},
		{.result = number, .message = "", .why = "", .endpoint = ""},
		{.code = 3, .message = "reverted", .why = "", .endpoint = ""},
		{.code = -32000, .message = "busy", .why = "", .endpoint = ""},
	};

	(void)state;
	assert_int_equal(cdx_market_slot_states(m, ids, 6, on_answers, &w), 0);
	answer(0, replies, 6);
	assert_int_equal(w.told, 1);
	assert_int_equal(w.n_answers, 6);
	assert_int_equal(w.answers[0].err, 0);
	assert_int_equal(w.answers[0].v, CDX_SLOT_FILLED);
	for (size_t i = 1; i < 6; i++)
		assert_int_not_equal(w.answers[i].err, 0);
	assert_int_equal(w.answers[5].err, CDX_E_CHAIN);
	cdx_marketplace_free(m);
	json_decref(one);
	json_decref(nine);
	json_decref(none);
	json_decref(number);
}

/* A function that has no result refuses for "no"; a node that refuses says
 * nothing. */
static void test_can_mark(void **state)
{
	static const uint8_t not_missing[] = {0};
	struct cdx_marketplace *m = start();
	json_t *none = json_string("0x");
	const struct cdx_rpc_reply replies[] = {
		{.result = none, .message = "", .why = "", .endpoint = ""},
		{.code = 3,
		 .message = "execution reverted",
		 .why = "",
		 .endpoint = "",
		 .data = not_missing,
		 .data_len = 1,
		 .has_data = true},
		{.code = -32000, .message = "busy", .why = "", .endpoint = ""},
	};

	(void)state;
	assert_int_equal(cdx_market_can_mark_many(m, ids, 3, 7, on_answers, &w),
			 0);
	/* who is told may end the marketplace */
	w.dies = m;
	answer(0, replies, 3);
	assert_int_equal(w.told, 1);
	assert_int_equal(w.answers[0].err, 0);
	assert_int_equal(w.answers[0].v, 1);
	assert_int_equal(w.answers[1].err, 0);
	assert_int_equal(w.answers[1].v, 0);
	assert_int_not_equal(w.answers[1].code, CDX_REVERT_NONE);
	assert_int_equal(w.answers[2].err, CDX_E_CHAIN);
	json_decref(none);
}

static void test_failures(void **state)
{
	const struct cdx_rpc_reply reply = {
		.message = "", .why = "nobody answers", .endpoint = ""};
	struct cdx_marketplace *m = start();

	(void)state;
	assert_int_equal(cdx_market_slot_states(m, ids, 0, on_answers, &w),
			 -EINVAL);
	assert_int_equal(cdx_market_slot_states(m, ids, CDX_MARKET_MANY_MAX + 1,
						on_answers, &w),
			 -EINVAL);
	w.result = -ENOMEM;
	assert_int_equal(cdx_market_slot_states(m, ids, 2, on_answers, &w),
			 -ENOMEM);
	w.result = 0;
	assert_int_equal(cdx_market_slot_states(m, ids, 2, on_answers, &w), 0);
	answer(-ETIMEDOUT, &reply, 1);
	assert_int_equal(w.told, 1);
	assert_int_equal(w.err, -ETIMEDOUT);
	/* forgotten by its argument, not by another's */
	assert_int_equal(cdx_market_slot_states(m, ids, 2, on_answers, &w), 0);
	cdx_marketplace_forget(m, &ids);
	assert_int_equal(w.cancelled, 0);
	cdx_marketplace_forget(m, &w);
	assert_int_equal(w.cancelled, 1);
	cdx_marketplace_free(m);
	assert_int_equal(w.told, 1);
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < CDX_MARKET_MANY_MAX; i++)
		json_decref(w.params[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_can_mark),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests_name("eth/marketplace_many", tests, NULL,
					   end);
}
