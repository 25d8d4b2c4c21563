/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/market_kit.h"

#include "crypto/hash.h"
#include "proof/proof_json.h"
#include "tests/market/market_calls.h"

/* pointers that do not wrap while a proof is made and sent */
#define POINTER_MAX 200u

START(do_approve, cdx_token_approve(M, in->from, &in->kit->contract,
				    &in->amount, NULL, chain_sent, op))
START(do_request, cdx_market_request_storage(M, in->from, in->request, NULL,
					     chain_sent, op))
START(do_reserve, cdx_market_reserve_slot(M, in->from, &in->id, in->n, NULL,
					  chain_sent, op))
START(do_submit, cdx_market_submit_proof(M, in->from, &in->id, in->proof, NULL,
					 chain_sent, op))
START(do_mark, cdx_market_mark_missing(M, in->from, &in->id, in->n, NULL,
				       chain_sent, op))
START(do_free,
      cdx_market_free_slot(M, in->from, &in->id, NULL, NULL, chain_sent, op))
START(do_withdraw,
      cdx_market_withdraw(M, in->from, &in->id, NULL, NULL, chain_sent, op))
START(get_state, cdx_market_request_state(H, &in->id, chain_u64, op))
START(get_slot_state, cdx_market_slot_state(H, &in->id, chain_u64, op))
START(get_balance, cdx_token_balance(H, &in->addr, chain_u256, op))
START(get_collateral, cdx_market_current_collateral(H, &in->id, chain_u256, op))
START(get_to_fill,
      cdx_market_collateral_to_fill(H, &in->id, in->n, chain_u256, op))
START(get_host, cdx_market_get_host(H, &in->id, chain_addr, op))
START(get_missing, cdx_market_missing_proofs(H, &in->id, chain_u64, op))
START(get_pointer, cdx_market_get_pointer(H, &in->id, chain_u64, op))
START(get_challenge, cdx_market_get_challenge(H, &in->id, chain_b32, op))
START(get_required, cdx_market_is_proof_required(H, &in->id, chain_bool, op))
START(get_can_mark,
      cdx_market_can_mark_missing(H, &in->id, in->n, chain_bool, op))

static void do_fill(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	const struct args *in = op->in;
	const struct cdx_market_fill fill = {
		.request = in->id, .index = in->n, .proof = *in->proof};
	int rc;

	op->await = a;
	rc = cdx_market_fill_slot(M, in->from, &fill, NULL, chain_sent, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

/* ---- requests ---- */

void mk_request_ids(struct mk_request *rq)
{
	assert_int_equal(cdx_request_id(&rq->id, &rq->r), 0);
	for (uint64_t i = 0; i < rq->r.ask.slots && i < MK_SLOTS_MAX; i++)
		cdx_slot_id(&rq->slot[i], &rq->id, i);
}

void mk_request(struct mk *kit, const struct mk_account *client,
		struct mk_request *out)
{
	const struct cdx_geometry *g = &kit->slots.g;
	struct cdx_storage_request *r = &out->r;

	memset(out, 0, sizeof(*out));
	r->client = client->account.addr;
	r->ask = (struct cdx_ask){
		.proof_probability = cdx_u256_of(1),
		.price = cdx_u256_of(1),
		.collateral = cdx_u256_of(3),
		.slots = g->slots,
		.slot_size = g->slot_bytes,
		.duration = 7200,
		.max_slot_loss = g->m,
	};
	r->expiry = r->ask.duration / 2;
	r->cid_len = cdx_cid_encode(r->cid, &kit->data.verifiable);
	/* the digest is the root as it goes on chain, little endian */
	memcpy(r->merkle_root.b,
	       kit->slots.manifest.verification.verify_root.digest,
	       sizeof(r->merkle_root.b));
	cdx_random(r->nonce.b, sizeof(r->nonce.b));
	mk_request_ids(out);
}

static uint64_t block_time(struct mk *kit, uint64_t number)
{
	struct cdx_block b;
	char text[20];
	json_t *j;

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)number);
	j = chain_rpc(&kit->hand, "eth_getBlockByNumber",
		      json_pack("[s, b]", text, 0));
	assert_int_equal(cdx_json_get_block(j, &b), 0);
	json_decref(j);
	return b.timestamp;
}

void mk_post(struct mk *kit, const struct mk_account *client,
	     struct mk_request *rq)
{
	struct args in = {
		.kit = kit, .from = client->sender, .request = &rq->r};
	struct chain_op op;

	mk_request_ids(rq);
	assert_int_equal(cdx_ask_max_price(&in.amount, &rq->r.ask), 0);
	fine(do_approve, in, "approve");
	op = fine(do_request, in, "requestStorage");
	/* others may be at work, and have a block behind it already */
	rq->posted = block_time(kit, op.sent.block);
}

void mk_reserve(struct mk *kit, const struct mk_account *host,
		const struct mk_request *rq, uint64_t slot)
{
	fine(do_reserve,
	     (struct args){
		     .kit = kit, .from = host->sender, .id = rq->id, .n = slot},
	     "reserveSlot");
}

struct cdx_proof_words mk_prove(struct mk *kit, const struct mk_request *rq,
				uint32_t slot)
{
	const struct cdx_groth16_run run = {.pool = kit->pool};
	struct cdx_b32 challenge = mk_challenge(kit, &rq->slot[slot]);
	struct cdx_fr public[CDX_CIRCUIT_PUBLIC];
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_proof_inputs in;
	struct cdx_proof_words out;
	struct cdx_proof proof;
	int rc;

	assert_int_equal(cdx_slots_inputs(&in, kit->store.s, &kit->slots, slot,
					  challenge.b, kit->key.samples),
			 0);
	rc = cdx_proof_make(&proof, public, &kit->key, &in, &run, why);
	if (rc < 0)
		print_error("%s\n", why);
	assert_int_equal(rc, 0);
	cdx_proof_inputs_free(&in);
	cdx_proof_calldata(out.w, &proof);
	return out;
}

void mk_fill(struct mk *kit, const struct mk_account *host,
	     const struct mk_request *rq, uint32_t slot)
{
	struct args in = {
		.kit = kit, .from = host->sender, .id = rq->id, .n = slot};
	const uint64_t period = kit->env.config.period;
	struct cdx_proof_words proof;

	mk_reserve(kit, host, rq, slot);
	/* a proof is of its period: on a busy machine the end of one comes before
	 * the proof is there */
	if (!mk_settled(kit, &rq->slot[slot]) ||
	    mk_now(kit) % period > period / 4)
		mk_settle(kit, &rq->slot[slot]);
	in.amount = ask(get_to_fill, in, "collateral to fill").u256;
	fine(do_approve, in, "approve");
	proof = mk_prove(kit, rq, slot);
	in.proof = &proof;
	fine(do_fill, in, "fillSlot");
}

void mk_submit(struct mk *kit, const struct mk_account *host,
	       const struct mk_request *rq, uint32_t slot)
{
	struct cdx_proof_words proof = mk_prove(kit, rq, slot);

	fine(do_submit,
	     (struct args){.kit = kit,
			   .from = host->sender,
			   .id = rq->slot[slot],
			   .proof = &proof},
	     "submitProof");
}

void mk_free_slot(struct mk *kit, const struct mk_account *host,
		  const struct cdx_b32 *slot)
{
	fine(do_free,
	     (struct args){.kit = kit, .from = host->sender, .id = *slot},
	     "freeSlot");
}

void mk_withdraw(struct mk *kit, const struct mk_account *client,
		 const struct cdx_b32 *request)
{
	fine(do_withdraw,
	     (struct args){.kit = kit, .from = client->sender, .id = *request},
	     "withdrawFunds");
}

int mk_mark(struct mk *kit, const struct mk_account *validator,
	    const struct cdx_b32 *slot, uint64_t period, struct cdx_revert *why)
{
	struct args in = {.kit = kit,
			  .from = validator->sender,
			  .id = *slot,
			  .n = period};
	struct chain_op op;
	int rc = chain_do(&kit->c, &op, do_mark, &in);

	*why = op.why;
	return rc;
}

/* ---- questions ---- */

enum cdx_request_state mk_request_state(struct mk *kit,
					const struct cdx_b32 *request)
{
	struct args in = {.kit = kit, .id = *request};

	return (enum cdx_request_state)ask(get_state, in, "requestState").u64;
}

enum cdx_slot_state mk_slot_state(struct mk *kit, const struct cdx_b32 *slot)
{
	struct args in = {.kit = kit, .id = *slot};

	return (enum cdx_slot_state)ask(get_slot_state, in, "slotState").u64;
}

struct cdx_u256 mk_balance(struct mk *kit, const struct cdx_addr *owner)
{
	struct args in = {.kit = kit, .addr = *owner};

	return ask(get_balance, in, "balance").u256;
}

struct cdx_u256 mk_collateral(struct mk *kit, const struct cdx_b32 *slot)
{
	struct args in = {.kit = kit, .id = *slot};

	return ask(get_collateral, in, "currentCollateral").u256;
}

struct cdx_addr mk_host(struct mk *kit, const struct cdx_b32 *slot)
{
	struct args in = {.kit = kit, .id = *slot};

	return ask(get_host, in, "getHost").addr;
}

uint64_t mk_missing(struct mk *kit, const struct cdx_b32 *slot)
{
	struct args in = {.kit = kit, .id = *slot};

	return ask(get_missing, in, "missingProofs").u64;
}

uint64_t mk_pointer(struct mk *kit, const struct cdx_b32 *slot)
{
	struct args in = {.kit = kit, .id = *slot};

	return ask(get_pointer, in, "getPointer").u64;
}

struct cdx_b32 mk_challenge(struct mk *kit, const struct cdx_b32 *slot)
{
	struct args in = {.kit = kit, .id = *slot};

	return ask(get_challenge, in, "getChallenge").b32;
}

bool mk_required(struct mk *kit, const struct cdx_b32 *slot)
{
	struct args in = {.kit = kit, .id = *slot};

	return ask(get_required, in, "isProofRequired").u64 != 0;
}

bool mk_can_mark(struct mk *kit, const struct cdx_b32 *slot, uint64_t period)
{
	struct args in = {.kit = kit, .id = *slot, .n = period};

	return ask(get_can_mark, in, "canMarkProofAsMissing").u64 != 0;
}

void mk_assert_amount(const struct cdx_u256 *got, const struct cdx_u256 *want,
		      const char *what)
{
	char a[CDX_U256_TEXT_MAX];
	char b[CDX_U256_TEXT_MAX];

	cdx_u256_dec(a, got);
	cdx_u256_dec(b, want);
	if (cdx_u256_cmp(got, want) != 0)
		print_error("%s: %s, not %s\n", what, a, b);
	assert_int_equal(cdx_u256_cmp(got, want), 0);
}

bool mk_settled(struct mk *kit, const struct cdx_b32 *slot)
{
	uint64_t pointer = mk_pointer(kit, slot);

	return pointer >= kit->env.config.downtime && pointer <= POINTER_MAX;
}
