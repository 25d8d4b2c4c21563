/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "base/clock.h"
#include "market/events.h"
#include "market/prover.h"
#include "market/proving.h"
#include "tests/chain/chain_kit.h"
#include "tests/unit/seed.h"
#include "tests/unit/store_tmp.h"

#include "tests/unit/protect_kit.h"

/*
 * A provider that proves many slots, on a real chain with a block a second, and
 * the prover by itself, in turn.  usage: bench_market URL KEY.zkey
 *
 * Real: proofs of as many samples as the key has, of a dataset of 64 KiB blocks in
 * a store; the dice, the sender, its node.  Not: the slots are one dataset's under
 * many ids, and the contract is one that takes everything, since to fill a
 * thousand slots takes longer than to prove them.  All slots want a proof in the
 * period that is measured, until all have one or SECONDS are over; what a period
 * can do with one proof in 320 s and slot is computed from that rate.
 */

#define SECONDS 15.0
#define PERIOD 120u
#define EVERY 320.0 /* seconds for each slot's proof */
#define DATA (20u << 20)
#define IDLE_SLOTS 100u
#define IDLE_SECONDS 10u
#define SLOTS_MAX 1000u
#define NS 1e9

static struct {
	const char *url;
	struct chain hand; /* of the bench itself */
	struct cdx_log log;
	struct cdx_loop *loop;
	pthread_t thread;
	struct cdx_http *http;
	struct cdx_persist_memory *memory;
	struct cdx_sender *sender;
	struct cdx_prover *prover;
	struct cdx_market_events *events;
	struct cdx_proving *proving;
	struct cdx_proving_slot *slots[SLOTS_MAX];
	unsigned n;
	uint64_t odds; /* of each slot in each period: one in so many */
	struct seed seed;
	struct tmp_store store;
	struct pk_data data;
	struct cdx_proof_key key;
	struct cdx_market_env env;
	unsigned made;	  /* by the prover alone */
	unsigned waiting; /* likewise */
} b;

static const struct cdx_addr contract = {{0xc0, 0xde}};

static void *run(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)cdx_loop_run(b.loop);
}

struct call {
	void (*fn)(void *arg);
	void *arg;
};

static void call_here(void *arg, struct cdx_await *a)
{
	struct call *c = arg;

	c->fn(c->arg);
	cdx_await_done(a, 0);
}

static void on_loop(void (*fn)(void *arg), void *arg)
{
	struct call c = {fn, arg};

	assert_int_equal(cdx_await(b.loop, call_here, &c), 0);
}

static void pause_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double peak_mib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss / 1024;
}

static uint64_t requests(void)
{
	struct cdx_rpc_endpoint e;

	assert_int_equal(cdx_rpc_endpoint(b.env.rpc, 0, &e), 0);
	return e.requests;
}

/* ---- set up ---- */

static int key_get(void *arg, const struct cdx_proof_key **out, char *why)
{
	(void)arg;
	(void)why;
	*out = &b.key;
	return 0;
}

static void key_put(void *arg, const struct cdx_proof_key *key)
{
	(void)arg;
	(void)key;
}

static void open_here(void *arg)
{
	const struct cdx_rpc_opts rpc = {
		.urls = &b.url, .n_urls = 1, .log = &b.log};
	const struct cdx_marketplace_opts market = {.contract = contract,
						    .token = &contract};
	const struct cdx_prover_keys keys = {.get = key_get, .put = key_put};
	const struct cdx_sender_opts opts = {.log = &b.log};
	const struct cdx_account account = chain_rich();
	char why[CDX_RPC_WHY_MAX] = "";

	(void)arg;
	assert_int_equal(cdx_http_new(&b.http, b.loop), 0);
	assert_int_equal(cdx_rpc_new(&b.env.rpc, b.loop, b.http, &rpc, why), 0);
	assert_int_equal(
		cdx_head_new(&b.env.head, b.loop, b.env.rpc, 1000, &b.log), 0);
	assert_int_equal(cdx_persist_memory_new(&b.memory, b.loop), 0);
	b.env.persist = cdx_persist_memory(b.memory);
	assert_int_equal(cdx_marketplace_new(&b.env.market, b.env.rpc, &market),
			 0);
	assert_int_equal(cdx_sender_new(&b.sender, b.loop, b.env.rpc,
					b.env.head, b.env.persist, &account,
					&opts),
			 0);
	assert_int_equal(cdx_prover_new(&b.prover, &b.env, &keys), 0);
	assert_int_equal(cdx_market_events_new(&b.events, &b.env), 0);
	cdx_head_deepen(b.env.head);
}

static void close_here(void *arg)
{
	(void)arg;
	cdx_prover_free(b.prover);
	cdx_market_events_free(b.events);
	cdx_sender_free(b.sender);
	cdx_marketplace_free(b.env.market);
	cdx_head_free(b.env.head);
	cdx_persist_memory_free(b.memory);
	cdx_rpc_free(b.env.rpc);
	cdx_http_free(b.http);
}

static void knows(void *arg)
{
	const struct cdx_block *head = cdx_head_latest(b.env.head);

	*(bool *)arg = head && cdx_head_block(b.env.head, head->number - 255) &&
		       cdx_market_events_caught_up(b.events);
}

/* A contract whose code is one STOP takes every call. */
static void begin(char **argv)
{
	const struct cdx_protect_opts opts = pk_opts(10, 5);
	char why[CDX_PROOF_WHY_MAX] = "";
	char addr[2 + 2 * sizeof(contract.b) + 1] = "0x";
	bool yes = false;

	b.url = argv[1];
	assert_int_equal(
		cdx_proof_key_open(&b.key, AT_FDCWD, argv[2], NULL, why), 0);
	b.seed = seed_start("bench/market");
	tmp_store_new(&b.store, 64u << 20);
	pk_add(&b.store, &b.data, &b.seed, NULL, DATA, 65536);
	pk_protect(&b.store, &b.data, &opts);
	chain_open(&b.hand, b.url);
	chain_mine(&b.hand, 257);
	cdx_hex(addr + 2, contract.b, sizeof(contract.b));
	json_decref(chain_rpc(&b.hand, "anvil_setCode",
			      json_pack("[s, s]", addr, "0x00")));
	cdx_log_init(&b.log, CDX_LOG_TO_NONE, CDX_LOG_ERROR);
	assert_int_equal(cdx_loop_new(&b.loop), 0);
	assert_int_equal(cdx_pool_new(&b.env.pool, cdx_pool_processors()), 0);
	b.env.loop = b.loop;
	b.env.config = (struct cdx_market_config){.period = PERIOD,
						  .timeout = 30,
						  .downtime = 64,
						  .downtime_product = 67,
						  .duration_limit = 600};
	b.env.confirmations = 1;
	b.env.batches = true;
	b.env.store = b.store.s;
	b.env.log = &b.log;
	assert_int_equal(pthread_create(&b.thread, NULL, run, NULL), 0);
	on_loop(open_here, NULL);
	while (!yes) {
		pause_ms(50);
		on_loop(knows, &yes);
	}
}

static void end(void)
{
	on_loop(close_here, NULL);
	cdx_loop_stop(b.loop);
	pthread_join(b.thread, NULL);
	cdx_loop_free(b.loop);
	cdx_pool_free(b.env.pool);
	chain_close(&b.hand);
	pk_free(&b.data);
	tmp_store_free(&b.store);
	cdx_proof_key_close(&b.key);
}

/* ---- the prover alone ---- */

static void on_proof(void *arg, int rc, const struct cdx_proof_words *proof,
		     const char *why)
{
	(void)arg;
	(void)proof;
	if (rc < 0)
		print_error("%s\n", why);
	assert_int_equal(rc, 0);
	b.made++;
	b.waiting--;
}

static void ask_one(void)
{
	struct cdx_prover_req req = {.manifest = b.data.verifiable,
				     .slot = b.made % 15,
				     .deadline = INT64_MAX};
	struct cdx_prover_job *job;

	cdx_random(req.challenge.b, sizeof(req.challenge.b));
	assert_int_equal(cdx_prover_ask(b.prover, &job, &req, on_proof, NULL),
			 0);
	b.waiting++;
}

static void ask_many(void *arg)
{
	while (b.waiting < *(unsigned *)arg)
		ask_one();
}

/* Proofs a second, with so many asked for at once */
static double alone(unsigned at_once)
{
	uint64_t t0 = cdx_clock_mono_ns();
	double s = 0;
	unsigned none = 0;

	b.made = 0;
	while (s < SECONDS / 2) {
		on_loop(ask_many, &at_once);
		pause_ms(2);
		s = (double)(cdx_clock_mono_ns() - t0) / NS;
	}
	while (b.waiting > 0) {
		pause_ms(2);
		on_loop(ask_many, &none);
	}
	return b.made / ((double)(cdx_clock_mono_ns() - t0) / NS);
}

/* ---- a provider ---- */

static void on_event(void *arg, enum cdx_proving_event event, uint64_t period,
		     const char *why)
{
	(void)arg;
	(void)period;
	if (event == CDX_PROVING_TROUBLE || event == CDX_PROVING_GONE)
		print_error("a slot: %s\n", why);
}

static void add_slots(void *arg)
{
	const struct cdx_proving_opts opts = {
		.sender = b.sender,
		.prover = b.prover,
		.events = b.events,
		.stake = cdx_u256_of(UINT64_C(10000000000000000))};

	b.n = *(unsigned *)arg;
	assert_int_equal(cdx_proving_new(&b.proving, &b.env, &opts), 0);
	for (unsigned i = 0; i < b.n; i++) {
		struct cdx_proving_what what = {
			.manifest = b.data.verifiable,
			.index = i % 15,
			.probability = cdx_u256_of(b.odds),
			.end = INT64_MAX / 4,
		};

		cdx_random(what.slot.b, sizeof(what.slot.b));
		assert_int_equal(cdx_proving_add(b.proving, &b.slots[i], &what,
						 on_event, NULL),
				 0);
	}
}

static void drop_slots(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < b.n; i++)
		cdx_proving_del(b.slots[i]);
	cdx_proving_free(b.proving);
}

/* The next period begins with the next block. */
static void next_period(void)
{
	uint64_t now = chain_latest(&b.hand).timestamp;

	chain_go_to(&b.hand, (now / PERIOD + 1) * PERIOD);
	pause_ms(1500);
}

static void provider(unsigned n, double prover_rate)
{
	struct cdx_proving_stats st;
	uint64_t before = requests();
	double cpu = cpu_s();
	double wanted = n * PERIOD / EVERY;
	uint64_t t0;
	double rate;
	double can;
	double s;

	b.odds = 1;
	next_period();
	on_loop(add_slots, &n);
	t0 = cdx_clock_mono_ns();
	do {
		pause_ms(20);
		cdx_proving_stats(b.proving, &st);
		s = (double)(cdx_clock_mono_ns() - t0) / NS;
	} while (st.submitted < n && s < SECONDS);
	cpu = cpu_s() - cpu;
	before = requests() - before;
	rate = (double)st.submitted / s;
	/* less two blocks of 12 s for sending */
	can = rate * (PERIOD - 24);
	printf("%6u %8.2f %6.2f %7.0f %6.0f %8.0f %8.2f %8.1f %9.2f\n", n, rate,
	       rate / prover_rate, wanted, can,
	       wanted > can ? 100 * can / wanted : 100.0,
	       cpu / (double)st.submitted, peak_mib(),
	       (double)before / (double)st.submitted);
	on_loop(drop_slots, NULL);
}

/* Slots whose dice are thrown and want nothing: nothing to do but to look, with a
 * block a second. */
static void idle(unsigned n)
{
	uint64_t before;
	double cpu;

	b.odds = UINT64_MAX;
	next_period();
	on_loop(add_slots, &n);
	before = requests();
	cpu = cpu_s();
	pause_ms(IDLE_SECONDS * 1000);
	cpu = cpu_s() - cpu;
	before = requests() - before;
	printf("idle with %u slots: %.2f %% of a core, %.1f questions a second, "
	       "with a block a second\n",
	       n, 100 * cpu / IDLE_SECONDS, (double)before / IDLE_SECONDS);
	on_loop(drop_slots, NULL);
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = {10, IDLE_SLOTS, SLOTS_MAX};
	double one;
	double two;

	if (argc != 3) {
		fprintf(stderr, "usage: bench_market URL KEY.zkey\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	begin(argv);
	idle(IDLE_SLOTS);
	one = alone(1);
	two = alone(4);
	printf("the prover alone: %.2f proofs a second one after the other, "
	       "%.2f two at a time; %.1f MiB\n",
	       one, two, peak_mib());
	printf("%6s %8s %6s %7s %6s %8s %8s %8s %9s\n", "slots", "proofs/s",
	       "ratio", "wanted", "can", "in time%", "cpu s", "MiB",
	       "questions");
	for (size_t i = 0; i < CDX_ARRAY_LEN(sizes); i++)
		provider(sizes[i], two);
	end();
	return 0;
}
