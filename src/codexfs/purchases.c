/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>

#include "codexfs/market_util.h"

static const char help[] =
	"Usage: codexfs purchases [options] [STORE|MNT]\n\n"
	"Lists the storage that a process has bought, or is buying: requests for\n"
	"segments of its volume, and those that were asked for.\n\n"
	"  --json                print JSON\n" CLI_COMMON_HELP;

/* What all slots cost when the request runs to its end */
static void print_cost(const json_t *ask, const json_t *token)
{
	struct cdx_ask a = {
		.slots = (uint64_t)market_number(ask, "slots"),
		.slot_size = (uint64_t)market_number(ask, "slotSize"),
		.duration = (uint64_t)market_number(ask, "duration"),
	};
	char amount[MARKET_AMOUNT_MAX];
	struct cdx_u256 v;

	if (cdx_u256_parse(&a.price, chain_text(ask, "pricePerBytePerSecond")) <
		    0 ||
	    cdx_ask_max_price(&v, &a) < 0)
		return;
	market_units(amount, &v, token);
	printf("  %-16s%s at most\n", "cost", amount);
}

static void print_hosts(const json_t *p, const json_t *ask)
{
	const json_t *nines = json_object_get(p, "ninesInAYear");

	printf("  %-16s%lld of %lld filled, %lld may be lost, by %lld hosts",
	       "slots", market_number(p, "filled"), market_number(ask, "slots"),
	       market_number(ask, "maxSlotLoss"), market_number(p, "hosts"));
	if (json_is_true(json_object_get(p, "proven")))
		fputs(", proven", stdout);
	putchar('\n');
	if (json_is_real(nines))
		printf("  %-16s%.1f nines a year, %.1f until its end\n",
		       "durability", json_real_value(nines),
		       json_number_value(json_object_get(p, "ninesUntilEnd")));
}

static void print_one(const json_t *p, const json_t *token)
{
	const json_t *request = json_object_get(p, "request");
	const json_t *ask = json_object_get(request, "ask");
	const char *error = chain_text(p, "error");
	char until[32];

	printf("%s  %s%s\n", chain_text(p, "requestId"), chain_text(p, "state"),
	       json_is_true(json_object_get(p, "renewed")) ? ", renewed" : "");
	if (json_is_object(request)) {
		printf("  %-16s%s\n", "dataset",
		       chain_text(json_object_get(request, "content"), "cid"));
		print_hosts(p, ask);
		print_cost(ask, token);
	}
	if (json_is_integer(json_object_get(p, "segment")))
		printf("  %-16s%lld, generation %lld\n", "segment",
		       market_number(p, "segment"),
		       market_number(p, "generation"));
	market_time(until, market_number(p, "end"), "not known yet");
	printf("  %-16s%s\n", "end", until);
	if (error[0] != '\0') {
		printf("  %-16s", "error");
		cli_print_text(error);
		putchar('\n');
	}
}

static void print(const json_t *answer, const struct cdx_client *c CDX_UNUSED)
{
	const json_t *list = json_object_get(answer, "purchases");
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		print_one(one, json_object_get(answer, "token"));
	if (json_array_size(list) == 0)
		puts("nothing was bought");
}

int verb_purchases(int argc, char **argv)
{
	static const struct cli_show show = {
		.help = help,
		.path = "/control/v1/market/purchases",
		.what = "list the purchases",
		.print = print,
	};

	return cli_show(argc, argv, &show);
}
