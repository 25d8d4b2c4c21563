/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>

#include "codexfs/market_util.h"

static const char help[] =
	"Usage: codexfs slots [options] [STORE|MNT]\n\n"
	"Lists the slots that the chain says a process hosts: those that it must\n"
	"prove, or lose its collateral.\n\n"
	"  --json                print JSON\n" CLI_COMMON_HELP;

static void print_one(const json_t *s, const json_t *token)
{
	const json_t *request = json_object_get(s, "request");
	const json_t *ask = json_object_get(request, "ask");
	struct cdx_ask a = {
		.slot_size = (uint64_t)market_number(ask, "slotSize"),
	};
	char collateral[MARKET_AMOUNT_MAX] = "?";
	char size[32];
	struct cdx_u256 v;

	cli_bytes(size, a.slot_size);
	if (cdx_u256_parse(&a.collateral,
			   chain_text(ask, "collateralPerByte")) == 0 &&
	    cdx_ask_slot_collateral(&v, &a) == 0)
		market_units(collateral, &v, token);
	printf("%s  %s\n", chain_text(s, "id"), chain_text(s, "state"));
	printf("  %-16s%s, slot %lld\n", "request", chain_text(request, "id"),
	       market_number(s, "slotIndex"));
	printf("  %-16s%s\n", "dataset",
	       chain_text(json_object_get(request, "content"), "cid"));
	printf("  %-16s%s, %s units a byte and second\n", "size", size,
	       chain_text(ask, "pricePerBytePerSecond"));
	printf("  %-16s%s\n", "collateral", collateral);
}

static void print(const json_t *answer, const struct cdx_client *c CDX_UNUSED)
{
	const json_t *list = json_object_get(answer, "slots");
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		print_one(one, json_object_get(answer, "token"));
	if (json_array_size(list) == 0)
		puts("no slot is hosted");
}

int verb_slots(int argc, char **argv)
{
	static const struct cli_show show = {
		.help = help,
		.path = "/control/v1/market/slots",
		.what = "list the slots",
		.print = print,
	};

	return cli_show(argc, argv, &show);
}
