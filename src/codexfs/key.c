/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "codexfs/cli.h"
#include "codexfs/keyfile.h"
#include "crypto/hash.h"

static const char help[] =
	"Usage: codexfs key restore [options] STORE\n"
	"       codexfs key password [options] STORE\n"
	"\n"
	"restore makes a store's key file again from its 24 words.  password\n"
	"seals the key file with a new password, or takes the password away.\n"
	"\n"
	"  --words-file FILE     the words (default: standard input)\n"
	"  --volume N            index of the volume under the words (0)\n"
	"  --password            restore: seal the new key file\n"
	"  --new-password-file FILE  password: first line is the new one\n"
	"  --remove              password: leave the key file unsealed\n" CLI_COMMON_HELP;

enum {
	OPT_WORDS = CLI_OPT_OWN,
	OPT_VOLUME,
	OPT_PASSWORD,
	OPT_NEW,
	OPT_REMOVE,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	{"words-file", required_argument, NULL, OPT_WORDS},
	{"volume", required_argument, NULL, OPT_VOLUME},
	{"password", no_argument, NULL, OPT_PASSWORD},
	{"new-password-file", required_argument, NULL, OPT_NEW},
	{"remove", no_argument, NULL, OPT_REMOVE},
	{0},
};

struct key_args {
	struct cli_common common;
	const char *words_file;
	const char *new_file;
	bool password;
	bool remove;
	uint64_t volume;
};

/* Does the store open with these keys?  It is told when it does not. */
static int try_keys(const struct key_args *a, const char *store,
		    const struct cdx_keyfile *keys)
{
	char error[CDX_NODE_ERROR_MAX];
	struct cdx_node node;
	struct cdx_node_opts o = {
		.path = store,
		.keys = keys,
		.log = &a->common.log,
		.no_background = true,
		.readonly = true,
	};
	int rc = cdx_node_open(&node, &o, error);

	if (rc < 0) {
		cli_error("%s",
			  rc == CDX_E_AUTH
				  ? "these words are not this store's (or "
				    "--volume is another)"
				  : error);
		return rc;
	}
	return cdx_node_close(&node);
}

static int restore(const struct key_args *a, const char *store)
{
	struct cdx_keyfile keys = {.volume = (uint32_t)a->volume};
	int rc = keyfile_words(&keys.root,
			       a->words_file == NULL ? "-" : a->words_file);

	if (rc == 0)
		rc = try_keys(a, store, &keys);
	if (rc == 0)
		rc = keyfile_write(store, a->common.node.key_file, &keys,
				   a->password, a->common.node.password_file,
				   true);
	cdx_wipe(&keys, sizeof(keys));
	return cdx_err_exit(rc);
}

static int password(const struct key_args *a, const char *store)
{
	char error[CDX_NODE_ERROR_MAX];
	struct cdx_keyfile keys;
	int rc = cdx_node_keys(&keys, store, a->common.node.key_file,
			       a->common.node.password_file, error);

	if (rc < 0) {
		cli_error("%s", error);
		return cdx_err_exit(rc);
	}
	rc = keyfile_write(store, a->common.node.key_file, &keys, !a->remove,
			   a->new_file, true);
	cdx_wipe(&keys, sizeof(keys));
	return cdx_err_exit(rc);
}

static int option(struct key_args *a, int opt)
{
	switch (opt) {
	case OPT_WORDS:
		a->words_file = optarg;
		return 0;
	case OPT_VOLUME:
		if (cli_number(&a->volume, optarg, 0, 0x3fffffff) == 0)
			return 0;
		cli_error("--volume takes a number, not %s", optarg);
		return -1;
	case OPT_PASSWORD:
		a->password = true;
		return 0;
	case OPT_NEW:
		a->new_file = optarg;
		return 0;
	case OPT_REMOVE:
		a->remove = true;
		return 0;
	default:
		return -1;
	}
}

int verb_key(int argc, char **argv)
{
	struct key_args a = {0};
	const char *store;
	const char *what;
	int opt;

	cli_common_init(&a.common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
		if (cli_common_option(&a.common, opt, help) == 0 &&
		    option(&a, opt) < 0)
			return CLI_USAGE;
	what = optind < argc ? argv[optind] : "";
	store = optind + 1 < argc ? argv[optind + 1] : a.common.store;
	if (store == NULL || optind + 2 < argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	if (strcmp(what, "restore") == 0)
		return restore(&a, store);
	if (strcmp(what, "password") == 0)
		return password(&a, store);
	fputs(help, stderr);
	return CLI_USAGE;
}
