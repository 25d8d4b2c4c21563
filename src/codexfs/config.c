/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "codexfs/cli.h"
#include "codexfs/conf_opts.h"

static const char help[] =
	"Usage: codexfs config check [options] [STORE|MNT]\n\n"
	"Reads the configuration that node would have, with these options, and\n"
	"shows what is in effect and where it is from; or what is wrong, with\n"
	"file and line, and the exit status 2.\n\n"
	"  --json                print JSON\n" CLI_CONF_HELP
	"\n" CLI_COMMON_HELP;

enum {
	OPT_JSON = CLI_OPT_OWN,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	CLI_CONF_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

/* A file that is named must be one that can be read */
static int check_file(const struct cdx_conf *c, enum cdx_conf_key key,
		      char why[CDX_CONF_WHY_MAX])
{
	const char *path = c->value[key].text;
	struct cdx_conf_shown v;
	int rc;

	if (path == NULL || path[0] != '/' || access(path, R_OK) == 0)
		return 0;
	rc = -errno;
	if (cdx_conf_show(c, key, &v) < 0)
		return -ENOMEM;
	snprintf(why, CDX_CONF_WHY_MAX, "%.300s: cannot read the %s %.400s: %s",
		 v.from, v.name, path, cdx_strerror(rc));
	free(v.text);
	return -EINVAL;
}

/* The token's file is made when it is not there. */
static int check_files(const struct cdx_conf *c, char why[CDX_CONF_WHY_MAX])
{
	static const enum cdx_conf_key files[] = {CDX_CONF_ACCOUNT,
						  CDX_CONF_PASSWORD_FILE,
						  CDX_CONF_TLS_CERT,
						  CDX_CONF_TLS_KEY};
	int rc = 0;

	for (size_t i = 0; i < CDX_ARRAY_LEN(files) && rc == 0; i++)
		rc = check_file(c, files[i], why);
	return rc;
}

static int show(const struct cdx_conf *c, bool as_json)
{
	json_t *values = cdx_api_conf_json(c, NULL);

	if (values == NULL) {
		cli_error("%s", cdx_strerror(-ENOMEM));
		return 1;
	}
	if (as_json) {
		cli_print_json(json_pack("{s:s?, s:o}", "file", c->file,
					 "values", values));
		return 0;
	}
	if (c->file != NULL) {
		printf("# ");
		cli_print_text(c->file);
		putchar('\n');
	} else {
		puts("# there is no configuration file");
	}
	cli_conf_print(values);
	json_decref(values);
	return 0;
}

static int check(struct cli_conf *c, const char *store, bool as_json)
{
	CDX_CLEANUP(cdx_freep) char *mounted = NULL;
	char why[CDX_CONF_WHY_MAX];
	struct cdx_conf_chain chain;
	int rc;

	if (store != NULL)
		mounted = cdx_client_source(store);
	rc = cli_conf_load(c, mounted != NULL ? mounted : store, true, why);
	if (rc == 0) {
		/* each value was looked at when it was read */
		rc = cdx_conf_chain(&c->all, &chain);
		if (rc == 0)
			cdx_conf_chain_free(&chain);
	}
	if (rc == 0)
		rc = check_files(&c->all, why);
	if (rc < 0) {
		cli_error("%s", why[0] != '\0' ? why : cdx_strerror(rc));
		return CLI_USAGE;
	}
	return show(&c->all, as_json);
}

int verb_config(int argc, char **argv)
{
	struct cli_common common;
	struct cli_conf conf = {0};
	bool as_json = false;
	int status = 0;
	int opt;
	int left;

	cli_common_init(&common);
	while (status == 0 &&
	       (opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == OPT_JSON)
			as_json = true;
		else if (cli_common_option(&common, opt, help) == 0 &&
			 cli_conf_option(&conf, opt) < 0)
			status = CLI_USAGE;
	}
	left = argc - optind;
	if (status == 0 &&
	    (left < 1 || left > 2 || strcmp(argv[optind], "check") != 0)) {
		fputs(help, stderr);
		status = CLI_USAGE;
	}
	if (status == 0)
		status = check(&conf,
			       left == 2 ? argv[optind + 1] : common.store,
			       as_json);
	cli_conf_free(&conf);
	return status;
}
