/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf_kit.h"

/* Section [market] of codexfs.conf: what is taken, what is refused and in which
 * words */

#define ON_A_CHAIN \
	"[chain]\nrpc = http://127.0.0.1:8545\nmarketplace = " ADDRESS "\n"

static void test_market_keys(void **state)
{
	static const char text[] =
		ON_A_CHAIN "[market]\n"
			   "market = yes\n"
			   "budget = 250.5\n"
			   "buy-price = 10\n"
			   "buy-max-price = 20\n"
			   "buy-collateral = 30\n"
			   "buy-duration = 40d\n"
			   "buy-expiry = 90m\n"
			   "buy-proof-probability = 5\n"
			   "buy-min = 1M\n"
			   "buy-max-age = 12h\n"
			   "renew-before = 3600\n"
			   "live = 60\n"
			   "margin = 2\n"
			   "patrol = 30s\n"
			   "provide = 10G\n"
			   "price = 7\n"
			   "collateral = 0.000000000000000001\n"
			   "max-duration = 10d\n"
			   "until = 2027-12-31\n"
			   "slots-a-request = 2\n"
			   "proof-stake = 0.5\n"
			   "reward-recipient = " ADDRESS "\n"
			   "validate = yes\n"
			   "validate-groups = 4\n"
			   "validate-group = 3\n"
			   "validate-slots = 0\n";
	char why[CDX_CONF_WHY_MAX] = "";
	char amount[CDX_U256_TEXT_MAX];
	struct cdx_conf c = {0};
	struct cdx_conf_market m;

	(void)state;
	assert_int_equal(read_text(&c, text, why), 0);
	assert_int_equal(cdx_conf_market(&c, &m, why), 0);
	assert_true(m.buys && m.provides && m.validates);
	assert_true(cdx_conf_wants_market(&m));
	assert_true(m.policy.has_budget);
	cdx_u256_dec(amount, &m.policy.budget);
	assert_string_equal(amount, "250500000000000000000");
	assert_int_equal(m.policy.budget_s, 30 * 86400);
	assert_int_equal(m.policy.terms.price.v[0], 10);
	assert_int_equal(m.policy.max_price.v[0], 20);
	assert_int_equal(m.policy.terms.collateral.v[0], 30);
	assert_int_equal(m.policy.terms.duration, 40 * 86400);
	assert_int_equal(m.policy.terms.expiry, 5400);
	assert_int_equal(m.policy.terms.proof_probability.v[0], 5);
	assert_int_equal(m.policy.min_bytes, 1 << 20);
	assert_int_equal(m.policy.max_age_s, 43200);
	assert_int_equal(m.policy.renew_s, 3600);
	assert_int_equal(m.policy.live_percent, 60);
	assert_int_equal(m.policy.margin, 2);
	assert_int_equal(m.patrol_s, 30);
	assert_true(m.provide == UINT64_C(10) << 30);
	assert_int_equal(m.min_price.v[0], 7);
	assert_int_equal(m.collateral.v[0], 1);
	assert_int_equal(m.max_duration, 864000);
	assert_int_equal(m.until, 1830211200);
	assert_int_equal(m.per_request, 2);
	assert_true(m.stake.v[0] == UINT64_C(500000000000000000));
	assert_true(m.has_recipient);
	assert_int_equal(m.recipient.b[0], 0x32);
	assert_int_equal(m.groups, 4);
	assert_int_equal(m.group, 3);
	assert_int_equal(m.max_slots, 0);
	cdx_conf_free(&c);
}

static void test_market_defaults(void **state)
{
	char why[CDX_CONF_WHY_MAX] = "";
	struct cdx_conf c = {0};
	struct cdx_conf_market m;
	struct cdx_conf_node n;

	(void)state;
	/* no part in it, and no listening for it */
	assert_int_equal(cdx_conf_market(&c, &m, why), 0);
	assert_false(cdx_conf_wants_market(&m));
	assert_int_equal(cdx_conf_market_defaults(&c, &m), 0);
	assert_null(c.value[CDX_CONF_LISTEN].text);
	assert_int_equal(m.policy.terms.duration, 30 * 86400);
	assert_int_equal(m.policy.max_price.v[0], 1);
	assert_int_equal(m.policy.renew_s, 7 * 86400);
	assert_int_equal(m.policy.min_bytes, 256 << 20);
	assert_int_equal(m.policy.live_percent, 50);
	assert_int_equal(m.max_slots, 1000);
	assert_int_equal(m.until, 0);
	cdx_conf_free(&c);
	/* renewals come in the last quarter of what is bought */
	assert_int_equal(read_text(&c,
				   ON_A_CHAIN
				   "[market]\nmarket = yes\n"
				   "budget = none\nbuy-duration = 8h\n"
				   "buy-price = 3\n",
				   why),
			 0);
	assert_int_equal(cdx_conf_market(&c, &m, why), 0);
	assert_true(m.buys && !m.provides && !m.policy.has_budget);
	assert_int_equal(m.policy.renew_s, 7200);
	assert_int_equal(m.policy.max_price.v[0], 3);
	assert_int_equal(cdx_conf_market_defaults(&c, &m), 0);
	assert_shown(&c, CDX_CONF_LISTEN, "0.0.0.0:8070",
		     "default of the market");
	assert_int_equal(cdx_conf_node(&c, &n, why), 0);
	assert_true(n.dht && cdx_conf_wants_peers(&n));
	cdx_conf_node_free(&n);
	cdx_conf_free(&c);
	/* availabilities by hand; who listens elsewhere stays there */
	assert_int_equal(read_text(&c,
				   ON_A_CHAIN "[node]\nlisten = :1\n"
					      "[market]\nprovide = 0\n",
				   why),
			 0);
	assert_int_equal(cdx_conf_market(&c, &m, why), 0);
	assert_true(m.provides && m.provide == 0);
	assert_int_equal(cdx_conf_market_defaults(&c, &m), 0);
	assert_string_equal(c.value[CDX_CONF_LISTEN].text, ":1");
	cdx_conf_free(&c);
}

static void test_market_refused(void **state)
{
	(void)state;
	refuses("[market]\nmarket = maybe\n", 2, "yes or no");
	refuses("[market]\nbudget = much\n", 2, "none for no limit");
	refuses("[market]\nbudget = 0.0000000000000000001\n", 2,
		"none for no limit");
	refuses("[market]\nbuy-price = 0\n", 2, "smallest units");
	refuses("[market]\nbuy-price = 1.5\n", 2, "smallest units");
	refuses("[market]\nbuy-duration = 0\n", 2, "above 0");
	refuses("[market]\nbuy-duration = 3w\n", 2, "12h or 30d");
	refuses("[market]\nbuy-duration = d\n", 2, "12h or 30d");
	refuses("[market]\nbuy-duration = 213503982334602d\n", 2,
		"at most ten years");
	refuses("[market]\nbuy-proof-probability = 0\n", 2, "many periods");
	refuses("[market]\nlive = 101\n", 2, "from 0 to 100");
	refuses("[market]\nmargin = 256\n", 2, "from 0 to 255");
	refuses("[market]\nprovide = some\n", 2, "number of bytes");
	refuses("[market]\ncollateral = 0\n", 2, "above 0");
	refuses("[market]\nuntil = 2027-02-30\n", 2, "a date like");
	refuses("[market]\nuntil = 2027-1-1\n", 2, "a date like");
	refuses("[market]\nuntil = -1\n", 2, "a date like");
	refuses("[market]\nslots-a-request = 0\n", 2, "from 1 to 256");
	refuses("[market]\nproof-stake = x\n", 2, "ether");
	refuses("[market]\nreward-recipient = 0x12\n", 2, "40 hex digits");
	refuses("[market]\nvalidate-groups = 1\n", 2, "from 2 to 65535");
	refuses("[chain]\nmarket = yes\n", 2, "no key market in section");
}

static void market_clashes(const char *text, int line, const char *words)
{
	char why[CDX_CONF_WHY_MAX] = "";
	struct cdx_conf c = {0};
	struct cdx_conf_market m;

	assert_int_equal(read_text(&c, text, why), 0);
	assert_int_equal(cdx_conf_market(&c, &m, why), -EINVAL);
	assert_false(cdx_conf_wants_market(&m));
	assert_words(why, line, words);
	cdx_conf_free(&c);
}

static void test_market_clashes(void **state)
{
	(void)state;
	market_clashes("[market]\nmarket = yes\n", 2, "--budget TOKENS");
	market_clashes("[market]\nprovide = 1G\n", 2, "--collateral TOKENS");
	market_clashes("[market]\nvalidate = yes\n", 2, "--rpc URL");
	market_clashes("[chain]\nrpc = http://a\n[market]\nvalidate = yes\n", 4,
		       "--marketplace ADDRESS");
	market_clashes(ON_A_CHAIN "[node]\nlisten = none\n"
				  "[market]\nprovide = 0\n",
		       5, "must be reached");
	market_clashes("[market]\nbuy-price = 3\nbuy-max-price = 2\n", 3,
		       "below buy-price");
	market_clashes("[market]\nbuy-expiry = 30d\n", 2,
		       "expires before it could end");
	market_clashes("[market]\nbuy-duration = 10m\n", 2,
		       "expires before it could end");
	market_clashes("[market]\nvalidate-groups = 2\nvalidate-group = 2\n", 3,
		       "below validate-groups");
	market_clashes("[market]\nvalidate-group = 1\n", 2,
		       "does not say how many");
}

/* Only the chain knows how many digits the token has. */
static void test_market_scale(void **state)
{
	char why[CDX_CONF_WHY_MAX] = "";
	struct cdx_conf_market m = {0};

	(void)state;
	m.collateral = cdx_u256_of(UINT64_C(1500000000000000000));
	assert_int_equal(cdx_conf_market_scale(&m, 6, why), 0);
	assert_int_equal(m.collateral.v[0], 1500000);
	m.collateral = cdx_u256_of(UINT64_C(1500000000000000000));
	assert_int_equal(cdx_conf_market_scale(&m, 18, why), 0);
	assert_true(m.collateral.v[0] == UINT64_C(1500000000000000000));
	assert_int_equal(cdx_conf_market_scale(&m, 0, why), -EINVAL);
	assert_non_null(strstr(why, "collateral has more digits"));
	m.collateral = cdx_u256_of(1);
	m.policy.budget = cdx_u256_of(2);
	assert_int_equal(cdx_conf_market_scale(&m, 20, why), 0);
	assert_int_equal(m.collateral.v[0], 100);
	assert_int_equal(m.policy.budget.v[0], 200);
	m.policy.budget = cdx_u256_max;
	assert_int_equal(cdx_conf_market_scale(&m, 19, why), -EINVAL);
	assert_non_null(strstr(why, "budget"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_market_keys),
		cmocka_unit_test(test_market_defaults),
		cmocka_unit_test(test_market_refused),
		cmocka_unit_test(test_market_clashes),
		cmocka_unit_test(test_market_scale),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
