/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "codec/abi.h"
#include "eth/marketplace.h"
#include "tests/unit/marketplace_env.h"

#include "tests/unit/market_kit.h"

/* What the views of a marketplace ask, and what they make of answers. */

/* ---- who is told ---- */

static void on_u64(void *arg, int err, uint64_t v, const struct cdx_revert *why)
{
	assert_ptr_equal(arg, &w);
	w.u64 = v;
	env_told(err, why);
}

static void on_bool(void *arg, int err, bool v, const struct cdx_revert *why)
{
	on_u64(arg, err, v, why);
}

static void on_u256(void *arg, int err, const struct cdx_u256 *v,
		    const struct cdx_revert *why)
{
	uint64_t small = 0;

	if (v)
		assert_int_equal(cdx_u256_to_u64(&small, v), 0);
	on_u64(arg, err, small, why);
}

static void on_addr(void *arg, int err, const struct cdx_addr *v,
		    const struct cdx_revert *why)
{
	(void)arg;
	if (v)
		w.addr = *v;
	env_told(err, why);
}

static void on_b32(void *arg, int err, const struct cdx_b32 *v,
		   const struct cdx_revert *why)
{
	(void)arg;
	if (v)
		w.ids[0] = *v;
	env_told(err, why);
}

static void on_ids(void *arg, int err, const struct cdx_b32 *ids, size_t n,
		   const struct cdx_revert *why)
{
	(void)arg;
	assert_in_range(n, 0, CDX_ARRAY_LEN(w.ids));
	w.n_ids = n;
	if (n > 0)
		memcpy(w.ids, ids, n * sizeof(ids[0]));
	env_told(err, why);
}

static void on_config(void *arg, int err, const struct cdx_market_config *c,
		      const struct cdx_revert *why)
{
	on_u64(arg, err, c ? c->period : 0, why);
}

static void on_request(void *arg, int err, const struct cdx_storage_request *r,
		       uint64_t index, const struct cdx_revert *why)
{
	if (r)
		w.request = *r;
	on_u64(arg, err, index, why);
}

static void on_text(void *arg, int err, const char *text,
		    const struct cdx_revert *why)
{
	(void)arg;
	snprintf(w.text, sizeof(w.text), "%s", text ? text : "");
	env_told(err, why);
}

static void on_info(void *arg, int err, const char *symbol, unsigned decimals,
		    const struct cdx_revert *why)
{
	w.u64 = decimals;
	on_text(arg, err, symbol, why);
}

/* ---- views ---- */

/* Each of an id or an account: whom it asks, which state it looks at
 * (spec/marketplace.md 4.5) */
static void test_questions(void **state)
{
	struct cdx_marketplace *m = env_start(true);

	(void)state;
#define ASK(call, signature, at)                          \
	do {                                              \
		assert_int_equal(call, 0);                \
		env_assert_asked(signature, CDX_AT_##at); \
	} while (0)
	ASK(cdx_market_configuration(m, on_config, &w), "configuration()",
	    LATEST);
	ASK(cdx_market_token(m, on_addr, &w), "token()", LATEST);
	ASK(cdx_market_get_request(m, &env_id, on_request, &w),
	    "getRequest(bytes32)", LATEST);
	assert_memory_equal(w.asked[2].data + 4, &env_id, 32);
	assert_memory_equal(&w.asked[2].req.to, &env_contract, 20);
	assert_null(w.asked[2].req.from);
	ASK(cdx_market_get_active_slot(m, &env_id, on_request, &w),
	    "getActiveSlot(bytes32)", LATEST);
	ASK(cdx_market_get_host(m, &env_id, on_addr, &w), "getHost(bytes32)",
	    LATEST);
	ASK(cdx_market_current_collateral(m, &env_id, on_u256, &w),
	    "currentCollateral(bytes32)", LATEST);
	ASK(cdx_market_request_state(m, &env_id, on_u64, &w),
	    "requestState(bytes32)", PENDING);
	ASK(cdx_market_slot_state(m, &env_id, on_u64, &w), "slotState(bytes32)",
	    PENDING);
	ASK(cdx_market_request_end(m, &env_id, on_u64, &w),
	    "requestEnd(bytes32)", LATEST);
	ASK(cdx_market_request_expiry(m, &env_id, on_u64, &w),
	    "requestExpiry(bytes32)", LATEST);
	ASK(cdx_market_missing_proofs(m, &env_id, on_u64, &w),
	    "missingProofs(bytes32)", LATEST);
	ASK(cdx_market_is_proof_required(m, &env_id, on_bool, &w),
	    "isProofRequired(bytes32)", PENDING);
	ASK(cdx_market_will_proof_be_required(m, &env_id, on_bool, &w),
	    "willProofBeRequired(bytes32)", PENDING);
	ASK(cdx_market_get_challenge(m, &env_id, on_b32, &w),
	    "getChallenge(bytes32)", PENDING);
	ASK(cdx_market_get_pointer(m, &env_id, on_u64, &w),
	    "getPointer(bytes32)", PENDING);
	ASK(cdx_market_slot_probability(m, &env_id, on_u256, &w),
	    "slotProbability(bytes32)", LATEST);
	ASK(cdx_market_can_mark_missing(m, &env_id, 7, on_bool, &w),
	    "canMarkProofAsMissing(bytes32,uint64)", PENDING);
	ASK(cdx_market_proof_submitter(m, &env_me, on_addr, &w),
	    "proofSubmitter(address)", LATEST);
	ASK(cdx_market_collateral_per_slot(m, &env_id, on_u256, &w),
	    "collateralPerSlot(bytes32)", LATEST);
	ASK(cdx_market_repair_reward(m, &env_id, on_u256, &w),
	    "repairReward(bytes32)", LATEST);
	ASK(cdx_market_collateral_to_fill(m, &env_id, 7, on_u256, &w),
	    "collateralToFill(bytes32,uint64)", LATEST);
	ASK(cdx_market_payout_if_filled(m, &env_id, on_u256, &w),
	    "payoutIfFilled(bytes32)", LATEST);
	ASK(cdx_market_current_payout(m, &env_id, on_u256, &w),
	    "currentPayout(bytes32)", LATEST);
	ASK(cdx_market_request_funds(m, &env_id, on_u256, &w),
	    "requestFunds(bytes32)", LATEST);
#undef ASK
	/* what is under way ends without a word */
	cdx_marketplace_free(m);
	assert_int_equal(w.cancelled, w.n_asked);
	assert_int_equal(w.told, 0);
}

static void test_from(void **state)
{
	struct cdx_marketplace *m = env_start(true);

	(void)state;
	assert_int_equal(cdx_market_my_requests(m, &env_me, on_ids, &w), 0);
	assert_int_equal(cdx_market_my_slots(m, &env_me, on_ids, &w), 0);
	assert_int_equal(cdx_market_can_reserve_slot(m, &env_me, &env_id, 258,
						     on_bool, &w),
			 0);
	for (size_t i = 0; i < 3; i++) {
		assert_non_null(w.asked[i].req.from);
		assert_memory_equal(&w.asked[i].from, &env_me, 20);
	}
	assert_int_equal(w.asked[2].data[4 + 62], 1);
	assert_int_equal(w.asked[2].data[4 + 63], 2);
	cdx_marketplace_free(m);
}

static void test_answers(void **state)
{
	struct cdx_marketplace *m = env_start(true);
	struct cdx_storage_request r = mk_vector();
	struct cdx_buf b = {.p = NULL};
	struct cdx_abi a;

	(void)state;
	assert_int_equal(cdx_market_get_host(m, &env_id, on_addr, &w), 0);
	env_answer_addr(0, &env_me);
	assert_int_equal(w.err, 0);
	assert_memory_equal(&w.addr, &env_me, 20);
	assert_int_equal(cdx_market_get_challenge(m, &env_id, on_b32, &w), 0);
	env_answer(1, &env_id, 32);
	assert_int_equal(w.err, 0);
	assert_memory_equal(&w.ids[0], &env_id, 32);
	assert_int_equal(cdx_market_request_end(m, &env_id, on_u64, &w), 0);
	env_answer_word(2, UINT64_MAX);
	assert_true(w.err == 0 && w.u64 == UINT64_MAX);
	assert_int_equal(cdx_market_is_proof_required(m, &env_id, on_bool, &w),
			 0);
	env_answer_word(3, 1);
	assert_true(w.err == 0 && w.u64 == 1);
	assert_int_equal(cdx_market_current_payout(m, &env_id, on_u256, &w), 0);
	env_answer_word(4, 77);
	assert_true(w.err == 0 && w.u64 == 77);
	assert_int_equal(cdx_market_get_request(m, &env_id, on_request, &w), 0);
	assert_int_equal(cdx_storage_request_encode(&b, &r), 0);
	env_answer(5, b.p, b.len);
	assert_int_equal(w.err, 0);
	assert_true(w.request.cid_len == r.cid_len);

	assert_int_equal(cdx_market_my_slots(m, &env_me, on_ids, &w), 0);
	b.len = 0;
	cdx_abi_begin(&a, 4);
	cdx_abi_u64(&a, 32);
	cdx_abi_u64(&a, 2);
	cdx_abi_b32(&a, env_id.b);
	cdx_abi_b32(&a, r.nonce.b);
	assert_int_equal(cdx_abi_end(&a, &b), 0);
	env_answer(6, b.p, b.len);
	assert_int_equal(w.err, 0);
	assert_int_equal(w.n_ids, 2);
	assert_memory_equal(&w.ids[0], &env_id, 32);
	assert_memory_equal(&w.ids[1], &r.nonce, 32);
	/* more than there is */
	assert_int_equal(cdx_market_my_slots(m, &env_me, on_ids, &w), 0);
	b.p[63] = 3;
	env_answer(7, b.p, b.len);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_int_equal(w.told, 8);
	cdx_buf_free(&b);
	cdx_marketplace_free(m);
	assert_int_equal(w.cancelled, 0);
}

/* What is no answer: in words that say what to look at */
static void test_malformed(void **state)
{
	struct cdx_marketplace *m = env_start(true);
	uint8_t words[32] = {0};

	(void)state;
	assert_int_equal(cdx_market_get_host(m, &env_id, on_addr, &w), 0);
	env_answer(0, NULL, 0);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_non_null(strstr(w.words, "no marketplace"));
	assert_int_equal(cdx_token_balance(m, &env_me, on_u256, &w), 0);
	env_answer(1, NULL, 0);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_non_null(strstr(w.words, "no token"));
	assert_int_equal(cdx_market_get_host(m, &env_id, on_addr, &w), 0);
	words[11] = 1;
	env_answer(2, words, 32);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_non_null(strstr(w.words, "getHost(bytes32)"));
	/* states and pointers that there are not */
	assert_int_equal(cdx_market_request_state(m, &env_id, on_u64, &w), 0);
	env_answer_word(3, CDX_REQUEST_FAILED + 1);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_int_equal(cdx_market_slot_state(m, &env_id, on_u64, &w), 0);
	env_answer_word(4, CDX_SLOT_REPAIR + 1);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_int_equal(cdx_market_get_pointer(m, &env_id, on_u64, &w), 0);
	env_answer_word(5, 256);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_int_equal(cdx_market_is_proof_required(m, &env_id, on_bool, &w),
			 0);
	env_answer_word(6, 2);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_int_equal(cdx_market_configuration(m, on_config, &w), 0);
	env_answer(7, words, 32);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_int_equal(cdx_market_get_host(m, &env_id, on_addr, &w), 0);
	env_refuse(8, -ETIMEDOUT, CDX_REVERT_NONE);
	assert_int_equal(w.err, -ETIMEDOUT);
	assert_string_equal(w.words, "because");
	w.ask_result = -ENOMEM;
	assert_int_equal(cdx_market_get_host(m, &env_id, on_addr, &w), -ENOMEM);
	assert_int_equal(w.told, 9);
	cdx_marketplace_free(m);
}

/* A refusal is the answer "no", unless it is the node's */
static void test_can_mark(void **state)
{
	struct cdx_marketplace *m = env_start(true);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(cdx_market_can_mark_missing(m, &env_id, 7,
							     on_bool, &w),
				 0);
	env_answer(0, NULL, 0);
	assert_true(w.err == 0 && w.u64 == 1);
	env_refuse(1, CDX_E_CHAIN, CDX_REVERT_PERIOD_NOT_ENDED);
	assert_true(w.err == 0 && w.u64 == 0);
	assert_string_equal(w.words, "because");
	env_refuse(2, CDX_E_CHAIN, CDX_REVERT_NONE);
	assert_true(w.err == CDX_E_CHAIN && w.u64 == 0);
	cdx_marketplace_free(m);
}

/* ---- the token ---- */

static void answer_text(size_t i, const char *text, size_t len)
{
	struct cdx_buf b = {.p = NULL};
	struct cdx_abi a;

	cdx_abi_begin(&a, 1);
	cdx_abi_bytes(&a, text, len);
	assert_int_equal(cdx_abi_end(&a, &b), 0);
	env_answer(i, b.p, b.len);
	cdx_buf_free(&b);
}

static void test_token_text(void **state)
{
	struct cdx_marketplace *m = env_start(true);
	char longer[100];

	(void)state;
	assert_int_equal(cdx_token_name(m, on_text, &w), 0);
	answer_text(0, "Test\n\xc3\xa4\0X", 9);
	assert_int_equal(w.err, 0);
	assert_string_equal(w.text, "Test????X");
	memset(longer, 'x', sizeof(longer));
	assert_int_equal(cdx_token_name(m, on_text, &w), 0);
	answer_text(1, longer, sizeof(longer));
	assert_int_equal(strlen(w.text), CDX_MARKET_TEXT_MAX - 1);
	/* symbol, then decimals */
	assert_int_equal(cdx_token_info(m, on_info, &w), 0);
	env_assert_asked("symbol()", CDX_AT_LATEST);
	answer_text(2, "TST", 3);
	assert_int_equal(w.told, 2);
	env_assert_asked("decimals()", CDX_AT_LATEST);
	env_answer_word(3, 18);
	assert_true(w.told == 3 && w.err == 0 && w.u64 == 18);
	assert_string_equal(w.text, "TST");
	assert_int_equal(cdx_token_info(m, on_info, &w), 0);
	answer_text(4, "TST", 3);
	env_answer_word(5, 78);
	assert_int_equal(w.err, CDX_E_FORMAT);
	assert_int_equal(cdx_token_info(m, on_info, &w), 0);
	w.ask_result = -ENOMEM;
	answer_text(6, "TST", 3);
	assert_int_equal(w.err, -ENOMEM);
	cdx_marketplace_free(m);
}

/* Asked once, by whoever comes first; all wait */
static void test_token_waits(void **state)
{
	struct cdx_marketplace *m = env_start(false);
	struct cdx_u256 one = cdx_u256_of(1);

	(void)state;
	assert_int_equal(cdx_token_balance(m, &env_me, on_u256, &w), 0);
	assert_int_equal(cdx_token_approve(m, NULL, &env_me, &one, NULL,
					   env_sent, &w),
			 0);
	assert_int_equal(cdx_token_total_supply(m, on_u256, &w), 0);
	assert_int_equal(w.n_asked, 1);
	env_assert_asked("token()", CDX_AT_LATEST);
	assert_memory_equal(&w.asked[0].req.to, &env_contract, 20);
	env_answer_addr(0, &env_token);
	assert_int_equal(w.n_asked, 3);
	assert_memory_equal(&w.asked[1].req.to, &env_token, 20);
	assert_memory_equal(&w.asked[2].req.to, &env_token, 20);
	assert_int_equal(w.n_sent, 1);
	assert_memory_equal(&w.sent.to, &env_token, 20);
	env_answer_word(1, 5);
	assert_true(w.told == 1 && w.u64 == 5);
	/* known from now on */
	assert_int_equal(cdx_token_balance(m, &env_me, on_u256, &w), 0);
	assert_int_equal(w.n_asked, 4);
	cdx_marketplace_free(m);
	assert_int_equal(w.cancelled, 2);
}

static void test_token_unknown(void **state)
{
	struct cdx_marketplace *m = env_start(false);
	struct cdx_u256 one = cdx_u256_of(1);

	(void)state;
	assert_int_equal(cdx_token_balance(m, &env_me, on_u256, &w), 0);
	assert_int_equal(cdx_token_approve(m, NULL, &env_me, &one, NULL,
					   env_sent, &w),
			 0);
	env_refuse(0, -ETIMEDOUT, CDX_REVERT_NONE);
	assert_int_equal(w.told, 2);
	assert_int_equal(w.err, -ETIMEDOUT);
	assert_string_equal(w.words, "because");
	assert_int_equal(w.n_sent, 0);
	/* the next one asks again; a sender that refuses later says so */
	assert_int_equal(cdx_token_approve(m, NULL, &env_me, &one, NULL,
					   env_sent, &w),
			 0);
	assert_int_equal(w.n_asked, 2);
	w.send_result = -E2BIG;
	env_answer_addr(1, &env_token);
	assert_int_equal(w.told, 3);
	assert_int_equal(w.err, -E2BIG);
	cdx_marketplace_free(m);
}

/* What is forgotten is not told; the others are */
static void test_forget(void **state)
{
	struct cdx_marketplace *m = env_start(false);
	struct cdx_u256 one = cdx_u256_of(1);
	int other;

	(void)state;
	assert_int_equal(cdx_market_get_host(m, &env_id, on_addr, &other), 0);
	assert_int_equal(cdx_token_balance(m, &env_me, on_u256, &other), 0);
	assert_int_equal(cdx_token_approve(m, NULL, &env_me, &one, NULL,
					   env_sent, &other),
			 0);
	assert_int_equal(cdx_token_balance(m, &env_me, on_u256, &w), 0);
	assert_int_equal(w.n_asked, 2);
	cdx_marketplace_forget(m, &other);
	assert_int_equal(w.cancelled, 1);
	env_refuse(1, -ETIMEDOUT, CDX_REVERT_NONE);
	assert_int_equal(w.told, 1);
	assert_int_equal(w.n_sent, 0);
	cdx_marketplace_forget(m, &w);
	cdx_marketplace_free(m);
}

/* Whoever is told first ends the marketplace: the others hear nothing */
static void test_token_dies(void **state)
{
	struct cdx_marketplace *m = env_start(false);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(cdx_token_balance(m, &env_me, on_u256, &w), 0);
	w.dies = m;
	env_refuse(0, -ETIMEDOUT, CDX_REVERT_NONE);
	assert_int_equal(w.told, 1);
	/* also when it waits for nothing */
	m = env_start(true);
	assert_int_equal(cdx_market_get_host(m, &env_id, on_addr, &w), 0);
	assert_int_equal(cdx_market_get_host(m, &env_id, on_addr, &w), 0);
	w.dies = m;
	env_answer_addr(0, &env_me);
	assert_int_equal(w.told, 1);
	assert_int_equal(w.cancelled, 1);
	/* while it waits */
	m = env_start(false);
	assert_int_equal(cdx_token_balance(m, &env_me, on_u256, &w), 0);
	cdx_marketplace_free(m);
	assert_int_equal(w.cancelled, 1);
	assert_int_equal(w.told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_from),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_can_mark),
		cmocka_unit_test(test_token_text),
		cmocka_unit_test(test_token_waits),
		cmocka_unit_test(test_token_unknown),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_token_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
