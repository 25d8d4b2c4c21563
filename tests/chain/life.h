/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_CHAIN_LIFE_H
#define CDX_TESTS_CHAIN_LIFE_H

/* Who and what tests/chain/life.c is about, and its calls, which block.  Include
 * after cmocka.h. */

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

#define START(name, call) \
	static void name(void *arg, struct cdx_await *a) CHAIN_BEGIN(call)

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
	const struct cdx_logs_opts opts = {
		.persist = cdx_persist_memory(w.c.memory),
		.name = "life",
		.contract = w.contract,
		.from = w.contract_block,
		.log = &w.c.log};

	(void)arg;
	cdx_await_done(a, cdx_logs_new(&w.logs, w.c.loop, w.c.rpc, w.c.head,
				       &opts, on_log, NULL));
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

#endif
