/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "codexfs/chain.h"

/* What is to be sent, checked and in words */
struct transfer {
	char to[CDX_ADDR_TEXT_MAX];
	char raw[CDX_U256_TEXT_MAX]; /* smallest units */
	char amount[CHAIN_AMOUNT_MAX];
	const char *symbol; /* borrowed from the answer about the token */
};

/* @j: what balance says of our account */
static int read_transfer(struct transfer *t, const struct chain_args *a,
			 const json_t *j)
{
	const json_t *token = json_object_get(j, "token");
	unsigned decimals = (unsigned)json_integer_value(
		json_object_get(token, "decimals"));
	struct cdx_u256 amount;
	struct cdx_addr to;
	int rc;

	if (!json_is_object(token)) {
		cli_error("which token?  No marketplace is configured, whose "
			  "token it would be");
		return 1;
	}
	rc = cdx_addr_parse(&to, a->arg[0]);
	if (rc < 0) {
		cli_error("%s is %s", a->arg[0],
			  rc == CDX_E_HASH
				  ? "mistyped: the capitals in it do not fit "
				    "its checksum (EIP-55)"
				  : "not an address, 0x and 40 hex digits");
		return CLI_USAGE;
	}
	rc = a->raw ? cdx_u256_parse(&amount, a->arg[1])
		    : cdx_u256_parse_units(&amount, a->arg[1], decimals);
	if (rc < 0 || cdx_u256_is_zero(&amount)) {
		cli_error("%s is not an amount of %s: %s", a->arg[1],
			  a->raw ? "smallest units" : "tokens",
			  a->raw ? "a whole number above 0"
				 : "a number above 0, with at most as many "
				   "digits behind the point as the token has "
				   "decimals");
		return CLI_USAGE;
	}
	cdx_addr_text(t->to, &to);
	cdx_u256_dec(t->raw, &amount);
	cdx_u256_units(t->amount, &amount, decimals);
	t->symbol = chain_text(token, "symbol");
	return 0;
}

static void print_sent(const json_t *j, const struct transfer *t)
{
	char cost[CHAIN_AMOUNT_MAX];

	chain_amount(cost, j, "cost", CHAIN_WEI_DECIMALS);
	if (json_is_true(json_object_get(j, "joined")))
		puts("a transfer of the same amount to the same address had "
		     "been sent before and was not\nreported yet: it is this "
		     "one, and no other was sent");
	printf("%-18s%s ", "sent", t->amount);
	cli_print_text(t->symbol);
	printf(" to %s\n", t->to);
	printf("%-18s%s\n", "transaction", chain_text(j, "transaction"));
	printf("%-18s%lld\n", "block",
	       (long long)json_integer_value(json_object_get(j, "block")));
	printf("%-18s%s ether, %lld gas\n", "cost", cost,
	       (long long)json_integer_value(json_object_get(j, "gas")));
}

static int send(struct cdx_client *c, const struct chain_args *a,
		const struct transfer *t)
{
	char path[256];
	json_t *j = NULL;
	int status = 0;
	int rc;

	snprintf(path, sizeof(path),
		 "/control/v1/chain/send-token?to=%s&amount=%s", t->to, t->raw);
	rc = cdx_client_lines(c, &j, "POST", path, chain_on_wait, NULL);
	cli_progress_end();
	if (rc < 0)
		status = cli_fail("send the tokens", rc, j);
	else if (a->as_json)
		cli_print_json(json_incref(j));
	else
		print_sent(j, t);
	json_decref(j);
	return status;
}

static int run(struct cdx_client *c, const struct chain_args *a)
{
	struct transfer t = {.symbol = ""};
	char question[512];
	json_t *j = NULL;
	int rc = cdx_client_json(c, &j, "GET", "/control/v1/chain/balance");
	int status = rc < 0 ? cli_fail("send the tokens", rc, j)
			    : read_transfer(&t, a, j);

	if (status == 0) {
		snprintf(question, sizeof(question),
			 "Send %s %.60s from %.64s to %s?", t.amount, t.symbol,
			 chain_text(j, "address"), t.to);
		status = chain_confirm(a, question) ? send(c, a, &t) : 1;
	}
	json_decref(j);
	return status;
}

int chain_send_token(struct chain_args *a)
{
	struct cdx_client c;
	int status = chain_open(&c, a, false);

	if (status != 0)
		return status;
	status = run(&c, a);
	return cli_client_close(&c, status);
}
