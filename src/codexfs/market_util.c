/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/market_util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/when.h"

long long market_number(const json_t *j, const char *name)
{
	return (long long)json_integer_value(json_object_get(j, name));
}

void market_units(char out[MARKET_AMOUNT_MAX], const struct cdx_u256 *v,
		  const json_t *token)
{
	char amount[CHAIN_AMOUNT_MAX];
	const char *symbol = "units";
	unsigned decimals = 0;

	if (json_is_object(token)) {
		/* printable when the process got it */
		symbol = chain_text(token, "symbol");
		if (symbol[0] == '\0')
			symbol = "tokens";
		decimals = (unsigned)market_number(token, "decimals");
	}
	cdx_u256_units(amount, v, decimals);
	snprintf(out, MARKET_AMOUNT_MAX, "%s %.60s", amount, symbol);
}

void market_amount(char out[MARKET_AMOUNT_MAX], const json_t *j,
		   const char *name, const json_t *token)
{
	struct cdx_u256 v;

	if (cdx_u256_parse(&v, chain_text(j, name)) < 0)
		snprintf(out, MARKET_AMOUNT_MAX, "?");
	else
		market_units(out, &v, token);
}

void market_time(char out[32], long long seconds, const char *none)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds <= 0 || gmtime_r(&t, &tm) == NULL ||
	    strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(out, 32, "%s", none);
}

void market_span(char out[32], unsigned long long seconds)
{
	static const struct {
		unsigned s;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t len = 0;
	unsigned shown = 0;

	snprintf(out, 32, "0s");
	for (size_t i = 0; i < CDX_ARRAY_LEN(units) && shown < 2; i++) {
		unsigned long long n = seconds / units[i].s;

		if (n == 0)
			continue;
		len += (size_t)snprintf(out + len, 32 - len, "%s%llu%c",
					len == 0 ? "" : " ", n, units[i].unit);
		seconds %= units[i].s;
		shown++;
	}
}

int market_decimals(struct cdx_client *c, unsigned *out)
{
	json_t *j = NULL;
	int rc = cdx_client_json(c, &j, "GET", "/control/v1/market/token");
	const char *why = chain_text(j, "error");

	if (rc == 0)
		*out = (unsigned)market_number(j, "decimals");
	else
		cli_error("how many decimals has the token?  %s.  With --units "
			  "raw amounts are in its smallest units",
			  why[0] != '\0' ? why : cdx_strerror(rc));
	json_decref(j);
	return cdx_err_exit(rc);
}

int market_price_option(const char **out, const char *name, const char *text)
{
	struct cdx_u256 v;

	if (cdx_u256_parse(&v, text) < 0 || cdx_u256_is_zero(&v)) {
		cli_error("--%s takes a whole number above 0, of the token's "
			  "smallest units, not %s",
			  name, text);
		return -EINVAL;
	}
	/* zeros in front would make it longer than any buffer */
	*out = text + strspn(text, "0");
	return 0;
}

int market_span_option(uint64_t *out, const char *name, const char *text)
{
	if (cdx_span_parse(out, text) < 0 || *out == 0) {
		cli_error("--%s takes a time above 0 like 90, 15m, 12h or 30d, "
			  "at most ten years, not %s",
			  name, text);
		return -EINVAL;
	}
	return 0;
}
