/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codexfs/market_util.h"
#include "codexfs/status_market.h"

static const char help[] =
	"Usage: codexfs market info [options]\n\n"
	"Shows a process's part in the market: what it buys, sells and watches, what\n"
	"it has earned and risks, how far from its deadlines its proofs are; the\n"
	"contract, and what our accounts have.\n\n"
	"  --json                print JSON\n" CLI_COMMON_HELP;

enum {
	OPT_JSON = CLI_OPT_OWN,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

#define COLUMN "%-18s"

/* ---- for people ---- */

static void print_accounts(const json_t *j, const json_t *token)
{
	char ether[CHAIN_AMOUNT_MAX];
	char tokens[MARKET_AMOUNT_MAX];
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(j, "accounts"), i, one)
	{
		printf(COLUMN "%s", chain_text(one, "role"),
		       chain_text(one, "address"));
		if (json_is_string(json_object_get(one, "tokens"))) {
			chain_amount(ether, one, "wei", CHAIN_WEI_DECIMALS);
			market_amount(tokens, one, "tokens", token);
			fputs(": ", stdout);
			cli_print_text(tokens);
			printf(", %s ether", ether);
		}
		putchar('\n');
	}
}

static void print_share(const json_t *share)
{
	char limit[32];
	char used[32];
	char offered[32];
	char left[32];

	if (!json_is_object(share))
		return;
	cli_bytes(limit, (uint64_t)market_number(share, "limit"));
	cli_bytes(used, (uint64_t)market_number(share, "used"));
	cli_bytes(offered, (uint64_t)market_number(share, "reserved"));
	cli_bytes(left, (uint64_t)market_number(share, "free"));
	printf(COLUMN "%s: %s hosted, %s offered, %s free\n", "room", limit,
	       used, offered, left);
}

static void print(const json_t *j)
{
	const json_t *m = json_object_get(j, "market");
	const json_t *contract = json_object_get(j, "marketplace");
	const json_t *c = json_object_get(contract, "configuration");

	if (json_is_object(m))
		status_market_print(m);
	else
		puts("this process has no part in the market");
	print_share(json_object_get(j, "share"));
	if (json_is_object(contract))
		printf(COLUMN "%s, a proof period of %lld s, %lld %% of the "
			      "collateral for a miss\n",
		       "marketplace", chain_text(contract, "address"),
		       market_number(c, "period"), market_number(c, "slash"));
	print_accounts(j, json_object_get(j, "token"));
}

/* ---- the verb ---- */

static int info(struct cli_common *common, bool as_json)
{
	struct cdx_client c;
	json_t *j = NULL;
	int status = cli_client(&c, common, NULL);
	int rc;

	if (status != 0)
		return status;
	rc = cdx_client_json(&c, &j, "GET", "/control/v1/market/info");
	if (as_json && j != NULL)
		cli_print_json(json_incref(j));
	else if (j != NULL)
		print(j);
	if (rc < 0)
		status = cli_fail("tell all of the market", rc, j);
	json_decref(j);
	return cli_client_close(&c, status);
}

int verb_market(int argc, char **argv)
{
	struct cli_common common;
	bool as_json = false;
	int opt;

	cli_common_init(&common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == OPT_JSON)
			as_json = true;
		else
			(void)cli_common_option(&common, opt, help);
	}
	if (optind + 1 != argc || strcmp(argv[optind], "info") != 0) {
		if (optind < argc && strcmp(argv[optind], "info") != 0)
			cli_error("unknown market verb: %s (try --help)",
				  argv[optind]);
		else
			fputs(help, stderr);
		return CLI_USAGE;
	}
	return info(&common, as_json);
}
