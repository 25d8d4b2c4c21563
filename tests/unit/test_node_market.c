/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/conf.h"
#include "node/market.h"
#include "node/node.h"
#include "seg_protect.h"

/* A process that is to have a part in the market, and cannot: it works all the same,
 * says why, and ends at once.  With a chain: tests/market/node.sh. */

#define ADDRESS "0x322813Fd9A801c5507c9de605d63CEA4f2CE6c44"

struct member {
	char path[PATH_MAX];
	struct cdx_keyfile keys;
	struct cdx_conf options;
	struct cdx_conf_node peers;
	struct cdx_conf_market market;
	struct cdx_node n;
};

static void option(struct member *m, const char *name, const char *value)
{
	char why[CDX_CONF_WHY_MAX];

	if (cdx_conf_option(&m->options, cdx_conf_key_of(name), value, why) < 0)
		fail_msg("%s", why);
}

static void member_init(struct member *m)
{
	struct cdx_store_config config = {
		.share = {SHARE, SHARE, SHARE},
		.k = 2,
		.m = 1,
		.log_bytes = 1u << 20,
	};
	const char *dir = getenv("TMPDIR");

	memset(m, 0, sizeof(*m));
	m->keys.root.b[0] = 9;
	(void)snprintf(m->path, sizeof(m->path), "%s/cdx-market-XXXXXX",
		       dir ? dir : "/tmp");
	assert_non_null(mkdtemp(m->path));
	assert_int_equal(cdx_store_init(m->path, &config), 0);
	m->peers.network = strdup("a test of markets");
	m->peers.listen = strdup("127.0.0.1:0");
	m->peers.read_timeout_s = 60;
	/* nobody listens there */
	option(m, "rpc", "http://127.0.0.1:1");
	option(m, "marketplace", ADDRESS);
	option(m, "market", "yes");
	option(m, "budget", "1.5");
	option(m, "provide", "1M");
	option(m, "collateral", "2");
	option(m, "validate", "yes");
}

static void member_open(struct member *m, bool among_others, bool readonly)
{
	struct cdx_node_opts o = {
		.path = m->path,
		.keys = &m->keys,
		.conf_file = "/dev/null",
		.conf = &m->options,
		.peers = among_others ? &m->peers : NULL,
		.market = &m->market,
		.readonly = readonly,
		.no_background = true,
		.commit_ms = 3600000,
	};
	char error[CDX_NODE_ERROR_MAX] = "";

	if (cdx_conf_market(&m->options, &m->market, error) < 0 ||
	    cdx_node_open(&m->n, &o, error) < 0)
		fail_msg("%s", error);
}

static void member_free(struct member *m)
{
	cdx_conf_node_free(&m->peers);
	cdx_conf_free(&m->options);
	assert_int_equal(nftw(m->path, seg_env_rm, 16, FTW_DEPTH | FTW_PHYS),
			 0);
}

/* Nothing of it runs, and @words say why */
static void assert_waits(struct member *m, int rc, const char *words)
{
	const struct cdx_cid any = cdx_cid_empty();
	struct cdx_node_market_state st;
	struct cdx_market_parts p;
	char why[CDX_CHAIN_WHY_MAX];

	assert_int_equal(cdx_node_market_enter(m->n.market, &p, why), rc);
	if (strstr(why, words) == NULL)
		fail_msg("\"%s\" is not ...%s...", why, words);
	assert_null(p.purchasing);
	cdx_node_market_state(m->n.market, &st);
	for (unsigned i = 0; i < CDX_MARKET_ROLES; i++)
		assert_true(st.wanted[i] && !st.runs[i]);
	assert_false(st.has_token);
	/* nobody knows anything to be safe */
	assert_false(cdx_node_market_safe(m->n.market, &any));
	assert_int_equal(cdx_node_market_conf(m->n.market)->policy.budget.v[0],
			 UINT64_C(1500000000000000000));
}

static void test_alone(void **state)
{
	char why[CDX_CHAIN_WHY_MAX];
	struct member m;

	(void)state;
	member_init(&m);
	member_open(&m, false, false);
	assert_waits(&m, -ENODATA, "is no node among others");
	assert_int_equal(cdx_node_market_sync(m.n.market, NULL, NULL, NULL,
					      why),
			 -ENODATA);
	assert_non_null(strstr(why, "is no node"));
	assert_int_equal(cdx_node_close(&m.n), 0);
	member_open(&m, true, true);
	assert_waits(&m, -ENODATA, "for reading only");
	assert_int_equal(cdx_node_close(&m.n), 0);
	member_free(&m);
}

static void test_no_part(void **state)
{
	struct cdx_node_market_state st;
	struct cdx_market_parts p;
	char why[CDX_CHAIN_WHY_MAX];

	(void)state;
	assert_int_equal(cdx_node_market_enter(NULL, &p, why), -ENODATA);
	assert_non_null(strstr(why, "--provide SIZE"));
	assert_int_equal(cdx_node_market_sync(NULL, NULL, NULL, NULL, why),
			 -ENODATA);
	cdx_node_market_state(NULL, &st);
	assert_false(st.wanted[CDX_MARKET_BUYS]);
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

/* The endpoint refuses: the process is there, says so, and ends while it asks */
static void test_no_chain(void **state)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	struct cdx_node_market_state st = {.why = ""};
	char why[CDX_CHAIN_WHY_MAX];
	struct member m;

	(void)state;
	member_init(&m);
	member_open(&m, true, false);
	for (unsigned i = 0; i < 3000 && st.why[0] == '\0'; i++) {
		nanosleep(&pause, NULL);
		cdx_node_market_state(m.n.market, &st);
	}
	assert_waits(&m, -EAGAIN, "no endpoint of the chain can be used");
	assert_int_equal(cdx_node_market_sync(m.n.market, NULL, at_once, NULL,
					      why),
			 -ECANCELED);
	assert_int_equal(cdx_node_close(&m.n), 0);
	/* also when nothing was said yet */
	member_open(&m, true, false);
	assert_int_equal(cdx_node_close(&m.n), 0);
	member_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_part),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_no_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
