/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "tests/chain/bindings_env.h"

#include <errno.h>

#include "eth/call.h"
#include "proof/proof_json.h"
#include "proof/r1cs.h"

struct env env;

/* ---- every call ---- */

static void on_text(void *arg, int err, const char *text,
		    const struct cdx_revert *why)
{
	snprintf(env.text, sizeof(env.text), "%s", text ? text : "");
	chain_end(arg, err, why);
}

static void on_info(void *arg, int err, const char *symbol, unsigned decimals,
		    const struct cdx_revert *why)
{
	((struct chain_op *)arg)->u64 = decimals;
	on_text(arg, err, symbol, why);
}

/* What it wrote to the log is read before it is gone */
static void on_sent(void *arg, int err, const struct cdx_sent *sent,
		    const struct cdx_revert *why)
{
	struct cdx_market_event e;

	env.n_events = 0;
	for (size_t i = 0; sent && i < sent->n_logs; i++) {
		int rc = cdx_market_event_decode(&e, &sent->logs[i]);

		/* all contracts here are ours: we know what they say */
		if (rc < 0 || env.n_events == CDX_ARRAY_LEN(env.event)) {
			print_error("event %zu: %s\n", i, cdx_strerror(rc));
			err = rc < 0 ? rc : -E2BIG;
			break;
		}
		env.event[env.n_events++] = e;
		env.events[e.kind]++;
	}
	chain_sent(arg, err, sent, why);
}

#define M op->c->market
#define FROM env.sender[in->from]
#define CALL(name, call) \
	void do_##name(void *arg, struct cdx_await *a) CHAIN_BEGIN(call)
/* Views of an id */
#define OF_ID(name, type) \
	CALL(name, cdx_market_##name(M, &in->id, chain_##type, op))

CALL(configuration, cdx_market_configuration(M, chain_config, op))
CALL(token, cdx_market_token(M, chain_addr, op))
OF_ID(get_request, request)
OF_ID(get_active_slot, request)
OF_ID(get_host, addr)
OF_ID(current_collateral, u256)
OF_ID(request_state, u64)
OF_ID(slot_state, u64)
OF_ID(request_end, u64)
OF_ID(request_expiry, u64)
OF_ID(missing_proofs, u64)
OF_ID(is_proof_required, bool)
OF_ID(will_proof_be_required, bool)
OF_ID(get_challenge, b32)
OF_ID(get_pointer, u64)
OF_ID(slot_probability, u256)
OF_ID(collateral_per_slot, u256)
OF_ID(repair_reward, u256)
OF_ID(payout_if_filled, u256)
OF_ID(current_payout, u256)
OF_ID(request_funds, u256)
CALL(my_requests, cdx_market_my_requests(M, &in->addr, chain_ids, op))
CALL(my_slots, cdx_market_my_slots(M, &in->addr, chain_ids, op))
CALL(can_reserve_slot,
     cdx_market_can_reserve_slot(M, &in->addr, &in->id, in->n, chain_bool, op))
CALL(can_mark_missing,
     cdx_market_can_mark_missing(M, &in->id, in->n, chain_bool, op))
CALL(collateral_to_fill,
     cdx_market_collateral_to_fill(M, &in->id, in->n, chain_u256, op))
CALL(proof_submitter, cdx_market_proof_submitter(M, &in->addr, chain_addr, op))
CALL(token_balance, cdx_token_balance(M, &in->addr, chain_u256, op))
CALL(token_allowance,
     cdx_token_allowance(M, &in->addr, &in->addr_2, chain_u256, op))
CALL(token_total_supply, cdx_token_total_supply(M, chain_u256, op))
CALL(token_name, cdx_token_name(M, on_text, op))
CALL(token_info, cdx_token_info(M, on_info, op))

CALL(request_storage,
     cdx_market_request_storage(M, FROM, in->request, NULL, on_sent, op))
CALL(reserve_slot,
     cdx_market_reserve_slot(M, FROM, &in->id, in->n, NULL, on_sent, op))
CALL(submit_proof,
     cdx_market_submit_proof(M, FROM, &in->id, &in->proof, NULL, on_sent, op))
CALL(set_proof_submitter,
     cdx_market_set_proof_submitter(M, FROM, &in->addr, NULL, on_sent, op))
CALL(mark_missing,
     cdx_market_mark_missing(M, FROM, &in->id, in->n, NULL, on_sent, op))
CALL(withdraw, cdx_market_withdraw(M, FROM, &in->id, in->to ? &in->addr : NULL,
				   NULL, on_sent, op))
CALL(token_approve,
     cdx_token_approve(M, FROM, &in->addr, &in->amount, NULL, on_sent, op))
CALL(token_transfer,
     cdx_token_transfer(M, FROM, &in->addr, &in->amount, NULL, on_sent, op))
CALL(token_mint,
     cdx_token_mint(M, FROM, &in->addr, &in->amount, NULL, on_sent, op))

static int fill_slot(struct chain_op *op, const struct args *in)
{
	const struct cdx_market_fill fill = {in->id, in->n, in->proof};

	return cdx_market_fill_slot(M, FROM, &fill, NULL, on_sent, op);
}

static int free_slot(struct chain_op *op, const struct args *in)
{
	const struct cdx_market_recipients to = {in->addr, in->addr_2};

	return cdx_market_free_slot(M, FROM, &in->id, in->to ? &to : NULL, NULL,
				    on_sent, op);
}

/* One slot, and the same once more: the second is passed over */
static int submit_proofs(struct chain_op *op, const struct args *in)
{
	const struct cdx_b32 slots[] = {in->id, in->id};
	const struct cdx_proof_words proofs[] = {in->proof, in->proof};
	const struct cdx_market_proofs p = {slots, proofs, 2};

	return cdx_market_submit_proofs(M, FROM, &p, NULL, on_sent, op);
}

static int transfer_from(struct chain_op *op, const struct args *in)
{
	const struct cdx_token_pull pull = {in->addr, in->addr_2, in->amount};

	return cdx_token_transfer_from(M, FROM, &pull, NULL, on_sent, op);
}

CALL(fill_slot, fill_slot(op, in))
CALL(free_slot, free_slot(op, in))
CALL(submit_proofs, submit_proofs(op, in))
CALL(token_transfer_from, transfer_from(op, in))

/* ---- doing ---- */

struct chain_op env_fine(cdx_await_fn *fn, struct args in, const char *what)
{
	struct chain_op op;

	chain_fine(&op, chain_do(&env.c, &op, fn, &in), what);
	return op;
}

static void assert_refused(int rc, const struct cdx_revert *why,
			   enum cdx_revert_code code)
{
	if (rc != CDX_E_CHAIN || why->code != code)
		print_error("%s: %s: %s\n", cdx_strerror(rc), why->name,
			    why->words);
	assert_int_equal(rc, CDX_E_CHAIN);
	assert_int_equal(why->code, code);
	env.refused[code]++;
}

void env_refused(cdx_await_fn *fn, struct args in, enum cdx_revert_code code)
{
	struct chain_op op;
	int rc = chain_do(&env.c, &op, fn, &in);

	assert_refused(rc, &op.why, code);
}

uint64_t env_number(cdx_await_fn *fn, struct args in)
{
	return env_fine(fn, in, "a view").u64;
}

uint64_t env_amount(cdx_await_fn *fn, struct args in)
{
	struct cdx_u256 v = env_fine(fn, in, "a view").u256;
	uint64_t small;

	assert_int_equal(cdx_u256_to_u64(&small, &v), 0);
	return small;
}

unsigned env_events(enum cdx_market_event_kind kind,
		    struct cdx_market_event *out)
{
	unsigned n = 0;

	for (size_t i = 0; i < env.n_events; i++) {
		if (env.event[i].kind != kind)
			continue;
		if (n++ == 0 && out)
			*out = env.event[i];
	}
	return n;
}

struct raw {
	struct cdx_call_req req;
	struct cdx_buf *answer;
};

static void on_raw(void *arg, int err, const uint8_t *data, size_t len,
		   const struct cdx_revert *why)
{
	struct chain_op *op = arg;
	struct raw *in = op->in;

	if (len > 0)
		cdx_buf_put(in->answer, data, len);
	chain_end(op, err, why);
}

static void do_raw(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	struct raw *in = op->in;
	int rc;

	op->await = a;
	rc = cdx_eth_call(op->c->rpc, NULL, &in->req, on_raw, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

int env_raw(struct cdx_revert *why, struct cdx_buf *answer,
	    const struct cdx_addr *to, const struct cdx_buf *data)
{
	struct raw in = {
		.req = {.to = *to, .data = data->p, .len = data->len},
		.answer = answer,
	};
	struct chain_op op;
	int rc = chain_do(&env.c, &op, do_raw, &in);

	*why = op.why;
	if (rc == CDX_E_CHAIN)
		env.refused[op.why.code]++;
	return rc;
}

/* ---- the circuit ---- */

static int put_key(void *arg, const void *p, size_t len)
{
	cdx_buf_put(arg, p, len);
	return cdx_buf_ok(arg);
}

/* Three public inputs, whatever they are: the first times the second is the
 * only other wire */
static void circuit(struct cdx_r1cs *r)
{
	const uint32_t wires[3] = {1, 2, 4};

	*r = (struct cdx_r1cs){
		.wires = 5,
		.public_inputs = 3,
		.private_inputs = 1,
		.labels = 5,
		.constraints = 1,
		.coefs = 1,
	};
	r->label = calloc(r->wires, sizeof(*r->label));
	r->coef = calloc(1, sizeof(*r->coef));
	assert_true(r->label && r->coef);
	for (uint32_t i = 0; i < r->wires; i++)
		r->label[i] = i;
	r->coef[0] = cdx_fr_one;
	for (unsigned m = 0; m < 3; m++) {
		r->m[m].row = calloc(2, sizeof(*r->m[m].row));
		r->m[m].term = calloc(1, sizeof(*r->m[m].term));
		assert_true(r->m[m].row && r->m[m].term);
		r->m[m].row[1] = 1;
		r->m[m].term[0].wire = wires[m];
	}
}

static void make_key(void)
{
	const struct cdx_groth16_run run = {.pool = NULL};
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_r1cs r;

	circuit(&r);
	assert_int_equal(cdx_groth16_setup(&r, put_key, &env.key, &run), 0);
	if (cdx_zkey_open(&env.zkey, env.key.p, env.key.len, why) < 0)
		fail_msg("%s", why);
	cdx_r1cs_free(&r);
}

struct cdx_proof_words env_prove(const struct cdx_storage_request *r,
				 const struct cdx_b32 *request, uint64_t index)
{
	const struct cdx_groth16_run run = {.pool = NULL};
	struct args in = {.id = env_slot(request, index)};
	struct cdx_b32 challenge =
		env_fine(do_get_challenge, in, "challenge").b32;
	struct cdx_fr w[5] = {cdx_fr_one};
	struct cdx_proof_words out;
	struct cdx_proof proof;

	/* spec/marketplace.md 2.3 */
	cdx_fr_from_short(&w[1], challenge.b, 31);
	assert_int_equal(cdx_fr_from_bytes(&w[2], r->merkle_root.b), 0);
	cdx_fr_from_u64(&w[3], index);
	cdx_fr_mul(&w[4], &w[1], &w[2]);
	assert_int_equal(cdx_groth16_prove(&proof, &env.zkey, w, 5, &run), 0);
	cdx_proof_calldata(out.w, &proof);
	return out;
}

/* ---- requests ---- */

struct cdx_storage_request env_request(uint64_t slots)
{
	struct cdx_storage_request r = {
		.client = env.account[CLIENT].addr,
		.ask = {.proof_probability = cdx_u256_of(1),
			.price = cdx_u256_of(2),
			.collateral = cdx_u256_of(100),
			.slots = slots,
			.slot_size = 65536,
			.duration = 20000},
		.cid_len = 40,
		.expiry = 10000,
	};

	seed_fill(&env.seed, r.cid, r.cid_len);
	/* an element of the field: the highest byte of r is 0x30 */
	seed_fill(&env.seed, r.merkle_root.b, 31);
	seed_fill(&env.seed, r.nonce.b, sizeof(r.nonce.b));
	return r;
}

struct cdx_b32 env_slot(const struct cdx_b32 *request, uint64_t index)
{
	struct cdx_b32 id;

	cdx_slot_id(&id, request, index);
	return id;
}

void env_allow(enum role who, const struct cdx_u256 *amount)
{
	env_fine(do_token_approve,
		 (struct args){
			 .from = who, .addr = env.contract, .amount = *amount},
		 "approve");
}

void env_same(const struct cdx_storage_request *a,
	      const struct cdx_storage_request *b)
{
	struct cdx_buf x = {.p = NULL};
	struct cdx_buf y = {.p = NULL};

	assert_int_equal(cdx_storage_request_encode(&x, a), 0);
	assert_int_equal(cdx_storage_request_encode(&y, b), 0);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.p, y.p, x.len);
	cdx_buf_free(&x);
	cdx_buf_free(&y);
}

struct cdx_b32 env_post(const struct cdx_storage_request *r)
{
	struct cdx_market_event e;
	struct cdx_u256 price;
	struct cdx_b32 id;
	struct chain_op op;

	assert_int_equal(cdx_request_id(&id, r), 0);
	assert_int_equal(cdx_ask_max_price(&price, &r->ask), 0);
	env_allow(CLIENT, &price);
	op = env_fine(do_request_storage,
		      (struct args){.from = CLIENT, .request = r}, "request");
	/* the contract has the same id for it, and what we said */
	assert_int_equal(env_events(CDX_EVENT_STORAGE_REQUESTED, &e), 1);
	assert_memory_equal(&e.request, &id, sizeof(id));
	assert_memory_equal(&e.ask, &r->ask, sizeof(e.ask));
	assert_int_equal(e.expiry, env_now() + r->expiry);
	assert_int_equal(env_events(CDX_EVENT_TRANSFER, &e), 1);
	assert_int_equal(cdx_u256_cmp(&e.value, &price), 0);
	assert_memory_equal(&e.from, &r->client, sizeof(e.from));
	assert_memory_equal(&e.to, &env.contract, sizeof(e.to));
	op = env_fine(do_get_request, (struct args){.id = id}, "getRequest");
	env_same(&op.request, r);
	return id;
}

void env_fill(enum role host, const struct cdx_storage_request *r,
	      const struct cdx_b32 *request, uint64_t index)
{
	struct args in = {.from = host, .id = *request, .n = index};
	struct cdx_b32 slot = env_slot(request, index);
	struct cdx_u256 collateral =
		env_fine(do_collateral_to_fill, in, "collateral").u256;

	env_next_period(&slot, 5, 200);
	env_allow(host, &collateral);
	in.proof = env_prove(r, request, index);
	env_fine(do_fill_slot, in, "fill");
}

/* ---- time ---- */

uint64_t env_now(void)
{
	return chain_latest(&env.c).timestamp;
}

void env_next_period(const struct cdx_b32 *slot, uint64_t low, uint64_t high)
{
	const struct args in = {.id = *slot};
	uint64_t pointer;

	chain_go_to(&env.c, (env_now() / ENV_PERIOD + 1) * ENV_PERIOD);
	pointer = env_number(do_get_pointer, in);
	/* it grows by one with every block, and wraps */
	if (pointer > high)
		chain_mine(&env.c, (unsigned)(256 - pointer + low));
	else if (pointer < low)
		chain_mine(&env.c, (unsigned)(low - pointer));
	assert_in_range(env_number(do_get_pointer, in), low, high);
}

/* ---- set up ---- */

void env_artifact(struct cdx_buf *out, const char *name)
{
	char why[CDX_DEPLOY_WHY_MAX] = "";

	if (cdx_artifact_read(out, env.artifacts, name, why) < 0)
		fail_msg("%s", why);
}

void env_marketplace_code(struct cdx_buf *out,
			  const struct cdx_market_config *config,
			  const struct cdx_addr *token)
{
	env_artifact(out, "Marketplace");
	assert_int_equal(cdx_deploy_marketplace_args(out, config, token,
						     &env.verifier),
			 0);
}

void env_deploy_refused(struct cdx_buf *code, enum cdx_revert_code want)
{
	struct chain_deploy_in in = {env.sender[RICH], code};
	struct chain_op op;
	int rc = chain_do(&env.c, &op, chain_deploy_here, &in);

	cdx_buf_free(code);
	assert_refused(rc, &op.why, want);
}

static void deploy_verifier(void)
{
	struct cdx_vk_words words;
	struct cdx_buf code = {.p = NULL};
	struct cdx_vk vk;

	assert_int_equal(cdx_zkey_vk(&vk, &env.zkey), 0);
	assert_int_equal(cdx_vk_calldata(&words, &vk), 0);
	env_artifact(&code, "Groth16Verifier");
	assert_int_equal(cdx_deploy_verifier_args(&code, &words), 0);
	env.verifier = chain_deploy(&env.c, env.sender[RICH], &code).contract;
	free(words.ic);
	cdx_vk_free(&vk);
}

static void make_accounts(void)
{
	struct cdx_seckey key;

	env.account[RICH] = chain_rich();
	for (unsigned i = 0; i < RICH; i++) {
		cdx_seckey_random(&key);
		assert_int_equal(cdx_account_of(&env.account[i], &key), 0);
	}
	for (unsigned i = 0; i < ROLES; i++)
		env.sender[i] = chain_sender(&env.c, &env.account[i]);
	for (unsigned i = 0; i < RICH; i++)
		chain_give(&env.c, env.sender[RICH], &env.account[i].addr,
			   ENV_ETHER);
}

void env_start(const char *url, const char *artifacts)
{
	struct cdx_buf code = {.p = NULL};

	env.url = url;
	env.artifacts = artifacts;
	env.seed = seed_start("chain/bindings");
	env.config = (struct cdx_market_config){
		.repair_reward = 10,
		.max_slashes = 2,
		.slash = 20,
		.validator_reward = 20,
		.period = ENV_PERIOD,
		.timeout = ENV_TIMEOUT,
		.downtime = ENV_DOWNTIME,
		.downtime_product = 67,
		.zkey_hash = "0123456789abcdef",
		.max_reservations = 2,
		.duration_limit = ENV_LIMIT,
	};
	make_key();
	chain_open(&env.c, url);
	make_accounts();
	env_artifact(&code, "TestToken");
	env.token = chain_deploy(&env.c, env.sender[RICH], &code).contract;
	deploy_verifier();
}

void env_stop(void)
{
	for (unsigned i = 0; i < ROLES; i++)
		chain_sender_free(&env.c, env.sender[i]);
	chain_close(&env.c);
	cdx_buf_free(&env.key);
}
