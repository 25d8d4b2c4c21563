/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "codexfs/cli.h"

/* Exit codes of fsck(8) */
#define FSCK_CLEAN 0
#define FSCK_ERRORS_LEFT 4
#define FSCK_OPERATIONAL 8
#define FSCK_USAGE 16

static const char help[] =
	"Usage: codexfs fsck [options] STORE\n\n"
	"Checks every invariant between the databases, the data files and the\n"
	"log, and the hash of every block.  Never needed before a mount.  The\n"
	"store must not be in use.\n\n"
	"  --json                findings and figures as JSON\n" CLI_COMMON_HELP
	"\nExit status: 0 clean, 4 errors found, 8 could not check, 16 usage.\n";

enum {
	OPT_JSON = CLI_OPT_OWN,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"json", no_argument, NULL, OPT_JSON},
	{0},
};

struct run {
	bool as_json;
	json_t *findings;
	uint64_t last_ns;
};

static void on_finding(void *arg, const char *what, const char *detail)
{
	struct run *r = arg;

	cli_progress_end();
	if (r->as_json)
		json_array_append_new(r->findings,
				      json_pack("{s:s, s:s}", "what", what,
						"detail", detail));
	else
		printf("%s: %s\n", what, detail);
}

static void on_progress(void *arg, const char *phase, uint64_t done,
			uint64_t total)
{
	struct run *r = arg;
	uint64_t now = cdx_clock_mono_ns();

	if (now - r->last_ns < 200000000)
		return;
	r->last_ns = now;
	cli_progress(phase, done, total, false);
}

static void report(const struct run *r, const struct cdx_fsck *f)
{
	char bytes[32];
	char orphaned[32];

	if (r->as_json) {
		cli_print_json(json_pack(
			"{s:O, s:I, s:I, s:I, s:I}", "findings", r->findings,
			"errors", (json_int_t)f->errors, "blocksChecked",
			(json_int_t)f->blocks_checked, "bytesChecked",
			(json_int_t)f->bytes_checked, "orphanedBytes",
			(json_int_t)f->orphaned_bytes));
		return;
	}
	cli_bytes(bytes, f->bytes_checked);
	cli_bytes(orphaned, f->orphaned_bytes);
	printf("%s: %llu blocks, %s checked, %llu errors, %s orphaned\n",
	       f->errors == 0 ? "clean" : "ERRORS",
	       (unsigned long long)f->blocks_checked, bytes,
	       (unsigned long long)f->errors, orphaned);
}

/* What a check is there to find, rather than what keeps it from looking */
static bool is_damage(int rc)
{
	return rc == CDX_E_CORRUPT || rc == CDX_E_HASH || rc == CDX_E_FORMAT;
}

static int check(struct run *r, struct cdx_node *n)
{
	struct cdx_fsck f = {
		.report = on_finding,
		.progress = on_progress,
		.arg = r,
	};
	int rc = cdx_store_fsck(n->store, &f);

	if (rc == 0)
		rc = cdx_vol_fsck(n->volume, &f);
	cli_progress_end();
	if (is_damage(rc)) {
		on_finding(r, "store", "too damaged to check the rest");
		f.errors++;
	} else if (rc < 0) {
		cli_error("could not check everything: %s", cdx_strerror(rc));
		return FSCK_OPERATIONAL;
	}
	report(r, &f);
	return f.errors == 0 ? FSCK_CLEAN : FSCK_ERRORS_LEFT;
}

static int run(struct cli_common *c, const char *store, bool as_json)
{
	struct run r = {.as_json = as_json, .findings = json_array()};
	char error[CDX_NODE_ERROR_MAX];
	struct cdx_node node;
	int status;
	int rc;

	c->node.path = store;
	c->node.no_background = true;
	c->node.check_db = true;
	rc = cdx_node_open(&node, &c->node, error);
	if (rc < 0) {
		cli_error("%s", error);
		json_decref(r.findings);
		/* a store that contradicts itself was checked, in a way */
		return is_damage(rc) && rc != CDX_E_FORMAT ? FSCK_ERRORS_LEFT
							   : FSCK_OPERATIONAL;
	}
	status = check(&r, &node);
	rc = cdx_node_close(&node);
	json_decref(r.findings);
	if (rc < 0) {
		cli_error("closing failed: %s", cdx_strerror(rc));
		return FSCK_OPERATIONAL;
	}
	return status;
}

int verb_fsck(int argc, char **argv)
{
	struct cli_common common;
	bool as_json = false;
	const char *store;
	int opt;

	cli_common_init(&common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == OPT_JSON)
			as_json = true;
		else if (opt == '?')
			return FSCK_USAGE;
		else
			(void)cli_common_option(&common, opt, help);
	}
	store = optind < argc ? argv[optind] : common.store;
	if (store == NULL || optind + 1 < argc) {
		fputs(help, stderr);
		return FSCK_USAGE;
	}
	return run(&common, store, as_json);
}
