/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/market_kit.h"

#include <stdatomic.h>

#include "api/api.h"
#include "node/conf.h"
#include "node/market.h"
#include "node/node.h"
#include "node/peers.h"
#include "tests/market/market_calls.h"
#include "tests/unit/seg_protect.h"

/* A client and three providers, each a node with a store of its own, in one process:
 * what the client writes is bought, stored and proven; what it has given away comes
 * back as soon as one host is silent. */

#define PROVIDERS 3u
#define FILE_BYTES (20 * BLOCK + 123)
#define LOOK_NS 50000000
#define BLOCK_NS 300000000
/* A whole purchase takes some periods */
#define LONG_S (4 * MK_WAIT_S)

static char **args;

struct member {
	char path[PATH_MAX];
	struct cdx_log log;
	struct cdx_keyfile keys;
	struct cdx_conf options;
	struct cdx_conf_node conf;
	struct cdx_conf_market market;
	struct cdx_node n;
};

struct town {
	struct mk kit;
	struct member client;
	struct member provider[PROVIDERS];
	pthread_t miner;
	atomic_bool stop;
};

START(do_mint,
      cdx_token_mint(M, in->from, &in->addr, &in->amount, NULL, chain_sent, op))

/* ---- members ---- */

static void option(struct member *m, const char *name, const char *value)
{
	char why[CDX_CONF_WHY_MAX];

	if (cdx_conf_option(&m->options, cdx_conf_key_of(name), value, why) < 0)
		fail_msg("%s", why);
}

static void member_init(struct town *t, struct member *m)
{
	struct cdx_store_config config = {
		.share = {SHARE, 0, SHARE},
		.k = 2,
		.m = 1,
		.log_bytes = 1u << 20,
	};
	char contract[CDX_ADDR_TEXT_MAX];
	const char *dir = getenv("TMPDIR");

	memset(m, 0, sizeof(*m));
	seed_fill(&t->kit.seed, m->keys.root.b, sizeof(m->keys.root.b));
	cdx_log_init(&m->log,
		     getenv("CDX_TEST_LOG") ? CDX_LOG_TO_STDERR
					    : CDX_LOG_TO_NONE,
		     CDX_LOG_DEBUG);
	(void)snprintf(m->path, sizeof(m->path), "%s/cdx-node-XXXXXX",
		       dir ? dir : "/tmp");
	assert_non_null(mkdtemp(m->path));
	assert_int_equal(cdx_store_init(m->path, &config), 0);
	m->conf.network = strdup("a town");
	m->conf.listen = strdup("127.0.0.1:0");
	m->conf.read_timeout_s = 60;
	cdx_addr_text(contract, &t->kit.contract);
	option(m, "rpc", t->kit.url);
	option(m, "marketplace", contract);
	option(m, "confirmations", "1");
	option(m, "poll-ms", "100");
}

static void member_open(struct member *m)
{
	struct cdx_node_opts o = {
		.path = m->path,
		.keys = &m->keys,
		.log = &m->log,
		.conf_file = "/dev/null",
		.conf = &m->options,
		.peers = &m->conf,
		.market = &m->market,
		.look_ms = 200,
		.no_background = true,
		.commit_ms = 3600000,
	};
	char error[CDX_NODE_ERROR_MAX] = "";

	if (cdx_conf_market(&m->options, &m->market, error) < 0 ||
	    cdx_node_open(&m->n, &o, error) < 0)
		fail_msg("%s", error);
}

static void member_close(struct member *m)
{
	if (m->n.store != NULL)
		assert_int_equal(cdx_node_close(&m->n), 0);
}

static void member_free(struct member *m)
{
	member_close(m);
	cdx_conf_node_free(&m->conf);
	cdx_conf_free(&m->options);
	assert_int_equal(nftw(m->path, seg_env_rm, 16, FTW_DEPTH | FTW_PHYS),
			 0);
}

static struct cdx_maddr place_of(struct member *m)
{
	struct cdx_peers_status st;

	cdx_peers_status(m->n.peers, &st);
	assert_true(st.n_addrs > 0);
	return st.addr[0];
}

/* Ether and tokens */
static void fund(struct town *t, struct member *m, enum cdx_chain_role role)
{
	struct args in = {.kit = &t->kit,
			  .from = t->kit.rich.sender,
			  .amount = cdx_u256_of(UINT64_C(1000000000000000))};
	char why[CDX_CHAIN_WHY_MAX];

	assert_int_equal(cdx_chain_addr(m->n.chain, role, &in.addr, why), 0);
	chain_give(&t->kit.c, t->kit.rich.sender, &in.addr,
		   UINT64_C(1000000000000000000));
	fine(do_mint, in, "mint");
}

/* ---- a town ---- */

static void open_client(struct town *t)
{
	struct member *m = &t->client;

	member_init(t, m);
	option(m, "market", "yes");
	option(m, "budget", "none");
	option(m, "buy-duration", "2h");
	option(m, "buy-expiry", "1h");
	option(m, "buy-proof-probability", "1");
	option(m, "patrol", "1s");
	member_open(m);
	fund(t, m, CDX_CHAIN_CLIENT);
}

static void open_provider(struct town *t, unsigned i)
{
	struct member *m = &t->provider[i];
	const struct cdx_groth16_run run = {.pool = NULL};
	char why[CDX_PROOF_KEYS_WHY_MAX];
	struct cdx_proof_pin pin;

	member_init(t, m);
	option(m, "provide", "64M");
	option(m, "collateral", "0.001");
	if (i == 0)
		option(m, "validate", "yes");
	m->conf.peer[0] = place_of(&t->client);
	m->conf.n_peers = 1;
	member_open(m);
	fund(t, m, CDX_CHAIN_PROVIDER);
	/* it sells as soon as it has the key */
	if (cdx_proof_keys_import(m->n.proof_keys, &pin, args[2], true, &run,
				  NULL, why) < 0)
		fail_msg("%s", why);
}

/* The chain's time goes on by itself: a second in each block */
static void *mine(void *arg)
{
	const struct timespec pause = {.tv_nsec = BLOCK_NS};
	struct town *t = arg;

	while (!atomic_load(&t->stop)) {
		chain_mine(&t->kit.hand, 1);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void town_open(struct town *t)
{
	struct cdx_market_config config = mk_config;
	const struct mk_opts o = {.config = &config, .no_data = true};

	config.period = 20;
	config.timeout = 10;
	memset(t, 0, sizeof(*t));
	mk_start(&t->kit, "node", args, &o);
	open_client(t);
	for (unsigned i = 0; i < PROVIDERS; i++)
		open_provider(t, i);
	assert_int_equal(pthread_create(&t->miner, NULL, mine, t), 0);
}

static void town_close(struct town *t)
{
	atomic_store(&t->stop, true);
	pthread_join(t->miner, NULL);
	member_free(&t->client);
	for (unsigned i = 0; i < PROVIDERS; i++)
		member_free(&t->provider[i]);
	mk_stop(&t->kit);
}

/* ---- waiting ---- */

/* Until @fn says so, for LONG_S at most */
static void until(bool (*fn)(struct town *t), struct town *t, const char *what)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};

	for (uint64_t ns = 0; !fn(t); ns += LOOK_NS) {
		struct cdx_node_market_state st;

		nanosleep(&pause, NULL);
		if (ns < (uint64_t)LONG_S * 1000000000u)
			continue;
		cdx_node_market_state(t->client.n.market, &st);
		fail_msg("no %s: %s %s %s", what, st.why,
			 st.role_why[CDX_MARKET_BUYS], st.alarm);
	}
}

static bool all_run(struct town *t)
{
	struct cdx_node_market_state st;

	cdx_node_market_state(t->client.n.market, &st);
	if (!st.runs[CDX_MARKET_BUYS])
		return false;
	for (unsigned i = 0; i < PROVIDERS; i++) {
		cdx_node_market_state(t->provider[i].n.market, &st);
		if (!st.runs[CDX_MARKET_SELLS] ||
		    st.runs[CDX_MARKET_VALIDATES] != (i == 0))
			return false;
	}
	return true;
}

static struct cdx_segment_info segment(struct town *t)
{
	struct cdx_segment_info seg = {.area = 0};

	assert_int_equal(
		cdx_vol_segments(t->client.n.volume, one_segment, &seg), 0);
	assert_true(seg.is_protected);
	return seg;
}

static bool is_proven(struct town *t)
{
	return segment(t).stage == CDX_STATE_PROVEN;
}

static bool is_safe(struct town *t)
{
	const struct cdx_segment_info seg = segment(t);

	return cdx_node_market_safe(t->client.n.market, &seg.verifiable);
}

static bool is_not_safe(struct town *t)
{
	return !is_safe(t);
}

static struct cdx_protection protection(struct town *t)
{
	struct cdx_protection p = {.id = 0};

	assert_int_equal(cdx_protection_list(t->client.n.store, segment(t).area,
					     one_protection, &p),
			 0);
	return p;
}

static bool is_here(struct town *t)
{
	const struct cdx_protection p = protection(t);

	return ((p.absent | p.damaged) & 3) == 0;
}

static bool has_fetched(struct town *t)
{
	struct cdx_node_market_state st;

	cdx_node_market_state(t->client.n.market, &st);
	return st.fetched == 1 && st.to_fetch == 0;
}

/* ---- the file ---- */

static void assert_bytes(struct town *t, uint64_t ino, const uint8_t *p)
{
	uint8_t *got = malloc(FILE_BYTES);
	struct seg_env_read r;

	assert_non_null(got);
	seg_env_read_init(&r, got);
	cdx_vol_read(t->client.n.volume, ino, 0, FILE_BYTES, seg_env_got, &r);
	assert_int_equal(seg_env_wait(&r), FILE_BYTES);
	assert_memory_equal(got, p, FILE_BYTES);
	free(got);
}

static enum cdx_file_state state_now(struct town *t, uint64_t ino)
{
	enum cdx_file_state st;

	assert_int_equal(cdx_vol_state(t->client.n.volume, ino, &st), 0);
	return st;
}

/* What others have of it is paid for, and can be said in nines */
static void assert_lasts(struct town *t, uint64_t ino)
{
	struct cdx_vol_lasts lasts;

	assert_int_equal(cdx_vol_lasts(t->client.n.volume, ino, &lasts), 0);
	assert_true(lasts.end > 0);
	assert_true(lasts.nines > 0 && lasts.nines <= 15);
}

struct told {
	uint64_t done;
	uint64_t total;
};

static void on_stored(void *arg, const char *phase, uint64_t done,
		      uint64_t total)
{
	struct told *t = arg;

	assert_string_equal(phase, "stored");
	t->done = done;
	t->total = total;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

/* The client ends and begins again, where the others know it to be, and knows them
 * from now on */
static void reopen_client(struct town *t)
{
	const struct cdx_maddr at = place_of(&t->client);
	struct member *m = &t->client;
	char place[64];

	snprintf(place, sizeof(place), "127.0.0.1:%u", (unsigned)at.port);
	member_close(m);
	free(m->conf.listen);
	m->conf.listen = strdup(place);
	for (unsigned i = 0; i < PROVIDERS; i++)
		m->conf.peer[i] = place_of(&t->provider[i]);
	m->conf.n_peers = PROVIDERS;
	member_open(m);
}

static void give_away(struct town *t)
{
	struct cdx_protection p = protection(t);

	assert_int_equal(cdx_protection_evict(t->client.n.store, &p), 0);
	assert_false(is_here(t));
}

/* ---- what status says ---- */

/* The part "market" of a member's status; returns new */
static json_t *market_status(struct member *m)
{
	struct cdx_api api;
	json_t *all;
	json_t *j;

	cdx_api_init(&api, &m->n);
	all = cdx_api_status(&api);
	j = json_incref(json_object_get(all, "market"));
	assert_true(json_is_object(j));
	json_decref(all);
	cdx_api_end(&api);
	return j;
}

static json_int_t figure(const json_t *j, const char *part, const char *name)
{
	const json_t *n = json_object_get(json_object_get(j, part), name);

	if (!json_is_integer(n))
		fail_msg("status has no %s of %s", name, part);
	return json_integer_value(n);
}

/* The client's segment is proven, and each provider has a slot of it */
static void assert_status(struct town *t)
{
	json_t *j = market_status(&t->client);
	const json_t *own = json_object_get(j, "buying");

	assert_true(json_is_true(json_object_get(own, "runs")));
	assert_int_equal(figure(own, "segments", "proven"), 1);
	assert_int_equal(figure(own, "purchases", "started"), 1);
	assert_int_equal(figure(own, "durability", "hosts"), PROVIDERS);
	assert_int_equal(figure(own, "durability", "slotsOfOneHost"), 1);
	(void)figure(own, "patrol", "rounds");
	assert_true(figure(own, "budget", "seconds") > 0);
	assert_true(json_is_integer(json_object_get(own, "toFetchBack")));
	assert_int_equal(figure(j, "token", "decimals"), 18);
	json_decref(j);
	for (unsigned i = 0; i < PROVIDERS; i++) {
		j = market_status(&t->provider[i]);
		own = json_object_get(j, "selling");
		assert_int_equal(figure(own, "slots", "SaleProving"), 1);
		assert_int_equal(figure(own, "offers", "enabled"), 1);
		assert_int_equal(figure(own, "proofs", "slots"), 1);
		assert_true(json_is_string(json_object_get(own, "atRisk")));
		if (i == 0)
			assert_int_equal(figure(j, "validating", "slots"),
					 PROVIDERS);
		json_decref(j);
	}
}

static void test_bought_and_back(void **state)
{
	char why[CDX_CHAIN_WHY_MAX];
	struct told told = {0};
	struct town t;
	uint8_t *p;
	uint64_t ino;
	int rc;

	(void)state;
	town_open(&t);
	p = noise(&t.kit.seed, FILE_BYTES);
	ino = put_protected(t.client.n.volume, p, FILE_BYTES);
	assert_int_equal(state_now(&t, ino), CDX_STATE_PROTECTED);
	until(all_run, &t, "parts that run");
	/* who does not buy says so */
	assert_int_equal(cdx_node_market_sync(t.provider[0].n.market, NULL,
					      NULL, NULL, why),
			 -ENODATA);
	assert_non_null(strstr(why, "does not buy"));
	rc = cdx_node_market_sync(t.client.n.market, on_stored, never, &told,
				  why);
	if (rc < 0)
		fail_msg("sync: %d %s", rc, why);
	assert_int_equal(told.done, 1);
	assert_int_equal(told.total, 1);
	assert_true(state_now(&t, ino) >= CDX_STATE_STORED);
	until(is_proven, &t, "proof of every slot");
	assert_int_equal(state_now(&t, ino), CDX_STATE_PROVEN);
	assert_status(&t);
	assert_lasts(&t, ino);
	/* as much after a start */
	reopen_client(&t);
	until(is_safe, &t, "safety");
	give_away(&t);
	assert_bytes(&t, ino, p);
	assert_false(is_here(&t));
	/* one host goes: the others still have it, and it comes back */
	member_close(&t.provider[2]);
	until(is_not_safe, &t, "patrol that misses a host");
	until(is_here, &t, "way back");
	until(has_fetched, &t, "count of what came back");
	assert_bytes(&t, ino, p);
	town_close(&t);
	free(p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bought_and_back),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: node URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	return cmocka_run_group_tests_name("market/node", tests, NULL, NULL);
}
