/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "node/conf_keys.h"

/* Section [market] (docs/MARKET.md "Configuration") */

/* What the budget is for, seconds */
#define BUDGET_S UINT64_C(2592000)
#define ETHER_DECIMALS 18u
/* Slots of a dataset */
#define SLOTS_MAX 256u

/* ---- kinds of values ---- */

static int read_yes(bool *out, const char *name, const char *text,
		    char why[CDX_CONF_WHY_MAX])
{
	*out = strcmp(text, "yes") == 0;
	if (!*out && strcmp(text, "no") != 0)
		return cdx_conf_bad(why, name, "yes or no", text);
	return 0;
}

static int read_time(uint64_t *out, uint64_t min, const char *name,
		     const char *text, char why[CDX_CONF_WHY_MAX])
{
	uint64_t v;

	if (cdx_span_parse(&v, text) < 0 || v < min)
		return cdx_conf_bad(why, name,
				    min == 0 ? "a time like 90, 15m, 12h or "
					       "30d, at most ten years"
					     : "a time above 0 like 90, 15m, "
					       "12h or 30d, at most ten years",
				    text);
	*out = v;
	return 0;
}

/* Of the token's smallest units, above 0 */
static int read_price(struct cdx_u256 *out, const char *name, const char *text,
		      char why[CDX_CONF_WHY_MAX])
{
	if (cdx_u256_parse(out, text) < 0 || cdx_u256_is_zero(out))
		return cdx_conf_bad(why, name,
				    "a whole number above 0, of the token's "
				    "smallest units",
				    text);
	return 0;
}

static int read_count(unsigned *out, uint64_t min, uint64_t max,
		      const char *name, const char *text,
		      char why[CDX_CONF_WHY_MAX])
{
	char wants[96];
	uint64_t v;

	if (cdx_conf_number(&v, text, min, max) < 0) {
		snprintf(wants, sizeof(wants), "a number from %llu to %llu",
			 (unsigned long long)min, (unsigned long long)max);
		return cdx_conf_bad(why, name, wants, text);
	}
	*out = (unsigned)v;
	return 0;
}

/* ---- buying ---- */

static int read_market(union cdx_conf_values *out, const char *text,
		       char why[CDX_CONF_WHY_MAX])
{
	return read_yes(&out->market.buys, "market", text, why);
}

static int read_budget(union cdx_conf_values *out, const char *text,
		       char why[CDX_CONF_WHY_MAX])
{
	struct cdx_purchase_policy *p = &out->market.policy;

	p->has_budget = strcmp(text, "none") != 0;
	if (p->has_budget &&
	    cdx_u256_parse_units(&p->budget, text, CDX_CONF_TOKEN_DECIMALS) < 0)
		return cdx_conf_bad(why, "budget",
				    "a number of tokens like 250 or 0.5 (for "
				    "30 days), or none for no limit",
				    text);
	return 0;
}

static int read_buy_price(union cdx_conf_values *out, const char *text,
			  char why[CDX_CONF_WHY_MAX])
{
	return read_price(&out->market.policy.terms.price, "buy-price", text,
			  why);
}

static int read_buy_max_price(union cdx_conf_values *out, const char *text,
			      char why[CDX_CONF_WHY_MAX])
{
	return read_price(&out->market.policy.max_price, "buy-max-price", text,
			  why);
}

static int read_buy_collateral(union cdx_conf_values *out, const char *text,
			       char why[CDX_CONF_WHY_MAX])
{
	return read_price(&out->market.policy.terms.collateral,
			  "buy-collateral", text, why);
}

static int read_buy_duration(union cdx_conf_values *out, const char *text,
			     char why[CDX_CONF_WHY_MAX])
{
	return read_time(&out->market.policy.terms.duration, 1, "buy-duration",
			 text, why);
}

static int read_buy_expiry(union cdx_conf_values *out, const char *text,
			   char why[CDX_CONF_WHY_MAX])
{
	return read_time(&out->market.policy.terms.expiry, 1, "buy-expiry",
			 text, why);
}

static int read_buy_proof_probability(union cdx_conf_values *out,
				      const char *text,
				      char why[CDX_CONF_WHY_MAX])
{
	struct cdx_u256 *p = &out->market.policy.terms.proof_probability;

	if (cdx_u256_parse(p, text) < 0 || cdx_u256_is_zero(p))
		return cdx_conf_bad(why, "buy-proof-probability",
				    "a whole number above 0: one proof in so "
				    "many periods",
				    text);
	return 0;
}

static int read_buy_min(union cdx_conf_values *out, const char *text,
			char why[CDX_CONF_WHY_MAX])
{
	return cdx_conf_size(&out->market.policy.min_bytes, "buy-min", text,
			     why);
}

static int read_buy_max_age(union cdx_conf_values *out, const char *text,
			    char why[CDX_CONF_WHY_MAX])
{
	uint64_t v = 0;
	int rc = read_time(&v, 0, "buy-max-age", text, why);

	if (rc == 0)
		out->market.policy.max_age_s = (unsigned)v;
	return rc;
}

static int read_renew_before(union cdx_conf_values *out, const char *text,
			     char why[CDX_CONF_WHY_MAX])
{
	return read_time(&out->market.policy.renew_s, 1, "renew-before", text,
			 why);
}

static int read_live(union cdx_conf_values *out, const char *text,
		     char why[CDX_CONF_WHY_MAX])
{
	return read_count(&out->market.policy.live_percent, 0, 100, "live",
			  text, why);
}

static int read_margin(union cdx_conf_values *out, const char *text,
		       char why[CDX_CONF_WHY_MAX])
{
	return read_count(&out->market.policy.margin, 0, SLOTS_MAX - 1,
			  "margin", text, why);
}

static int read_patrol(union cdx_conf_values *out, const char *text,
		       char why[CDX_CONF_WHY_MAX])
{
	uint64_t v = 0;
	int rc = read_time(&v, 0, "patrol", text, why);

	if (rc == 0)
		out->market.patrol_s = (unsigned)v;
	return rc;
}

/* ---- selling ---- */

static int read_provide(union cdx_conf_values *out, const char *text,
			char why[CDX_CONF_WHY_MAX])
{
	out->market.provides = true;
	return cdx_conf_size(&out->market.provide, "provide", text, why);
}

static int read_min_price(union cdx_conf_values *out, const char *text,
			  char why[CDX_CONF_WHY_MAX])
{
	return read_price(&out->market.min_price, "price", text, why);
}

static int read_collateral(union cdx_conf_values *out, const char *text,
			   char why[CDX_CONF_WHY_MAX])
{
	struct cdx_u256 *c = &out->market.collateral;

	if (cdx_u256_parse_units(c, text, CDX_CONF_TOKEN_DECIMALS) < 0 ||
	    cdx_u256_is_zero(c))
		return cdx_conf_bad(why, "collateral",
				    "a number of tokens above 0, like 250 or "
				    "0.5",
				    text);
	return 0;
}

static int read_max_duration(union cdx_conf_values *out, const char *text,
			     char why[CDX_CONF_WHY_MAX])
{
	return read_time(&out->market.max_duration, 1, "max-duration", text,
			 why);
}

static int read_until(union cdx_conf_values *out, const char *text,
		      char why[CDX_CONF_WHY_MAX])
{
	if (cdx_date_parse(&out->market.until, text) < 0)
		return cdx_conf_bad(why, "until",
				    "a date like 2027-12-31, seconds since "
				    "1970, or 0 for no end",
				    text);
	return 0;
}

static int read_slots_a_request(union cdx_conf_values *out, const char *text,
				char why[CDX_CONF_WHY_MAX])
{
	return read_count(&out->market.per_request, 1, SLOTS_MAX,
			  "slots-a-request", text, why);
}

static int read_proof_stake(union cdx_conf_values *out, const char *text,
			    char why[CDX_CONF_WHY_MAX])
{
	if (cdx_u256_parse_units(&out->market.stake, text, ETHER_DECIMALS) < 0)
		return cdx_conf_bad(why, "proof-stake",
				    "a number of ether, like 0.01", text);
	return 0;
}

static int read_recipient(union cdx_conf_values *out, const char *text,
			  char why[CDX_CONF_WHY_MAX])
{
	return cdx_conf_addr(&out->market.recipient, &out->market.has_recipient,
			     "reward-recipient", text, why);
}

/* ---- validating ---- */

static int read_validate(union cdx_conf_values *out, const char *text,
			 char why[CDX_CONF_WHY_MAX])
{
	return read_yes(&out->market.validates, "validate", text, why);
}

static int read_validate_groups(union cdx_conf_values *out, const char *text,
				char why[CDX_CONF_WHY_MAX])
{
	uint64_t v;

	if (cdx_conf_number(&v, text, 0, UINT16_MAX) < 0 || v == 1)
		return cdx_conf_bad(why, "validate-groups",
				    "a number from 2 to 65535, or 0 for all "
				    "slots",
				    text);
	out->market.groups = (unsigned)v;
	return 0;
}

static int read_validate_group(union cdx_conf_values *out, const char *text,
			       char why[CDX_CONF_WHY_MAX])
{
	return read_count(&out->market.group, 0, UINT16_MAX - 1,
			  "validate-group", text, why);
}

static int read_validate_slots(union cdx_conf_values *out, const char *text,
			       char why[CDX_CONF_WHY_MAX])
{
	return read_count(&out->market.max_slots, 0, UINT32_MAX,
			  "validate-slots", text, why);
}

#define MARKET "market"
#define MARKET_KEY(key) [(key)-CDX_CONF_API_END]
/* a table, one key on a line */
/* clang-format off */
const struct cdx_conf_def
	cdx_conf_market_keys[CDX_CONF_KEYS - CDX_CONF_API_END] = {
	MARKET_KEY(CDX_CONF_MARKET) = {MARKET, "market", "no", false, false, read_market},
	MARKET_KEY(CDX_CONF_BUDGET) = {MARKET, "budget", NULL, false, false, read_budget},
	MARKET_KEY(CDX_CONF_BUY_PRICE) = {MARKET, "buy-price", "1", false, false, read_buy_price},
	MARKET_KEY(CDX_CONF_BUY_MAX_PRICE) = {MARKET, "buy-max-price", NULL, false, false, read_buy_max_price},
	MARKET_KEY(CDX_CONF_BUY_COLLATERAL) = {MARKET, "buy-collateral", "1", false, false, read_buy_collateral},
	MARKET_KEY(CDX_CONF_BUY_DURATION) = {MARKET, "buy-duration", "30d", false, false, read_buy_duration},
	MARKET_KEY(CDX_CONF_BUY_EXPIRY) = {MARKET, "buy-expiry", "1h", false, false, read_buy_expiry},
	MARKET_KEY(CDX_CONF_BUY_PROOF_PROBABILITY) = {MARKET, "buy-proof-probability", "4", false, false, read_buy_proof_probability},
	MARKET_KEY(CDX_CONF_BUY_MIN) = {MARKET, "buy-min", "256M", false, false, read_buy_min},
	MARKET_KEY(CDX_CONF_BUY_MAX_AGE) = {MARKET, "buy-max-age", "1d", false, false, read_buy_max_age},
	MARKET_KEY(CDX_CONF_RENEW_BEFORE) = {MARKET, "renew-before", "7d", false, false, read_renew_before},
	MARKET_KEY(CDX_CONF_LIVE) = {MARKET, "live", "50", false, false, read_live},
	MARKET_KEY(CDX_CONF_MARGIN) = {MARKET, "margin", "1", false, false, read_margin},
	MARKET_KEY(CDX_CONF_PATROL) = {MARKET, "patrol", "1h", false, false, read_patrol},
	MARKET_KEY(CDX_CONF_PROVIDE) = {MARKET, "provide", NULL, false, false, read_provide},
	MARKET_KEY(CDX_CONF_PRICE) = {MARKET, "price", "1", false, false, read_min_price},
	MARKET_KEY(CDX_CONF_COLLATERAL) = {MARKET, "collateral", NULL, false, false, read_collateral},
	MARKET_KEY(CDX_CONF_MAX_DURATION) = {MARKET, "max-duration", "30d", false, false, read_max_duration},
	MARKET_KEY(CDX_CONF_UNTIL) = {MARKET, "until", "0", false, false, read_until},
	MARKET_KEY(CDX_CONF_SLOTS_A_REQUEST) = {MARKET, "slots-a-request", "1", false, false, read_slots_a_request},
	MARKET_KEY(CDX_CONF_PROOF_STAKE) = {MARKET, "proof-stake", "0.01", false, false, read_proof_stake},
	MARKET_KEY(CDX_CONF_REWARD_RECIPIENT) = {MARKET, "reward-recipient", NULL, false, false, read_recipient},
	MARKET_KEY(CDX_CONF_VALIDATE) = {MARKET, "validate", "no", false, false, read_validate},
	MARKET_KEY(CDX_CONF_VALIDATE_GROUPS) = {MARKET, "validate-groups", "0", false, false, read_validate_groups},
	MARKET_KEY(CDX_CONF_VALIDATE_GROUP) = {MARKET, "validate-group", "0", false, false, read_validate_group},
	MARKET_KEY(CDX_CONF_VALIDATE_SLOTS) = {MARKET, "validate-slots", "1000", false, false, read_validate_slots},
};
/* clang-format on */

/* ---- what it means together ---- */

bool cdx_conf_wants_market(const struct cdx_conf_market *m)
{
	return m->buys || m->provides || m->validates;
}

/* The key that wants a part in the market */
static enum cdx_conf_key wants(const struct cdx_conf_market *m)
{
	return m->buys	     ? CDX_CONF_MARKET
	       : m->provides ? CDX_CONF_PROVIDE
			     : CDX_CONF_VALIDATE;
}

static bool said(const struct cdx_conf *c, enum cdx_conf_key key)
{
	return c->value[key].text != NULL;
}

/* What every part of the market needs of other sections */
static int check_others(const struct cdx_conf *c,
			const struct cdx_conf_market *m,
			char why[CDX_CONF_WHY_MAX])
{
	const char *listen = c->value[CDX_CONF_LISTEN].text;

	if (!said(c, CDX_CONF_RPC))
		return cdx_conf_clash(c, wants(m),
				      "the market is on a chain; set rpc in "
				      "section [chain] (--rpc URL)",
				      why);
	if (!said(c, CDX_CONF_MARKETPLACE))
		return cdx_conf_clash(c, wants(m),
				      "which market? Set marketplace in "
				      "section [chain] (--marketplace ADDRESS)",
				      why);
	if ((m->buys || m->provides) && listen != NULL &&
	    strcmp(listen, "none") == 0)
		return cdx_conf_clash(c, CDX_CONF_LISTEN,
				      "listen is none, but who buys or sells "
				      "must be reached; give it an address and "
				      "port, or leave it out",
				      why);
	return 0;
}

static int check_buying(const struct cdx_conf *c,
			const struct cdx_conf_market *m,
			char why[CDX_CONF_WHY_MAX])
{
	const struct cdx_purchase_policy *p = &m->policy;

	if (m->buys && !said(c, CDX_CONF_BUDGET))
		return cdx_conf_clash(c, CDX_CONF_MARKET,
				      "buying needs a budget; set budget to "
				      "the tokens that may be spent in 30 days "
				      "(--budget TOKENS), or to none",
				      why);
	if (cdx_u256_cmp(&p->max_price, &p->terms.price) < 0)
		return cdx_conf_clash(c, CDX_CONF_BUY_MAX_PRICE,
				      "buy-max-price is below buy-price, with "
				      "which the first try is made",
				      why);
	if (p->terms.expiry >= p->terms.duration)
		return cdx_conf_clash(c,
				      said(c, CDX_CONF_BUY_EXPIRY)
					      ? CDX_CONF_BUY_EXPIRY
					      : CDX_CONF_BUY_DURATION,
				      "buy-expiry is not below buy-duration; a "
				      "request expires before it could end",
				      why);
	return 0;
}

static int check_roles(const struct cdx_conf *c,
		       const struct cdx_conf_market *m,
		       char why[CDX_CONF_WHY_MAX])
{
	if (m->provide > 0 && !said(c, CDX_CONF_COLLATERAL))
		return cdx_conf_clash(
			c, CDX_CONF_PROVIDE,
			"who offers storage puts up collateral; "
			"set collateral to the tokens that may be "
			"at risk in all (--collateral TOKENS)",
			why);
	if (m->groups > 0 && m->group >= m->groups)
		return cdx_conf_clash(c,
				      said(c, CDX_CONF_VALIDATE_GROUP)
					      ? CDX_CONF_VALIDATE_GROUP
					      : CDX_CONF_VALIDATE_GROUPS,
				      "validate-group counts from 0 and must "
				      "be below validate-groups",
				      why);
	if (m->groups == 0 && m->group > 0)
		return cdx_conf_clash(
			c, CDX_CONF_VALIDATE_GROUP,
			"a group is named, and validate-groups "
			"does not say how many there are; set it, "
			"or leave validate-group out",
			why);
	return 0;
}

int cdx_conf_market(const struct cdx_conf *c, struct cdx_conf_market *out,
		    char why[CDX_CONF_WHY_MAX])
{
	union cdx_conf_values v;
	struct cdx_conf_market *m = &v.market;
	struct cdx_purchase_policy *p = &m->policy;
	int rc = cdx_conf_values(c, &v, CDX_CONF_MARKET, CDX_CONF_KEYS, why);

	memset(out, 0, sizeof(*out));
	if (rc < 0)
		return rc;
	p->budget_s = BUDGET_S;
	if (!said(c, CDX_CONF_BUY_MAX_PRICE))
		p->max_price = p->terms.price;
	if (p->renew_s > p->terms.duration / 4)
		p->renew_s = p->terms.duration / 4;
	rc = check_buying(c, m, why);
	if (rc == 0)
		rc = check_roles(c, m, why);
	if (rc == 0 && cdx_conf_wants_market(m))
		rc = check_others(c, m, why);
	if (rc == 0)
		*out = *m;
	return rc;
}

/* From 18 digits behind the point to those that the token has */
static int rescale(struct cdx_u256 *v, unsigned decimals, const char *name,
		   char why[CDX_CONF_WHY_MAX])
{
	uint64_t rest = 0;
	int rc = 0;

	for (unsigned d = decimals; d < CDX_CONF_TOKEN_DECIMALS && rest == 0;
	     d++)
		*v = cdx_u256_div_u64(v, 10, &rest);
	for (unsigned d = CDX_CONF_TOKEN_DECIMALS; d < decimals && rc == 0; d++)
		rc = cdx_u256_mul_u64(v, v, 10);
	if (rest == 0 && rc == 0)
		return 0;
	snprintf(why, CDX_CONF_WHY_MAX,
		 "%s has more digits than the token, which has %u behind the "
		 "point; round it",
		 name, decimals);
	return -EINVAL;
}

int cdx_conf_market_scale(struct cdx_conf_market *m, unsigned decimals,
			  char why[CDX_CONF_WHY_MAX])
{
	int rc = rescale(&m->policy.budget, decimals, "budget", why);

	return rc < 0 ? rc
		      : rescale(&m->collateral, decimals, "collateral", why);
}
