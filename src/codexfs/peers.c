/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "codexfs/cli.h"

static const char help[] =
	"Usage: codexfs peers [options] [STORE|MNT]\n\n"
	"Lists the peers that a node or mount knows, the fastest first.\n\n"
	"  --json                print JSON\n" CLI_COMMON_HELP;

enum {
	OPT_JSON = CLI_OPT_OWN,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

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

static void print(const json_t *list)
{
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++)
		print_peer(json_array_get(list, i));
	if (n == 0)
		puts("no peer is known yet");
}

int verb_peers(int argc, char **argv)
{
	struct cli_common common;
	struct cdx_client c;
	bool as_json = false;
	json_t *j = NULL;
	int opt;
	int rc;

	cli_common_init(&common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == OPT_JSON)
			as_json = true;
		else
			(void)cli_common_option(&common, opt, help);
	}
	if (optind + 1 < argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	rc = cli_client(&c, &common, argv[optind]);
	if (rc != 0)
		return rc;
	rc = cdx_client_json(&c, &j, "GET", "/control/v1/peers");
	if (rc < 0)
		rc = cli_fail("list the peers", rc, j);
	else if (as_json)
		cli_print_json(json_incref(j));
	else
		print(json_object_get(j, "peers"));
	json_decref(j);
	return cli_client_close(&c, rc);
}
