/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>

#include "codexfs/cli.h"

static const char help[] =
	"Usage: codexfs peers [options] [STORE|MNT]\n\n"
	"Lists the peers that a node or mount knows, the fastest first.\n\n"
	"  --json                print JSON\n" CLI_COMMON_HELP;

static uint64_t number(const json_t *j, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(j, name));
}

static void print_peer(const json_t *p)
{
	const char *id = json_string_value(json_object_get(p, "id"));
	char bytes[32];
	char rate[32];

	cli_bytes(bytes, number(p, "bytes"));
	cli_bytes(rate, number(p, "bytesPerSecond"));
	printf("%-55s  ", id == NULL ? "not met yet" : id);
	cli_print_text(json_string_value(json_object_get(p, "address")));
	printf("  %s, %s/s, %llu failures", bytes, rate,
	       (unsigned long long)number(p, "failures"));
	if (number(p, "lies") > 0)
		printf(", %llu lies", (unsigned long long)number(p, "lies"));
	if (number(p, "outSeconds") > 0)
		printf(", rests for %llu s",
		       (unsigned long long)number(p, "outSeconds"));
	if (json_is_true(json_object_get(p, "kept")))
		fputs(", kept", stdout);
	putchar('\n');
}

static void print(const json_t *answer, const struct cdx_client *c CDX_UNUSED)
{
	const json_t *list = json_object_get(answer, "peers");
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++)
		print_peer(json_array_get(list, i));
	if (n == 0)
		puts("no peer is known yet");
}

int verb_peers(int argc, char **argv)
{
	static const struct cli_show show = {
		.help = help,
		.path = "/control/v1/peers",
		.what = "list the peers",
		.print = print,
	};

	return cli_show(argc, argv, &show);
}
