/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "codexfs/market_util.h"

static const char help[] =
	"Usage: codexfs sales [options] [STORE|MNT]\n\n"
	"Lists the slots that a process sells storage for, from the first look at\n"
	"one to its payout, and in which state each is.\n\n"
	"  --json                print JSON\n" CLI_COMMON_HELP;

static void print_one(const json_t *s)
{
	const json_t *ask =
		json_object_get(json_object_get(s, "request"), "ask");
	const char *error = chain_text(s, "error");
	char size[32];
	char end[32];

	printf("%s  %s\n", chain_text(s, "id"), chain_text(s, "state"));
	printf("  %-16s%s, slot %lld\n", "request", chain_text(s, "requestId"),
	       market_number(s, "slotIndex"));
	if (json_is_object(ask)) {
		cli_bytes(size, (uint64_t)market_number(ask, "slotSize"));
		printf("  %-16s%s, %s units a byte and second\n", "size", size,
		       chain_text(ask, "pricePerBytePerSecond"));
	}
	if (strcmp(chain_text(s, "state"), "SaleDownloading") == 0)
		printf("  %-16s%lld of %lld blocks\n", "downloaded",
		       market_number(s, "blocksDone"),
		       market_number(s, "blocks"));
	if (market_number(s, "lastPeriodProven") > 0)
		printf("  %-16speriod %lld\n", "last proven",
		       market_number(s, "lastPeriodProven"));
	market_time(end, market_number(s, "end"), "not known yet");
	printf("  %-16s%s\n", "end", end);
	if (error[0] != '\0') {
		printf("  %-16s", "trouble");
		cli_print_text(error);
		putchar('\n');
	}
}

static void print(const json_t *answer, const struct cdx_client *c CDX_UNUSED)
{
	const json_t *list = json_object_get(answer, "sales");
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one) print_one(one);
	if (json_array_size(list) == 0)
		puts("nothing is being sold");
}

int verb_sales(int argc, char **argv)
{
	static const struct cli_show show = {
		.help = help,
		.path = "/control/v1/market/sales",
		.what = "list the sales",
		.print = print,
	};

	return cli_show(argc, argv, &show);
}
