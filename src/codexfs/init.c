/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "base/size.h"
#include "codexfs/code_opts.h"
#include "codexfs/keyfile.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "erasure/codec.h"

static const char help[] =
	"Usage: codexfs init [options] STORE\n\n"
	"Makes a store in a new or empty directory, with a key file and a\n"
	"fresh root secret, which is shown once as 24 words: write them down.\n"
	"Whoever has them has the data; without them a lost disk is lost data.\n"
	"\n"
	"  --words-file FILE     take the root secret from 24 words\n"
	"  --volume N            index of this volume under the words (0)\n"
	"  --quota SIZE          most space to use: 20G, 500M ... (20 GiB, or\n"
	"                        80 % of what the disk has free)\n"
	"  --data K              data slots of a segment (10)\n"
	"  --parity M            parity slots of a segment (5)\n"
	"  --codec NAME          how parity is made (isa_l_rs_cauchy)\n"
	"  --password            seal the key file with a password\n" CLI_COMMON_HELP
	"\n"
	"Any K of a segment's K + M slots give it back.  Spread over 15 hosts that\n"
	"live 180 days on average and prove every hour what they hold, with a\n"
	"lost slot replaced within a day, a segment of 10+5 is lost within one\n"
	"year with a probability of 2.8e-5 (kept with 99.997 %); hosts that fail\n"
	"together make that worse.  On this disk alone the slots guard against\n"
	"damaged bytes, not against the loss of the disk.  codexfs policy changes\n"
	"the numbers for later segments.\n";

enum {
	OPT_WORDS = CLI_OPT_OWN,
	OPT_VOLUME,
	OPT_QUOTA,
	OPT_PASSWORD,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	CLI_CODE_OPTIONS,
	{"words-file", required_argument, NULL, OPT_WORDS},
	{"volume", required_argument, NULL, OPT_VOLUME},
	{"quota", required_argument, NULL, OPT_QUOTA},
	{"password", no_argument, NULL, OPT_PASSWORD},
	{0},
};

struct init_args {
	struct cli_common common;
	const char *words_file;
	bool password;
	uint64_t quota; /* 0: default */
	struct cli_code code;
	struct cdx_store_config config;
	struct cdx_keyfile keys;
};

#define QUOTA_DEFAULT (UINT64_C(20) << 30)
#define QUOTA_MIN (UINT64_C(128) << 20)

static int option(struct init_args *a, int opt)
{
	uint64_t v;

	switch (opt) {
	case OPT_WORDS:
		a->words_file = optarg;
		return 0;
	case OPT_VOLUME:
		if (cli_number(&v, optarg, 0, 0x3fffffff) < 0) {
			cli_error("--volume takes a number from 0 to "
				  "1073741823, not %s",
				  optarg);
			return -EINVAL;
		}
		a->keys.volume = (uint32_t)v;
		return 0;
	case OPT_QUOTA:
		if (cdx_size_parse(&a->quota, optarg) < 0 ||
		    a->quota < QUOTA_MIN) {
			cli_error("--quota takes a size of at least 128M, not "
				  "%s",
				  optarg);
			return -EINVAL;
		}
		return 0;
	case OPT_PASSWORD:
		a->password = true;
		return 0;
	default:
		return cli_code_option(&a->code, opt);
	}
}

/* Free bytes where the store will be: of its nearest existing parent */
static uint64_t disk_free(const char *path)
{
	char *dir = strdup(path);
	struct statvfs st;
	uint64_t bytes = 0;

	while (dir != NULL) {
		char *slash;

		if (statvfs(dir[0] == '\0' ? "/" : dir, &st) == 0) {
			bytes = (uint64_t)st.f_bavail * st.f_frsize;
			break;
		}
		slash = strrchr(dir, '/');
		if (slash == NULL) {
			if (statvfs(".", &st) == 0)
				bytes = (uint64_t)st.f_bavail * st.f_frsize;
			break;
		}
		*slash = '\0';
	}
	free(dir);
	return bytes;
}

static int choose_quota(struct init_args *a, const char *path)
{
	uint64_t room = disk_free(path);

	if (a->quota == 0) {
		a->quota = room / 10 * 8;
		if (a->quota > QUOTA_DEFAULT)
			a->quota = QUOTA_DEFAULT;
	}
	if (a->quota < QUOTA_MIN || room < QUOTA_MIN) {
		cli_error("%s has too little free space for a store (128 MiB "
			  "at least)",
			  path);
		return -ENOSPC;
	}
	if (a->quota > room)
		cli_error("note: the quota is larger than the free space of "
			  "the disk now");
	a->config.share[CDX_SHARE_VOLUME] = a->quota;
	return 0;
}

/* Refuses a code that does not work or cannot be had here. */
static int choose_code(struct init_args *a)
{
	char why[CDX_EC_WHY_MAX] = "";
	int rc = cdx_ec_check(a->code.codec, a->code.k, a->code.m,
			      CDX_BLOCK_SIZE, why);

	if (rc < 0) {
		cli_error("segments cannot be protected so: %s",
			  why[0] != '\0' ? why : cdx_strerror(rc));
		return rc;
	}
	a->config.k = a->code.k;
	a->config.m = a->code.m;
	a->config.codec = a->code.codec;
	return 0;
}

static int make(struct init_args *a, const char *path)
{
	char error[CDX_NODE_ERROR_MAX];
	struct cdx_node node;
	struct cdx_node_opts o = {
		.path = path,
		.keys = &a->keys,
		.log = &a->common.log,
		.no_background = true,
	};
	int rc = cdx_store_init(path, &a->config);

	if (rc == -EEXIST)
		cli_error("%s is a store already", path);
	else if (rc == -ENOTEMPTY)
		cli_error("%s is not empty; give a new or empty directory",
			  path);
	else if (rc < 0)
		cli_error("cannot make a store in %s: %s", path,
			  cdx_strerror(rc));
	if (rc < 0)
		return rc;
	rc = keyfile_write(path, a->common.node.key_file, &a->keys, a->password,
			   a->common.node.password_file, false);
	if (rc < 0)
		return rc;
	/* the first open makes the root directory and proves that it works */
	rc = cdx_node_open(&node, &o, error);
	if (rc < 0) {
		cli_error("%s", error);
		return rc;
	}
	return cdx_node_close(&node);
}

static void show_words(const struct init_args *a)
{
	char words[CDX_WORDS_TEXT_MAX];

	cdx_words_encode(words, &a->keys.root);
	printf("These 24 words are the only way back to your data if this "
	       "machine is lost.\nWrite them down now; they are not shown "
	       "again:\n\n%s\n\n",
	       words);
	cdx_wipe(words, sizeof(words));
}

static int run(struct init_args *a, const char *path)
{
	char size[32];
	int rc = choose_code(a);

	if (rc == 0)
		rc = choose_quota(a, path);
	if (rc < 0)
		return cdx_err_exit(rc);
	if (a->words_file != NULL) {
		rc = keyfile_words(&a->keys.root, a->words_file);
		if (rc < 0)
			return cdx_err_exit(rc);
	} else {
		cdx_root_random(&a->keys.root);
	}
	rc = make(a, path);
	if (rc < 0)
		return cdx_err_exit(rc);
	if (a->words_file == NULL)
		show_words(a);
	cli_bytes(size, a->quota);
	printf("Store %s is ready: quota %s, segments of %u+%u.\n"
	       "Mount it with: codexfs mount %s /mnt/codex\n",
	       path, size, a->config.k, a->config.m, path);
	return 0;
}

int verb_init(int argc, char **argv)
{
	struct init_args a = {
		.code = {.k = 10, .m = 5, .codec = CDX_EC_ISA_L_CAUCHY},
	};
	const char *path;
	int opt;
	int status;

	cli_common_init(&a.common);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1)
		if (cli_common_option(&a.common, opt, help) == 0 &&
		    option(&a, opt) < 0)
			return CLI_USAGE;
	path = optind < argc ? argv[optind] : a.common.store;
	if (path == NULL || optind + 1 < argc) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	status = run(&a, path);
	cdx_wipe(&a.keys, sizeof(a.keys));
	return status;
}
