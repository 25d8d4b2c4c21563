/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Every call of the client's bindings on a real chain: views, transactions,
 * events, and each refusal that the contracts can be brought to.  Ids that are
 * computed here are the contract's; what cdx_storage_request_check refuses is
 * what the contract refuses, on random requests.
 *
 * usage: bindings URL ARTIFACTS
 */
#include "config.h"

#include "tests/chain/bindings_env.h"

#include "codec/abi.h"

#define PRICE UINT64_C(131072)	     /* of a slot and second */
#define COLLATERAL UINT64_C(6553600) /* of a slot */
#define WEALTH UINT64_C(1000000000000)

/* The request that most tests are about; its slots; when it was posted */
static struct {
	struct cdx_storage_request r;
	struct cdx_b32 id;
	struct cdx_b32 slot[2];
	uint64_t posted;
} a;

static struct args of(enum role from, const struct cdx_b32 *id, uint64_t n)
{
	return (struct args){.from = from, .id = *id, .n = n};
}

static struct args whose(enum role who)
{
	return (struct args){.addr = env.account[who].addr};
}

static struct args plain(const struct cdx_b32 *id)
{
	return of(CLIENT, id, 0);
}

static void assert_same_addr(const struct cdx_addr *x, const struct cdx_addr *y)
{
	assert_memory_equal(x->b, y->b, sizeof(x->b));
}

static uint64_t balance(enum role who)
{
	return env_amount(do_token_balance, whose(who));
}

/* ---- deployment ---- */

static void test_deploy(void **state)
{
	struct cdx_buf code = {.p = NULL};
	struct cdx_vk_words none = {.n_ic = 0};
	uint8_t ic[1][2][32] = {{{0}}};
	struct chain_op op;

	(void)state;
	env_marketplace_code(&code, &env.config, &env.token);
	env.contract = chain_deploy(&env.c, env.sender[RICH], &code).contract;
	chain_market(&env.c, &env.contract, &env.token);
	op = env_fine(do_configuration, whose(RICH), "configuration");
	assert_memory_equal(&op.config, &env.config, sizeof(op.config));
	op = env_fine(do_token, whose(RICH), "token");
	assert_same_addr(&op.addr, &env.token);

	/* points that are none */
	none.ic = ic;
	none.n_ic = 1;
	none.alpha1[0][31] = 1;
	env_artifact(&code, "Groth16Verifier");
	assert_int_equal(cdx_deploy_verifier_args(&code, &none), 0);
	env_deploy_refused(&code, CDX_REVERT_INVALID_KEY);
}

/* ---- the token ---- */

static struct args amount(enum role from, enum role to, uint64_t n)
{
	return (struct args){
		.from = from,
		.addr = env.account[to].addr,
		.amount = cdx_u256_of(n),
	};
}

static void test_token(void **state)
{
	struct cdx_market_event e;
	struct args in;

	(void)state;
	env_fine(do_token_name, whose(RICH), "name");
	assert_string_equal(env.text, "TestToken");
	assert_int_equal(env_number(do_token_info, whose(RICH)), 18);
	assert_string_equal(env.text, "TST");
	for (enum role i = CLIENT; i < RICH; i++)
		env_fine(do_token_mint, amount(RICH, i, WEALTH), "mint");
	assert_int_equal(env_amount(do_token_total_supply, whose(RICH)),
			 WEALTH * RICH);
	env_fine(do_token_transfer, amount(HOST_0, VALIDATOR, 7), "transfer");
	assert_int_equal(env_events(CDX_EVENT_TRANSFER, &e), 1);
	assert_same_addr(&e.from, &env.account[HOST_0].addr);
	assert_same_addr(&e.to, &env.account[VALIDATOR].addr);
	assert_int_equal(e.value.v[0], 7);
	assert_int_equal(balance(VALIDATOR), WEALTH + 7);

	env_fine(do_token_approve, amount(VALIDATOR, HOST_0, 7), "approve");
	assert_int_equal(env_events(CDX_EVENT_APPROVAL, &e), 1);
	assert_same_addr(&e.from, &env.account[VALIDATOR].addr);
	assert_same_addr(&e.to, &env.account[HOST_0].addr);
	assert_int_equal(e.value.v[0], 7);
	in = amount(HOST_0, VALIDATOR, 7);
	in.addr_2 = env.account[HOST_0].addr;
	assert_int_equal(env_amount(do_token_allowance, in), 7);
	env_fine(do_token_transfer_from, in, "transferFrom");
	assert_int_equal(env_amount(do_token_allowance, in), 0);
	assert_int_equal(balance(HOST_0), WEALTH);
	env_refused(do_token_transfer_from, in,
		    CDX_REVERT_INSUFFICIENT_ALLOWANCE);
	env_refused(do_token_transfer, amount(HOST_0, HOST_1, WEALTH + 1),
		    CDX_REVERT_INSUFFICIENT_BALANCE);
	in.addr = (struct cdx_addr){{0}};
	env_refused(do_token_transfer, in, CDX_REVERT_INVALID_ADDRESS);
	env_refused(do_token_approve, in, CDX_REVERT_INVALID_ADDRESS);
}

/* ---- a request and its slots ---- */

static void test_request(void **state)
{
	struct chain_op op;
	struct cdx_b32 unknown = {{0x55}};

	(void)state;
	a.r = env_request(2);
	a.id = env_post(&a.r);
	a.posted = env_now();
	for (unsigned i = 0; i < 2; i++)
		a.slot[i] = env_slot(&a.id, i);
	assert_int_equal(env_number(do_request_state, plain(&a.id)),
			 CDX_REQUEST_NEW);
	assert_int_equal(env_number(do_request_expiry, plain(&a.id)),
			 a.posted + a.r.expiry);
	assert_int_equal(env_number(do_request_end, plain(&a.id)),
			 a.posted + a.r.ask.duration);
	op = env_fine(do_my_requests, whose(CLIENT), "myRequests");
	assert_int_equal(op.n_ids, 1);
	assert_memory_equal(&op.ids[0], &a.id, sizeof(a.id));
	assert_int_equal(env_amount(do_collateral_per_slot, plain(&a.id)),
			 COLLATERAL);
	assert_int_equal(env_amount(do_repair_reward, plain(&a.id)),
			 COLLATERAL / 10);
	assert_int_equal(env_amount(do_collateral_to_fill, plain(&a.id)),
			 COLLATERAL);
	assert_in_range(env_amount(do_payout_if_filled, plain(&a.id)),
			(a.r.ask.duration - 60) * PRICE,
			a.r.ask.duration * PRICE);
	assert_int_equal(env_amount(do_request_funds, plain(&a.id)),
			 2 * a.r.ask.duration * PRICE);

	env_refused(do_request_storage,
		    (struct args){.from = CLIENT, .request = &a.r},
		    CDX_REVERT_REQUEST_ALREADY_EXISTS);
	env_refused(do_get_request, plain(&unknown),
		    CDX_REVERT_UNKNOWN_REQUEST);
	env_refused(do_request_state, plain(&unknown),
		    CDX_REVERT_UNKNOWN_REQUEST);
	assert_int_equal(env_number(do_request_expiry, plain(&unknown)), 0);
	env_refused(do_withdraw, plain(&a.id), CDX_REVERT_INVALID_STATE);
	env_refused(do_withdraw, of(HOST_0, &a.id, 0),
		    CDX_REVERT_INVALID_CLIENT_ADDRESS);
}

static void test_reserve(void **state)
{
	struct args in = of(HOST_0, &a.id, 0);
	struct args can = in;
	struct cdx_b32 unknown = {{0x55}};
	struct cdx_market_event e;
	struct chain_op op;

	(void)state;
	can.addr = env.account[HOST_0].addr;
	assert_int_equal(env_number(do_slot_state, plain(&a.slot[0])),
			 CDX_SLOT_FREE);
	op = env_fine(do_get_host, plain(&a.slot[0]), "getHost");
	assert_same_addr(&op.addr, &(struct cdx_addr){{0}});
	env_refused(do_get_active_slot, plain(&a.slot[0]),
		    CDX_REVERT_SLOT_IS_FREE);
	env_refused(do_free_slot, plain(&a.slot[0]), CDX_REVERT_SLOT_IS_FREE);
	env_refused(do_reserve_slot, of(HOST_0, &unknown, 0),
		    CDX_REVERT_UNKNOWN_REQUEST);
	env_refused(do_reserve_slot, of(HOST_0, &a.id, 2),
		    CDX_REVERT_INVALID_SLOT);

	assert_int_equal(env_number(do_can_reserve_slot, can), 1);
	env_fine(do_reserve_slot, in, "reserve");
	assert_int_equal(env_events(CDX_EVENT_SLOT_RESERVATIONS_FULL, NULL), 0);
	assert_int_equal(env_number(do_can_reserve_slot, can), 0);
	env_refused(do_reserve_slot, in, CDX_REVERT_RESERVATION_NOT_ALLOWED);
	in.from = HOST_1;
	env_fine(do_reserve_slot, in, "second reservation");
	assert_int_equal(env_events(CDX_EVENT_SLOT_RESERVATIONS_FULL, &e), 1);
	assert_memory_equal(&e.request, &a.id, sizeof(a.id));
	assert_int_equal(e.slot_index, 0);
	in.n = 1;
	env_fine(do_reserve_slot, in, "of the other slot");
}

static void test_fill_refused(void **state)
{
	struct args in = of(HOST_0, &a.id, 0);
	struct cdx_b32 unknown = {{0x55}};

	(void)state;
	env_next_period(&a.slot[0], 5, 200);
	in.proof = env_prove(&a.r, &a.id, 0);
	env_refused(do_fill_slot, in, CDX_REVERT_INSUFFICIENT_ALLOWANCE);
	in.proof = env_prove(&a.r, &a.id, 1);
	env_refused(do_fill_slot, in, CDX_REVERT_INVALID_PROOF);
	in.n = 1;
	env_refused(do_fill_slot, in, CDX_REVERT_RESERVATION_REQUIRED);
	in.n = 2;
	env_refused(do_fill_slot, in, CDX_REVERT_INVALID_SLOT);
	in.id = unknown;
	env_refused(do_fill_slot, in, CDX_REVERT_UNKNOWN_REQUEST);
}

static void test_fill(void **state)
{
	struct cdx_market_event e;
	struct chain_op op;

	(void)state;
	env_fill(HOST_0, &a.r, &a.id, 0);
	assert_int_equal(env_events(CDX_EVENT_SLOT_FILLED, &e), 1);
	assert_memory_equal(&e.request, &a.id, sizeof(a.id));
	assert_int_equal(e.slot_index, 0);
	assert_int_equal(env_events(CDX_EVENT_PROOF_SUBMITTED, &e), 1);
	assert_memory_equal(&e.slot, &a.slot[0], sizeof(e.slot));
	assert_int_equal(env_events(CDX_EVENT_REQUEST_FULFILLED, NULL), 0);
	env_refused(do_fill_slot, of(HOST_1, &a.id, 0),
		    CDX_REVERT_SLOT_NOT_FREE);
	op = env_fine(do_get_active_slot, plain(&a.slot[0]), "active slot");
	env_same(&op.request, &a.r);
	assert_int_equal(op.u64, 0);
	op = env_fine(do_get_host, plain(&a.slot[0]), "host");
	assert_same_addr(&op.addr, &env.account[HOST_0].addr);
	op = env_fine(do_my_slots, whose(HOST_0), "mySlots");
	assert_int_equal(op.n_ids, 1);
	assert_memory_equal(&op.ids[0], &a.slot[0], sizeof(a.slot[0]));
	assert_int_equal(env_number(do_slot_state, plain(&a.slot[0])),
			 CDX_SLOT_FILLED);
	assert_int_equal(env_amount(do_current_collateral, plain(&a.slot[0])),
			 COLLATERAL);
	/* 1 * (256 - downtime) / 256 */
	assert_int_equal(env_amount(do_slot_probability, plain(&a.slot[0])), 0);
	assert_int_equal(env_number(do_missing_proofs, plain(&a.slot[0])), 0);

	env_fill(HOST_1, &a.r, &a.id, 1);
	assert_int_equal(env_events(CDX_EVENT_REQUEST_FULFILLED, &e), 1);
	assert_memory_equal(&e.request, &a.id, sizeof(a.id));
	assert_int_equal(env_number(do_request_state, plain(&a.id)),
			 CDX_REQUEST_STARTED);
	op = env_fine(do_get_active_slot, plain(&a.slot[1]), "active slot");
	assert_int_equal(op.u64, 1);
	/* a period and more has gone by */
	assert_in_range(env_amount(do_current_payout, plain(&a.slot[0])), PRICE,
			3 * ENV_PERIOD * PRICE);
}

/* ---- proofs ---- */

/* Two slots and one proof, which no binding sends */
static void refuse_lengths(void)
{
	struct cdx_buf none = {.p = NULL};
	struct cdx_buf data = {.p = NULL};
	struct cdx_revert why;
	uint8_t selector[4];
	struct cdx_abi w;

	cdx_abi_selector(selector,
			 "submitProofs(bytes32[],((uint256,uint256),((uint256,"
			 "uint256),(uint256,uint256)),(uint256,uint256))[])");
	cdx_buf_put(&data, selector, sizeof(selector));
	cdx_abi_begin(&w, 5);
	cdx_abi_u64(&w, 64);
	cdx_abi_u64(&w, 128);
	cdx_abi_u64(&w, 1);
	cdx_abi_b32(&w, a.slot[0].b);
	cdx_abi_u64(&w, 0);
	assert_int_equal(cdx_abi_end(&w, &data), 0);
	assert_int_equal(env_raw(&why, &none, &env.contract, &data),
			 CDX_E_CHAIN);
	assert_int_equal(why.code, CDX_REVERT_LENGTH_MISMATCH);
	cdx_buf_free(&data);
}

static void test_proofs(void **state)
{
	struct args in = of(HOST_0, &a.slot[0], 0);
	struct cdx_b32 unknown = {{0x55}};
	struct cdx_market_event e;
	struct chain_op op;

	(void)state;
	env_next_period(&a.slot[0], ENV_DOWNTIME + 5, 180);
	assert_int_equal(env_number(do_is_proof_required, in), 1);
	assert_int_equal(env_number(do_will_proof_be_required, in), 0);
	env_refused(do_submit_proof, in, CDX_REVERT_INVALID_PROOF);
	in.proof = env_prove(&a.r, &a.id, 0);
	in.from = HOST_1;
	env_refused(do_submit_proof, in,
		    CDX_REVERT_PROOF_NOT_SUBMITTED_BY_HOST);
	in.from = HOST_0;
	env_refused(do_submit_proof, of(HOST_0, &unknown, 0),
		    CDX_REVERT_UNKNOWN_REQUEST);
	env_fine(do_submit_proof, in, "proof");
	assert_int_equal(env_events(CDX_EVENT_PROOF_SUBMITTED, &e), 1);
	assert_memory_equal(&e.slot, &a.slot[0], sizeof(e.slot));
	env_refused(do_submit_proof, in, CDX_REVERT_PROOF_ALREADY_SUBMITTED);

	/* somebody else, once he may */
	env_next_period(&a.slot[0], 5, ENV_DOWNTIME - 20);
	assert_int_equal(env_number(do_is_proof_required, in), 0);
	assert_int_equal(env_number(do_will_proof_be_required, in), 1);
	in.from = VALIDATOR;
	in.proof = env_prove(&a.r, &a.id, 0);
	env_refused(do_submit_proofs, in,
		    CDX_REVERT_PROOF_NOT_SUBMITTED_BY_HOST);
	env_fine(do_set_proof_submitter, amount(HOST_0, VALIDATOR, 0),
		 "consent");
	assert_int_equal(env_events(CDX_EVENT_PROOF_SUBMITTER_SET, &e), 1);
	assert_same_addr(&e.from, &env.account[HOST_0].addr);
	assert_same_addr(&e.to, &env.account[VALIDATOR].addr);
	op = env_fine(do_proof_submitter, whose(HOST_0), "submitter");
	assert_same_addr(&op.addr, &env.account[VALIDATOR].addr);
	env_fine(do_submit_proofs, in, "proofs");
	assert_int_equal(env_events(CDX_EVENT_PROOF_SUBMITTED, NULL), 1);
	refuse_lengths();
}

/* ---- misses ---- */

/* To a second after the end of a period in which the second slot's pointer was
 * in these bounds; that period */
static uint64_t let_pass(uint64_t low, uint64_t high)
{
	uint64_t period;

	env_next_period(&a.slot[1], low, high);
	period = env_now() / ENV_PERIOD;
	chain_go_to(&env.c, (period + 1) * ENV_PERIOD + 1);
	return period;
}

static void refuse_mark(uint64_t period, enum cdx_revert_code code)
{
	const struct args in = of(VALIDATOR, &a.slot[1], period);

	assert_int_equal(env_number(do_can_mark_missing, in), 0);
	env_refused(do_mark_missing, in, code);
}

static void mark(uint64_t period)
{
	const struct args in = of(VALIDATOR, &a.slot[1], period);

	assert_int_equal(env_number(do_can_mark_missing, in), 1);
	env_fine(do_mark_missing, in, "mark");
}

static void test_missing(void **state)
{
	struct args in = of(HOST_1, &a.slot[1], 0);
	struct cdx_market_event e;
	uint64_t before = balance(VALIDATOR);
	uint64_t period;

	(void)state;
	env_next_period(&a.slot[1], ENV_DOWNTIME + 5, 180);
	period = env_now() / ENV_PERIOD;
	refuse_mark(period, CDX_REVERT_PERIOD_NOT_ENDED);
	in.proof = env_prove(&a.r, &a.id, 1);
	env_fine(do_submit_proof, in, "proof");
	chain_go_to(&env.c, (period + 1) * ENV_PERIOD + 1);
	refuse_mark(period, CDX_REVERT_PROOF_NOT_MISSING);
	period = let_pass(5, ENV_DOWNTIME - 20);
	refuse_mark(period, CDX_REVERT_PROOF_NOT_REQUIRED);

	period = let_pass(ENV_DOWNTIME + 5, 180);
	mark(period);
	assert_int_equal(env_events(CDX_EVENT_TRANSFER, &e), 2);
	assert_same_addr(&e.to, &env.account[VALIDATOR].addr);
	assert_int_equal(balance(VALIDATOR) - before, COLLATERAL / 5 / 5);
	assert_int_equal(env_number(do_missing_proofs, plain(&a.slot[1])), 1);
	assert_int_equal(env_amount(do_current_collateral, plain(&a.slot[1])),
			 COLLATERAL - COLLATERAL / 5);
	refuse_mark(period, CDX_REVERT_PROOF_ALREADY_MARKED_MISSING);
	chain_go_to(&env.c, (period + 1) * ENV_PERIOD + ENV_TIMEOUT);
	refuse_mark(period, CDX_REVERT_VALIDATION_TIMED_OUT);
}

/* The second miss frees the slot, and the request bears no loss */
static void test_failed(void **state)
{
	struct args in = of(CLIENT, &a.id, 0);
	struct cdx_market_event e;
	uint64_t before;

	(void)state;
	mark(let_pass(ENV_DOWNTIME + 5, 180));
	assert_int_equal(env_events(CDX_EVENT_SLOT_FREED, &e), 1);
	assert_memory_equal(&e.request, &a.id, sizeof(a.id));
	assert_int_equal(e.slot_index, 1);
	assert_int_equal(env_events(CDX_EVENT_REQUEST_FAILED, &e), 1);
	assert_memory_equal(&e.request, &a.id, sizeof(a.id));
	assert_int_equal(env_number(do_request_state, plain(&a.id)),
			 CDX_REQUEST_FAILED);
	assert_int_equal(env_number(do_slot_state, plain(&a.slot[0])),
			 CDX_SLOT_FAILED);
	refuse_mark(0, CDX_REVERT_SLOT_NOT_ACCEPTING_PROOFS);

	env_refused(do_free_slot, of(HOST_1, &a.slot[0], 0),
		    CDX_REVERT_INVALID_SLOT_HOST);
	env_fine(do_free_slot, of(HOST_0, &a.slot[0], 0), "free");
	assert_int_equal(env_fine(do_my_slots, whose(HOST_0), "slots").n_ids,
			 0);
	before = balance(HOST_1);
	in.to = true;
	in.addr = env.account[HOST_1].addr;
	env_fine(do_withdraw, in, "withdraw to another");
	assert_int_equal(balance(HOST_1) - before,
			 2 * a.r.ask.duration * PRICE);
	env_refused(do_withdraw, in, CDX_REVERT_NOTHING_TO_WITHDRAW);
}

/* ---- other ends ---- */

static void test_cancelled(void **state)
{
	struct cdx_storage_request r = env_request(1);
	struct cdx_b32 id = env_post(&r);
	uint64_t before = balance(CLIENT);
	struct cdx_market_event e;

	(void)state;
	chain_go_to(&env.c, env_now() + r.expiry + 1);
	assert_int_equal(env_number(do_request_state, plain(&id)),
			 CDX_REQUEST_CANCELLED);
	env_fine(do_withdraw, plain(&id), "withdraw");
	assert_int_equal(env_events(CDX_EVENT_REQUEST_CANCELLED, &e), 1);
	assert_memory_equal(&e.request, &id, sizeof(id));
	assert_int_equal(balance(CLIENT) - before, r.ask.duration * PRICE);
}

/* A slot is given up, and a loss borne; the other one is paid, to others */
static void test_finished(void **state)
{
	struct cdx_storage_request r = env_request(2);
	struct cdx_market_event e;
	struct args in;
	struct cdx_b32 slot;
	struct cdx_b32 id;
	uint64_t before;

	(void)state;
	r.ask.max_slot_loss = 1;
	id = env_post(&r);
	slot = env_slot(&id, 1);
	for (unsigned i = 0; i < 2; i++) {
		env_fine(do_reserve_slot, of(HOST_0 + i, &id, i), "reserve");
		env_fill(HOST_0 + i, &r, &id, i);
	}
	in = of(HOST_0, &id, 0);
	in.id = env_slot(&id, 0);
	env_fine(do_free_slot, in, "give up");
	assert_int_equal(env_events(CDX_EVENT_SLOT_FREED, &e), 1);
	assert_int_equal(e.slot_index, 0);
	assert_int_equal(env_number(do_slot_state, in), CDX_SLOT_REPAIR);
	assert_int_equal(env_amount(do_collateral_to_fill, plain(&id)),
			 COLLATERAL - COLLATERAL / 10);

	chain_go_to(&env.c, env_number(do_request_end, plain(&id)) + 1);
	assert_int_equal(env_number(do_request_state, plain(&id)),
			 CDX_REQUEST_FINISHED);
	in = of(HOST_1, &slot, 0);
	in.to = true;
	in.addr = env.account[VALIDATOR].addr;
	in.addr_2 = env.account[HOST_0].addr;
	before = balance(VALIDATOR) + env_amount(do_current_payout, in);
	env_fine(do_free_slot, in, "free to others");
	assert_int_equal(balance(VALIDATOR), before);
	assert_int_equal(env_number(do_slot_state, in), CDX_SLOT_PAID);
	env_refused(do_free_slot, in, CDX_REVERT_ALREADY_PAID);
	before = balance(CLIENT) + env_amount(do_request_funds, plain(&id));
	env_fine(do_withdraw, plain(&id), "withdraw");
	assert_int_equal(balance(CLIENT), before);
}

static int stop(void **state)
{
	(void)state;
	env_stop();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bind_constructor),
		cmocka_unit_test(test_deploy),
		cmocka_unit_test(bind_published_key),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_fill_refused),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_proofs),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_finished),
		cmocka_unit_test(bind_transfer_failed),
		cmocka_unit_test(bind_check),
		cmocka_unit_test(bind_all_met),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: bindings URL ARTIFACTS\n");
		return 2;
	}
	env_start(argv[1], argv[2]);
	return cmocka_run_group_tests_name("chain/bindings", tests, NULL, stop);
}
