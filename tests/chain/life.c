/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The life of a storage request on a real chain, all of it through the chain
 * client: deploy, request, reserve, fill with real proofs of a real dataset,
 * prove when asked, be marked for a missing proof, slashed and freed, refill at
 * a discount, finish, pay out, withdraw.  Who gets what is compared to the unit,
 * and in the end the contract holds nothing.
 *
 * usage: life URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "life.h"

/* ---- chapters ---- */

static void make_dataset(void)
{
	const struct cdx_protect_opts opts =
		pk_opts(DATA_COLUMNS, SLOTS - DATA_COLUMNS);

	w.seed = seed_start("chain/life");
	tmp_store_new(&w.store, 64u << 20);
	pk_add(&w.store, &w.data, &w.seed, NULL, 600000, 65536);
	pk_protect(&w.store, &w.data, &opts);
	pk_slots(&w.store, &w.data, &w.slots);
	assert_int_equal(w.slots.g.slots, SLOTS);
}

static void make_accounts(void)
{
	struct cdx_seckey key;

	w.account[RICH] = chain_rich();
	for (unsigned i = 0; i < RICH; i++) {
		cdx_seckey_random(&key);
		assert_int_equal(cdx_account_of(&w.account[i], &key), 0);
	}
	for (unsigned i = 0; i < ROLES; i++)
		w.sender[i] = chain_sender(&w.c, &w.account[i]);
	for (unsigned i = 0; i < RICH; i++)
		chain_give(&w.c, w.sender[RICH], &w.account[i].addr,
			   UINT64_C(1000000000000000000));
}

static void read_artifact(struct cdx_buf *out, const char *name)
{
	char why[CDX_DEPLOY_WHY_MAX] = "";
	int rc = cdx_artifact_read(out, w.artifacts, name, why);

	if (rc < 0)
		print_error("%s\n", why);
	assert_int_equal(rc, 0);
}

static void deploy_verifier(struct cdx_addr *out)
{
	struct cdx_vk_words words;
	struct cdx_buf code = {0};
	struct cdx_vk vk;

	assert_int_equal(cdx_zkey_vk(&vk, &w.key.zkey), 0);
	assert_int_equal(cdx_vk_calldata(&words, &vk), 0);
	read_artifact(&code, "Groth16Verifier");
	assert_int_equal(cdx_deploy_verifier_args(&code, &words), 0);
	*out = chain_deploy(&w.c, w.sender[RICH], &code).contract;
	free(words.ic);
	cdx_vk_free(&vk);
}

static void test_deploy(void **state)
{
	struct cdx_market_config conf = config;
	struct cdx_buf code = {0};
	struct cdx_addr verifier;
	struct cdx_sent sent;
	struct chain_op op;
	char why[CDX_PROOF_WHY_MAX] = "";

	(void)state;
	assert_int_equal(
		cdx_proof_key_open(&w.key, AT_FDCWD, w.key_path, NULL, why), 0);
	make_dataset();
	chain_open(&w.c, w.url);
	/* the contract wants history: the challenges are hashes of blocks */
	chain_mine(&w.c, 257);
	make_accounts();
	read_artifact(&code, "TestToken");
	w.token = chain_deploy(&w.c, w.sender[RICH], &code).contract;
	deploy_verifier(&verifier);
	cdx_hex(conf.zkey_hash, w.key.sha256.b, sizeof(w.key.sha256.b));
	read_artifact(&code, "Marketplace");
	assert_int_equal(cdx_deploy_marketplace_args(&code, &conf, &w.token,
						     &verifier),
			 0);
	sent = chain_deploy(&w.c, w.sender[RICH], &code);
	w.contract = sent.contract;
	w.contract_block = sent.block;
	chain_market(&w.c, &w.contract, &w.token);
	op = fine(get_config, (struct args){0}, "configuration");
	assert_memory_equal(&op.config, &conf, sizeof(conf));
	assert_int_equal(chain_do(&w.c, &op, logs_begin, NULL), 0);
}

static void test_request(void **state)
{
	struct cdx_u256 price;
	struct chain_op op;
	struct args in = {.from = RICH, .amount = cdx_u256_of(1000000000000)};
	struct cdx_storage_request *r = &w.request;

	(void)state;
	for (unsigned i = 0; i < RICH; i++) {
		in.addr = w.account[i].addr;
		fine(do_mint, in, "mint");
		assert_int_equal(cdx_u256_add(&w.minted, &w.minted, &in.amount),
				 0);
	}
	*r = (struct cdx_storage_request){
		.client = w.account[CLIENT].addr,
		.ask = {.proof_probability = cdx_u256_of(1),
			.price = cdx_u256_of(1),
			.collateral = cdx_u256_of(3),
			.slots = SLOTS,
			.slot_size = w.slots.g.steps * w.slots.g.block_size,
			.duration = DURATION,
			.max_slot_loss = SLOTS - DATA_COLUMNS},
		.expiry = DURATION / 2,
	};
	r->cid_len = cdx_cid_encode(r->cid, &w.data.verifiable);
	/* the digest is the root as it goes on chain, little endian */
	memcpy(r->merkle_root.b,
	       w.slots.manifest.verification.verify_root.digest,
	       sizeof(r->merkle_root.b));
	cdx_random(r->nonce.b, sizeof(r->nonce.b));
	assert_int_equal(cdx_request_id(&w.id, r), 0);
	for (unsigned i = 0; i < SLOTS; i++)
		cdx_slot_id(&w.slot[i], &w.id, i);

	refused(do_request, (struct args){.from = CLIENT},
		CDX_REVERT_INSUFFICIENT_ALLOWANCE);
	assert_int_equal(cdx_ask_max_price(&price, &r->ask), 0);
	fine(do_approve, (struct args){.from = CLIENT, .amount = price},
	     "approve");
	op = fine(do_request, (struct args){.from = CLIENT}, "request");
	w.posted = chain_latest(&w.c).timestamp;
	assert_int_equal(chain_latest(&w.c).number, op.sent.block);
	assert_int_equal(fine(get_state, (struct args){0}, "state").u64,
			 CDX_REQUEST_NEW);
	/* the id that we computed is the contract's */
	op = fine(get_request, (struct args){0}, "getRequest");
	assert_memory_equal(&op.request, r, sizeof(*r));
	op = fine(get_my_requests, (struct args){.addr = r->client}, "mine");
	assert_int_equal(op.n_ids, 1);
	assert_memory_equal(&op.ids[0], &w.id, sizeof(w.id));
	price = balance(&w.contract);
	assert_true(!cdx_u256_is_zero(&price));
	assert_events(CDX_EVENT_STORAGE_REQUESTED, 1);
	refused(do_request, (struct args){.from = CLIENT},
		CDX_REVERT_REQUEST_ALREADY_EXISTS);
}

/* Reserves, proves and fills; @n: of w.filled */
static void fill(enum role host, unsigned slot, unsigned n)
{
	struct args in = {.from = host, .n = slot};
	struct chain_op op;

	refused(do_fill, in, CDX_REVERT_RESERVATION_REQUIRED);
	fine(do_reserve, in, "reserve");
	refused(do_reserve, in, CDX_REVERT_RESERVATION_NOT_ALLOWED);
	next_period(slot, slot);
	in.amount = fine(get_to_fill, in, "collateral to fill").u256;
	fine(do_approve, in, "approve");
	/* the proof of another slot is none */
	in.proof[0] = prove((slot + 1) % SLOTS);
	refused(do_fill, in, CDX_REVERT_INVALID_PROOF);
	in.proof[0] = prove(slot);
	fine(do_fill, in, "fill");
	w.filled[n] = chain_latest(&w.c).timestamp;
	op = fine(get_host, in, "host");
	assert_memory_equal(&op.addr, &w.account[host].addr, sizeof(op.addr));
	op = fine(get_my_slots, (struct args){.addr = w.account[host].addr},
		  "slots");
	assert_int_equal(op.n_ids, 1);
	assert_memory_equal(&op.ids[0], &w.slot[slot], sizeof(w.slot[slot]));
}

static void test_fill(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SLOTS; i++)
		fill(HOST_0 + i, i, i);
	assert_int_equal(fine(get_state, (struct args){0}, "state").u64,
			 CDX_REQUEST_STARTED);
	assert_events(CDX_EVENT_SLOT_FILLED, SLOTS);
	assert_events(CDX_EVENT_REQUEST_FULFILLED, 1);
}

/* A period in which a proof of the slot is wanted */
static void next_required(unsigned slot)
{
	do {
		next_period(slot, slot);
	} while (!fine(get_required, (struct args){.n = slot}, "required").u64);
}

static void test_prove(void **state)
{
	struct args in = {.from = HOST_0};

	(void)state;
	next_required(0);
	in.proof[0] = prove(0);
	refused(do_submit,
		(struct args){.from = HOST_1, .proof[0] = in.proof[0]},
		CDX_REVERT_PROOF_NOT_SUBMITTED_BY_HOST);
	fine(do_submit, in, "proof");
	refused(do_submit, in, CDX_REVERT_PROOF_ALREADY_SUBMITTED);
	assert_events(CDX_EVENT_PROOF_SUBMITTED, SLOTS + 1);

	/* somebody else carries the proofs of two hosts, who consented */
	next_period(0, 1);
	in = (struct args){.from = AGGREGATOR, .n_proofs = 2};
	for (unsigned i = 0; i < in.n_proofs; i++)
		in.proof[i] = prove(i);
	refused(do_submit_many, in, CDX_REVERT_PROOF_NOT_SUBMITTED_BY_HOST);
	for (unsigned i = 0; i < in.n_proofs; i++)
		fine(do_consent,
		     (struct args){.from = HOST_0 + i,
				   .addr = w.account[AGGREGATOR].addr},
		     "consent");
	fine(do_submit_many, in, "proofs");
	assert_events(CDX_EVENT_PROOF_SUBMITTED, SLOTS + 3);
	assert_events(CDX_EVENT_PROOF_SUBMITTER_SET, 2);
}

/* Misses one proof of slot 2, which is marked */
static void miss(void)
{
	struct args in = {.from = VALIDATOR, .n = 2};

	next_required(2);
	in.n = period_now();
	refused(do_mark, in, CDX_REVERT_PERIOD_NOT_ENDED);
	chain_go_to(&w.c, (in.n + 1) * PERIOD + 1);
	assert_true(fine(get_can_mark, in, "can mark").u64);
	fine(do_mark, in, "mark");
}

static void test_slash(void **state)
{
	struct cdx_addr dead = {{0}};
	struct cdx_u256 full;
	struct cdx_u256 slash;
	struct cdx_u256 reward;
	struct cdx_u256 want;
	struct cdx_u256 before = balance(&w.account[VALIDATOR].addr);
	struct cdx_u256 got;

	(void)state;
	dead.b[18] = 0xde;
	dead.b[19] = 0xad;
	assert_int_equal(cdx_ask_slot_collateral(&full, &w.request.ask), 0);
	slash = percent(&full, config.slash);
	reward = percent(&slash, config.validator_reward);

	miss();
	assert_int_equal(
		fine(get_missing, (struct args){.n = 2}, "missing").u64, 1);
	got = fine(get_collateral, (struct args){.n = 2}, "collateral").u256;
	want = minus(&full, &slash);
	assert_amount(&got, &want, "collateral after one miss");
	got = balance(&w.account[VALIDATOR].addr);
	got = minus(&got, &before);
	assert_amount(&got, &reward, "reward of the validator");
	got = balance(&dead);
	want = minus(&slash, &reward);
	assert_amount(&got, &want, "burnt");

	/* as often as the contract bears it: the slot is taken away */
	miss();
	assert_int_equal(
		fine(get_slot_state, (struct args){.n = 2}, "state").u64,
		CDX_SLOT_REPAIR);
	assert_events(CDX_EVENT_SLOT_FREED, 1);
	got = balance(&dead);
	want = minus(&full, &reward);
	want = minus(&want, &reward);
	/* what is kept for whoever fills it again */
	reward = percent(&full, config.repair_reward);
	want = minus(&want, &reward);
	assert_amount(&got, &want, "burnt with all that was left");
	refused(do_free, (struct args){.from = HOST_2, .n = 2},
		CDX_REVERT_INVALID_SLOT_HOST);
}

static void test_refill(void **state)
{
	struct cdx_addr *host = &w.account[SECOND_HOST].addr;
	struct cdx_u256 before = balance(host);
	struct cdx_u256 full;
	struct cdx_u256 want;
	struct cdx_u256 got;

	(void)state;
	fill(SECOND_HOST, 2, SLOTS);
	assert_int_equal(cdx_ask_slot_collateral(&full, &w.request.ask), 0);
	want = percent(&full, config.repair_reward);
	want = minus(&full, &want);
	got = balance(host);
	got = minus(&before, &got);
	assert_amount(&got, &want, "collateral at a discount");
	got = fine(get_collateral, (struct args){.n = 2}, "collateral").u256;
	assert_amount(&got, &full, "collateral of the refilled slot");
	assert_int_equal(fine(get_state, (struct args){0}, "state").u64,
			 CDX_REQUEST_STARTED);
}

/* Frees a slot after the end: price of the time that it was held, and the
 * collateral, come back */
static void pay_out(enum role host, unsigned slot, unsigned n)
{
	struct cdx_u256 before = balance(&w.account[host].addr);
	struct cdx_u256 want;
	struct cdx_u256 full;
	struct cdx_u256 got;

	fine(do_free, (struct args){.from = host, .n = slot}, "free");
	got = balance(&w.account[host].addr);
	got = minus(&got, &before);
	assert_int_equal(cdx_ask_slot_price(&want, &w.request.ask), 0);
	assert_int_equal(cdx_u256_mul_u64(&want, &want,
					  w.posted + DURATION - w.filled[n]),
			 0);
	assert_int_equal(cdx_ask_slot_collateral(&full, &w.request.ask), 0);
	assert_int_equal(cdx_u256_add(&want, &want, &full), 0);
	assert_amount(&got, &want, "payout");
	refused(do_free, (struct args){.from = host, .n = slot},
		CDX_REVERT_ALREADY_PAID);
}

static void test_finish(void **state)
{
	struct cdx_addr dead = {{0}};
	struct cdx_u256 sum;
	struct cdx_u256 got;

	(void)state;
	refused(do_withdraw, (struct args){.from = CLIENT},
		CDX_REVERT_INVALID_STATE);
	chain_go_to(&w.c, w.posted + DURATION + 1);
	assert_int_equal(fine(get_state, (struct args){0}, "state").u64,
			 CDX_REQUEST_FINISHED);
	pay_out(HOST_0, 0, 0);
	pay_out(HOST_1, 1, 1);
	pay_out(SECOND_HOST, 2, SLOTS);
	refused(do_withdraw, (struct args){.from = HOST_0},
		CDX_REVERT_INVALID_CLIENT_ADDRESS);
	fine(do_withdraw, (struct args){.from = CLIENT}, "withdraw");
	refused(do_withdraw, (struct args){.from = CLIENT},
		CDX_REVERT_NOTHING_TO_WITHDRAW);

	/* nothing is left in the contract, and nothing was made or lost */
	sum = balance(&w.contract);
	assert_true(cdx_u256_is_zero(&sum));
	dead.b[18] = 0xde;
	dead.b[19] = 0xad;
	sum = balance(&dead);
	for (unsigned i = 0; i < RICH; i++) {
		got = balance(&w.account[i].addr);
		assert_int_equal(cdx_u256_add(&sum, &sum, &got), 0);
	}
	assert_amount(&sum, &w.minted, "all tokens");
	assert_events(CDX_EVENT_REQUEST_FAILED, 0);
	assert_events(CDX_EVENT_SLOT_FILLED, SLOTS + 1);
}

static int teardown(void **state)
{
	(void)state;
	if (w.logs != NULL)
		assert_int_equal(cdx_await(w.c.loop, logs_end, NULL), 0);
	for (unsigned i = 0; i < ROLES; i++)
		chain_sender_free(&w.c, w.sender[i]);
	chain_close(&w.c);
	cdx_slots_free(&w.slots);
	pk_free(&w.data);
	tmp_store_free(&w.store);
	cdx_proof_key_close(&w.key);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deploy), cmocka_unit_test(test_request),
		cmocka_unit_test(test_fill),   cmocka_unit_test(test_prove),
		cmocka_unit_test(test_slash),  cmocka_unit_test(test_refill),
		cmocka_unit_test(test_finish),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: life URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	w.url = argv[1];
	w.key_path = argv[2];
	w.artifacts = argv[3];
	return cmocka_run_group_tests_name("chain/life", tests, NULL, teardown);
}
