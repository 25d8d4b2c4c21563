/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "codexfs/cli.h"

static const char help[] =
	"Usage: codexfs sync [options] MNT\n\n"
	"Returns when everything that was written before is\n\n"
	"  committed   on this disk (the default);\n"
	"  sealed      in sealed segments too: small records are packed first;\n"
	"  protected   and these have their parity and slots;\n"
	"  stored      and others keep them, who were paid for it (--market of\n"
	"              the mount): bought at once, however little it is.\n"
	"\n"
	"The namespace (names, attributes, tiny files) is on this disk only, in\n"
	"each case; codexfs says so.\n\n"
	"  --until=STATE         committed, sealed, protected or stored\n"
	"  --json                the result as JSON\n" CLI_COMMON_HELP;

enum {
	OPT_UNTIL = CLI_OPT_OWN,
	OPT_JSON,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"until", required_argument, NULL, OPT_UNTIL},
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

/* What a state says of what was written before */
static const struct {
	const char *name;
	const char *is;
} states[] = {
	{"committed", "on this disk"},
	{"sealed", "in sealed segments"},
	{"protected", "in segments with parity and slots"},
	{"stored", "kept by others, who are paid for it"},
};

static const char *meaning(const char *state)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(states); i++)
		if (strcmp(state, states[i].name) == 0)
			return states[i].is;
	return NULL;
}

/* What is stored is counted in segments */
static void on_progress(void *arg, json_t *line)
{
	const char *phase = json_string_value(json_object_get(line, "phase"));

	if (phase == NULL || strcmp(phase, "stored") != 0) {
		cli_on_progress(arg, line);
		return;
	}
	cli_progress(
		"segments stored",
		(uint64_t)json_integer_value(json_object_get(line, "done")),
		(uint64_t)json_integer_value(json_object_get(line, "total")),
		false);
}

static int run(struct cdx_client *c, const char *until, bool as_json)
{
	char path[64];
	json_t *j = NULL;
	int rc;

	snprintf(path, sizeof(path), "/control/v1/sync?until=%s", until);
	rc = cdx_client_lines(c, &j, "POST", path, on_progress, NULL);
	cli_progress_end();
	if (rc == -ECONNRESET && c->socket != NULL) {
		cli_error("the process that has %s ended; mount it again; what "
			  "was not synced before may be lost",
			  c->store);
		rc = cdx_err_exit(rc);
	} else if (rc < 0)
		rc = cli_fail("sync", rc, j);
	else if (as_json)
		cli_print_json(json_incref(j));
	else
		printf("%s: everything written before is %s; names, "
		       "attributes and tiny files (the namespace) are on this "
		       "disk only\n",
		       until, meaning(until));
	json_decref(j);
	return rc;
}

int verb_sync(int argc, char **argv)
{
	struct cli_common common;
	struct cdx_client c;
	const char *until = "committed";
	bool as_json = false;
	int opt;
	int rc;

	cli_common_init(&common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == OPT_UNTIL)
			until = optarg;
		else if (opt == OPT_JSON)
			as_json = true;
		else
			(void)cli_common_option(&common, opt, help);
	}
	if (meaning(until) == NULL) {
		cli_error(
			"--until is committed, sealed, protected or stored, not %s",
			until);
		return CLI_USAGE;
	}
	if (optind + 1 < argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	rc = cli_client(&c, &common, argv[optind]);
	if (rc != 0)
		return rc;
	/* what a dead process had not written yet is lost: do not say that
	 * everything is on the disk */
	if (c.mountpoint != NULL && c.socket == NULL) {
		cli_error("%s is a dead mount; what was not synced before is "
			  "lost; mount %s again",
			  c.mountpoint, c.store);
		return cli_client_close(&c, 1);
	}
	rc = run(&c, until, as_json);
	return cli_client_close(&c, rc);
}
