/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/market_kit.h"

#include "base/clock.h"
#include "crypto/hash.h"
#include "proof/proof_json.h"
#include "tests/market/market_calls.h"
#include "tests/market/market_gate.h"

#define ETHER "0xde0b6b3a7640000"
#define TOKENS UINT64_C(1000000000000000)
#define DATA_LEN 600000u
#define BLOCK_SIZE 65536u
#define STORE_SHARE (64u << 20)
#define LOOK_NS UINT64_C(10000000)
#define LOOKS_A_BLOCK 10u

const struct cdx_market_config mk_config = {
	.repair_reward = 10,
	.max_slashes = 2,
	.slash = 20,
	.validator_reward = 20,
	.period = 120,
	.timeout = 60,
	.downtime = 16,
	.downtime_product = 67,
	.max_reservations = 3,
	.duration_limit = 2592000,
};

/* ---- set up ---- */

START(do_mint,
      cdx_token_mint(M, in->from, &in->addr, &in->amount, NULL, chain_sent, op))
START(get_config, cdx_market_configuration(H, chain_config, op))
static void make_data(struct mk *kit, const struct mk_opts *o)
{
	const struct cdx_protect_opts opts =
		pk_opts(o->k != 0 ? o->k : 2, o->m != 0 ? o->m : 1);

	tmp_store_new(&kit->store, STORE_SHARE);
	pk_add(&kit->store, &kit->data, &kit->seed, NULL,
	       o->len != 0 ? o->len : DATA_LEN,
	       o->block_size != 0 ? o->block_size : BLOCK_SIZE);
	pk_protect(&kit->store, &kit->data, &opts);
	pk_slots(&kit->store, &kit->data, &kit->slots);
	assert_true(kit->slots.g.slots <= MK_SLOTS_MAX);
}

static void read_artifact(struct mk *kit, struct cdx_buf *out, const char *name)
{
	char why[CDX_DEPLOY_WHY_MAX] = "";
	int rc = cdx_artifact_read(out, kit->artifacts, name, why);

	if (rc < 0)
		print_error("%s\n", why);
	assert_int_equal(rc, 0);
}

static struct cdx_addr deploy_verifier(struct mk *kit)
{
	struct cdx_vk_words words;
	struct cdx_buf code = {0};
	struct cdx_addr out;
	struct cdx_vk vk;

	assert_int_equal(cdx_zkey_vk(&vk, &kit->key.zkey), 0);
	assert_int_equal(cdx_vk_calldata(&words, &vk), 0);
	read_artifact(kit, &code, "Groth16Verifier");
	assert_int_equal(cdx_deploy_verifier_args(&code, &words), 0);
	out = chain_deploy(&kit->c, kit->rich.sender, &code).contract;
	free(words.ic);
	cdx_vk_free(&vk);
	return out;
}

static void deploy(struct mk *kit, const struct cdx_market_config *config)
{
	struct cdx_market_config conf = *config;
	struct cdx_buf code = {0};
	struct cdx_addr verifier;
	struct cdx_sent sent;

	read_artifact(kit, &code, "TestToken");
	kit->token = chain_deploy(&kit->c, kit->rich.sender, &code).contract;
	verifier = deploy_verifier(kit);
	if (conf.zkey_hash[0] == '\0')
		cdx_hex(conf.zkey_hash, kit->key.sha256.b,
			sizeof(kit->key.sha256.b));
	read_artifact(kit, &code, "Marketplace");
	assert_int_equal(cdx_deploy_marketplace_args(&code, &conf, &kit->token,
						     &verifier),
			 0);
	sent = chain_deploy(&kit->c, kit->rich.sender, &code);
	kit->contract = sent.contract;
	kit->contract_block = sent.block;
	chain_market(&kit->c, &kit->contract, &kit->token);
	chain_market(&kit->hand, &kit->contract, &kit->token);
}

void mk_start(struct mk *kit, const char *what, char **argv,
	      const struct mk_opts *opts)
{
	static const struct mk_opts none;
	const struct mk_opts *o = opts != NULL ? opts : &none;
	char why[CDX_PROOF_WHY_MAX] = "";
	char gate_url[MK_GATE_URL_MAX];

	memset(kit, 0, sizeof(*kit));
	kit->url = argv[1];
	kit->artifacts = argv[3];
	kit->seed = seed_start(what);
	assert_int_equal(
		cdx_proof_key_open(&kit->key, AT_FDCWD, argv[2], NULL, why), 0);
	assert_int_equal(cdx_pool_new(&kit->pool, 2), 0);
	if (!o->no_data)
		make_data(kit, o);
	chain_open(&kit->hand, kit->url);
	if (o->gate)
		kit->gate = mk_gate_new(kit->url, gate_url);
	chain_open(&kit->c, o->gate ? gate_url : kit->url);
	mk_automine(kit, true);
	mk_mine(kit, 257);
	kit->env = (struct cdx_market_env){
		.loop = kit->c.loop,
		.rpc = kit->c.rpc,
		.head = kit->c.head,
		.persist = cdx_persist_memory(kit->c.memory),
		.confirmations = 1,
		.batches = true,
		.store = kit->store.s,
		.pool = kit->pool,
		.log = &kit->c.log,
	};
	kit->rich.account = chain_rich();
	mk_sender_make(kit, &kit->rich);
	deploy(kit, o->config != NULL ? o->config : &mk_config);
	kit->env.market = kit->c.market;
	if (o->confirmations != 0)
		kit->env.confirmations = o->confirmations;
	kit->env.config =
		ask(get_config, (struct args){.kit = kit}, "config").config;
	mk_sync(kit);
}

void mk_stop(struct mk *kit)
{
	mk_sender_drop(kit, &kit->rich);
	chain_close(&kit->c);
	mk_gate_free(kit->gate);
	chain_close(&kit->hand);
	cdx_pool_free(kit->pool);
	if (kit->store.s != NULL) {
		cdx_slots_free(&kit->slots);
		pk_free(&kit->data);
		tmp_store_free(&kit->store);
	}
	cdx_proof_key_close(&kit->key);
}

static int key_get(void *arg, const struct cdx_proof_key **out, char *why)
{
	struct mk *kit = arg;

	(void)why;
	*out = &kit->key;
	return 0;
}

static void key_put(void *arg, const struct cdx_proof_key *key)
{
	(void)arg;
	(void)key;
}

struct cdx_prover_keys mk_keys(struct mk *kit)
{
	return (struct cdx_prover_keys){
		.get = key_get, .put = key_put, .arg = kit};
}

/* ---- accounts ---- */

struct sender_in {
	struct mk *kit;
	struct mk_account *a;
};

static void sender_make(void *arg)
{
	struct sender_in *in = arg;
	const struct cdx_sender_opts opts = {.confirmations =
						     in->kit->env.confirmations,
					     .log = &in->kit->c.log};

	assert_int_equal(cdx_sender_new(&in->a->sender, in->kit->env.loop,
					in->kit->env.rpc, in->kit->env.head,
					in->kit->env.persist, &in->a->account,
					&opts),
			 0);
}

void mk_sender_make(struct mk *kit, struct mk_account *a)
{
	mk_on_loop(kit, sender_make, &(struct sender_in){kit, a});
}

static void sender_drop(void *arg)
{
	struct sender_in *in = arg;

	cdx_sender_free(in->a->sender);
	in->a->sender = NULL;
}

void mk_sender_drop(struct mk *kit, struct mk_account *a)
{
	mk_on_loop(kit, sender_drop, &(struct sender_in){kit, a});
}

void mk_account(struct mk *kit, struct mk_account *a)
{
	struct args in = {.kit = kit,
			  .from = kit->rich.sender,
			  .amount = cdx_u256_of(TOKENS)};
	struct cdx_seckey key;

	cdx_seckey_random(&key);
	assert_int_equal(cdx_account_of(&a->account, &key), 0);
	mk_sender_make(kit, a);
	json_decref(chain_rpc(&kit->hand, "anvil_setBalance",
			      json_pack("[o, s]",
					cdx_json_addr(&a->account.addr),
					ETHER)));
	in.addr = a->account.addr;
	fine(do_mint, in, "mint");
	assert_int_equal(cdx_u256_add(&kit->minted, &kit->minted, &in.amount),
			 0);
}

/* ---- the loop ---- */

struct loop_in {
	void (*fn)(void *arg);
	void *arg;
};

static void on_loop(void *arg, struct cdx_await *a)
{
	struct loop_in *in = arg;

	in->fn(in->arg);
	cdx_await_done(a, 0);
}

void mk_on_loop(struct mk *kit, void (*fn)(void *arg), void *arg)
{
	struct loop_in in = {fn, arg};

	assert_int_equal(cdx_await(kit->c.loop, on_loop, &in), 0);
}

struct look_in {
	bool (*fn)(void *arg);
	void *arg;
	bool yes;
};

static void look(void *arg)
{
	struct look_in *in = arg;

	in->yes = in->fn(in->arg);
}

static void until(struct mk *kit, struct look_in *in, const char *what,
		  bool mining)
{
	const struct timespec pause = {.tv_nsec = (long)LOOK_NS};
	const uint64_t end =
		cdx_clock_mono_ns() + MK_WAIT_S * UINT64_C(1000000000);

	for (unsigned i = 1;; i++) {
		mk_on_loop(kit, look, in);
		if (in->yes)
			return;
		if (cdx_clock_mono_ns() > end)
			fail_msg("waited for in vain: %s", what);
		nanosleep(&pause, NULL);
		if (mining && i % LOOKS_A_BLOCK == 0)
			mk_mine(kit, 1);
	}
}

void mk_until(struct mk *kit, bool (*fn)(void *arg), void *arg,
	      const char *what)
{
	until(kit, &(struct look_in){.fn = fn, .arg = arg}, what, false);
}

void mk_until_mining(struct mk *kit, bool (*fn)(void *arg), void *arg,
		     const char *what)
{
	until(kit, &(struct look_in){.fn = fn, .arg = arg}, what, true);
}

struct sync_in {
	struct mk *kit;
	struct cdx_block latest;
};

static bool synced(void *arg)
{
	struct sync_in *in = arg;
	const struct cdx_block *b = cdx_head_latest(in->kit->env.head);

	return b != NULL &&
	       (b->number > in->latest.number ||
		memcmp(&b->hash, &in->latest.hash, sizeof(b->hash)) == 0);
}

void mk_sync(struct mk *kit)
{
	struct sync_in in = {kit, chain_latest(&kit->hand)};

	mk_until(kit, synced, &in, "the head");
}

/* ---- the chain's time ---- */

uint64_t mk_now(struct mk *kit)
{
	return chain_latest(&kit->hand).timestamp;
}

uint64_t mk_period(struct mk *kit)
{
	return mk_now(kit) / kit->env.config.period;
}

void mk_go_to(struct mk *kit, uint64_t time)
{
	chain_go_to(&kit->hand, time);
}

void mk_mine(struct mk *kit, unsigned blocks)
{
	chain_mine(&kit->hand, blocks);
}

void mk_next_period(struct mk *kit)
{
	mk_go_to(kit, (mk_period(kit) + 1) * kit->env.config.period);
}

void mk_settle(struct mk *kit, const struct cdx_b32 *slot)
{
	do {
		mk_next_period(kit);
	} while (!mk_settled(kit, slot));
}

void mk_until_required(struct mk *kit, const struct cdx_b32 *slot)
{
	do {
		mk_settle(kit, slot);
	} while (!mk_required(kit, slot));
}

void mk_automine(struct mk *kit, bool on)
{
	json_decref(
		chain_rpc(&kit->hand, "evm_setAutomine", json_pack("[b]", on)));
}

void mk_reorg(struct mk *kit, unsigned depth)
{
	json_decref(chain_rpc(&kit->hand, "anvil_reorg",
			      json_pack("[i,[]]", (int)depth)));
}

json_t *mk_snapshot(struct mk *kit)
{
	return chain_rpc(&kit->hand, "evm_snapshot", json_array());
}

void mk_revert(struct mk *kit, json_t *snapshot)
{
	json_t *done =
		chain_rpc(&kit->hand, "evm_revert", json_pack("[o]", snapshot));

	assert_true(json_is_true(done));
	json_decref(done);
}

void mk_gate(struct mk *kit, bool open)
{
	mk_gate_set(kit->gate, open);
}
