/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>

#include "base/err.h"
#include "codexfs/cli.h"

static const char help[] =
	"Usage: codexfs compact [options] STORE\n\n"
	"Copies live data out of sealed segments that are mostly dead and gives\n"
	"their space back; says what it did to which.\n\n"
	"  --below PERCENT       segments with less live data than this (50)\n"
	"  --json                one JSON object a segment, then the result\n" CLI_COMMON_HELP;

enum {
	OPT_BELOW = CLI_OPT_OWN,
	OPT_JSON,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"below", required_argument, NULL, OPT_BELOW},
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

static void on_line(void *arg, json_t *line)
{
	const bool *as_json = arg;
	json_t *s = json_object_get(line, "segment");
	char live[32];
	char moved[32];

	if (s == NULL)
		return;
	if (*as_json) {
		cli_print_json(json_incref(line));
		return;
	}
	cli_bytes(live, (uint64_t)json_integer_value(
				json_object_get(s, "liveBefore")));
	cli_bytes(moved,
		  (uint64_t)json_integer_value(json_object_get(s, "moved")));
	printf("segment %lld (%s): %s live, %s moved, %s\n",
	       (long long)json_integer_value(json_object_get(s, "id")),
	       json_string_value(json_object_get(s, "manifest")), live, moved,
	       json_is_true(json_object_get(s, "dropped"))
		       ? "dropped"
		       : "kept: something still uses it");
}

static int run(struct cdx_client *c, unsigned below, bool as_json)
{
	char path[64];
	json_t *j = NULL;
	int rc;

	snprintf(path, sizeof(path), "/control/v1/compact?below=%u", below);
	rc = cdx_client_lines(c, &j, "POST", path, on_line, &as_json);
	if (rc < 0)
		rc = cli_fail("compact", rc, j);
	else if (as_json)
		cli_print_json(json_incref(j));
	else
		printf("%lld segments compacted, %lld dropped\n",
		       (long long)json_integer_value(
			       json_object_get(j, "segments")),
		       (long long)json_integer_value(
			       json_object_get(j, "dropped")));
	json_decref(j);
	return rc;
}

int verb_compact(int argc, char **argv)
{
	struct cli_common common;
	struct cdx_client c;
	uint64_t below = 50;
	bool as_json = false;
	int opt;
	int rc;

	cli_common_init(&common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == OPT_JSON) {
			as_json = true;
		} else if (opt != OPT_BELOW) {
			(void)cli_common_option(&common, opt, help);
		} else if (cli_number(&below, optarg, 1, 100) < 0) {
			cli_error("--below takes a percentage, not %s", optarg);
			return CLI_USAGE;
		}
	}
	if (optind + 1 < argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	rc = cli_client(&c, &common, argv[optind]);
	if (rc != 0)
		return rc;
	rc = run(&c, (unsigned)below, as_json);
	return cli_client_close(&c, rc);
}
