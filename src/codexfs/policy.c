/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdio.h>

#include "base/err.h"
#include "codexfs/code_opts.h"
#include "erasure/codec.h"

static const char help[] =
	"Usage: codexfs policy [options] [STORE|MNT]\n\n"
	"Shows how the segments of a volume are protected, or changes it for\n"
	"those opened from now on; what is there keeps its slots.\n\n"
	"  --data K              data slots of a segment\n"
	"  --parity M            parity slots of a segment\n"
	"  --codec NAME          how parity is made\n"
	"  --json                the policy as JSON\n" CLI_COMMON_HELP
	"\nWhat the numbers mean: codexfs init --help.\n";

enum {
	OPT_JSON = CLI_OPT_OWN,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	CLI_CODE_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

struct policy_args {
	struct cli_common common;
	struct cli_code code;
	bool as_json;
};

static int option(struct policy_args *a, int opt)
{
	if (opt != OPT_JSON)
		return cli_code_option(&a->code, opt);
	a->as_json = true;
	return 0;
}

static int ask(struct cdx_client *c, const struct cli_code *code, json_t **out)
{
	char path[192];
	size_t len = 0;

	if (!code->has_k && !code->has_m && !code->has_codec)
		return cdx_client_json(c, out, "GET", "/control/v1/policy");
	len = (size_t)snprintf(path, sizeof(path), "/control/v1/policy?");
	if (code->has_k)
		len += (size_t)snprintf(path + len, sizeof(path) - len,
					"data=%u&", code->k);
	if (code->has_m)
		len += (size_t)snprintf(path + len, sizeof(path) - len,
					"parity=%u&", code->m);
	if (code->has_codec)
		snprintf(path + len, sizeof(path) - len, "codec=%s",
			 cdx_ec_name(code->codec));
	return cdx_client_json(c, out, "POST", path);
}

static int run(struct cdx_client *c, const struct policy_args *a)
{
	const char *codec;
	json_t *j = NULL;
	int status = 0;
	int rc = ask(c, &a->code, &j);

	codec = json_string_value(json_object_get(j, "codec"));
	if (rc < 0)
		status = cli_fail("set the policy", rc, j);
	else if (a->as_json)
		cli_print_json(json_incref(j));
	else
		printf("new segments have %lld data and %lld parity slots, "
		       "made with %s\n",
		       (long long)json_integer_value(json_object_get(j, "ecK")),
		       (long long)json_integer_value(json_object_get(j, "ecM")),
		       codec == NULL ? "an unknown codec" : codec);
	json_decref(j);
	return status;
}

int verb_policy(int argc, char **argv)
{
	struct policy_args a = {0};
	struct cdx_client c;
	int opt;
	int rc;

	cli_common_init(&a.common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
		if (cli_common_option(&a.common, opt, help) == 0 &&
		    option(&a, opt) < 0)
			return CLI_USAGE;
	if (optind + 1 < argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	rc = cli_client(&c, &a.common, argv[optind]);
	if (rc != 0)
		return rc;
	rc = run(&c, &a);
	return cli_client_close(&c, rc);
}
