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

#include "chain_kit.h"
#include "eth/logs.h"
#include "proof/circuit.h"
#include "proof/key.h"
#include "proof/proof_json.h"
#include "tests/unit/seed.h"
#include "tests/unit/store_tmp.h"

#include "tests/unit/protect_kit.h"

#define SLOTS 3u
#define DATA_COLUMNS 2u
#define PERIOD 60u
#define DOWNTIME 16u
#define DURATION 7200u
/* pointers that will not wrap while a proof is made and sent */
#define POINTER_MAX 200u

/* Who takes part */
enum role {
	CLIENT,
	HOST_0,
	HOST_1,
	HOST_2,
	SECOND_HOST, /* that fills a freed slot */
	VALIDATOR,
	AGGREGATOR,
	RICH,
	ROLES,
};

static const struct cdx_market_config config = {
	.repair_reward = 10,
	.max_slashes = 2,
	.slash = 20,
	.validator_reward = 20,
	.period = PERIOD,
	.timeout = 30,
	.downtime = DOWNTIME,
	.downtime_product = 67,
	.max_reservations = 3,
	.duration_limit = 2592000,
};

static struct {
	const char *url;
	const char *key_path;
	const char *artifacts;
	struct chain c;
	struct seed seed;
	struct tmp_store store;
	struct pk_data data;
	struct cdx_slots slots;
	struct cdx_proof_key key;
	struct cdx_account account[ROLES];
	struct cdx_sender *sender[ROLES];
	struct cdx_addr contract;
	struct cdx_addr token;
	uint64_t contract_block;
	struct cdx_storage_request request;
	struct cdx_b32 id;
	struct cdx_b32 slot[SLOTS];
	uint64_t posted;	    /* timestamp of the request's block */
	uint64_t filled[SLOTS + 1]; /* the refill last */
	struct cdx_u256 minted;
	struct cdx_logs *logs;
	unsigned events[CDX_EVENT_APPROVAL + 1];
} w;

/* ---- calls, blocking ---- */

/* What a call is given; which members it looks at is its own affair */
struct args {
	enum role from;
	struct cdx_addr addr;
	struct cdx_u256 amount;
	uint64_t n; /* slot or period */
	struct cdx_proof_words proof[SLOTS];
	size_t n_proofs;
};

#define START(name, call)                                \
	static void name(void *arg, struct cdx_await *a) \
	{                                                \
		struct chain_op *op = arg;               \
		const struct args *in = op->in;          \
		int rc;                                  \
                                                         \
		(void)in;                                \
		op->await = a;                           \
		rc = (call);                             \
		if (rc < 0)                              \
			cdx_await_done(a, rc);           \
	}

#define M w.c.market
#define FROM w.sender[in->from]

START(do_mint,
      cdx_token_mint(M, FROM, &in->addr, &in->amount, NULL, chain_sent, op))
START(do_approve, cdx_token_approve(M, FROM, &w.contract, &in->amount, NULL,
				    chain_sent, op))
START(do_request,
      cdx_market_request_storage(M, FROM, &w.request, NULL, chain_sent, op))
START(do_reserve,
      cdx_market_reserve_slot(M, FROM, &w.id, in->n, NULL, chain_sent, op))
START(do_consent,
      cdx_market_set_proof_submitter(M, FROM, &in->addr, NULL, chain_sent, op))
START(do_submit, cdx_market_submit_proof(M, FROM, &w.slot[in->n], in->proof,
					 NULL, chain_sent, op))
START(do_mark,
      cdx_market_mark_missing(M, FROM, &w.slot[2], in->n, NULL, chain_sent, op))
START(do_free,
      cdx_market_free_slot(M, FROM, &w.slot[in->n], NULL, NULL, chain_sent, op))
START(do_withdraw,
      cdx_market_withdraw(M, FROM, &w.id, NULL, NULL, chain_sent, op))
START(get_balance, cdx_token_balance(M, &in->addr, chain_u256, op))
START(get_state, cdx_market_request_state(M, &w.id, chain_u64, op))
START(get_slot_state, cdx_market_slot_state(M, &w.slot[in->n], chain_u64, op))
START(get_request, cdx_market_get_request(M, &w.id, chain_request, op))
START(get_host, cdx_market_get_host(M, &w.slot[in->n], chain_addr, op))
START(get_pointer, cdx_market_get_pointer(M, &w.slot[in->n], chain_u64, op))
START(get_challenge, cdx_market_get_challenge(M, &w.slot[in->n], chain_b32, op))
START(get_required,
      cdx_market_is_proof_required(M, &w.slot[in->n], chain_bool, op))
START(get_missing, cdx_market_missing_proofs(M, &w.slot[in->n], chain_u64, op))
START(get_collateral,
      cdx_market_current_collateral(M, &w.slot[in->n], chain_u256, op))
START(get_to_fill,
      cdx_market_collateral_to_fill(M, &w.id, in->n, chain_u256, op))
START(get_config, cdx_market_configuration(M, chain_config, op))
START(get_can_mark,
      cdx_market_can_mark_missing(M, &w.slot[2], in->n, chain_bool, op))
START(get_my_slots, cdx_market_my_slots(M, &in->addr, chain_ids, op))
START(get_my_requests, cdx_market_my_requests(M, &in->addr, chain_ids, op))

static void do_fill(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	const struct args *in = op->in;
	struct cdx_market_fill fill = {
		.request = w.id, .index = in->n, .proof = in->proof[0]};
	int rc;

	op->await = a;
	rc = cdx_market_fill_slot(M, FROM, &fill, NULL, chain_sent, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

/* The first slots of the request, in one call */
static void do_submit_many(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	const struct args *in = op->in;
	const struct cdx_market_proofs proofs = {
		.slots = w.slot, .proofs = in->proof, .n = in->n_proofs};
	int rc;

	op->await = a;
	rc = cdx_market_submit_proofs(M, FROM, &proofs, NULL, chain_sent, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

/* Does it, and it must work */
static struct chain_op fine(cdx_await_fn *fn, struct args in, const char *what)
{
	struct chain_op op;

	chain_fine(&op, chain_do(&w.c, &op, fn, &in), what);
	return op;
}

/* Does it, and it must be refused with this code */
static void refused(cdx_await_fn *fn, struct args in, enum cdx_revert_code code)
{
	struct chain_op op;

	assert_int_equal(chain_do(&w.c, &op, fn, &in), CDX_E_CHAIN);
	if (op.why.code != code)
		print_error("%s: %s\n", op.why.name, op.why.words);
	assert_int_equal(op.why.code, code);
	assert_true(op.why.words[0] != '\0');
}

static struct cdx_u256 balance(const struct cdx_addr *addr)
{
	return fine(get_balance, (struct args){.addr = *addr}, "balance").u256;
}

static void assert_amount(const struct cdx_u256 *got,
			  const struct cdx_u256 *want, const char *what)
{
	char a[CDX_U256_TEXT_MAX];
	char b[CDX_U256_TEXT_MAX];

	cdx_u256_dec(a, got);
	cdx_u256_dec(b, want);
	if (cdx_u256_cmp(got, want) != 0)
		print_error("%s: %s, not %s\n", what, a, b);
	assert_int_equal(cdx_u256_cmp(got, want), 0);
}

static struct cdx_u256 minus(const struct cdx_u256 *a, const struct cdx_u256 *b)
{
	struct cdx_u256 out;

	assert_int_equal(cdx_u256_sub(&out, a, b), 0);
	return out;
}

static struct cdx_u256 percent(const struct cdx_u256 *a, unsigned p)
{
	struct cdx_u256 out;

	assert_int_equal(cdx_u256_scale(&out, a, p, 100), 0);
	return out;
}

/* ---- time ---- */

static uint64_t period_now(void)
{
	return chain_latest(&w.c).timestamp / PERIOD;
}

/* Whether the pointer of a slot is far from wrapping, and out of the downtime */
static bool settled(unsigned slot)
{
	uint64_t pointer =
		fine(get_pointer, (struct args){.n = slot}, "pointer").u64;

	return pointer >= DOWNTIME && pointer <= POINTER_MAX;
}

/* Into the beginning of a later period in which these two slots' challenges
 * stay what they are */
static void next_period(unsigned slot, unsigned other)
{
	do {
		chain_go_to(&w.c, (period_now() + 1) * PERIOD);
	} while (!settled(slot) || !settled(other));
}

/* ---- proofs ---- */

/* The answer to the present challenge of a slot */
static struct cdx_proof_words prove(unsigned slot)
{
	const struct cdx_groth16_run run = {.pool = NULL};
	struct cdx_b32 challenge =
		fine(get_challenge, (struct args){.n = slot}, "challenge").b32;
	struct cdx_fr public[CDX_CIRCUIT_PUBLIC];
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_proof_inputs in;
	struct cdx_proof_words out;
	struct cdx_proof proof;
	int rc;

	assert_int_equal(cdx_slots_inputs(&in, w.store.s, &w.slots, slot,
					  challenge.b, w.key.samples),
			 0);
	rc = cdx_proof_make(&proof, public, &w.key, &in, &run, why);
	if (rc < 0)
		print_error("%s\n", why);
	assert_int_equal(rc, 0);
	cdx_proof_inputs_free(&in);
	cdx_proof_calldata(out.w, &proof);
	return out;
}

/* ---- events ---- */

static int on_log(void *arg, const struct cdx_chain_log *log)
{
	struct cdx_market_event e;

	(void)arg;
	if (cdx_market_event_decode(&e, log) == 0 && !log->removed)
		w.events[e.kind]++;
	return 0;
}

static void logs_begin(void *arg, struct cdx_await *a)
{
	const struct cdx_logs_opts opts = {.name = "life",
					   .contract = w.contract,
					   .from = w.contract_block,
					   .log = &w.c.log};

	(void)arg;
	cdx_await_done(a, cdx_logs_new(&w.logs, w.c.loop, w.c.rpc, w.c.head,
				       cdx_persist_memory(w.c.memory), &opts,
				       on_log, NULL));
}

static void logs_end(void *arg, struct cdx_await *a)
{
	(void)arg;
	cdx_logs_free(w.logs);
	cdx_await_done(a, 0);
}

static struct cdx_loop_timer *logs_timer;

/* Until everything up to the newest block of now was delivered */
struct logs_wait {
	uint64_t block;
	struct cdx_await *await;
};

static void logs_look(void *arg)
{
	struct logs_wait *l = arg;

	if (cdx_logs_at(w.logs) < l->block)
		return;
	cdx_loop_timer_del(logs_timer);
	cdx_await_done(l->await, 0);
}

static void logs_wait(void *arg, struct cdx_await *a)
{
	struct logs_wait *l = arg;
	int rc;

	l->await = a;
	rc = cdx_loop_timer_add(w.c.loop, &logs_timer, 10000000, 10000000,
				logs_look, l);
	if (rc < 0)
		cdx_await_done(a, rc);
}

static void assert_events(enum cdx_market_event_kind kind, unsigned n)
{
	struct logs_wait l = {.block = chain_latest(&w.c).number};

	assert_int_equal(cdx_await(w.c.loop, logs_wait, &l), 0);
	assert_int_equal(w.events[kind], n);
}

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
