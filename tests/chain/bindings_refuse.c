/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "tests/chain/bindings_env.h"

#include "codec/abi.h"
#include "proof/proof_json.h"
#include "tests/unit/market_kit.h"
#include "tests/unit/vector_file.h"

/* What the contracts refuse, and what they accept of others. */

/* ---- deployment ---- */

static void refuse_config(struct cdx_market_config config,
			  enum cdx_revert_code code)
{
	struct cdx_buf b = {.p = NULL};

	env_marketplace_code(&b, &config, &env.token);
	env_deploy_refused(&b, code);
}

/* In the contract's order: what is refused first is mended next */
void bind_constructor(void **state)
{
	struct cdx_market_config c = env.config;

	(void)state;
	c.period = 0;
	refuse_config(c, CDX_REVERT_INVALID_SECONDS_PER_PERIOD);
	c = env.config;
	refuse_config(c, CDX_REVERT_INSUFFICIENT_BLOCK_HEIGHT);
	chain_mine(&env.c, 257);
	c.timeout = 78 * ENV_PERIOD + 1;
	refuse_config(c, CDX_REVERT_TIMEOUT_TOO_LONG);
	c = env.config;
	c.repair_reward = 101;
	refuse_config(c, CDX_REVERT_REPAIR_REWARD_PERCENTAGE_TOO_HIGH);
	c = env.config;
	c.slash = 101;
	refuse_config(c, CDX_REVERT_SLASH_PERCENTAGE_TOO_HIGH);
	c.slash = 51;
	refuse_config(c, CDX_REVERT_MAXIMUM_SLASHING_TOO_HIGH);
	c = env.config;
	c.validator_reward = 101;
	refuse_config(c, CDX_REVERT_VALIDATOR_REWARD_PERCENTAGE_TOO_HIGH);
	c.validator_reward = 100;
	c.repair_reward = 100;
	refuse_config(c, CDX_REVERT_REWARDS_EXCEED_COLLATERAL);
}

/* Arguments of verify(proof, inputs) for the published proof */
static void verify_data(struct cdx_buf *out, uint8_t last_input)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf text = {.p = NULL};
	struct cdx_buf inputs = {.p = NULL};
	struct cdx_fr *x = NULL;
	struct cdx_proof proof;
	uint8_t words[8][32];
	uint8_t selector[4];
	struct cdx_abi w;
	uint32_t n = 0;

	vector_raw(&text, "hardhat_example_proof.json");
	assert_int_equal(cdx_proof_read(&proof, (char *)text.p, text.len, why),
			 0);
	text.len = 0;
	vector_raw(&text, "hardhat_example_public.json");
	assert_int_equal(cdx_public_read(&x, &n, (char *)text.p, text.len, why),
			 0);
	cdx_buf_free(&text);
	cdx_proof_calldata(words, &proof);
	cdx_abi_selector(selector,
			 "verify(((uint256,uint256),((uint256,uint256),"
			 "(uint256,uint256)),(uint256,uint256)),uint256[])");
	cdx_buf_put(out, selector, sizeof(selector));
	cdx_abi_begin(&w, n + 1);
	cdx_abi_u64(&w, n);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t le[32];
		uint8_t be[32];

		cdx_fr_to_bytes(le, &x[i]);
		for (size_t j = 0; j < 32; j++)
			be[j] = le[31 - j];
		if (i == n - 1)
			be[31] ^= last_input;
		cdx_abi_b32(&w, be);
	}
	assert_int_equal(cdx_abi_end(&w, &inputs), 0);
	cdx_abi_begin(&w, 9);
	for (size_t i = 0; i < 8; i++)
		cdx_abi_b32(&w, words[i]);
	cdx_abi_dynamic(&w, &inputs);
	assert_int_equal(cdx_abi_end(&w, out), 0);
	cdx_buf_free(&inputs);
	free(x);
}

/* Codex's published key and proof (tests/vectors), on a verifier that is made
 * from our words of the key */
void bind_published_key(void **state)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf b = {.p = NULL};
	struct cdx_vk_words words;
	struct cdx_revert refused;
	struct cdx_addr verifier;
	struct cdx_vk vk;

	(void)state;
	vector_raw(&b, "hardhat_verification_key.json");
	assert_int_equal(cdx_vk_read(&vk, (char *)b.p, b.len, why), 0);
	assert_int_equal(cdx_vk_calldata(&words, &vk), 0);
	cdx_buf_free(&b);
	env_artifact(&b, "Groth16Verifier");
	assert_int_equal(cdx_deploy_verifier_args(&b, &words), 0);
	verifier = chain_deploy(&env.c, env.sender[RICH], &b).contract;
	for (uint8_t wrong = 0; wrong < 2; wrong++) {
		struct cdx_buf answer = {.p = NULL};

		verify_data(&b, wrong);
		assert_int_equal(env_raw(&refused, &answer, &verifier, &b), 0);
		assert_int_equal(answer.len, 32);
		assert_int_equal(answer.p[31], !wrong);
		cdx_buf_free(&answer);
		cdx_buf_free(&b);
	}
	free(words.ic);
	cdx_vk_free(&vk);
}

/* ---- what is refused ---- */

/* A token that says no to everything: returns zero */
void bind_transfer_failed(void **state)
{
	static const uint8_t no[] = {
		0x60, 0x0a, 0x60, 0x0c, 0x60,
		0x00, 0x39,		      /* copy what follows */
		0x60, 0x0a, 0x60, 0x00, 0xf3, /* and return it: */
		0x60, 0x00, 0x60, 0x00, 0x52, /* a zero word, */
		0x60, 0x20, 0x60, 0x00, 0xf3, /* returned */
	};
	struct cdx_storage_request r = env_request(1);
	struct cdx_buf b = {.p = NULL};
	struct cdx_buf none = {.p = NULL};
	struct cdx_revert why;
	struct cdx_addr addr;
	uint8_t selector[4];

	(void)state;
	cdx_buf_put(&b, no, sizeof(no));
	addr = chain_deploy(&env.c, env.sender[RICH], &b).contract;
	env_marketplace_code(&b, &env.config, &addr);
	addr = chain_deploy(&env.c, env.sender[RICH], &b).contract;
	/* a call of nobody comes from the account zero */
	memset(&r.client, 0, sizeof(r.client));
	cdx_abi_selector(selector,
			 "requestStorage((address,(uint256,uint256,uint256,"
			 "uint64,uint64,uint64,uint64),(bytes,bytes32),uint64,"
			 "bytes32))");
	cdx_buf_put(&b, selector, sizeof(selector));
	assert_int_equal(cdx_storage_request_encode(&b, &r), 0);
	assert_int_equal(env_raw(&why, &none, &addr, &b), CDX_E_CHAIN);
	assert_int_equal(why.code, CDX_REVERT_TRANSFER_FAILED);
	cdx_buf_free(&b);
}

/* Numbers at and around the bounds of their checks */
static uint64_t edge(uint64_t bound)
{
	const uint64_t edges[] = {0,	     1,	       bound - 1, bound,
				  bound + 1, 1u << 24, UINT64_MAX};

	return edges[seed_below(&env.seed, CDX_ARRAY_LEN(edges))];
}

/* The most that all the bytes can cost or be worth, or one more, or anything */
static struct cdx_u256 edge_amount(const struct cdx_ask *ask, uint64_t times)
{
	const struct cdx_u256 one = cdx_u256_of(1);
	struct cdx_u256 v = cdx_u256_max;

	if (seed_below(&env.seed, 4) == 0)
		return cdx_u256_of(seed_below(&env.seed, 2));
	if (ask->slots == 0 || ask->slot_size == 0 || times == 0)
		return v;
	v = cdx_u256_div_u64(&v, ask->slots, NULL);
	v = cdx_u256_div_u64(&v, ask->slot_size, NULL);
	v = cdx_u256_div_u64(&v, times, NULL);
	/* of a single byte there is no more than all */
	if (seed_below(&env.seed, 2) == 0 && cdx_u256_add(&v, &v, &one) < 0)
		v = cdx_u256_max;
	return v;
}

static void spoil(struct cdx_storage_request *r)
{
	switch (seed_below(&env.seed, 11)) {
	case 0:
		r->client = env.account[HOST_0].addr;
		return;
	case 1:
		r->expiry = edge(r->ask.duration);
		return;
	case 2:
		r->ask.slots = edge(0xffffff);
		return;
	case 3:
		r->ask.max_slot_loss = edge(r->ask.slots);
		return;
	case 4:
		r->ask.proof_probability = cdx_u256_of(edge(0));
		return;
	case 5:
		r->ask.collateral = edge_amount(&r->ask, 1);
		return;
	case 6:
		r->ask.price = edge_amount(&r->ask, r->ask.duration);
		return;
	case 7:
		r->cid_len = seed_below(&env.seed, 2) * CDX_CONTENT_CID_MAX;
		return;
	case 8:
		r->ask.slot_size = edge(65536);
		return;
	case 9:
		r->ask.duration = edge(ENV_LIMIT);
		return;
	default: /* the longest that may be */
		r->ask.duration = ENV_LIMIT;
		r->expiry = ENV_LIMIT - 1;
		return;
	}
}

/* Each refusal by a fault of its own */
static void refuse_each(void)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(mk_refusals); i++) {
		struct cdx_storage_request r = env_request(3);

		mk_refusals[i].spoil(&r, ENV_LIMIT);
		env_refused(do_request_storage,
			    (struct args){.from = CLIENT, .request = &r},
			    mk_refusals[i].code);
	}
}

/* What is refused here is what the contract refuses, for the same reason.  What
 * it takes, it then misses the allowance for. */
void bind_check(void **state)
{
	const char *count = getenv("CDX_COUNT");
	const unsigned rounds =
		count ? (unsigned)strtoul(count, NULL, 10) : 1500;
	const struct cdx_addr *client = &env.account[CLIENT].addr;
	const struct cdx_u256 zero = cdx_u256_of(0);
	unsigned taken = 0;

	(void)state;
	env_allow(CLIENT, &zero);
	refuse_each();
	for (unsigned i = 0; i < rounds; i++) {
		struct cdx_storage_request r = env_request(3);
		int code;

		for (size_t n = seed_below(&env.seed, 6); n > 0; n--)
			spoil(&r);
		code = cdx_storage_request_check(&r, client, ENV_LIMIT);
		taken += code == 0;
		if (code == 0)
			code = CDX_REVERT_INSUFFICIENT_ALLOWANCE;
		env_refused(do_request_storage,
			    (struct args){.from = CLIENT, .request = &r},
			    (enum cdx_revert_code)code);
	}
	assert_true(rounds < 100 || (taken > 0 && taken < rounds));
}

/* Every event was read, every refusal met, but those that our contracts have for
 * the ABI's sake and never use */
void bind_all_met(void **state)
{
	static const enum cdx_revert_code never[] = {
		CDX_REVERT_NONE,
		CDX_REVERT_EMPTY,
		CDX_REVERT_TEXT,
		CDX_REVERT_PANIC,
		CDX_REVERT_UNKNOWN,
		/* no expiry is below a duration of zero */
		CDX_REVERT_INSUFFICIENT_DURATION,
		/* pays zero instead */
		CDX_REVERT_START_NOT_BEFORE_EXPIRY,
	};

	(void)state;
	for (unsigned i = 0; i < CDX_ARRAY_LEN(env.events); i++)
		if (env.events[i] == 0)
			fail_msg("never seen: %s",
				 cdx_market_event_signature(i));
	for (unsigned i = 0; i < CDX_REVERT_CODES; i++) {
		bool may = false;

		for (size_t k = 0; k < CDX_ARRAY_LEN(never); k++)
			may |= never[k] == i;
		if (!may && env.refused[i] == 0)
			fail_msg("never met: refusal %u", i);
		if (may)
			assert_int_equal(env.refused[i], 0);
	}
}
