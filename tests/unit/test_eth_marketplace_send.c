/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "codec/abi.h"
#include "eth/deploy.h"
#include "eth/marketplace.h"
#include "tests/unit/marketplace_env.h"

#include "tests/unit/market_kit.h"

/* What the transactions of a marketplace send, and when. */

/* ---- transactions ---- */

#define G16                                      \
	"((uint256,uint256),((uint256,uint256)," \
	"(uint256,uint256)),(uint256,uint256))"

/* Data and margins (docs/CHAIN.md "Sending") */
static void test_sends(void **state)
{
	struct cdx_marketplace *m = env_start(true);
	struct cdx_market_fill fill = {.request = env_id, .index = 5};
	const struct cdx_market_recipients to = {env_me, env_token};

	(void)state;
	fill.proof.w[7][31] = 9;
#define SEND(call) assert_int_equal(call, 0)
	SEND(cdx_market_reserve_slot(m, NULL, &env_id, 5, NULL, env_sent, &w));
	env_assert_sent("reserveSlot(bytes32,uint64)", 2, 5, 4);
	assert_memory_equal(&w.sent.to, &env_contract, 20);
	SEND(cdx_market_fill_slot(m, NULL, &fill, NULL, env_sent, &w));
	env_assert_sent("fillSlot(bytes32,uint64," G16 ")", 10, 11, 10);
	assert_int_equal(w.sent_data[4 + 63], 5);
	assert_int_equal(w.sent_data[4 + 319], 9);
	SEND(cdx_market_free_slot(m, NULL, &env_id, NULL, NULL, env_sent, &w));
	env_assert_sent("freeSlot(bytes32)", 1, 3, 1);
	SEND(cdx_market_free_slot(m, NULL, &env_id, &to, NULL, env_sent, &w));
	env_assert_sent("freeSlot(bytes32,address,address)", 3, 3, 1);
	assert_memory_equal(w.sent_data + 4 + 32 + 12, &env_me, 20);
	assert_memory_equal(w.sent_data + 4 + 64 + 12, &env_token, 20);
	SEND(cdx_market_submit_proof(m, NULL, &env_id, &fill.proof, NULL,
				     env_sent, &w));
	env_assert_sent("submitProof(bytes32," G16 ")", 9, 11, 10);
	SEND(cdx_market_mark_missing(m, NULL, &env_id, 7, NULL, env_sent, &w));
	env_assert_sent("markProofAsMissing(bytes32,uint64)", 2, 3, 2);
	SEND(cdx_market_set_proof_submitter(m, NULL, &env_me, NULL, env_sent,
					    &w));
	env_assert_sent("setProofSubmitter(address)", 1, 11, 10);
	SEND(cdx_market_withdraw(m, NULL, &env_id, NULL, NULL, env_sent, &w));
	env_assert_sent("withdrawFunds(bytes32)", 1, 11, 10);
	SEND(cdx_market_withdraw(m, NULL, &env_id, &env_me, NULL, env_sent,
				 &w));
	env_assert_sent("withdrawFunds(bytes32,address)", 2, 11, 10);
#undef SEND
	assert_int_equal(w.n_sent, 9);
	cdx_marketplace_free(m);
}

static void test_send_token(void **state)
{
	struct cdx_marketplace *m = env_start(true);
	struct cdx_u256 one = cdx_u256_of(1);
	const struct cdx_token_pull pull = {env_me, env_contract, one};

	(void)state;
	assert_int_equal(cdx_token_transfer(m, NULL, &env_me, &one, NULL,
					    env_sent, &w),
			 0);
	env_assert_sent("transfer(address,uint256)", 2, 11, 10);
	assert_memory_equal(&w.sent.to, &env_token, 20);
	assert_int_equal(
		cdx_token_mint(m, NULL, &env_me, &one, NULL, env_sent, &w), 0);
	env_assert_sent("mint(address,uint256)", 2, 11, 10);
	assert_int_equal(
		cdx_token_transfer_from(m, NULL, &pull, NULL, env_sent, &w), 0);
	env_assert_sent("transferFrom(address,address,uint256)", 3, 11, 10);
	assert_memory_equal(w.sent_data + 4 + 12, &env_me, 20);
	assert_memory_equal(w.sent_data + 4 + 32 + 12, &env_contract, 20);
	assert_int_equal(w.sent_data[4 + 95], 1);
	cdx_marketplace_free(m);
}

static void test_send_request(void **state)
{
	struct cdx_marketplace *m = env_start(true);
	struct cdx_storage_request r = mk_vector();
	struct cdx_buf b = {.p = NULL};
	const struct cdx_market_how how = {
		.tag = "post", .stake = cdx_u256_of(7), .deadline = 99};

	(void)state;
	assert_int_equal(
		cdx_market_request_storage(m, NULL, &r, &how, NULL, NULL), 0);
	env_assert_sent(
		"requestStorage((address,(uint256,uint256,uint256,uint64,"
		"uint64,uint64,uint64),(bytes,bytes32),uint64,bytes32))",
		17, 11, 10);
	assert_int_equal(cdx_storage_request_encode(&b, &r), 0);
	assert_memory_equal(w.sent_data + 4, b.p, b.len);
	assert_true(w.sent.deadline == 99);
	assert_true(w.sent.stake.v[0] == 7);
	cdx_buf_free(&b);
	r.cid_len = CDX_CONTENT_CID_MAX + 1;
	assert_int_equal(cdx_market_request_storage(m, NULL, &r, &how, NULL,
						    NULL),
			 -EINVAL);
	cdx_marketplace_free(m);
}

static void test_send_proofs(void **state)
{
	struct cdx_marketplace *m = env_start(true);
	const struct cdx_b32 slots[2] = {env_id, {{2}}};
	struct cdx_proof_words proofs[2];
	struct cdx_market_proofs p = {slots, proofs, 2};

	(void)state;
	memset(proofs, 0, sizeof(proofs));
	proofs[1].w[7][31] = 9;
	assert_int_equal(
		cdx_market_submit_proofs(m, NULL, &p, NULL, env_sent, &w), 0);
	env_assert_sent("submitProofs(bytes32[]," G16 "[])", 2 + 3 + 17, 11,
			10);
	/* offsets of both, and their lengths */
	assert_int_equal(w.sent_data[4 + 31], 64);
	assert_int_equal(w.sent_data[4 + 63], 64 + 96);
	assert_int_equal(w.sent_data[4 + 95], 2);
	assert_memory_equal(w.sent_data + 4 + 96, slots, sizeof(slots));
	assert_int_equal(w.sent_data[4 + 191], 2);
	assert_int_equal(w.sent_data[w.sent.len - 1], 9);
	p.n = 1025;
	assert_int_equal(cdx_market_submit_proofs(m, NULL, &p, NULL, env_sent,
						  &w),
			 -E2BIG);
	cdx_marketplace_free(m);
}

static void test_send_how(void **state)
{
	struct cdx_marketplace *m = env_start(false);
	char tag[CDX_SEND_TAG_MAX + 2];
	struct cdx_market_how how = {.tag = tag};
	struct cdx_u256 one = cdx_u256_of(1);

	(void)state;
	memset(tag, 't', sizeof(tag) - 1);
	tag[sizeof(tag) - 1] = '\0';
	assert_int_equal(cdx_token_mint(m, NULL, &env_me, &one, &how, env_sent,
					&w),
			 -EINVAL);
	/* nobody to tell, and no name to ask by */
	assert_int_equal(cdx_token_mint(m, NULL, &env_me, &one, NULL, NULL,
					NULL),
			 -EINVAL);
	tag[CDX_SEND_TAG_MAX] = '\0';
	assert_int_equal(
		cdx_token_mint(m, NULL, &env_me, &one, &how, NULL, NULL), 0);
	assert_int_equal(w.n_asked, 1);
	env_answer_addr(0, &env_token);
	assert_int_equal(w.n_sent, 1);
	w.send_result = -ENOMEM;
	assert_int_equal(cdx_token_mint(m, NULL, &env_me, &one, &how, NULL,
					NULL),
			 -ENOMEM);
	cdx_marketplace_free(m);
}

/* A contract that is made goes to nobody; what no chain takes is not sent */
static void test_deploy(void **state)
{
	static const uint8_t code[CDX_INIT_CODE_MAX + 1];

	(void)state;
	memset(&w, 0, sizeof(w));
	assert_int_equal(cdx_deploy(NULL, code, 100, env_sent, &w), 0);
	assert_true(w.sent.create);
	assert_int_equal(w.sent.len, 100);
	assert_int_equal(cdx_deploy(NULL, code, sizeof(code), env_sent, &w),
			 -E2BIG);
	assert_int_equal(w.n_sent, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sends),
		cmocka_unit_test(test_send_token),
		cmocka_unit_test(test_send_request),
		cmocka_unit_test(test_send_proofs),
		cmocka_unit_test(test_send_how),
		cmocka_unit_test(test_deploy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
